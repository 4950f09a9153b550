"""Cards, recomputation and comparison: what is due next, what a change of rules or calendar does, and how figures change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from petitions import comparison, early_warning, ledger, metrics, questions
from petitions import warehouse as warehouses
from petitions.explain import explain
from petitions.model import BEIJING, Event
from petitions.recompute import recompute
from petitions.settings import Settings
from petitions.warehouse import Warehouse
from tests import worlds
from tests.engines import EmptyWarehouse
from tests.reference import evaluator, lives
from tests.reference.evaluator import Version

APPEALS = ("公众举报",)
FETCHED = datetime(2024, 3, 31, 2, 30, tzinfo=BEIJING)

World = tuple[Warehouse, Settings]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def ticket(number: int, received: str, *events: tuple[str, str], fetched: datetime = FETCHED, **attributes: Any) -> Version:
    source = attributes.pop("source", "hotline_12345")
    told = [Event("received", at(received)), *(Event(kind, at(when)) for kind, when in events)]
    bare = Version(f"{source}:{number:016d}", source, fetched, fetched, "", at(received), title="路灯不亮", events=told, **attributes)
    return Version(**vars(bare) | {"payload_hash": lives.content_hash(bare)})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "config").mkdir()
    worlds.write_rules(tmp_path / "config", lives.rules())
    settings = Settings(home=tmp_path / "home", config=tmp_path / "config")
    with warehouses.writer(settings, publish=False) as warehouse:
        yield warehouse, settings


def filled(world: World, *versions: Version) -> World:
    worlds.fill(world[0], versions)
    ledger.refresh(*world)
    return world


def cards(warehouse: Warehouse, within: int, as_of: str, population: str = "appeals") -> dict[str, tuple[str, int]]:
    rows = early_warning.due(warehouse, early_warning.scope(warehouse, population, at(as_of)), APPEALS, within)
    return {row["ticket_id"][-1]: (row["card"], row["working_days_left"]) for row in rows}


# --- cards --------------------------------------------------------------------------------------------------------------

# All are consultations, due on the second working day after registration.
OPEN = (
    ticket(1, "2024-02-06T10:00", ticket_type="consult"),  # Tue → Thu 2024-02-08
    ticket(2, "2024-02-07T10:00", ticket_type="consult"),  # Wed → Fri 2024-02-09
    ticket(3, "2024-02-08T10:00", ticket_type="consult"),  # Thu → make-up Sunday 2024-02-18
    ticket(4, "2024-02-09T10:00", ticket_type="consult"),  # Fri → Mon 2024-02-19 (make-up Sunday 18th is the first)
    ticket(5, "2024-02-06T10:00", ("closed", "2024-02-07T10:00"), ticket_type="consult"),  # done
    ticket(6, "2024-02-06T10:00", ("suspended", "2024-02-07T10:00"), ticket_type="consult"),  # paused: due Thu 8th, never overdue
)
CARDS = [
    # as of, within, cards and working days left
    ("2024-02-07T12:00", 0, {}),  # Wed: nothing is due today
    ("2024-02-07T12:00", 1, {"1": ("yellow", 1), "6": ("yellow", 1)}),  # Wed: by the end of Thu 8th
    ("2024-02-08T12:00", 0, {"1": ("yellow", 0), "6": ("yellow", 0)}),  # Thu: due today
    ("2024-02-08T12:00", 2, {"1": ("yellow", 0), "6": ("yellow", 0), "2": ("yellow", 1), "3": ("yellow", 2)}),  # up to Sunday 18th
    ("2024-02-09T00:00", 1, {"1": ("red", -1), "6": ("yellow", -1), "2": ("yellow", 0), "3": ("yellow", 1)}),  # the second after: red
    ("2024-02-12T12:00", 0, {"1": ("red", -1), "6": ("yellow", -1), "2": ("red", 0)}),  # holiday Monday: no working day since Fri 9th
    ("2024-02-12T12:00", 1, {"1": ("red", -1), "6": ("yellow", -1), "2": ("red", 0), "3": ("yellow", 1)}),
    ("2024-02-12T12:00", 2, {"1": ("red", -1), "6": ("yellow", -1), "2": ("red", 0), "3": ("yellow", 1), "4": ("yellow", 2)}),
]


@pytest.mark.parametrize(("as_of", "within", "expected"), CARDS)
def test_yellow_and_red_cards(world: World, as_of: str, within: int, expected: dict[str, tuple[str, int]]) -> None:
    warehouse, _ = filled(world, *OPEN)
    assert cards(warehouse, within, as_of) == expected


def test_a_day_off_behind_the_last_working_day_is_later(world: World) -> None:
    # due Sat 2024-03-09 (3 calendar days after Wed); of Thu 7th, the first working day after is Fri 8th, the second Mon 11th
    warehouse, _ = filled(world, ticket(1, "2024-03-06T10:00", channel="web", ticket_type="complaint"))
    assert cards(warehouse, 1, "2024-03-07T12:00") == {}
    assert cards(warehouse, 2, "2024-03-07T12:00") == {"1": ("yellow", 1)}


def test_a_confidential_ticket_shows_number_due_and_card(world: World) -> None:
    warehouse, _ = filled(world, ticket(1, "2024-03-06T10:00", ticket_type="consult", restricted=True))
    (row,) = early_warning.due(warehouse, early_warning.scope(warehouse, "appeals", at("2024-03-07")), APPEALS, 5)
    assert (row["title"], row["unit"], row["card"], row["due_at"]) == (None, None, "yellow", at("2024-03-08T23:59:59"))


def test_cards_agree_with_the_reference(world: World) -> None:
    versions = lives.random_lives(5, 600)
    warehouse, _ = filled(world, *versions)
    reference = lives.settings(versions)
    chance = Random(5)
    for _ in range(8):
        T, within = lives.random_moment(chance, chance.choice(versions)), chance.randint(0, 5)
        last = T.astimezone(BEIJING).date()
        for _ in range(within):
            last += timedelta(days=1)
            while not lives.calendar(last)[0]:
                last += timedelta(days=1)
        horizon = questions.moment(last)
        for population in ("appeals", "cases"):
            scope = early_warning.scope(warehouse, population, T)
            found = {row["ticket_id"]: row["card"] for row in early_warning.due(warehouse, scope, APPEALS, within)}
            wanted = {}
            everything = evaluator.received_in_window(reference, population, date(1990, 1, 1), date(2090, 1, 1), T, None)
            for state in everything:
                close = state.clocks["close"]
                if not state.open or close.due_at is None:
                    continue
                if close.verdict == "overdue":
                    wanted[state.version.ticket_id] = "red"
                elif close.verdict == "not_due" and close.due_at <= horizon:
                    wanted[state.version.ticket_id] = "yellow"
            assert found == wanted


def test_visits_have_no_cards(world: World) -> None:
    warehouse, _ = filled(world, *OPEN)
    with pytest.raises(questions.WrongQuestion, match="expected appeals or cases"):
        cards(warehouse, 1, "2024-03-01", "visits")


# --- recomputation ------------------------------------------------------------------------------------------------------


def rewritten(settings: Settings, change: Any) -> None:
    worlds.write_rules(settings.config, change([dict(row) for row in lives.rules()]))


def consult_in_one_day_from_march(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    (old,) = (row for row in rows if row["source"] == "hotline_12345" and row["ticket_type"] == "consult" and row["channel"] == "*")
    new = old | {"amount": "1", "effective_from": "2024-03-01"}
    return [*(row | {"effective_to": "2024-02-29"} if row is old else row for row in rows), new]


def test_a_rule_effective_from_a_date_changes_only_tickets_received_from_it(world: World) -> None:
    done = [("closed", "2024-03-05T18:00")]
    warehouse, settings = filled(
        world,
        ticket(1, "2024-02-29T23:59:59", *done, ticket_type="consult"),  # Thu, the last second under the old row
        ticket(2, "2024-03-01T00:00:00", *done, ticket_type="consult"),  # Fri, the first under the new: due Mon 4th, done Tue 5th
        ticket(3, "2024-03-01T00:00:00", *done, ticket_type="help"),  # another row
        ticket(4, "2024-03-04T10:00", *done, ticket_type="consult"),  # Mon → due Tue 5th, done on it
    )
    rewritten(settings, consult_in_one_day_from_march)
    told = recompute(warehouse, settings)
    assert (told.changed, told.tickets) == (("time_limits",), 4)
    assert [(row["ticket_id"][-1], row["clock"], row["old_class"], row["new_class"], row["new_due_at"]) for row in told.changes] == [
        ("2", "close", "on_time", "late", at("2024-03-04T23:59:59")),  # was Tue 2024-03-05
        ("4", "close", "on_time", "on_time", at("2024-03-05T23:59:59")),  # was Wed 2024-03-06
    ]


def test_a_rule_change_moves_no_ticket_received_before_it_among_random_lives(world: World) -> None:
    versions = lives.random_lives(17, 800)
    warehouse, settings = filled(world, *versions)
    rewritten(settings, consult_in_one_day_from_march)
    before = warehouse.rows(f"select * from core.posting where {EARLIER} order by ticket_id, known_from, valid_from", MARCH)
    recompute(warehouse, settings)
    assert warehouse.rows(f"select * from core.posting where {EARLIER} order by ticket_id, known_from, valid_from", MARCH) == before


EARLIER, MARCH = "received_at < :march", {"march": at("2024-03-01")}


def test_a_closure_moves_the_dues_behind_it_and_only_them(world: World) -> None:
    warehouse, settings = filled(
        world,
        ticket(1, "2024-03-06T10:00", ("closed", "2024-03-11T10:00"), ticket_type="consult"),  # Wed → Fri 8th, done Mon 11th: late
        ticket(2, "2024-03-11T10:00", ticket_type="consult"),  # Mon → Wed 13th
    )
    (settings.config / "closures.csv").write_text("date,kind,name\n2024-03-08,closed,停电\n", encoding="utf-8")
    told = recompute(warehouse, settings)
    assert told.changed == ("calendar",)
    assert [(row["ticket_id"][-1], row["old_class"], row["new_class"]) for row in told.changes if row["clock"] == "close"] == [
        ("1", "late", "on_time")  # Fri 8th is closed: due Mon 11th
    ]
    assert recompute(warehouse, settings).changes == ()


def test_new_data_is_no_change_of_verdict(world: World) -> None:
    warehouse, settings = filled(world, ticket(1, "2024-03-06T10:00", ticket_type="consult"))
    later = FETCHED + timedelta(hours=1)
    worlds.fill(warehouse, [ticket(1, "2024-03-06T10:00", ("closed", "2024-03-20T10:00"), fetched=later, ticket_type="consult")])
    (settings.config / "closures.csv").write_text("date,kind,name\n2020-03-09,closed,停电\n", encoding="utf-8")
    told = recompute(warehouse, settings)
    assert (told.changed, told.changes) == (("calendar",), ())


def test_both_engines_warn_explain_and_recompute_alike(empty_warehouse: EmptyWarehouse, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    worlds.write_rules(tmp_path / "config", lives.rules())
    settings = Settings(home=tmp_path / "home", config=tmp_path / "config")
    with empty_warehouse("recompute"), warehouses.writer(settings, publish=False) as warehouse:
        filled((warehouse, settings), *OPEN)
        assert cards(warehouse, 2, "2024-02-12T12:00")["4"] == ("yellow", 2)
        told = explain(warehouse, settings, OPEN[2].ticket_id, at("2024-02-12T12:00"))
        assert "第2日 2024-02-18 周日（春节调休上班）" in str(told)
        (settings.config / "closures.csv").write_text("date,kind,name\n2024-02-18,closed,停电\n", encoding="utf-8")
        moved = {row["ticket_id"][-1]: row["new_due_at"] for row in recompute(warehouse, settings).changes if row["clock"] == "close"}
        assert moved == {"3": at("2024-02-19T23:59:59"), "4": at("2024-02-20T23:59:59")}  # Sunday off: Mon 19th, Tue 20th


# --- 同比 and 环比 --------------------------------------------------------------------------------------------------------

PERIODS = [
    # window, a year before, the period before
    (("2024-02-01", "2024-02-29"), ("2023-02-01", "2023-02-28"), ("2024-01-01", "2024-01-31")),  # a whole month, leap year
    (("2025-02-01", "2025-02-28"), ("2024-02-01", "2024-02-29"), ("2025-01-01", "2025-01-31")),  # whole months stay whole
    (("2023-01-01", "2023-12-31"), ("2022-01-01", "2022-12-31"), ("2022-01-01", "2022-12-31")),  # a year
    (("2024-01-01", "2024-03-31"), ("2023-01-01", "2023-03-31"), ("2023-10-01", "2023-12-31")),  # a quarter
    (("2024-03-04", "2024-03-10"), ("2023-03-04", "2023-03-10"), ("2024-02-26", "2024-03-03")),  # a week, Mon to Sun
    (("2024-02-29", "2024-02-29"), ("2023-02-28", "2023-02-28"), ("2024-02-28", "2024-02-28")),  # a leap day
    (("2023-01-01", "2023-10-24"), ("2022-01-01", "2022-10-24"), ("2022-03-10", "2022-12-31")),  # 297 days, as many before
]


@pytest.mark.parametrize(("window", "year", "period"), PERIODS)
def test_the_windows_compared_with(window: tuple[str, str], year: tuple[str, str], period: tuple[str, str]) -> None:
    start, end = map(date.fromisoformat, window)
    assert tuple(map(str, comparison.a_year_before(start, end))) == year
    assert tuple(map(str, comparison.the_period_before(start, end))) == period


CHANGES = [
    # now, then, exact, printed
    (9, 8, Fraction(1, 8), "+12.50"),
    (8, 9, Fraction(-1, 9), "-11.11"),
    (8, 8, Fraction(0), "0.00"),
    (0, 8, Fraction(-1), "-100.00"),
    (8, 0, None, None),
    (0, 0, None, None),
    (20_001, 20_000, Fraction(1, 20_000), "+0.01"),  # 0.005 % half up
    (19_999, 20_000, Fraction(-1, 20_000), "-0.01"),
    (40_001, 40_000, Fraction(1, 40_000), "0.00"),
    ({"numerator": 1, "denominator": 2}, {"numerator": 1, "denominator": 3}, Fraction(1, 2), "+50.00"),
    ({"numerator": 0, "denominator": 0}, {"numerator": 1, "denominator": 3}, None, None),
    ({"numerator": 1, "denominator": 2}, {"numerator": 0, "denominator": 3}, None, None),
    ({"numerator": 1, "denominator": 2}, {"numerator": 0, "denominator": 0}, None, None),
]


@pytest.mark.parametrize(("now", "then", "exact", "printed"), CHANGES)
def test_changes_are_exact_and_rounded_once(now: Any, then: Any, exact: Fraction | None, printed: str | None) -> None:
    found = comparison.change(now, then)
    assert found == exact
    assert comparison.signed_percent(found) == printed


def test_earlier_windows_are_asked_as_of_their_own_end(world: World) -> None:
    warehouse, _ = filled(
        world,
        ticket(1, "2024-02-05T10:00", ("closed", "2024-02-20T10:00")),  # open at the end of January's successor? closed in February
        ticket(2, "2024-01-25T10:00", ("closed", "2024-02-20T10:00")),  # closed after January: open as of its end
        ticket(3, "2023-02-06T10:00", ("closed", "2023-02-20T10:00")),
        ticket(4, "2023-02-06T11:00"),
    )
    scope = questions.Scope.of(warehouse, "appeals", date(2024, 2, 1), date(2024, 2, 29))
    rows = {row["metric"]: row for row in comparison.compare(warehouse, scope, APPEALS)}
    assert rows["received"] == {
        "metric": "received", "now": 1, "year_then": 2, "year_change": "-50.00", "period_then": 1, "period_change": "0.00"
    }  # fmt: skip
    assert (rows["closed"]["period_then"], rows["closed"]["period_change"]) == (0, None)
    assert rows["closure_rate"]["year_change"] == "+100.00"  # 1/1 after 1/2
    assert set(rows) == {metric.key for metric in (*metrics.COUNTS, *metrics.RATES)}
