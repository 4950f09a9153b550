"""Starting, stopping and changing the stand-ins the way Makefile and README do."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from platforms.__main__ import main
from platforms.home import DemoHome
from platforms.life import Life, UnknownChange, changed, load_changes
from tests.platforms.conftest import END_OF_YEAR, OCTOBER

PLATFORMS = [sys.executable, "-m", "platforms"]
NAMES = {f"AIRFLOW_CONN_PETITIONS_{name}" for name in ("PROVINCIAL", "SMART_CITY", "ONLINE_POLITICS", "HOTLINE_12345", "VISITS")}


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_building_again_writes_nothing(own_home: DemoHome) -> None:
    before = snapshot(own_home.folder)
    assert own_home.build() == END_OF_YEAR
    assert own_home.build(END_OF_YEAR, 2023) == END_OF_YEAR
    assert snapshot(own_home.folder) == before


def test_secrets_are_made_once_and_for_the_owner(tmp_path: Path, demo_home: DemoHome) -> None:
    own_home = DemoHome(tmp_path)
    own_home.build(OCTOBER)
    assert own_home.secret("provincial") != demo_home.secret("provincial")
    private = [path for path in own_home.folder.rglob("*") if path.is_file() and path.name != ".lock" and path.stat().st_mode & 0o077]
    assert private == []
    assert len(own_home.secret("hotline_12345")["password"]) >= 32


def test_now_moves_both_ways(own_home: DemoHome) -> None:
    own_home.build(OCTOBER)
    assert len(list(own_home.messages.glob("*.xlsx"))) == 1 and DemoHome(own_home.root).now == OCTOBER
    own_home.build(END_OF_YEAR)
    assert len(list(own_home.messages.glob("*.xlsx"))) == 2


def open_ticket(home: DemoHome, source: str) -> Life:
    return next(
        life
        for life in (one.at(END_OF_YEAR) for one in home.lives())
        if life and life.source == source and life.group == "valid" and not life.is_closed and not life.is_suspended
    )


def test_a_due_changed_in_the_exchange_database(own_home: DemoHome) -> None:
    life = open_ticket(own_home, "smart_city")
    own_home.change(life.ticket_id, "due", "2023-12-29T18:00:00")
    with sqlite3.connect(own_home.database) as database:
        found = database.execute("select deadline_time, update_time from case_info where case_code = ?", [life.number]).fetchone()
    assert found == ("2023-12-29 18:00:00", "2023-12-31 23:59:59")


def test_a_due_changed_on_the_board_is_one_more_export(own_home: DemoHome) -> None:
    before = snapshot(own_home.messages)
    life = open_ticket(own_home, "online_politics")
    own_home.change(life.ticket_id, "due", "2023-12-29T18:00:00")
    new = set(snapshot(own_home.messages)) - set(before)
    assert {Path(name).name for name in new} == {"网络问政_20231231_更正001.xlsx", "网络问政_20231231_更正001.xlsx.ok"}
    assert {name: stamp for name, stamp in snapshot(own_home.messages).items() if name not in new} == before


@pytest.mark.parametrize("kind", ["extended", "plain"])
def test_a_changed_due_is_the_due_in_force(own_home: DemoHome, kind: str) -> None:
    lives = [life for life in own_home.lives() if life.source == "hotline_12345" and life.group == "valid" and not life.is_closed]
    life = next(one for one in lives if bool(one.last("extended")) == (kind == "extended"))
    own_home.change(life.ticket_id, "due", "2023-12-20T18:00:00")
    cut = next(
        one for one in changed(own_home.lives(), load_changes(own_home.folder / "changes.json"), END_OF_YEAR) if one.number == life.number
    )
    shown = cut.at(END_OF_YEAR)
    assert shown and str(shown.due) == "2023-12-20 18:00:00" and shown.updated_at == END_OF_YEAR
    assert changed([life], load_changes(own_home.folder / "changes.json"), OCTOBER) == [life], "October does not know of it"


@pytest.mark.parametrize(
    ("ticket_id", "field", "value"),
    [("hotline_12345:404", "due", "2023-12-20"), (None, "colour", "red"), (None, "due", "yesterday")],
)
def test_a_change_that_names_nothing_is_refused(own_home: DemoHome, ticket_id: str | None, field: str, value: str) -> None:
    with pytest.raises(UnknownChange, match="expected"):
        own_home.change(ticket_id or open_ticket(own_home, "hotline_12345").ticket_id, field, value)
    assert not (own_home.folder / "changes.json").exists()


def test_change_by_command(own_home: DemoHome) -> None:
    life = open_ticket(own_home, "hotline_12345")
    told = CliRunner().invoke(main, ["change", life.ticket_id, "due", "2023-12-20T18:00:00", "--home", str(own_home.root)])
    assert told.exit_code == 0, told.output
    wrong = CliRunner().invoke(main, ["change", life.ticket_id, "due", "soon", "--home", str(own_home.root)])
    assert wrong.exit_code == 1 and "expected a time" in wrong.output


def test_a_bad_record_can_be_put_right(own_home: DemoHome) -> None:
    bad = next(life for life in own_home.lives() if life.source == "smart_city" and life.defect == "unknown_status")
    own_home.change(bad.ticket_id, "defect", "none")
    with sqlite3.connect(own_home.database) as database:
        assert database.execute("select count(*) from case_info where case_status = 'archived'").fetchone() == (0,)


def run_exec(home: DemoHome, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*PLATFORMS, "exec", "--home", str(home.root), "--", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False)


def test_exec_gives_connections_and_the_commands_own_code(demo_home: DemoHome) -> None:
    code = (
        "import json, os, socket, sys\n"
        "told = {name: json.loads(text) for name, text in os.environ.items() if name.startswith('AIRFLOW_CONN_PETITIONS_')}\n"
        "[socket.create_connection((c['host'], c['port']), 5).close() for c in told.values() if c['conn_type'] == 'http']\n"
        "print(json.dumps(told)); sys.exit(7)"
    )
    done = run_exec(demo_home, code, AIRFLOW_CONN_PETITIONS_VISITS='{"conn_type": "fs", "extra": {"path": "/elsewhere"}}')
    assert (done.returncode, done.stderr) == (7, "")
    told: dict[str, Any] = json.loads(done.stdout)
    assert set(told) >= NAMES and told["AIRFLOW_CONN_PETITIONS_VISITS"]["extra"]["path"] == "/elsewhere"
    assert Path(told["AIRFLOW_CONN_PETITIONS_SMART_CITY"]["host"]).is_file()
    for name in ("PROVINCIAL", "HOTLINE_12345"):
        with pytest.raises(OSError):  # stopped with the command
            socket.create_connection(("127.0.0.1", told[f"AIRFLOW_CONN_PETITIONS_{name}"]["port"]), 1)


def test_up_writes_connections_and_stops_cleanly(own_home: DemoHome) -> None:
    process = subprocess.Popen([*PLATFORMS, "up", "--home", str(own_home.root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 20
        while not own_home.connections_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        told = json.loads(own_home.connections_file.read_text(encoding="utf-8"))
        port = told["petitions_provincial"]["port"]
        assert requests.get(f"http://127.0.0.1:{port}/control/state", timeout=5).json()["now"] == "2023-12-31T23:59:59"
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert not own_home.connections_file.exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)
