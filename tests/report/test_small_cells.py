"""What a forwarded edition hides, against a reader who subtracts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import product
from random import Random

import pytest

from petitions.report import issue
from petitions.report.small_cells import HIDDEN, hide
from petitions.settings import Settings
from tests.report import county
from tests.report.county import Made

Table = dict[str, dict[str, int]]
KEYS = ("received", "closed", "open")


def made(rows: Mapping[str, tuple[int, int]]) -> Table:
    """A table of received, closed and open from closed and open."""
    return {row: {"received": closed + still, "closed": closed, "open": still} for row, (closed, still) in rows.items()}


def worlds(table: Table, hidden: Mapping[tuple[str, str], str]) -> Iterator[Table]:
    """Every table that a reader of the published one must hold for possible: same totals, same visible cells.

    ``<3`` is 1 or 2, for zeros are printed; the reader is even told which are none of these. In a line that few tickets came to it may
    be 0. ``＊`` is not so small, unless all of its column is hidden so.
    """
    totals = {key: sum(counts[key] for counts in table.values()) for key in KEYS}
    any_size = {key for key in KEYS if all(hidden.get((row, key)) == HIDDEN for row in table)}

    def fits(row: str, key: str, told: int) -> bool:
        printed = hidden.get((row, key))
        if printed is None:
            return told == table[row][key]
        if printed == "<3":
            zero = key != "received" and (table[row][key] == 0 or table[row]["received"] < 3)
            return (0 if zero else 1) <= told < 3
        return told >= 3 or key in any_size

    choices = []
    for row in table:
        pairs = product(range(totals["closed"] + 1), range(totals["open"] + 1))
        told = [{"received": closed + still, "closed": closed, "open": still} for closed, still in pairs]
        choices.append([counts for counts in told if counts["received"] and all(fits(row, key, counts[key]) for key in KEYS)])
    for world in product(*choices):
        if all(sum(counts[key] for counts in world) == totals[key] for key in totals):
            yield dict(zip(table, world, strict=True))


@pytest.mark.parametrize("seed", range(60))
def test_no_small_count_can_be_worked_out(seed: int) -> None:
    """Nor which of several fully hidden ones it is."""
    chance = Random(seed)
    table = made({row: (chance.choice((1, 3, 5, 6)), chance.choice((0, 0, 1, 2, 4))) for row in "甲乙丙"})
    hidden = hide(table, 3)
    possible = list(worlds(table, hidden))
    assert table in possible
    for row, counts in table.items():
        for key, count in counts.items():
            if 0 < count < 3:
                assert (row, key) in hidden
            if 0 < count < 3:
                assert len({one[row][key] for one in possible}) > 1, (row, key, table, hidden)


def test_a_line_of_few_tells_nothing_of_its_parts() -> None:
    tables = [made({"甲": few, "乙": (20, 9), "丙": (30, 7)}) for few in ((1, 1), (2, 0), (0, 2), (1, 0))]
    assert [{hide(table, 3).get(("甲", key)) for key in KEYS} for table in tables] == [{"<3"}] * 4


def test_small_counts_that_are_all_that_is_missing_from_a_total_are_not_alone() -> None:
    """Two of 1 each: as zeros are printed, neither could be another."""
    hidden = hide(made({"甲": (30, 1), "乙": (20, 1), "丙": (40, 9)}), 3)
    assert hidden["丙", "open"] == HIDDEN


def test_what_is_large_stays() -> None:
    assert hide(made({"甲": (30, 5), "乙": (20, 0)}), 3) == {}


def test_a_small_count_is_hidden_and_what_gives_it_away() -> None:
    hidden = hide(made({"甲": (30, 1), "乙": (20, 6), "丙": (40, 9)}), 3)
    assert hidden["甲", "open"] == "<3"
    assert hidden["甲", "closed"] == HIDDEN
    assert {row for row, key in hidden if key == "open"} == {"甲", "乙"}
    assert ("丙", "open") not in hidden


def test_a_forwarded_edition_hides_small_cells_in_all_it_holds(settings: Settings) -> None:
    towns = [("城关镇", 9), ("青禾镇", 7), ("高田镇", 1)]
    county.load(
        settings,
        "hotline_12345",
        [_appeal(town, n) for town, many in towns for n in range(many)],
        window=("2023-01-01", "2023-12-31 23:59:59"),
    )
    year = (date(2023, 1, 1), date(2023, 12, 31))
    whole = issue(settings, *year)
    folder = issue(settings, *year, edition="forwarded")
    assert folder.name == f"{whole.name}_forwarded"
    assert list((folder / "tickets").iterdir()) == []
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    told = {one["id"]: one for one in document["figures"]}
    assert (told["appeals.received[area=高田镇]"]["text"], told["appeals.received[area=高田镇]"]["value"]) == ("<3", None)
    assert told["appeals.received[area=青禾镇]"]["text"] == HIDDEN
    assert told["appeals.closure_rate[area=高田镇]"]["value"] is None
    assert told["appeals.received"]["value"] == 17
    assert [one["id"] for one in document["figures"] if one["tickets"]] == []
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "&lt;3" in page
    assert 'id="packed-' not in page
    assert "高田镇的路" not in page
    assert "高田镇的路" in (whole / "tickets" / "appeals.csv").read_text(encoding="utf-8-sig")
    assert issue(settings, *year, edition="forwarded") == folder


def _appeal(town: str, n: int) -> Made:
    done = [("closed", "2023-03-10 09:00:00")]
    return Made(f"{town}{n}", "2023-03-01 09:00:00", done, {"area": town, "title": f"{town}的路", "due_at": county.at("2023-04-01")})
