"""What is read in columns is what :class:`Record` reads one by one, whatever stands in the fields, and told of the same record."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petitions.columns import Column, Records, Rows
from petitions.raws import Raws, decoded
from petitions.record import FieldMap, Record
from petitions.values import stamp

MAP = FieldMap("small", {"known": ["f", "flow.f", "visit.f"], "codes": {"kind": {"1": "one", "b": "two", "c": ""}}})

_SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([1672485632085, 10**20, 1.0, 1.5, float("nan"), 45000.25])
    | st.sampled_from(["", " ", "1", "b", " b ", "c", "d", "是", "3人", "2023-10-01", "2023-10-01 08:00:00", "x" * 40, "<b>b</b>"])
)
_VALUE = _SCALAR | st.lists(_SCALAR, max_size=2) | st.dictionaries(st.sampled_from("fg"), _SCALAR, max_size=2)
_ROW = st.dictionaries(st.sampled_from(["f", "g"]), _VALUE, max_size=2)
_RAWS = st.lists(
    st.fixed_dictionaries({}, optional={"f": _VALUE, "g": _VALUE, "flow": st.lists(_ROW, max_size=4) | _VALUE, "visit": _ROW | _VALUE}),
    max_size=6,
)


READERS: dict[str, tuple[Callable[[Rows], Column], Callable[[Record], Any]]] = {
    "text": (lambda rows: rows.text("f"), lambda record: record.text("f")),
    "time": (lambda rows: rows.time("f"), lambda record: stamp(record.time("f"))),
    "due": (lambda rows: rows.due("f"), lambda record: stamp(record.due("f"))),
    "code": (lambda rows: rows.code("kind", "f"), lambda record: record.code("kind", "f")),
    "flag": (lambda rows: rows.read("f", Record.flag), lambda record: record.flag("f")),
    "number": (lambda rows: rows.number("f"), lambda record: record.number("f")),
    "whole": (lambda rows: rows.read("f", Record.whole), lambda record: record.whole("f")),
}


def records(raws: list[dict[str, Any]]) -> Records:
    return Records(Raws(copy.deepcopy(raws)), MAP)


def told(of: Sequence[Record]) -> list[Any]:
    return [(record.faults, record.remarks) for record in of]


@pytest.mark.parametrize("name", READERS)
@given(raws=_RAWS)
def test_a_column_is_what_its_values_are(name: str, raws: list[dict[str, Any]]) -> None:
    in_columns, one_by_one = READERS[name]
    together, apart = records(raws), records(raws)
    kept: dict[Any, Any] = {}
    for _ in range(2):  # what was kept is the same again
        assert in_columns(Rows(together, kept)) == [one_by_one(record) for record in apart]
    assert told(together) == told(apart)


@pytest.mark.parametrize("name", READERS)
@given(raws=_RAWS)
def test_rows_within_records(name: str, raws: list[dict[str, Any]]) -> None:
    in_columns, one_by_one = READERS[name]
    together, apart = records(raws), records(raws)
    rows = Rows(together, {})
    found = [in_columns(rows.rows("flow")), in_columns(rows.row("visit"))]
    rows.settle()
    flow, visits = [record.rows("flow") for record in apart], [[one] if (one := record.row("visit")) else [] for record in apart]
    assert found[0] == [one_by_one(row) for row in chain.from_iterable(flow)]
    assert found[1] == [one_by_one(row) for row in chain.from_iterable(visits)]
    assert [Counter(record.faults) for record in together] == [Counter(record.faults) for record in apart]
    assert [sorted(record.remarks) for record in together] == [sorted(record.remarks) for record in apart]


@given(raws=_RAWS)
def test_faults_are_told_in_the_order_of_the_rows_not_of_the_columns(raws: list[dict[str, Any]]) -> None:
    together, apart = records(raws), records(raws)
    rows = Rows(together, {})
    flow = rows.rows("flow")
    flow.time("f")
    kinds = flow.code("kind", "g")
    flow.see_told("g", kinds, "unknown_code", "a kind")
    flow.where(kinds).due("f")
    rows.settle()
    for record in apart:
        for row in record.rows("flow"):
            row.time("f")
            kind = row.code("kind", "g")
            if kind is None and row.text("g") is None:
                row.fault("unknown_code", "g: expected a kind, found nothing")
            if kind:
                row.due("f")
    assert told(together) == told(apart)


@given(raws=_RAWS, keys=st.data())
def test_rows_in_an_order_of_their_own(raws: list[dict[str, Any]], keys: st.DataObject) -> None:
    together = records(raws)
    rows = Rows(together, {})
    flow = rows.rows("flow")
    order = keys.draw(st.lists(st.integers(0, 3), min_size=len(flow), max_size=len(flow)))
    ordered = flow.ordered(order)
    assert list(zip(ordered.places, _raws(ordered), strict=True)) == [
        (place, raw) for place, _, raw in sorted(zip(flow.places, order, _raws(flow), strict=True), key=lambda one: one[:2])
    ]
    ordered.time("f")
    before = [list(record.faults) for record in together]
    rows.settle()
    expected = [
        [fault for place_, raw in zip(ordered.places, _raws(ordered), strict=True) if place_ == place for fault in _faults(raw)]
        for place in range(len(together))
    ]
    assert [record.faults for record in together] == [one + more for one, more in zip(before, expected, strict=True)]


def _raws(rows: Rows) -> list[dict[str, Any]]:
    return [rows.record(row).raw for row in range(len(rows))]


def _faults(raw: dict[str, Any]) -> list[tuple[str, str]]:
    record = Record(raw, MAP)
    record.time("f")
    return [(rule, "flow." + text) for rule, text in record.faults]


@given(raws=_RAWS)
def test_unknown_fields_are_counted_by_record(raws: list[dict[str, Any]]) -> None:
    assert MAP.unknown_in(raws) == Counter(chain.from_iterable(map(MAP.unknown, raws)))


_KNOWN = st.dictionaries(st.just("f"), _SCALAR, max_size=1)
_LINES = st.lists(
    st.fixed_dictionaries({}, optional={"f": _VALUE, "flow": st.lists(_KNOWN, max_size=4), "visit": st.none() | _KNOWN}), max_size=6
)


@pytest.mark.parametrize("name", READERS)
@given(raws=_LINES | _RAWS)
def test_lines_are_read_as_the_records_that_they_hold(name: str, raws: list[dict[str, Any]]) -> None:
    """Into classes of the fields that are known, where a line holds nothing else."""
    in_columns, _ = READERS[name]
    lines = [json.dumps(raw).encode() + b"\n" for raw in raws]
    decoded_, plain = Records(MAP.shape.read(lines), MAP), Records(Raws(list(map(decoded, lines))), MAP)
    found = []
    for one in (decoded_, plain):
        rows = Rows(one, {})
        flow, visits = rows.rows("flow"), rows.row("visit")
        chosen = flow.where([place % 2 for place in flow.places])
        found.append([(list(part.places), in_columns(part)) for part in (rows, flow, visits, chosen)])
        rows.settle()
    assert found[0] == found[1]
    assert told(decoded_) == told(plain)
    assert decoded_.unknown() == plain.unknown()
    assert repr([one.raw for one in decoded_]) == repr([one.raw for one in plain])


def test_lines_of_known_fields_alone_are_not_made_into_dictionaries() -> None:
    lines = [b'{"f": 1, "flow": [{"f": 2}, {}], "visit": {"f": "\\ud83d\\ude00"}}', b'{"f": 1, "f": 3, "visit": null}', b"{}"]
    rows = Rows(Records(MAP.shape.read(lines), MAP), {})
    assert type(MAP.shape.read(lines)) is not Raws
    assert (list(rows.raw("f")), list(rows.rows("flow").raw("f")), list(rows.row("visit").raw("f"))) == ([1, 3, None], [2, None], ["😀"])
    assert list(rows.raw("g")) == [None] * 3
    assert type(MAP.shape.read([*lines, b'{"g": 1}'])) is Raws
