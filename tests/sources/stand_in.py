"""A platform of each kind, made of a sample: a real HTTP server, a real database, real files, whatever the source.

The sample of a source is ``tests/sources/samples/<name>.json``:

``records``       at least three raw records with different numbers, as the platform sends them (database: rows of the table of tickets)
``personal``      personal data in them, each as it stands there
``unknown_code``  a field of a record and a value that its code table does not hold; left out where the map has no code tables
``wire``          of HTTP: ``path``; the parameters ``from``, ``to``, ``numbers``, ``size`` and ``page`` or ``cursor`` (in a JSON body by
                  dots); ``answer`` with the places ``$records``, ``$total``, ``$page``, ``$size`` and ``$cursor``
``beside``        of HTTP: path → answer of other questions, such as one for a token; of a database: table → rows of other tables

``python -m tests.sources.stand_in NAME COMMAND …`` runs a command with the connection of NAME at its stand-in.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from petitions.connections import Connection
from petitions.model import BEIJING, SOURCE_LABELS
from petitions.record import FieldMap, Record
from petitions.settings import CHECKOUT, Settings
from petitions.sources import source_class, ticket_number
from petitions.sources.base import Raw
from tests.sources.loopback import Asked, Loopback, Reply, free_port, serving

SAMPLES = Path(__file__).parent / "samples"
CONFIG = Settings(Path("/nowhere"), CHECKOUT / "config")


class StandIn(ABC):
    """One platform. Tests change ``records`` and then call :meth:`publish`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.told: dict[str, Any] = CONFIG.source_maps[name]
        self.sample: dict[str, Any] = sample(name)
        self.records: list[Raw] = deepcopy(self.sample["records"])
        self.broken: str | None = None

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """With pages of one record."""

    @property
    @abstractmethod
    def contract(self) -> list[str]:
        """The keys, columns or tables without which the lane must stop."""

    @abstractmethod
    def publish(self) -> None:
        """Let the platform show ``records``, without the part of its contract that is ``broken``."""

    @abstractmethod
    def leave(self) -> None:
        """Be away from now on."""

    @property
    def requests(self) -> int:
        return 0

    def number(self, record: Raw) -> str | None:
        return ticket_number(record, self.told["fields"]["source_no"])

    def touched(self, record: Raw) -> datetime | None:
        """The platform update time of a record."""
        return _time(record, self.told["fields"]["updated_at"])


