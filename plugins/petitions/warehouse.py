"""The warehouse and its two engines: DuckDB, one file under the home, and PostgreSQL, a server.

Both run the same SQL texts from ``sql/``. A statement names its parameters ``:like_this``; a file may use Jinja for pieces that
repeat. One writer at a time: a file lock (DuckDB) or an advisory lock (PostgreSQL) makes a second one wait. Readers of DuckDB open
a published copy that is replaced by rename, so that a question never meets a lock.
"""

from __future__ import annotations

import logging
import re
import shutil
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from copy import copy
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from petitions import migrations, published
from petitions.connections import Connection, ConnectionMissing, get
from petitions.settings import Settings, SettingsError
from petitions.sql_texts import render, statements

if TYPE_CHECKING:
    import pyarrow as pa

ZONE = "Asia/Shanghai"
FOREVER = "9999-12-31 00:00:00+08"
WRITER_MEMORY = "1200MB"
# What it may hold of that where a session beside it computes.
MODEST_MEMORY = "1000MB"
# How long the log grows before it is brought into the file. A commit does that on one processor, and does the last blocks of a table again
# each time; closing the file does it on all.
WRITER_LOG = "256MB"

log = logging.getLogger("petitions.warehouse")

_TEMPORARY = re.compile(r"\s*create temp table (\w+) as")
_PARAMETER = re.compile(r"(?<![:\w'\"]):([a-z_][a-z0-9_]*)\b")
# Rows of a streamed answer that are held at once.
_AT_A_TIME = 5_000
# Rows of a bulk load that are held at once, and bytes of an answer that come as one block of columns.
_AT_ONCE, _BLOCK = 20_000, 1 << 24
# Blocks of a bulk load that are made before they are taken.
_AHEAD = 4
_UUID = {b"type": b"uuid"}
# A block of a bulk load, behind its table and the place of this among the tables that are filled.
_Sent = tuple[tuple[int, str], bytes]
# Any fixed number: the writers of one PostgreSQL database queue on it.
_WRITER_LOCK = 7_253_641


class NoWarehouse(SettingsError):
    """Nothing was loaded into this home yet."""


