"""Airflow's web server as a process of its own, on a home and a free port of its own, with a user who can log in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
USERS = {"reader": "viewer"}


@dataclass(frozen=True)
class Server:
    url: str
    home: Path

    def password(self, user: str) -> str:
        return str(json.loads((self.home / "airflow" / "admin-password.json").read_text(encoding="utf-8"))[user])

    def token(self, user: str) -> str:
        """What Airflow's own log-in gives, as it stands in the browser's cookie."""
        told = requests.post(f"{self.url}/auth/token", json={"username": user, "password": self.password(user)}, timeout=90)
        told.raise_for_status()
        return str(told.json()["access_token"])


@contextlib.contextmanager
def running(home: Path) -> Iterator[Server]:
    """With Airflow's own simple log-in, as ``make up`` has it."""
    users = ",".join(f"{user}:{role}" for user, role in USERS.items())
    environment = _environment(home) | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users}
    _airflow_home(environment)
    with _serving(home, environment) as server:
        yield server


@contextlib.contextmanager
def running_with_roles(home: Path, roles: dict[str, str]) -> Iterator[Server]:
    """With the log-in and the roles of Airflow's FAB manager, as docker-compose.yml has it; a user's password is ``roles[user]`` twice."""
    environment = _environment(home) | {
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    }
    _airflow_home(environment)
    _airflow(environment, "db", "migrate")
    for user, role in roles.items():
        names = ("--firstname", user, "--lastname", user, "--email", f"{user}@localhost")
        _airflow(environment, "users", "create", "--username", user, "--role", role, "--password", role * 2, *names)
    passwords = {user: role * 2 for user, role in roles.items()}
    (home / "airflow" / "admin-password.json").write_text(json.dumps(passwords), encoding="utf-8")
    with _serving(home, environment) as server:
        yield server


def _environment(home: Path) -> dict[str, str]:
    return dict(os.environ) | {
        "PETITIONS_HOME": str(home),
        "AIRFLOW_HOME": str(home / "airflow"),
        "PYTHONPATH": str(CHECKOUT / "plugins"),
    }


def _airflow_home(environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, str(CHECKOUT / "scripts" / "airflow_home.py")], env=environment, check=True, timeout=PATIENCE_S)


def _airflow(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@contextlib.contextmanager
def _serving(home: Path, environment: dict[str, str]) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "airflow" / "logs" / "api-server.log"
    command = [sys.executable, "-m", "airflow", "api-server", "--apps", "core", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environment | {"AIRFLOW__API__PORT": str(port)}, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", home)
        _wait(server, process, log)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(PATIENCE_S * 2):
        assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{server.url}/api/v2/version", timeout=5).ok:
                return
        time.sleep(0.5)
    raise AssertionError(f"no answer within {PATIENCE_S} s:\n{log.read_text(encoding='utf-8')[-3000:]}")
