"""Backfill: days of the demo year in one run, and one by one; in one process each, so that starting it is no part of the ratio.

Fewer days than the year's are a sample: the whole year in one run is measured besides, and a day's rate is held against it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import date, timedelta
from typing import Any

from bench import measure
from bench.results import Result

FIRST, YEAR = date(2023, 1, 1), 365


def measured(days: int) -> None:
    """The stand-in platforms of the demo county are started for each, so that all see the same."""
    for what, window, words in (("the year in one run", YEAR, []), ("one run", days, []), ("daily runs", days, ["--daily"])):
        with tempfile.TemporaryDirectory() as folder:
            inner = [sys.executable, "-m", "bench", "backfill", "--home", folder, "--days", str(window), *words]
            told = measure.run([sys.executable, "-m", "platforms", "exec", "--home", folder, "--", *inner], timeout=20_000)
        Result("backfill", what, amount=window if words else 1, runs=[told], note=f"{window} days").keep().say()


def pull(days: int, daily: bool) -> dict[str, Any]:
    """Run the lanes' steps and the refresh for each window, and the report; the seconds, and a digest of what the tables then hold."""
    from petitions import nightly
    from petitions.model import SOURCES
    from petitions.quality import great_expectations

    great_expectations()
    last = FIRST + timedelta(days=days - 1)
    windows = [(day, day) for day in (FIRST + timedelta(days=number) for number in range(days))] if daily else [(FIRST, last)]
    begun, used = time.perf_counter(), _used()
    for number, window in enumerate(windows):
        for source in SOURCES:
            batch = nightly.extract(source, *window, f"bench-{number}")
            nightly.check(batch)
            nightly.load(batch, f"bench-{number}")
        nightly.refresh()
        nightly.report(*window, f"bench-{number}")
    return {"seconds": round(time.perf_counter() - begun, 3), "cpu": round(_used() - used, 3), "tables": _digest()}


def _used() -> float:
    """Seconds of processor of this process and of those that it waited for."""
    return sum(os.times()[:4])


def _digest() -> dict[str, list[list[str]]]:
    """What stands now, counted and added up: how many postings of each state, and the daily figures."""
    from petitions import kinds, warehouse
    from petitions.settings import Settings

    now = f"timestamptz '{warehouse.FOREVER}'"
    questions = {
        "postings": f"select source, valid, closed, count(*) as amount from {kinds.POSTINGS} "
        f"where known_to = {now} group by 1, 2, 3 order by 1, 2, 3",
        "daily": "select source, day, sum(received) as received, sum(closed) as closed, sum(open_change) as open, "
        "sum(overdue_change) as overdue from marts.daily group by 1, 2 order by 1, 2",
    }
    with warehouse.reader(Settings.from_environment()) as held:
        return {name: [[str(value) for value in row.values()] for row in held.rows(text)] for name, text in questions.items()}
