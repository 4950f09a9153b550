"""A run that is killed at any instant, or that meets another one, leaves what one clean run leaves."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.nightly.office import YEAR, County, Office, figures, state, unlike


def as_after(office: Office, clean: Office) -> None:
    """Tables, figures and quarantine of the office are those of a clean run."""
    assert unlike(office.batches()) == []
    assert state(office) == state(clean)
    assert figures(office) == figures(clean)
    assert records(office) == records(clean)


def records(office: Office) -> list[str]:
    return sorted(str((row["id"], row["rule"], row["source_no"], row["status"])) for row in office.quarantine())


def tidy(office: Office) -> None:
    """Nothing half made is left behind."""
    half_made = ("landing/*/*/*.partial", "staging/*-*", "staging/.*", "warehouse/*.tmp")
    assert [path for pattern in half_made for path in office.home.glob(pattern)] == []


@pytest.fixture(scope="module")
def seconds(demo_county: County, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a run takes on this machine today."""
    began = time.monotonic()
    ended = demo_county.office(tmp_path_factory.mktemp("clean") / "home").run(*YEAR)
    assert ended.code == 0, ended.err
    return time.monotonic() - began


def killed(office: Office, after: float) -> None:
    run = office.start("run", *YEAR)
    time.sleep(after)
    run.kill()


def test_killed_again_and_again(demo_county: County, loaded_year: Office, tmp_path: Path, seconds: float) -> None:
    """Two homes, each killed four times before a run may end; so that a run also begins on what several killed ones left."""
    with ThreadPoolExecutor() as both:
        offices = list(both.map(partial(_survivor, seconds, demo_county), (tmp_path / "1", tmp_path / "2")))
    for office in offices:
        as_after(office, loaded_year)
        tidy(office)


def _survivor(seconds: float, demo_county: County, home: Path) -> Office:
    chance = random.Random(home.name)
    office = demo_county.office(home)
    for fifth in chance.sample(range(1, 5), 4):
        killed(office, seconds * (fifth + chance.random()) / 5)
    ended = office.run(*YEAR)
    assert ended.code == 0, ended.err
    return office


@pytest.mark.slow
@pytest.mark.parametrize("instant", range(50))
def test_killed_once(demo_county: County, loaded_year: Office, home: Path, seconds: float, instant: int) -> None:
    office = demo_county.office(home)
    killed(office, seconds * (instant + random.Random(instant).random()) / 50)
    ended = office.run(*YEAR)
    assert ended.code == 0, ended.err
    as_after(office, loaded_year)
    tidy(office)


def test_two_runs_at_once(demo_county: County, loaded_year: Office, home: Path) -> None:
    office = demo_county.office(home)
    runs = [office.start("run", *YEAR) for _ in range(2)]
    for run in runs:
        ended = run.wait()
        assert ended.code == 0, ended.err
    as_after(office, loaded_year)
    tidy(office)
    # Each of the two lanes landed its own batch; what one brought is unchanged for the other.
    assert len(office.batches("hotline_12345")) == 2
