"""Where the ledger's sets are computed: in the embedded engine, whichever engine keeps the warehouse.

The steps between sightings and ledger sort and join every event several times over; DuckDB does that in columns, PostgreSQL row by row and
in ten times the time. Over an embedded warehouse the bench is the warehouse's own session, and nothing is copied. Over PostgreSQL it is a
database in memory: what changed comes by COPY, and what follows from it goes back by COPY, within the session's transaction. So it is over
an embedded warehouse too where very much has changed, because a transaction of DuckDB keeps every temporary table until its end, also one
that was dropped: of so many that they fill its memory.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from petitions.warehouse import DuckDB, Postgres, Warehouse


class Workbench(ABC):
    """A warehouse, and beside it or in it the session that computes."""

    session: DuckDB

    @abstractmethod
    def sides(self) -> Sequence[Workbench]:
        """This bench, and what others there are over the same tables, each with temporary tables of its own: for work at once."""

    @abstractmethod
    def see(self, *tables: str) -> None:
        """Have the warehouse's tables on the bench under their own names, as they are now."""

    @abstractmethod
    def bring(self, table: str, query: str, once: bool = False) -> None:
        """Have on the bench what a query of the warehouse answers; ``once`` where the bench reads it once, so that nothing need be kept."""

    @abstractmethod
    def hand_over(self, table: str) -> None:
        """Have a temporary table of the bench in the warehouse, in place of one of this name."""

    @abstractmethod
    def give(self, given: Iterable[tuple[str, str]], parameters: Mapping[str, Any] | None = None) -> None:
        """Append to tables of the warehouse, one after the other, what queries of the bench answer, in the order of their columns."""


class InPlace(Workbench):
    """The warehouse's own session, in which all its tables are at hand."""

    def __init__(self, warehouse: DuckDB) -> None:
        self.session = warehouse

    def sides(self) -> Sequence[Workbench]:
        return (self,)

    def see(self, *tables: str) -> None:
        pass

    def bring(self, table: str, query: str, once: bool = False) -> None:
        self.session.execute(f"create or replace temp {'view' if once else 'table'} {table} as {query}")

    def hand_over(self, table: str) -> None:
        pass

    def give(self, given: Iterable[tuple[str, str]], parameters: Mapping[str, Any] | None = None) -> None:
        for table, query in given:
            self.session.execute(f"insert into {table} {query}", parameters)


class Beside(Workbench):
    """A database in memory; what needs more than a writer's share spills into a folder that goes with it."""

    def __init__(self, warehouse: Warehouse, session: DuckDB, *others: Beside) -> None:
        self.session, self._warehouse, self._others = session, warehouse, others
        session.execute("create schema if not exists core")

    def sides(self) -> Sequence[Workbench]:
        return (self, *self._others)

    def see(self, *tables: str) -> None:
        for table in tables:
            self.bring(table, f"select * from {table}")

    def bring(self, table: str, query: str, once: bool = False) -> None:
        self.session.arrive(table, self._warehouse.read(query))

    def hand_over(self, table: str) -> None:
        told = ", ".join(f"{name} {kind}" for name, kind in self.session.columns(table).items())  # their names are PostgreSQL's too
        self._warehouse.execute(f"drop table if exists {table}")
        self._warehouse.execute(f"create temp table {table} ({told})")
        self.give([(table, f"select * from {table}")])
        self._warehouse.execute(f"analyze {table}")

    def give(self, given: Iterable[tuple[str, str]], parameters: Mapping[str, Any] | None = None) -> None:
        shown = [(table, self._shown(table, query)) for table, query in given]  # before the warehouse is busy with what it is given
        self._warehouse.append((table, self.session.read(query, parameters)) for table, query in shown)

    def _shown(self, table: str, query: str) -> str:
        columns = self._warehouse.columns(table)
        typed = ", ".join(self._typed(name, kind) for name, kind in columns.items())
        return f"select {typed} from ({query}) as given ({', '.join(columns)})"

    def _typed(self, name: str, kind: str) -> str:
        # The binary COPY wants each column in the table's own type; a uuid is its bytes.
        if kind == "uuid" and isinstance(self._warehouse, Postgres):
            return f"cast(cast({name} as uuid) as blob)"
        return f"cast({name} as {kind})"


# From so many tickets on what a refresh leaves in an embedded warehouse's own session would fill its memory.
MANY = 1_250_000


@contextmanager
def workbench(warehouse: Warehouse, tickets: int = 1) -> Iterator[Workbench]:
    """The bench of a session, for so many tickets; what is on it goes when the context ends."""
    if isinstance(warehouse, DuckDB) and tickets < MANY:
        yield InPlace(warehouse)
        return
    with (
        tempfile.TemporaryDirectory(prefix="petitions-bench-") as spill,
        closing(DuckDB(Path(":memory:"), read_only=False, spill=Path(spill))) as session,
        closing(session.beside()) as other,
        warehouse.modest(),
    ):
        yield Beside(warehouse, session, Beside(warehouse, other))
