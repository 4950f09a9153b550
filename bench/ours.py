"""The project's own part: the steps of a night over batches that are landed, each timed by itself."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bench.generate import MADE
from bench.prototypes import LANES

#: No platform is asked for a batch that is landed; a lane only wants to see that its connection stands.
CONNECTIONS: dict[str, dict[str, Any]] = {
    "hotline_12345": {"conn_type": "http", "host": "127.0.0.1", "login": "bench", "password": "bench"},
    "provincial": {"conn_type": "http", "host": "127.0.0.1", "login": "bench", "password": "bench"},
    "smart_city": {"conn_type": "sqlite", "host": os.devnull},
    "online_politics": {"conn_type": "fs", "extra": {"path": os.devnull}},
}


def environment(home: Path, engine: dict[str, Any] | None = None) -> dict[str, str]:
    """The settings of a generated home, as an office would export them; ``engine`` is the connection of a server warehouse."""
    told = {f"AIRFLOW_CONN_PETITIONS_{name.upper()}": json.dumps(connection) for name, connection in CONNECTIONS.items()}
    if engine:
        told["AIRFLOW_CONN_PETITIONS_WAREHOUSE"] = json.dumps(engine)
    return told | {"PETITIONS_HOME": str(home), "GX_ANALYTICS_ENABLED": "False"}


def load(keep: Path | None = None) -> dict[str, float]:
    """Check, load and refresh every landed batch that is not loaded, as the nightly job would; seconds of each step.

    The settings of :func:`environment` must stand. ``keep`` is where the staged files stay, for who wants to load them otherwise.
    """
    from petitions import nightly
    from petitions.landing import Landing
    from petitions.settings import Settings

    clock, settings = Clock(), Settings.from_environment()
    done = _loaded(settings)
    waiting = [manifest for manifest in Landing.of(settings).batches() if manifest.batch_id not in done]
    unchecked = [one.batch_id for one in waiting if not (settings.staging / one.batch_id).exists()]  # beside the shortcut of bench.staged
    if unchecked:
        with clock("check"):
            for checked in nightly.check_each(unchecked):
                if checked.wrong:
                    raise checked.wrong
    if keep:
        for manifest in waiting:
            shutil.copytree(settings.staging / manifest.batch_id, keep / manifest.batch_id, copy_function=os.link)
    # A lane's newest batch brings those before it that wait.
    for newest in {manifest.source: manifest.batch_id for manifest in waiting}.values():
        with clock("load"):
            nightly.load(newest, "bench")
    with clock("refresh"):
        nightly.refresh()
    return dict(clock.seconds)


def differences(home: Path) -> list[str]:
    """Where the warehouse of a generated home says another thing than the generator did: reconciliation of each batch, headline figures."""
    from petitions import Petitions, questions, warehouse
    from petitions.settings import Settings

    made = json.loads((home / MADE).read_text(encoding="utf-8"))
    found: list[str] = []
    with warehouse.reader(Settings.from_environment()) as held:
        reconciled = {row["batch_id"]: row for row in questions.reconciliation(held)}
    counts = ("landed", "new_versions", "unchanged", "quarantined")
    for batch in made["batches"]:
        told = reconciled.get(batch["batch_id"], {})
        if told.get("status") == "red" or any(told.get(name) != batch[name] for name in counts):
            found.append(f"batch {batch['batch_id']}: expected {batch}, found {told}")
    asked = Petitions.open()
    window: dict[str, Any] = {"start": "2022-01-01", "end": made["as_of"][:10], "as_of": made["as_of"], "by": ("source",)}
    rows: dict[tuple[str, str], Any] = {}
    for population in ("appeals", "cases"):
        table = asked.metrics(population=population, **window)
        rows |= {(str(row["source"]), population): row for row in table.to_dict("records")}
    for lane in LANES:
        row = rows.get((lane.name, "cases" if lane.name == "smart_city" else "appeals"), {})
        told = {key: int(row.get(key, 0)) for key in ("received", "closed", "open")}
        figures = made["figures"][lane.name]
        if told != (expected := {"received": figures["valid"], "closed": figures["closed"], "open": figures["open"]}):
            found.append(f"{lane.name}: expected {expected}, found {told}")
    return found


def tables(folder: Path) -> int:
    """Write what the warehouse holds as Parquet, a file per table of ``core`` and ``marts``, for who wants to load it otherwise.

    :returns: how many rows there are.
    """
    import pyarrow.parquet as pq

    from petitions import warehouse
    from petitions.settings import Settings

    folder.mkdir(parents=True)
    count = 0
    with warehouse.reader(Settings.from_environment()) as held:
        for row in held.rows(_TABLES):
            rows = held.read(f"select * from {row['table_schema']}.{row['table_name']}")
            with pq.ParquetWriter(folder / f"{row['table_name']}.parquet", rows.schema) as file:
                for batch in rows:
                    file.write_batch(batch)
                    count += batch.num_rows
    return count


_TABLES = """
select table_schema, table_name from information_schema.tables
where table_schema in ('core', 'marts') and table_type = 'BASE TABLE'
order by table_schema, table_name
"""


def _loaded(settings: Any) -> set[str]:
    from petitions import warehouse

    try:
        with warehouse.reader(settings) as held:
            return {row["batch_id"] for row in held.rows("select batch_id from control.batch")}
    except warehouse.NoWarehouse:
        return set()


def ask(made: dict[str, Any], times: int) -> dict[str, float]:
    """Every metric by source and month, of a random year, at random ``T`` and ``K``; and the same months from the marts. Median seconds."""
    from petitions import Petitions, warehouse

    chance, asked, took = Random(1), Petitions.open(), defaultdict[str, list[float]](list)
    last = datetime.fromisoformat(made["as_of"])
    known = [one["batch_id"] for one in made["batches"]]
    for _ in range(times):
        as_of = last - timedelta(days=chance.randrange(200), seconds=chance.randrange(86_400))
        as_known = last + timedelta(hours=3) - timedelta(days=chance.randrange(200)) if len(known) > 4 else None
        for population in ("appeals", "cases"):
            begun = time.perf_counter()
            asked.metrics(
                population=population, start="2022-01-01", end=last.date(), as_of=as_of, as_known=as_known, by=("source", "month")
            )
            took[f"all metrics, {population}, by source and month, random T and K"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        asked.metrics(population="appeals", start="2022-01-01", end=last.date(), as_of=as_of)
        took["all metrics, appeals, in all, random T"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        with warehouse.reader(asked.settings) as held:
            held.rows(_MARTS, {"last": as_of.date()})
        took["received, closed, open, overdue by source and month from the marts"].append(time.perf_counter() - begun)
    return {what: round(median(seconds), 3) for what, seconds in took.items()}


_MARTS = """
select source, date_trunc('month', day) as month, sum(received) as received, sum(closed) as closed,
       sum(sum(open_change)) over (partition by source order by date_trunc('month', day)) as open,
       sum(sum(overdue_change)) over (partition by source order by date_trunc('month', day)) as overdue
from marts.daily
where day <= :last
group by source, date_trunc('month', day)
"""


class Clock:
    """Adds up the seconds of named steps."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[step] += time.perf_counter() - begun
