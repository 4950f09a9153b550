"""智慧城管平台: the exchange database (前置库) of the smart-city platform.

Service:    read-only tables ``case_info``, ``case_flow_record``, ``case_adjustment_apply`` on SQLite, MySQL/MariaDB or PostgreSQL
Asked by:   ``update_time`` of the case, or newer flow rows and applications of it; or case numbers
Pages:      key-set on (``update_time``, ``id``), never OFFSET; a case brings all its flow rows and applications along
Record:     the columns of the case, and the lists ``flow`` and ``adjustments``
Notes:      rows whose ``update_time`` cannot be placed in any window come with every pull, so that they are seen in quarantine
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from petitions.model import BEIJING, Event
from petitions.sources.base import Ask, LaneStopped, Page, Raw, Source, Window

if TYPE_CHECKING:
    from petitions.normalise import Record

CASES, FLOW, ADJUSTMENTS = "case_info", "case_flow_record", "case_adjustment_apply"
DRIVERS = {
    "sqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}


class SmartCity(Source):
    name = "smart_city"
    lookup_size = 500

    def pages(self, ask: Ask) -> Iterator[Page]:
        if ask.window:
            yield from self._window_pages(ask.window)
        for start in range(0, len(ask.numbers), self.lookup_size):
            cases = self.tables[CASES]
            asked = [_bound(number) for number in ask.numbers[start : start + self.lookup_size]]
            found = self._ask(sa.select(cases).where(cases.c.case_code.in_(asked)).order_by(cases.c.update_time, cases.c.id))
            yield Page(records=self._records(found), total=len({row["case_code"] for row in found}))

    def events(self, record: Record) -> Iterable[Event]:
        columns, flow = list(_column_events(record)), list(_flow_events(record))
        yield from _without_echoes(record, columns, flow)
        yield from flow
        yield from _adjustment_events(record)

    # --- the database ---------------------------------------------------------------------------------------------------

    @cached_property
    def engine(self) -> sa.Engine:
        driver = DRIVERS.get(self.connection.conn_type)
        if driver is None:
            raise LaneStopped(
                f"smart_city: expected a connection of type sqlite, mysql or postgres, found {self.connection.conn_type!r}; "
                "correct AIRFLOW_CONN_PETITIONS_SMART_CITY"
            )
        seconds = int(self.connection.extra.get("timeout_s", 60))
        if driver == "sqlite":
            return _sqlite(self.connection.host or self.connection.schema or "", seconds)
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
        """The three tables with the columns they have today.

        Columns carry no type: what the database holds is landed as it is, also a time that is none.
        """
        required: dict[str, list[str]] = self.settings.source_maps[self.name]["tables"]
        held = {table: self._retried(lambda table=table: _columns(self.engine, table)) for table in required}
        missing = [table for table, columns in held.items() if not columns]
        for table, columns in held.items():
            missing += [f"{table}.{column}" for column in required[table] if columns and column not in columns]
        if missing:
            raise LaneStopped(
                f"smart_city: expected {', '.join(missing)} in the exchange database, found no such table or column; "
                "ask the platform what was renamed, then correct config/sources/smart_city.toml or the view"
            )
        return {table: sa.table(table, *map(sa.column, columns)) for table, columns in held.items()}

    def _ask(self, statement: sa.Select[Any]) -> list[Raw]:
        def once() -> list[Raw]:
            with self.engine.connect() as connection:
                return [dict(row) for row in connection.execute(statement).mappings()]

        return self._retried(once)

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
            raise LaneStopped(
                f"smart_city: the exchange database does not answer ({type(error.orig).__name__}: {_first_line(error)}); "
                "see whether it is up and AIRFLOW_CONN_PETITIONS_SMART_CITY is right (`petitions doctor`)"
            ) from None

    # --- what is asked --------------------------------------------------------------------------------------------------

    def _window_pages(self, window: Window) -> Iterator[Page]:
        cases, size = self.tables[CASES], int(self.connection.extra.get("page_size", 500))
        placed, changed = ~self._unplaced(), self._changed(window)
        key: tuple[Any, Any] | None = None
        while True:
            statement = sa.select(cases).where(placed, changed).order_by(cases.c.update_time, cases.c.id).limit(size)
            if key:
                at, number = cases.c.update_time, cases.c.id
                statement = statement.where(at >= _bound(key[0]), sa.or_(at > _bound(key[0]), number > _bound(key[1])))
            found = self._ask(statement)
            if found:
                key = (found[-1]["update_time"], found[-1]["id"])
                yield Page(records=self._records(found))
            if len(found) < size:
                break
        found = self._ask(sa.select(cases).where(self._unplaced()).order_by(cases.c.id))
        # Counted last: a case touched meanwhile has left the closed window, and the next pull has it.
        yield Page(records=self._records(found), total=self._count(sa.or_(self._unplaced(), changed)))

    def _changed(self, window: Window) -> sa.ColumnElement[bool]:
        """Cases touched in the window: by their own update time, by a flow row, or by an application that came later."""
        flow, adjustments, cases = self.tables[FLOW], self.tables[ADJUSTMENTS], self.tables[CASES]
        return sa.or_(
            _within(cases.c.update_time, window),
            cases.c.id.in_(sa.select(flow.c.case_id).where(_within(flow.c.operate_time, window))),
            cases.c.id.in_(sa.select(adjustments.c.case_id).where(_within(adjustments.c.update_time, window))),
        )

    def _unplaced(self) -> sa.ColumnElement[bool]:
        """Update times that lie in no window: empty, or (SQLite holds anything) no time at all."""
        column = self.tables[CASES].c.update_time
        return sa.func.datetime(column).is_(None) if self.engine.dialect.name == "sqlite" else column.is_(None)

    def _count(self, condition: sa.ColumnElement[bool]) -> int:
        """Distinct numbers; a row without one counts by itself."""
        code = self.tables[CASES].c.case_code
        counted = sa.func.count(sa.distinct(code)) + sa.func.count() - sa.func.count(code)
        return int(self._ask(sa.select(counted.label("total")).select_from(self.tables[CASES]).where(condition))[0]["total"])

    def _records(self, cases: list[Raw]) -> list[Raw]:
        ids = [case["id"] for case in cases]
        flow = self._of_cases(FLOW, ids, "operate_time")
        adjustments = self._of_cases(ADJUSTMENTS, ids, "review_time")
        return [_plain(case) | {"flow": flow[case["id"]], "adjustments": adjustments[case["id"]]} for case in cases]

    def _of_cases(self, name: str, ids: Sequence[Any], order: str) -> dict[Any, list[Raw]]:
        table = self.tables[name]
        found: dict[Any, list[Raw]] = defaultdict(list)
        if ids:
            for row in self._ask(
                sa.select(table).where(table.c.case_id.in_([_bound(number) for number in ids])).order_by(table.c[order], table.c.id)
            ):
                found[row["case_id"]].append(_plain(row))
        return found


# --- events ---------------------------------------------------------------------------------------------------------------


def _column_events(record: Record) -> Iterator[Event]:
    received, updated, closed = record.time("report_time"), record.time("update_time"), record.time("close_time")
    if received:
        yield Event("received", received)
    for column, event_type in record.map.table("event_columns").items():
        at = record.time(column)
        if at:
            yield Event(event_type, at)
    outcome = record.code("case_status", "case_status")
    if outcome == "not_accepted":
        yield Event("not_accepted", closed or updated)
    elif closed:
        yield Event("closed", closed)
    if record.flag("is_deleted"):
        yield Event("not_accepted", updated)
    satisfaction = record.code("visit_satisfaction", "visit_satisfaction")
    if satisfaction and closed:
        yield Event("rated", closed, satisfaction=satisfaction)
    elif satisfaction:
        record.remark("visit_satisfaction without close_time is no rating: its time is not told")


def _flow_events(record: Record) -> Iterator[Event]:
    for row in record.rows("flow"):
        event_type = _kind(row, "operate_type")
        if event_type == "by_result":
            event_type = _kind(row, "operate_result")
        if event_type:
            unit = row.text("receiver_dept_name" if event_type == "dispatched" else "operator_dept_name")
            yield Event(event_type, row.time("operate_time"), unit=unit, note=row.text("operate_opinion"))


def _adjustment_events(record: Record) -> Iterator[Event]:
    for row in record.rows("adjustments"):
        if row.flag("is_deleted") or _kind(row, "apply_status") != "approved":
            continue
        event_type, at = _kind(row, "apply_type"), row.time("review_time")
        if event_type == "extended":
            yield Event("extended", at, old_due=row.due("old_deadline_time"), new_due=row.due("new_deadline_time"))
        elif event_type == "suspended":
            yield Event("suspended", at)
            until = row.time("suspend_until")
            if until:
                yield Event("resumed", until)


def _without_echoes(record: Record, columns: list[Event], flow: list[Event]) -> Iterator[Event]:
    """The events of the columns that the flow does not tell at the same second; ``dispatch_time`` is the last dispatch, so its
    unit is the one that the case names."""
    told = {(event.event_type, event.occurred_at): event for event in reversed(flow)}
    last = max((event.occurred_at for event in flow if event.event_type == "dispatched" and event.occurred_at), default=None)
    for event in columns:
        echo = told.get((event.event_type, event.occurred_at))
        if event.event_type == "dispatched" and event.occurred_at and (last is None or event.occurred_at >= last):
            (echo or event).unit = (echo or event).unit or record.text("handle_dept_name")
        if echo is None:
            yield event
            told[event.event_type, event.occurred_at] = event


def _kind(row: Record, field: str) -> str | None:
    """What a code means, from the table of the field's name. A flow row or application without its kind is not guessed."""
    if row.text(field) is None:
        row.fault("unknown_code", f"{field} is empty")
    return row.code(field, field)


