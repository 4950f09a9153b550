"""From a raw record to the canonical ticket: text, times, codes, flags and numbers as the platforms write them.

A :class:`Record` reads one raw record by the field map of its source (``config/sources/<source>.toml``) and collects what it cannot
read instead of raising: a bad record is data, and the suites of ``expectations/`` decide what becomes of it.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from petitions import privacy
from petitions.model import BEIJING, QUARANTINE_RULES, Event, Ticket
from petitions.said import Said
from petitions.settings import SettingsError
from petitions.sources.base import LaneStopped, Raw, Source
from petitions.time_limits import Limit, parse_limit

# The content of a ticket beside its events: what makes a version when it changes.
_CONTENT = (
    *("source", "source_no", "received_at", "channel", "ticket_type", "urgency", "category", "area", "unit", "title", "content", "address"),
    *("petitioner", "phone", "id_number", "person_key", "persons", "repeat", "restricted", "due_at", "due_upper_at"),
    *("limit_amount", "limit_unit"),
)
# The attributes that are read one by one, in the order in which their faults are told.
_READ = (
    *("channel", "ticket_type", "urgency", "category", "area", "unit", "title", "content", "address", "petitioner", "phone", "id_number"),
    *("persons", "repeat", "restricted", "due_upper_at"),
)
# Of these the map may name a field and no constant.
_ONLY_AS_FIELD = frozenset({"persons", "due_upper_at"})
#: A spreadsheet keeps 15 digits of a number.
EXACT = 10**15
#: What the map of a source may feed.
ATTRIBUTES = frozenset({*_CONTENT, "updated_at", "due_or_limit"} - {"source", "person_key"})


class FieldMap:
    """The map of one source, compiled: which platform field feeds which attribute, the code tables, the fields that exist.

    In ``[fields]`` a value is a platform field, or for ``category`` a list of fields from the top level down. ``[constants]`` gives an
    attribute a fixed value. ``limit_amount`` is a number of the unit in ``limit_unit``, or a limit as text that names its unit itself;
    ``due_or_limit`` is a field that holds either a time or such a text. In a code table the value "" means that the code says nothing.

    :raises SettingsError: naming the key of the map that cannot be used.
    """

    def __init__(self, name: str, told: Mapping[str, Any]) -> None:
        self.name = name
        self.fields: dict[str, Any] = dict(told.get("fields", {}))
        self.constants: dict[str, Any] = dict(told.get("constants", {}))
        self.codes: dict[str, dict[str, str]] = {table: dict(rows) for table, rows in told.get("codes", {}).items()}
        self.required: tuple[str, ...] = tuple(told.get("required", ()))
        wrong = (self.fields.keys() | self.constants.keys()) - ATTRIBUTES
        if wrong:
            told_wrong, told_right = ", ".join(sorted(wrong)), ", ".join(sorted(ATTRIBUTES))
            raise SettingsError(f"config/sources/{name}.toml: unknown attribute {told_wrong}; expected one of {told_right}")
        known = {*self.required, *told.get("known", ())}
        for value in self.fields.values():
            known.update([value] if isinstance(value, str) else value)
        self.known = frozenset(known)
        self.nested_known = {
            outer: frozenset(entry.partition(".")[2] for entry in known if entry.startswith(outer + "."))
            for outer in {entry.partition(".")[0] for entry in known if "." in entry}
        }

    def table(self, name: str) -> dict[str, str]:
        try:
            return self.codes[name]
        except KeyError:
            raise LaneStopped(f"config/sources/{self.name}.toml: expected a table [codes.{name}], found none; add it") from None

    def unknown(self, raw: Raw) -> set[str]:
        """Fields of the record that the map does not know; of nested rows as ``outer.inner``."""
        if self.known.issuperset(raw) and not any(self._strange(raw.get(outer), known) for outer, known in self.nested_known.items()):
            return set()
        found = {str(name) for name in raw.keys() - self.known}
        for outer, known in self.nested_known.items():
            found.discard(outer)
            inner = raw.get(outer)
            for row in inner if isinstance(inner, list) else [inner]:
                if isinstance(row, dict) and row.keys() - known:
                    found.update(f"{outer}.{name}" for name in row.keys() - known)
        return found

    @staticmethod
    def _strange(inner: Any, known: frozenset[str]) -> bool:
        """Whether a nested record, or one of a list of them, has a field that is not known."""
        rows = [row for row in inner if isinstance(row, dict)] if isinstance(inner, list) else [inner] if isinstance(inner, dict) else []
        return not known.issuperset(chain.from_iterable(rows))


class Record:
    """One raw record, read through the map of its source.

    Readers return None for an empty field. What is there and cannot be read is None too, and a fault: ``faults`` holds
    ``(rule, what was found where)`` in the order found, shared with nested rows. ``remarks`` are yellow.
    """

    __slots__ = ("_outer", "export_at", "faults", "map", "raw", "remarks")

    def __init__(
        self,
        raw: Raw,
        field_map: FieldMap | Mapping[str, Any],
        *,
        export_at: datetime | None = None,
    ) -> None:
        self.raw = raw
        self.map = field_map if isinstance(field_map, FieldMap) else FieldMap("source", field_map)
        self.export_at = export_at
        self.faults: list[tuple[str, str]] = []
        self.remarks: list[str] = []
        self._outer = ""

    def table(self, name: str) -> dict[str, str]:
        """The code table ``[codes.<name>]`` of the map."""
        return self.map.table(name)

    def fault(self, rule: str, text: str) -> None:
        """The record cannot be loaded; ``rule`` is one of :data:`petitions.model.QUARANTINE_RULES`, ``text`` says what was found where."""
        if rule not in QUARANTINE_RULES:
            raise ValueError(f"expected a rule of {', '.join(QUARANTINE_RULES)}, found {rule!r}")
        self.faults.append((rule, self._outer + text))

    def remark(self, text: str) -> None:
        """A yellow remark. Equal remarks are counted and reported once per batch: no numbers, names or values in it."""
        self.remarks.append(text)

    def text(self, name: str) -> str | None:
        value = self.raw.get(name)
        return _CLEANED[value] if value.__class__ is str else _plain(value)

    def number(self, name: str) -> str | None:
        """A ticket number. One that a spreadsheet turned into a number has lost digits from 10^15 on (fault ``lost_digits``)."""
        value = self.raw.get(name)
        told = self.text(name)
        if told is None:
            return None
        if isinstance(value, float) or (isinstance(value, int) and self.export_at is not None):
            lost = not (float(value).is_integer() and 0 <= value < EXACT)
        else:
            lost = bool(_SCIENTIFIC.fullmatch(told))
        if lost:
            self.fault("lost_digits", f"{name} = {told}")
            return None
        return told

    def time(self, name: str) -> datetime | None:
        """Beijing time, whole seconds; a date alone is its midnight."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        try:
            return _read_time(value)[0]
        except ValueError:
            self._unreadable(name)
            return None

    def due(self, name: str) -> datetime | None:
        """Beijing time; a date alone is 23:59:59 of that day."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        try:
            return _end_of_day(*_read_time(value))
        except ValueError:
            self._unreadable(name)
            return None

    def code(self, table: str, name: str) -> str | None:
        """The canonical value of a code; one that the table does not hold is a fault, never a guess."""
        told = self.text(name)
        if told is None:
            return None
        rows = self.map.table(table)
        if told in rows:
            return rows[told] or None
        if told in _FLAGS and (digit := str(int(_FLAGS[told]))) in rows and isinstance(self.raw[name], bool):
            return rows[digit] or None
        self.fault("unknown_code", f"{name} = {_excerpt(told)}, not in [codes.{table}]")
        return None

    def flag(self, name: str) -> bool:
        """0/1, true/false, 是/否; empty is false."""
        value = self.raw.get(name)
        if value is None or value is False or value == 0:
            return False
        if value is True or value == 1:
            return True
        told = self.text(name)
        if told is None:
            return False
        found = _FLAGS.get(told.lower())
        if found is None:
            self.fault("unknown_code", f"{name} = {_excerpt(told)}, neither yes nor no")
        return bool(found)

    def whole(self, name: str) -> int | None:
        """A whole number such as a count of persons; anything else is None and a remark."""
        told = self.text(name)
        found = _WHOLE.fullmatch(told) if told else None
        if told and not found:
            self.remark(Said(f"{self._outer}{name} is no whole number: left empty", f"字段“{self._outer}{name}”不是整数，按空值处理"))
        return int(found[1]) if found else None

    def limit(self, name: str) -> Limit | None:
        """A time limit written as text, such as ``5工作日``."""
        told = self.text(name)
        if told is None:
            return None
        try:
            return parse_limit(told)
        except ValueError:
            self.fault("unreadable_limit", f"{name} = {_excerpt(told)}")
            return None

    def rows(self, name: str) -> list[Record]:
        """The records of a nested list; their faults and remarks are this record's."""
        value = self.raw.get(name)
        if not value or (isinstance(value, str) and not value.strip()):
            return []
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            self.fault("missing_field", f"{name}: expected a list of records, found another type")
            return []
        outer = f"{self._outer}{name}."
        return [self._nested(outer, row) for row in value]

    def row(self, name: str) -> Record | None:
        """A nested record."""
        value = self.raw.get(name)
        if not value or (isinstance(value, str) and not value.strip()):
            return None
        if not isinstance(value, dict):
            self.fault("missing_field", f"{name}: expected a record, found another type")
            return None
        return self._nested(f"{self._outer}{name}.", value)

    def _nested(self, outer: str, raw: Raw) -> Record:
        inner = Record.__new__(Record)
        inner.raw = raw
        inner.map = self.map
        inner.export_at = self.export_at
        inner.faults = self.faults
        inner.remarks = self.remarks
        inner._outer = outer
        return inner

    def _unreadable(self, name: str) -> None:
        told = self.text(name)  # a field of blanks is empty, not unreadable
        if told is not None:
            self.fault("unreadable_time", f"{name} = {_excerpt(told)}")


