"""The lists inside the page: packed small, unpacked by the reader's browser when a figure is opened.

A page must open by itself and stay below ten megabytes, so the lists of a hundred thousand tickets are held by column, each name once, and
deflated. What does not fit stands in the folder ``tickets/`` only, and the page says so.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from petitions.report.lists import TicketList, label, plain

# Characters of all packed lists together.
ROOM = 7_000_000
# What a reader sees of a ticket; the other columns of a list serve to pick its rows.
SHOWN = ("ticket_id", "title", "unit", "received_at", "passed_at", "due_at", "closed_at", "class")
_LEFT_OUT = ("category", "provisional", "satisfaction")


def pack(lists: Mapping[str, TicketList], figures: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The lists that figures pick from, by name, as text for a page; those that do not fit are missing."""
    wanted = {one["tickets"].removeprefix("tickets/").removesuffix(".csv") for one in figures if one["tickets"]}
    packed: dict[str, str] = {}
    left = ROOM
    for name in (name for name in lists if name in wanted):
        for without in ((), ("title",)):
            told = _packed(lists[name], without) if lists[name].total * 10 <= left else None
            if told is not None and len(told) <= left:
                packed[name] = told
                left -= len(told)
                break
    return packed


def _packed(told: TicketList, without: Sequence[str]) -> str:
    """``shown``: columns to show; ``columns``: by label the distinct values and the place of each row's; ``marks``: by label its rows."""
    columns = [(at, name) for at, name in enumerate(told.columns) if not name.startswith("in_") and name not in (*_LEFT_OUT, *without)]
    marks = [name for name in told.columns if name.startswith("in_")]
    first_mark = len(told.columns) - len(marks)
    distinct: dict[str, dict[str, int]] = {name: {} for _, name in columns}
    places: dict[str, list[int]] = {name: [] for _, name in columns}
    held = [(at, distinct[name], places[name]) for at, name in columns]
    counted = []
    for row in told.texts():
        for at, known, place in held:
            place.append(known.setdefault(row[at], len(known)))
        counted.append(_bits(tuple(row[first_mark:])))
    content = {
        "shown": [label(name) for name in SHOWN if name in distinct],
        "columns": {label(name): {"values": [*map(plain, distinct[name])], "rows": _steps(places[name])} for _, name in columns},
        "marks": [label(name) for name in marks],
        "counted": counted,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


@cache
def _bits(marked: tuple[str, ...]) -> int:
    """One bit for each mark that a row has; few combinations come."""
    return sum(1 << bit for bit, mark in enumerate(marked) if mark)


def _steps(places: Sequence[int]) -> list[int] | None:
    """None where each row has a value of its own, in order."""
    return None if all(place == row for row, place in enumerate(places)) else list(places)


def picks(figures: Sequence[Mapping[str, Any]], packed: Mapping[str, str]) -> dict[str, Any]:
    """Of each figure that can be opened in the page: the list, what picks its rows, how many are confidential, and what it is called."""
    told = {}
    for one in figures:
        name = one["tickets"].removeprefix("tickets/").removesuffix(".csv") if one["tickets"] else None
        if name in packed:
            told[one["id"]] = [name, one["where"], one["unlisted"], one["printed"]]
    return told
