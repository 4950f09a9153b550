"""The table of time limits: what is refused, what conflicts, and limits written as text."""

from __future__ import annotations

import csv
from datetime import date
from itertools import permutations
from pathlib import Path

import pytest

from petitions import time_limits
from petitions.settings import CHECKOUT, Settings
from petitions.time_limits import COLUMNS, Limit, RuleError

STANDARD = "处置时限_部件.csv"
GOOD = {
    "source": "hotline_12345",
    "channel": "*",
    "ticket_type": "consult",
    "urgency": "*",
    "category": "*",
    "clock": "close",
    "start_event": "received",
    "amount": "2",
    "unit": "working_day",
    "roll": "none",
    "pausable": "yes",
    "effective_from": "2022-01-01",
    "effective_to": "",
    "basis": "条例",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", config=tmp_path)


def test_the_default_table_is_good() -> None:
    rules = time_limits.read(CHECKOUT / "config" / "time-limits.csv")
    by_id = {rule.rule_id: rule for rule in rules}
    assert len(by_id) == len(rules) == 15
    consult = by_id["hotline_12345/*/consult/*/*/close@2022-01-01"]
    assert (consult.amount, consult.unit, consult.specificity, consult.pausable) == (2, "working_day", 2, True)
    assert consult.effective_from == date(2022, 1, 1)
    assert consult.effective_to is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source": "12345"}, "source: expected provincial, smart_city, online_politics, hotline_12345, *, found '12345'"),
        ({"source": "visits"}, "source: expected"),
        ({"ticket_type": "咨询"}, "ticket_type: expected consult"),
        ({"urgency": "high"}, "urgency: expected normal"),
        ({"clock": "closed"}, "clock: expected accept, reply, close, found 'closed'"),
        ({"start_event": "start"}, "start_event: expected received"),
        ({"unit": "day"}, "unit: expected calendar_day"),
        ({"roll": "next"}, "roll: expected none, next_workday, found 'next'"),
        ({"pausable": "1"}, "pausable: expected yes, no, found '1'"),
        ({"channel": ""}, "channel: expected a name or *"),
        ({"category": "道路/"}, "category: expected names joined"),
        ({"amount": "0"}, "amount: expected a whole number from 1"),
        ({"amount": "-2"}, "amount: expected"),
        ({"amount": "10000"}, "amount: expected a whole number from 1 to 9999"),
        ({"amount": "1.5"}, "amount: expected"),
        ({"amount": "二"}, "amount: expected"),
        ({"effective_from": ""}, "effective_from: expected a day such as 2024-01-31, found ''"),
        ({"effective_from": "2022-02-30"}, "effective_from: expected"),
        ({"effective_to": "forever"}, "effective_to: expected"),
        ({"effective_to": "2021-12-31"}, "effective_to 2021-12-31 is before effective_from 2022-01-01"),
    ],
)
def test_a_row_that_cannot_be_used(settings: Settings, change: dict[str, str], told: str) -> None:
    _table(settings, GOOD | change)
    with pytest.raises(RuleError) as refused:
        time_limits.rules(settings)
    assert f"line 2: {told}" in str(refused.value)
    assert "time-limits.csv" in str(refused.value)


def test_every_fault_is_named_at_once(settings: Settings) -> None:
    _table(settings, GOOD | {"unit": "day", "amount": "x"}, GOOD, GOOD | {"clock": "x"})
    with pytest.raises(RuleError, match=r"line 2: unit.*line 2: amount.*line 4: clock"):
        time_limits.rules(settings)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (",".join(COLUMNS) + ",note", "unknown column note"),
        (",".join(COLUMNS[1:]), "missing column source"),
        ("", "missing column source"),
        (",".join(COLUMNS) + ",clock", "a column stands twice"),
    ],
)
def test_a_header_that_cannot_be_used(settings: Settings, header: str, told: str) -> None:
    (settings.config / "time-limits.csv").write_text(header + "\n", encoding="utf-8")
    with pytest.raises(RuleError, match=told):
        time_limits.rules(settings)


# What the first row says beyond GOOD, what the second says, whether one ticket could match both alike.
PAIRS = [
    ({}, {}, True),
    ({}, {"clock": "reply"}, False),
    ({}, {"ticket_type": "help"}, False),
    ({}, {"ticket_type": "*"}, False),  # fewer fields: the other wins
    ({}, {"source": "*", "channel": "phone"}, True),  # hotline consult by phone: two fields each
    ({}, {"ticket_type": "*", "urgency": "urgent"}, True),  # an urgent consult matches both
    ({}, {"ticket_type": "help", "urgency": "urgent"}, False),
    ({}, {"source": "provincial"}, False),
    ({}, {"effective_from": "2023-01-01"}, True),  # the first has no end
    ({"effective_to": "2022-12-31"}, {"effective_from": "2023-01-01"}, False),
    ({"effective_to": "2023-01-01"}, {"effective_from": "2023-01-01"}, True),  # both in force on that one day
    ({"category": "道路"}, {"category": "道路"}, True),
    ({"category": "道路"}, {"category": "道路/坑洼"}, True),  # a ticket of 道路/坑洼 is one of 道路 too
    ({"category": "道路"}, {"category": "道路照明"}, False),  # a longer name is another name
    ({"category": "道路/坑洼"}, {"category": "道路/井盖"}, False),
    ({"category": "道路"}, {"ticket_type": "*", "category": "道路/坑洼", "channel": "web"}, True),
    ({"category": "道路"}, {"category": "道路/坑洼", "channel": "web"}, False),  # three fields against four
]


