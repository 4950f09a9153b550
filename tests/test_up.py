"""`make up`: starts, does a run with parameters, stops, starts again where it was; a killed one is no obstacle; a taken port is told."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import up

from tests.airflow_services import NIGHTLY, carriers, family, kill, left_by, make_up, open_folder, parts, wait_for


def left(home: Path) -> list[Any]:
    return [process.cmdline() for process in left_by("PETITIONS_HOME", str(home), parts(home))]


@pytest.fixture
def home() -> Iterator[Path]:
    with open_folder("up") as folder:
        yield folder / "home"


@pytest.mark.slow
def test_start_run_stop_and_start_again(home: Path) -> None:
    with make_up(home) as started:
        api = started.ready()
        assert "SQLite" not in started.said()
        api.unpause(NIGHTLY)
        run_id = api.trigger(NIGHTLY, window_start="2023-10-01", window_end="2023-10-31", sources=["visits", "smart_city"])
        assert api.ended(NIGHTLY, run_id) == "success"
        states = {task["task_id"]: task["state"] for task in api.tasks(NIGHTLY, run_id)}
        assert states["visits.load"] == states["smart_city.load"] == states["report"] == "success"
        assert states["provincial.extract"] == "skipped"
        assert list((home / "reports").glob("2023-10-01_2023-10-31*/index.html"))
        started.interrupt()
    assert left(home) == []
    assert [path for path in (home / "airflow").glob("*.json") if path.stat().st_mode & 0o077] == []

    with make_up(home) as started:  # and is killed where it cannot stop anything
        assert run_id in {run["dag_run_id"] for run in started.ready().runs(NIGHTLY)}
        kill(process for process in carriers("PETITIONS_HOME", str(home)) if "scripts/up.py" in " ".join(process.cmdline()))
        started.process.wait(60)
        with make_up(home) as again:
            assert again.ready().state(NIGHTLY, run_id) == "success"
            again.interrupt()
    assert left(home) == []


def test_what_a_killed_one_left_is_ended(tmp_path: Path) -> None:
    """Also those whose environment is not to be read, as that of parts which write their title over it."""
    command = ["sh", "-c", "env -i sleep 600 & env -i sleep 600 & wait"]
    parts, other = (subprocess.Popen(command, start_new_session=True) for _ in range(2))
    try:
        up.note_session(tmp_path, parts.pid)
        wait_for(lambda: len(family(parts.pid)) == 3, "the parts")
        left = family(parts.pid)
        parts.kill()
        parts.wait()
        up.end_what_was_left(tmp_path)
        assert not [process for process in left if process.is_running() and process.status() != "zombie"]
        assert other.poll() is None
        up.end_what_was_left(tmp_path)  # nothing is left
        (tmp_path / up.SESSION).write_text(f"{other.pid} 1.0", encoding="ascii")  # the number has gone to another program
        up.end_what_was_left(tmp_path)
        assert other.poll() is None
    finally:
        kill([*family(parts.pid), *family(other.pid)])
        other.wait()


def test_a_taken_port_is_told_with_the_cure(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with make_up(home, port=port) as started:
            assert started.process.wait(120) != 0
            assert f"port {port} is taken by another program" in started.said()
            assert f"make up PORT={port + 100}" in started.said()
    assert left(home) == []
