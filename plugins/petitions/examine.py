"""One part of a landed batch: its records normalised, those that could be read staged, the others named; the columns that are judged.

A part is a stretch of a batch's records in the order received. Parts know nothing of each other, so that several can be at work at
once (:mod:`petitions.crew`). The suites judge many at a time (:mod:`petitions.judge`); what the whole batch must be asked, such as which
numbers come twice, is left to :mod:`petitions.check`.
"""

from __future__ import annotations

import gc
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from petitions import privacy
from petitions.model import BEIJING, QUARANTINE_RULES
from petitions.normalise import Normalised, Normaliser
from petitions.quality import ROW, TICKET_SUITE, Suite
from petitions.raws import Raws, Shape, decoded
from petitions.sources.base import LaneStopped, Raw
from petitions.values import stamp

# Records are held as Python objects for so many at a time, few enough for the processor's own memory; what stays of a part are columns.
_AT_ONCE = 500

_TIME = pa.timestamp("us", tz="UTC")
_SECONDS = pa.timestamp("s", tz="UTC")
TICKETS = pa.schema(
    [
        ("ticket_id", pa.string()),
        ("source_no", pa.string()),
        ("content_id", pa.string()),
        ("updated_at", _TIME),
        ("update_key", pa.string()),
        ("export_at", _TIME),
        ("received_at", _TIME),
        ("channel", pa.string()),
        ("ticket_type", pa.string()),
        ("urgency", pa.string()),
        ("category", pa.string()),
        ("area", pa.string()),
        ("unit", pa.string()),
        ("title", pa.string()),
        ("content", pa.string()),
        ("address", pa.string()),
        ("petitioner", pa.string()),
        ("phone", pa.string()),
        ("id_number", pa.string()),
        ("person_key", pa.string()),
        ("persons", pa.int32()),
        ("repeat", pa.bool_()),
        ("restricted", pa.bool_()),
        ("due_at", _TIME),
        ("due_upper_at", _TIME),
        ("limit_amount", pa.int32()),
        ("limit_unit", pa.string()),
        ("out_of_order", pa.bool_()),
    ]
)
EVENTS = pa.schema(
    [
        ("content_id", pa.string()),
        ("seq", pa.int32()),
        ("event_type", pa.string()),
        ("occurred_at", _TIME),
        ("unit", pa.string()),
        ("old_due", _TIME),
        ("new_due", _TIME),
        ("satisfaction", pa.string()),
        ("note", pa.string()),
    ]
)
_OF_EVENTS = EVENTS.names[2:]
#: What the whole batch must know of each record. ``content`` tells two records of one number apart; ``events`` counts its staged events.
NARROW = pa.schema(
    [
        (ROW, pa.int64()),
        ("source_no", pa.string()),
        ("content", pa.string()),
        ("updated_at", _TIME),
        ("update_key", pa.string()),
        ("export_at", _TIME),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("good", pa.bool_()),
        ("events", pa.int32()),
    ]
)


class Landed(NamedTuple):
    """One raw record, and where it stands in its batch: the file, and which of the file's records it is, from 1."""

    file: str
    line: int
    export_at: datetime | None
    raw: Raw


#: Where a record stands in its batch: the file, and which of its records it is, from 1.
Place = tuple[str, int]


@dataclass(frozen=True)
class Stretch:
    """Records that follow one another in one file: JSON lines, or raw records of a platform's own file."""

    file: str
    first_line: int
    export_at: datetime | None
    content: bytes | list[Raw]
    size: int

    def raws(self, shape: Shape, at_once: int = _AT_ONCE) -> Iterator[Raws]:
        """The records, so many at a time."""
        if isinstance(self.content, bytes):
            lines = io.BytesIO(self.content)
            while some := list(islice(lines, at_once)):
                yield shape.read(some)
        else:
            records = iter(self.content)
            while found := list(islice(records, at_once)):
                yield Raws(found)

    def records(self) -> Iterator[Raw]:
        return map(decoded, io.BytesIO(self.content)) if isinstance(self.content, bytes) else iter(self.content)

    def record(self, place: int) -> Raw:
        """One of them, at its place from 0."""
        return decoded(self._lines[place]) if isinstance(self.content, bytes) else self.content[place]

    @cached_property
    def _lines(self) -> list[bytes]:
        return io.BytesIO(self.content).readlines() if isinstance(self.content, bytes) else []


