"""End to end: landed records → checked → normalised → warehouse → clocks → ledger → marts, beside tools that only load them.

And on top of the loaded home: the night, and questions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import generate, measure, ours
from bench.records import export
from bench.results import CACHE, Result
from petitions.settings import CHECKOUT

PYTHON = CACHE / "venv" / "bin" / "python"
SCRIPTS = CHECKOUT / "bench" / "alternatives"
#: dlt's ways with JSON records, the fastest that its page on performance and those of its destinations tell. With ``nesting`` 0 the
#: steps of a ticket stay JSON text in one column; without it they become rows of a table of their own, as our events are.
_PARALLEL = {"workers": 2, "buffer": 20_000, "file": 50_000}
DLT: dict[str, dict[str, dict[str, Any]]] = {
    "duckdb": {
        "dlt, steps as rows": {"format": "parquet", **_PARALLEL},
        "dlt, steps as JSON text": {"format": "jsonl", "nesting": 0, **_PARALLEL},
    },
    "postgres": {
        "dlt, steps as rows": {"format": "parquet", **_PARALLEL},
        "dlt, steps as JSON text": {"format": "csv", "nesting": 0, **_PARALLEL},
    },
}
BARE = {"duckdb": ("arrow",), "postgres": ("copy", "adbc")}
#: The alternatives that take so long that their rate must do read at most so many records, of every batch its first ones.
SAMPLE = 100_000
#: to_sql writes row by row; so many records of each source tell its rate.
TO_SQL_RECORDS = {"duckdb": 300, "postgres": 5_000}
NIGHTS, TOUCHED, QUESTIONS = 3, 2_000, 5


@dataclass(frozen=True)
class Engine:
    """An engine at work: the fields of its connection (None: the home's own DuckDB file), and the server's process."""

    name: str
    connection: dict[str, Any] | None = None
    server: int | None = None


@contextmanager
def engines(names: Sequence[str]) -> Iterator[dict[str, Callable[[str], Engine]]]:
    """What gives each engine a fresh, empty database: name → function of a database name."""
    found: dict[str, Callable[[str], Engine]] = {}
    if "duckdb" in names:
        found["duckdb"] = lambda name: Engine("duckdb")
    if "postgres" not in names:
        yield found
        return
    import psycopg

    from tests.postgres import server

    with server() as running:
        with psycopg.connect(host=running.host, port=running.port, user=running.login, dbname="postgres") as session:
            (folder,) = session.execute("show data_directory").fetchone() or ("",)
        process = int(Path(folder, "postmaster.pid").read_text().splitlines()[0])
        yield found | {"postgres": lambda name: Engine("postgres", running.database(name), process)}


#: From so many tickets on a history begins as staged batches: to check them would take an hour, and is the same work for each million.
STAGED_FROM = 5_000_000


def home(tickets: int) -> Path:
    """A home whose landing zone holds so many tickets, or whose staging folder; made once."""
    found = CACHE / "homes" / str(tickets)
    if not (found / generate.MADE).exists():
        shutil.rmtree(found, ignore_errors=True)
        staged = ["--staged"] if tickets >= STAGED_FROM else []
        command = [sys.executable, "-m", "bench", "generate", "--tickets", str(tickets), "--home", str(found), *staged]
        Result("generate", "landed records", tickets=tickets, amount=tickets, runs=[measure.run(command)]).keep()
    return found


def sized(tickets: int, fresh: Callable[[str], Engine], parts: Sequence[str]) -> None:
    """All that is measured of one size on one engine: our load, on top of it nights and questions, then the alternatives."""
    landed = home(tickets)
    engine = fresh(f"bench_{tickets}")
    loaded = Loaded(CACHE / "loaded" / f"{engine.name}-{tickets}", engine)
    loaded.prepare(landed)
    try:
        staged = tickets >= STAGED_FROM
        told = loaded.run("load", "--home", loaded.folder, *(["--keep", loaded.staged] if "load" in parts and not staged else []))
        loaded.run("compare", "--home", loaded.folder)
        Result("staged" if staged else "load", "ours", engine.name, tickets, _records(landed), [told]).keep().say()
        if "load" in parts and not staged:
            loaded.run("tables", "--home", loaded.folder, "--into", loaded.written / "warehouse")
        if "night" in parts:
            nights(loaded, tickets)
        if "questions" in parts:
            told = loaded.run("ask", "--home", loaded.folder, "--times", QUESTIONS)
            Result("questions", "ours", engine.name, tickets, runs=[told]).keep().say()
        if "load" in parts and not staged:
            alternatives(landed, loaded, tickets, fresh)
    finally:
        loaded.remove()


def nights(loaded: Loaded, tickets: int) -> None:
    """One night after the other, each of the next tickets that the platforms touch."""
    runs, touched = [], min(TOUCHED, tickets // 10)
    for _ in range(NIGHTS):
        loaded.run("night", "--touched", touched, "--home", loaded.folder)
        runs.append(loaded.run("load", "--home", loaded.folder))
    if tickets < STAGED_FROM:  # contents of staged batches have names of their own: what a night shows again counts as new there
        loaded.run("compare", "--home", loaded.folder)
    Result("night", "ours", loaded.engine.name, tickets, touched, runs).keep().say()


def alternatives(landed: Path, loaded: Loaded, tickets: int, fresh: Callable[[str], Engine]) -> None:
    """What others do with the same records; and what nobody can spare: reading them, and writing what there is in the end."""
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="scratch-") as folder:
        scratch, engine = Path(folder), loaded.engine.name
        for way in BARE[engine]:
            _alternative(f"bare {way}", tickets, fresh, scratch, ["bare.py", loaded.staged, "ENGINE", way])
            _alternative(f"written {way}", tickets, fresh, scratch, ["bare.py", loaded.written, "ENGINE", way])
        plain = scratch / "records"
        export(landed, plain, SAMPLE)
        _alternative("decoded", tickets, fresh, scratch, ["decode.py", plain, os.cpu_count()])
        limit = TO_SQL_RECORDS[engine]
        _alternative(
            "pandas to_sql", tickets, fresh, scratch, ["to_sql.py", plain, "ENGINE", limit], f"at most {limit:,} records of each source"
        )
        for what, options in DLT[engine].items():
            told = json.dumps(options)
            _alternative(what, tickets, fresh, scratch, ["dlt_load.py", plain, "ENGINE", told], told)


def _alternative(what: str, tickets: int, fresh: Callable[[str], Engine], scratch: Path, words: list[Any], note: str = "") -> None:
    """Run one of ``bench/alternatives`` into an empty database; ``ENGINE`` among the words stands for it."""
    engine, file = fresh("bench_other"), scratch / "other.duckdb"
    connection = json.dumps(engine.connection or {"conn_type": "duckdb", "host": str(file)})
    command = [PYTHON, SCRIPTS / words[0], *(connection if word == "ENGINE" else word for word in words[1:])]
    try:
        told = measure.run(command, env={"BENCH_SCRATCH": str(scratch), "PYTHONPATH": ""}, server=engine.server)
    except measure.Failed as failed:  # the others are measured all the same
        click.echo(f"load {what} {engine.name} {tickets:,} tickets: no result: {failed}", sys.stderr)
        return
    finally:
        file.unlink(missing_ok=True)
    Result("load", what, engine.name, tickets, told.told["records"], [told], note=note).keep().say()


@dataclass(frozen=True)
class Loaded:
    """A home of its own over landed files that others share, and the engine its warehouse is in."""

    folder: Path
    engine: Engine

    @property
    def staged(self) -> Path:
        return self.folder.with_name(self.folder.name + "-staged")

    @property
    def written(self) -> Path:
        return self.folder.with_name(self.folder.name + "-written")

    def prepare(self, landed: Path) -> None:
        self.remove()
        self.folder.mkdir(parents=True, mode=0o700)
        made = [folder for name in ("landing", "staging") if (folder := landed / name).exists()]
        subprocess.run(["cp", "-al", *made, self.folder], check=True)
        shutil.copy(landed / generate.MADE, self.folder)

    def run(self, *words: Any) -> measure.Measured:
        """A command of ``python -m bench`` with the settings of the home.

        :raises measure.Failed: where it does not end well; ``compare`` does not where a figure is not the generator's.
        """
        environment = ours.environment(self.folder, self.engine.connection)
        return measure.run([sys.executable, "-m", "bench", *words], env=environment, server=self.engine.server)

    def remove(self) -> None:
        for folder in (self.folder, self.staged, self.written):
            shutil.rmtree(folder, ignore_errors=True)


def _records(landed: Path) -> int:
    return int(json.loads((landed / generate.MADE).read_text(encoding="utf-8"))["records"])