class Warehouse(ABC):
    """One open session. Times go in as aware datetimes and come out as aware datetimes in Beijing time."""

    #: Whether the engine knows who asks; where not, whoever may read the file may read all of it.
    has_roles: ClassVar[bool]

    @abstractmethod
    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run one statement for its effect."""

    @abstractmethod
    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one query; a row is a dict from column to value."""

    @abstractmethod
    def stream(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of one query as they come: memory does not grow with their number. Nothing else is asked meanwhile."""

    @abstractmethod
    def stage(self, table: str, content: pa.Table | Path) -> None:
        """Make the temporary table ``table`` from an Arrow table or a Parquet file, through the engine's bulk path."""

    @abstractmethod
    def columns(self, table: str) -> dict[str, str]:
        """The columns of a table in order, each with its type."""

    @abstractmethod
    def read(self, query: str) -> pa.RecordBatchReader:
        """What a query answers, as columns, some rows at a time; a uuid comes as text and says so. Nothing else is asked meanwhile."""

    @abstractmethod
    def append(self, given: Iterable[tuple[str, pa.RecordBatchReader]]) -> None:
        """Append Arrow's columns to tables of the same columns, one after the other, through the engine's bulk path. What is given next
        is made, in a thread, while the engine takes in what came before: nothing else is asked of its session meanwhile."""

    @contextmanager
    def modest(self) -> Iterator[None]:
        """Leave memory to another session of this process while the block lasts; a server's is its own."""
        yield

    @abstractmethod
    def insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append a few rows (control tables); whole columns go through :meth:`stage`."""

    @abstractmethod
    def grew(self, tables: Mapping[str, int]) -> None:
        """Tables and how many rows came into them. An engine that plans by counts counts anew where they are many beside what it knew:
        else it takes a table for nearly empty until it finds time, and joins it row by row."""

    @abstractmethod
    def index(self, columns: Mapping[str, str]) -> None:
        """Tables, each with the column by which the rows of a few tickets are looked for. An engine that skips the blocks whose months
        are others needs no index."""

    @abstractmethod
    def transaction(self) -> Any:
        """A context manager: all of it or nothing."""

    @abstractmethod
    def close(self) -> None: ...

    def run(self, file: str, parameters: Mapping[str, Any] | None = None, **pieces: Any) -> None:
        """Run the statements of ``sql/<file>``, one after the other. ``pieces`` are what its Jinja expressions name."""
        self.script(render(file, **pieces), parameters)

    def script(self, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run the statements of a SQL text, one after the other."""
        for statement in statements(text):
            self.execute(statement, parameters)

    def value(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the only row."""
        (row,) = self.rows(statement, parameters)
        return next(iter(row.values()))


def _used(statement: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    names = set(_PARAMETER.findall(statement))
    return {name: value for name, value in (parameters or {}).items() if name in names}


class DuckDB(Warehouse):
    """The embedded engine."""

    has_roles = False

    def __init__(self, file: Path, read_only: bool, spill: Path | None = None) -> None:
        """:param spill: where a query that needs more memory than there is puts the rest; beside the file where no folder is named."""
        import duckdb

        spilling: dict[str, Any] = {"temp_directory": str(spill)} if spill else {}
        if read_only:
            # Attached, as sessions that open one name share what the first of them found there, also when it was replaced since.
            self._connection = duckdb.connect(":memory:", config=spilling)
            self._connection.execute(f"attach '{file}' as petitions (read_only)")
            self._connection.execute("use petitions")
        else:
            # Beyond the limit the engine spills: a refresh needs no more memory as history grows.
            writing: dict[str, Any] = {"memory_limit": WRITER_MEMORY, "preserve_insertion_order": False, "checkpoint_threshold": WRITER_LOG}
            self._connection = duckdb.connect(str(file), config=writing | spilling)
        self._begin()

    def _begin(self) -> None:
        self._connection.execute(f"set timezone = '{ZONE}'")
        # Where Python was started without a file (python -c, forkserver) the engine draws a bar on standard output, among the results.
        self._connection.execute("set enable_progress_bar = false")

    def beside(self) -> DuckDB:
        """Another session of the same database, with temporary tables and transactions of its own."""
        other = copy(self)
        other._connection = self._connection.cursor()
        other._begin()
        return other

    def _run(self, statement: str, parameters: Mapping[str, Any] | None) -> Any:
        used = _used(statement, parameters)
        return self._connection.execute(_PARAMETER.sub(r"$\1", statement), used or None)

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._run(statement, parameters)

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        answer = self._run(statement, parameters)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def stream(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        answer = self._run(statement, parameters)
        names = [column[0] for column in answer.description]
        while some := answer.fetchmany(_AT_A_TIME):
            for row in some:
                yield dict(zip(names, row, strict=True))

    def stage(self, table: str, content: pa.Table | Path) -> None:
        self.execute(f"drop table if exists {table}")
        if isinstance(content, Path):
            files = f"{content}/*.parquet" if content.is_dir() else content
            self.execute(f"create temp table {table} as select * from read_parquet('{files}')")
            return
        self._take(content, f"create temp table {table} as select * from arriving")

    def arrive(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Make ``table`` of rows that come some at a time, in place of one of this name."""
        shown = ", ".join(f"cast({field.name} as uuid) as {field.name}" if field.metadata == _UUID else field.name for field in rows.schema)
        kind = "table" if "." in table else "temp table"
        self._take(rows, f"create or replace {kind} {table} as select {shown} from arriving")

    def read(self, query: str, parameters: Mapping[str, Any] | None = None) -> pa.RecordBatchReader:
        from pyarrow import RecordBatchReader

        found = self._connection.sql(_PARAMETER.sub(r"$\1", query), params=_used(query, parameters) or None)
        uuids = {name for name, kind in zip(found.columns, found.types, strict=True) if str(kind) == "UUID"}
        rows = found.to_arrow_reader(_AT_ONCE)
        schema = rows.schema
        for place, name in enumerate(schema.names):
            if name in uuids:
                schema = schema.set(place, schema.field(place).with_metadata(_UUID))
        return RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))

    def columns(self, table: str) -> dict[str, str]:
        return {row["column_name"]: row["column_type"] for row in self.rows(f"describe {table}")}

    def append(self, given: Iterable[tuple[str, pa.RecordBatchReader]]) -> None:
        for table, rows in given:  # the engine asks for rows in threads of its own
            self._take(rows, f"insert into {table} select * from arriving")

    def _take(self, rows: pa.Table | pa.RecordBatchReader, statement: str) -> None:
        self._connection.register("arriving", rows)
        self.execute(statement)
        self._connection.unregister("arriving")

    @contextmanager
    def modest(self) -> Iterator[None]:
        self.execute(f"set memory_limit = '{MODEST_MEMORY}'")
        try:
            yield
        finally:
            self.execute(f"set memory_limit = '{WRITER_MEMORY}'")

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            places = ", ".join("?" for _ in rows[0])
            self._connection.executemany(f"insert into {table} values ({places})", rows)

    def grew(self, tables: Mapping[str, int]) -> None:
        """Counts of columns are kept as they grow."""

    def index(self, columns: Mapping[str, str]) -> None:
        """Blocks are skipped by what they hold; an index that fits no memory would cost more than it saves."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("begin")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def close(self) -> None:
        self._connection.close()


class Postgres(Warehouse):
    """The server engine."""

    has_roles = True

    def __init__(self, connection: Connection) -> None:
        import psycopg
        from psycopg.rows import dict_row

        self._connection = psycopg.connect(
            host=connection.host,
            port=connection.port,
            user=connection.login,
            password=connection.password,
            dbname=connection.schema,
            autocommit=True,
            row_factory=dict_row,
            # bound on our side: `create table … as select` takes no parameters from the protocol
            cursor_factory=psycopg.ClientCursor,
            # A session whose program was killed ends within seconds, and with it the writer's lock, not when its statement is through.
            # An index is sorted in memory; a tenth of the usual sample tells how often keys and months come; few rows are found by index
            # where the server, which takes any disk for one that turns, would read a whole table for them.
            options=f"-c timezone={ZONE} -c jit=off -c work_mem=64MB -c temp_buffers=128MB -c maintenance_work_mem=256MB "
            "-c default_statistics_target=10 -c random_page_cost=1.1 -c client_connection_check_interval=2s",
        )

    def _run(self, statement: str, parameters: Mapping[str, Any] | None) -> Any:
        used = _used(statement, parameters)
        text = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%")) if used else statement
        return self._connection.execute(text.encode(), used or None)

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._run(statement, parameters)
        if made := _TEMPORARY.match(statement):
            # It would guess the size of what no one has counted, and join a hundred thousand rows to as many one by one.
            self._run(f"analyze {made[1]}", None)

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return list(self._run(statement, parameters).fetchall())

    def stream(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        used = _used(statement, parameters)
        text = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%")) if used else statement
        # A cursor of the server: the client's would fetch the whole answer first.
        with self._connection.transaction(), self._connection.cursor("streamed") as cursor:
            cursor.itersize = _AT_A_TIME
            yield from cursor.execute(text.encode(), used or None)

    def stage(self, table: str, content: pa.Table | Path) -> None:
        from pyarrow import RecordBatchReader, dataset

        if isinstance(content, Path):
            source = dataset.dataset(content, format="parquet")
            batches = source.to_batches(batch_size=_AT_ONCE, batch_readahead=1, fragment_readahead=1)
            rows = RecordBatchReader.from_batches(source.schema, batches)
        else:
            rows = content.to_reader()
        columns = ", ".join(f"{field.name} {_POSTGRES_TYPES[str(field.type)]}" for field in rows.schema)
        self.execute(f"drop table if exists {table}")
        self.execute(f"create temp table {table} ({columns})")
        self.append([(table, rows)])
        keys = ", ".join(name for name in rows.schema.names if name.endswith("_id"))
        self.execute(f"analyze {table} ({keys})" if keys else f"analyze {table}")

    def append(self, given: Iterable[tuple[str, pa.RecordBatchReader]]) -> None:
        with closing(_made_ahead(_encoded(given))) as blocks:
            for (_, table), of_table in groupby(blocks, key=itemgetter(0)):
                with self._connection.cursor() as cursor, cursor.copy(f"copy {table} from stdin (format binary)") as copy:
                    for _, block in of_table:
                        copy.write(block)

    def columns(self, table: str) -> dict[str, str]:
        rows = self.rows(
            """
            select attname, format_type(atttypid, null) as type from pg_attribute
            where attrelid = cast(:table as regclass) and attnum > 0 and not attisdropped
            order by attnum
            """,
            {"table": table},
        )
        return {row["attname"]: row["type"] for row in rows}

    def read(self, query: str) -> pa.RecordBatchReader:
        from pyarrow import RecordBatchReader, field, schema

        told = self._connection.execute(f"select * from ({query}) as told limit 0".encode()).description or ()
        kinds = {column.name: _type_name(column.type_code) for column in told}
        # Instants by the clock of UTC, as older ones have offsets with seconds, which a reader of columns does not know.
        shown = ", ".join(f"{name} at time zone 'UTC'" if kind == "timestamptz" else name for name, kind in kinds.items())
        fields = schema([field(name, _arrow_type(kind), metadata=_UUID if kind == "uuid" else None) for name, kind in kinds.items()])
        return RecordBatchReader.from_batches(
            fields, self._blocks(f"copy (select {shown} from ({query}) as told) to stdout (format csv)", fields)
        )

    def _blocks(self, copy_out: str, fields: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._connection.cursor() as cursor, cursor.copy(copy_out.encode()) as copy:
            held: list[bytes] = []
            size = 0
            for row in copy:
                held.append(bytes(row))
                size += len(row)
                if size >= _BLOCK:
                    yield from _parsed(held, fields)
                    held, size = [], 0
        if held:
            yield from _parsed(held, fields)

    def grew(self, tables: Mapping[str, int]) -> None:
        for table, rows in tables.items():
            if 10 * rows > self.value("select reltuples from pg_class where oid = cast(:table as regclass)", {"table": table}):
                # By these a step finds and joins its rows; texts would take most of the time.
                found_by = [name for name in self.columns(table) if name.endswith("_id") or name in ("received_month", "ticket_key")]
                self.execute(f"analyze {table} ({', '.join(found_by)})")

    def index(self, columns: Mapping[str, str]) -> None:
        for table, column in columns.items():
            self.execute(f"create index if not exists {table.partition('.')[2]}_{column} on {table} ({column})")

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            with self._connection.cursor() as cursor, cursor.copy(f"copy {table} from stdin") as copy:
                for row in rows:
                    copy.write_row(row)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._connection.transaction():
            yield

    def close(self) -> None:
        self._connection.close()


def _encoded(given: Iterable[tuple[str, pa.RecordBatchReader]]) -> Iterator[_Sent]:
    """The binary COPY into each table, in blocks."""
    from pgpq import ArrowToPostgresBinaryEncoder

    for place, (table, rows) in enumerate(given):
        encoder = ArrowToPostgresBinaryEncoder(rows.schema)
        yield (place, table), encoder.write_header()
        for batch in rows:
            yield (place, table), encoder.write_batch(batch)
        yield (place, table), encoder.finish()


def _made_ahead(blocks: Iterator[_Sent]) -> Generator[_Sent]:
    """The same, made by a thread as far as :data:`_AHEAD` of who takes them."""
    with ThreadPoolExecutor(1) as maker:
        made = deque(maker.submit(next, blocks, None) for _ in range(_AHEAD))
        while (block := made.popleft().result()) is not None:
            made.append(maker.submit(next, blocks, None))
            yield block


def _parsed(rows: list[bytes], fields: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    plain = {field.name: pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type for field in fields}
    found = csv.read_csv(
        pa.BufferReader(b"".join(rows)),
        read_options=csv.ReadOptions(column_names=fields.names),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        # A null is nothing at all, an empty text is quoted.
        convert_options=csv.ConvertOptions(
            column_types=plain,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    yield from found.cast(fields).to_batches()


def _type_name(code: int) -> str:
    from psycopg import postgres

    return postgres.types[code].name


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    kinds = {"bool": pa.bool_(), "int4": pa.int32(), "int8": pa.int64(), "date": pa.date32(), "timestamptz": pa.timestamp("us", "UTC")}
    return kinds.get(name, pa.string())


_POSTGRES_TYPES = {
    "string": "text",
    "large_string": "text",
    "int32": "integer",
    "int64": "bigint",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamptz",
}


def connection(settings: Settings) -> Connection:
    """The warehouse's connection: ``petitions_warehouse`` where it stands, else the embedded file of the home.

    :raises SettingsError: where it stands and cannot be read.
    """
    try:
        return get("petitions_warehouse")
    except ConnectionMissing:
        return Connection("petitions_warehouse", "duckdb", host=str(settings.warehouse / "petitions.duckdb"))
    except ValueError as error:
        raise SettingsError(str(error)) from None


@contextmanager
def reader(settings: Settings) -> Iterator[Warehouse]:
    """A read-only session.

    :raises NoWarehouse: when nothing was loaded yet, saying how to load.
    :raises SchemaBehind: when the warehouse is older than this program (:func:`bring_up_to_date`).
    :raises SchemaTooNew: when a newer program wrote it.
    :raises SettingsError: when the login of PostgreSQL may not read it.
    """
    told = connection(settings)
    with _duckdb_reader(_duckdb_file(told)) if told.conn_type == "duckdb" else _postgres_reader(told) as warehouse:
        migrations.see_current(warehouse)
        yield warehouse


@contextmanager
def _duckdb_reader(file: Path) -> Iterator[Warehouse]:
    told = published.path(file)
    if not told.exists():
        cure = f"`petitions migrate` where {file.name} was put back from a backup, else " if file.exists() else ""
        raise NoWarehouse(f"no warehouse at {told}: nothing was loaded yet; {cure}run `petitions run --from D --to D` or `make run`")
    with published.held(file) as copy, closing(_opened(told, copy, read_only=True, spill=told.with_suffix(".tmp"))) as warehouse:
        yield warehouse


def _opened(shown: Path, file: Path, read_only: bool, spill: Path | None = None) -> DuckDB:
    """:raises SettingsError: where the file, which people know as ``shown``, is damaged or another program holds it."""
    import duckdb

    try:
        return DuckDB(file, read_only, spill)
    except duckdb.Error as error:
        told = str(error).splitlines()[0].replace(str(file), str(shown))
        cure = "if it is damaged, move it out of its folder, then `petitions migrate`: what lies beside it takes its place"
        raise SettingsError(f"{shown} cannot be opened ({told}); {cure}") from None


@contextmanager
def _postgres_reader(told: Connection) -> Iterator[Warehouse]:
    with closing(_postgres(told)) as warehouse:
        _see_readable(warehouse, told)
        yield warehouse


def _see_readable(warehouse: Warehouse, told: Connection) -> None:
    schemas = warehouse.rows("select has_schema_privilege(oid, 'usage') as may_read from pg_namespace where nspname in ('control', 'core')")
    if not schemas:
        raise NoWarehouse("the warehouse database is empty: nothing was loaded yet; run `petitions run --from D --to D`")
    if not all(row["may_read"] for row in schemas):
        raise SettingsError(
            f"connection petitions_warehouse: the login {told.login} may not read core and control, which questions are asked of; "
            "take the writer's login, or make this one a member of pg_read_all_data (petitions_reader is for marts alone)"
        )


@contextmanager
def writer(settings: Settings, publish: bool = True) -> Iterator[Warehouse]:
    """The one writing session; waits for another writer to finish.

    Readers see what was written when it ends well with ``publish`` (DuckDB), or when a transaction commits (PostgreSQL).
    A warehouse that is older than this program gets the program's schema first.

    :raises SchemaTooNew: when a newer program wrote the warehouse.
    """
    told = connection(settings)
    if told.conn_type == "duckdb":
        yield from _duckdb_writer(_duckdb_file(told), publish)
    else:
        yield from _postgres_writer(told)


def bring_up_to_date(settings: Settings) -> None:
    """Publish a warehouse that is older than this program, with the program's schema, and one that was put back from a backup, which has
    no copy for readers yet. Does nothing otherwise: neither has one that a first run fills at this moment, and it has no clocks."""
    try:
        with reader(settings):
            return
    except NoWarehouse:
        told = connection(settings)
        if told.conn_type == "duckdb" and _duckdb_file(told).exists():
            with writer(settings, publish=False) as held:
                computed = held.value("select count(*) from control.fingerprint")
            if computed:
                with writer(settings):
                    return
    except migrations.SchemaBehind:
        with writer(settings):
            return


def is_being_written(settings: Settings) -> bool:
    """Whether somebody holds the writer's lock at this moment."""
    told = connection(settings)
    if told.conn_type == "duckdb":
        from filelock import FileLock, Timeout

        lock = Path(f"{_duckdb_file(told)}.lock")
        try:
            with FileLock(lock, timeout=0) if lock.exists() else nullcontext():
                return False
        except Timeout:
            return True
    held = _postgres(told)
    try:
        return not held.value(f"select pg_try_advisory_lock({_WRITER_LOCK})")  # it goes with the session
    finally:
        held.close()


