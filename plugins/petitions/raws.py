"""Raw records, or the rows of a list within them, by field: a column holds what stands in one field of each.

JSON lines are decoded into classes of the fields that the map of their source knows, which takes a third less than dictionaries do.
Where a line of them holds anything else, all are dictionaries, which hold whatever comes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from types import GenericAlias
from typing import Any

import msgspec

from petitions.sources.base import Raw


class Raws:
    """Rows that may hold any field."""

    def __init__(self, raws: Sequence[Raw]) -> None:
        self._raws = raws

    def __len__(self) -> int:
        return len(self._raws)

    def __getitem__(self, place: int) -> Raw:
        return self._raws[place]

    def column(self, name: str) -> Sequence[Any]:
        """What stands in a field of each; None where it is left out."""
        try:
            return list(map(itemgetter(name), self._raws))
        except KeyError:  # a platform that leaves out what is empty
            return [raw.get(name) for raw in self._raws]

    def kind(self, outer: str) -> type[Any]:
        """What a row within is, as the column of that field holds it."""
        return dict

    def within(self, outer: str, rows: Sequence[Any]) -> Raws:
        """Rows as the column of that field holds them, one after the other."""
        return Raws(rows)

    def unknown(self, count: Callable[[Sequence[Raw]], Counter[str]]) -> Counter[str]:
        """The fields that the map does not know, counted."""
        return count(self._raws)


class _Known(Raws):
    """Rows without any field that the map does not know; ``of`` gives one as it was landed."""

    def __init__(self, shape: Shape, rows: Sequence[Any], of: Callable[[int], Raw]) -> None:
        self._shape, self._of, self._size = shape, of, len(rows)
        columns = zip(*map(msgspec.structs.astuple, rows), strict=True) if rows else ([] for _ in shape.names)
        self._columns: dict[str, Sequence[Any]] = dict(zip(shape.names, columns, strict=True))

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: int) -> Raw:
        if place >= self._size:
            raise IndexError(place)
        return self._of(place)

    def column(self, name: str) -> Sequence[Any]:
        return self._columns[name] if name in self._columns else [None] * self._size

    def kind(self, outer: str) -> type[Any]:
        return self._shape.within[outer].kind if outer in self._shape.within else dict

    def within(self, outer: str, rows: Sequence[Any]) -> Raws:
        shape = self._shape.within.get(outer)
        if shape is None:
            return Raws(rows)
        names = shape.names
        return _Known(shape, rows, lambda place: dict(zip(names, msgspec.structs.astuple(rows[place]), strict=True)))

    def unknown(self, count: Callable[[Sequence[Raw]], Counter[str]]) -> Counter[str]:
        return Counter()


@dataclass(frozen=True)
class Shape:
    """The fields that a map knows, and a class of them to decode JSON into; ``within`` are those of the rows within."""

    names: tuple[str, ...]
    kind: type[Any]
    within: Mapping[str, Shape]

    @classmethod
    def of(cls, names: Iterable[str], within: Mapping[str, Iterable[str]]) -> Shape:
        rows = {outer: cls.of(inner, {}) for outer, inner in within.items()}
        types: dict[str, Any] = dict.fromkeys(sorted({*names} - rows.keys()), Any)
        types |= {outer: GenericAlias(list, (one.kind,)) | one.kind | None for outer, one in rows.items()}
        # The names of a platform need not be names to Python.
        told = {f"field_{place}": name for place, name in enumerate(types)}
        kind = msgspec.defstruct(
            "Known",
            [(own, types[name], None) for own, name in told.items()],
            namespace={"__bool__": lambda row: any(value is not None for value in msgspec.structs.astuple(row))},
            rename=told,
            forbid_unknown_fields=True,
            gc=False,
        )
        return cls(tuple(types), kind, rows)

    @cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        return msgspec.json.Decoder(self.kind).decode

    def read(self, lines: Sequence[bytes]) -> Raws:
        """The records of JSON lines."""
        try:
            return _Known(self, list(map(self._decode, lines)), lambda place: decoded(lines[place]))
        except msgspec.DecodeError:
            return Raws(list(map(decoded, lines)))


def decoded(line: bytes) -> Raw:
    """The record of a JSON line. What is no JSON by the letter (NaN, half a pair of surrogates) is read as Python reads it."""
    try:
        raw: Raw = _decode(line)
    except msgspec.DecodeError:
        raw = json.loads(line)
    return raw


_decode = msgspec.json.Decoder().decode
