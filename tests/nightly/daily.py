"""Many nightly runs of one day each, one after the other in one process, in the order given: what a backfill does, less its scheduling.

``python -m tests.nightly.daily 2023-01-01 2023-12-31`` in the order of days; ``--shuffle SEED`` in an order by chance, in which every
seventh day comes twice. Home and connections are those of the environment.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterable
from datetime import date, timedelta

from petitions import nightly


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def shuffled(in_order: list[date], seed: int) -> list[date]:
    again = in_order[::7]
    return random.Random(seed).sample([*in_order, *again], len(in_order) + len(again))


def run_each(order: Iterable[date]) -> int:
    """The number of lanes that ended red."""
    red = 0
    for day in order:
        run_id = nightly.run(window_from=day, window_to=day)
        red += sum(lane.status == "red" for lane in nightly.lanes(run_id))
    return red


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("first", type=date.fromisoformat)
    parser.add_argument("last", type=date.fromisoformat)
    parser.add_argument("--shuffle", type=int, metavar="SEED")
    asked = parser.parse_args()
    order = days(asked.first, asked.last)
    if asked.shuffle is not None:
        order = shuffled(order, asked.shuffle)
    begun = time.process_time()
    red = run_each(order)
    print(f"{len(order)} runs, {time.process_time() - begun:.1f} s of processor time, {red} lanes red")
    return 3 if red else 0


if __name__ == "__main__":
    sys.exit(main())
