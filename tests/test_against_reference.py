"""The SQL and the reference evaluator agree on thousands of random lives, at random (T, K), on every state and every metric.

The evaluator (tests/reference) is written from the metric page alone. Where the two differ, one of them misreads the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from petitions import kinds, ledger, questions, workbench
from petitions import warehouse as warehouses
from petitions.metrics import definitions
from petitions.model import BEIJING
from petitions.questions import Scope
from petitions.settings import Settings
from petitions.warehouse import Warehouse
from tests import worlds
from tests.engines import EmptyWarehouse
from tests.reference import evaluator, lives
from tests.reference.evaluator import World

APPEALS = ("公众举报",)
WINDOWS = [(date(2022, 1, 1), date(2026, 12, 31)), (date(2023, 1, 1), date(2023, 12, 31)), (date(2024, 2, 1), date(2024, 2, 29))]
GROUPINGS = [(), ("source",), ("source", "month"), ("unit",), ("category", "ticket_type"), ("channel", "area")]

Filled = tuple[World, Warehouse]


@contextmanager
def filled(folder: Path, seed: int, tickets: int) -> Iterator[Filled]:
    settings = with_test_rules(folder)
    versions = lives.random_lives(seed, tickets)
    with warehouses.writer(settings) as warehouse:
        worlds.fill(warehouse, versions)
        ledger.refresh(warehouse, settings)
    with warehouses.reader(settings) as warehouse:
        yield lives.settings(versions), warehouse


def with_test_rules(folder: Path) -> Settings:
    (folder / "config").mkdir()
    worlds.write_rules(folder / "config", lives.rules())
    return Settings(home=folder / "home", config=folder / "config")


@pytest.fixture(scope="module")
def world(empty_warehouse: EmptyWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    # The embedded engine takes the larger part; what the server is asked is whether the same SQL means the same there.
    with (
        empty_warehouse("reference") as engine,
        filled(tmp_path_factory.mktemp("world"), seed=20231024, tickets=5000 if engine == "duckdb" else 1500) as made,
    ):
        yield made


def moments(world: World, seed: int, count: int) -> list[tuple[datetime, datetime]]:
    """Points (T, K) on and beside events, dues and fetches."""
    chance = Random(seed)
    last = max(version.known_at for version in world.versions)
    picked = [chance.choice(world.versions) for _ in range(count)]
    return [
        (lives.random_moment(chance, one), chance.choice([last, one.known_at, chance.choice(world.versions).known_at])) for one in picked
    ]


def disagreements(world: World, warehouse: Warehouse, T: datetime, K: datetime) -> list[str]:
    rows = warehouse.rows(f"select * from {kinds.POSTINGS} where {questions.STANDING}", {"as_of": T, "as_known": K})
    held = {row["ticket_id"]: row for row in rows}
    known = evaluator.newest(world, K)
    found = []
    for ticket_id in sorted(held.keys() | known.keys()):
        state = evaluator.state_of(world, known[ticket_id], T) if ticket_id in known else None
        row = held.get(ticket_id)
        if state is None or row is None:
            if state is not row:
                found.append(f"{ticket_id} at ({T}, {K}): reference {state}, ledger {row}")
            continue
        found += [
            f"{ticket_id} at ({T}, {K}): {name} is {wanted} by the reference, {row[name]} in the ledger"
            for name, wanted in expected(state).items()
            if row[name] != wanted
        ]
    return found


def expected(state: evaluator.State) -> dict[str, Any]:
    told: dict[str, Any] = {
        "valid": state.valid,
        "closed": state.closed,
        "suspended": state.suspended,
        "unit": state.unit,
        "satisfaction": state.rating,
    }
    told |= {"closed_at": state.closed_at, "returned": state.counts["returned"] > 0, "reopened": state.counts["reopened"] > 0}
    if not state.valid:
        return told
    for kind, clock in state.clocks.items():
        told |= {f"{kind}_class": clock.verdict, f"{kind}_due_at": clock.due_at}
    close = state.clocks["close"]
    return told | {"done_at": close.done_at, "close_due_source": close.due_source, "provisional": close.provisional}


def test_every_state_agrees(world: Filled) -> None:
    made, warehouse = world
    for T, K in moments(made, seed=1, count=10):
        assert disagreements(made, warehouse, T, K)[:5] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_every_state_agrees_on_many_more_lives(tmp_path: Path, seed: int) -> None:
    with filled(tmp_path, seed, tickets=10_000) as (made, warehouse):
        for T, K in moments(made, seed, count=25):
            assert disagreements(made, warehouse, T, K)[:5] == []


@pytest.mark.parametrize("population", ["appeals", "cases", "visits"])
def test_every_metric_agrees_in_every_group(world: Filled, population: str) -> None:
    made, warehouse = world
    for place, (T, K) in enumerate(moments(made, seed=2, count=12)):
        (start, end), by = WINDOWS[place % len(WINDOWS)], GROUPINGS[place % len(GROUPINGS)]
        scope = Scope.of(warehouse, population, start, end, T, K)
        groups, total = questions.figures(warehouse, scope, APPEALS, by)
        wanted = evaluator.metrics(made, population, start, end, T, K, by)
        answers: dict[tuple[str | None, ...], dict[str, Any]] = {tuple(row["by"].values()): row for row in groups} if by else {(): total}
        assert set(answers) == set(wanted)
        for key, row in wanted.items():
            assert {name: plain(answers[key][name]) for name in row} == row, f"{key} at ({T}, {K})"


def plain(value: Any) -> int | tuple[int, int] | Decimal | None:
    return (value["numerator"], value["denominator"]) if isinstance(value, dict) else value


@pytest.mark.parametrize("population", ["appeals", "cases", "visits"])
def test_the_list_behind_a_count_is_as_long_as_the_count(world: Filled, population: str) -> None:
    made, warehouse = world
    counts, _, _ = definitions(population)
    counted = evaluator.counts_of(population)
    for (start, end), (T, K) in zip(WINDOWS, moments(made, seed=3, count=3), strict=True):
        scope = Scope.of(warehouse, population, start, end, T, K)
        _, total = questions.figures(warehouse, scope, APPEALS)
        received = evaluator.received_in_window(made, population, start, end, T, K)
        for count in counts:
            listed = [row["ticket_id"] for row in questions.tickets(warehouse, scope, APPEALS, count.key)]
            assert len(listed) == len(set(listed)) == total[count.key]
            if count.key in counted:
                assert set(listed) == {one.version.ticket_id for one in received if counted[count.key](one)}


@pytest.mark.parametrize("population", ["appeals", "cases", "visits"])
def test_the_marked_list_counts_what_the_counts_count(world: Filled, population: str) -> None:
    """In each group too; and what changed between two moments of knowledge is what the lists of both tell otherwise."""
    made, warehouse = world
    keys = [count.key for count in definitions(population)[0]]
    earlier = moments(made, seed=6, count=1)[0][1]

    def counted(scope: Scope) -> dict[str, tuple[Any, set[str]]]:
        """By ticket the source and the counts that count it; of a confidential one the number tells the source."""
        rows = questions.marked(warehouse, scope, APPEALS, ("source",))
        return {row["ticket_id"]: (row["ticket_id"].partition(":")[0], {key for key in keys if row[f"in_{key}"]}) for row in rows}

    for (start, end), (T, K) in zip(WINDOWS, moments(made, seed=5, count=3), strict=True):
        scope = Scope.of(warehouse, population, start, end, T, K)
        groups, total = questions.figures(warehouse, scope, APPEALS, ("source",))
        now, then = counted(scope), counted(replace(scope, as_known=earlier))
        for source, told in [(None, total), *((group["by"]["source"], group) for group in groups)]:
            held = [marks for of, marks in now.values() if source in (None, of)]
            assert {key: sum(key in marks for marks in held) for key in keys} == {key: told[key] for key in keys}
        nothing: tuple[Any, set[str]] = (None, set())
        differing = {key for key in then.keys() | now.keys() if then.get(key, nothing)[1] != now.get(key, nothing)[1]}
        changed = questions.changed(warehouse, scope, APPEALS, earlier)
        assert {row["ticket_id"] for row in changed if (row["was"] or set()) != (row["now"] or set())} == differing


def test_the_passages_are_as_many_as_the_flow_says(world: Filled) -> None:
    made, warehouse = world
    for (start, end), (_, K) in zip(WINDOWS, moments(made, seed=7, count=3), strict=True):
        scope = Scope.of(warehouse, "appeals", start, end, None, K)
        _, total = questions.flow(warehouse, scope, APPEALS)
        told = [row["passage"] for row in questions.passages(warehouse, scope, APPEALS, "month")]
        assert {name: told.count(name) for name in total if name != "closing"} == {name: total[name] for name in total if name != "closing"}
        steps = questions.flow_steps(warehouse, scope, APPEALS, "month")
        assert sum(count for step in steps.values() for count in step.values()) + total["opening"] == len(told)


@pytest.mark.parametrize("population", ["appeals", "cases"])
def test_flow_agrees_and_balances(world: Filled, population: str) -> None:
    made, warehouse = world
    for (start, end), (_, K) in zip([*WINDOWS, (date(2024, 2, 9), date(2024, 2, 9))], moments(made, seed=4, count=4), strict=True):
        scope = Scope.of(warehouse, population, start, end, None, K)
        groups, total = questions.flow(warehouse, scope, APPEALS, ("source",))
        wanted = evaluator.flow(made, population, start, end, K, ("source",))
        assert {(row["by"]["source"],): {name: row[name] for name in row if name != "by"} for row in groups} == wanted
        inward = total["opening"] + total["received"] + total["reopened"] + total["restored"]
        assert inward - total["closed"] - total["excluded"] == total["closing"]


def test_the_daily_figures_add_up_to_the_ledger(world: Filled) -> None:
    """The mart is what the ledger says at the end of any day, by what is known now, days to come included."""
    _, warehouse = world
    at = {"as_known": datetime(9999, 12, 30, tzinfo=BEIJING)}
    for day in (date(2022, 12, 31), date(2023, 6, 21), date(2024, 2, 18), date(2027, 3, 1)):
        (summed,) = warehouse.rows(
            "select coalesce(sum(open_change), 0) as open, coalesce(sum(overdue_change), 0) as overdue from marts.daily where day <= :day",
            {"day": day},
        )
        (counted,) = warehouse.rows(
            f"""
            select count(*) filter (where valid and not closed) as open,
                   count(*) filter (where valid and close_class = 'overdue') as overdue
            from {kinds.POSTINGS} where {questions.STANDING}
            """,
            at | {"as_of": questions.moment(day)},
        )
        assert summed == counted
    received = warehouse.value("select sum(received) from marts.daily where source = 'hotline_12345'")
    assert received == warehouse.value(
        f"select count(*) from {kinds.POSTINGS} where source = 'hotline_12345' and valid and {questions.STANDING}",
        at | {"as_of": at["as_known"]},
    )


def test_the_kind_of_a_posting_says_what_follows_from_its_times(world: Filled) -> None:
    """And each value of each name occurs; what the others say is compared with the reference above."""
    _, warehouse = world
    told = [f"coalesce({told}, false) as told_{name}" for name, told in kinds.FACTS.items()]
    found = warehouse.rows(f"select distinct {', '.join([*told, *kinds.VALUES])} from {kinds.POSTINGS}")
    assert [row for row in found if any(row[name] != row[f"told_{name}"] for name in kinds.FACTS)] == []
    assert {name: {row[name] for row in found} for name in kinds.VALUES} == {name: set(values) for name, values in kinds.VALUES.items()}


def test_what_was_said_yesterday_is_said_again_after_todays_corrections(empty_warehouse: EmptyWarehouse, tmp_path: Path) -> None:
    """`as-known` yesterday gives yesterday's figures to the digit, whatever was loaded since."""
    settings = with_test_rules(tmp_path)
    versions = sorted(lives.random_lives(7, 400), key=lambda version: version.known_at)
    yesterday = versions[len(versions) // 2].known_at
    asked = ("appeals", date(2022, 1, 1), date(2026, 12, 31), datetime(2024, 3, 1, 12, tzinfo=BEIJING))
    with empty_warehouse("yesterday"), warehouses.writer(settings, publish=False) as warehouse:
        worlds.fill(warehouse, [version for version in versions if version.known_at <= yesterday])
        ledger.refresh(warehouse, settings)
        said = questions.figures(warehouse, Scope.of(warehouse, *asked), APPEALS, ("source",))
        worlds.fill(warehouse, [version for version in versions if version.known_at > yesterday])
        ledger.refresh(warehouse, settings)
        again = questions.figures(warehouse, Scope.of(warehouse, *asked, yesterday), APPEALS, ("source",))
        today = questions.figures(warehouse, Scope.of(warehouse, *asked), APPEALS, ("source",))
    assert again == said
    assert today != said


def test_the_tables_do_not_depend_on_the_order_of_loading(
    empty_warehouse: EmptyWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any order, any split, anything twice, in slices and beside the warehouse as where very much has changed: the same tables."""
    versions = lives.random_lives(11, 150)
    tables = []
    for attempt in range(5):
        if attempt == 4:
            monkeypatch.setattr(workbench, "MANY", 0)
            monkeypatch.setattr(ledger, "SLICE", 40)
        chance = Random(attempt)
        order = chance.sample(versions, len(versions)) if attempt else sorted(versions, key=lambda version: version.known_at)
        cut = chance.randrange(1, len(order))
        folder = tmp_path / str(attempt)
        folder.mkdir()
        settings = with_test_rules(folder)
        with empty_warehouse(f"order_{attempt}"), warehouses.writer(settings, publish=False) as warehouse:
            for part in (order[:cut], order[cut:], order[cut // 2 : cut]):
                worlds.fill(warehouse, part)
                ledger.refresh(warehouse, settings)
            names = ("core.sighting", "core.ticket_version", "core.clock", "core.posting", "core.passage", "marts.daily")
            tables.append([sorted(map(str, warehouse.rows(f"select * from {name}"))) for name in names])
    assert all(found == tables[0] for found in tables[1:])
