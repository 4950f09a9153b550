"""Faults of all platforms at once, mixed by chance: a lane ends with the tables of a night without faults, or it is red with one clear line
and the others are not; the next night heals it, no lane hangs, and no platform is asked without end."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from petitions.model import SOURCES
from tests.nightly.office import YEAR, County, Office, county, state, unlike

HTTP = ("provincial", "hotline_12345")
#: What a lane mends by itself.
PASSING = {
    "provincial": ("busy", "html502", "html503", "empty200", "retry_after", "break_body", "slow", "new_field", "ok"),
    "hotline_12345": (
        *("busy", "html502", "html503", "empty200", "retry_after", "retry_after_date", "break_body", "slow", "new_field", "ok"),
        "expire_token",
    ),
}
#: What ends a lane; it stands behind the passing ones.
ENDING = {
    "provincial": ("not_authorised", "clock_skew", "wrong_signature", "envelope"),
    "hotline_12345": ("envelope", "bad_request", "cursor_loop"),
}
#: A platform that is down for good gets at most so many requests beyond those of a night without faults.
MOST_REQUESTS = 60


@pytest.fixture(scope="module")
def own_county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with county(tmp_path_factory.mktemp("faults") / "county") as up:
        for source in HTTP:
            up.control(source, "settings", {"slow_seconds": 1})
        yield up


@pytest.fixture(scope="module")
def without_faults(own_county: County, tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, dict[str, int]]:
    """The night as it should be, and what it asks of each platform."""
    office = _office(own_county, tmp_path_factory.mktemp("clean"))
    before = {source: own_county.requests(source) for source in HTTP}
    ended = office.run(*YEAR)
    assert ended.code == 0, ended.err
    return office, {source: own_county.requests(source) - before[source] for source in HTTP}


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 25))])
def test_a_night_of_faults(own_county: County, without_faults: tuple[Office, dict[str, int]], tmp_path: Path, seed: int) -> None:
    chance, (clean, asked) = random.Random(seed), without_faults
    office = _office(own_county, tmp_path)
    ended_by = {source: _disturb(own_county, source, chance) for source in HTTP}
    locked, sidecar = chance.random() < 0.4, chance.random() < 0.4
    before = {source: own_county.requests(source) for source in HTTP}
    if sidecar:
        file = chance.choice(sorted(tmp_path.glob("drop/*.*")))
        file.with_name(file.name + ".ok").write_text("rows=1\nsha256=00\n", encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "exchange.db", isolation_level=None)) as exchange:
        if locked:
            exchange.execute("begin exclusive")
        ended = office.run(*YEAR)
    red = {line.removeprefix("red ").partition(":")[0] for line in ended.causes}
    expected = {source for source, fault in ended_by.items() if fault}
    expected |= {"smart_city"} if locked else set()
    expected |= {"online_politics"} if sidecar else set()
    assert red == expected, ended.err
    assert len(ended.causes) == len(red)
    assert ended.code == (3 if red else 0)
    assert "Traceback" not in ended.err
    for source in HTTP:
        assert own_county.requests(source) - before[source] <= asked[source] + MOST_REQUESTS
        own_county.control(source, "faults", {"faults": []})
    loaded = {batch["source"] for batch in unlike_free(office)}
    assert loaded >= set(SOURCES) - red
    for mark in tmp_path.glob("drop/*.ok"):
        mark.unlink()
    healed = office.run(*YEAR)
    assert healed.code == 0, healed.err
    assert _but_for(office, sidecar) == _but_for(clean, sidecar)


def unlike_free(office: Office) -> list[dict[str, Any]]:
    """The batches that reconcile."""
    batches = office.batches()
    wrong = [batch["batch_id"] for batch in unlike(batches)]
    return [batch for batch in batches if batch["batch_id"] not in wrong]


def _but_for(office: Office, sidecar: bool) -> dict[str, list[str]]:
    """What the warehouse holds. How often a message of the board was another one is left out where a file was read a night late: an
    export that is read after a newer one corrects nothing."""
    told = state(office)
    if sidecar:
        told["versions"] = [row for row in told["versions"] if "'online_politics:" not in row]
    return told


def _disturb(at: County, source: str, chance: random.Random) -> str | None:
    """Lay out faults for the next requests; the one that will end the lane, if any."""
    faults = [chance.choice(PASSING[source]) for _ in range(chance.randrange(1, 6))]
    ending = chance.choice(ENDING[source]) if chance.random() < 0.35 else None
    at.control(source, "faults", {"faults": [*faults, *([{"fault": ending, "times": -1}] if ending else [])]})
    return ending


def _office(at: County, folder: Path) -> Office:
    """With an exchange database and a drop folder of its own, and small pages."""
    drop = Path(at.connection("online_politics")["extra"]["path"])
    shutil.copytree(drop, folder / "drop")
    shutil.copy(at.connection("smart_city")["host"], folder / "exchange.db")
    extra = {"page_size": 20, "timeout_s": 30, "max_attempts": 8, "requests_per_second": 100}
    return at.office(folder / "home").told(
        online_politics=at.connection("online_politics") | {"extra": {"path": str(folder / "drop")}},
        smart_city=at.connection("smart_city") | {"host": str(folder / "exchange.db"), "extra": {"timeout_s": 1, "max_attempts": 2}},
        **{source: at.connection(source) | {"extra": extra} for source in HTTP},
    )
