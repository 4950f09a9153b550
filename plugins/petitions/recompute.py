"""What a change of rules, calendar or office hours does to tickets: everything is computed anew, the changed verdicts are listed.

The nightly refresh does the same by itself, without the list, when it finds the fingerprint of one of them changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from petitions import kinds, ledger
from petitions.model import BEIJING
from petitions.settings import Settings
from petitions.time_limits import CLOCKS
from petitions.warehouse import Warehouse


@dataclass(frozen=True)
class Recomputed:
    """``changed``: what of calendar, time_limits and office_hours was another than last time; ``tickets`` computed; the changes."""

    changed: tuple[str, ...]
    tickets: int
    as_of: datetime | None
    changes: tuple[dict[str, Any], ...]


def recompute(warehouse: Warehouse, settings: Settings) -> Recomputed:
    """Compute anew what stands on changed rules, calendar or office hours.

    A change is one row per ticket and clock: ``ticket_id``, ``clock``, ``old_class``, ``new_class``, ``old_due_at``, ``new_due_at``
    of the newest version, at the latest moment that anything was fetched. Where nothing changed, nothing but what every
    refresh does happens, and the list is empty.
    """
    changed = tuple(ledger.stale(warehouse, settings))
    as_of = warehouse.value("select max(fetched_at) from control.batch")

    warehouse.execute(f"create temp table verdict_before as {_VERDICTS}", {"as_of": as_of})
    try:
        told = ledger.refresh(warehouse, settings)
        rows = warehouse.rows(_CHANGES, {"as_of": as_of}) if changed else []
    finally:
        warehouse.execute("drop table verdict_before")
    return Recomputed(changed, told["tickets"], as_of and as_of.astimezone(BEIJING), tuple(_changes(rows)))


# Of the newest versions, at one moment. A version has the same id before and after, unless its data changed too.
_VERDICTS = f"""
select ticket_id, version_id, valid, accept_class, reply_class, close_class, accept_due_at, reply_due_at, close_due_at
from {kinds.POSTINGS}
where known_to = timestamptz '9999-12-31 00:00:00+08' and valid_from <= :as_of and valid_to > :as_of
"""
_DIFFERS = " or ".join(f"n.{clock}_class <> o.{clock}_class or n.{clock}_due_at is distinct from o.{clock}_due_at" for clock in CLOCKS)
_SIDES = ", ".join(
    f"{side}.{clock}_{what} as {name}_{clock}_{what}"
    for clock in CLOCKS
    for what in ("class", "due_at")
    for side, name in (("o", "old"), ("n", "new"))
)
_CHANGES = f"""
select n.ticket_id, {_SIDES}
from ({_VERDICTS}) n
join verdict_before o on o.ticket_id = n.ticket_id and o.version_id = n.version_id
where (n.valid or o.valid) and ({_DIFFERS})
order by n.ticket_id
"""


def _changes(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for clock in CLOCKS:
            told = {f"{side}_{what}": row[f"{side}_{clock}_{what}"] for what in ("class", "due_at") for side in ("old", "new")}
            if told["old_class"] != told["new_class"] or told["old_due_at"] != told["new_due_at"]:
                yield {"ticket_id": row["ticket_id"], "clock": clock} | told
