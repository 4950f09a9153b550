"""The copy that readers open: whole at every moment, brought up to date at the cost of what changed, never under a reader's hands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest

from petitions import published, warehouse
from petitions.settings import CHECKOUT, Settings
from petitions.warehouse import DuckDB

ROWS = 400_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A warehouse file of some thirty blocks whose table says which night it is."""
    file = tmp_path / "petitions.duckdb"
    with closing(duckdb.connect(str(file))) as held:
        held.execute(f"create table much as select i, hash(i) as told from range({ROWS}) t(i)")
        held.execute("create table night as select 0 as number")
    return file


def write(file: Path, night: int) -> int:
    """A night that changes little; how many bytes publishing it wrote."""
    with closing(duckdb.connect(str(file))) as held:
        held.execute(f"update night set number = {night}")
        held.execute(f"insert into much select i, hash(i) from range({night * 1_000_000}, {night * 1_000_000 + 100}) t(i)")
    return published.publish(file)


@contextmanager
def reading(file: Path) -> Iterator[DuckDB]:
    with published.held(file) as copy, closing(DuckDB(copy, read_only=True)) as held:
        yield held


def seen(held: DuckDB) -> tuple[int, int]:
    """The night, and how many rows of the table are whole."""
    (row,) = held.rows("select (select number from night) as night, count(*) filter (where told = hash(i)) as rows from much")
    return row["night"], row["rows"]


def whole(night: int) -> tuple[int, int]:
    return night, ROWS + 100 * night


def test_a_night_costs_what_it_changed_and_readers_see_it(file: Path) -> None:
    size = file.stat().st_size
    written = []
    for night in range(1, 7):
        written.append(write(file, night))
        assert published.path(file).read_bytes() == file.read_bytes()
        with reading(file) as held:
            assert seen(held) == whole(night)
    assert written[0] >= size and written[1] >= size
    assert max(written[2:]) < size / 2, written


def test_a_reader_keeps_what_it_opened(file: Path) -> None:
    write(file, 1)
    with reading(file) as first:
        for night in range(2, 6):
            write(file, night)
            assert seen(first) == whole(1)
            with reading(file) as held:
                assert seen(held) == whole(night)


READER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.test_published import reading, seen
with reading(Path({file!r})) as held:
    print("reading", flush=True)
    sys.stdin.readline()
    print(seen(held), flush=True)
"""
STRANGER = """
import sys, duckdb
held = duckdb.connect({file!r}, read_only=True)
print("reading", flush=True)
sys.stdin.readline()
print(held.execute("select (select number from night), count(*) filter (where told = hash(i)) from much").fetchone(), flush=True)
"""


@pytest.mark.parametrize("ours", [True, False])
def test_readers_of_other_processes_keep_what_they_opened(file: Path, ours: bool) -> None:
    """Also a program that opens the copy with DuckDB itself."""
    write(file, 1)
    program = READER.format(path=sys.path, file=str(file)) if ours else STRANGER.format(file=str(published.path(file)))
    reader = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert reader.stdin and reader.stdout
    assert reader.stdout.readline() == "reading\n"
    for night in range(2, 6):
        write(file, night)
    told, _ = reader.communicate("\n", timeout=60)
    assert told.strip() == str(whole(1))


def test_one_that_was_killed_between_its_two_renames(file: Path) -> None:
    write(file, 1)
    os.link(published.path(file), file.with_suffix(".spare.duckdb"))
    with reading(file) as held:
        write(file, 2)
        assert seen(held) == whole(1)
    for night in (3, 4):
        write(file, night)
        with reading(file) as held:
            assert seen(held) == whole(night)


def test_a_file_that_became_smaller(file: Path) -> None:
    for night in (1, 2):
        write(file, night)
    with closing(duckdb.connect(str(file))) as held:
        held.execute("drop table much")
    for _ in range(3):
        with closing(duckdb.connect(str(file))) as held:
            held.execute("checkpoint")
        published.publish(file)
        assert published.path(file).read_bytes() == file.read_bytes()


def test_a_warehouse_that_is_gone_comes_back_as_it_was_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that began anew would show its own window and nothing of the years before."""
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    settings = Settings(home=tmp_path / "home", config=CHECKOUT / "config")
    for name in ("first", "second"):
        with warehouse.writer(settings) as held:
            held.execute(f"insert into control.fingerprint values ('{name}', '')")
            seen = held.rows("select name from control.fingerprint order by name")
        (settings.warehouse / "petitions.duckdb").unlink()
    assert [row["name"] for row in seen] == ["first", "second"]


def test_what_a_killed_writer_left_goes(tmp_path: Path) -> None:
    """The folder into which the engine spilled, and a copy that was not finished."""
    settings = Settings(tmp_path, CHECKOUT / "config")
    with warehouse.writer(settings):
        pass
    spilled, half = (tmp_path / "warehouse" / f"petitions.{name}.tmp" for name in ("duckdb", "4711"))
    spilled.mkdir()
    for file in (spilled / "duckdb_temp_storage_DEFAULT-0.tmp", half):
        file.write_bytes(b"x")
    with warehouse.writer(settings):
        pass
    assert not spilled.exists() and not half.exists()
