"""A year pulled in two parts, each when the platforms knew no more, is the year pulled at once; and October stays what it was.

The same nights on both engines give the same tables and the same answers to every question.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any

import pytest

from petitions import comparison, early_warning, metrics, nightly, questions, warehouse
from petitions.explain import explain
from petitions.landing import Landing
from petitions.model import BEIJING
from petitions.questions import Scope
from petitions.settings import Settings
from petitions.warehouse import Warehouse
from tests import postgres
from tests.migrations.versions import contents
from tests.nightly.office import YEAR, Office, comparable, county, figures, unlike

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


# --- the other engine ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(pulls: TwoPulls, postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The same two nights, batch for batch, into PostgreSQL."""
    home = tmp_path_factory.mktemp("other") / "home"
    for folder in ("landing", "secrets"):
        shutil.copytree(pulls.office.home / folder, home / folder)
    office = replace(pulls.office, home=home).beside(postgres_server.database("both"))
    with office.here():
        batches = Landing.of(office.settings).batches()
        for _, night in groupby(batches, lambda batch: batch.window_from):
            for batch in night:
                nightly.check(batch.batch_id)
                nightly.load(batch.batch_id, "night")
            nightly.refresh()
    return office


# When and by which run a lane ended is the run's, not the night's.
OF_THE_RUN = {"control.lane_run"}


def test_the_tables_are_the_same_on_both_engines(pulls: TwoPulls, other: Office) -> None:
    tables = []
    for office in (pulls.office, other):
        with office.here(), warehouse.reader(office.settings) as held:
            kept = contents(held) | {f"marts.{view}": held.rows(f"select * from marts.{view}") for view in ("metrics", "posting", "ticket")}
        tables.append({name: comparable(rows) for name, rows in kept.items() if name not in OF_THE_RUN})
    one, same = tables
    assert one.keys() == same.keys()
    assert {name for name, rows in one.items() if not rows} <= {
        "control.touched",
        "control.quarantine_decision",
        "control.quarantine_replay",
    }
    for name, rows in one.items():
        assert same[name] == rows, name


def answers(held: Warehouse, settings: Settings, pulled: datetime) -> Iterator[tuple[str, Any]]:
    """Every question that can be asked, at several moments of time and of knowledge, and its answer."""
    channels = settings.options.population.appeal_channels
    for population in metrics.POPULATIONS:
        counts, _, _ = metrics.definitions(population)
        for as_of, as_known in ((None, None), (date(2023, 7, 1), None), (date(2023, 10, 24), pulled), (date(2024, 3, 1), pulled)):
            scope = Scope.of(held, population, date(2023, 1, 1), date(2023, 12, 31), as_of, as_known)
            place = f"{population} at {as_of}, known {as_known}"
            for by in ((), *((name,) for name in metrics.GROUPINGS), ("source", "month", "unit"), ("category", "area", "channel")):
                yield f"figures of {place} by {by}", questions.figures(held, scope, channels, by)
            for count in counts:
                yield f"{count.key} of {place}", list(questions.tickets(held, scope, channels, count.key))
            yield f"flow of {place}", questions.flow(held, scope, channels, ("source",))
            yield f"what changed of {place}", questions.changed(held, scope, channels, pulled)
            yield f"comparison of {place}", comparison.compare(held, scope, channels)
        for day in (date(2023, 5, 4), date(2023, 12, 25)) if population != "visits" else ():  # a visit has no due
            scope = early_warning.scope(held, population, questions.moment(day))
            yield f"due of {population} on {day}", early_warning.due(held, scope, channels, 10)
    yield "reconciliation", questions.reconciliation(held)
    yield "quarantine", questions.quarantine(held)
    for row in held.rows("select min(ticket_id) as first, max(ticket_id) as last from core.content group by source"):
        for ticket_id in row.values():
            yield f"explanation of {ticket_id}", str(explain(held, settings, ticket_id))


def test_every_answer_is_the_same_on_both_engines(pulls: TwoPulls, other: Office) -> None:
    pulled = datetime.fromisoformat(pulls.october).astimezone(BEIJING)
    told = []
    for office in (pulls.office, other):
        with office.here(), warehouse.reader(office.settings) as held:
            told.append(dict(answers(held, office.settings, pulled)))
    one, same = told
    assert len(one) > 400 and one.keys() == same.keys()
    assert [question for question, answer in one.items() if same[question] != answer] == []
