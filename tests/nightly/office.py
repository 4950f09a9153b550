"""An office for the tests: its home, its connections, and the ``petitions`` command, every time in a process of its own.

Nearly all of a short run is the import of Great Expectations and pandas. :meth:`Office.start` therefore forks from a process that
has imported them; what it gives is a process like any other, with its own environment and outputs, that can be killed.
:meth:`Office.cold` starts from nothing, as a person does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from petitions import warehouse
from petitions.settings import Settings
from platforms.home import DemoHome
from platforms.processes import running

CHECKOUT = Path(__file__).resolve().parents[2]
WAREHOUSE = "AIRFLOW_CONN_PETITIONS_WAREHOUSE"
YEAR = ("--from", "2023-01-01", "--to", "2023-12-31")
PRELOADED = (
    "petitions.nightly",
    "petitions.check",
    "petitions.extract",
    "petitions.report",
    "petitions.sources.http",
    "great_expectations",
    "great_expectations.core",
    "openpyxl",
    "sqlalchemy",
    "tests.nightly.office",
)
#: Nothing here takes a minute by itself; a command that hangs fails its test.
PATIENCE_S = 600


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def causes(self) -> list[str]:
        """What it says on standard error about red lanes."""
        return [line for line in self.err.splitlines() if line.startswith("red ")]


@dataclass
class Started:
    """A command under way."""

    process: Any
    folder: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def wait(self) -> Ended:
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.kill()
            raise AssertionError(f"no end within {PATIENCE_S} s: {(self.folder / 'err').read_text(encoding='utf-8')}")
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Ended(self.process.exitcode, out, err)


@dataclass(frozen=True)
class Office:
    """One home, and where its platforms are (``AIRFLOW_CONN_…`` variables)."""

    home: Path
    connections: Mapping[str, str] = field(default_factory=dict)
    config: Path | None = None

    def run(self, *arguments: str) -> Ended:
        """``petitions run …``"""
        return self.command("run", *arguments)

    def command(self, *arguments: str) -> Ended:
        return self.start(*arguments).wait()

    def start(self, *arguments: str) -> Started:
        folder = Path(tempfile.mkdtemp(prefix="command-", dir=_beside(self.home)))
        process = _warm().Process(target=_become, args=(arguments, self.environment, str(folder)))
        process.start()
        return Started(process, folder)

    def cold(self, *arguments: str) -> Ended:
        command = [*program(), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    def metrics(self, population: str, *arguments: str, window: tuple[str, ...] = YEAR) -> dict[str, Any]:
        told: dict[str, Any] = self.command("metrics", "--population", population, *window, "--format", "json", *arguments).json
        return told

    def figures(self, population: str, by: str, *arguments: str, window: tuple[str, ...] = YEAR) -> dict[str, dict[str, Any]]:
        """The metrics of each group, by its name."""
        told = self.metrics(population, "--by", by, *arguments, window=window)
        return {group["by"][by]: group for group in told["groups"]}

    def tickets(self, metric: str, population: str = "appeals", *arguments: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.command("tickets", metric, "--population", population, *YEAR, "--format", "json", *arguments).json
        return told

    def batches(self, source: str | None = None) -> list[dict[str, Any]]:
        told = self.command("reconcile", "--format", "json").json
        return [batch for batch in told if source in (None, batch["source"])]

    def quarantine(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.command("quarantine", "list", "--format", "json").json
        return told

    def latest(self) -> str:
        """The moment of the last knowledge, to ask ``--as-known`` later."""
        return str(max(datetime.fromisoformat(batch["fetched_at"]) for batch in self.batches()).isoformat())

    def copy(self, home: Path) -> Office:
        shutil.copytree(self.home, home)
        return replace(self, home=home)

    def told(self, **connections: Any) -> Office:
        """The same office with other connections; None takes one away. Named by source."""
        variables = dict(self.connections)
        for source, connection in connections.items():
            variables.pop(variable(source), None)
            if connection is not None:
                variables[variable(source)] = json.dumps(connection)
        return replace(self, connections=variables)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the person who runs the tests, less what would lead a command elsewhere."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PETITIONS_"))}
        kept |= {"PETITIONS_HOME": str(self.home), "PYTHONPATH": str(CHECKOUT / "plugins"), "PYTHONUTF8": "1"}
        kept |= {"TMPDIR": str(self.scratch), **self.connections}
        return kept | ({"PETITIONS_CONFIG": str(self.config)} if self.config else {})

    @property
    def scratch(self) -> Path:
        """Where a command may put what it removes again."""
        folder = _beside(self.home) / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, config=self.config or CHECKOUT / "config")

    def beside(self, told: Mapping[str, Any] | str | None) -> Office:
        """The same office with its warehouse there (an Airflow connection); None is the embedded engine of its home."""
        others = {name: value for name, value in self.connections.items() if name != WAREHOUSE}
        written = told if isinstance(told, str) else json.dumps(told)
        return replace(self, connections=others | ({WAREHOUSE: written} if told else {}))

    @contextmanager
    def here(self) -> Iterator[None]:
        """Within the block this process is the office's too."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(WAREHOUSE, raising=False)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.here(), warehouse.reader(self.settings) as held:
            return held.rows(query)


