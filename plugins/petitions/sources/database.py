"""Asking a platform through an exchange database (前置库): a read-only connection, key-set pages, and bounded patience.

A platform's module says which table holds its records and what belongs to them; everything else is here.

Service:    tables of SQLite, MySQL/MariaDB or PostgreSQL, opened read-only; which ones and with what columns is ``[tables]`` of the map
Asked by:   the update time (``updated_at`` of the map) in a closed window of whole seconds, or by numbers (``source_no``)
Pages:      key-set on (update time, :attr:`DatabaseSource.key`), never OFFSET
Notes:      rows whose update time cannot be placed in any window come with every pull, so that they are seen in quarantine
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from petitions.model import BEIJING
from petitions.said import Said
from petitions.sources.base import Ask, LaneDown, LaneStopped, Page, Raw, Source, Window

DRIVERS = {
    "sqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}


class DatabaseSource(Source):
    """A lane of tables. Sub-classes name the table of their records, and say what else changes and belongs to one."""

    kind = "database"
    lookup_size = 500
    #: The table with one row per ticket.
    table: ClassVar[str]
    #: Its column that tells rows of one update time apart.
    key: ClassVar[str] = "id"

    def pages(self, ask: Ask) -> Iterator[Page]:
        if ask.window:
            yield from self._window_pages(ask.window, ask.resume)
        for start in range(0, len(ask.numbers), self.lookup_size):
            asked = [bound(number) for number in ask.numbers[start : start + self.lookup_size]]
            found = self.ask(self._select.where(self._number.in_(asked)).order_by(self._updated, self._key))
            yield Page(records=self.records_of(found), total=len({row[self._number.name] for row in found}))

    def changed(self, window: Window) -> sa.ColumnElement[bool]:
        """The rows touched in the window."""
        return within(self._updated, window)

    def records_of(self, rows: list[Raw]) -> list[Raw]:
        """The raw records of some rows of the table, with what other tables hold of them."""
        return [plain(row) for row in rows]

    def ask(self, statement: sa.Select[Any]) -> list[Raw]:
        """The rows of one statement.

        :raises LaneStopped: where the database does not answer.
        """

        def once() -> list[Raw]:
            with self.engine.connect() as connection:
                return [dict(row) for row in connection.execute(statement).mappings()]

        return self._retried(once)

    # --- what is asked --------------------------------------------------------------------------------------------------

    def _window_pages(self, window: Window, last: tuple[Any, Any] | None) -> Iterator[Page]:
        """The pages behind ``last``, update time and key of the last row before them."""
        size = int(self.connection.extra.get("page_size", 500))
        at, number, placed, changed = self._updated, self._key, ~self._unplaced(), self.changed(window)
        while True:
            statement = self._select.where(placed, changed).order_by(at, number).limit(size)
            if last:
                statement = statement.where(at >= bound(last[0]), sa.or_(at > bound(last[0]), number > bound(last[1])))
            found = self.ask(statement)
            if found:
                last = (_plain_value(found[-1][at.name]), _plain_value(found[-1][number.name]))
                yield Page(records=self.records_of(found), resume=last)
            if len(found) < size:
                break
        found = self.ask(self._select.where(self._unplaced()).order_by(number))
        # Counted last: a ticket touched meanwhile has left the closed window, and the next pull has it.
        yield Page(records=self.records_of(found), total=self._count(sa.or_(self._unplaced(), changed)))

    def _unplaced(self) -> sa.ColumnElement[bool]:
        """Update times that lie in no window: empty, or (SQLite holds anything) no time at all."""
        return sa.func.datetime(self._updated).is_(None) if self.engine.dialect.name == "sqlite" else self._updated.is_(None)

    def _count(self, condition: sa.ColumnElement[bool]) -> int:
        """Distinct numbers; a row without one counts by itself."""
        counted = sa.func.count(sa.distinct(self._number)) + sa.func.count() - sa.func.count(self._number)
        return int(self.ask(sa.select(counted.label("total")).select_from(self.tables[self.table]).where(condition))[0]["total"])

    @property
    def _select(self) -> sa.Select[Any]:
        return sa.select(self.tables[self.table])

    @property
    def _number(self) -> sa.ColumnElement[Any]:
        return self._column(self._map["fields"]["source_no"])

    @property
    def _updated(self) -> sa.ColumnElement[Any]:
        return self._column(self._map["fields"]["updated_at"])

    @property
    def _key(self) -> sa.ColumnElement[Any]:
        return self._column(self.key)

    def _column(self, name: str) -> Any:
        return self.tables[self.table].c[name]

    # --- the database ---------------------------------------------------------------------------------------------------

    @property
    def _map(self) -> dict[str, Any]:
        return self.settings.source_maps[self.name]

    @cached_property
    def engine(self) -> sa.Engine:
        driver = DRIVERS.get(self.connection.conn_type)
        if driver is None:
            raise LaneStopped(
                Said(
                    f"{self.name}: expected a connection of type sqlite, mysql or postgres, found {self.connection.conn_type!r}; "
                    f"correct {self.variable}",
                    "前置库的连接类型不对，请技术人员更正",
                )
            )
        seconds = int(self.connection.extra.get("timeout_s", 60))
        if driver == "sqlite":
            return _sqlite(self, self.connection.host or self.connection.schema or "", seconds)
        url = sa.URL.create(
            driver,
            self.connection.login,
            self.connection.password,
            self.connection.host,
            self.connection.port,
            self.connection.schema,
        )
        # Read-only by the session as well as by the grant, Beijing time, and no statement that runs for ever.
        if driver.startswith("postgresql"):
            options = f"-c default_transaction_read_only=on -c timezone=Asia/Shanghai -c statement_timeout={seconds * 1000}"
            return sa.create_engine(url, connect_args={"options": options, "connect_timeout": 10}, isolation_level="AUTOCOMMIT")
        settings = "SET SESSION TRANSACTION READ ONLY, time_zone = '+08:00'"
        arguments = {"init_command": settings, "connect_timeout": 10, "read_timeout": seconds}
        return sa.create_engine(url, connect_args=arguments, isolation_level="AUTOCOMMIT")

    @cached_property
    def tables(self) -> dict[str, sa.TableClause]:
        """The tables of the map with the columns they have today.

        Columns carry no type: what the database holds is landed as it is, also a time that is none.
        """
        required: dict[str, list[str]] = self._map["tables"]
        held = {table: self._retried(lambda table=table: _columns(self.engine, table)) for table in required}
        missing = [table for table, columns in held.items() if not columns]
        for table, columns in held.items():
            missing += [f"{table}.{column}" for column in required[table] if columns and column not in columns]
        if missing:
            text = (
                f"{self.name}: expected {', '.join(missing)} in the exchange database, found no such table or column; "
                f"ask the platform what was renamed, then correct config/sources/{self.name}.toml or the view"
            )
            raise LaneStopped(Said(text, f"前置库缺少表或字段：{'、'.join(missing)}，请向平台方了解改动"))
        return {table: sa.table(table, *map(sa.column, columns)) for table, columns in held.items()}

    def _retried(self, once: Any) -> Any:
        attempts = Retrying(
            stop=stop_after_attempt(int(self.connection.extra.get("max_attempts", 4))),
            wait=wait_random_exponential(multiplier=0.5, max=20),
            retry=retry_if_exception(_passing),
            reraise=True,
        )
        try:
            return attempts(once)
        except sa.exc.DBAPIError as error:
            # The driver's text may hold values of the statement; the kind of error does not.
            text = (
                f"{self.name}: the exchange database does not answer ({type(error.orig).__name__}: {_first_line(error)}); "
                f"see whether it is up and {self.variable} is right (`petitions doctor`)"
            )
            raise (LaneDown if _passing(error) else LaneStopped)(Said(text, "前置库没有应答，请查看其是否正常、连接是否正确")) from None


# --- statements and values ----------------------------------------------------------------------------------------------------


def within(column: sa.ColumnElement[Any], window: Window) -> sa.ColumnElement[bool]:
    """The closed window in whole seconds: a fraction of the last second still lies in it. Text, for every engine reads it as a time."""
    start, end = window.start.astimezone(BEIJING).replace(microsecond=0), window.end.astimezone(BEIJING).replace(microsecond=0)
    after = end + timedelta(seconds=1)
    return sa.and_(column >= bound(f"{start:%Y-%m-%d %H:%M:%S}"), column < bound(f"{after:%Y-%m-%d %H:%M:%S}"))


def bound(value: Any) -> sa.ColumnElement[Any]:
    """A value without a type of ours: the engine reads it as the type of the column that it is compared with."""
    return sa.literal(value, sa.types.NullType())


def plain(row: Raw) -> Raw:
    """The row as JSON can hold it: times as Beijing text, decimals as text."""
    return {column: _plain_value(value) for column, value in row.items()}


def _sqlite(source: DatabaseSource, file: str, seconds: int) -> sa.Engine:
    if not Path(file).is_file():
        text = f"{source.name}: expected an SQLite file at {file!r}, found none; correct host in {source.variable}"
        raise LaneStopped(Said(text, "找不到前置库，请技术人员更正连接"))
    url = sa.URL.create("sqlite", database=Path(file).absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    return sa.create_engine(url, connect_args={"timeout": seconds})


def _columns(engine: sa.Engine, table: str) -> list[str]:
    try:
        return [column["name"] for column in sa.inspect(engine).get_columns(table)]
    except sa.exc.NoSuchTableError:
        return []


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        local = value.astimezone(BEIJING).replace(tzinfo=None) if value.tzinfo else value
        return local.isoformat(sep=" ")
    if isinstance(value, date | time | Decimal):
        return str(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _passing(error: BaseException) -> bool:
    """Worth asking again: the server was away or busy. A wrong password or a missing right stays wrong."""
    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return False
    told = str(error.orig).lower()
    return not any(word in told for word in ("authentication", "password", "access denied", "denied", "does not exist", "no such"))


def _first_line(error: sa.exc.DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [""])[0][:160]
