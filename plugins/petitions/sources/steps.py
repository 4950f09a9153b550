"""What was done with a ticket, where a platform sends it as a list within the record: rows of a code, a time, a unit and a note.

The lists of many records are read together, column by column. How a platform calls the fields of a row stands in its map (``[flow]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from petitions.model import Happened

if TYPE_CHECKING:
    from petitions.columns import Column, Rows

# These may tell the due before and after.
_MOVES_DUE = ("extended", "reopened")


def kinds_of(flow: Rows, named: Mapping[str, str], expected: str) -> Column:
    """The event that each row tells, None where it tells none. A row without a code is a fault, never a guess."""
    kinds = flow.code("event", named["code"])
    flow.see_told(named["code"], kinds, "unknown_code", expected)
    return kinds


def happened(flow: Rows, kinds: Column, named: Mapping[str, str]) -> Happened:
    """The events of rows that each tell one; one without its time is a fault."""
    at, moved = flow.time(named["at"]), [kind in _MOVES_DUE for kind in kinds]
    flow.see_told(named["at"], at, "unreadable_time", "a time")
    return Happened(
        flow.places,
        kinds,
        at,
        flow.text(named["unit"]),
        flow.due(named["old_due"], moved),
        flow.due(named["new_due"], moved),
        note=flow.text(named["note"]),
    )
