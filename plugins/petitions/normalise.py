"""From raw records to canonical tickets, in columns: each attribute is read for many records at once, then the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import accumulate, chain, compress, pairwise, repeat
from typing import Any

import msgspec

from petitions import privacy
from petitions.columns import Column, Kept, Reader, Records, Rows, picked
from petitions.kept import keep
from petitions.model import BEIJING, Event, Happened, Ticket
from petitions.raws import Raws
from petitions.record import CONTENT, FieldMap, Record
from petitions.sources.base import LaneStopped, Raw, Source
from petitions.time_limits import MOST_AMOUNT, Limit
from petitions.values import CANONICAL, NUMBER, WHOLE, end_of_day, excerpt, plain, read_time, stamp

# The attributes that are read one by one, in the order in which their faults are told.
_READ = (
    *("channel", "ticket_type", "urgency", "category", "area", "unit", "title", "content", "address", "petitioner", "phone", "id_number"),
    *("persons", "repeat", "restricted", "due_upper_at"),
)
# Of these the map may name a field and no constant.
_ONLY_AS_FIELD = frozenset({"persons", "due_upper_at"})
_FREE_TEXT = ("title", "content", "address")
_LABELS = ("channel", "category", "area", "unit")
_TIMES = ("updated_at", "export_at", "received_at", "due_at", "due_upper_at")


@dataclass
class Events:
    """Events of many records, one after the other. ``counts`` tells how many each record has; ``columns`` are by the fields of
    :class:`petitions.model.Event`."""

    counts: list[int]
    columns: dict[str, Column]

    def by_record(self) -> list[list[tuple[Any, ...]]]:
        """The events of each record as rows."""
        rows = list(zip(*self.columns.values(), strict=True))
        ends = list(accumulate(self.counts))
        return [rows[end - count : end] for count, end in zip(self.counts, ends, strict=True)]

    def places(self, place: int) -> range:
        """Where the events of one record stand."""
        start = sum(self.counts[:place])
        return range(start, start + self.counts[place])

    def of(self, place: int) -> Iterable[tuple[Any, ...]]:
        """The events of one record as rows."""
        at = self.places(place)
        return zip(*(column[at.start : at.stop] for column in self.columns.values()), strict=True)


@dataclass
class Columns:
    """What raw records came to; everything has a value for each record, in their order. Times are epoch seconds.

    ``told`` holds the columns of the canonical ticket by attribute, and ``content_id``, ``update_key``, ``export_at`` and
    ``out_of_order`` beside them. Of a record with faults it holds what names and dates it, and nothing else, no events either. ``names``
    are the names to be masked in what is told of a record.
    """

    normaliser: Normaliser
    rows: Rows
    told: dict[str, Column]
    events: Events
    names: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def records(self) -> Records:
        return self.rows.records

    def text(self, name: str) -> Column:
        """A field of the platform as cleaned text."""
        return self.rows.text(name)

    def one(self, place: int) -> Normalised:
        """One record by itself."""
        record, told = self.records[place], {name: column[place] for name, column in self.told.items()}
        told |= {name: moment(told[name]) for name in _TIMES}
        content_id, update_key, export_at, out_of_order = (told.pop(name) for name in _BESIDE)
        events = [
            Event(*(moment(value) if timed else value for value, timed in zip(row, _EVENT_TIMES, strict=True)))
            for row in self.events.of(place)
        ]
        return Normalised(
            source_no=told["source_no"],
            updated_at=told["updated_at"],
            update_key=update_key,
            export_at=export_at,
            received_at=told["received_at"],
            ticket=None if record.faults else Ticket(**told, events=events),
            content_id=content_id,
            record_id=self.normaliser.record_id(record.raw),
            out_of_order=out_of_order,
            names=self.names[place],
            faults=record.faults,
            remarks=record.remarks,
            unknown=record.map.unknown(record.raw),
        )


@dataclass(slots=True)
class Normalised:
    """What one raw record came to. ``ticket`` and ``content_id`` are None where there are faults; ``record_id`` names the raw record."""

    source_no: str | None
    updated_at: datetime | None
    update_key: str
    export_at: datetime | None
    received_at: datetime | None
    ticket: Ticket | None
    content_id: str | None
    record_id: str
    out_of_order: bool
    names: tuple[str, ...]
    faults: list[tuple[str, str]]
    remarks: list[str]
    unknown: set[str]


class Normaliser:
    """Turns the raw records of one source into tickets. ``key`` is the secret of the person key."""

    def __init__(self, source: Source, field_map: FieldMap | Mapping[str, Any], key: bytes) -> None:
        self.source = source
        self.map = field_map if isinstance(field_map, FieldMap) else FieldMap(source.name, field_map)
        self.key = key
        self._kept: Kept = {}
        self._constants: dict[str, Any] = dict.fromkeys(_READ) | {"repeat": False, "restricted": False} | self._told_constants()

    def __call__(self, raw: Raw, *, export_at: datetime | None = None, file: str = "") -> Normalised:
        """The canonical form of one record; ``export_at`` and ``file`` are given for records of export files."""
        return self.columns(Raws([raw]), export_at=export_at, file=file).one(0)

    def columns(self, raws: Raws, *, export_at: datetime | None = None, file: str = "") -> Columns:
        """The canonical form of records; ``export_at`` and ``file`` are given for records of one export file.

        :raises LaneStopped: where the source does not tell the registration of a record exactly once.
        """
        records = Records(raws, self.map, export_at=export_at)
        rows = Rows(records, self._kept)
        for name in self.map.required:
            for place, text in enumerate(rows.text(name)):
                if text is None:
                    records[place].fault("missing_field", f"{name} is empty")
        told = {
            "source": [self.source.name] * len(records),
            "source_no": self._numbers(rows),
            "updated_at": [stamp(export_at)] * len(records) if export_at else self._times(rows, "updated_at"),
            "update_key": [file if export_at else ""] * len(records),
            "export_at": [stamp(export_at)] * len(records),
            "received_at": self._times(rows, "received_at"),
        }
        happened = list(self.source.happened(rows))
        rows.settle()
        told |= self._limits(rows) | {attribute: self._attribute(rows, attribute) for attribute in _READ}
        self._see_needed(records, told, happened)
        return self._settled(rows, told, happened)

    def record_id(self, raw: Raw) -> str:
        """32 hex digits that name a bad record wherever it comes again: its source and raw content without the platform update time."""
        updated = self.map.fields.get("updated_at")
        told = {str(name): value for name, value in raw.items() if name != updated}
        return sha256(f"{self.source.name}\n{CANONICAL(told)}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

    # --- reading ------------------------------------------------------------------------------------------------------------

    def _attribute(self, rows: Rows, attribute: str) -> Column:
        name = self.map.fields.get(attribute)
        if name is None:
            return [self._constants[attribute]] * len(rows)
        if attribute == "category":
            return self._categories(rows, [name] if isinstance(name, str) else name)
        if attribute == "due_upper_at":
            return rows.due(name)
        if attribute in ("channel", "ticket_type", "urgency") and attribute in self.map.codes:
            return rows.code(attribute, name)
        return rows.read(name, _READERS[attribute]) if attribute in _READERS else rows.text(name)

    def _categories(self, rows: Rows, fields: list[str]) -> Column:
        kept, found = self._kept.setdefault(("category", ""), {}), []
        for place, told in enumerate(map(repr, zip(*map(rows.raw, fields), strict=True))):
            if told not in kept:
                keep(kept, told, _category(rows.record(place), fields))
            found.append(kept[told])
        return found

    def _times(self, rows: Rows, attribute: str) -> Column:
        """Epoch seconds."""
        name = self.map.fields.get(attribute)
        return rows.time(name) if name else [None] * len(rows)

    def _numbers(self, rows: Rows) -> Column:
        name = self.map.fields.get("source_no")
        return rows.number(name) if name else [self.map.constants.get("source_no")] * len(rows)

    def _limits(self, rows: Rows) -> dict[str, Column]:
        """Amount and unit of the limit told, and the due told."""
        due = self.map.fields.get("due_at")
        due_at: Column = rows.due(due) if due else [None] * len(rows)
        limits: list[Limit | None] = [None] * len(rows)
        if name := self.map.fields.get("due_or_limit"):
            for place, value in enumerate(rows.raw(name)):
                try:
                    due_at[place] = stamp(end_of_day(*read_time(value)))
                except ValueError:
                    limits[place] = rows.record(place).limit(name)
        elif name := self.map.fields.get("limit_amount"):
            told = zip(rows.text(name), self._limit_units(rows), due_at, strict=True)
            limits = [amount and self._amount(rows, place, name, amount, unit, due) for place, (amount, unit, due) in enumerate(told)]
        return {
            "due_at": due_at,
            "limit_amount": [limit and limit.amount for limit in limits],
            "limit_unit": [limit and limit.unit for limit in limits],
        }

    def _amount(self, rows: Rows, place: int, name: str, told: str, unit: str | None, due: int | None) -> Limit | None:
        """A number needs its unit; half a limit beside a due that stands is none, without one it is a fault."""
        number = WHOLE.fullmatch(told)
        if number and unit and 0 < int(number[1]) <= MOST_AMOUNT:
            return Limit(int(number[1]), unit)
        if not NUMBER.fullmatch(told):
            return rows.record(place).limit(name)
        if due is None:
            wrong = f"no whole number from 1 to {MOST_AMOUNT}" if unit else "its unit is empty"
            rows.record(place).fault("unreadable_limit", f"{name} = {excerpt(told)}, {wrong}")
        return None

    def _limit_units(self, rows: Rows) -> Column:
        """By the code table of that name where the map has one, else the name as sent."""
        name = self.map.fields.get("limit_unit")
        if name is None:
            return [self.map.constants.get("limit_unit")] * len(rows)
        return rows.code("limit_unit", name) if "limit_unit" in self.map.codes else rows.text(name)

    def _told_constants(self) -> dict[str, Any]:
        told = {name: self.map.constants[name] for name in _READ if name in self.map.constants and name not in _ONLY_AS_FIELD}
        return {name: bool(value) if name in ("repeat", "restricted") else value for name, value in told.items()}

    # --- settling -----------------------------------------------------------------------------------------------------------

    def _see_needed(self, records: Records, told: dict[str, Column], happened: list[Happened]) -> None:
        """What a ticket cannot do without, where the map forgot to require it; and an event of an interface without its time."""
        for name in _NEEDED:
            for place, value in enumerate(told[name]):
                if value is None and not records[place].faults:
                    records[place].fault("missing_field", f"{self.map.fields.get(name, name)} is empty")
        received = Counter(chain.from_iterable(_registrations(one) for one in happened))
        if any(received[place] != 1 and not records[place].faults for place in range(len(records))):
            raise LaneStopped(
                f"{self.source.name}: expected one event received per record, found none or several; correct the events of the source"
            )
        for one in happened:
            for place, event_type, at in zip(one.places, one.column("event_type"), one.occurred_at, strict=True):
                if at is None and records.export_at is None and not records[place].faults:
                    records[place].fault("missing_field", f"the event {event_type} has no time")

    def _settled(self, rows: Rows, told: dict[str, Column], happened: list[Happened]) -> Columns:
        """Masks what is personal, and names good records by their content. Of bad ones nothing stays but what names them."""
        names = [privacy.names_in(petitioner) for petitioner in told["petitioner"]]
        bad = set(rows.records.faulty())
        good = [place not in bad for place in range(len(rows))]
        events = _in_order(happened, good, names)
        told["person_key"] = [
            privacy.person_key(self.key, phone, number) for phone, number in zip(told["phone"], told["id_number"], strict=True)
        ]
        for attribute in _FREE_TEXT:
            told[attribute] = privacy.mask_each(told[attribute], names)
        for attribute in _LABELS:
            told[attribute] = list(map(privacy.mask_label, told[attribute]))
        _mask_units(told["unit"], events, names)
        for attribute, mask in _MASKS.items():
            told[attribute] = list(map(mask, told[attribute]))
        by_record = events.by_record()
        told["out_of_order"] = _out_of_order(events, told["received_at"])
        contents = told | {"events": by_record}
        told["content_id"] = list(map(content_id, map(_Content, *(contents[name] for name in _CONTENT))))
        if not all(good):
            for name in told.keys() - _NAMING:
                told[name] = [value if one else None for value, one in zip(told[name], good, strict=True)]
        return Columns(self, rows, told, events, names)


def normalise(
    source: Source,
    raw: Raw,
    *,
    export_at: datetime | None = None,
    file: str = "",
    field_map: FieldMap | Mapping[str, Any] | None = None,
    key: bytes | None = None,
) -> Normalised:
    """One record by itself, with the map and the key of the source's home; for many, make one :class:`Normaliser`."""
    told = source.settings.source_maps[source.name] if field_map is None else field_map
    secret = privacy.load_key(source.settings.secrets) if key is None else key
    return Normaliser(source, told, secret)(raw, export_at=export_at, file=file)


