"""The seed's figures (metric page, section 6), counted straight from the lives, not through the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from platforms.demo import demo_year
from platforms.demo.workdays import working_day_due, working_hours_after
from platforms.life import Life
from tests.platforms.conftest import END_OF_YEAR, OCTOBER

HOTLINE_RULE = {"consult": 2, "help": 10, "suggestion": 10}


def shown(year: Iterable[Life], now: datetime) -> list[Life]:
    return [cut for life in year if (cut := life.at(now))]


def valid(life: Life) -> bool:
    last = life.last("accepted", "dispatched", "returned")
    return life.defect is None and not life.first("not_accepted", "duplicate") and (last is None or last.kind != "returned")


def appeals(year: Iterable[Life], now: datetime) -> list[Life]:
    everywhere = ("provincial", "online_politics", "hotline_12345")
    found = [life for life in shown(year, now) if life.source in everywhere or life.about.get("channel") == "公众举报"]
    return [life for life in found if valid(life)]


def cases(year: Iterable[Life], now: datetime) -> list[Life]:
    return [life for life in shown(year, now) if life.source == "smart_city" and valid(life)]


def close_due(life: Life) -> datetime:
    """The due in force at the life's cut: what the platform tells, else the rule's (time-limits.csv), counted here once more."""
    if life.due and not life.about.get("no_county_due"):
        return life.due
    if life.source == "online_politics":
        return working_day_due(life.received_at, 15)
    if life.source == "hotline_12345":
        return working_day_due(life.received_at, HOTLINE_RULE.get(life.about["type"], 15))
    dispatched = life.first("dispatched")
    assert dispatched and life.source == "smart_city", life.ticket_id
    unit, amount = life.about["limit"]
    if unit == "work_day":
        return working_day_due(dispatched.at, amount)
    assert unit in ("urgent_hour", "work_hour")
    return dispatched.at + timedelta(hours=amount) if unit == "urgent_hour" else working_hours_after(dispatched.at, amount)


def done_at(life: Life) -> datetime | None:
    """The last disposal after the last re-opening, else the close that stands."""
    again = life.time("reopened") or datetime.min
    handled = [fact.at for fact in life.facts if fact.kind == "handled" and fact.at > again]
    closed = [fact.at for fact in life.facts if fact.kind in ("closed", "withdrawn") and fact.at > again]
    return handled[-1] if handled else closed[0] if closed else None


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        (datetime(2023, 3, 22, 9), 4, datetime(2023, 3, 22, 15)),  # over the lunch hours
        (datetime(2023, 3, 24, 17), 2, datetime(2023, 3, 27, 9)),  # Friday 17:00 → Monday 09:00
        (datetime(2023, 10, 6, 12), 1, datetime(2023, 10, 7, 9)),  # a make-up Saturday after the October holidays
    ],
)
def test_working_hours(start: datetime, hours: int, due: datetime) -> None:
    assert working_hours_after(start, hours) == due


@pytest.mark.parametrize(
    ("start", "amount", "due"),
    [
        (datetime(2023, 12, 11, 9), 15, datetime(2024, 1, 2, 23, 59, 59)),  # over New Year
        (datetime(2023, 9, 28, 9), 2, datetime(2023, 10, 8, 23, 59, 59)),  # two make-up days end the October holidays
    ],
)
def test_working_days(start: datetime, amount: int, due: datetime) -> None:
    assert working_day_due(start, amount) == due


def test_the_year_counts_197_appeals_35_open(year: list[Life]) -> None:
    found = appeals(year, END_OF_YEAR)
    assert Counter(life.source for life in found) == {"provincial": 3, "smart_city": 3, "online_politics": 18, "hotline_12345": 173}
    assert Counter(life.is_closed for life in found) == {True: 162, False: 35}


def test_october_counts_246_cases_one_open(year: list[Life]) -> None:
    found = cases(year, OCTOBER)
    channels = Counter(life.about["channel"] for life in found)
    assert channels == {"工地扬尘监控": 29, "惠民城管通": 17, "公众举报": 3, "市局巡查": 40, "县局巡查": 157}
    assert Counter(life.is_closed for life in found) == {True: 245, False: 1}


def test_every_open_ticket_is_in_time_and_every_close_was(year: list[Life]) -> None:
    for life in appeals(year, END_OF_YEAR) + cases(year, END_OF_YEAR):
        done = done_at(life)
        if done is None:
            assert not life.is_closed and close_due(life) >= END_OF_YEAR, life.ticket_id
        else:
            then = life.at(done)
            assert then is not None
            assert done <= close_due(then), (life.ticket_id, done, close_due(then))


@pytest.mark.parametrize("months", range(2, 13))
def test_nothing_was_ever_overdue(year: list[Life], months: int) -> None:
    moment = datetime(2023, months, 1)
    for life in appeals(year, moment):
        assert done_at(life) or close_due(life) >= moment, life.ticket_id


def test_extensions_came_in_time(year: list[Life]) -> None:
    extended = [(life, fact) for life in year for fact in life.facts if fact.kind == "extended"]
    assert len(extended) > 30
    for life, fact in extended:
        before = life.at(fact.at - timedelta(seconds=1))
        assert before and before.due == fact.old_due and fact.old_due and fact.at <= fact.old_due, life.ticket_id


def test_every_closed_appeal_was_answered_and_no_answer_is_overdue(year: list[Life]) -> None:
    for life in appeals(year, END_OF_YEAR):
        if life.source == "smart_city" or life.last("replied"):
            continue
        assert not life.is_closed, life.ticket_id
        if life.source == "provincial":
            accepted = life.first("accepted")
            assert accepted and accepted.at + timedelta(days=60) > END_OF_YEAR
        else:
            moved = [fact.new_due for fact in life.facts if fact.new_due and fact.kind in ("extended", "reopened")]
            assert max([working_day_due(life.received_at, 15), *moved]) >= END_OF_YEAR, life.ticket_id


def test_every_visit_was_received(year: list[Life]) -> None:
    visits = [life for life in shown(year, END_OF_YEAR) if life.source == "visits" and life.defect is None]
    assert len(visits) == 40
    assert all(life.time("received") and life.about["officer"] for life in visits)


def test_lives_are_believable(year: list[Life]) -> None:
    kinds = Counter(fact.kind for life in year if life.source != "visits" for fact in life.facts)
    missing = {
        "extended",
        "reopened",
        "returned",
        "suspended",
        "resumed",
        "urged",
        "supervised",
        "first_reply",
        "withdrawn",
        "rated",
    } - set(kinds)
    assert not missing
    for life in year:
        moments = [life.received_at, *(fact.at for fact in life.facts)]
        assert moments == sorted(moments), life.ticket_id
        assert life.group == "valid" if valid(life) else life.group in ("outside", "bad"), life.ticket_id
    months = Counter(life.received_at.month for life in appeals(year, END_OF_YEAR))
    assert len(months) == 12 and min(months.values()) >= 5
    assert sum(life.about.get("hidden", False) for life in year) >= 5
    assert sum(life.about.get("accusation", False) for life in year) == 1


def test_numbers_are_long_text_and_unique(year: list[Life]) -> None:
    assert len({life.ticket_id for life in year}) == len(year)
    assert all(16 <= len(life.number) <= 24 for life in year)
    assert all(len(life.number) == 19 for life in year if life.source == "smart_city")
    assert any(not life.number.isdigit() for life in year if life.source in ("hotline_12345", "online_politics"))


def test_phones_and_ids_belong_to_nobody(year: list[Life]) -> None:
    for life in year:
        assert life.about.get("phone", "1380000").startswith("1380000")
        assert life.about.get("id_number", "441399").startswith("441399")
    texts = [str(life.about.get("content")) for life in year] + [str(fact.text) for life in year for fact in life.facts]
    assert sum("1380000" in text for text in texts) > 20, "free text on both sides carries numbers to mask"


def test_same_seed_same_year_other_seed_same_figures(year: list[Life]) -> None:
    assert demo_year() == year
    other = demo_year(7)
    assert other != year
    assert (len(appeals(other, END_OF_YEAR)), len(cases(other, OCTOBER))) == (197, 246)