@contextmanager
def rebuilt(settings: Settings) -> Iterator[Warehouse]:
    """A warehouse to be filled from the landing zone, which takes the place of the present one when the block ends well.

    It holds the history that the landing zone cannot tell (:data:`DERIVED` are the tables it leaves empty). Nobody else writes
    meanwhile; readers are served by the present one. Left otherwise, or killed, nothing has changed.
    """
    told = connection(settings)
    if told.conn_type == "duckdb":
        yield from _duckdb_rebuilt(_duckdb_file(told))
    else:
        yield from _postgres_rebuilt(told)


#: What follows from landing zone and rules; all other tables of ``control`` are history of runs and of people.
DERIVED = frozenset({"batch", "batch_file", "batch_message", "fingerprint", "touched"})


def _duckdb_rebuilt(file: Path) -> Iterator[Warehouse]:
    """Built into a file beside, then renamed."""
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(f"{file}.lock"):
        _begin(file)
        if file.exists():  # so that nothing of it is left in a log beside it, and its history has the columns of today
            earlier = DuckDB(file, read_only=False)
            try:
                migrations.upgrade(earlier)
            finally:
                earlier.close()
        fresh = DuckDB(_aside(file), read_only=False)
        try:
            migrations.upgrade(fresh)
            _take_history(fresh, file)
            yield fresh
            fresh.execute("checkpoint")
        finally:
            fresh.close()
        _aside(file).replace(file)
        published.publish(file)


