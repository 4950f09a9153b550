"""A pull that is killed goes on where it broke: what was landed is not asked for again, and the tables are those of one whole pull."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platforms import Desk, Hotline, Province, served
from tests.acceptance.test_hotline import item
from tests.acceptance.test_provincial import petition
from tests.nightly.office import state
from tests.sources.loopback import Asked, Loopback, Reply

NOVEMBER = ("2023-11-01", "2023-11-30")
DAY = ("2023-11-20", "2023-11-20")
TICKETS, PAGE = 60, 7


@dataclass
class Brake:
    """Holds the platform up at one question, until the pull that put it is dead."""

    at: int
    asked: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self, asked: Asked) -> Reply | None:
        if "token" not in asked.path and not self.released.is_set():
            self.asked += 1
            if self.asked == self.at:
                self.reached.set()
                self.released.wait(120)
        return None


@dataclass
class Site:
    """One platform of 60 tickets in pages of 7, and a desk that pulls it."""

    source: str
    platform: Province | Hotline
    server: Loopback
    desk: Desk

    def pull(self, window: tuple[str, str] = NOVEMBER) -> int:
        """How many questions a pull took that ran to its end."""
        before = len(self.platform.questions)
        ended = self.desk.run(*window)
        assert ended.code == 0, ended.err
        return len(self.platform.questions) - before

    def killed_at(self, question: int, window: tuple[str, str] = NOVEMBER) -> None:
        brake, before = Brake(question), len(self.platform.questions)
        self.platform.for_good = brake
        run = self.desk.start(*window)
        assert brake.reached.wait(120), "the pull never came so far"
        run.kill()
        brake.released.set()
        self.platform.for_good = None
        deadline = time.monotonic() + 10
        while len(self.platform.questions) < before + question and time.monotonic() < deadline:
            time.sleep(0.02)  # the answer that nobody waits for any more

    def other(self, home: Path) -> Site:
        return replace(self, desk=Desk(replace(self.desk.office, home=home), self.desk.sources))

    @property
    def partials(self) -> list[Path]:
        return list(self.desk.office.home.glob("landing/*/*/*.partial"))


def province(tickets: int) -> Province:
    about = {"zrdwmc": "某局", "nrflmc": "城建/噪声"}
    minutes = [f"2023-11-10 {10 + place // 60}:{place % 60:02d}:00" for place in range(tickets)]
    return Province(rows=[petition(f"P2023{place:04d}", lastmodifytime=at, **about) for place, at in enumerate(minutes)])


def hotline(tickets: int) -> Hotline:
    return Hotline(rows=[item(f"H2023{place:04d}", leadUnit="某局") for place in range(tickets)])


PLATFORMS: dict[str, Callable[[int], Province | Hotline]] = {"provincial": province, "hotline_12345": hotline}


@contextmanager
def site(source: str, home: Path, tickets: int = TICKETS, **extra: Any) -> Iterator[Site]:
    platform = PLATFORMS[source](tickets)
    with served(platform) as server:
        connection = platform.connection(server.port)
        connection["extra"] |= {"page_size": PAGE} | extra
        yield Site(source, platform, server, Desk.at(home, **{source: connection}))


@pytest.mark.parametrize("source", PLATFORMS)
def test_a_killed_pull_goes_on_where_it_broke(source: str, tmp_path: Path) -> None:
    with site(source, tmp_path / "clean") as clean:
        whole = clean.pull()
        assert whole >= TICKETS // PAGE
        broken = clean.other(tmp_path / "broken")
        key = broken.desk.office.home / "secrets" / "person_key"
        key.parent.mkdir(parents=True)
        key.write_text((clean.desk.office.home / "secrets" / "person_key").read_text())
        broken.killed_at(5)
        broken.killed_at(3)  # the second pull is killed too, at its third question
        assert [path.name.endswith(".partial") for path in broken.partials] == [True]
        # Seven questions were put, of which five were landed; the rest is asked now, and whether the window holds more by now.
        assert broken.pull() <= whole - 6 + 2
        assert broken.partials == []
        (batch,), (expected,) = broken.desk.office.batches(), clean.desk.office.batches()
        compared = ("platform_total", "numbers", "landed", "new_versions", "unchanged", "quarantined", "status")
        assert [batch[name] for name in compared] == [expected[name] for name in compared]
        assert state(broken.desk.office) == state(clean.desk.office)


@pytest.mark.parametrize("source", PLATFORMS)
def test_a_killed_look_up_goes_on_where_it_broke(source: str, tmp_path: Path) -> None:
    """Ten days later nothing was touched: all tickets are asked for by number, in several questions."""
    with site(source, tmp_path / "home", tickets=450, page_size=500) as one:
        one.pull()
        whole = one.pull(DAY)
        assert whole >= 3
        other = one.other(tmp_path / "other")
        assert other.pull() > 0
        other.killed_at(3, DAY)
        assert other.pull(DAY) == whole - 2
        told = {name: batch[name] for batch in other.desk.office.batches()[-1:] for name in ("platform_total", "numbers", "unchanged")}
        asked = {name: batch[name] for batch in one.desk.office.batches()[-1:] for name in ("platform_total", "numbers", "unchanged")}
        assert told == asked and told["unchanged"] == len(one.platform.rows)


@pytest.mark.parametrize("source", PLATFORMS)
def test_a_platform_that_goes_away_in_mid_pull_is_gone_on_with_when_it_is_back(source: str, tmp_path: Path) -> None:
    with site(source, tmp_path / "home", max_attempts=2) as one:
        whole = one.pull()
        other, answered = one.other(tmp_path / "other"), [0]

        def away(asked: Asked) -> Reply | None:
            answered[0] += "token" not in asked.path
            return Reply("<html>bad gateway</html>", 502) if answered[0] > 4 else None

        other.platform.for_good = away
        assert other.desk.run(*NOVEMBER).code == 3
        other.platform.for_good = None
        assert other.pull() <= whole - 4 + 2


def test_a_pull_of_another_window_begins_at_its_start(tmp_path: Path) -> None:
    with site("hotline_12345", tmp_path / "clean") as clean:
        whole = clean.pull()
        broken = clean.other(tmp_path / "broken")
        broken.killed_at(5, ("2023-11-02", "2023-11-30"))
        assert broken.pull() == whole
        assert broken.partials == []


def test_what_was_read_long_ago_is_read_again(tmp_path: Path) -> None:
    with site("hotline_12345", tmp_path / "clean") as clean:
        whole = clean.pull()
        broken = clean.other(tmp_path / "broken")
        broken.killed_at(5)
        (partial,) = broken.partials
        long_ago = time.time() - 4 * 3600
        os.utime(partial / "journal.jsonl", (long_ago, long_ago))
        assert broken.pull() == whole
        assert broken.partials == []


def test_a_cursor_that_the_platform_has_forgotten_costs_one_question(tmp_path: Path) -> None:
    with site("hotline_12345", tmp_path / "clean") as clean:
        whole = clean.pull()
        broken = clean.other(tmp_path / "broken")
        broken.killed_at(5)
        seen: list[str] = []

        def forgotten(asked: Asked) -> Reply | None:
            if "cursor" in asked.query and not seen:
                seen.append(asked.query["cursor"])
                return Reply({"error": "cursor: unknown"}, 400)
            return None

        broken.platform.for_good = forgotten
        assert broken.pull() == whole and seen
        assert {name: batch[name] for batch in broken.desk.office.batches() for name in ("landed", "numbers", "status")} == {
            "landed": TICKETS,
            "numbers": TICKETS,
            "status": "green",
        }