# --- the database, small ----------------------------------------------------------------------------------------------------


def _sqlite(file: str, seconds: int) -> sa.Engine:
    if not Path(file).is_file():
        raise LaneStopped(f"smart_city: expected an SQLite file at {file!r}, found none; correct host in AIRFLOW_CONN_PETITIONS_SMART_CITY")
    url = sa.URL.create("sqlite", database=Path(file).absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    return sa.create_engine(url, connect_args={"timeout": seconds})


def _columns(engine: sa.Engine, table: str) -> list[str]:
    try:
        return [column["name"] for column in sa.inspect(engine).get_columns(table)]
    except sa.exc.NoSuchTableError:
        return []


def _within(column: sa.ColumnElement[Any], window: Window) -> sa.ColumnElement[bool]:
    """The closed window in whole seconds: a fraction of the last second still lies in it. Text, for every engine reads it as a time."""
    start, end = window.start.astimezone(BEIJING).replace(microsecond=0), window.end.astimezone(BEIJING).replace(microsecond=0)
    after = end + timedelta(seconds=1)
    return sa.and_(column >= _bound(f"{start:%Y-%m-%d %H:%M:%S}"), column < _bound(f"{after:%Y-%m-%d %H:%M:%S}"))


def _bound(value: Any) -> sa.ColumnElement[Any]:
    """A value without a type of ours: the engine reads it as the type of the column that it is compared with."""
    return sa.literal(value, sa.types.NullType())


def _plain(row: Raw) -> Raw:
    """The row as JSON can hold it: times as Beijing text, decimals as text."""
    return {column: _plain_value(value) for column, value in row.items()}


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
