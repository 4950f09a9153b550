"""Where the ledger's sets are computed: in the embedded engine, whichever engine keeps the warehouse.

The steps between versions and ledger sort and join every event several times over; DuckDB does that in columns, PostgreSQL row by row and
in ten times the time. Over an embedded warehouse the bench is the warehouse's own session, and nothing is copied. Over PostgreSQL it is a
database in memory: what changed comes by COPY, and what follows from it goes back by COPY, within the session's transaction.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from petitions.warehouse import DuckDB, Postgres, Warehouse


class Workbench(ABC):
    """A warehouse, and beside it or in it the session that computes."""

    session: Warehouse

    @abstractmethod
    def bring(self, table: str, query: str | None = None) -> None:
        """Have on the bench what a query of the warehouse answers, or the warehouse's table of this name, as it is now."""

    @abstractmethod
    def give(self, table: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Append what a query of the bench answers to a table of the warehouse, in the order of its columns."""


class InPlace(Workbench):
    """The warehouse's own session, in which all its tables are at hand."""

    def __init__(self, warehouse: DuckDB) -> None:
        self.session = warehouse

    def bring(self, table: str, query: str | None = None) -> None:
        if query:
            self.session.execute(f"create or replace temp view {table} as {query}")

    def give(self, table: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.session.execute(f"insert into {table} {query}", parameters)


class Beside(Workbench):
    """A database in memory; what needs more than a writer's share spills into a folder that goes with it."""

    def __init__(self, warehouse: Postgres, session: DuckDB) -> None:
        self.session = session
        self._warehouse, self._session = warehouse, session
        session.execute("create schema core")

    def bring(self, table: str, query: str | None = None) -> None:
        self._session.arrive(table, self._warehouse.read(query or f"select * from {table}"))

    def give(self, table: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
        columns = self._warehouse.columns(table)
        names = ", ".join(columns)
        # The binary COPY wants each column in the table's own type; a uuid is its bytes.
        typed = ", ".join(
            f"cast({f'cast({name} as uuid)' if told == 'uuid' else name} as {_OF_COPY.get(told, told)})" for name, told in columns.items()
        )
        self._warehouse.append(table, self._session.read(f"select {typed} from ({query}) as given ({names})", parameters))


_OF_COPY = {"uuid": "blob"}


@contextmanager
def workbench(warehouse: Warehouse) -> Iterator[Workbench]:
    """The bench of a session; what is on it goes when the context ends."""
    if isinstance(warehouse, DuckDB):
        yield InPlace(warehouse)
        return
    assert isinstance(warehouse, Postgres)
    with (
        tempfile.TemporaryDirectory(prefix="petitions-bench-") as spill,
        closing(DuckDB(Path(":memory:"), read_only=False, spill=Path(spill))) as session,
    ):
        yield Beside(warehouse, session)