_CONTENT = tuple(sorted((*CONTENT, "events")))
_EMPTY = dict.fromkeys(_CONTENT) | {"repeat": False, "restricted": False}
# Its JSON is canonical: keys in order, those left out that are empty or not so; no blanks, nothing escaped that need not be.
_Content = msgspec.defstruct("_Content", [(name, Any, empty) for name, empty in _EMPTY.items()], omit_defaults=True, gc=False)
_JSON = msgspec.json.Encoder().encode


def content_id(content: Any) -> str:
    """32 hex digits: SHA-256 over the canonical JSON of attributes and events.

    The platform's update time is no content. Times are epoch seconds.
    """
    return sha256(_JSON(content)).hexdigest()[:32]


_NEEDED = ("source_no", "updated_at", "received_at")
_BESIDE = ("content_id", "update_key", "export_at", "out_of_order")
_NAMING = frozenset({*_NEEDED, "source", "update_key", "export_at", "out_of_order"})
_EVENT_TIMES = tuple(name in ("occurred_at", "old_due", "new_due") for name in Event.__slots__)
_MASKS: dict[str, Callable[[str | None], str | None]] = {
    "petitioner": privacy.mask_name,
    "phone": privacy.mask_phone,
    "id_number": privacy.mask_id_number,
}
_READERS: dict[str, Reader] = {"persons": Record.whole, "repeat": Record.flag, "restricted": Record.flag}


