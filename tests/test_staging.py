"""What is staged into an engine is there as it was given, from a table, a file or a folder of parts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from petitions import warehouse
from petitions.settings import CHECKOUT, Settings
from tests.engines import EmptyWarehouse

GIVEN = pa.table(
    {
        "number": pa.array([1, 2, None], pa.int64()),
        "small": pa.array([-5, None, 7], pa.int32()),
        "told": pa.array(['"引号"，,\t\n\\N 换行', "", None]),
        "yes": pa.array([True, False, None]),
        "day": pa.array([date(2023, 1, 2), date(1899, 12, 30), None], pa.date32()),
        "at": pa.array([datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(1905, 6, 7, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
    }
)


@pytest.mark.parametrize("form", ["table", "file", "folder"])
def test_what_is_staged_is_there_as_it_was_given(form: str, tmp_path: Path, empty_warehouse: EmptyWarehouse) -> None:
    content: pa.Table | Path = GIVEN
    if form != "table":
        content = tmp_path / "given.parquet"
    if form == "file":
        pq.write_table(GIVEN, content)
    if form == "folder":
        content.mkdir()
        for number in range(3):
            pq.write_table(GIVEN.slice(number, 1), content / f"{number}.parquet")
    with empty_warehouse("staging"), warehouse.writer(Settings(tmp_path / "home", CHECKOUT / "config")) as held:
        for _ in range(2):  # in place of what was staged before
            held.stage("stage_given", content)
            assert held.rows("select * from stage_given order by number nulls last") == GIVEN.to_pylist()
