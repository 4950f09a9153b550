"""docker-compose.yml without Docker: each of its services as a process of this machine, with the environment, the command and the health
check that stand in the file. Only addresses and paths are put in place: a container has its own, here each service has a port of its own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import compose_env
from postgres_server import LOOPBACK, Cluster, binaries, free_port

from tests.sources.loopback import Loopback

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MARK = "PETITIONS_TEST_STACK"


@dataclass
class Metrics:
    """A StatsD server on loopback, which keeps the names of what it is told."""

    port: int
    names: set[str] = field(default_factory=set)


@contextmanager
def listening() -> Iterator[Metrics]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind((LOOPBACK, 0))
        ear.settimeout(0.2)
        heard, over = Metrics(ear.getsockname()[1]), threading.Event()

        def listen() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    heard.names |= {line.partition(":")[0] for line in ear.recv(65536).decode().splitlines()}

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            over.set()
            thread.join()


@dataclass
class Stack:
    """The services of one folder, which also holds what the containers' volumes hold."""

    folder: Path
    connections: dict[str, str]  # what the office writes into connections.env
    bot: Loopback  # the group's bot that one of them leads to
    metrics: Metrics  # what Airflow's metrics reach
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in ("api-server", "redis", "scheduler-health")})
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "secrets.env").write_text(compose_env.complete(""), encoding="utf-8")
        told = [
            str(BIN / "docker-compose"),
            "--env-file",
            str(self.folder / "secrets.env"),
            "--profile",
            "demo",
            "config",
            "--format",
            "json",
        ]
        read = subprocess.run(told, cwd=CHECKOUT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
        self.file: dict[str, Any] = json.loads(read.stdout.replace("$$", "$"))
        # A folder of its own: the server's user must be able to reach it, where the tests run as root.
        self.cluster = Cluster(self.folder / "postgres", "postgres", durable=False)

    @property
    def home(self) -> Path:
        return self.folder / "petitions"

    @property
    def secrets(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.folder / "secrets.env").read_text(encoding="utf-8").splitlines())

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['api-server']}"

    def start_postgres(self) -> None:
        """With what the file's script makes in it."""
        self.cluster.start()
        script = self.file["configs"]["databases"]["content"]
        told = {"PGHOST": LOOPBACK, "PGPORT": str(self.cluster.port), "PGPASSWORD": self.cluster.password, "PGDATABASE": "postgres"}
        path = f"{binaries()}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["sh", "-c", script], env=self.environment("postgres") | told | {"PATH": path}, check=True, capture_output=True, timeout=60
        )

    def start_redis(self) -> None:
        # The command is a shell's line; the port and the address come behind it.
        (*shell, line) = self.file["services"]["redis"]["command"]
        self._start("redis", [*shell, f"{line} --port {self.ports['redis']} --bind {LOOPBACK} --dir {self.folder}"], {})

    def run(self, name: str) -> None:
        """A service that ends by itself."""
        done = subprocess.run(
            self._command(name), cwd=CHECKOUT, env=self.environment(name), capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, name: str, service: str | None = None, *words: str) -> None:
        """A service under a name; ``words`` go behind its command."""
        told = {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()), "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port())}
        self._start(name, [*self._command(service or name), *words], told, service)

    def check(self, name: str, service: str | None = None) -> subprocess.CompletedProcess[str]:
        """The health check of a service. A worker's asks for its host, which is its name here."""
        kind, *words = self.file["services"][service or name]["healthcheck"]["test"]
        command = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        command = [self._here(word) for word in command]
        if name == "redis":
            command[1:1] = ["-p", str(self.ports["redis"])]
        environment = self.environment(service or name) | {"HOSTNAME": name if service else socket.gethostname()}
        return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300, check=False)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.said").read_text(encoding="utf-8", errors="replace")

    def airflow(self, *words: str) -> str:
        """An Airflow command, as somebody gives it in a container."""
        done = subprocess.run(
            ["airflow", *words], cwd=CHECKOUT, env=self.environment("scheduler"), capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def environment(self, service: str) -> dict[str, str]:
        """What the image and the file say, for this machine."""
        told = _image() | {name: value or "" for name, value in self.file["services"][service].get("environment", {}).items()}
        told = {name: self._here(value) for name, value in told.items()}
        kept = {
            name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ
        }
        own = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT / "plugins"),
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler-health"]),
            MARK: str(self.folder),
        }
        return kept | told | self.connections | own

    def _start(self, name: str, command: list[str], told: dict[str, str], service: str | None = None) -> None:
        with (self.folder / f"{name}.said").open("wb") as said:
            self.running[name] = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=self.environment(service or name) | told,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _command(self, service: str) -> list[str]:
        told = self.file["services"][service]["command"]
        return [self._here(word) for word in (shlex.split(told) if isinstance(told, str) else told)]

    def _here(self, text: str) -> str:
        """Addresses and paths of the containers as those of this machine."""
        if text.startswith("{"):
            told = json.loads(text)
            if told.get("host") == "postgres":
                told |= {"host": LOOPBACK, "port": self.cluster.port}
            return json.dumps(told)
        for there, here in (
            ("@postgres/", lambda: f"@{LOOPBACK}:{self.cluster.port}/"),
            ("@redis:6379", lambda: f"@{LOOPBACK}:{self.ports['redis']}"),
            ("http://api-server:8080", lambda: self.url),
            ("http://localhost:8080", lambda: self.url),
            ("http://localhost:8974", lambda: f"http://{LOOPBACK}:{self.ports['scheduler-health']}"),
            ("/opt/petitions", lambda: str(CHECKOUT)),
            ("/var/lib/petitions", lambda: str(self.home)),
        ):
            if there in text:
                text = text.replace(there, here())
        return text


def missing() -> str | None:
    """What this machine lacks to run the services, with the cure."""
    absent = [program for program in ("redis-server", "curl") if not shutil.which(program)]
    packages = " ".join(absent)
    return f"not installed: {packages}: apt-get install {packages} (macOS: brew install redis curl)" if absent else None


def _image() -> dict[str, str]:
    """The environment that the Dockerfile sets."""
    text = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return dict(word.split("=", 1) for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE) for word in shlex.split(line))
