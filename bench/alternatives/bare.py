"""The engine's bare bulk load: `python bare.py FOLDER ENGINE WAY`, Parquet files into tables without any index.

FOLDER holds folders, as those of staged batches are: in each a ``<table>.parquet``, a file or a folder of such, for some tables. What is
told is the load alone: the rows are in memory as Arrow before the clock starts. Prints what it loaded, as JSON.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
from pyarrow.dataset import dataset

# Rows that are given at once, and held in memory for that.
AT_ONCE = 1_000_000


def main(folder: Path, engine: dict[str, Any], way: str) -> dict[str, Any]:
    put, seconds, rows = _WAYS[way](engine), 0.0, Counter[str]()
    for file in sorted(folder.glob("*/*.parquet")):
        for content in _contents(file):
            seconds += put(file.stem, content)
            rows[file.stem] += content.num_rows
    put.session.close()
    return {"records": rows["tickets"] + rows["quarantine"], "rows": rows, "steps": {"insert": round(seconds, 3)}}


def _contents(file: Path) -> Iterator[pa.Table]:
    """What is in a file, so much at once as a batch brings."""
    held: list[pa.RecordBatch] = []
    for batch in dataset(file, format="parquet").to_batches():
        held.append(batch)
        if sum(one.num_rows for one in held) >= AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


class _Duckdb:
    """Arrow tables, registered and inserted."""

    def __init__(self, engine: dict[str, Any]) -> None:
        import duckdb

        self.session = duckdb.connect(engine["host"])

    def __call__(self, name: str, content: pa.Table) -> float:
        begun = time.perf_counter()
        self.session.register("arriving", content)
        self.session.execute(f"create table if not exists {name} as select * from arriving limit 0")
        self.session.execute(f"insert into {name} select * from arriving")
        self.session.unregister("arriving")
        return time.perf_counter() - begun


class _Adbc:
    """Arrow tables, sent as binary COPY by the engine's ADBC driver."""

    def __init__(self, engine: dict[str, Any]) -> None:
        import adbc_driver_postgresql.dbapi as adbc

        self.session = adbc.connect(_uri(engine))

    def __call__(self, name: str, content: pa.Table) -> float:
        begun = time.perf_counter()
        with self.session.cursor() as cursor:
            cursor.adbc_ingest(name, content, mode="create_append")
        self.session.commit()
        return time.perf_counter() - begun


class _Copy:
    """COPY of CSV that stands ready in memory."""

    def __init__(self, engine: dict[str, Any]) -> None:
        import psycopg

        self.session = psycopg.connect(_uri(engine), autocommit=True)

    def __call__(self, name: str, content: pa.Table) -> float:
        columns = ", ".join(f"{column.name} {_TYPES.get(str(column.type), 'text')}" for column in content.schema)
        self.session.execute(f"create table if not exists {name} ({columns})")
        text = io.BytesIO()
        # In one piece: behind an empty one pyarrow's writer begins with zeros.
        pyarrow.csv.write_csv(content.combine_chunks(), text, pyarrow.csv.WriteOptions(include_header=False))
        begun = time.perf_counter()
        with self.session.cursor() as cursor, cursor.copy(f"copy {name} from stdin (format csv)") as copy:
            for start in range(0, len(text.getbuffer()), 1 << 20):
                copy.write(text.getbuffer()[start : start + (1 << 20)])
        return time.perf_counter() - begun


_TYPES = {"int32": "integer", "int64": "bigint", "bool": "boolean", "timestamp[us, tz=UTC]": "timestamptz"}
_WAYS = {"arrow": _Duckdb, "adbc": _Adbc, "copy": _Copy}


def _uri(engine: dict[str, Any]) -> str:
    return f"postgresql://{engine['login']}@{engine['host']}:{engine['port']}/{engine['schema']}"


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3])))
