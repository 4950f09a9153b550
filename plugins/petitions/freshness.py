"""How far the data of each platform reach, for whoever watches over the night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from petitions import questions
from petitions.model import SOURCES
from petitions.warehouse import Warehouse


@dataclass(frozen=True)
class Reach:
    """``until``: everything that the platform changed up to this moment has been asked for and reconciled. None: nothing is loaded.

    ``fetched_at``: when a batch was last fetched, whatever it held.
    """

    source: str
    until: datetime | None
    fetched_at: datetime | None

    def behind(self, now: datetime) -> timedelta | None:
        """How long the platform's changes have been out of sight."""
        return None if self.until is None else max(now - self.until, timedelta())


def reaches(held: Warehouse) -> list[Reach]:
    """One per platform, in their order."""
    batches = questions.reconciliation(held)
    return [reach(source, batches) for source in SOURCES]


def reach(source: str, batches: Iterable[Mapping[str, Any]]) -> Reach:
    """The end of the first unbroken stretch of windows that reconciled: what a failed night left out is no data yet."""
    own = [row for row in batches if row["source"] == source]
    until: datetime | None = None
    for begins, ends in sorted((row["window_from"], row["asked_to"]) for row in own if row["status"] != "red"):
        if until is not None and begins > until + timedelta(seconds=1):
            break
        until = ends if until is None else max(until, ends)
    return Reach(source, until, max((row["fetched_at"] for row in own), default=None))
