"""From raw records to canonical tickets, in columns: each attribute is read for many records at once, then the next.

What a platform repeats in record after record (units, codes, stock phrases) is read once. Only what a platform tells of a single
record by code of its own, its events, is read record by record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Any

import msgspec

from petitions import privacy
from petitions.model import BEIJING, Event, Ticket
from petitions.record import CONTENT, FieldMap, Record
from petitions.sources.base import LaneStopped, Raw, Source
from petitions.time_limits import Limit
from petitions.values import (
    CANONICAL,
    CLEANED,
    NUMBER,
    PLAIN_MILLISECONDS,
    SHORT,
    WHOLE,
    end_of_day,
    excerpt,
    keep,
    plain,
    read_time,
    stamp,
)

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
# A value of these classes equals no value of another class, and can be looked up.
_DISTINCT = frozenset({str, bool, type(None)})

#: How a field, given as ``name``, is read from a record.
Reader = Callable[..., Any]
Column = list[Any]


@dataclass
class Columns:
    """What raw records came to; everything has a value for each record, in their order. Times are epoch seconds.

    ``told`` holds the columns of the canonical ticket by attribute, and ``content_id``, ``update_key``, ``export_at`` and
    ``out_of_order`` beside them. Of a record with faults it holds what names and dates it, and nothing else. ``events`` are the events
    of each record as rows, in the order of the fields of :class:`petitions.model.Event`; none of a record with faults. ``names`` are the
    names to be masked in what is told of a record.
    """

    normaliser: Normaliser
    records: list[Record]
    told: dict[str, Column]
    events: list[list[list[Any]]] = field(default_factory=list)
    names: list[tuple[str, ...]] = field(default_factory=list)

    def text(self, name: str) -> Column:
        """A field of the platform as cleaned text."""
        return _texts(self.records, name)

    def faulty(self) -> list[int]:
        """The places of the records that have faults."""
        return [place for place, record in enumerate(self.records) if record.faults]

    def remarks(self) -> Counter[str]:
        """The yellow remarks, and in how many records each was made."""
        return Counter(text for record in self.records if record.remarks for text in set(record.remarks))

    def unknown(self) -> Counter[str]:
        """The fields that the map does not know, and in how many records each stood."""
        return Counter(chain.from_iterable(filter(None, [record.map.unknown(record.raw) for record in self.records])))

    def one(self, place: int) -> Normalised:
        """One record by itself."""
        record, told = self.records[place], {name: column[place] for name, column in self.told.items()}
        told |= {name: moment(told[name]) for name in _TIMES}
        content_id, update_key, export_at, out_of_order = (told.pop(name) for name in _BESIDE)
        events = [
            Event(*(moment(value) if timed else value for value, timed in zip(row, _EVENT_TIMES, strict=True)))
            for row in self.events[place]
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
        self._kept: dict[tuple[str, str], dict[Any, Any]] = {}
        self._constants: dict[str, Any] = dict.fromkeys(_READ) | {"repeat": False, "restricted": False} | self._told_constants()

    def __call__(self, raw: Raw, *, export_at: datetime | None = None, file: str = "") -> Normalised:
        """The canonical form of one record; ``export_at`` and ``file`` are given for records of export files."""
        return self.columns([raw], export_at=export_at, file=file).one(0)

    def columns(self, raws: Sequence[Raw], *, export_at: datetime | None = None, file: str = "") -> Columns:
        """The canonical form of records; ``export_at`` and ``file`` are given for records of one export file.

        :raises LaneStopped: where the source does not tell the registration of a record exactly once.
        """
        records = [Record(raw, self.map, export_at=export_at) for raw in raws]
        for name in self.map.required:
            for record, text in zip(records, _texts(records, name), strict=True):
                if text is None:
                    record.fault("missing_field", f"{name} is empty")
        told = {
            "source": [self.source.name] * len(records),
            "source_no": self._numbers(records),
            "updated_at": [stamp(export_at)] * len(records) if export_at else self._times(records, "updated_at", Record.time),
            "update_key": [file if export_at else ""] * len(records),
            "export_at": [stamp(export_at)] * len(records),
            "received_at": self._times(records, "received_at", Record.time),
        }
        events = [list(self.source.events(record)) for record in records]
        told |= self._limits(records) | {attribute: self._attribute(records, attribute) for attribute in _READ}
        found = Columns(self, records, told)
        self._settle(found, events)
        return found

    def record_id(self, raw: Raw) -> str:
        """32 hex digits that name a bad record wherever it comes again: its source and raw content without the platform update time."""
        updated = self.map.fields.get("updated_at")
        told = {str(name): value for name, value in raw.items() if name != updated}
        return sha256(f"{self.source.name}\n{CANONICAL(told)}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

    # --- reading ------------------------------------------------------------------------------------------------------------

    def _column(self, records: list[Record], name: str, read: Reader, table: str = "") -> Column:
        """A field as ``read`` reads it in each record. What was read without a fault or a remark is read the same again, and kept."""
        kept = self._kept.setdefault((table or read.__name__, name), {})
        values = [record.raw.get(name) for record in records]
        return [
            kept[value] if value.__class__ in _DISTINCT and value in kept else _read_anew(kept, value, record, name, read)
            for value, record in zip(values, records, strict=True)
        ]

    def _attribute(self, records: list[Record], attribute: str) -> Column:
        name = self.map.fields.get(attribute)
        if name is None:
            return [self._constants[attribute]] * len(records)
        if attribute == "category":
            return self._categories(records, [name] if isinstance(name, str) else name)
        if attribute == "due_upper_at":
            return self._times(records, attribute, Record.due)
        if attribute in ("channel", "ticket_type", "urgency") and attribute in self.map.codes:
            return self._column(records, name, partial(Record.code, table=attribute), attribute)
        return self._column(records, name, _READERS[attribute]) if attribute in _READERS else _texts(records, name)

    def _categories(self, records: list[Record], fields: list[str]) -> Column:
        kept, found = self._kept.setdefault(("category", ""), {}), []
        for record in records:
            told = repr([record.raw.get(name) for name in fields])
            if told not in kept:
                keep(kept, told, _category(record, fields))
            found.append(kept[told])
        return found

    def _times(self, records: list[Record], attribute: str, read: Reader) -> Column:
        """Epoch seconds. Milliseconds are divided here; all other forms, and what is none, are read by the record."""
        name = self.map.fields.get(attribute)
        if not name:
            return [None] * len(records)
        first, end = PLAIN_MILLISECONDS
        values = [record.raw.get(name) for record in records]
        return [
            value // 1000 if value.__class__ is int and first <= value < end else stamp(read(record, name=name))
            for value, record in zip(values, records, strict=True)
        ]

    def _numbers(self, records: list[Record]) -> Column:
        name = self.map.fields.get("source_no")
        return [record.number(name) if name else self.map.constants.get("source_no") for record in records]

    def _limits(self, records: list[Record]) -> dict[str, Column]:
        """Amount and unit of the limit told, and the due told."""
        due_at = self._times(records, "due_at", Record.due)
        limits: list[Limit | None] = [None] * len(records)
        if name := self.map.fields.get("due_or_limit"):
            for place, record in enumerate(records):
                try:
                    due_at[place] = stamp(end_of_day(*read_time(record.raw.get(name))))
                except ValueError:
                    limits[place] = record.limit(name)
        elif name := self.map.fields.get("limit_amount"):
            limits = [self._amount(record, name, due_told=due is not None) for record, due in zip(records, due_at, strict=True)]
        return {
            "due_at": due_at,
            "limit_amount": [limit and limit.amount for limit in limits],
            "limit_unit": [limit and limit.unit for limit in limits],
        }

    def _amount(self, record: Record, name: str, *, due_told: bool) -> Limit | None:
        """A number needs its unit; half a limit beside a due that stands is none, without one it is a fault."""
        told, unit = record.text(name), self._limit_unit(record)
        if told is None:
            return None
        number = WHOLE.fullmatch(told)
        if number and unit and int(number[1]):
            return Limit(int(number[1]), unit)
        if not NUMBER.fullmatch(told):
            return record.limit(name)
        if not due_told:
            wrong = "no whole number from 1" if unit else "its unit is empty"
            record.fault("unreadable_limit", f"{name} = {excerpt(told)}, {wrong}")
        return None

    def _limit_unit(self, record: Record) -> str | None:
        """By the code table of that name where the map has one, else the name as sent."""
        name = self.map.fields.get("limit_unit")
        if name is None:
            return self.map.constants.get("limit_unit")
        return record.code("limit_unit", name) if "limit_unit" in self.map.codes else record.text(name)

    def _told_constants(self) -> dict[str, Any]:
        told = {name: self.map.constants[name] for name in _READ if name in self.map.constants and name not in _ONLY_AS_FIELD}
        return {name: bool(value) if name in ("repeat", "restricted") else value for name, value in told.items()}

    # --- settling -----------------------------------------------------------------------------------------------------------

    def _settle(self, found: Columns, events: list[list[Event]]) -> None:
        """Masks what is personal, and names good records by their content. Of bad ones nothing stays but what names them."""
        told = found.told
        needed = zip(*(told[name] for name in _NEEDED), strict=True)
        for record, happened, values in zip(found.records, events, needed, strict=True):
            if not record.faults and (missing := self._missing(record, happened, values)):
                record.fault("missing_field", missing)
        found.names = [privacy.names_in(petitioner) for petitioner in told["petitioner"]]
        told["person_key"] = [
            privacy.person_key(self.key, phone, number) for phone, number in zip(told["phone"], told["id_number"], strict=True)
        ]
        for attribute in _FREE_TEXT:
            told[attribute] = list(map(privacy.mask_text, told[attribute], found.names))
        for attribute in _LABELS:
            told[attribute] = list(map(privacy.mask_label, told[attribute]))
        for attribute, mask in _MASKS.items():
            told[attribute] = list(map(mask, told[attribute]))
        found.events = [
            [] if record.faults else _rows(happened, names)
            for record, happened, names in zip(found.records, events, found.names, strict=True)
        ]
        told["out_of_order"] = [
            any(row[1] is not None and row[1] < received for row in rows)
            for rows, received in zip(found.events, told["received_at"], strict=True)
        ]
        contents = zip(*(told[name] for name in CONTENT), found.events, strict=True)
        told["content_id"] = [content_id(dict(zip(_CONTENT, content, strict=True))) for content in contents]
        for place in found.faulty():
            for name in told.keys() - _NAMING:
                told[name][place] = None

    def _missing(self, record: Record, events: list[Event], needed: tuple[Any, ...]) -> str | None:
        """What a ticket cannot do without, where the map forgot to require it; and an event of an interface without its time."""
        for name, value in zip(_NEEDED, needed, strict=True):
            if value is None:
                return f"{self.map.fields.get(name, name)} is empty"
        if [event.event_type for event in events].count("received") != 1:
            raise LaneStopped(
                f"{self.source.name}: expected one event received per record, found none or several; correct events() of the source"
            )
        if record.export_at is not None:
            return None
        for event in events:
            if event.occurred_at is None:
                return f"the event {event.event_type} has no time"
        return None


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


def content_id(content: Mapping[str, Any]) -> str:
    """32 hex digits: SHA-256 over canonical JSON of attributes and events, without those that are empty or not so.

    The platform's update time is no content. Times are epoch seconds.
    """
    told = {name: value for name, value in content.items() if value is not None and value is not False}
    return sha256(_JSON(told)).hexdigest()[:32]


# Keys in order, no blanks, nothing escaped that need not be.
_JSON = msgspec.json.Encoder(order="sorted").encode
_CONTENT = (*CONTENT, "events")
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


def _texts(records: list[Record], name: str) -> Column:
    """A field as :meth:`Record.text` reads it."""
    values = [record.raw.get(name) for record in records]
    return [CLEANED[value] if value.__class__ is str else plain(value) for value in values]


def _read_anew(kept: dict[Any, Any], value: Any, record: Record, name: str, read: Reader) -> Any:
    before = len(record.faults) + len(record.remarks)
    found = read(record, name=name)
    lasting = value.__class__ in _DISTINCT and (value.__class__ is not str or len(value) <= SHORT)
    if lasting and len(record.faults) + len(record.remarks) == before:
        keep(kept, value, found)
    return found


def _rows(events: list[Event], names: tuple[str, ...]) -> list[list[Any]]:
    return [
        [
            one.event_type,
            stamp(one.occurred_at),
            privacy.mask_label(one.unit),
            None if one.old_due is None else stamp(one.old_due),
            None if one.new_due is None else stamp(one.new_due),
            one.satisfaction,
            privacy.mask_text(one.note, names) if one.note else one.note,
        ]
        for one in events
    ]


def _category(record: Record, fields: list[str]) -> str | None:
    levels: list[str] = []
    for name in fields:
        value = record.raw.get(name)
        if isinstance(value, list):
            levels.extend(plain(part) or "" for part in value)
        else:
            levels.extend((record.text(name) or "").split("/"))
    return "/".join(stripped for level in levels if (stripped := level.strip())) or None
