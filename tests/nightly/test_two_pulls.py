"""A year pulled in two parts, each when the platforms knew no more, is the year pulled at once; and October stays what it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from tests.nightly.office import YEAR, Office, county, figures, unlike

OCTOBER = ("--from", "2023-01-01", "--to", "2023-10-24")


@dataclass(frozen=True)
class TwoPulls:
    office: Office
    october: str
    cases_then: dict[str, Any]


@pytest.fixture(scope="module")
def pulls(tmp_path_factory: pytest.TempPathFactory) -> TwoPulls:
    folder = tmp_path_factory.mktemp("pulls")
    with county(folder / "county", datetime(2023, 10, 24, 23, 59, 59)) as own:
        office = own.office(folder / "home")
        first = office.run(*OCTOBER)
        assert first.code == 0, first.err
        known, cases = office.latest(), office.metrics("cases", window=OCTOBER)
        own.set_now("2023-12-31T23:59:59")
        second = office.run("--to", "2023-12-31")
        assert second.code == 0, second.err
    return TwoPulls(office, known, cases)


def test_the_year_is_the_same(pulls: TwoPulls, loaded_year: Office) -> None:
    assert figures(pulls.office) == figures(loaded_year)


def test_the_second_pull_went_on_from_the_first(pulls: TwoPulls) -> None:
    batches = pulls.office.batches()
    assert unlike(batches) == []
    assert [batch["window_from"] for batch in batches] == ["2023-01-01T00:00:00+08:00"] * 5 + ["2023-10-24T23:59:59+08:00"] * 5


def test_october_as_known_then(pulls: TwoPulls) -> None:
    told = pulls.office.metrics("cases", "--as-known", pulls.october, window=OCTOBER)
    assert told == pulls.cases_then
    assert (told["total"]["received"], told["total"]["closed"], told["total"]["open"]) == (246, 245, 1)
    assert told["total"]["closure_rate"]["percent"] == "99.59"


def test_october_as_known_now_by_valid_time(pulls: TwoPulls, loaded_year: Office) -> None:
    told, before = (office.metrics("cases", "--as-of", "2023-10-24", window=OCTOBER)["total"] for office in (pulls.office, loaded_year))
    assert told == before
    assert (told["received"], told["closed"], told["open"]) == (246, 245, 1)


def test_of_the_year_nothing_was_known_in_october(pulls: TwoPulls) -> None:
    told = pulls.office.metrics("appeals", "--as-known", pulls.october, window=("--from", "2023-10-25", "--to", "2023-12-31"))
    assert told["total"]["received"] == 0
    assert pulls.office.metrics("appeals", "--as-known", "2023-01-01T00:00:00", window=YEAR)["total"]["received"] == 0
