"""Fields of many records, or of the rows of a list in them, read at once: a column holds a value for each row, in their order.

What a platform writes again and again (codes, units, stock phrases) is read once and looked up. Whatever is out of the ordinary is read
by :class:`petitions.record.Record`, one by one: the rules for single values stand there alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from petitions.kept import SHORT, keep
from petitions.record import Record
from petitions.sources.base import Raw
from petitions.values import PLAIN_MILLISECONDS, cleaned, end_of_day, plain, read_time, stamp

#: How a field, given as ``name``, is read from a record.
Reader = Callable[..., Any]
Column = list[Any]
#: What was read before: how and from which field → value → what it was read as.
Kept = dict[tuple[str, str], dict[Any, Any]]

# A value of these classes equals no value of another class, and can be looked up.
_DISTINCT = frozenset({str, bool, type(None)})
_TEXT = frozenset({str, type(None)})
_RECORDS = frozenset({dict})


class Rows:
    """Rows that are read in columns. ``places`` tells of each row the place of its record among ``records``.

    Readers give None for an empty field. What is there and cannot be read is None too, and a fault of its record.
    """

    def __init__(self, records: Sequence[Record], kept: Kept) -> None:
        self.raws: Sequence[Raw] = [record.raw for record in records]
        self.places: Sequence[int] = range(len(records))
        self.records, self._kept, self._outer = records, kept, ""
        self._rows: Sequence[Record] | _Inner = records
        self._numbers: Sequence[int] = self.places
        self._inner: list[_Inner] = []
        self._texts: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self.raws)

    def record(self, row: int) -> Record:
        """A row by itself: to read what only few rows have, and to tell its faults."""
        return self._rows[self._numbers[row]]

    # --- columns ------------------------------------------------------------------------------------------------------------

    def raw(self, name: str) -> Column:
        try:
            return list(map(itemgetter(name), self.raws))
        except KeyError:  # a platform that leaves out what is empty
            return [raw.get(name) for raw in self.raws]

    def text(self, name: str) -> Column:
        """As :meth:`Record.text`. A column is asked for more than once, and is read once: nobody may change it."""
        if name not in self._texts:
            values = self.raw(name)
            self._texts[name] = cleaned(values) if _TEXT.issuperset(map(type, values)) else list(map(self._plainly, values))
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
        values = self.raw(name) if where is None else [raw.get(name) if one else None for raw, one in zip(self.raws, where, strict=True)]
        return self._times(name, Record.due, end_of_day, values)

    def code(self, table: str, name: str) -> Column:
        """As :meth:`Record.code`."""
        return self.read(name, partial(Record.code, table=table), table)

    def read(self, name: str, read: Reader, table: str = "") -> Column:
        """As ``read`` reads the field of a record. What was read without a fault or a remark is read the same again, and kept."""
        kept = self._kept.setdefault((table or read.__name__, self._outer + name), {})
        values = self.raw(name)
        if _DISTINCT.issuperset(map(type, values)):
            try:
                return list(map(kept.__getitem__, values))
            except KeyError:
                pass
        return [
            kept[value] if value.__class__ in _DISTINCT and value in kept else self._read_anew(kept, value, row, name, read)
            for row, value in enumerate(values)
        ]

    def _read_anew(self, kept: dict[Any, Any], value: Any, row: int, name: str, read: Reader) -> Any:
        record = self.record(row)
        before = len(record.faults) + len(record.remarks)
        found = read(record, name=name)
        lasting = value.__class__ in _DISTINCT and (value.__class__ is not str or len(value) <= SHORT)
        if lasting and len(record.faults) + len(record.remarks) == before:
            keep(kept, value, found)
        return found

    def see_told(self, name: str, column: Column, rule: str, expected: str = "") -> None:
        """A fault of each row whose field holds nothing; ``column`` is what was read from it, ``expected`` what should stand there."""
        if None in column:
            for row, value in enumerate(column):
                if value is None and plain(self.raws[row].get(name)) is None:
                    self.record(row).fault(rule, f"{name}: expected {expected}, found nothing" if expected else f"{name} is empty")

    def _times(self, name: str, read: Reader, moment: Callable[[datetime, bool], datetime], values: Column) -> Column:
        """Milliseconds are divided here. Texts are kept whatever field they stand in: a record tells many of its times twice."""
        kept = self._kept.setdefault((read.__name__, ""), {})
        first, end = PLAIN_MILLISECONDS

        def anew(row: int, value: Any) -> Any:
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
            else kept[value]
            if value.__class__ is str and value in kept
            else None
            if value is None
            else anew(row, value)
            for row, value in enumerate(values)
        ]

    # --- rows ---------------------------------------------------------------------------------------------------------------

    def rows(self, name: str) -> Rows:
        """The rows of a list in each record, one after the other, as :meth:`Record.rows`."""
        return self._nested(name, [self._listed(row, value, name) for row, value in enumerate(self.raw(name))])

    def row(self, name: str) -> Rows:
        """The record within each record that holds one, as :meth:`Record.row`."""
        return self._nested(name, [self._single(row, value, name) for row, value in enumerate(self.raw(name))])

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

    def _listed(self, row: int, value: Any, name: str) -> list[Raw]:
        if value.__class__ is list and _RECORDS.issuperset(map(type, value)):
            found: list[Raw] = value
            return found
        return [one.raw for one in self.record(row).rows(name)]

    def _single(self, row: int, value: Any, name: str) -> list[Raw]:
        if value is None or value.__class__ is dict:
            return [value] if value else []
        one = self.record(row).row(name)
        return [one.raw] if one else []

    def _nested(self, name: str, lists: list[list[Raw]]) -> Rows:
        found = self._other()
        found._outer = f"{self._outer}{name}."
        found.places = list(chain.from_iterable(map(repeat, self.places, map(len, lists))))
        found.raws = list(chain.from_iterable(lists))
        return found._renumbered()

    def _picked(self, rows: list[int]) -> Rows:
        found = self._other()
        found.raws = [self.raws[row] for row in rows]
        found.places, found._numbers = [self.places[row] for row in rows], [self._numbers[row] for row in rows]
        return found

    def _other(self) -> Rows:
        found = copy(self)
        found._texts = {}
        return found

    def _renumbered(self) -> Rows:
        """Its rows are told in the order in which they stand here."""
        self._rows, self._numbers = _Inner(self.records, self._outer, self.raws, self.places), range(len(self.raws))
        self._inner.append(self._rows)
        return self


def _as_told(at: datetime, date_alone: bool) -> datetime:
    return at


class _Inner(dict[int, Record]):
    """Row → the row as a record, made when it is asked for, as few are; what is wrong with it is kept apart until all rows are read."""

    def __init__(self, records: Sequence[Record], outer: str, raws: Sequence[Raw], places: Sequence[int]) -> None:
        super().__init__()
        self.records, self.outer, self.raws, self.places = records, outer, raws, places

    def __missing__(self, row: int) -> Record:
        found = self[row] = self.records[self.places[row]].nested(self.outer, self.raws[row], apart=True)
        return found

    def settle(self) -> None:
        for row, found in sorted(self.items()):
            record = self.records[self.places[row]]
            record.faults += found.faults
            record.remarks += found.remarks
        self.clear()
