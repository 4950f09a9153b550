"""What the tests of Airflow's services share: its REST API as a person uses it, `make up` of a home, and processes that are ended by id,
whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import up
from postgres_server import free_port

CHECKOUT = Path(__file__).resolve().parents[1]
NIGHTLY = "petition_nightly"

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
        """The newest hundred, which is as many as the server gives at once."""
        told: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns?limit=100&order_by=-id")["dag_runs"]
        return told

    def backfilled(self, dag_id: str, patience_s: float = PATIENCE_S) -> dict[str, int]:
        """How many runs of its backfills ended in which state, when all of them have ended and the scheduler has noted it: before, it
        takes no other backfill of the DAG."""

        def count(*states: str) -> int:
            asked = urlencode({"run_type": "backfill", "limit": 1, "state": states}, doseq=True)
            return int(self.get(f"/dags/{dag_id}/dagRuns?{asked}")["total_entries"])

        def under_way() -> bool:
            told = self.get(f"/backfills?{urlencode({'dag_id': dag_id, 'limit': 100})}")["backfills"]
            return any(backfill["completed_at"] is None for backfill in told)

        wait_for(lambda: not under_way(), f"the end of the backfill of {dag_id}", patience_s)
        return {state: count(state) for state in ("success", "failed")}

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


@dataclass(frozen=True)
class Up:
    """`make up` of one home, under way."""

    home: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def api(self) -> Api:
        password = json.loads((self.home / "airflow" / "admin-password.json").read_text())["admin"]
        return Api(f"http://127.0.0.1:{self.port}", "admin", password)

    def said(self) -> str:
        return (self.home.parent / "up.said").read_text(encoding="utf-8")

    def ready(self) -> Api:
        wait_for(lambda: "Ctrl-C stops it." in self.said() or self.process.poll() is not None, "Airflow's start")
        assert self.process.poll() is None, self.said()
        wait_for(lambda: self.api.knows(NIGHTLY), "the DAG")
        return self.api

    def interrupt(self) -> None:
        """As Ctrl-C in a terminal: every process of the foreground group gets it. `make` itself tells of the interrupt and waits for us."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(300) in (0, -signal.SIGINT), self.said()

    def backfill(self, dag_id: str, first: str, until: str, *words: str) -> None:
        """``airflow backfill create``, as somebody types it beside `make up`. Midnights: ``until`` is the day after the last."""
        told = {"PETITIONS_HOME": str(self.home), "AIRFLOW_HOME": str(self.home / "airflow")}
        command = [sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", dag_id, "--from-date", first, "--to-date", until]
        done = subprocess.run(
            [*command, *words], cwd=CHECKOUT, env=_own() | told, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def make_up(home: Path, port: int | None = None, told: Mapping[str, str] | None = None) -> Iterator[Up]:
    """`make up`, with more in its environment where ``told``."""
    port = port or free_port()
    home.parent.mkdir(parents=True, exist_ok=True)
    with ended_at_last("PETITIONS_HOME", str(home), lambda: parts(home)), (home.parent / "up.said").open("w") as said:
        words = ["make", "up", f"PETITIONS_HOME={home}", f"PORT={port}"]
        process = subprocess.Popen(
            words, cwd=CHECKOUT, env=_own() | dict(told or {}), stdout=said, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        yield Up(home, port, process)


def parts(home: Path) -> list[int]:
    """The session that Airflow's parts are, where they were started."""
    noted = home / "airflow" / up.SESSION
    return [int(noted.read_text().split()[0])] if noted.exists() else []


def _own() -> dict[str, str]:
    """The environment of the person who runs the tests, less what would lead Airflow elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PETITIONS_", "MAKE", "MFLAGS"))}


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
        kill(left_by(variable, value, sessions()))


def kill(processes: Iterable[psutil.Process]) -> None:
    """As the end of their machine would. Some end by themselves when the first is gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
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
