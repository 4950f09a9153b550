"""pandas ``to_sql``: `python to_sql.py FOLDER ENGINE LIMIT`, at most LIMIT records of each source. Prints what it loaded, as JSON."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import sqlalchemy as sa

CHUNK = 5_000


def main(folder: Path, engine: dict[str, Any], limit: int) -> dict[str, Any]:
    if engine["conn_type"] == "duckdb":
        target = sa.create_engine(f"duckdb:///{engine['host']}")
    else:
        target = sa.create_engine(f"postgresql+psycopg://{engine['login']}@{engine['host']}:{engine['port']}/{engine['schema']}")
    rows, begun = 0, time.perf_counter()
    for source in sorted(folder.iterdir()):
        left = limit
        for file in sorted(source.glob("*.jsonl")):
            with file.open("rb") as lines:
                while left > 0 and (page := [orjson.loads(line) for line in islice(lines, min(CHUNK, left))]):
                    frame = pd.DataFrame([{name: _plain(value) for name, value in record.items()} for record in page])
                    # Text throughout: a column that is empty in the first page gets no type from it.
                    kinds = {name: sa.Text() for name in frame.columns}
                    frame.astype(object).where(frame.notna(), None).astype("string").to_sql(
                        source.name, target, if_exists="append", index=False, chunksize=CHUNK, dtype=kinds
                    )
                    rows, left = rows + len(page), left - len(page)
    return {"records": rows, "steps": {"to_sql": round(time.perf_counter() - begun, 3)}, "pandas": pd.__version__}


def _plain(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))))
