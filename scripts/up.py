"""Airflow with scheduler and web page, the reports in it, until Ctrl-C. Run by ``make up``, on this machine's loopback only.

Metadata are in a PostgreSQL server of the home, started and stopped with the rest. Stopped at any moment it may be started again: what a
killed one left running is ended first, and runs that it interrupted go on. Two homes do not touch each other, given ports of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import airflow_home
import psutil
from filelock import FileLock, Timeout
from postgres_server import LOOPBACK, Cluster, NoPostgres, free_port

SESSION = "up.session"  # which session the parts are, and since when
STOP_PATIENCE_S = 30


def main() -> int:
    asked = arguments()
    os.umask(0o077)
    home = Path(os.environ["PETITIONS_HOME"]).absolute()
    airflow = home / "airflow"
    airflow.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(airflow):
        end_what_was_left(airflow)
        refuse_if_taken(asked.port)
        with metadata(airflow) as url:
            airflow_home.prepare(airflow, url, lasting=True)
            return run(airflow, asked.port)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080, help="of the web page")
    return parser.parse_args()


@contextlib.contextmanager
def only_one(airflow: Path) -> Iterator[None]:
    try:
        with FileLock(airflow / "up.lock", timeout=0):
            yield
    except Timeout:
        raise SystemExit(f"make up runs already for {airflow.parent}: stop it, or give another PETITIONS_HOME") from None


def end_what_was_left(airflow: Path) -> None:
    """Processes of an earlier start in this home that was killed and could not stop them. Nobody else starts any: we hold the lock.

    They are one session. Their environment would tell too, but some of Airflow's parts write their title over it.
    """
    noted = airflow / SESSION
    if not noted.exists():
        return
    session, _, begun = noted.read_text(encoding="ascii").partition(" ")
    leader, left = int(session), [process for process in psutil.process_iter() if _session_of(process) == int(session)]
    if any(process.pid == leader and str(process.create_time()) != begun for process in left):
        return  # all are gone, and another program has got the number
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=STOP_PATIENCE_S)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    noted.unlink()


def note_session(airflow: Path, leader: int) -> None:
    (airflow / SESSION).write_text(f"{leader} {psutil.Process(leader).create_time()}", encoding="ascii")


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def refuse_if_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise SystemExit(
                f"port {port} is taken by another program: stop it, or give another one, such as make up PORT={port + 100}"
            ) from None


@contextlib.contextmanager
def metadata(airflow: Path) -> Iterator[str]:
    """The URL of the metadata database, in a server that lives as long as the block; the home's SQLite file where there is none."""
    cluster = Cluster(airflow / "postgres", "airflow")
    try:
        if os.geteuid() == 0:  # the server is another user then, and passes through
            for inside in airflow.iterdir():
                inside.chmod(inside.stat().st_mode & 0o711)
            airflow.chmod(0o711)
        cluster.start()
    except NoPostgres as reason:
        print(
            f"Metadata in SQLite: single runs work, `airflow backfill create` may fail with 'database is locked'. {reason}", file=sys.stderr
        )
        yield airflow_home.sqlite(airflow)
        return
    try:
        yield cluster.url("postgres")
    finally:
        cluster.stop()


def environment(airflow: Path, port: int) -> dict[str, str]:
    return os.environ | {
        # Airflow starts its parts by the bare name of its command.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(airflow),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }


def run(airflow: Path, port: int) -> int:
    """Airflow's parts, until an interrupt, a SIGTERM or the end of the terminal; Airflow stops them in order when it gets the interrupt."""
    # A shell starts a background job with the interrupt ignored, and Airflow would inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    log = airflow / "logs" / "up.log"
    with log.open("wb") as said:
        # In a session of its own: Ctrl-C would reach the parts before the one that stops them in order.
        parts = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=environment(airflow, port),
            start_new_session=True,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    note_session(airflow, parts.pid)
    asked_to_stop = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not asked_to_stop.is_set():  # a second interrupt would break off the stop in order
            asked_to_stop.set()
            parts.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    print(f"Airflow starts; what it says is in {log}", flush=True)
    while parts.poll() is None and not asked_to_stop.wait(1):
        if is_healthy(port):
            print(f"Airflow: http://localhost:{port} (user admin, password in {airflow}/admin-password.json)")
            print(f"Reports: http://localhost:{port}/petition-reports/ (信访报表 in Airflow's menu)\nCtrl-C stops it.", flush=True)
            break
    parts.wait()
    end_what_was_left(airflow)
    if not asked_to_stop.is_set():
        print(f"Airflow ended by itself with {parts.returncode}; its last words are in {log}", file=sys.stderr)
        return 1
    return 0


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/api/v2/monitor/health", timeout=5) as answer:
            told = json.load(answer)
    except (OSError, ValueError):
        return False
    return all(told[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


if __name__ == "__main__":
    sys.exit(main())
