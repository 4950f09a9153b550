"""One raw record, read through the map of its source (``config/sources/<source>.toml``).

A :class:`Record` collects what it cannot read instead of raising: a bad record is data, and the suites of ``expectations/`` decide what
becomes of it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

from petitions.model import QUARANTINE_RULES
from petitions.raws import Shape
from petitions.said import Said
from petitions.settings import SettingsError
from petitions.sources.base import LaneStopped, Raw
from petitions.time_limits import Limit, parse_limit
from petitions.values import EXACT, FLAGS, SCIENTIFIC, WHOLE, clean, end_of_day, excerpt, plain, read_time

# The content of a ticket beside its events: what makes a version when it changes.
CONTENT = (
    *("source", "source_no", "received_at", "channel", "ticket_type", "urgency", "category", "area", "unit", "title", "content", "address"),
    *("petitioner", "phone", "id_number", "person_key", "persons", "repeat", "restricted", "due_at", "due_upper_at"),
    *("limit_amount", "limit_unit"),
)
#: What the map of a source may feed.
ATTRIBUTES = frozenset({*CONTENT, "updated_at", "due_or_limit"} - {"source", "person_key"})


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

    @cached_property
    def shape(self) -> Shape:
        """What a record looks like that holds nothing but what is known."""
        return Shape.of((name for name in self.known if "." not in name), self.nested_known)

    def table(self, name: str) -> dict[str, str]:
        try:
            return self.codes[name]
        except KeyError:
            raise LaneStopped(f"config/sources/{self.name}.toml: expected a table [codes.{name}], found none; add it") from None

    def unknown_in(self, raws: Sequence[Raw]) -> Counter[str]:
        """The fields that the map does not know, and in how many of the records each stands."""
        # Nearly always all are known: one look at all names together tells that.
        names = set().union(*raws) - self.nested_known.keys()
        nested = ((known, chain.from_iterable(_rows(raw.get(outer)) for raw in raws)) for outer, known in self.nested_known.items())
        if names <= self.known and all(known.issuperset(set().union(*rows)) for known, rows in nested):
            return Counter()
        return Counter(chain.from_iterable(map(self.unknown, raws)))

    def unknown(self, raw: Raw) -> set[str]:
        """Fields of the record that the map does not know; of nested rows as ``outer.inner``."""
        found = {str(name) for name in raw.keys() - self.known}
        for outer, known in self.nested_known.items():
            found.discard(outer)
            for row in _rows(raw.get(outer)):
                found.update(f"{outer}.{name}" for name in row.keys() - known)
        return found


def holds_something(raw: Raw) -> bool:
    return any(value is not None for value in raw.values())


def _rows(inner: Any) -> list[Raw]:
    return [row for row in (inner if inner.__class__ is list else (inner,)) if isinstance(row, dict)]


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
        return clean(value) if value.__class__ is str else plain(value)

    def number(self, name: str) -> str | None:
        """A ticket number. One that a spreadsheet turned into a number has lost digits from 10^15 on (fault ``lost_digits``)."""
        value = self.raw.get(name)
        if value.__class__ is str and value.isascii() and value.isdecimal():
            return str(value)
        told = self.text(name)
        if told is None:
            return None
        if isinstance(value, float) or (isinstance(value, int) and self.export_at is not None):
            lost = not (float(value).is_integer() and 0 <= value < EXACT)
        else:
            lost = bool(SCIENTIFIC.fullmatch(unicodedata.normalize("NFKC", told)))
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
            return read_time(value)[0]
        except ValueError:
            self._unreadable(name)
            return None

    def due(self, name: str) -> datetime | None:
        """Beijing time; a date alone is 23:59:59 of that day."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        try:
            return end_of_day(*read_time(value))
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
        if told in FLAGS and (digit := str(int(FLAGS[told]))) in rows and isinstance(self.raw[name], bool):
            return rows[digit] or None
        self.fault("unknown_code", f"{name} = {excerpt(told)}, not in [codes.{table}]")
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
        found = FLAGS.get(told.lower())
        if found is None:
            self.fault("unknown_code", f"{name} = {excerpt(told)}, neither yes nor no")
        return bool(found)

    def whole(self, name: str) -> int | None:
        """A whole number such as a count of persons; anything else is None and a remark."""
        told = self.text(name)
        found = WHOLE.fullmatch(told) if told else None
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
            self.fault("unreadable_limit", f"{name} = {excerpt(told)}")
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
        return [self.nested(outer, row) for row in value]

    def row(self, name: str) -> Record | None:
        """A nested record. One of nothing but empty fields is none."""
        value = self.raw.get(name)
        if not value or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, dict) and not holds_something(value):
            return None
        if not isinstance(value, dict):
            self.fault("missing_field", f"{name}: expected a record, found another type")
            return None
        return self.nested(f"{self._outer}{name}.", value)

    def nested(self, outer: str, raw: Raw, *, apart: bool = False) -> Record:
        """A record within this one; its faults and remarks are this record's, unless they are kept ``apart``."""
        inner = Record.__new__(Record)
        inner.raw = raw
        inner.map = self.map
        inner.export_at = self.export_at
        inner.faults = [] if apart else self.faults
        inner.remarks = [] if apart else self.remarks
        inner._outer = outer
        return inner

    def _unreadable(self, name: str) -> None:
        told = self.text(name)  # a field of blanks is empty, not unreadable
        if told is not None:
            self.fault("unreadable_time", f"{name} = {excerpt(told)}")
