"""The suites of ``expectations/`` at work on the parts of one batch: which records do not load, and why.

Parts are examined wherever there is a processor for them (:mod:`petitions.crew`); Great Expectations judges them here, in one process,
many records at a time: it takes seconds to start and a tenth of a second to be asked anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
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

    def __init__(self, normaliser: Normaliser, fetched_at: datetime, read_again: Callable[[Collection[Place]], Iterable[Landed]]) -> None:
        self.normaliser, self.fetched_at, self._read_again = normaliser, fetched_at, read_again
        self.suites = Suite(normaliser.source.name), Suite(TICKET_SUITE)
        self.bad: dict[int, dict[str, Any]] = {}
        self.unfit: set[int] = set()
        self._waiting: list[tuple[Part, Examined]] = []

    def take(self, part: Part, done: Examined) -> None:
        """A part that is examined; it is judged with its neighbours."""
        self._waiting.append((part, done))
        if sum(len(done.rows) for _, done in self._waiting) >= _AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Judge what waits.

        :raises LaneStopped: where a suite cannot be used, or lets through what could not be read.
        """
        if not self._waiting:
            return
        platform, ticket = self.suites
        refusals = ticket.refuse(ticket.frame(pa.concat_tables(done.canonical for _, done in self._waiting)))
        add(refusals, platform.refuse(platform.frame(pa.concat_tables(done.platform for _, done in self._waiting))))
        for part, done in self._waiting:
            self.bad.update(self._refused(part, done, refusals))
        self._waiting = []

    def _refused(self, part: Part, done: Examined, refusals: dict[int, Refusal]) -> Iterator[tuple[int, dict[str, Any]]]:
        refused = done.faults.keys() | {row for row in refusals if row in done.rows}
        self.unfit |= refused - done.faults.keys()
        faults = done.late | done.faults
        faults |= self._found_out(part, refused - faults.keys())
        for row in sorted(refused):
            stretch, place = part.at(row - part.first_row)
            yield row, self._told(faults[row], refusals.get(row)) | {"file": stretch.file, "line": stretch.first_line + place}

    def _found_out(self, part: Part, rows: Collection[int]) -> dict[int, Fault]:
        """Of records that nobody could know to be refused."""
        places = {(stretch.file, stretch.first_line + place): row for row in rows for stretch, place in [part.at(row - part.first_row)]}
        again = self._read_again(places) if places else ()
        return {places[one.file, one.line]: fault_of(self.normaliser(one.raw, export_at=one.export_at, file=one.file)) for one in again}

    def _told(self, fault: Fault, refusal: Refusal | None) -> dict[str, Any]:
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
        }