@dataclass(slots=True)
class Normalised:
    """What one raw record came to. ``ticket`` and ``content_id`` are None where there are faults; then ``record_id`` names the record.

    ``events`` are the ticket's events as plain rows, in the order of the fields of :class:`petitions.model.Event`, times as epoch seconds.
    """

    source_no: str | None
    updated_at: datetime | None
    update_key: str
    export_at: datetime | None
    ticket: Ticket | None
    content_id: str | None
    record_id: str
    out_of_order: bool = False
    received_at: datetime | None = None
    names: tuple[str, ...] = ()
    events: list[list[Any]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    @property
    def content(self) -> str:
        """What tells two records of one number apart: the canonical content, or the raw one where it cannot be read."""
        return self.content_id or self.record_id


class Normaliser:
    """Turns the raw records of one source into tickets. ``key`` is the secret of the person key."""

    def __init__(self, source: Source, field_map: FieldMap | Mapping[str, Any], key: bytes) -> None:
        self.source = source
        self.map = field_map if isinstance(field_map, FieldMap) else FieldMap(source.name, field_map)
        self.key = key
        self._updated = self.map.fields.get("updated_at")
        self._constants: dict[str, Any] = dict.fromkeys(_READ) | {"repeat": False, "restricted": False} | self._told_constants()
        self._readers = [self._reader(name) for name in _READ if name in self.map.fields]

    def _told_constants(self) -> dict[str, Any]:
        told = {name: self.map.constants[name] for name in _READ if name in self.map.constants and name not in _ONLY_AS_FIELD}
        return {name: bool(value) if name in ("repeat", "restricted") else value for name, value in told.items()}

    def _reader(self, attribute: str) -> tuple[str, Callable[[Record, Any], Any], Any]:
        """How an attribute that the map gives a field is read, and from which field."""
        name = self.map.fields[attribute]
        if attribute == "category":
            return attribute, _category, [name] if isinstance(name, str) else name
        if attribute in ("channel", "ticket_type", "urgency") and attribute in self.map.codes:
            return attribute, lambda record, name: record.code(attribute, name), name
        read = {"due_upper_at": Record.due, "persons": Record.whole, "repeat": Record.flag, "restricted": Record.flag}.get(
            attribute, Record.text
        )
        return attribute, read, name

    def __call__(self, raw: Raw, *, export_at: datetime | None = None, file: str = "") -> Normalised:
        """The canonical form of ``raw``; ``export_at`` and ``file`` are given for records of export files."""
        return self.read(self.record(raw, export_at=export_at), file=file)

    def record(self, raw: Raw, *, export_at: datetime | None = None) -> Record:
        return Record(raw, self.map, export_at=export_at)

    def read(self, record: Record, *, file: str = "") -> Normalised:
        """As calling, for a record already at hand; its faults and remarks become the result's."""
        for name in self.map.required:
            if record.text(name) is None:
                record.fault("missing_field", f"{name} is empty")
        found = Normalised(
            source_no=self._text(record, "source_no"),
            updated_at=record.export_at or self._time(record, "updated_at"),
            update_key=file if record.export_at else "",
            export_at=record.export_at,
            ticket=None,
            content_id=None,
            record_id="",
            received_at=self._time(record, "received_at"),
            faults=record.faults,
            remarks=record.remarks,
            unknown=self.map.unknown(record.raw),
        )
        events = list(self.source.events(record))
        ticket = self._ticket(record, found, events)
        found.names = privacy.names_in(ticket.petitioner)
        self._settle(record, found, ticket)
        return found

    def record_id(self, raw: Raw) -> str:
        """32 hex digits that name a bad record wherever it comes again: its source and raw content without the platform update time."""
        told = {str(name): value for name, value in raw.items() if name != self._updated}
        return sha256(f"{self.source.name}\n{_CANONICAL(told)}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _settle(self, record: Record, found: Normalised, ticket: Ticket) -> None:
        """Good: masked and named by its content. Bad: named by the raw record."""
        missing = self._missing(record, ticket) if not record.faults else None
        if missing:
            record.fault("missing_field", missing)
        if record.faults:
            found.record_id = self.record_id(record.raw)
            return
        _mask(ticket, found.names, self.key)
        found.ticket, found.events = ticket, _rows(ticket.events)
        received = stamp(ticket.received_at)
        found.out_of_order = any(row[1] is not None and row[1] < received for row in found.events)
        found.content_id = _content_id(ticket, found.events)

    def _missing(self, record: Record, ticket: Ticket) -> str | None:
        """What a ticket cannot do without, where the map forgot to require it; and an event of an interface without its time."""
        for name in ("source_no", "updated_at", "received_at"):
            if getattr(ticket, name) is None:
                return f"{self.map.fields.get(name, name)} is empty"
        if [event.event_type for event in ticket.events].count("received") != 1:
            raise LaneStopped(
                f"{self.source.name}: expected one event received per record, found none or several; correct events() of the source"
            )
        if record.export_at is not None:
            return None
        for event in ticket.events:
            if event.occurred_at is None:
                return f"the event {event.event_type} has no time"
        return None

    def _ticket(self, record: Record, found: Normalised, events: list[Event]) -> Ticket:
        limit_amount, limit_unit, due_at = self._limit(record)
        told = self._constants.copy()
        for attribute, read, name in self._readers:
            told[attribute] = read(record, name)
        return Ticket(
            source=self.source.name,
            # None only on the way to quarantine.
            source_no=found.source_no,  # type: ignore[arg-type]
            updated_at=found.updated_at,  # type: ignore[arg-type]
            received_at=found.received_at,  # type: ignore[arg-type]
            due_at=due_at,
            limit_amount=limit_amount,
            limit_unit=limit_unit,
            events=events,
            **told,
        )

    def _text(self, record: Record, attribute: str) -> str | None:
        name = self.map.fields.get(attribute)
        if name is None:
            return self.map.constants.get(attribute)
        return record.number(name) if attribute == "source_no" else record.text(name)

    def _time(self, record: Record, attribute: str) -> datetime | None:
        name = self.map.fields.get(attribute)
        return record.time(name) if name else None

    def _due(self, record: Record, attribute: str) -> datetime | None:
        name = self.map.fields.get(attribute)
        return record.due(name) if name else None

    def _coded(self, record: Record, attribute: str) -> str | None:
        """By the code table of that name where the map has one, else the name as sent."""
        name = self.map.fields.get(attribute)
        if name is None or attribute not in self.map.codes:
            return self._text(record, attribute)
        return record.code(attribute, name)

    def _limit(self, record: Record) -> tuple[int | None, str | None, datetime | None]:
        """Amount and unit of the limit told, and the due told."""
        due_at = self._due(record, "due_at")
        told: Limit | None = None
        if name := self.map.fields.get("due_or_limit"):
            try:
                due_at = _end_of_day(*_read_time(record.raw.get(name)))
            except ValueError:
                told = record.limit(name)
        elif name := self.map.fields.get("limit_amount"):
            told = self._amount(record, name, due_told=due_at is not None)
        return (told.amount, told.unit, due_at) if told else (None, None, due_at)

    def _amount(self, record: Record, name: str, *, due_told: bool) -> Limit | None:
        """A number needs its unit; half a limit beside a due that stands is none, without one it is a fault."""
        told, unit = record.text(name), self._coded(record, "limit_unit")
        if told is None:
            return None
        number = _WHOLE.fullmatch(told)
        if number and unit and int(number[1]):
            return Limit(int(number[1]), unit)
        if not _NUMBER.fullmatch(told):
            return record.limit(name)
        if not due_told:
            wrong = "no whole number from 1" if unit else "its unit is empty"
            record.fault("unreadable_limit", f"{name} = {_excerpt(told)}, {wrong}")
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


def content_id(ticket: Ticket) -> str:
    """32 hex digits: SHA-256 over canonical JSON of attributes and events. The platform's update time is no content."""
    return _content_id(ticket, _rows(ticket.events))


def clean(text: str) -> str | None:
    """Text as people wrote it: without BOM, ``_x000D_``, tags, entities, padding and control characters, digits half-width."""
    if text.isascii() and text.isalnum():
        return text
    # Most texts need none of it. What Python calls printable holds no control, no mark without width and no blank but " ".
    plain = text.isprintable() and not _DIRTY.search(text) and "_x" not in text and "  " not in text and text.strip(" ") == text
    return (text if plain else _cleaned(text)) or None


class _Cleaned(dict[str, str | None]):
    """Text → as :func:`clean` makes it. Units, codes and stock phrases come again and again; they are kept, within bounds."""

    def __missing__(self, text: str) -> str | None:
        found = clean(text)
        if len(text) <= _SHORT:
            if len(self) >= _KEPT:
                self.clear()
            self[text] = found
        return found


# So many texts of at most so many characters are kept.
_KEPT, _SHORT = 20_000, 32
_CLEANED = _Cleaned()


# --- text ---------------------------------------------------------------------------------------------------------------

_DIRTY = re.compile("[<&０-９]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9:]*(?:\s[^<>]*)?/?>")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile(r"[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_LINES = re.compile(r" ?\n[ \n]*")


def _cleaned(text: str) -> str:
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for _ in range(3):  # some exports escape twice
        if "&" not in text or (plain := html.unescape(text)) == text:
            break
        text = plain
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _UNSEEN.sub("", text)))
    text = _LINE_END.sub("\n", _INVISIBLE.sub("", text)).translate(_DIGITS)
    return _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()


def _plain(value: Any) -> str | None:
    """A value that may have come as something else than text."""
    if value is None:
        return None
    if value.__class__ is int:
        return str(value)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)
    if isinstance(value, list | tuple):
        return "、".join(part for item in value if (part := _plain(item))) or None
    if isinstance(value, dict):
        return clean(_CANONICAL(value)) if value else None
    told = str(value)
    return None if told == "NaT" else clean(told)


