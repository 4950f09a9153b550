"""The schema by versions: from every earlier one to the newest, on both engines, with the data; interrupted, it is what it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from petitions import kinds, ledger, migrations, questions, rebuild, views, warehouse
from petitions.cli import main
from petitions.migrations import SchemaBehind, SchemaTooNew
from petitions.questions import Scope, day
from petitions.settings import CHECKOUT, Settings
from tests.engines import EmptyWarehouse
from tests.migrations.versions import KEPT, build, columns, contents, program_of

NEWEST = len(migrations.known())
EARLIER = range(NEWEST)
SLOW = """
create table core.half (n bigint);
insert into core.half select count(*) from generate_series(1, 100000) a, generate_series(1, 1000000) b;
"""
SOON = 180


@pytest.fixture
def settings(empty_warehouse: EmptyWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An empty home, on each engine."""
    monkeypatch.setenv("PETITIONS_HOME", str(tmp_path / "home"))
    with empty_warehouse("migrations"):
        yield Settings(home=tmp_path / "home", config=CHECKOUT / "config")


def in_this_version(settings: Settings) -> tuple[list[str], dict[str, list[dict[str, object]]]]:
    with warehouse.writer(settings) as held:
        return columns(held), contents(held)


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_a_version_is_what_it_was_when_it_was_made(settings: Settings, tmp_path: Path, version: int) -> None:
    """A migration that warehouses have applied is not changed any more: a further one is added."""
    with program_of(version, tmp_path), warehouse.writer(settings) as held:
        assert "\n".join(columns(held)) + "\n" == (KEPT / f"{version:03d}.columns").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", EARLIER)
def test_an_earlier_warehouse_becomes_what_a_fresh_one_is_and_keeps_its_data(settings: Settings, tmp_path: Path, version: int) -> None:
    before = build(settings, version, tmp_path)
    fresh = "\n".join(in_this_version(settings)[0]) + "\n"
    assert fresh == (KEPT / f"{NEWEST:03d}.columns").read_text(encoding="utf-8")
    with warehouse.reader(settings) as held:
        # What its columns told, a posting tells by its kind.
        after = contents(held) | {"core.posting": sorted(held.rows(f"select * from {kinds.POSTINGS}"), key=repr)}
        seen = held.rows("select table_name from information_schema.tables where table_schema = 'marts' and table_type = 'VIEW'")
    assert {row["table_name"] for row in seen} == {file.stem for file in views.FOLDER.glob("*.sql")}
    for table, rows in before.items():
        if table != "control.migration":
            shared = [name for name in (rows[0] if rows else {}) if name in after[table][0] and name != "kind"]
            assert [[row[name] for name in shared] for row in rows] == [[row[name] for name in shared] for row in after[table]], table


@pytest.mark.parametrize("version", EARLIER)
def test_the_nights_go_on(settings: Settings, tmp_path: Path, version: int) -> None:
    build(settings, version, tmp_path)
    figures = {"received": 2, "closed": 2, "closed_on_time": 1, "closed_late": 1}
    for recomputed in (False, True):
        with warehouse.reader(settings) if recomputed else warehouse.writer(settings) as held:
            scope = Scope.of(held, "appeals", day("2023-01-01"), day("2023-12-31"))
            _, total = questions.figures(held, scope, ())
            assert {name: total[name] for name in figures} == figures
            listed = questions.tickets(held, scope, (), "closed_late")
            assert [(row["ticket_id"], row["title"]) for row in listed] == [("hotline_12345:H2", None)]
        with warehouse.writer(settings) as held:
            ledger.refresh(held, settings)  # the rules that the rows were made by are not today's: all is computed anew


def test_a_killed_one_leaves_the_version_before(settings: Settings, tmp_path: Path) -> None:
    build(settings, 1, tmp_path)
    before = in_version_1(settings, tmp_path)
    with program_of(1, tmp_path):
        (migrations.FOLDER / "002_slow.sql").write_text(SLOW, encoding="utf-8")
        program = f"""
from pathlib import Path
from petitions import cli, migrations
migrations.FOLDER = Path({str(migrations.FOLDER)!r})
cli.main()
"""
        run = subprocess.Popen([sys.executable, "-c", program, "migrate"], env=os.environ | {"PYTHONPATH": str(CHECKOUT / "plugins")})
        try:
            wait_until_written(settings, run)
            time.sleep(1)
        finally:
            run.send_signal(signal.SIGKILL)
            run.wait()
        (migrations.FOLDER / "002_slow.sql").unlink()
    assert in_version_1(settings, tmp_path) == before
    assert in_this_version(settings)[0] == (KEPT / f"{NEWEST:03d}.columns").read_text(encoding="utf-8").splitlines()


