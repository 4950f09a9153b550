"""A pull: look-back and end of the window, look-ups by number, totals, and the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from petitions.connections import Connection
from petitions.extract import extract
from petitions.landing import Landing, Manifest
from petitions.model import BEIJING, Event
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import Ask, LaneStopped, Page, Raw, Source, Window

DAY = Window(datetime(2023, 10, 24, tzinfo=BEIJING), datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING))
NOW = datetime(2023, 10, 25, 2, 30, 0, 999999, tzinfo=BEIJING)
HOME = Settings(home=Path("/nowhere"), config=CHECKOUT / "config")


class Desk(Source):
    """A platform of given pages that answers look-ups from ``held``."""

    name = "provincial"
    lookup_size = 2

    def __init__(self, pages: Iterable[Page], held: Iterable[str] = ()) -> None:
        super().__init__(Connection("petitions_provincial", "http"), HOME)
        self.given, self.held = list(pages), set(held)
        self.asked: list[Ask] = []

    def pages(self, ask: Ask) -> Iterator[Page]:
        self.asked.append(ask)
        if ask.window:
            yield from self.given
            return
        found = [number for number in ask.numbers if number in self.held]
        yield Page(records=[raw(number) for number in found], total=len(found))

    def events(self, record: Any) -> Iterable[Event]:
        return ()


def raw(number: Any) -> Raw:
    return {"xfjbh": number}


def pull(desk: Source, folder: Path, **changed: Any) -> Manifest:
    told: dict[str, Any] = {"open_numbers": (), "now": NOW, "look_back_days": 3, "fetched_at_clock": lambda: NOW} | changed
    return extract(desk, told.pop("window", DAY), landing=Landing(folder), **told)


def test_pages_are_landed_in_the_order_received_and_the_last_total_counts(tmp_path: Path) -> None:
    desk = Desk([Page([raw("1"), raw("2")], total=3), Page([raw("1")], total=4), Page(total=None)])
    manifest = pull(desk, tmp_path)
    assert [found["xfjbh"] for _, _, found in Landing(tmp_path).lines(manifest)] == ["1", "2", "1"]
    assert (manifest.platform_total, manifest.records) == (4, 3)
    assert manifest.fetched_at == NOW.replace(microsecond=0)


WINDOWS = [
    # now, look-back, asked from, asked to
    (NOW, 3, "2023-10-21 00:00:00", "2023-10-24 23:59:59"),
    (NOW, 0, "2023-10-24 00:00:00", "2023-10-24 23:59:59"),
    (DAY.start + timedelta(hours=9, seconds=0.7), 1, "2023-10-23 00:00:00", "2023-10-24 09:00:00"),  # no further than now
]


@pytest.mark.parametrize(("now", "look_back", "start", "end"), WINDOWS)
def test_the_window_that_is_asked(tmp_path: Path, now: datetime, look_back: int, start: str, end: str) -> None:
    desk = Desk([])
    manifest = pull(desk, tmp_path, now=now, look_back_days=look_back)
    asked = desk.asked[0].window
    assert asked is not None
    assert (f"{asked.start:%F %T}", f"{asked.end:%F %T}") == (start, end)
    assert (manifest.asked_from, manifest.asked_to) == (asked.start, asked.end)
    assert (manifest.window_from, manifest.window_to) == (DAY.start, DAY.end)


def test_a_window_that_has_not_begun_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaneStopped, match="has begun"):
        pull(Desk([]), tmp_path, now=DAY.start - timedelta(days=9))
    assert Landing(tmp_path).batches() == []


def test_a_window_that_ends_before_the_lane_goes_on_is_refused(tmp_path: Path) -> None:
    """As ``--to`` alone may give it; within the look-back too."""
    for days in (1, 30):
        with pytest.raises(LaneStopped, match=r"at or after 2023-10-24 00:00:00, .* found 2023-\d\d-\d\d; give --from too"):
            pull(Desk([]), tmp_path, window=Window(DAY.start, DAY.end - timedelta(days=days)))
    assert Landing(tmp_path).batches() == []


def test_open_tickets_that_the_window_did_not_bring_are_asked_for_by_number(tmp_path: Path) -> None:
    desk = Desk([Page([raw("1"), raw(2), raw(None), raw(" ３ ")], total=4)], held=["4", "5", "6"])
    manifest = pull(desk, tmp_path, open_numbers=iter(["1", "2", "3", "4", "5", "6", "7", "8"]))
    assert [ask.numbers for ask in desk.asked[1:]] == [("4", "5"), ("6", "7"), ("8",)]
    assert (manifest.numbers_asked, manifest.numbers_answered, manifest.not_answered) == (5, 3, ("7", "8"))
    assert (manifest.platform_total, manifest.records) == (4 + 3, 4 + 3)


def test_a_platform_that_cannot_be_asked_by_number_is_not(tmp_path: Path) -> None:
    desk = Desk([])
    desk.lookup_size = 0  # type: ignore[misc]
    manifest = pull(desk, tmp_path, open_numbers=["1"])
    assert len(desk.asked) == 1
    assert (manifest.numbers_asked, manifest.not_answered, manifest.platform_total) == (0, (), None)


def test_files_are_copied_with_their_export_date(tmp_path: Path) -> None:
    given = tmp_path / "网络问政_20231024.csv"
    given.write_bytes(b"\xef\xbb\xbfa,b\n")
    desk = Desk([Page(file=given, total=1, messages=["列缺失"]), Page(total=1, errors=["another file is broken"])])
    manifest = pull(desk, tmp_path / "landing", read_files=frozenset({"ab"}))
    assert desk.asked[0].read_files == {"ab"}
    assert (manifest.files[0].name, manifest.files[0].export_date) == (given.name, date(2023, 10, 24))
    assert [(message.level, message.text) for message in manifest.messages] == [("yellow", "列缺失"), ("red", "another file is broken")]


def test_a_lane_that_stops_in_the_middle_lands_nothing(tmp_path: Path) -> None:
    class Stopping(Desk):
        def pages(self, ask: Ask) -> Iterator[Page]:
            yield Page([raw("1")], total=2)
            raise LaneStopped("down")

    with pytest.raises(LaneStopped):
        pull(Stopping([]), tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