def _take_history(fresh: Warehouse, file: Path) -> None:
    if not file.exists():
        return
    fresh.execute(f"attach '{file}' as earlier (read_only)")
    for table in _history(fresh):
        if fresh.value(f"select count(*) from control.{table}") == 0:  # a fresh one may have rows of its own, such as its version
            fresh.execute(f"insert into control.{table} by name select * from earlier.control.{table}")
    fresh.execute("detach earlier")


def _history(fresh: Warehouse) -> list[str]:
    """The tables of history that are there on both sides."""
    rows = fresh.rows("select database_name = 'earlier' as is_earlier, table_name from duckdb_tables() where schema_name = 'control'")
    earlier, own = ({row["table_name"] for row in rows if row["is_earlier"] is side} for side in (True, False))
    return sorted(earlier & own - DERIVED)


def _postgres_rebuilt(told: Connection) -> Iterator[Warehouse]:
    """Emptied and filled in one transaction: until it commits, readers see the rows of before."""
    with contextmanager(_postgres_writer)(told) as warehouse:
        with warehouse.transaction():
            tables = warehouse.rows(
                """
                select table_schema, table_name from information_schema.tables
                where table_schema in ('core', 'marts', 'control') and table_type = 'BASE TABLE'
                """
            )
            for row in tables:
                if row["table_schema"] != "control" or row["table_name"] in DERIVED:
                    warehouse.execute(f"delete from {row['table_schema']}.{row['table_name']}")
            yield warehouse
        warehouse.execute("vacuum analyze")


