"""A run that is killed at any instant, or that meets another one, leaves what one clean run leaves."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.nightly.office import YEAR, County, Office, figures, state, unlike


def as_after(office: Office, clean: Office) -> None:
    assert unlike(office.batches()) == []
    assert state(office) == state(clean)
    for name, told in figures(office).items():
        before = figures_of(clean)[name]
        assert {key: value for key, value in told.items() if key != "as_known"} == before
    listed, before = ([(row["id"], row["rule"], row["source_no"], row["status"]) for row in one.quarantine()] for one in (office, clean))
    assert sorted(map(str, listed)) == sorted(map(str, before))


def figures_of(clean: Office) -> dict[str, dict[str, object]]:
    if clean.home not in _FIGURES:
        _FIGURES[clean.home] = {
            name: {key: value for key, value in told.items() if key != "as_known"} for name, told in figures(clean).items()
        }
    return _FIGURES[clean.home]


_FIGURES: dict[Path, dict[str, dict[str, object]]] = {}


def tidy(office: Office) -> None:
    """Nothing half made is left behind."""
    left = [*office.home.glob("landing/*/*/*.partial"), *office.home.glob("staging/*-*"), *office.home.glob("staging/.*"), *office.home.glob("warehouse/*.tmp")]
    assert left == []


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


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(demo_county: County, loaded_year: Office, home: Path, seconds: float, seed: int) -> None:
    """One home, killed four times before a run may end; so that a run also begins on what several killed ones left."""
    chance = random.Random(seed)
    office = demo_county.office(home)
    for fifth in chance.sample(range(1, 5), 4):
        killed(office, seconds * (fifth + chance.random()) / 5)
    ended = office.run(*YEAR)
    assert ended.code == 0, ended.err
    as_after(office, loaded_year)
    tidy(office)


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
