"""One lane's failure is its own, costs the platform little, says why in one line, and the next run heals it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.nightly.office import YEAR, County, Ended, Office, Started, county, state, unlike
from tests.sources.loopback import free_port

HTTP = ("provincial", "hotline_12345")


@dataclass(frozen=True)
class Night:
    office: Office
    ended: Ended


@dataclass(frozen=True)
class Down:
    """Platforms that answer every request with an error page, and for each a home whose run tries it."""

    county: County
    runs: dict[str, Started]
    offices: dict[str, Office]
    began: float


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Started before the other tests of this module and asked after them: patience takes time, but no work."""
    folder = tmp_path_factory.mktemp("down")
    with county(folder / "county") as own:
        for source in HTTP:
            own.control(source, "faults", {"faults": [{"fault": "html503", "times": -1}]})
        offices = {source: own.office(folder / source) for source in HTTP}
        runs = {source: office.start("run", *YEAR, "--source", source) for source, office in offices.items()}
        yield Down(own, runs, offices, time.monotonic())


@pytest.fixture(scope="module")
def red_night(down: Down, demo_county: County, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Wrong app secret at the province, nobody at home at the hotline, no connection of the exchange database."""
    right = demo_county.office(tmp_path_factory.mktemp("red") / "home")
    office = right.told(
        provincial=demo_county.connection("provincial") | {"password": "wrong"},
        hotline_12345=demo_county.connection("hotline_12345") | {"port": free_port(), "extra": {"max_attempts": 2}},
        smart_city=None,
    )
    return Night(right, office.run(*YEAR))


def test_exit_code_and_one_line_per_red_lane(red_night: Night) -> None:
    assert red_night.ended.code == 3
    causes = {line.removeprefix("red ").partition(":")[0]: line for line in red_night.ended.causes}
    assert len(red_night.ended.causes) == 3
    assert "AIRFLOW_CONN_PETITIONS_PROVINCIAL" in causes["provincial"] and "signature" in causes["provincial"]
    assert "AIRFLOW_CONN_PETITIONS_HOTLINE_12345" in causes["hotline_12345"]
    assert "AIRFLOW_CONN_PETITIONS_SMART_CITY" in causes["smart_city"]
    assert "Traceback" not in red_night.ended.err + red_night.ended.out
    assert "wrong" not in red_night.ended.err.replace("wrong signature", "")  # the secret itself


def test_the_other_lanes_are_loaded(red_night: Night) -> None:
    batches = red_night.office.batches()
    assert {batch["source"] for batch in batches} == {"online_politics", "visits"}
    assert unlike(batches) == []
    assert list(red_night.office.figures("appeals", "source")) == ["online_politics"]


def test_the_next_run_heals_it(red_night: Night, loaded_year: Office) -> None:
    ended = red_night.office.run(*YEAR)
    assert ended.code == 0, ended.err
    assert state(red_night.office) == state(loaded_year)
    assert unlike(red_night.office.batches()) == []


@pytest.mark.parametrize("source", HTTP)
def test_a_wrong_secret_costs_two_requests(demo_county: County, home: Path, source: str) -> None:
    before = demo_county.requests(source)
    office = demo_county.office(home).told(**{source: demo_county.connection(source) | {"password": "wrong"}})
    ended = office.run(*YEAR, "--source", source)
    assert ended.code == 3
    assert len(ended.causes) == 1
    assert 1 <= demo_county.requests(source) - before <= 2


def test_a_gap_is_pulled_by_the_next_night(demo_county: County, loaded_year: Office, home: Path) -> None:
    """Without --from a lane goes on from where its coverage ends: before what a red night left out."""
    office = demo_county.office(home)
    lane = ("--source", "hotline_12345")
    wrong = office.told(hotline_12345=demo_county.connection("hotline_12345") | {"password": "wrong"})
    assert office.run("--from", "2023-01-01", "--to", "2023-03-31", *lane).code == 0
    assert wrong.run("--to", "2023-06-30", *lane).code == 3
    assert office.run("--from", "2023-07-01", "--to", "2023-09-30", *lane).code == 0
    assert office.run("--to", "2023-12-31", *lane).code == 0
    batches = office.batches()
    assert [batch["window_from"][:10] for batch in batches] == ["2023-01-01", "2023-07-01", "2023-03-31"]
    assert unlike(batches) == []
    assert office.figures("appeals", "source")["hotline_12345"] == loaded_year.figures("appeals", "source")["hotline_12345"]


@pytest.mark.parametrize("source", HTTP)
def test_a_platform_that_stays_down_costs_sixty_requests_at_most(down: Down, source: str) -> None:
    ended = down.runs[source].wait()
    assert ended.code == 3
    assert len(ended.causes) == 1 and "503" in ended.causes[0], ended.err
    assert 2 <= down.county.requests(source) <= 60
    assert time.monotonic() - down.began < 150
    # A home without any batch answers all the same.
    assert down.offices[source].batches() == []
    assert down.offices[source].metrics("appeals")["total"]["received"] == 0
