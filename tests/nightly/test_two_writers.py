"""Writers that meet, on both engines: all of them finish, one after the other, and what they leave is what one alone would have left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from petitions import warehouse
from tests.engines import EmptyWarehouse
from tests.nightly.office import WAREHOUSE, YEAR, County, Office, comparable, figures, state, unlike

WRITERS, TURNS = 4, 5
# Reads what is there, takes its time, and writes what follows from it: two that interleaved would write the same number.
TAKE_TURNS = """
import sys, time
from petitions import warehouse
from petitions.settings import Settings
for _ in range(int(sys.argv[1])):
    with warehouse.writer(Settings.from_environment()) as held:
        seen = held.value("select count(*) from control.lane_run")
        print("writes", flush=True)
        time.sleep(float(sys.argv[2]))
        held.execute(f"insert into control.lane_run (run_id, source, ended_at) values ('{seen}', 'visits', timestamptz '2024-01-01')")
"""


@pytest.fixture
def office(empty_warehouse: EmptyWarehouse, demo_county: County, home: Path) -> Office:
    """A fresh home, its warehouse on each engine."""
    with empty_warehouse("writers"):
        return demo_county.office(home).beside(os.environ.get(WAREHOUSE))


def turns(office: Office, turns: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TAKE_TURNS, str(turns), str(seconds)]
    return subprocess.Popen(command, env=office.environment, stdout=subprocess.PIPE, text=True)


def test_one_writes_at_a_time(office: Office) -> None:
    writers = [turns(office, TURNS, 0.02) for _ in range(WRITERS)]
    assert [writer.wait(180) for writer in writers] == [0] * WRITERS
    written = sorted(int(row["run_id"]) for row in office.rows("select run_id from control.lane_run"))
    assert written == list(range(WRITERS * TURNS))


def test_one_that_is_killed_lets_the_next_one_in(office: Office) -> None:
    holder = turns(office, 1, 600)
    assert holder.stdout and holder.stdout.readline() == "writes\n"
    waiting = turns(office, 1, 0)
    with office.here():
        assert warehouse.is_being_written(office.settings)
        time.sleep(1)
        assert waiting.poll() is None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert waiting.wait(180) == 0
    assert office.rows("select run_id from control.lane_run") == [{"run_id": "0"}]


def test_runs_in_any_order_over_any_windows(office: Office, loaded_year: Office) -> None:
    """Two at a time: windows that overlap, one lane only, the whole year somewhere among them; then a rebuild beside a run."""
    runs = [
        ("run", *YEAR),
        ("run", "--from", "2023-03-01", "--to", "2023-06-30"),
        ("run", "--from", "2023-05-15", "--to", "2023-10-31", "--source", "hotline_12345"),
        ("run", "--from", "2023-01-01", "--to", "2023-02-28", "--source", "visits", "--source", "smart_city"),
    ]
    random.Random(str(office.connections)).shuffle(runs)
    for pair in (runs[:2], runs[2:], [("rebuild",), ("run", "--from", "2023-11-01", "--to", "2023-11-30")]):
        started = [office.start(*arguments) for arguments in pair]
        for run in started:
            ended = run.wait()
            assert ended.code == 0, ended.err
    assert unlike(office.batches()) == []
    assert state(office) == state(loaded_year)
    assert figures(office) == figures(loaded_year)
    marts = "select * from marts.daily"
    assert comparable(office.rows(marts)) == comparable(loaded_year.rows(marts))
