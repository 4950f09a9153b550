"""Backfill: days of the demo year in one run, and one by one; in one process each, so that starting it is no part of the ratio."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date, timedelta
from typing import Any

from bench import measure
from bench.results import Result

FIRST = date(2023, 1, 1)


def measured(days: int) -> None:
    """The stand-in platforms of the demo county are started for each, so that both see the same."""
    for what, runs, words in (("one run", 1, []), ("daily runs", days, ["--daily"])):
        with tempfile.TemporaryDirectory() as folder:
            inner = [sys.executable, "-m", "bench", "backfill", "--home", folder, "--days", str(days), *words]
            told = measure.run([sys.executable, "-m", "platforms", "exec", "--home", folder, "--", *inner], timeout=20_000)
        told.seconds = told.told["seconds"]
        Result("backfill", what, amount=runs, runs=[told], note=f"{days} days").keep().say()


def pull(days: int, daily: bool) -> dict[str, Any]:
    """Run the lanes' steps and the refresh for each window; the seconds, and a digest of what the tables then hold."""
    from petitions import nightly
    from petitions.model import SOURCES

    last = FIRST + timedelta(days=days - 1)
    windows = [(day, day) for day in (FIRST + timedelta(days=number) for number in range(days))] if daily else [(FIRST, last)]
    begun = time.perf_counter()
    for number, window in enumerate(windows):
        for source in SOURCES:
            batch = nightly.extract(source, *window, f"bench-{number}")
            nightly.check(batch)
            nightly.load(batch, f"bench-{number}")
        nightly.refresh()
    return {"seconds": round(time.perf_counter() - begun, 3), "tables": _digest()}


def _digest() -> dict[str, list[list[str]]]:
    """What stands now, counted and added up: how many postings of each state, and the daily figures."""
    from petitions import warehouse
    from petitions.settings import Settings

    now = f"timestamptz '{warehouse.FOREVER}'"
    questions = {
        "postings": "select source, valid, closed, count(*) as amount from core.posting "
        f"where known_to = {now} group by 1, 2, 3 order by 1, 2, 3",
        "daily": "select source, day, sum(received) as received, sum(closed) as closed, sum(open_change) as open, "
        "sum(overdue_change) as overdue from marts.daily group by 1, 2 order by 1, 2",
    }
    with warehouse.reader(Settings.from_environment()) as held:
        return {name: [[str(value) for value in row.values()] for row in held.rows(text)] for name, text in questions.items()}