@pytest.mark.parametrize(("one", "other", "conflict"), PAIRS)
def test_two_rows_of_one_rank(settings: Settings, one: dict[str, str], other: dict[str, str], conflict: bool) -> None:
    for rows in permutations([GOOD | one, GOOD | other]):
        _table(settings, *rows)
        if conflict:
            with pytest.raises(RuleError, match="lines 2 and 3: one ticket could match both"):
                time_limits.rules(settings)
        else:
            assert len(time_limits.rules(settings)) == 2


def test_all_conflicts_are_named(settings: Settings) -> None:
    _table(settings, GOOD, GOOD, GOOD | {"clock": "reply"}, GOOD | {"clock": "reply"})
    with pytest.raises(RuleError, match=r"lines 2 and 3.*lines 4 and 5"):
        time_limits.rules(settings)


def test_a_blank_roll_is_the_office_setting(settings: Settings) -> None:
    _table(settings, GOOD | {"roll": ""})
    assert time_limits.rules(settings)[0].roll == "none"
    before = time_limits.version(settings)
    (settings.config / "petitions.toml").write_text('[calendar]\nholiday_roll = "next_workday"\n', encoding="utf-8")
    other = Settings(home=settings.home, config=settings.config)
    assert time_limits.rules(other)[0].roll == "next_workday"
    assert time_limits.version(other) != before


def test_the_version_is_of_the_rules_not_of_the_file(settings: Settings) -> None:
    later = GOOD | {"ticket_type": "help"}
    _table(settings, GOOD, later)
    before = time_limits.version(settings)
    _table(settings, later, {}, GOOD | {"effective_from": "2022/1/1"})
    assert time_limits.version(settings) == before
    _table(settings, GOOD, later | {"amount": "3"})
    assert time_limits.version(settings) != before


@pytest.mark.parametrize(
    ("category", "other", "expected"),
    [("*", "道路", True), ("道路", "道路", True), ("道路", "道路/坑洼", True), ("道路", "道路照明", False), ("道路/坑洼", "道路", False)],
)
def test_categories(category: str, other: str, expected: bool) -> None:
    assert time_limits.matches(category, other) is expected


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("4工作时", Limit(4, "working_hour")),
        ("2紧急工作时", Limit(2, "hour")),
        (" 5工作日", Limit(5, "working_day")),
        ("15天", Limit(15, "calendar_day")),
        ("种植季节15工作日", Limit(15, "working_day")),
        ("1紧急工作时制止", Limit(1, "hour")),
        ("１５个工作日", Limit(15, "working_day")),
        ("3 个 工作日内", Limit(3, "working_day")),
        ("十五日", Limit(15, "calendar_day")),
        ("两个工作日", Limit(2, "working_day")),
        ("二十四小时", Limit(24, "hour")),
        ("一百零五天", Limit(105, "calendar_day")),
        # the other texts of a city's published standard for components (部件)
        ("1工作日", Limit(1, "working_day")),
        ("2工作日", Limit(2, "working_day")),
        ("3工作日", Limit(3, "working_day")),
        ("4工作日", Limit(4, "working_day")),
        ("5工作日", Limit(5, "working_day")),
        ("7工作日", Limit(7, "working_day")),
        ("10工作日", Limit(10, "working_day")),
        ("2工作时", Limit(2, "working_hour")),
        ("4紧急工作时", Limit(4, "hour")),
    ],
)
def test_limits_as_text(text: str, limit: Limit) -> None:
    assert time_limits.parse_limit(text) == limit


def test_every_limit_of_a_published_standard() -> None:
    """Where the file lies beside the checkout; its distinct texts are in the table above."""
    told = CHECKOUT.parent / "shared" / "data" / STANDARD
    if not told.exists():
        pytest.skip(f"{STANDARD} does not lie beside this checkout")
    with told.open(encoding="utf-8-sig", newline="") as text:
        _, header, *rows = csv.reader(text)
    limits = [time_limits.parse_limit(row[header.index("处置时限")]) for row in rows]
    assert len(limits) == 279
    assert {limit.unit for limit in limits} == {"working_day", "working_hour", "hour"}


@pytest.mark.parametrize(
    "text",
    [
        "10000工作日",
        "999999工作时",
        "",
        "即时",
        "尽快处置",
        "工作日",
        "5",
        "0工作日",
        "零天",
        "1.5天",
        "3-5天",
        "2周",
        "5紧急工作日",
        "1紧急工作时制止，5工作日恢复",
    ],
)
def test_limits_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=f"time limit: expected .* found '{text}'"):
        time_limits.parse_limit(text)


def _table(settings: Settings, *rows: dict[str, str]) -> None:
    text = "\n".join(",".join(row.get(column, "") for column in COLUMNS) for row in rows)
    (settings.config / "time-limits.csv").write_text(f"{','.join(COLUMNS)}\n{text}\n", encoding="utf-8")