@dataclass(frozen=True)
class County:
    """The stand-in platforms of one demo county, up and running."""

    demo: DemoHome
    ports: dict[str, int]

    def office(self, home: Path) -> Office:
        """A fresh home at these platforms. The key of persons is the same in all, so that what they hold can be compared."""
        key = home / "secrets" / "person_key"
        if not key.exists():
            key.parent.mkdir(parents=True, mode=0o700)
            key.write_text("5e" * 32, encoding="ascii")
            key.chmod(0o600)
        return Office(home).told(**{name.removeprefix("petitions_"): told for name, told in self.demo.connections(self.ports).items()})

    def connection(self, source: str) -> dict[str, Any]:
        return self.demo.connections(self.ports)[f"petitions_{source}"]

    def change(self, ticket_id: str, attribute: str, value: str) -> None:
        _platforms("change", "--home", str(self.demo.root), ticket_id, attribute, value)

    def set_now(self, moment: str) -> None:
        _platforms("now", "--home", str(self.demo.root), moment)
        for source in self.ports:
            self.control(source, "now", {"now": moment})

    def requests(self, source: str) -> int:
        return int(self.control(source, "state")["requests"])

    def control(self, source: str, what: str, told: Any = None) -> dict[str, Any]:
        body = None if told is None else json.dumps(told).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[source]}/control/{what}", body, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def county(root: Path, now: datetime | None = None) -> Iterator[County]:
    demo = DemoHome(root)
    demo.build(now)
    with running(demo) as ports:
        yield County(demo, ports)


def variable(source: str) -> str:
    return f"AIRFLOW_CONN_PETITIONS_{source.upper()}"


def program() -> list[str]:
    """The installed command; in a checkout without one, what it would run."""
    installed = Path(sys.executable).parent / "petitions"
    return [str(installed)] if installed.exists() else [sys.executable, "-c", "from petitions.cli import main; main()"]


def state(office: Office, *, knowledge: bool = False) -> dict[str, list[str]]:
    """What the warehouse holds, as sorted rows to compare. Without ``knowledge`` only what is known now, and not since when."""
    now = "" if knowledge else f" where known_to = timestamptz '{warehouse.FOREVER}'"
    moments = () if knowledge else ("version_id", "known_from", "known_to")
    tables = {name: (f"select * from core.{name}{now}", moments) for name in ("ticket_version", "posting", "passage")}
    tables["clock"] = (f"select c.* from core.clock c join core.ticket_version v on v.version_id = c.version_id{now}", moments)
    tables["versions"] = ("select ticket_id, count(*) as versions from core.ticket_version group by ticket_id", ())
    tables |= {name: (f"select * from {name}", ()) for name in ("core.content", "core.content_event", "marts.daily")}
    tables["quarantine"] = ("select distinct record_id, source, source_no, rule, reason from control.quarantine_sighting", ())
    return {name: comparable(office.rows(query), left_out) for name, (query, left_out) in tables.items()}


def known_now(office: Office) -> dict[str, list[str]]:
    """Without how often what we knew of a ticket changed: of exports read on one day only the newest was ever known, of exports read
    one by one, in their order or in another, each was known for a while."""
    return {name: rows for name, rows in state(office).items() if name != "versions"}


def figures(office: Office) -> dict[str, Any]:
    """The figures of the year that an office prints, without the moment of knowledge."""
    told: dict[str, Any] = {population: office.metrics(population, "--by", "source,month") for population in ("appeals", "cases", "visits")}
    for answer in told.values():
        del answer["as_known"]
    return told | {"flow": office.command("flow", "--population", "appeals", *YEAR, "--by", "source", "--format", "json").json}


def unlike(batches: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The batches that do not reconcile."""
    return [
        batch
        for batch in batches
        if batch["landed"] != batch["new_versions"] + batch["unchanged"] + batch["quarantined"]
        or batch["numbers"] < batch["platform_total"]
        or batch["status"] == "red"
    ]


def comparable(rows: Iterable[dict[str, Any]], left_out: tuple[str, ...] = ()) -> list[str]:
    """Rows sorted and written so that both engines write the same."""
    return sorted(repr({name: _written(value) for name, value in row.items() if name not in left_out}) for row in rows)


def _written(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _platforms(*arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    subprocess.run([sys.executable, "-m", "platforms", *arguments], env=environment, check=True, capture_output=True, timeout=PATIENCE_S)


def _beside(home: Path) -> Path:
    folder = home.with_name(home.name + ".commands")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def _warm() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    kept = dict(os.environ)
    try:
        # The server reads these once; a command gets its own environment.
        os.environ |= {"PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'plugins'}", "GX_ANALYTICS_ENABLED": "False", "PYTHONUTF8": "1"}
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return context


def _become(arguments: tuple[str, ...], environment: dict[str, str], folder: str) -> None:
    """Turn the forked process into the command."""
    os.environ.clear()
    os.environ.update(environment)
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.argv = ["petitions", *arguments]
    tempfile.tempdir = None  # what the process that was forked found out about TMPDIR
    from petitions.cli import main

    main(list(arguments), prog_name="petitions")
