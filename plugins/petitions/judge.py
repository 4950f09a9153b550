"""The suites of ``expectations/`` at work on the parts of one batch: which records do not load, and why.

Parts are examined wherever there is a processor for them (:mod:`petitions.crew`); Great Expectations judges them here, in one process,
many records at a time: it takes seconds to start and a tenth of a second to be asked anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pyarrow as pa

from petitions.examine import Examined, Fault, Landed, Part, Place, fault_of
from petitions.model import QUARANTINE_RULES
from petitions.normalise import Normaliser
from petitions.quality import TICKET_SUITE, Refusal, Suite, add
from petitions.sources.base import LaneStopped

# So many records are judged at a time, or a part where it is larger.
_AT_ONCE = 100_000


class Judge:
    """Judges the parts of one batch as they come.

    ``bad`` holds the rows of ``quarantine.parquet`` by row of the batch. ``unfit`` are those among them that were staged with their
    part, because only a suite refused them.

    :param read_again: the records at some places of the batch.
    """

    def __init__(self, normaliser: Normaliser, read_again: Callable[[Collection[Place]], Iterable[Landed]]) -> None:
        self.normaliser, self._read_again = normaliser, read_again
        self.suites = Suite(normaliser.source.name), Suite(TICKET_SUITE)
        self.bad: dict[int, dict[str, Any]] = {}
        self.unfit: set[int] = set()
        self._waiting: list[tuple[Part, Examined]] = []
        self._unexplained: dict[Place, tuple[int, Refusal]] = {}

    def take(self, part: Part, done: Examined) -> None:
        """A part that is examined; it is judged with its neighbours."""
        self._waiting.append((part, done))
        if sum(len(done.rows) for _, done in self._waiting) >= _AT_ONCE:
            self._judge()

    def settle(self) -> None:
        """Judge what waits, and read again, once for the whole batch, what nobody could know to be refused.

        :raises LaneStopped: where a suite cannot be used, or lets through what could not be read.
        """
        self._judge()
        for one in self._read_again(self._unexplained) if self._unexplained else ():
            row, refusal = self._unexplained[one.file, one.line]
            fault = fault_of(self.normaliser(one.raw, export_at=one.export_at, file=one.file))
            self.bad[row] = self._told(fault, refusal, (one.file, one.line))
        self._unexplained = {}

    def _judge(self) -> None:
        if not self._waiting:
            return
        platform, ticket = self.suites
        refusals = ticket.refuse(ticket.frame(pa.concat_tables(done.canonical for _, done in self._waiting)))
        add(refusals, platform.refuse(platform.frame(pa.concat_tables(done.platform for _, done in self._waiting))))
        for part, done in self._waiting:
            self._refuse(part, done, refusals)
        self._waiting = []

    def _refuse(self, part: Part, done: Examined, refusals: dict[int, Refusal]) -> None:
        refused = done.faults.keys() | {row for row in refusals if row in done.rows}
        self.unfit |= refused - done.faults.keys()
        known = done.late | done.faults
        for row in refused:
            stretch, place = part.at(row - part.first_row)
            at, refusal = (stretch.file, stretch.first_line + place), refusals.get(row)
            if refusal is None or row in known:
                self.bad[row] = self._told(known[row], refusal, at)
            else:
                self._unexplained[at] = row, refusal

    def _told(self, fault: Fault, refusal: Refusal | None, at: Place) -> dict[str, Any]:
        if refusal is None:
            source, rules = self.normaliser.source.name, "、".join(rule for rule in QUARANTINE_RULES if rule in fault.found)
            raise LaneStopped(
                f"{source}: expected a red expectation for {rules}, found none that fails; "
                f"restore it in expectations/{source}.json or expectations/{TICKET_SUITE}.json"
            )
        found = fault.found.get(refusal.rule)
        return {
            "record_id": fault.record_id,
            "source_no": fault.source_no,
            "rule": refusal.rule,
            "reason": f"{refusal.sentence}: {found}" if found else refusal.sentence,
            "updated_at": fault.updated_at,
            "file": at[0],
            "line": at[1],
        }
