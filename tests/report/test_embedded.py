"""The lists inside a page: what fits, what it costs, and that they are unpacked to what was packed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from petitions.report import embedded, lists
from petitions.report.lists import TicketList

COLUMNS = (*lists.COLUMNS, "by_month", "in_received", "in_open")


def told(count: int) -> Iterator[dict[str, Any]]:
    """Tickets whose numbers and titles do not repeat, as those of a hotline."""
    for n in range(count):
        mark = hashlib.sha256(str(n).encode()).digest()
        title = "".join(chr(0x4E00 + byte * 7) for byte in mark[:18])
        unit = f"第{mark[20] % 80}所"
        yield {
            "ticket_id": f"hotline_12345:4413992023{n:010d}{mark[21] % 100:02d}",
            "source": "hotline_12345",
            "title": title,
            "unit": unit,
            "class": "on_time",
            "by_month": f"2023-{1 + n * 12 // count:02d}",
            "in_received": True,
            "in_open": mark[22] < 20,
        }


def written(folder: Path, count: int) -> TicketList:
    return lists.write(folder / "appeals.csv", told(count), COLUMNS)


FIGURES: list[dict[str, Any]] = [
    {"id": "appeals.open", "tickets": "tickets/appeals.csv", "where": {"未办结": "是"}, "unlisted": 0, "printed": "未办结"},
    {"id": "appeals.closure_rate", "tickets": None, "where": {}, "unlisted": 0, "printed": "办结率"},
]


def unpacked(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return content


def test_a_list_is_unpacked_to_what_was_packed(tmp_path: Path) -> None:
    held = {"appeals": written(tmp_path, 300)}
    packed = embedded.pack(held, FIGURES)
    content = unpacked(packed["appeals"])
    columns = content["columns"]
    titles = [columns["标题"]["values"][at] for at in columns["标题"]["rows"] or range(300)]
    assert titles == [row["title"] for row in told(300)]
    months = [columns["登记月份"]["values"][at] for at in columns["登记月份"]["rows"]]
    assert months == [row["by_month"] for row in told(300)]
    is_open = 1 << content["marks"].index("未办结")
    assert [bool(bits & is_open) for bits in content["counted"]] == [row["in_open"] for row in told(300)]
    assert embedded.picks(FIGURES, packed) == {"appeals.open": ["appeals", {"未办结": "是"}, 0, "未办结"]}


def test_a_hundred_thousand_tickets_leave_a_page_below_ten_megabytes(tmp_path: Path) -> None:
    packed = embedded.pack({"appeals": written(tmp_path, 100_000)}, FIGURES)
    assert len(packed["appeals"]) <= embedded.ROOM
    assert len(unpacked(packed["appeals"])["counted"]) == 100_000


@pytest.mark.parametrize(("room", "shown"), [(60_000, True), (16_000, False), (4_000, None)])
def test_what_does_not_fit_is_left_out_titles_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, shown: bool | None) -> None:
    monkeypatch.setattr(embedded, "ROOM", room)
    packed = embedded.pack({"appeals": written(tmp_path, 500)}, FIGURES)
    assert ("标题" in unpacked(packed["appeals"])["shown"] if packed else None) is shown
    assert bool(embedded.picks(FIGURES, packed)) is (shown is not None)
