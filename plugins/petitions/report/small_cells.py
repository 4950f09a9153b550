"""The forwarded (外发) edition: counts of a place or a category that are so small that they point at a person are hidden.

A count below the threshold prints as ``<3``. What would give it away by subtraction (in its line, or from the total of its column) is
hidden too, and prints as ``＊``; so are rates and days that rest on such counts. Of a line that few tickets came to, the parts print as
``<3`` also where they are 0: a reader who knows that both are more would know them. Lists of tickets are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from petitions.report.figures import figure_id

Document = dict[str, Any]
# By row the counts by column; and one of them.
Table = Mapping[Any, Mapping[str, int]]
Cell = tuple[Any, str]
HIDDEN = "＊"
# Groupings whose small counts point at a person.
PLACES_AND_CATEGORIES = ("area", "category")
# One of these is the sum of the two others.
_SUM = ("received", "closed", "open")


def forwarded(document: Document, below: int) -> Document:
    """The document as it may leave the office.

    :param below: counts from 1 to one less than this are hidden.
    """
    figures = {one["id"]: one for one in document["figures"]}
    for grouping in PLACES_AND_CATEGORIES:
        for key, text in _hidden(figures, grouping, below).items():
            figures[key] |= {"value": None, "text": text}
    for one in figures.values():
        one |= {"tickets": None, "where": {}, "unlisted": 0}
    told = f"外发版：按地区、类别统计的件数不足{below}件的印作“<{below}”，为防推算一并隐去的印作“{HIDDEN}”；不附件清单。"
    sections = [section | {"blocks": [block for block in section["blocks"] if _leaves(block, figures)]} for section in document["sections"]]
    return document | {
        "edition": "forwarded",
        "notices": [*document["notices"], {"text": told, "warning": False}],
        "sections": [section for section in sections if section["blocks"]],
        "figures": list(figures.values()),
    }


def hide(table: Table, below: int) -> dict[Cell, str]:
    """Which cells of a table of counts are hidden, and as what; the columns' totals are known to the reader.

    After each cell that is hidden it is tried what a reader can work out; as long as that gives a small count away, another is hidden.

    :param table: by row the counts by column; of ``received``, ``closed`` and ``open`` the first is the sum of the others.
    """
    counts = {(row, key): count for row, told in table.items() for key, count in told.items()}
    small = {cell for cell, count in counts.items() if 0 < count < below}
    few = {(row, key) for row, told in table.items() if (row, _SUM[0]) in small for key in _SUM if key in told}
    hidden = dict.fromkeys(small | few, f"<{below}")

    def hide_one_of(cells: Sequence[Cell]) -> bool:
        left = [cell for cell in cells if cell in counts and cell not in hidden]
        if left:
            cell = min(left, key=lambda one: (counts[one] < below, counts[one]))
            hidden[cell] = HIDDEN if counts[cell] >= below else f"<{below}"
        return bool(left)

    while True:
        for row, told in table.items():
            line = [(row, key) for key in _SUM]
            if set(_SUM) <= set(told) and sum(cell in hidden for cell in line) == 1 and not hide_one_of(line[1:]):
                hide_one_of(line)
        bounds = _worked_out(table, hidden, below)
        given_away = [cell for cell in counts if cell in small and bounds[cell][0] == bounds[cell][1]]
        if not given_away:
            return hidden
        columns = [[(row, key) for row in table] for _, key in given_away]
        if not any(hide_one_of(cells) for cells in [*columns, list(counts)]):
            # Nothing is left to hide behind: the reader is not told which of them are the small ones.
            return dict.fromkeys(counts, HIDDEN)


def _worked_out(table: Table, hidden: Mapping[Cell, str], below: int) -> dict[Cell, tuple[int, int]]:
    """The least and the most that a reader must take each cell for, from what is printed, the lines and the totals."""
    whole, *parts = _SUM
    columns = list(dict.fromkeys(key for told in table.values() for key in told))
    totals = {key: sum(told.get(key, 0) for told in table.values()) for key in columns}
    bounds = {}
    for row, told in table.items():
        for key, count in told.items():
            printed = hidden.get((row, key))
            least, most = (count, count) if printed is None else (below, totals[key]) if printed == HIDDEN else (1, below - 1)
            # Where zeros are printed, a count that is hidden is none; a group without tickets has no line.
            zero = printed is not None and key != whole and (count == 0 or told.get(whole, below) < below)
            bounds[row, key] = (0 if zero else least, most)
    # Each is: these added up, less those, give so many.
    sums: list[tuple[list[Cell], list[Cell], int]] = []
    for key in columns:
        sums.append(([(row, key) for row in table if key in table[row]], [], totals[key]))
    sums += [([(row, key) for key in parts], [(row, whole)], 0) for row, told in table.items() if set(_SUM) <= set(told)]
    while sum(_narrowed(bounds, *one) for one in sums):
        pass
    return bounds


def _narrowed(bounds: dict[Cell, tuple[int, int]], added: Sequence[Cell], taken: Sequence[Cell], total: int) -> int:
    """Narrow the bounds of the cells of a sum by each other; how many were."""
    least = sum(bounds[cell][0] for cell in added) - sum(bounds[cell][1] for cell in taken)
    most = sum(bounds[cell][1] for cell in added) - sum(bounds[cell][0] for cell in taken)
    narrowed = 0
    for cell in (*added, *taken):
        low, high = bounds[cell]
        if cell in taken:
            new = (max(low, least + high - total), min(high, most + low - total))
            least, most = least + high - new[1], most + low - new[0]
        else:
            new = (max(low, total - most + high), min(high, total - least + low))
            least, most = least - low + new[0], most - high + new[1]
        narrowed += new != (low, high)
        bounds[cell] = new
    return narrowed


def _hidden(figures: Mapping[str, Mapping[str, Any]], grouping: str, below: int) -> dict[str, str]:
    """The ids of the figures of a grouping that are hidden, and how they print."""
    told: dict[str, str] = {}
    for population in ("appeals", "cases"):
        of = [one for one in figures.values() if one["population"] == population and set(one["filters"]) == {grouping}]
        table: dict[str | None, dict[str, int]] = {}
        for one in of:
            if isinstance(one["value"], int):
                table.setdefault(one["filters"][grouping], {})[one["metric"]] = one["value"]
        hidden = hide(table, below)
        told |= {figure_id(population, key, {grouping: row}): text for (row, key), text in hidden.items()}
        for one in of:
            row = one["filters"][grouping]
            if not isinstance(one["value"], int) and one["value"] is not None and _rests_on_few(one["value"], row, table, hidden, below):
                told[one["id"]] = HIDDEN
    return told


def _rests_on_few(
    value: Any, row: str | None, table: Mapping[str | None, Mapping[str, int]], hidden: Mapping[tuple[Any, str], str], below: int
) -> bool:
    """Whether a rate or a number of days would tell of a hidden count."""
    if any((row, key) in hidden for key in _SUM):
        return True
    if isinstance(value, Mapping):
        parts = (value["numerator"], value["denominator"], value["denominator"] - value["numerator"])
        return any(0 < part < below for part in parts)
    return table[row].get("closed", 0) < below


def _leaves(block: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> bool:
    """A list stays in the office, and so does a chart that would show what the table hides."""
    if block["kind"] == "chart":
        return all(figures[key]["text"] != HIDDEN and not figures[key]["text"].startswith("<") for key in _drawn(block["series"]))
    return block["kind"] != "list"


def _drawn(series: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in series:
        yield from one["figures"]
