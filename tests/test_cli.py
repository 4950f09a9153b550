"""The commands as people script against them: what they print, in which form, and how they end. And `Petitions`, which answers the same."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from petitions import Petitions, early_warning, ledger, metrics, questions
from petitions import warehouse as warehouses
from petitions.cli import main
from petitions.model import BEIJING, Event
from petitions.settings import CHECKOUT, Settings
from tests import worlds
from tests.reference import lives
from tests.reference.evaluator import Version

FETCHED = datetime(2024, 3, 10, 2, 30, tzinfo=BEIJING)
LATE, OPEN = "hotline_12345:1", "hotline_12345:2"
WINDOW = ("--population", "appeals", "--from", "2024-03-01", "--to", "2024-03-31")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def consult(number: int, received: str, *events: tuple[str, str], fetched: datetime = FETCHED) -> Version:
    told = [Event("received", at(received)), *(Event(kind, at(when)) for kind, when in events)]
    base = Version(f"hotline_12345:{number}", "hotline_12345", fetched, fetched, "", at(received), ticket_type="consult", events=told)
    return Version(**vars(base) | {"payload_hash": lives.content_hash(base)})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home with two consultations, two working days each; the first is closed a day late, the second is open."""
    (tmp_path / "config").mkdir()
    worlds.write_rules(tmp_path / "config", lives.rules())
    monkeypatch.setenv("PETITIONS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PETITIONS_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    made = Settings.from_environment()
    with warehouses.writer(made) as warehouse:
        worlds.fill(
            warehouse,
            [
                consult(1, "2024-03-04T09:00", ("closed", "2024-03-07T09:00")),  # Mon → due Wed 6th, closed Thu
                consult(2, "2024-03-08T09:00"),  # Fri → due Tue 12th
            ],
        )
        ledger.refresh(warehouse, made)
    yield made


def petitions(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def told(*arguments: str) -> Any:
    ended = petitions(*arguments, "--format", "json")
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(("path", "command"), list(commands(main)), ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_every_command_and_option_says_what_it_is_for(path: tuple[str, ...], command: click.Command) -> None:
    ended = petitions(*path, "--help")
    assert ended.exit_code == 0
    assert command.help
    plain = {"form", "population"}  # their choices say it all
    assert [one.name for one in command.params if isinstance(one, click.Option) and not one.help and one.name not in plain] == []


# --- explain ------------------------------------------------------------------------------------------------------------


def test_explain_tells_each_clock_step_by_step(settings: Settings) -> None:
    ended = petitions("explain", LATE, "--as-of", "2024-03-09")
    assert ended.exit_code == 0
    assert "办结　超时\n  1. 时限依规则：2个工作日，自登记起算；依据 广东12345热线办法 咨询2个工作日" in ended.stdout
    assert "第1–2日 2024-03-05 周二 至 2024-03-06 周三" in ended.stdout
    assert str(Petitions(settings).explain(LATE, "2024-03-09")) + "\n" == ended.stdout


def test_explain_as_json(settings: Settings) -> None:
    answer = told("explain", LATE)
    assert answer["as_of"] == answer["as_known"] == "2024-03-10T02:30:00+08:00"  # the latest fetch, not the clock on the wall
    close = next(clock for clock in answer["clocks"] if clock["clock"] == "close")
    assert (close["class"], close["due_at"], close["done_at"]) == ("late", "2024-03-06T23:59:59+08:00", "2024-03-07T09:00:00+08:00")
    assert [step["step"] for step in close["steps"]] == ["whose", "start", "count", "due", "done", "verdict"]
    assert [version["stands"] for version in answer["versions"]] == [True]


def test_explain_as_it_was_known(settings: Settings) -> None:
    later = FETCHED + timedelta(days=1)
    with warehouses.writer(settings) as warehouse:
        worlds.fill(warehouse, [consult(1, "2024-03-04T09:00", ("closed", "2024-03-06T09:00"), fetched=later)])
        ledger.refresh(warehouse, settings)
    for known, verdict, stands in (("2024-03-10T12:00", "late", [True, False]), ("2024-03-12", "on_time", [False, True])):
        answer = told("explain", LATE, "--as-known", known, "--as-of", "2024-03-09")
        assert [clock["class"] for clock in answer["clocks"] if clock["clock"] == "close"] == [verdict]
        assert [version["stands"] for version in answer["versions"]] == stands


WRONG = [
    (("explain", "hotline_12345:9"), "expected the id of a loaded ticket"),
    (("explain", LATE, "--as-of", "yesterday"), "expected a day such as 2023-12-31"),
    (("explain", LATE, "--as-known", "2024-03-01"), "expected a time at or after 2024-03-10T02:30:00+08:00"),
    (("due", "--within", "-1"), "--within"),
    (("metrics", *WINDOW, "--compare", "--by", "source"), "expected no --by"),
    (("tickets", "on_time_rate", *WINDOW), "closed_on_time or of due"),
    (("summary", "--run", "cli__nope"), "--run: expected a run"),
    (("report", "--from", "2024-03-01", "--to", "2024-03-31", "--of", "2024-03"), "--of: expected --period"),
    (("report", "--of", "2024-03"), "--of: expected --period"),
    (("metrics", *WINDOW, "--as-of", "9999-12-31"), "from 1900-01-01 to 2999-12-31"),
    (("metrics", *WINDOW, "--as-known", "9999-12-31"), "from 1900-01-01 to 2999-12-31"),
    (("flow", "--population", "appeals", "--from", "0001-01-01", "--to", "2024-03-31"), "from 1900-01-01 to 2999-12-31"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_usage_ends_2_and_says_what_is_right(settings: Settings, arguments: tuple[str, ...], message: str) -> None:
    ended = petitions(*arguments)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("arguments", [("explain", LATE), ("due", "--within", "1"), ("recompute",), ("calendar", "update")])
def test_a_home_where_nothing_was_loaded_says_how_to_load(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETITIONS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    ended = petitions(*arguments)
    assert ended.exit_code == 2
    assert "petitions run --from" in ended.stderr
    assert not (tmp_path / "home").exists()


def test_a_home_where_nothing_was_landed_is_not_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETITIONS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    ended = petitions("rebuild")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "PETITIONS_HOME" in ended.stderr and str(tmp_path / "home") in ended.stderr
    assert not list(tmp_path.rglob("*.duckdb"))


def test_a_warehouse_put_back_from_a_backup_is_shown_to_readers(settings: Settings) -> None:
    """As the runbook says: the copy for readers is the backup, and comes back as the warehouse."""
    before = told("metrics", *WINDOW)
    folder = settings.home / "warehouse"
    backup = (folder / "petitions.published.duckdb").rename(settings.home / "backup")
    shutil.rmtree(folder)
    folder.mkdir()
    backup.rename(folder / "petitions.duckdb")
    ended = petitions("metrics", *WINDOW)
    assert ended.exit_code == 2
    assert "petitions migrate" in ended.stderr
    assert petitions("migrate").exit_code == 0
    assert told("metrics", *WINDOW) == before


def test_what_a_first_run_has_loaded_so_far_is_not_shown(settings: Settings) -> None:
    with warehouses.writer(settings) as held:
        held.execute("delete from control.fingerprint")
    (settings.home / "warehouse" / "petitions.published.duckdb").unlink()
    warehouses.bring_up_to_date(settings)
    assert petitions("migrate").exit_code == 2
    assert petitions("metrics", *WINDOW).exit_code == 2


@pytest.mark.parametrize("name", ["petitions.duckdb", "petitions.published.duckdb"])
def test_a_damaged_warehouse_is_named_and_comes_back_from_the_file_beside_it(settings: Settings, name: str) -> None:
    before = told("metrics", *WINDOW)
    damaged = settings.home / "warehouse" / name
    damaged.write_bytes(b"no database" * 999)
    ended = petitions("recompute")
    assert ended.exit_code == 2
    assert str(damaged) in ended.stderr and "petitions migrate" in ended.stderr and "Traceback" not in ended.stderr
    damaged.unlink()
    assert petitions("migrate").exit_code == 0
    assert told("metrics", *WINDOW) == before


@pytest.mark.parametrize("arguments", [("run", "--source", "visits"), ("report", "--from", "2024-03-01", "--to", "2024-03-31", "--out")])
def test_a_folder_that_cannot_be_written_is_named(settings: Settings, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    file = settings.home / "file"
    file.touch()
    if arguments[-1] == "--out":
        arguments = (*arguments, str(file / "reports"))
    else:
        monkeypatch.setenv("PETITIONS_HOME", str(file))
    ended = petitions(*arguments)
    assert ended.exit_code == 2
    assert str(file) in ended.stderr and "petitions doctor" in ended.stderr and "Traceback" not in ended.stderr


def test_a_moment_before_anything_was_known_is_told(settings: Settings) -> None:
    ended = petitions("metrics", *WINDOW, "--as-known", "2024-03-09", "--format", "json")
    assert json.loads(ended.stdout)["total"]["received"] == 0
    assert "nothing had been fetched" in ended.stderr
    assert petitions("metrics", *WINDOW, "--as-known", "2024-03-10").stderr == ""


def test_a_grouping_that_is_named_twice_is_one(settings: Settings) -> None:
    twice, once = (petitions("metrics", *WINDOW, "--by", by).stdout for by in ("source,source", "source"))
    assert twice == once


def test_petitions_takes_what_people_write(settings: Settings) -> None:
    """Groupings as on the command line, and days with a time of day, whose days count."""
    p = Petitions(settings)
    for by in ("source,month", ["source", "month", "source"]):
        assert list(p.metrics("appeals", "2024-03-01", "2024-03-31", by=by).columns[:3]) == ["source", "month", "received"]
    assert list(p.flow("appeals", "2024-03-01", "2024-03-31", by="source").columns[:2]) == ["source", "opening"]
    days = datetime(2024, 3, 4, 18), datetime(2024, 3, 8, 1, tzinfo=BEIJING)
    assert list(p.metrics("appeals", *days)["received"]) == [2]


# --- due ----------------------------------------------------------------------------------------------------------------


def test_due_lists_cards(settings: Settings) -> None:
    (row,) = told("due", "--within", "2", "--as-of", "2024-03-08T12:00")  # Fri: Mon 11th, Tue 12th
    assert (row["ticket_id"], row["card"], row["working_days_left"], row["due_at"]) == (OPEN, "yellow", 2, "2024-03-12T23:59:59+08:00")
    assert told("due", "--within", "1", "--as-of", "2024-03-08T12:00") == []
    assert [row["card"] for row in told("due", "--within", "0", "--as-of", "2024-03-13")] == ["red"]
    frame = Petitions(settings).due(2, as_of="2024-03-08T12:00")
    assert list(frame["ticket_id"]) == [OPEN]


def test_due_counts_its_cards_on_standard_error(settings: Settings) -> None:
    ended = petitions("due", "--within", "5")
    assert "as of 2024-03-10 02:30:00: 0 red 红牌, 1 yellow 黄牌" in ended.stderr
    assert OPEN in ended.stdout


# --- recompute and calendar ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("recompute",), ("calendar", "update")])
def test_a_closure_is_recomputed_and_what_it_moved_is_listed(settings: Settings, command: tuple[str, ...]) -> None:
    (settings.config / "closures.csv").write_text("date,kind,name\n2024-03-06,closed,停电\n", encoding="utf-8")
    answer = told(*command)
    moved = {row["ticket_id"]: row for row in answer if row["clock"] == "close"}
    assert moved == {
        LATE: {
            "ticket_id": LATE,
            "clock": "close",
            "old_class": "late",
            "new_class": "on_time",
            "old_due_at": "2024-03-06T23:59:59+08:00",  # Wed, closed now
            "new_due_at": "2024-03-07T23:59:59+08:00",  # Thu
        }
    }
    assert told("metrics", *WINDOW)["total"]["closed_on_time"] == 1  # readers see it at once
    assert told(*command) == []


def test_calendar_update_leaves_a_change_of_rules_to_recompute(settings: Settings) -> None:
    rules = [row | {"amount": "9"} if row["ticket_type"] == "consult" and row["channel"] == "*" else row for row in lives.rules()]
    worlds.write_rules(settings.config, rules)
    ended = petitions("calendar", "update")
    assert (ended.exit_code, "calendar: unchanged" in ended.stderr) == (0, True)
    assert {row["ticket_id"] for row in told("recompute") if row["clock"] == "close"} == {LATE, OPEN}


def test_calendar_alone_prints_the_published_years(settings: Settings) -> None:
    assert "published years: 2004–" in petitions("calendar").stdout


# --- metrics --compare --------------------------------------------------------------------------------------------------


def test_metrics_beside_earlier_periods(settings: Settings) -> None:
    answer = told("metrics", *WINDOW, "--compare")
    row = next(row for row in answer["metrics"] if row["metric"] == "received")
    assert row == {"metric": "received", "now": 2, "year_then": 0, "year_change": None, "period_then": 0, "period_change": None}
    (line,) = [line for line in petitions("metrics", *WINDOW, "--compare").stdout.splitlines() if "受理量" in line]
    assert line.count("—") == 2
    assert Petitions(settings).compare("appeals", "2024-03-01", "2024-03-31").shape[0] == len(answer["metrics"])


def test_the_basis_of_closed_tickets_is_printed_only_where_it_differs(settings: Settings) -> None:
    assert "已办结口径" not in petitions("metrics", *WINDOW).stdout  # 0 of 2 and 0 of 1 are 0 % alike
    with warehouses.writer(settings) as warehouse:
        worlds.fill(warehouse, [consult(3, "2024-03-04T09:00", ("closed", "2024-03-05T09:00"))])
        ledger.refresh(warehouse, settings)
    printed = petitions("metrics", *WINDOW).stdout
    assert "33.33 %" in printed and "已办结口径" in printed and "50.00 %" in printed


@pytest.mark.parametrize(
    ("seconds", "printed"), [(0, "0.0"), (4320, "0.1"), (4319, "0.0"), (86400, "1.0"), (604800, "7.0"), (8640000, "100.0")]
)
def test_handling_days_have_one_decimal(seconds: float, printed: str) -> None:
    assert str(metrics.days(seconds)) == printed


LISTS = [
    ("tickets", "overdue", *WINDOW),
    ("tickets", "received", *WINDOW[:2], "--from", "2020-01-01", "--to", "2020-12-31"),
    ("due", "--within", "0", "--as-of", "2020-01-01"),
    ("due", "--within", "5", "--as-of", "2024-03-11"),
    ("quarantine", "list"),
    ("quarantine", "replay"),
    ("recompute",),
    ("calendar", "update"),
]


@pytest.mark.parametrize("asked", LISTS, ids=" ".join)
def test_a_list_as_csv_has_its_columns_with_rows_and_without(settings: Settings, asked: tuple[str, ...]) -> None:
    """Whoever reads it by column must not find a night without tickets an error."""
    header, *_ = csv.reader(io.StringIO(petitions(*asked, "--format", "csv").stdout))
    rows = json.loads(petitions(*asked, "--format", "json").stdout)
    known = {"tickets": questions.TICKET_COLUMNS, "due": early_warning.DUE_COLUMNS}
    assert set(header) >= {"id", "reason"} or set(header) >= {"ticket_id"}
    assert all(header == list(row) for row in rows)
    assert header == list(known.get(asked[0], header))


def test_a_frame_has_its_columns_with_rows_and_without(settings: Settings) -> None:
    asked = Petitions.open()
    window, nothing = ("appeals", "2024-03-01", "2024-03-31"), ("appeals", "2020-01-01", "2020-12-31")
    for rows, none in (
        (asked.tickets("received", *window), asked.tickets("received", *nothing)),
        (asked.metrics(*window, by=("source",)), asked.metrics(*nothing, by=("source",))),
        (asked.flow(*window, by=("source",)), asked.flow("visits", *nothing[1:], by=("source",))),
        (asked.due(5, as_of="2024-03-11"), asked.due(0, as_of="2020-01-01")),
    ):
        assert len(rows) > len(none) == 0
        assert list(rows) == list(none)


def test_comparison_as_csv_has_the_same_rows(settings: Settings) -> None:
    rows = list(csv.DictReader(io.StringIO(petitions("metrics", *WINDOW, "--compare", "--format", "csv").stdout)))
    assert rows[0] == {"metric": "received", "now": "2", "year_then": "0", "year_change": "—", "period_then": "0", "period_change": "—"}


def test_a_terminal_that_lacks_a_character_is_shown_a_question_mark(settings: Settings) -> None:
    with warehouses.writer(settings) as held:
        worlds.fill(held, [consult(3, "2024-03-08T10:00")])
        ledger.refresh(held, settings)
        held.execute("update core.content set title = '路灯😀'")
    command = [sys.executable, "-c", "from petitions.cli import main; main()", "tickets", "open", *WINDOW]
    environment = os.environ | {"PYTHONIOENCODING": "gbk", "PYTHONPATH": str(CHECKOUT / "plugins")}
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "路灯?" in ended.stdout.decode("gbk")