@dataclass(frozen=True)
class Part:
    """Stretches of a batch, one after the other. ``first_row`` counts within the batch, from 0."""

    number: int
    first_row: int
    stretches: tuple[Stretch, ...]

    @property
    def size(self) -> int:
        return sum(stretch.size for stretch in self.stretches)

    def bare(self) -> Part:
        """The part without its records."""
        return replace(self, stretches=tuple(replace(one, content=b"") for one in self.stretches))

    def at(self, place: int) -> tuple[Stretch, int]:
        """Where the record at a place of the part stands: its stretch, and the place in that."""
        for stretch in self.stretches:
            if place < stretch.size:
                return stretch, place
            place -= stretch.size
        raise IndexError(place)


@dataclass(frozen=True)
class Fault:
    """A record that does not load. ``found`` tells of each rule what was found where, masked."""

    record_id: str
    source_no: str | None
    updated_at: datetime | None
    found: dict[str, str]


@dataclass
class Examined:
    """What a part came to, beside the files that were written.

    ``platform`` and ``canonical`` have a row for every record: the columns that the suite of the source looks at, as cleaned text, and
    those of the suite of the canonical ticket. ``faults`` are the records that could not be read, by row of the batch; ``late`` tells the
    same of those that were received later than they were fetched, which a suite refuses.
    """

    part: int
    rows: range
    platform: pa.Table
    canonical: pa.Table
    faults: dict[int, Fault]
    late: dict[int, Fault]
    remarks: Counter[str]
    unknown: Counter[str]


class Examiner:
    """Examines parts of one batch. ``folder`` gets a file or two per part in ``tickets.parquet/``, ``events.parquet/`` and ``narrow/``."""

    def __init__(self, normaliser: Normaliser, folder: Path, fetched_at: datetime) -> None:
        self.normaliser, self.folder, self.fetched_at = normaliser, folder, fetched_at
        self._platform = sorted(Suite(normaliser.source.name).columns)
        self._canonical = sorted(Suite(TICKET_SUITE).columns)

    def __call__(self, part: Part) -> Examined:
        with _no_garbage():
            sheet = _Sheet(self.normaliser, self._platform, stamp(self.fetched_at) or 0)
            for stretch in part.stretches:
                for raws in stretch.raws(self.normaliser.map.shape):
                    sheet.take(raws, stretch)
            self._write(part, sheet)
            rows = range(part.first_row, part.first_row + sheet.count)
            number = pa.array(rows, pa.int64())
            return Examined(
                part.number,
                rows,
                sheet.platform_table(number),
                sheet.canonical_table(number, self._canonical, self.fetched_at),
                {rows[place]: fault for place, fault in sheet.faults.items()},
                {rows[place]: fault for place, fault in sheet.late.items()},
                sheet.remarks,
                sheet.unknown,
            )

    def _write(self, part: Part, sheet: _Sheet) -> None:
        told = sheet.tickets
        columns = {name: told[name] for name in ("source_no", "updated_at", "update_key", "export_at")} | {
            ROW: pa.array(range(part.first_row, part.first_row + sheet.count), pa.int64()),
            "content": pa.array(sheet.contents, pa.string()),
            "file": pa.chunked_array([pa.repeat(one.file, one.size) for one in part.stretches], pa.string()),
            "line": pa.array(chain.from_iterable(range(one.first_line, one.first_line + one.size) for one in part.stretches), pa.int64()),
            "good": pa.array([place not in sheet.faults for place in range(sheet.count)], pa.bool_()),
            "events": pa.array(sheet.event_counts, pa.int32()),
        }
        narrow = pa.table(columns).select(NARROW.names).cast(NARROW)
        # A suite refuses what was received later than it was fetched: from a file of its own it is taken without writing the part anew.
        late = pa.array([place in sheet.late for place in range(sheet.count)], pa.bool_())
        self._write_rows(part_name(part.number), sheet, narrow, pc.invert(late))
        if sheet.late:
            self._write_rows(part_name(part.number, "late"), sheet, narrow, late)

    def _write_rows(self, name: str, sheet: _Sheet, narrow: pa.Table, rows: pa.Array) -> None:
        good = pc.and_(rows, narrow["good"])
        write_part(self.folder / "narrow", name, narrow.filter(rows) if sheet.late else narrow)
        write_part(self.folder / "tickets.parquet", name, sheet.tickets.select(TICKETS.names).filter(good))
        write_part(self.folder / "events.parquet", name, sheet.events.filter(per_event(good, sheet.event_counts)))