def _excerpt(text: str) -> str:
    """Masked before it is cut: of a number that is cut in two nobody could tell any more what it is."""
    told = privacy.mask_text(text) or ""
    return told if len(told) <= 40 else told[:39] + "…"


_SCIENTIFIC = re.compile(r"[+-]?(?:\d(?:\.\d*)?[eE][+-]?\d{1,3}|\d+(?:\.\d*[eE][+-]?|[eE]\+)\d{1,3})")
_WHOLE = re.compile(r"\s*(\d{1,9})(?:\.0+)?\s*(?:人|名)?\s*")
_FLAGS = {"0": False, "1": True, "false": False, "true": True, "否": False, "是": True, "0.0": False, "1.0": True}

# --- times --------------------------------------------------------------------------------------------------------------

_TIME = re.compile(
    r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/|\.(\d{1,2})\.|年(\d{1,2})月)(\d{1,2})日?"
    r"(?:(?:T|\s)\s*(\d{1,2})[:时](\d{1,2})(?:[:分](?:(\d{1,2})(?:[.,]\d+)?秒?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WIDE = str.maketrans("：／－．", ":/-.")
_EXCEL_ZERO = datetime(1899, 12, 30)
# Serial numbers of the years 1954 to 2119; a number below is a small number by mistake, not a day.
_SERIALS = (20000, 80000)
# Epoch milliseconds of the years 1973 to 2286; seconds are below and are not guessed at.
_MILLISECONDS = (10**11, 10**13)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1900, 3000)
# Since 1992 Beijing is eight hours ahead without exception: times of one zone are told apart by plain arithmetic.
_PLAIN_ZERO = datetime(1992, 1, 1, tzinfo=BEIJING)
_PLAIN_STAMP = int(_PLAIN_ZERO.timestamp())
_PLAIN_MILLISECONDS = _PLAIN_STAMP * 1000