def in_version_1(settings: Settings, folder: Path) -> object:
    with program_of(1, folder), warehouse.writer(settings) as held:
        return migrations.version(held), columns(held), contents(held)


def wait_until_written(settings: Settings, run: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + SOON
    while not warehouse.is_being_written(settings):
        assert run.poll() is None and time.monotonic() < give_up
        time.sleep(0.05)


def test_a_wrong_one_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    build(settings, 1, tmp_path)
    before = in_version_1(settings, tmp_path)
    with program_of(1, tmp_path):
        wrong = migrations.FOLDER / "002_wrong.sql"
        wrong.write_text("alter table core.content drop column title;\ndelete from core.posting;\nselect nothing;\n", encoding="utf-8")
        with pytest.raises(Exception, match="nothing"), warehouse.writer(settings):
            pass
        wrong.unlink()
    assert in_version_1(settings, tmp_path) == before


def test_two_that_open_an_old_one_at_once(settings: Settings, tmp_path: Path) -> None:
    build(settings, 0, tmp_path)
    command = [sys.executable, "-c", "from petitions.cli import main; main()", "migrate"]
    runs = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(CHECKOUT / "plugins")}) for _ in range(2)]
    assert [run.wait(SOON) for run in runs] == [0, 0]
    with warehouse.reader(settings) as held:
        assert [row["version"] for row in held.rows("select version from control.migration order by version")] == list(range(1, NEWEST + 1))


def test_a_newer_warehouse_is_refused(settings: Settings) -> None:
    with warehouse.writer(settings) as held:
        held.insert("control.migration", [(NEWEST + 1, "of_tomorrow")])
    said = f"schema version {NEWEST + 1}, this program knows versions up to {NEWEST}; upgrade this program"
    for session in (warehouse.reader, warehouse.writer, warehouse.rebuilt):
        with pytest.raises(SchemaTooNew, match=said), session(settings):
            pass
    for command in (["migrate"], ["reconcile"], ["recompute"], ["rebuild"]):
        ended = CliRunner().invoke(main, command)
        assert (ended.exit_code, said in ended.stderr) == (2, True), ended.stderr
    assert f"fail  warehouse: the warehouse has schema version {NEWEST + 1}" in CliRunner().invoke(main, ["doctor"]).stdout


def test_readers_of_an_old_one_say_what_to_run(settings: Settings, tmp_path: Path) -> None:
    build(settings, 0, tmp_path)
    with pytest.raises(SchemaBehind), warehouse.reader(settings):
        pass
    ended = CliRunner().invoke(main, ["reconcile"])
    assert (ended.exit_code, f"has schema version 0, this program needs {NEWEST}; run `petitions migrate`" in ended.stderr) == (2, True)
    doctor = CliRunner().invoke(main, ["doctor"]).stdout
    assert f"fail  warehouse: the warehouse has schema version 0, this program needs {NEWEST}  — run `petitions migrate`" in doctor
    assert CliRunner().invoke(main, ["migrate"]).stdout == f"schema version {NEWEST}\n"
    assert CliRunner().invoke(main, ["reconcile"]).exit_code == 0


def test_a_rebuild_of_an_old_one_takes_its_history_over(settings: Settings, tmp_path: Path) -> None:
    build(settings, 0, tmp_path)
    rebuild.rebuild(settings, without_removed=True)  # nothing of it was landed in this home
    with warehouse.reader(settings) as held:
        assert held.value("select error from control.lane_run where source = 'provincial'") is not None
        assert migrations.version(held) == NEWEST


def test_numbers_without_a_gap(tmp_path: Path) -> None:
    with program_of(1, tmp_path):
        (migrations.FOLDER / "003_late.sql").write_text("select 1;\n", encoding="utf-8")
        with pytest.raises(RuntimeError, match="without a gap"):
            migrations.known()