class HttpStandIn(StandIn):
    """Answers as ``wire`` says."""

    server: Loopback
    away = False
    gone: int | None = None

    @property
    def connection(self) -> Connection:
        extra = {"page_size": 1, "requests_per_second": 1000, "patience_s": 1}
        return Connection(f"petitions_{self.name}", "http", "127.0.0.1", self.gone or self.server.port, "app", "secret", "http", extra)

    @property
    def contract(self) -> list[str]:
        return list(self.told["envelope"])

    @property
    def requests(self) -> int:
        return len(self.server)

    def publish(self) -> None:
        """The next answer shows it."""

    def leave(self) -> None:
        if self.away:
            self.gone = free_port()  # first busy for good, then nobody there
        self.away = True

    def __call__(self, asked: Asked) -> Reply:
        if self.away:
            return Reply("<html>bad gateway</html>", 502)
        wire, beside = self.sample["wire"], self.sample.get("beside", {})
        if asked.path in beside:
            return Reply(beside[asked.path])
        if asked.path != wire["path"]:
            return Reply({"message": "no such interface"}, 404)
        body = json.loads(asked.body) if asked.body[:1] == b"{" else {}
        told = {name: _by_dots(asked.query | body, path) for name, path in wire.items() if name not in ("path", "answer")}
        return Reply(_without(self._answer(told), self.broken))

    def _answer(self, told: dict[str, Any]) -> Any:
        found, size = self._found(told), max(1, int(told.get("size") or 500))
        start = int(told["cursor"]) if told.get("cursor") else (int(told.get("page") or 1) - 1) * size
        cursor = str(start + size) if start + size < len(found) else None
        places = {"records": found[start : start + size], "total": len(found), "page": start // size + 1, "size": size, "cursor": cursor}
        return _filled(self.sample["wire"]["answer"], places)

    def _found(self, told: dict[str, Any]) -> list[Raw]:
        numbers = told.get("numbers")
        if numbers:
            asked = numbers.split(",") if isinstance(numbers, str) else numbers
            return [record for record in self.records if self.number(record) in asked]
        first, last = _time(told, "from"), _time(told, "to")
        assert first is not None and last is not None, "wire: expected the parameters from and to in every question without numbers"
        at = {id(record): self.touched(record) for record in self.records}
        # A record without an update time comes with every window, so that it can be seen.
        found = [record for record in self.records if (when := at[id(record)]) is None or first <= when <= last]
        return sorted(found, key=lambda record: (at[id(record)] or first, self.number(record) or ""))


class DatabaseStandIn(StandIn):
    """An SQLite file with the tables of the map."""

    @property
    def connection(self) -> Connection:
        return Connection(f"petitions_{self.name}", "sqlite", host=str(self.file), extra={"page_size": 1, "max_attempts": 2})

    @property
    def file(self) -> Path:
        return self.folder / "exchange.db"

    @property
    def contract(self) -> list[str]:
        return [part for table, columns in self.told["tables"].items() for part in (table, *(f"{table}.{column}" for column in columns))]

    def publish(self) -> None:
        self.file.unlink(missing_ok=True)
        main: str = source_class(self.name).table  # type: ignore[attr-defined]
        held = {main: self.records} | self.sample.get("beside", {})
        with sqlite3.connect(self.file) as connection:
            for table, required in self.told["tables"].items():
                if table != self.broken:
                    self._write(connection, table, required, held.get(table, []))
        connection.close()

    def leave(self) -> None:
        self.file.unlink(missing_ok=True)

    def _write(self, connection: sqlite3.Connection, table: str, required: list[str], rows: list[Raw]) -> None:
        every = [*required, *(column for row in rows for column in row)]
        columns = [column for column in dict.fromkeys(every) if f"{table}.{column}" != self.broken]
        connection.execute(f"create table {table} ({', '.join(columns)})")
        places = ", ".join("?" * len(columns))
        connection.executemany(f"insert into {table} values ({places})", [[row.get(column) for column in columns] for row in rows])


class FilesStandIn(StandIn):
    """Two CSV files in a folder, exported on the two days after the last registration: the first half of the records, and the rest."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, folder)
        came = [at for record in self.records if (at := _time(record, self.told["fields"]["received_at"]))]
        self.days = [max(came).date() + timedelta(days=ahead) for ahead in (1, 2)]

    @property
    def connection(self) -> Connection:
        return Connection(f"petitions_{self.name}", "fs", extra={"path": str(self.folder / "drop")})

    @property
    def contract(self) -> list[str]:
        return list(self.told["required"])

    def touched(self, record: Raw) -> datetime | None:
        place = next(place for place, one in enumerate(self.records) if one is record)
        return datetime.combine(self.days[place >= len(self.records) // 2], time(23, 59, 59), BEIJING)

    def publish(self) -> None:
        (self.folder / "drop").mkdir(exist_ok=True)
        half, columns = len(self.records) // 2, list(dict.fromkeys(column for record in self.records for column in record))
        header = ["renamed" if column == self.broken else column for column in columns]
        for day, records in zip(self.days, (self.records[:half], self.records[half:]), strict=True):
            name = f"{SOURCE_LABELS[self.name]}_{day:%Y%m%d}.csv"
            with (self.folder / "drop" / name).open("w", encoding="utf-8-sig", newline="") as text:
                csv.writer(text).writerows([header, *([record.get(column) for column in columns] for record in records)])

    def leave(self) -> None:
        if (self.folder / "drop").exists():
            (self.folder / "drop").rename(self.folder / "unmounted")


def sample(name: str) -> dict[str, Any]:
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.fail(f"{name}: expected a sample in {path}, found none; `petitions new-source --help` says how a source begins")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@contextmanager
def standing_in(name: str, folder: Path) -> Iterator[StandIn]:
    """The platform of a source, up and showing its sample."""
    kinds: dict[str, type[StandIn]] = {"http": HttpStandIn, "database": DatabaseStandIn, "files": FilesStandIn}
    up = kinds[source_class(name).kind](name, folder)
    up.publish()
    if isinstance(up, HttpStandIn):
        with serving(up) as up.server:
            yield up
    else:
        yield up


def _time(record: Raw, name: str) -> datetime | None:
    return Record(record, FieldMap("any", {})).time(name)


def _by_dots(told: Any, path: str) -> Any:
    for key in path.split("."):
        told = told.get(key) if isinstance(told, dict) else None
    return told


def _filled(answer: Any, places: dict[str, Any]) -> Any:
    if isinstance(answer, dict):
        return {key: _filled(value, places) for key, value in answer.items()}
    if isinstance(answer, str) and answer.startswith("$"):
        return places[answer[1:]]
    return answer


def _without(answer: Any, path: str | None) -> Any:
    """The answer without the key at the end of a dotted path."""
    if path is None:
        return answer
    head, _, rest = path.partition(".")
    return {key: _without(value, rest) if key == head else value for key, value in answer.items() if key != head or rest}


def main() -> int:
    name, *command = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, standing_in(name, Path(folder)) as up:
        told = {key: value for key, value in vars(up.connection).items() if key != "conn_id" and value is not None}
        connection = {f"AIRFLOW_CONN_PETITIONS_{name.upper()}": json.dumps(told)}
        return subprocess.run(command, env=os.environ | connection, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
