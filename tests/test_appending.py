"""Rows in bulk come to several tables one after the other, on both engines: all of them or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from petitions import warehouse
from petitions.settings import CHECKOUT, Settings
from petitions.warehouse import Warehouse
from tests.engines import EmptyWarehouse

# More blocks than are made ahead.
BLOCKS = 9


def given(size: int = 3, broken: bool = False) -> Iterator[tuple[str, pa.RecordBatchReader]]:
    """Numbers into one table, their words into another, and then more numbers into the first; or an error on the way."""
    blocks = [range(place * size, (place + 1) * size) for place in range(BLOCKS)]
    yield "number", _rows(pa.int64(), [list(block) for block in blocks])
    yield "word", _rows(pa.string(), [[f"第{one}件" for one in block] for block in blocks])
    if broken:
        raise ConnectionAbortedError("the file went away")
    yield "number", _rows(pa.int64(), [[-1], [None]])


def _rows(kind: pa.DataType, blocks: list[list[object]]) -> pa.RecordBatchReader:
    schema = pa.schema([("told", kind)])
    return pa.RecordBatchReader.from_batches(schema, (pa.record_batch([pa.array(block, kind)], schema) for block in blocks))


@pytest.fixture
def held(tmp_path: Path, empty_warehouse: EmptyWarehouse) -> Iterator[Warehouse]:
    with empty_warehouse("appending"), warehouse.writer(Settings(tmp_path / "home", CHECKOUT / "config")) as found:
        found.execute("create temp table number (told bigint)")
        found.execute("create temp table word (told text)")
        yield found


def test_every_table_gets_its_rows(held: Warehouse) -> None:
    held.append(given())
    numbers = [row["told"] for row in held.rows("select told from number order by told nulls last")]
    assert numbers == [-1, *range(3 * BLOCKS), None]
    assert held.value("select count(distinct told) from word where told like '第%件'") == 3 * BLOCKS


def test_no_rows_are_rows_too(held: Warehouse) -> None:
    held.append(given(size=0))
    assert held.value("select count(*) from number") == 2
    assert held.value("select count(*) from word") == 0


def test_what_cannot_be_made_leaves_nothing_and_the_session_goes_on(held: Warehouse) -> None:
    with pytest.raises(ConnectionAbortedError), held.transaction():
        held.append(given(broken=True))
    assert held.value("select count(*) from number") == 0
    assert held.value("select count(*) from word") == 0
    held.append(given())
    assert held.value("select count(*) from word") == 3 * BLOCKS


def test_what_the_engine_refuses_leaves_nothing(held: Warehouse) -> None:
    held.execute("drop table word")
    held.execute("create temp table word (told date)")
    with pytest.raises(Exception, match=r"(?i)date|binary"), held.transaction():
        held.append(given())
    assert held.value("select count(*) from number") == 0
