"""A rebuild gives what the nights gave, on both engines, and until it is complete the old warehouse serves."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from petitions import rebuild, retention, warehouse
from petitions.landing import Landing
from tests.engines import EmptyWarehouse
from tests.nightly.office import WAREHOUSE, YEAR, County, Office, Started, comparable, state

SPRING = ("--from", "2023-01-01", "--to", "2023-04-30")
TABLES = ("core.sighting", "core.ticket_version", "core.posting", "core.passage", "core.clock", "marts.daily", "control.lane_run")


def everything(office: Office) -> dict[str, Any]:
    """All that people can ask, and the tables that the answers come from."""
    told: dict[str, Any] = {table: comparable(office.rows(f"select * from {table}")) for table in TABLES}
    return told | {"state": state(office, knowledge=True), "batches": office.batches(), "quarantine": office.quarantine()}


@pytest.fixture(scope="module")
def nights(empty_warehouse: EmptyWarehouse, demo_county: County, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Three nights over one year, the last one out of order, on each engine; and a person's decision."""
    office = demo_county.office(tmp_path_factory.mktemp("rebuild") / "home")
    with empty_warehouse("rebuild"):
        office = office.beside(os.environ.get(WAREHOUSE))
    for window in (SPRING, YEAR, SPRING):
        ended = office.run(*window)
        assert ended.code == 0, ended.err
    assert office.command("quarantine", "dismiss", office.quarantine()[0]["id"], "--note", "测试").code == 0
    return office


def test_the_same_tables(nights: Office) -> None:
    before = everything(nights)
    ended = nights.command("rebuild")
    assert ended.code == 0, ended.err
    assert "15 batches loaded" in ended.out
    assert everything(nights) == before
    assert nights.run(*SPRING, "--source", "visits").code == 0  # and the nights go on


def test_half_way_readers_are_served_and_killed_it_changes_nothing(nights: Office) -> None:
    before = everything(nights)
    for batches in (1, 9):
        run = nights.start("rebuild")
        wait_for_batches(nights, run, batches)
        os.kill(run.process.pid, signal.SIGSTOP)
        assert everything(nights) == before
        run.kill()
        assert everything(nights) == before
    assert nights.command("rebuild").code == 0
    assert everything(nights) == before
    assert [*nights.home.glob("warehouse/*.rebuild*"), *nights.home.glob("warehouse/*.tmp"), *nights.home.glob("staging/re*")] == []


def wait_for_batches(office: Office, run: Started, batches: int) -> None:
    """Until a rebuild is at work on so many batches, or has done with them."""
    seen: set[str] = set()
    while len(seen) < batches:
        assert run.process.is_alive(), (run.folder / "err").read_text(encoding="utf-8")
        seen |= {folder.name for folder in (office.home / "staging" / "rebuild").glob("*")}
        time.sleep(0.01)


def test_the_next_night_sweeps_what_a_killed_one_left(loaded_year: Office, home: Path) -> None:
    office = loaded_year.copy(home)
    left = home / "warehouse" / "petitions.rebuild.duckdb"
    left.write_bytes(b"half")
    assert office.run(*SPRING, "--source", "visits").code == 0
    assert not left.exists()


def test_without_a_warehouse(loaded_year: Office, home: Path) -> None:
    """The warehouse is lost; what readers had tells the history of runs."""
    office = loaded_year.copy(home)
    before = everything(office)
    (home / "warehouse" / "petitions.duckdb").unlink()
    assert office.command("rebuild").code == 0
    assert everything(office) == before


def test_two_at_once(loaded_year: Office, home: Path) -> None:
    office = loaded_year.copy(home)
    before = everything(office)
    runs = [office.start("rebuild"), office.start("rebuild"), office.start("quarantine", "replay")]
    assert [run.wait().code for run in runs] == [0, 0, 0]
    assert everything(office) == before


def test_removed_batches_are_not_lost_silently(loaded_year: Office, home: Path) -> None:
    office = loaded_year.copy(home)
    before, landing = everything(office), Landing.of(office.settings)
    landing.remove(landing.batches("visits")[0])
    ended = office.command("rebuild")
    assert ended.code == 2
    assert "1 of them removed" in ended.err and "--without-removed" in ended.err
    assert everything(office) == before
    assert office.command("rebuild", "--without-removed").code == 0
    assert {batch["source"] for batch in office.batches()} == {"provincial", "smart_city", "online_politics", "hotline_12345"}
    assert {row["source"] for row in office.quarantine()} == {"provincial", "smart_city", "online_politics", "hotline_12345"}


def test_a_batch_that_cannot_be_read_stops_it(loaded_year: Office, home: Path) -> None:
    office = loaded_year.copy(home)
    before, landing = everything(office), Landing.of(office.settings)
    (manifest,) = landing.batches("hotline_12345")
    path = landing.folder(manifest) / manifest.files[0].name
    path.write_bytes(path.read_bytes()[:-1])
    ended = office.command("rebuild")
    assert ended.code == 1
    assert manifest.batch_id in ended.err and "the warehouse is as it was" in ended.err
    assert everything(office) == before


def test_a_batch_that_was_never_loaded_is_loaded_or_left_out(loaded_year: Office, home: Path) -> None:
    office = loaded_year.copy(home)
    with warehouse.writer(office.settings) as held:
        held.execute("delete from control.batch where source in ('visits', 'provincial')")
    landing = Landing.of(office.settings)
    (manifest,) = landing.batches("provincial")
    (landing.folder(manifest) / manifest.files[0].name).unlink()
    told = rebuild.rebuild(office.settings)
    assert (told.batches, told.left_out) == (4, (manifest.batch_id,))


def test_retention(loaded_year: Office, home: Path, tmp_path: Path) -> None:
    office = replace(loaded_year.copy(home), config=tmp_path / "config")
    (tmp_path / "config").mkdir()
    assert office.run(*SPRING, "--source", "smart_city").code == 0
    landing = Landing.of(office.settings)
    newest = landing.batches()[-1]

    def kept_for(days: int) -> Office:
        (tmp_path / "config" / "petitions.toml").write_text(f"[retention]\nlanding_days = {days}\n", encoding="utf-8")
        return replace(office)

    later = newest.fetched_at + timedelta(days=30)
    assert retention.sweep_landing(kept_for(0).settings, later) == []
    assert retention.sweep_landing(kept_for(31).settings, later) == []
    needed = {row["batch_id"] for row in office.rows("select batch_id from control.quarantine_sighting")}
    for row in [row for row in office.quarantine() if row["source"] == "visits"]:
        office.command("quarantine", "dismiss", row["id"], "--note", "测试")
    (visits,) = landing.batches("visits")
    assert visits.batch_id in needed
    gone = retention.sweep_landing(kept_for(29).settings, later)
    assert set(gone) == {visits.batch_id, newest.batch_id} and newest.batch_id not in needed
    assert retention.sweep_landing(kept_for(29).settings, later) == []
    assert {manifest.batch_id for manifest in landing.batches()} == needed - {visits.batch_id}