def _read_time(value: Any) -> tuple[datetime, bool]:
    """The time, and whether it was a date alone.

    :raises ValueError: where the value is none of the forms of sources.md.
    """
    # The two forms that nearly every record has go first.
    if value.__class__ is int and _PLAIN_MILLISECONDS <= value < _MILLISECONDS[1]:
        return _PLAIN_ZERO + timedelta(seconds=value // 1000 - _PLAIN_STAMP), False
    if value.__class__ is str:
        if len(value) == 19 and value[4] == "-" and value[10] == " " and value[13] == ":" and value.isascii():
            told = datetime.fromisoformat(value)
            if told.tzinfo is None and 1900 <= told.year < 3000:
                return told.replace(tzinfo=BEIJING), False
            return _zoned(told), False
        return _read_text_time(value)
    if isinstance(value, bool) or value is None:
        raise ValueError
    if isinstance(value, int | float):
        return _read_number_time(value)
    if isinstance(value, datetime):
        if value != value:  # NaT of pandas
            raise ValueError
        # A spreadsheet stores a day as its midnight: a cell at midnight is a date alone.
        return _zoned(value), value.tzinfo is None and not (value.hour or value.minute or value.second)
    if isinstance(value, date):
        return _zoned(datetime(value.year, value.month, value.day)), True
    raise ValueError


def _read_text_time(text: str) -> tuple[datetime, bool]:
    told = (clean(text) or "").translate(_WIDE)
    found = _TIME.fullmatch(told)
    if not found:
        if _NUMBER.fullmatch(told):
            return _read_number_time(float(told) if "." in told else int(told))
        raise ValueError
    year, *months, day, hour, minute, second, zone = found.groups()
    month = next(part for part in months if part)
    naive = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    return _zoned(naive.replace(tzinfo=_offset(zone)) if zone else naive), hour is None


def _read_number_time(value: float) -> tuple[datetime, bool]:
    if _MILLISECONDS[0] <= value < _MILLISECONDS[1]:
        return (_EPOCH + timedelta(seconds=int(value) // 1000)).astimezone(BEIJING), False
    if _SERIALS[0] <= value < _SERIALS[1]:
        # A serial is a fraction of a day: 9:05:03 may be stored a hair below; to the millisecond first, then cut.
        return _zoned(_EXCEL_ZERO + timedelta(milliseconds=round(value * 86_400_000))), float(value).is_integer()
    raise ValueError


def _zoned(told: datetime) -> datetime:
    if told.year not in _YEARS:
        raise ValueError
    if told.tzinfo is not None:
        told = told.astimezone(BEIJING)
    return datetime(told.year, told.month, told.day, told.hour, told.minute, told.second, tzinfo=BEIJING)


@lru_cache(maxsize=64)
def _offset(zone: str) -> timezone:
    if zone in "zZ":
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    return timezone((1 if zone[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _end_of_day(told: datetime, date_alone: bool) -> datetime:
    return told.replace(hour=23, minute=59, second=59) if date_alone else told


# --- content and masks --------------------------------------------------------------------------------------------------

_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str).encode
# The same text, for plain values: without blanks, keys in order, nothing escaped that need not be.
_CONTENT_JSON = msgspec.json.Encoder(order="sorted").encode
_CONTENT_OF = attrgetter(*_CONTENT)
_CONTENT_TIMES = ("received_at", "due_at", "due_upper_at")


def _content_id(ticket: Ticket, events: list[list[Any]]) -> str:
    told: dict[str, Any] = {
        name: value for name, value in zip(_CONTENT, _CONTENT_OF(ticket), strict=True) if value is not None and value is not False
    }
    for name in _CONTENT_TIMES:
        if name in told:
            told[name] = stamp(told[name])
    told["events"] = events
    return sha256(_CONTENT_JSON(told)).hexdigest()[:32]


def _rows(events: list[Event]) -> list[list[Any]]:
    return [
        [
            one.event_type,
            stamp(one.occurred_at),
            one.unit,
            None if one.old_due is None else stamp(one.old_due),
            None if one.new_due is None else stamp(one.new_due),
            one.satisfaction,
            one.note,
        ]
        for one in events
    ]


def stamp(told: datetime | None) -> int | None:
    """Epoch seconds."""
    if told is None:
        return None
    if told.tzinfo is BEIJING and told >= _PLAIN_ZERO:
        passed = told - _PLAIN_ZERO
        return passed.days * 86_400 + passed.seconds + _PLAIN_STAMP
    return int(told.timestamp())


def _category(record: Record, fields: list[str]) -> str | None:
    levels: list[str] = []
    for name in fields:
        value = record.raw.get(name)
        if isinstance(value, list):
            levels.extend(_plain(part) or "" for part in value)
        else:
            levels.extend((record.text(name) or "").split("/"))
    return "/".join(plain for level in levels if (plain := level.strip())) or None


def _mask(ticket: Ticket, names: tuple[str, ...], key: bytes) -> None:
    ticket.person_key = privacy.person_key(key, ticket.phone, ticket.id_number)
    ticket.title = privacy.mask_text(ticket.title, names)
    ticket.content = privacy.mask_text(ticket.content, names)
    ticket.address = privacy.mask_text(ticket.address, names)
    for event in ticket.events:
        if event.note:
            event.note = privacy.mask_text(event.note, names)
    ticket.petitioner = privacy.mask_name(ticket.petitioner)
    ticket.phone = privacy.mask_phone(ticket.phone)
    ticket.id_number = privacy.mask_id_number(ticket.id_number)
