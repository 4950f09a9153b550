"""Fields of many records, or of the rows of a list in them, read at once: a column holds a value for each row, in their order.

What a platform writes again and again (codes, units, stock phrases) is read once and looked up. Whatever is out of the ordinary is read
by :class:`petitions.record.Record`, one by one: the rules for single values stand there alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from petitions.kept import SHORT, keep
from petitions.raws import Raws
from petitions.record import FieldMap, Record, holds_something
from petitions.values import PLAIN_MILLISECONDS, cleaned, end_of_day, plain, plain_stamp, read_time, stamp

#: How a field, given as ``name``, is read from a record.
Reader = Callable[..., Any]
Column = list[Any]
#: What was read before: how and from which field → value → what it was read as.
Kept = dict[tuple[str, str], dict[Any, Any]]

# A value of these classes equals no value of another of them, and can be looked up.
_DISTINCT = frozenset({str, bool, type(None)})
_TEXT = frozenset({str, type(None)})
_RECORDS = frozenset({dict})
_NO_KEY = object()


class Records(Sequence[Record]):
    """Records that are made when they are asked for, as few are: most are read in columns alone."""

    def __init__(self, raws: Raws, field_map: FieldMap, *, export_at: datetime | None = None) -> None:
        self.raws, self.map, self.export_at = raws, field_map, export_at
        self._made: dict[int, Record] = {}

    def __len__(self) -> int:
        return len(self.raws)

    def __getitem__(self, place: int) -> Record:  # type: ignore[override]
        if place not in self._made:
            self._made[place] = Record(self.raws[place], self.map, export_at=self.export_at)
        return self._made[place]

    def faulty(self) -> list[int]:
        """The places of the records that have faults."""
        return sorted(place for place, record in self._made.items() if record.faults)

    def remarks(self) -> Counter[str]:
        """The yellow remarks, and in how many records each was made."""
        return Counter(text for record in self._made.values() if record.remarks for text in set(record.remarks))

    def unknown(self) -> Counter[str]:
        """The fields that the map does not know, and in how many records each stands."""
        return self.raws.unknown(self.map.unknown_in)


class Rows:
    """Rows that are read in columns. ``places`` tells of each row the place of its record among ``records``.

    Readers give None for an empty field. What is there and cannot be read is None too, and a fault of its record.
    """

    def __init__(self, records: Records, kept: Kept) -> None:
        self.places: Sequence[int] = range(len(records))
        self.records, self._kept, self._outer = records, kept, ""
        self._raws = records.raws
        self._chosen: Sequence[int] = self.places
        self._rows: Records | _Inner = records
        self._numbers: Sequence[int] = self.places
        self._inner: list[_Inner] = []
        self._texts: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._chosen)

    def record(self, row: int) -> Record:
        """A row by itself: to read what only few rows have, and to tell its faults."""
        return self._rows[self._numbers[row]]

    # --- columns ------------------------------------------------------------------------------------------------------------

    def raw(self, name: str) -> Sequence[Any]:
        column = self._raws.column(name)
        return column if isinstance(self._chosen, range) else picked(column, self._chosen)

    def text(self, name: str) -> Column:
        """As :meth:`Record.text`. A column is asked for more than once, and is read once: nobody may change it."""
        if name not in self._texts:
            values = self.raw(name)
            self._texts[name] = (
                cleaned(values)
                if _TEXT.issuperset(map(type, values))
                else [str(value) if value.__class__ is int else self._plainly(value) for value in values]
            )
        return self._texts[name]

    def _plainly(self, value: Any) -> str | None:
        """Lists of names, such as categories, come again and again."""
        if value.__class__ is not list or not _TEXT.issuperset(map(type, value)):
            return plain(value)
        kept, told = self._kept.setdefault(("text", ""), {}), tuple(value)
        if told not in kept:
            keep(kept, told, plain(value))
        found: str | None = kept[told]
        return found

    def time(self, name: str) -> Column:
        """As :meth:`Record.time`, in epoch seconds."""
        return self._times(name, Record.time, _as_told, self.raw(name))

    def due(self, name: str, where: Column | None = None) -> Column:
        """As :meth:`Record.due`, in epoch seconds; only of the rows of which something is true, where that is given."""
        values = self.raw(name)
        told = values if where is None else [value if one else None for value, one in zip(values, where, strict=True)]
        return self._times(name, Record.due, end_of_day, told)

    def number(self, name: str) -> Column:
        """As :meth:`Record.number`."""
        return [
            told
            if told is None or (value.__class__ is str and told.isascii() and "e" not in told and "E" not in told)
            else self.record(row).number(name)
            for row, (value, told) in enumerate(zip(self.raw(name), self.text(name), strict=True))
        ]

    def code(self, table: str, name: str) -> Column:
        """As :meth:`Record.code`."""
        return self.read(name, partial(Record.code, table=table), table)

    def read(self, name: str, read: Reader, table: str = "") -> Column:
        """As ``read`` reads the field of a record. What was read without a fault or a remark is read the same again, and kept."""
        kept = self._kept.setdefault((table or read.__name__, self._outer + name), {})
        values = self.raw(name)
        keys = values if _DISTINCT.issuperset(map(type, values)) else list(map(_key, values))
        try:
            return list(map(kept.__getitem__, keys))
        except KeyError:
            return [kept[key] if key in kept else self._read_anew(kept, key, row, name, read) for row, key in enumerate(keys)]

    def _read_anew(self, kept: dict[Any, Any], key: Any, row: int, name: str, read: Reader) -> Any:
        record = self.record(row)
        before = len(record.faults) + len(record.remarks)
        found = read(record, name=name)
        lasting = key is not _NO_KEY and (key.__class__ is not str or len(key) <= SHORT)
        if lasting and len(record.faults) + len(record.remarks) == before:
            keep(kept, key, found)
        return found

    def see_told(self, name: str, column: Column, rule: str, expected: str = "") -> None:
        """A fault of each row whose field holds nothing; ``column`` is what was read from it, ``expected`` what should stand there."""
        if None in column:
            for row, (value, raw) in enumerate(zip(column, self.raw(name), strict=True)):
                if value is None and plain(raw) is None:
                    self.record(row).fault(rule, f"{name}: expected {expected}, found nothing" if expected else f"{name} is empty")

    def _times(self, name: str, read: Reader, moment: Callable[[datetime, bool], datetime], values: Sequence[Any]) -> Column:
        """The two forms that nearly every record has are read here. Other texts are kept, whatever field they stand in."""
        if values.count(None) == len(values):
            return [None] * len(values)
        kept = self._kept.setdefault((read.__name__, ""), {})
        first, end = PLAIN_MILLISECONDS

        def anew(row: int, value: Any) -> Any:
            if value.__class__ is str and value in kept:
                return kept[value]
            try:
                found = stamp(moment(*read_time(value)))
            except ValueError:
                return stamp(read(self.record(row), name=name))  # which tells what is wrong
            if value.__class__ is str and len(value) <= SHORT:
                keep(kept, value, found)
            return found

        return [
            value // 1000
            if value.__class__ is int and first <= value < end
            else None
            if value is None
            else (value.__class__ is str and plain_stamp(value)) or anew(row, value)
            for row, value in enumerate(values)
        ]

    # --- rows ---------------------------------------------------------------------------------------------------------------

    def rows(self, name: str) -> Rows:
        """The rows of a list in each record, one after the other, as :meth:`Record.rows`."""
        return self._nested(name, self._each(self._listed, name))

    def row(self, name: str) -> Rows:
        """The record within each record that holds one, as :meth:`Record.row`."""
        return self._nested(name, self._each(self._single, name))

    def ordered(self, keys: Column) -> Rows:
        """The rows of each record by their keys."""
        told = list(zip(self.places, keys, strict=True))
        order = sorted(range(len(told)), key=told.__getitem__)
        return self if order == list(range(len(told))) else self._picked(order)._renumbered()

    def where(self, chosen: Column) -> Rows:
        """The rows of which something is true."""
        return self._picked([row for row, one in enumerate(chosen) if one])

    def settle(self) -> None:
        """Tell each record what is wrong with its rows, in their order."""
        for inner in self._inner:
            inner.settle()

    def _each(self, read: Callable[[int, Any, str, type[Any]], list[Any]], name: str) -> list[list[Any]]:
        kind = self._raws.kind(name)
        return [read(row, value, name, kind) for row, value in enumerate(self.raw(name))]

    def _listed(self, row: int, value: Any, name: str, kind: type[Any]) -> list[Any]:
        if value.__class__ is list and (kind is not dict or _RECORDS.issuperset(map(type, value))):
            found: list[Any] = value
            return found
        return [one.raw for one in self.record(row).rows(name)] if value is not None else []

    def _single(self, row: int, value: Any, name: str, kind: type[Any]) -> list[Any]:
        if value is None or value.__class__ is kind:
            return [value] if (holds_something(value) if value.__class__ is dict else value) else []
        one = self.record(row).row(name)
        return [one.raw] if one else []

    def _nested(self, name: str, lists: list[list[Any]]) -> Rows:
        found = self._other()
        found._outer = f"{self._outer}{name}."
        found.places = list(chain.from_iterable(map(repeat, self.places, map(len, lists))))
        found._raws, found._chosen = self._raws.within(name, list(chain.from_iterable(lists))), range(len(found.places))
        return found._renumbered()

    def _picked(self, rows: list[int]) -> Rows:
        found = self._other()
        found._chosen, found.places, found._numbers = (picked(told, rows) for told in (self._chosen, self.places, self._numbers))
        return found

    def _other(self) -> Rows:
        found = copy(self)
        found._texts = {}
        return found

    def _renumbered(self) -> Rows:
        """Its rows are told in the order in which they stand here."""
        self._rows, self._numbers = _Inner(self.records, self._outer, self._raws, self._chosen, self.places), range(len(self))
        self._inner.append(self._rows)
        return self


def picked(column: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """The values at some places. One question for all of them takes half of what as many questions take."""
    return list(itemgetter(*places)(column)) if len(places) > 1 else [column[place] for place in places]


def _key(value: Any) -> Any:
    """By what a value is looked up; whole numbers are told from what equals them. ``_NO_KEY`` where it is read each time."""
    return value if value.__class__ in _DISTINCT else (int, value) if value.__class__ is int else _NO_KEY


def _as_told(at: datetime, date_alone: bool) -> datetime:
    return at


class _Inner(dict[int, Record]):
    """Row → the row as a record, made when it is asked for, as few are; what is wrong with it is kept apart until all rows are read."""

    def __init__(self, records: Records, outer: str, raws: Raws, chosen: Sequence[int], places: Sequence[int]) -> None:
        super().__init__()
        self.records, self.outer, self.raws, self.chosen, self.places = records, outer, raws, chosen, places

    def __missing__(self, row: int) -> Record:
        found = self[row] = self.records[self.places[row]].nested(self.outer, self.raws[self.chosen[row]], apart=True)
        return found

    def settle(self) -> None:
        for row, found in sorted(self.items()):
            record = self.records[self.places[row]]
            record.faults += found.faults
            record.remarks += found.remarks
        self.clear()
