"""What the tests of Airflow's services share: its REST API as a person uses it, and processes that are ended by id, whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

#: A machine that many share takes minutes to start Airflow's parts; nothing waits longer than it must.
PATIENCE_S = 900


@dataclass
class Api:
    """Airflow's REST API at ``url``, for a user with a password."""

    url: str
    user: str
    password: str
    _token: str = ""

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, told: Any = None) -> Any:
        if not self._token:
            self._token = _call(self.url, "POST", "/auth/token", {"username": self.user, "password": self.password}, "")["access_token"]
        return _call(self.url, method, f"/api/v2{path}", told, self._token)

    def healthy(self, *parts: str) -> bool:
        try:
            told = _call(self.url, "GET", "/api/v2/monitor/health", None, "")
        except OSError:
            return False
        return all(told[part]["status"] == "healthy" for part in ("metadatabase", *parts))

    def knows(self, dag_id: str) -> bool:
        try:
            return bool(self.get(f"/dags/{dag_id}"))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise

    def unpause(self, dag_id: str) -> None:
        self.ask("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, **conf: Any) -> str:
        run_id: str = self.ask("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
        return run_id

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns?limit=500")["dag_runs"]
        return told

    def state(self, dag_id: str, run_id: str) -> str:
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"]
        return told

    def ended(self, dag_id: str, run_id: str, patience_s: float = PATIENCE_S) -> str:
        """The state in which a run ended."""
        wait_for(lambda: self.state(dag_id, run_id) in ("success", "failed"), f"the end of {run_id}", patience_s)
        return self.state(dag_id, run_id)


def _call(url: str, method: str, path: str, told: Any, token: str) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = json.dumps(told).encode() if told is not None else None
    with urllib.request.urlopen(urllib.request.Request(url + path, body, headers, method=method), timeout=60) as answer:
        return json.load(answer)


def wait_for(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What ``true`` answers, as soon as it is something."""
    end = time.monotonic() + patience_s
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {patience_s} s"
        time.sleep(0.5)
    return found


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@contextlib.contextmanager
def open_folder(name: str) -> Iterator[Path]:
    """A temporary folder that others may pass through: where the tests run as root, PostgreSQL is another user."""
    with tempfile.TemporaryDirectory(prefix=f"petitions-{name}-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@contextlib.contextmanager
def ended_at_last(variable: str, value: str, sessions: Callable[[], Iterable[int]] = tuple) -> Iterator[None]:
    """Whatever carries the variable in its environment, and whatever shares a session with it or is of ``sessions``, is killed at the end:
    no test leaves a process behind, also none of Airflow's parts that write their title over their environment."""
    try:
        yield
    finally:
        for process in left_by(variable, value, sessions()):
            with contextlib.suppress(psutil.Error):
                process.kill()


def left_by(variable: str, value: str, sessions: Iterable[int] = ()) -> list[psutil.Process]:
    carrying = carriers(variable, value)
    of_theirs = {session_of(process.pid) for process in carrying} | set(sessions)
    of_theirs -= {None, os.getsid(0)}
    same = [process for process in psutil.process_iter() if session_of(process.pid) in of_theirs]
    return [process for process in {one.pid: one for one in [*carrying, *same]}.values() if process.status() != psutil.STATUS_ZOMBIE]


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def carriers(variable: str, value: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(variable) == value:
                found.append(process)
    return found