def _aside(file: Path) -> Path:
    return file.with_suffix(".rebuild" + file.suffix)


def _begin(file: Path) -> None:
    """What a killed writer left beside the file goes, and a file that is gone comes back. Whoever holds the lock is alone."""
    for left in [*file.parent.glob(f"{_aside(file).name}*"), *file.parent.glob(f"{file.stem}.*.tmp")]:
        # A folder is what the engine spilled into.
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    if published.restore(file):
        log.warning("no warehouse at %s: going on from what was last published; batches that were landed since are loaded again", file)


def _duckdb_writer(file: Path, publish: bool) -> Iterator[Warehouse]:
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(f"{file}.lock"):
        _begin(file)
        warehouse = _opened(file, file, read_only=False)
        try:
            migrations.upgrade(warehouse)
            yield warehouse
        finally:
            warehouse.close()
        if publish:
            published.publish(file)


def _postgres_writer(told: Connection) -> Iterator[Warehouse]:
    warehouse = _postgres(told)
    try:
        warehouse.execute(f"select pg_advisory_lock({_WRITER_LOCK})")
        migrations.upgrade(warehouse)
        yield warehouse
    finally:
        warehouse.close()


def _duckdb_file(told: Connection) -> Path:
    if not told.host:
        raise SettingsError('connection petitions_warehouse: expected {"conn_type":"duckdb","host":"/path/file.duckdb"}, found no host')
    return Path(told.host)


def _postgres(told: Connection) -> Postgres:
    if told.conn_type not in {"postgres", "postgresql"}:
        raise SettingsError(f"connection petitions_warehouse: conn_type is duckdb or postgres, found {told.conn_type!r}")
    return Postgres(told)
