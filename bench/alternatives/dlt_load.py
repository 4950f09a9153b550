"""dlt loads JSON records into an engine: `python dlt_load.py FOLDER ENGINE OPTIONS`, in the benchmarks' own environment.

FOLDER holds one folder of ``*.jsonl`` per source; ENGINE and OPTIONS are JSON. Options: ``format`` (loader_file_format, null for the
destination's own choice), ``nesting`` (max_table_nesting, null for child tables), ``workers`` (of normalize and load), ``buffer`` (items of
the data writers), ``page`` (records yielded at once), ``arrow`` (yield Arrow tables in place of records). Prints what it loaded, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any


def main(folder: Path, engine: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dlt-", dir=os.environ.get("BENCH_SCRATCH")) as scratch:
        settings = {
            "DLT_DATA_DIR": scratch,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "NORMALIZE__WORKERS": options.get("workers", 1),
            "LOAD__WORKERS": options.get("workers", 1),
            "DATA_WRITER__BUFFER_MAX_ITEMS": options.get("buffer", 5000),
            # Files of one table that are not rotated are one piece of work for the normalizer's processes.
            "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": options.get("file", 100_000),
            "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": options.get("file", 100_000),
        }
        os.environ.update({name: str(value) for name, value in settings.items()})
        return _run(folder, engine, options, Path(scratch))


def _run(folder: Path, engine: dict[str, Any], options: dict[str, Any], scratch: Path) -> dict[str, Any]:
    import dlt

    seconds: dict[str, float] = {}
    destination = _destination(dlt, engine)
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="bench", pipelines_dir=str(scratch / "pipelines"))
    resources = [
        dlt.resource(_pages(one, options), name=one.name, write_disposition="append", max_table_nesting=options.get("nesting"))
        for one in sorted(folder.iterdir())
    ]
    for step, run in (
        ("extract", lambda: pipeline.extract(resources, **_format(options))),
        ("normalize", lambda: pipeline.normalize()),
        ("load", lambda: pipeline.load()),
    ):
        begun = time.perf_counter()
        run()
        seconds[step] = round(time.perf_counter() - begun, 3)
    with pipeline.sql_client() as client:
        rows = sum(
            client.execute_sql(f"select count(*) from {client.make_qualified_table_name(one.name)}")[0][0] for one in folder.iterdir()
        )
    return {"records": rows, "steps": seconds, "dlt": dlt.__version__}


def _format(options: dict[str, Any]) -> dict[str, Any]:
    return {"loader_file_format": options["format"]} if options.get("format") else {}


def _destination(dlt: Any, engine: dict[str, Any]) -> Any:
    if engine["conn_type"] == "duckdb":
        return dlt.destinations.duckdb(engine["host"])
    # The server trusts its own machine, but dlt does not start without a password.
    return dlt.destinations.postgres(f"postgresql://{engine['login']}:none@{engine['host']}:{engine['port']}/{engine['schema']}")


def _pages(source: Path, options: dict[str, Any]) -> Iterator[Any]:
    import orjson

    for file in sorted(source.glob("*.jsonl")):
        if options.get("arrow"):
            yield from _tables(file)
            continue
        with file.open("rb") as lines:
            while page := [orjson.loads(line) for line in islice(lines, options.get("page", 5000))]:
                yield page


def _tables(file: Path) -> Iterator[Any]:
    """Arrow reads the file; lists of records become JSON text, for dlt loads nested Arrow types into few engines."""
    import pyarrow as pa
    import pyarrow.json as reader

    for batch in reader.open_json(file, read_options=reader.ReadOptions(block_size=16 << 20)):
        table = pa.table(batch)
        for place, column in enumerate(table.schema):
            if pa.types.is_nested(column.type):
                text = pa.array([json.dumps(value, ensure_ascii=False, default=str) for value in table.column(place).to_pylist()])
                table = table.set_column(place, column.name, text)
        yield table


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]))))