class _Sheet:
    """The columns of a part as they grow."""

    def __init__(self, normaliser: Normaliser, platform_columns: Sequence[str], fetched_at: int) -> None:
        self.normaliser, self.fetched_at = normaliser, fetched_at
        self.platform: dict[str, list[str | None]] = {name: [] for name in platform_columns}
        self.contents: list[str] = []
        self.event_counts: list[int] = []
        self.faults: dict[int, Fault] = {}
        self.late: dict[int, Fault] = {}
        self.remarks: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._told: dict[str, list[Any]] = {name: [] for name in TICKETS.names if name != "ticket_id"}
        self._happened: dict[str, list[Any]] = {name: [] for name in _OF_EVENTS}

    @property
    def count(self) -> int:
        return len(self.contents)

    @cached_property
    def tickets(self) -> pa.Table:
        """One row per record, in their order, when all are taken; of a faulty one only what names it."""
        told = {name: _column(column, TICKETS.field(name).type) for name, column in self._told.items()}
        source = pa.scalar(f"{self.normaliser.source.name}:")
        told["ticket_id"] = pc.binary_join_element_wise(source, told["source_no"], "")
        return pa.table([told[name] for name in TICKETS.names], schema=TICKETS)

    @cached_property
    def events(self) -> pa.Table:
        """The events of the good records, when all are taken."""
        import numpy as np

        counts = np.array(self.event_counts, dtype=np.int64)
        seq = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        contents = self.tickets["content_id"].take(pa.array(np.repeat(np.arange(len(counts)), counts)))
        told = [_column(column, EVENTS.field(name).type) for name, column in self._happened.items()]
        return pa.table([contents, pa.array(seq, pa.int32()), *told], schema=EVENTS)

    def take(self, raws: Raws, stretch: Stretch) -> None:
        begin, found = self.count, self.normaliser.columns(raws, export_at=stretch.export_at, file=stretch.file)
        for name, column in self.platform.items():
            column += found.text(name)
        faults = {place: fault_of(found.one(place)) for place in found.records.faulty()}
        self.faults |= {begin + place: fault for place, fault in faults.items()}
        late = [place for place, at in enumerate(found.told["received_at"]) if at is not None and at > self.fetched_at]
        self.late |= {begin + place: fault_of(found.one(place)) for place in late if place not in faults}
        self.contents += [told or faults[place].record_id for place, told in enumerate(found.told["content_id"])]
        self.event_counts += found.events.counts
        self.remarks += found.records.remarks()
        self.unknown += found.records.unknown()
        for name, column in self._told.items():
            column += found.told[name]
        for name, column in self._happened.items():
            column += found.events.columns[name]

    def platform_table(self, rows: pa.Array) -> pa.Table:
        """The platform's own fields, as cleaned text."""
        return pa.table({ROW: rows} | {name: pa.array(column, pa.string()) for name, column in self.platform.items()})

    def canonical_table(self, rows: pa.Array, columns: Sequence[str], fetched_at: datetime) -> pa.Table:
        """What normalising found: attributes of the canonical ticket, and one column per quarantine rule for what could not be read."""
        told = self.tickets
        return pa.table({ROW: rows} | {name: self._canonical_column(name, told, fetched_at) for name in columns})

    def _canonical_column(self, name: str, told: pa.Table, fetched_at: datetime) -> pa.Array | pa.ChunkedArray:
        if name in QUARANTINE_RULES:
            faults: list[str | None] = [None] * self.count
            for place, one in self.faults.items():
                faults[place] = one.found.get(name)
            return pa.array(faults, pa.string())
        if name == "fetched_at":
            return pa.repeat(pa.scalar(stamp(fetched_at), pa.int64()), self.count).cast(_SECONDS)
        if name == "received_year":
            return pc.year(told["received_at"].cast(pa.timestamp("us", BEIJING.key)))
        if name not in TICKETS.names:
            raise LaneStopped(
                f"expectations/{TICKET_SUITE}.json: expected columns of the canonical ticket or rules of quarantine, found {name}; "
                "correct the suite"
            )
        return told[name].cast(_SECONDS) if told[name].type == _TIME else told[name]


def fault_of(one: Normalised) -> Fault:
    """What is told of a record that does not load; of the faults of one rule the first."""
    found = {rule: privacy.mask_text(text, one.names) or "" for rule, text in reversed(one.faults)}
    return Fault(one.record_id, one.source_no, one.updated_at, found)


def per_event(rows: Any, event_counts: Any) -> pa.Array:
    """A mask of rows as a mask of their events."""
    import numpy as np

    return pa.array(np.repeat(np.asarray(rows, dtype=bool), event_counts))


def part_name(number: int, apart: str = "") -> str:
    """The name of a part's file, or of a file of rows that are kept apart from it."""
    return f"{number:06}{'-' if apart else ''}{apart}.parquet"


def write_part(folder: Path, name: str, table: pa.Table) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    pq.write_table(table, folder / name)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(_SECONDS).cast(_TIME) if kind == _TIME else pa.array(values, kind)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Records hold no cycles; looking for some in a part of them would cost a fifth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