def moment(seconds: Any) -> Any:
    """Beijing time of epoch seconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, BEIJING)


def _registrations(one: Happened) -> Iterable[int]:
    """The places of the records that are received by these events."""
    if isinstance(one.event_type, str):
        return one.places if one.event_type == "received" else ()
    return compress(one.places, map("received".__eq__, one.event_type)) if "received" in one.event_type else ()


def _in_order(happened: list[Happened], good: list[bool], names: list[tuple[str, ...]]) -> Events:
    """The events of the good records, record by record, each in the platform's order, free of personal data."""
    places = _joined(happened, "places")
    order = sorted(compress(range(len(places)), map(good.__getitem__, places)), key=places.__getitem__)
    columns = {name: picked(_joined(happened, name), order) for name in Event.__slots__}
    places = picked(places, order)
    columns["unit"] = list(map(privacy.mask_label, columns["unit"]))
    columns["note"] = privacy.mask_each(columns["note"], picked(names, places))
    counts = Counter(places)
    return Events([counts[place] for place in range(len(good))], columns)


def _out_of_order(events: Events, received: Column) -> list[bool]:
    """Whether something happened to a ticket before it was received."""
    moments = zip(events.columns["occurred_at"], chain.from_iterable(map(repeat, received, events.counts)), strict=True)
    early = [at is not None and at < first for at, first in moments]
    if True not in early:
        return [False] * len(received)
    return [any(early[end - count : end]) for end, count in zip(accumulate(events.counts), events.counts, strict=True)]


def _mask_units(units: Column, events: Events, names: list[tuple[str, ...]]) -> None:
    """Masks the petitioner in the names of units. Hardly ever is one there: which records could have one is seen by two characters."""
    of_events = events.columns["unit"]
    pairs = {first + second for unit in {*units, *of_events} - {None} for first, second in pairwise(unit)}
    for place, told in enumerate(names):
        if any(name[:2] in pairs for name in told) and (persons := privacy.person_names(told)):
            units[place] = privacy.mask_text(units[place], persons)
            for at in events.places(place):
                of_events[at] = privacy.mask_text(of_events[at], persons)


def _joined(happened: list[Happened], name: str) -> Column:
    return list(chain.from_iterable(one.column(name) for one in happened))


def _category(record: Record, fields: list[str]) -> str | None:
    levels: list[str] = []
    for name in fields:
        value = record.raw.get(name)
        if isinstance(value, list):
            levels.extend(plain(part) or "" for part in value)
        else:
            levels.extend((record.text(name) or "").split("/"))
    return "/".join(stripped for level in levels if (stripped := level.strip())) or None
