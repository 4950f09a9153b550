"""The reference evaluator against figures worked out by hand, clause by clause of the metric page.

Times are Beijing time. ``03-06 09:00`` is of 2023, when 6 March is a Monday; a due told as a date means 23:59:59. A row of the tables
says the days it counts in its comment.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from petitions.model import BEIJING, Event

from .evaluator import (
    CLASSES,
    CLOCKS,
    Rule,
    State,
    Version,
    World,
    change,
    flow,
    metrics,
    percent,
    percentile_days,
    state,
    state_of,
    tickets,
    time_limit,
)
from .lives import DEFAULT_RULES, calendar, lives, random_lives, random_moment, rules, settings

YEAR = (date(2023, 1, 1), date(2023, 12, 31))


def at(text: str) -> datetime:
    """``03-06 09:00``, ``03-06`` (end of the day) or either with a year before it; a T may stand for the space."""
    day, _, clock = text.replace("T", " ").partition(" ")
    on = date.fromisoformat(day if len(day) == 10 else f"2023-{day}")
    return datetime.combine(on, time.fromisoformat(clock) if clock else time(23, 59, 59), BEIJING)


def event(text: str) -> Event:
    """``extended 03-07 09:00 new=03-20 old=03-10``; ``unit=`` and ``is=`` (satisfaction) likewise."""
    words = text.split()
    more = dict(word.split("=") for word in words if "=" in word)
    kind, *when = (word for word in words if "=" not in word)
    return Event(
        kind,
        at(" ".join(when)),
        unit=more.get("unit"),
        old_due=at(more["old"]) if "old" in more else None,
        new_due=at(more["new"]) if "new" in more else None,
        satisfaction=more.get("is"),
    )


def told(source: str, received: str, *events: str, number: int = 1, known: str = "2023-01-01 03:00", **attributes: Any) -> Version:
    """One version; ``received`` is its first event."""
    if "due" in attributes:
        attributes["due_at"] = at(attributes.pop("due"))
    return Version(
        ticket_id=f"{source}:{number}",
        source=source,
        known_at=at(known),
        updated_at=at(attributes.pop("updated", known)),
        payload_hash=attributes.pop("payload_hash", "0"),
        received_at=at(received),
        events=[Event("received", at(received)), *map(event, events)],
        **attributes,
    )


def default_world(*versions: Version, more_rules: str = "") -> World:
    """The default table of time limits, and rows in its columns without effective_to and basis."""
    names = [name for name in rules()[0] if name not in ("effective_to", "basis")]
    extra = [{**dict(zip(names, line.split(), strict=True)), "effective_to": ""} for line in more_rules.splitlines()]
    return World(list(versions), [*rules()[:DEFAULT_ROWS], *extra], calendar)


DEFAULT_ROWS = len(DEFAULT_RULES.read_text(encoding="utf-8").splitlines()) - 1


def seen(version: Version, T: str, more_rules: str = "") -> State:
    found = state_of(default_world(version, more_rules=more_rules), version, at(T))
    assert found is not None
    return found


# ---------------------------------------------------------------------------------------------- §4 units

UNITS = [
    # unit, amount, roll, start, pauses, due
    ("working_day", 1, "none", "03-06 09:00", [], "03-07"),  # Monday → Tuesday
    ("working_day", 1, "none", "03-06 00:00", [], "03-07"),  # the start day is never counted, midnight or not
    ("working_day", 1, "none", "03-10 17:00", [], "03-13"),  # Friday → Monday
    ("working_day", 1, "none", "03-11 10:00", [], "03-13"),  # Saturday → Monday
    ("working_day", 2, "none", "04-21 16:00", [], "04-24"),  # Friday → Sunday 23 April works (调休), Monday
    ("working_day", 1, "none", "04-28 16:00", [], "05-04"),  # Friday → 29 April to 3 May off, Thursday
    ("working_day", 3, "none", "05-04 09:00", [], "05-08"),  # Thursday → Friday, Saturday 6 May works, Monday
    ("working_day", 15, "none", "09-22 09:00", [], "10-19"),  # 25–28 Sep, Sat 7, Sun 8, 9–13, 16–19 Oct
    ("working_day", 1, "none", "2024-02-09 09:00", [], "2024-02-18"),  # Friday → 春节 10–17 off, Sunday works
    ("calendar_day", 15, "none", "03-06 09:00", [], "03-21"),
    ("calendar_day", 1, "none", "2024-02-28 09:00", [], "2024-02-29"),
    ("calendar_day", 5, "none", "03-06 09:00", [], "03-11"),  # Monday → Saturday
    ("calendar_day", 5, "next_workday", "03-06 09:00", [], "03-13"),  # Monday → Saturday → Monday
    ("calendar_day", 5, "next_workday", "05-01 09:00", [], "05-06"),  # a Saturday that works stays
    ("calendar_day", 7, "next_workday", "09-22 09:00", [], "10-07"),  # Friday 29 Sep off → Saturday 7 Oct works
    ("hour", 2, "none", "03-10 23:00", [], "03-11 01:00"),  # around the clock, into Saturday
    ("working_hour", 2, "none", "03-06 10:00", [], "03-06 12:00"),  # exactly to noon, not 14:00
    ("working_hour", 2, "none", "03-06 11:00", [], "03-06 15:00"),
    ("working_hour", 2, "none", "03-06 12:00", [], "03-06 16:00"),
    ("working_hour", 2, "none", "03-06 07:00", [], "03-06 10:00"),
    ("working_hour", 8, "none", "03-10 09:00", [], "03-13 09:00"),  # Friday 3 + 4, Monday 1
    ("working_hour", 1, "none", "03-10 18:00", [], "03-13 09:00"),
    ("working_hour", 4, "none", "03-11 10:00", [], "03-13 12:00"),  # Saturday → Monday morning
    ("working_hour", 4, "none", "05-05 17:00", [], "05-06 11:00"),  # Friday 1, Saturday 6 May works 3
    ("hour", 2, "none", "03-06 10:00", [("03-06 10:30", "03-06 11:45")], "03-06 13:15"),
    ("working_hour", 2, "none", "03-06 10:00", [("03-06 11:00", "03-06 15:00")], "03-06 16:00"),  # paused 1 + 1
    ("working_hour", 2, "none", "03-10 17:00", [("03-10 17:30", "03-13 08:30")], "03-13 10:00"),  # paused ½ + ½
    ("working_day", 2, "none", "03-06 09:00", [("03-07 09:00", "03-09 09:00")], "03-10"),  # Wednesday and Thursday
    ("working_day", 2, "none", "03-06 09:00", [("03-07 09:00", "03-07 17:00")], "03-08"),  # ended on its own day: nothing
    ("working_day", 2, "none", "03-09 09:00", [("03-10 09:00", "03-13 09:00")], "03-14"),  # Fri to Mon is one
    ("working_day", 2, "none", "03-06 09:00", [("03-06 10:00", "03-07 09:00"), ("03-07 10:00", "03-08 09:00")], "03-10"),
    ("calendar_day", 5, "next_workday", "03-06 09:00", [("03-07 09:00", "03-08 09:00")], "03-13"),  # Sunday 12 → Monday: before any roll
    ("calendar_day", 5, "none", "03-06 09:00", [("03-10 09:00", "03-13 09:00")], "03-14"),  # Sat, Sun, Mon
]


@pytest.mark.parametrize(("unit", "amount", "roll", "start", "pauses", "due"), UNITS)
def test_units(unit: str, amount: int, roll: str, start: str, pauses: list[tuple[str, str]], due: str) -> None:
    rule = Rule("r", "received", amount, unit, roll, True)
    assert time_limit(default_world(), rule, at(start), [(at(a), at(b)) for a, b in pauses]) == at(due)


# ---------------------------------------------------------------------------------------------- §2 state

H = "hotline_12345"
STATES = [
    # events after received 03-06 09:00 (a consult: due Wednesday 03-08), T, what holds
    ([], "03-06 09:00", "valid open"),
    (["accepted 03-06 10:00", "not_accepted 03-06 11:00"], "03-06 10:59", "valid open"),
    (["not_accepted 03-06 11:00", "accepted 03-06 12:00"], "03-06 12:00", ""),  # for good
    (["duplicate 03-06 11:00", "dispatched 03-06 12:00"], "03-06 12:00", ""),  # for good
    (["dispatched 03-06 10:00", "returned 03-06 11:00"], "03-06 11:00", ""),
    (["returned 03-06 11:00", "dispatched 03-06 12:00"], "03-06 12:00", "valid open"),
    (["returned 03-06 11:00", "accepted 03-06 12:00"], "03-06 12:00", "valid open"),
    (["returned 03-06 11:00", "dispatched 03-06 11:00"], "03-06 12:00", ""),  # tie: dispatched, then returned
    (["returned 03-06 11:00", "signed 03-06 12:00"], "03-06 12:00", ""),  # signed brings nothing back
    (["closed 03-07 09:00"], "03-07 08:59:59", "valid open"),
    (["closed 03-07 09:00"], "03-07 09:00", "valid closed"),
    (["withdrawn 03-07 09:00"], "03-07 09:00", "valid closed"),
    (["closed 03-07 09:00", "reopened 03-07 09:00"], "03-08", "valid open"),  # tie: closed, then reopened
    (["withdrawn 03-07 09:00", "reopened 03-07 09:00"], "03-08", "valid closed"),  # tie: reopened, then withdrawn
    (["handled 03-07 09:00"], "03-08", "valid open"),  # disposal is not a close
    (["closed 03-07 09:00", "returned 03-07 10:00"], "03-08", "closed"),
    (["suspended 03-07 09:00"], "03-07 10:00", "valid open suspended"),
    (["suspended 03-07 09:00", "resumed 03-07 10:00"], "03-07 10:00", "valid open"),
    (["suspended 03-07 09:00", "resumed 03-07 09:00"], "03-08", "valid open"),  # tie: suspended, then resumed
    (["suspended 03-07 09:00", "suspended 03-07 10:00", "resumed 03-07 11:00"], "03-07 12:00", "valid open"),  # no nesting
    (["suspended 03-07 09:00", "closed 03-07 10:00", "reopened 03-07 11:00"], "03-07 12:00", "valid open"),  # ended by the close
    (["suspended 03-07 09:00", "handled 03-07 10:00"], "03-07 12:00", "valid open"),
    (["suspended 03-07 09:00", "replied 03-07 10:00"], "03-07 12:00", "valid open suspended"),  # an answer ends no pause
    (["suspended 03-08 23:59:59"], "03-20", "valid open suspended"),  # began exactly at the due: counts
    (["suspended 03-09 00:00"], "03-20", "valid open"),  # began after it: does not
    (["suspended 03-06 08:00"], "03-06 09:00", "valid open suspended"),  # told before received: takes effect at it
    (["suspended 03-07 09:00", "returned 03-07 10:00"], "03-08", ""),  # suspended = open and …
]


@pytest.mark.parametrize(("events", "T", "holds"), STATES)
def test_states(events: list[str], T: str, holds: str) -> None:
    found = seen(told(H, "03-06 09:00", *events, ticket_type="consult"), T)
    assert {name for name in ("valid", "closed", "open", "suspended") if getattr(found, name)} == set(holds.split())


def test_nothing_is_known_before_it_is_received() -> None:
    version = told(H, "03-06 09:00", "accepted 03-06 08:00")
    assert state(default_world(version), version.ticket_id, at("03-06 08:59:59")) is None


def test_the_unit_is_the_last_dispatched_with_one() -> None:
    version = told(
        H, "03-06 09:00", "dispatched 03-06 10:00 unit=甲", "dispatched 03-07 10:00", "dispatched 03-08 10:00 unit=乙", unit="丙"
    )
    assert [seen(version, T).unit for T in ("03-06 09:59", "03-06 10:00", "03-07 10:00", "03-08 10:00")] == ["丙", "甲", "甲", "乙"]


def test_the_last_rating_counts_and_one_without_value_is_none() -> None:
    version = told(H, "03-06 09:00", "rated 03-07 09:00 is=satisfied", "rated 03-08 09:00 is=dissatisfied", "rated 03-09 09:00")
    assert [seen(version, T).rating for T in ("03-06", "03-07", "03-08", "03-09")] == [None, "satisfied", "dissatisfied", "dissatisfied"]


# ---------------------------------------------------------------------------------------------- §4 clocks

# Every ticket here is received on Monday 6 March 2023 at 09:00.
CONSULT: dict[str, Any] = {"source": H, "ticket_type": "consult"}  # close: Wednesday 8 (2 working days, pausable); reply: Monday 27 (15)
PROVINCIAL: dict[str, Any] = {"source": "provincial"}  # accept: Tuesday 21 (15 days); close and reply: 60 days from accepted
BOARD: dict[str, Any] = {"source": "online_politics"}  # close and reply: Monday 27 (15 working days, not pausable)
CASE: dict[str, Any] = {"source": "smart_city"}  # close: 3 working days from dispatched, pausable; accept: 11:00 (2 working hours)
GIVEN: dict[str, Any] = {"source": H, "ticket_type": "consult", "due": "03-10 12:00"}  # the platform's due: Friday noon

CLOCK_CASES: list[tuple[dict[str, Any], list[str], str, str, str, str | None, str | None]] = [
    # ticket, events, clock, T, class, due, due_source
    # -- class
    (CONSULT, [], "close", "03-08", "not_due", "03-08", "rule"),  # due exactly at T
    (CONSULT, [], "close", "03-09 00:00", "overdue", "03-08", "rule"),
    (CONSULT, ["closed 03-08"], "close", "03-20", "on_time", "03-08", "rule"),  # exactly at the due
    (CONSULT, ["closed 03-09 00:00"], "close", "03-20", "late", "03-08", "rule"),
    (CONSULT, ["closed 03-09 00:00"], "close", "03-08", "not_due", "03-08", "rule"),  # not done yet at T
    ({**CONSULT, "received": "2021-12-31 09:00"}, [], "close", "03-20", "no_deadline", None, None),  # before the rule's first day
    (PROVINCIAL, [], "close", "03-20", "not_started", None, None),
    (PROVINCIAL, ["accepted 03-08 10:00"], "close", "03-20", "not_due", "05-07", "rule"),  # 8 March + 60: 31 March is 23, 30 April 53
    (
        PROVINCIAL,
        ["closed 03-07 10:00"],
        "close",
        "03-20",
        "on_time",
        "05-05",
        "rule",
    ),  # done before its start: from received, 6 March + 60
    (PROVINCIAL, ["closed 03-07 10:00", "accepted 03-08 10:00"], "close", "03-20", "on_time", "05-05", "rule"),
    (PROVINCIAL, ["closed 03-07 10:00", "reopened 03-09 10:00"], "close", "03-20", "not_started", None, None),  # undone, not begun
    (PROVINCIAL, ["accepted 03-06 08:00", "closed 03-07 09:00"], "close", "03-20", "on_time", "05-05", "rule"),  # accepted at received
    (
        CASE,
        ["dispatched 03-06 10:00", "dispatched 03-08 10:00"],
        "close",
        "03-20",
        "overdue",
        "03-09",
        "rule",
    ),  # the first dispatch: Tue, Wed, Thu
    (
        {**CASE, "urgency": "urgent"},
        ["dispatched 03-06 23:00"],
        "close",
        "03-07 01:00",
        "not_due",
        "03-07 01:00",
        "rule",
    ),  # two fields beat one
    (
        CASE | {"limit_amount": 4, "limit_unit": "working_hour"},
        ["dispatched 03-06 16:00"],
        "close",
        "03-06",
        "not_due",
        "03-07 10:00",
        "rule",
    ),
    (CASE | {"limit_amount": 4, "limit_unit": "working_hour"}, [], "close", "03-20", "not_started", None, None),
    (CASE | {"limit_amount": 1, "limit_unit": "hour", "due": "03-20"}, [], "close", "03-07", "not_due", "03-20", "platform"),
    (BOARD | {"limit_amount": 1, "limit_unit": "hour"}, [], "close", "03-07", "not_due", "03-27", "rule"),  # no such limit elsewhere
    # -- done of close: handled, the close that stands
    (CASE, ["dispatched 03-06 10:00", "handled 03-09 10:00", "closed 03-13 10:00"], "close", "03-20", "on_time", "03-09", "rule"),
    (CASE, ["dispatched 03-06 10:00", "handled 03-09 10:00", "handled 03-10 10:00"], "close", "03-20", "late", "03-09", "rule"),  # the last
    (CASE, ["dispatched 03-06 10:00", "handled 03-09 10:00", "reopened 03-09 11:00"], "close", "03-20", "overdue", "03-09", "rule"),
    (
        CASE,
        ["dispatched 03-06 10:00", "handled 03-08 10:00", "reopened 03-08 11:00", "closed 03-09"],
        "close",
        "03-20",
        "on_time",
        "03-09",
        "rule",
    ),
    (CONSULT, ["closed 03-08 10:00", "closed 03-10 10:00"], "close", "03-20", "on_time", "03-08", "rule"),  # the first close stands
    (CONSULT, ["closed 03-08 10:00", "reopened 03-08 11:00", "closed 03-10 10:00"], "close", "03-20", "late", "03-08", "rule"),
    (CONSULT, ["withdrawn 03-08 10:00"], "close", "03-20", "on_time", "03-08", "rule"),
    (CONSULT, ["withdrawn 03-09 10:00"], "close", "03-20", "late", "03-08", "rule"),
    # -- due changes
    (GIVEN, [], "close", "03-10 12:00", "not_due", "03-10 12:00", "platform"),
    (GIVEN, [], "close", "03-10 12:00:01", "overdue", "03-10 12:00", "platform"),
    (GIVEN, ["extended 03-10 12:00 new=03-20"], "close", "03-13", "not_due", "03-20", "platform"),  # at the due: effective
    (GIVEN, ["extended 03-10 12:00:01 new=03-20"], "close", "03-13", "overdue", "03-10 12:00", "platform"),  # too late
    (GIVEN, ["extended 03-10 10:00"], "close", "03-13", "overdue", "03-10 12:00", "platform"),  # no new due
    (GIVEN, ["extended 03-09 10:00 new=03-20", "extended 03-20 new=03-27"], "close", "03-21", "not_due", "03-27", "platform"),
    (
        GIVEN,
        ["extended 03-09 10:00 new=03-09T11:00", "extended 03-09 12:00 new=03-27"],
        "close",
        "03-21",
        "overdue",
        "03-09 11:00",
        "platform",
    ),
    (GIVEN, ["extended 03-15 10:00 old=03-08 new=03-20"], "close", "03-09", "overdue", "03-08", "platform"),  # the old due, told after T
    (GIVEN, ["extended 03-09 10:00 old=03-08 new=03-20"], "close", "03-13", "overdue", "03-08", "platform"),  # …and too late by it
    (
        GIVEN,
        ["extended 03-08 10:00 old=03-08", "extended 03-09 10:00 new=03-20"],
        "close",
        "03-13",
        "not_due",
        "03-20",
        "platform",
    ),  # no new due, no old
    (
        GIVEN,
        ["extended 03-07 10:00 new=03-20", "reopened 03-08 10:00 old=03-07 new=03-09"],
        "close",
        "03-13",
        "overdue",
        "03-09",
        "platform",
    ),
    (
        GIVEN,
        ["closed 03-14 10:00", "reopened 03-15 10:00 new=03-24"],
        "close",
        "03-20",
        "not_due",
        "03-24",
        "platform",
    ),  # effective, late or not
    (GIVEN, ["closed 03-14 10:00", "reopened 03-15 10:00"], "close", "03-20", "overdue", "03-10 12:00", "platform"),
    (GIVEN, ["closed 03-10 10:00", "reopened 03-10 11:00 new=03-24", "closed 03-25 10:00"], "close", "03-27", "late", "03-24", "platform"),
    (GIVEN, ["closed 03-13 10:00", "extended 03-13 11:00 new=03-24"], "close", "03-20", "late", "03-10 12:00", "platform"),
    (
        GIVEN,
        ["handled 03-10 11:00", "extended 03-10 11:30 new=03-10T11:45"],
        "close",
        "03-20",
        "on_time",
        "03-10 12:00",
        "platform",
    ),  # at done_at
    (CONSULT, ["extended 03-08 new=03-15"], "close", "03-10", "not_due", "03-15", "platform"),
    (CONSULT, ["extended 03-09 00:00 new=03-15"], "close", "03-10", "overdue", "03-08", "rule"),
    (CONSULT, ["extended 03-05 09:00 new=03-15"], "close", "03-10", "not_due", "03-15", "platform"),  # told before received
    (PROVINCIAL, ["extended 03-07 09:00 new=03-15"], "close", "03-10", "not_due", "03-15", "platform"),  # not started: the change's
    (PROVINCIAL, ["extended 03-07 09:00 new=03-15", "accepted 03-08 09:00"], "close", "03-16 09:00", "overdue", "03-15", "platform"),
    (
        {**BOARD, "received": "2018-03-05 09:00"},
        ["extended 03-07 09:00 new=03-15"],
        "close",
        "03-10",
        "not_due",
        "03-15",
        "platform",
    ),  # no due
    # -- pauses
    (CONSULT, ["suspended 03-07 09:00", "resumed 03-09 09:00"], "close", "03-10", "not_due", "03-10", "rule"),  # Wed and Thu: Friday
    (CONSULT, ["suspended 03-07 09:00"], "close", "03-20", "not_due", "03-08", "rule"),  # runs: only holds back
    (CONSULT, ["suspended 03-09 09:00", "resumed 03-10 09:00"], "close", "03-10 10:00", "overdue", "03-08", "rule"),  # began after the due
    (
        CONSULT,
        ["suspended 03-07 09:00", "resumed 03-09 09:00", "suspended 03-10", "resumed 03-13 09:00"],
        "close",
        "03-14",
        "overdue",
        "03-13",
        "rule",
    ),
    (
        CONSULT,
        ["suspended 03-07 09:00", "closed 03-09 09:00"],
        "close",
        "03-20",
        "on_time",
        "03-10",
        "rule",
    ),  # the close ends it and it counts
    (GIVEN, ["suspended 03-09 09:00", "resumed 03-14 09:00"], "close", "03-13", "not_due", "03-10 12:00", "platform"),  # holds back
    (
        GIVEN,
        ["suspended 03-09 09:00", "resumed 03-14 09:00"],
        "close",
        "03-14 09:00",
        "overdue",
        "03-10 12:00",
        "platform",
    ),  # moves nothing
    (BOARD, ["suspended 03-20 09:00", "resumed 03-29 09:00"], "close", "03-28", "not_due", "03-27", "rule"),  # not pausable: holds back
    (BOARD, ["suspended 03-20 09:00", "resumed 03-29 09:00"], "close", "03-29", "overdue", "03-27", "rule"),
    (
        CASE,
        ["suspended 03-07 09:00", "dispatched 03-08 09:00", "resumed 03-09 09:00"],
        "close",
        "03-14",
        "not_due",
        "03-14",
        "rule",
    ),  # 9, 10, 13, +1
    (
        CASE,
        ["suspended 03-07 09:00", "resumed 03-08 09:00", "dispatched 03-09 09:00"],
        "close",
        "03-15",
        "overdue",
        "03-14",
        "rule",
    ),  # before its start
    (CASE, ["suspended 03-07 09:00", "dispatched 03-08 09:00"], "close", "03-20", "not_due", "03-13", "rule"),  # no due then: it counts
    (CASE, ["suspended 03-07 09:00"], "close", "03-20", "not_started", None, None),
    (
        CONSULT,
        ["suspended 03-07 09:00", "resumed 03-09 09:00", "extended 03-10 new=03-20"],
        "close",
        "03-13",
        "not_due",
        "03-20",
        "platform",
    ),
    (
        CONSULT,
        ["suspended 03-07 09:00", "extended 03-09 09:00 new=03-20"],
        "close",
        "03-13",
        "not_due",
        "03-08",
        "rule",
    ),  # running: late by 8
    # -- reply
    (CONSULT, ["replied 03-27"], "reply", "03-28", "on_time", "03-27", "rule"),
    (CONSULT, ["replied 03-28 00:00"], "reply", "03-28", "late", "03-27", "rule"),
    (CONSULT, ["replied 03-10 09:00", "replied 03-28 09:00"], "reply", "03-28", "on_time", "03-27", "rule"),  # the first
    (CONSULT, ["first_reply 03-07 09:00"], "reply", "03-28", "overdue", "03-27", "rule"),  # an acknowledgement is none
    (CONSULT, ["replied 03-10 09:00", "reopened 03-13 09:00"], "reply", "03-28", "on_time", "03-27", "rule"),  # not undone
    (CONSULT, ["extended 03-08 09:00 new=04-10"], "reply", "03-28", "not_due", "04-10", "platform"),  # the later of the two
    (CONSULT, ["extended 03-08 09:00 new=03-20"], "reply", "03-28", "overdue", "03-27", "rule"),
    (CONSULT, ["extended 03-08 09:00 new=04-10", "replied 03-28 09:00"], "reply", "03-28", "on_time", "04-10", "platform"),
    (CONSULT, ["replied 03-28 09:00", "reopened 03-29 09:00 new=04-10"], "reply", "03-30", "late", "03-27", "rule"),  # at the reply
    (GIVEN, [], "reply", "03-20", "not_due", "03-27", "rule"),  # the platform's due is the close clock's
    (CONSULT, ["suspended 03-24 09:00", "resumed 03-28 09:00"], "reply", "03-29", "not_due", "03-29", "rule"),  # by its own due: Mon, Tue
    (PROVINCIAL, ["extended 03-07 09:00 new=03-15"], "reply", "03-10", "not_started", None, None),
    (PROVINCIAL, ["replied 03-07 10:00"], "reply", "03-20", "on_time", "05-05", "rule"),
    (CASE, ["replied 03-07 10:00"], "reply", "03-20", "no_deadline", None, None),
    # -- withdrawn freezes accept and reply
    (CONSULT, ["withdrawn 03-20 09:00"], "reply", "04-20", "not_due", "03-27", "rule"),
    (CONSULT, ["withdrawn 03-28 09:00", "replied 03-28 10:00"], "reply", "04-20", "overdue", "03-27", "rule"),
    (CONSULT, ["withdrawn 03-20 09:00", "withdrawn 03-28 09:00"], "reply", "04-20", "not_due", "03-27", "rule"),  # the first
    (CONSULT, ["withdrawn 03-20 09:00", "reopened 03-21 09:00"], "reply", "04-20", "overdue", "03-27", "rule"),  # set going again
    (CONSULT, ["replied 03-20 09:00", "withdrawn 03-20 09:00"], "reply", "04-20", "on_time", "03-27", "rule"),
    (CONSULT, ["closed 03-20 09:00", "withdrawn 03-28 09:00"], "reply", "04-20", "overdue", "03-27", "rule"),  # a withdrawal, closed or not
    (PROVINCIAL, ["withdrawn 03-20 09:00"], "accept", "04-20", "not_due", "03-21", "rule"),
    (PROVINCIAL, ["withdrawn 03-20 09:00"], "reply", "04-20", "not_started", None, None),
    # -- accept
    (PROVINCIAL, ["accepted 03-21"], "accept", "04-20", "on_time", "03-21", "rule"),
    (PROVINCIAL, ["accepted 03-22 00:00"], "accept", "04-20", "late", "03-21", "rule"),
    (PROVINCIAL, ["extended 03-10 09:00 new=04-30"], "accept", "03-22", "overdue", "03-21", "rule"),  # unmoved
    (PROVINCIAL, ["suspended 03-10 09:00", "resumed 03-15 09:00"], "accept", "03-22", "overdue", "03-21", "rule"),  # unmoved
    (PROVINCIAL, ["suspended 03-10 09:00"], "accept", "03-22", "not_due", "03-21", "rule"),  # but held back
    (PROVINCIAL, ["suspended 03-22 09:00"], "accept", "03-23", "overdue", "03-21", "rule"),
    (CASE, ["accepted 03-06 11:00"], "accept", "03-06", "on_time", "03-06 11:00", "rule"),
    (CONSULT, ["accepted 03-06 11:00"], "accept", "03-06", "no_deadline", None, None),
]


@pytest.mark.parametrize(("ticket", "events", "kind", "T", "verdict", "due", "source"), CLOCK_CASES)
def test_clocks(ticket: dict[str, Any], events: list[str], kind: str, T: str, verdict: str, due: str | None, source: str | None) -> None:
    version = told(**{"received": "03-06 09:00", **ticket}) if not events else with_events(ticket, events)
    clock = seen(version, T).clocks[kind]
    assert (clock.verdict, clock.due_at, clock.due_source) == (verdict, at(due) if due else None, source)


def with_events(ticket: dict[str, Any], events: list[str]) -> Version:
    version = told(**{"received": "03-06 09:00", **ticket})
    return replace(version, events=[*version.events, *map(event, events)])


STARTS = [
    (GIVEN, [], "03-06 09:00"),  # a platform's due: at received
    (PROVINCIAL, ["accepted 03-08 10:00"], "03-08 10:00"),
    (PROVINCIAL, ["accepted 03-05 10:00"], "03-06 09:00"),  # takes effect at received
    (PROVINCIAL, ["closed 03-07 10:00"], "03-06 09:00"),
    (PROVINCIAL, ["extended 03-07 09:00 new=03-15"], "03-06 09:00"),
    (PROVINCIAL, [], None),
]


@pytest.mark.parametrize(("ticket", "events", "start"), STARTS)
def test_starts(ticket: dict[str, Any], events: list[str], start: str | None) -> None:
    assert seen(with_events(ticket, events), "03-10").clocks["close"].started_at == (at(start) if start else None)


def test_done_at_is_what_the_platform_says_even_before_received() -> None:
    found = seen(with_events(PROVINCIAL, ["accepted 03-05 10:00", "closed 03-06 08:00"]), "03-06 09:00")
    assert found.closed
    assert (found.clocks["accept"].done_at, found.clocks["close"].done_at) == (at("03-05 10:00"), at("03-06 08:00"))
    assert found.handling_seconds == -3600


PROVISIONAL = [
    # received, source and type, due, provisional; 31 December 2026 is a Thursday
    ("2026-12-28 09:00", {"ticket_type": "consult"}, "2026-12-30", False),
    ("2026-12-29 09:00", {"ticket_type": "consult"}, "2026-12-31", False),
    ("2026-12-30 09:00", {"ticket_type": "consult"}, "2027-01-01", True),  # plain weekdays: a Friday
    ("2026-12-31 09:00", {"ticket_type": "consult"}, "2027-01-04", True),  # Friday, Monday
    ("2026-12-31 09:00", {"ticket_type": "consult", "due": "2027-01-10"}, "2027-01-10", False),  # the platform's
]


@pytest.mark.parametrize(("received", "ticket", "due", "provisional"), PROVISIONAL)
def test_a_due_in_an_unpublished_year_is_provisional(received: str, ticket: dict[str, Any], due: str, provisional: bool) -> None:
    clock = seen(told(H, received, **ticket), received).clocks["close"]
    assert (clock.due_at, clock.provisional) == (at(due), provisional)


def test_days_around_the_clock_are_never_provisional() -> None:
    clock = seen(told("provincial", "2026-12-31 09:00", "accepted 2026-12-31 10:00"), "2026-12-31").clocks["close"]
    assert (clock.due_at, clock.provisional) == (at("2027-03-01"), False)  # 31 December + 60: 31 January is 31, 28 February 59


# ---------------------------------------------------------------------------------------------- §4 rules

NOISE = """\
smart_city 公众举报 * * 城建/噪音 close received 1 hour none yes 2023-03-01
smart_city 公众举报 * * 环保 close received 3 hour none yes 2023-03-01
"""
RULE_CASES = [
    ({"channel": "公众举报", "category": "城建/噪音"}, "03-06 09:00", "03-06 10:00"),
    ({"channel": "公众举报", "category": "城建/噪音/施工"}, "03-06 09:00", "03-06 10:00"),  # a leading path
    ({"channel": "公众举报", "category": "环保/扬尘"}, "03-06 09:00", "03-06 12:00"),
    ({"channel": "公众举报", "category": "城建/噪音施工"}, "03-06 09:00", None),  # not at a /
    ({"channel": "公众举报", "category": "城建"}, "03-06 09:00", None),  # wider than the rule
    ({"channel": "公众举报", "category": None}, "03-06 09:00", None),  # null matches only *
    ({"channel": None, "category": "城建/噪音"}, "03-06 09:00", None),
    ({"channel": "公众举报", "category": "城建/噪音", "urgency": "urgent"}, "03-06 09:00", "03-06 10:00"),  # three fields beat two
    ({"channel": "公众举报", "category": "城建/噪音"}, "02-28 09:00", None),  # Tuesday, the day before it is in force
]


@pytest.mark.parametrize(("ticket", "received", "due"), RULE_CASES)
def test_the_row_that_applies(ticket: dict[str, Any], received: str, due: str | None) -> None:
    found = seen(told("smart_city", received, **ticket), received, NOISE)
    assert found.clocks["close"].due_at == (at(due) if due else None)


COLLISIONS = [
    ("hotline_12345 wechat * * * close received 4 hour none yes 2023-01-01", True),  # two fields, as (hotline, consult)
    ("hotline_12345 wechat consult * * close received 4 hour none yes 2023-01-01", False),  # three
    ("hotline_12345 * praise * * close received 4 hour none yes 2023-01-01", False),  # another type
    ("hotline_12345 * * * * accept received 4 hour none yes 2023-01-01", False),  # another clock
    ("* * consult * * reply received 4 hour none yes 2023-01-01", True),  # one field, as (hotline) for reply
]


@pytest.mark.parametrize(("row", "collides"), COLLISIONS)
def test_rows_of_equal_rank_stop_everything(row: str, collides: bool) -> None:
    if collides:
        with pytest.raises(ValueError, match="equal rank"):
            default_world(more_rules=row)
    else:
        default_world(more_rules=row)


# ---------------------------------------------------------------------------------------------- §2 versions

OLD = told(H, "03-06 09:00", known="03-07 03:00", updated="03-06 20:00", payload_hash="5", title="old")
NEWEST = [
    (replace(OLD, known_at=at("03-08 03:00"), title="new"), None, "new"),
    (replace(OLD, known_at=at("03-08 03:00"), title="new"), "03-08 03:00", "new"),  # fetched at K counts
    (replace(OLD, known_at=at("03-08 03:00"), title="new"), "03-08 02:59:59", "old"),
    (replace(OLD, known_at=at("03-08 03:00"), updated_at=at("03-01 09:00"), title="new"), None, "new"),  # known_at before update time
    (replace(OLD, updated_at=at("03-06 21:00"), payload_hash="1", title="new"), None, "new"),  # one known_at: the later update time
    (replace(OLD, payload_hash="4", title="new"), None, "old"),  # then the larger hash
    (replace(OLD, payload_hash="6", title="new"), None, "new"),
]


@pytest.mark.parametrize(("other", "K", "title"), NEWEST)
@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_version(other: Version, K: str | None, title: str, turned: bool) -> None:
    world = default_world(*([other, OLD] if turned else [OLD, other]))
    found = state(world, OLD.ticket_id, at("03-20"), at(K) if K else None)
    assert found is not None
    assert found.version.title == title


def test_before_anything_is_known_there_is_nothing() -> None:
    assert state(default_world(OLD), OLD.ticket_id, at("03-20"), at("03-07 02:59:59")) is None


def test_a_later_version_replaces_the_events_and_T_may_lie_after_K() -> None:
    new = replace(OLD, known_at=at("03-08 03:00"), ticket_type="consult", events=[OLD.events[0], event("closed 03-20 09:00")])
    closed = replace(OLD, events=[OLD.events[0], event("closed 03-06 18:00")])
    world = default_world(closed, new)
    answers = [
        state(world, OLD.ticket_id, at(T), at(K)) for T, K in (("03-10", "03-07 04:00"), ("03-10", "03-08 04:00"), ("03-21", "03-08 04:00"))
    ]
    assert [found and (found.closed, found.verdict("close")) for found in answers] == [
        (True, "on_time"),
        (False, "overdue"),
        (True, "late"),
    ]


# ---------------------------------------------------------------------------------------------- §5 metrics

PERCENTS = [
    (0, 0, None),
    (0, 7, "0.00"),
    (7, 7, "100.00"),
    (162, 197, "82.23"),
    (162, 163, "99.39"),
    (245, 246, "99.59"),
    (1, 800, "0.13"),  # 0.125: half up
    (99_999, 100_000, "99.99"),  # 99.999 would round to 100.00
    (199_989, 200_000, "99.99"),  # 99.9945
    (1, 100_000, "0.01"),  # 0.001 would round to 0.00
    (1, 20_000, "0.01"),  # 0.005: half up
]


@pytest.mark.parametrize(("numerator", "denominator", "text"), PERCENTS)
def test_percent(numerator: int, denominator: int, text: str | None) -> None:
    assert percent(numerator, denominator) == text


def test_change() -> None:
    assert (change(110, 100), change(90, 100), change(5, 0)) == (Fraction(1, 10), Fraction(-1, 10), None)


DAYS = [
    ([], "0.5", None),
    ([86400], "0.9", "1.0"),
    ([0, 86400], "0.5", "0.5"),
    ([0, 86400], "0.9", "0.9"),
    ([0, 86400, 864000], "0.9", "8.2"),  # place 1.8: 1 + 0.8 × 9
    ([21600], "0.5", "0.3"),  # 0.25: half up
    ([12960], "0.5", "0.2"),  # 0.15: half up, exactly
    ([12959], "0.5", "0.1"),
]


@pytest.mark.parametrize(("seconds", "share", "days"), DAYS)
def test_handling_days(seconds: list[int], share: str, days: str | None) -> None:
    assert percentile_days(seconds, Fraction(share)) == (Decimal(days) if days else None)


# One ticket each, received on Monday 6 March 09:00, asked on Friday 31 March: which counts it is in.
METRIC_CASES: list[tuple[dict[str, Any], list[str], str]] = [
    (CONSULT, [], "received open overdue due reply_due"),
    (CONSULT, ["replied 03-07 09:00", "closed 03-07 10:00"], "received closed closed_on_time due replied reply_due"),
    (CONSULT, ["closed 03-10 10:00"], "received closed closed_late due reply_due"),  # closed without an answer: one was due
    (CONSULT, ["withdrawn 03-07 10:00"], "received closed closed_on_time due reply_due"),  # a withdrawal is closed
    (CONSULT, ["extended 03-08 09:00 new=04-10"], "received open not_due extended"),  # reply moves with it: not due either
    (CONSULT, ["extended 03-20 09:00 new=04-10"], "received open overdue due reply_due extended"),  # ineffective, still an extension
    (CONSULT, ["suspended 03-07 09:00"], "received open suspended not_due"),
    (CONSULT, ["returned 03-07 09:00"], "returned"),  # valid or not
    (CONSULT, ["returned 03-07 09:00", "dispatched 03-07 10:00"], "received open overdue due reply_due returned"),
    (CONSULT, ["not_accepted 03-07 09:00"], ""),
    (CONSULT, ["returned 03-07 09:00", "not_accepted 03-07 10:00"], "returned"),
    (CONSULT, ["closed 03-07 09:00", "reopened 04-03 09:00"], "received closed closed_on_time due reply_due"),  # after T
    (CONSULT, ["closed 03-07 09:00", "reopened 03-08 09:00"], "received open overdue due reply_due reworked"),
    (
        CONSULT,
        ["replied 03-07 09:00", "rated 03-08 09:00 is=basically_satisfied"],
        "received open overdue due replied reply_due rated satisfied",
    ),
    (CONSULT, ["replied 03-07 09:00", "rated 03-08 09:00 is=dissatisfied"], "received open overdue due replied reply_due rated"),
    (CONSULT | {"repeat": True}, ["closed 03-06 08:00"], "received closed closed_on_time due reply_due repeat negative_durations"),
    (PROVINCIAL, [], "received open not_started"),
    (CASE | {"channel": "公众举报"}, ["dispatched 03-06 10:00", "handled 03-07 10:00"], "received open closed_on_time due"),  # under check
    (
        CASE | {"channel": "公众举报"},
        ["dispatched 03-06 10:00", "replied 03-07 10:00", "closed 03-07 10:00"],
        "received closed closed_on_time due",
    ),
    (CASE | {"channel": "市局巡查"}, ["dispatched 03-06 10:00"], ""),  # no appeal
]


@pytest.mark.parametrize(("ticket", "events", "counted"), METRIC_CASES)
def test_counts(ticket: dict[str, Any], events: list[str], counted: str) -> None:
    version = with_events(ticket, events)
    world = default_world(version)
    row = metrics(world, "appeals", *YEAR, date(2023, 3, 31))[()]
    assert {key for key, value in row.items() if isinstance(value, int) and value} == set(counted.split())
    for key, value in row.items():
        if isinstance(value, int):
            assert tickets(world, key, "appeals", *YEAR, date(2023, 3, 31)) == ({version.ticket_id} if value else set())


def test_rates() -> None:
    rows = [
        (CONSULT, ["accepted 03-06 10:00", "replied 03-07 09:00", "closed 03-07 10:00", "rated 03-08 09:00 is=satisfied"]),
        (CONSULT, ["first_reply 03-06 10:00", "closed 03-10 10:00"]),  # late, reply overdue
        (CONSULT, ["rated 03-08 09:00 is=dissatisfied"]),  # overdue, open
        (PROVINCIAL | {"repeat": True}, ["accepted 03-22 09:00"]),  # accepted late, close and reply run
        (PROVINCIAL, []),  # acceptance overdue
        (CASE | {"channel": "公众举报"}, ["accepted 03-06 10:30", "dispatched 03-06 11:00", "closed 03-07 09:00"]),
    ]
    versions = [replace(with_events(*row), ticket_id=str(number)) for number, row in enumerate(rows)]
    row = metrics(default_world(*versions), "appeals", *YEAR, date(2023, 3, 31))[()]
    assert {key: value for key, value in row.items() if isinstance(value, tuple)} == {
        "closure_rate": (3, 6),
        "on_time_rate": (2, 4),
        "on_time_rate_closed": (2, 3),
        "reply_rate": (1, 3),
        "first_reply_rate": (4, 6),
        "on_time_reply_rate": (1, 3),
        "acceptance_rate": (1, 3),
        "satisfaction_rate": (1, 2),
        "rating_rate": (1, 3),
        "repeat_rate": (1, 6),
    }
    # 25 hours, 4 days 1 hour, 24 hours: the median is 1.0417 days, p90 is 25 h + 0.8 × 72 h = 82.6 h = 3.4417 days
    assert (row["handling_days_median"], row["handling_days_p90"]) == (Decimal("1.0"), Decimal("3.4"))


def test_the_window_is_dates_inclusive() -> None:
    edges = ["2022-12-31 23:59:59", "01-01 00:00", "12-31 23:59:59", "2024-01-01 00:00"]
    world = default_world(*(told(H, edge, number=number) for number, edge in enumerate(edges)))
    assert tickets(world, "received", "appeals", *YEAR, date(2024, 6, 1)) == {f"{H}:1", f"{H}:2"}
    assert tickets(world, "received", "appeals", *YEAR, date(2023, 12, 30)) == {f"{H}:1"}  # received by T
    assert tickets(world, "received", "appeals", *YEAR, at("12-31 23:59:58")) == {f"{H}:1"}


def test_groups() -> None:
    one = told(H, "03-06 09:00", "dispatched 03-07 09:00 unit=甲", number=1, category="城建/噪音", unit="乙", ticket_type="consult")
    two = told(H, "04-30 23:59:59", number=2, category="城建", unit="乙", area="罗阳街道")
    out = told("provincial", "05-01 00:00", "returned 05-02 09:00", number=3)
    gone = told("provincial", "06-01 00:00", "not_accepted 06-02 09:00", number=4)
    world = default_world(one, two, out, gone)

    def received(*by: str) -> dict[tuple[str | None, ...], Any]:
        return {key: row["received"] for key, row in metrics(world, "appeals", *YEAR, YEAR[1], by=by).items()}

    assert received("source") == {(H,): 2, ("provincial",): 0}
    assert received("category") == {("城建",): 2, (None,): 0}
    assert received("month", "unit") == {("2023-03", "甲"): 1, ("2023-04", "乙"): 1, ("2023-05", None): 0}
    assert received("area", "ticket_type") == {(None, "consult"): 1, ("罗阳街道", None): 1, (None, None): 0}
    assert metrics(world, "cases", *YEAR, YEAR[1], by=("unit",)) == {}
    assert metrics(world, "cases", *YEAR, YEAR[1])[()]["received"] == 0


def test_a_rate_has_no_list() -> None:
    with pytest.raises(KeyError):
        tickets(default_world(), "closure_rate", "appeals", *YEAR, YEAR[1])


def test_visits() -> None:
    rows = [told("visits", "03-06 09:00", "accepted 03-06 10:00", number=1), told("visits", "03-06 09:00", number=2)]
    world = default_world(*rows, told("visits", "03-08 09:00", "accepted 03-08 09:00", number=3), told(H, "03-06 09:00"))
    asked = [metrics(world, "visits", *YEAR, at(T))[()] for T in ("03-06 09:59", "03-06", "03-08")]
    assert [(row["visits"], row["visits_received"], row["visit_rate"]) for row in asked] == [(2, 0, (0, 2)), (2, 1, (1, 2)), (3, 2, (2, 3))]
    assert metrics(world, "appeals", *YEAR, YEAR[1])[()]["received"] == 1


# ---------------------------------------------------------------------------------------------- §5 flow

FLOWS = [
    # events of a ticket received Monday 6 March 09:00; flow of Wednesday 8 to Friday 10 March
    ([], "opening=1 closing=1"),
    (["closed 03-09 09:00"], "opening=1 closed=1"),
    (["withdrawn 03-08 00:00"], "opening=1 closed=1"),  # the first second of the period
    (["withdrawn 03-07 23:59:59"], ""),
    (["closed 03-10 23:59:59"], "opening=1 closed=1"),  # its last
    (["closed 03-11 00:00"], "opening=1 closing=1"),
    (["closed 03-07 09:00", "reopened 03-08 09:00", "closed 03-09 09:00"], "reopened=1 closed=1"),
    (["closed 03-08 09:00", "closed 03-09 09:00"], "opening=1 closed=1"),  # the second is no passage
    (["returned 03-08 09:00", "dispatched 03-09 09:00"], "opening=1 excluded=1 restored=1 closing=1"),
    (["returned 03-08 09:00", "closed 03-09 09:00", "dispatched 03-10 09:00"], "opening=1 excluded=1"),  # closed while out
    (["closed 03-08 09:00", "returned 03-09 09:00", "reopened 03-10 09:00"], "opening=1 closed=1"),  # reopened while out
    (["returned 03-07 09:00", "accepted 03-09 09:00"], "restored=1 closing=1"),
    (["not_accepted 03-09 09:00", "duplicate 03-10 09:00"], "opening=1 excluded=1"),
    (["closed 03-08 09:00", "duplicate 03-09 09:00"], "opening=1 closed=1"),  # not open any more
]


@pytest.mark.parametrize(("events", "numbers"), FLOWS)
def test_flow(events: list[str], numbers: str) -> None:
    world = default_world(told(H, "03-06 09:00", *events))
    wanted = {name: int(value) for name, value in (word.split("=") for word in numbers.split())}
    row = flow(world, "appeals", date(2023, 3, 8), date(2023, 3, 10))[()]
    assert {name: value for name, value in row.items() if value} == wanted
    assert flow(world, "appeals", date(2023, 3, 8), date(2023, 3, 10), by=("source",)) == ({(H,): row} if wanted else {})


def test_flow_counts_every_ticket_registered_in_the_period() -> None:
    world = default_world(told(H, "03-08 00:00", "closed 03-07 09:00", number=1), told(H, "03-10", "not_accepted 03-10", number=2))
    row = flow(world, "appeals", date(2023, 3, 8), date(2023, 3, 10))[()]
    assert {name: value for name, value in row.items() if value} == {"received": 2, "closed": 1, "excluded": 1}


# ---------------------------------------------------------------------------------------------- §6 the seed's figures


def seed_year(overdue: int) -> World:
    """197 appeals, 35 of them open, ``overdue`` of these long since due; 11 visits, all received."""
    appeals: list[Version] = []
    for number in range(3):
        appeals.append(
            told("provincial", "03-06 09:00", "accepted 03-07 09:00", "replied 04-07 09:00", "closed 04-07 09:00", number=number)
        )
        appeals.append(told("smart_city", "03-06 09:00", "dispatched 03-06 10:00", "closed 03-07 09:00", number=number, channel="公众举报"))
    for number in range(18):
        appeals.append(told("online_politics", "03-06 09:00", "replied 03-08 09:00", "closed 03-08 09:00", number=number))
    for number in range(173 - 35):
        appeals.append(told(H, "03-06 09:00", "replied 03-08 09:00", "closed 03-08 09:00", number=number, ticket_type="complaint"))
    for number in range(35):  # 25 December + 15 working days runs into January 2024
        received = "06-05 09:00" if number < overdue else "12-25 09:00"
        appeals.append(told(H, received, "replied 12-26 09:00", number=1000 + number, ticket_type="complaint"))
    other = [told("smart_city", "03-06 09:00", number=100, channel="市局巡查")]
    visits = [told("visits", "03-06 09:00", "accepted 03-06 09:30", number=number) for number in range(11)]
    return default_world(*appeals, *other, *visits)


def test_the_seed_year() -> None:
    world = seed_year(overdue=0)
    row = metrics(world, "appeals", *YEAR, YEAR[1])[()]
    assert [row[key] for key in ("received", "open", "closed", "not_due", "due")] == [197, 35, 162, 35, 162]
    assert [printed(row, key) for key in ("closure_rate", "on_time_rate", "reply_rate")] == ["82.23", "100.00", "100.00"]
    by = {key[0]: found["received"] for key, found in metrics(world, "appeals", *YEAR, YEAR[1], by=("source",)).items()}
    assert by == {"provincial": 3, "smart_city": 3, "online_politics": 18, H: 173}
    assert printed(metrics(world, "visits", *YEAR, YEAR[1])[()], "visit_rate") == "100.00"


def test_the_negative_twin() -> None:
    row = metrics(seed_year(overdue=1), "appeals", *YEAR, YEAR[1])[()]
    assert (row["open"], row["on_time_rate"], row["on_time_rate_closed"]) == (35, (162, 163), (162, 162))
    assert [printed(row, key) for key in ("on_time_rate", "on_time_rate_closed")] == ["99.39", "100.00"]


def test_the_seed_cases() -> None:
    channels = {"工地扬尘监控": 29, "惠民城管通": 17, "公众举报": 3, "市局巡查": 40, "县局巡查": 157}
    names = [channel for channel, count in channels.items() for _ in range(count)]
    events = ["dispatched 03-06 10:00", "closed 03-08 09:00"]
    cases = [
        told("smart_city", "03-06 09:00", *events[: 1 if number == 245 else 2], number=number, channel=name)
        for number, name in enumerate(names)
    ]
    world = default_world(*cases)
    window = (date(2023, 1, 1), date(2023, 10, 24), date(2023, 10, 24))
    row = metrics(world, "cases", *window)[()]
    assert ([row[key] for key in ("received", "closed", "open")], printed(row, "closure_rate")) == ([246, 245, 1], "99.59")
    assert {key[0]: found["received"] for key, found in metrics(world, "cases", *window, by=("channel",)).items()} == channels
    assert tickets(world, "received", "appeals", *window) == {f"smart_city:{number}" for number in range(46, 49)}


def printed(row: dict[str, Any], key: str) -> str | None:
    return percent(*row[key])


# ---------------------------------------------------------------------------------------------- what always holds

SLOW = hypothesis_settings(max_examples=150, deadline=None)


@SLOW
@given(lives(), st.integers(0, 2**32))
def test_the_classes_partition_the_valid(versions: list[Version], seed: int) -> None:
    chance = Random(seed)
    for version in versions:
        found = state_of(settings(), version, random_moment(chance, version))
        if found:
            for kind in CLOCKS:
                clock = found.clocks[kind]
                assert (clock.verdict in CLASSES) == found.valid
                assert clock.verdict is None or (clock.due_at is None) == (clock.verdict in ("no_deadline", "not_started"))
            assert found.open == (found.valid and not found.closed)
            assert found.open or not found.suspended


@SLOW
@given(lives(), st.randoms(use_true_random=False))
def test_the_state_is_that_of_the_set_of_versions(versions: list[Version], chance: Random) -> None:
    turned = [*versions, *versions]
    chance.shuffle(turned)
    T, K = random_moment(chance, chance.choice(versions)), chance.choice(versions).known_at
    for known in (K, None):
        first, second = (state(settings(told_so), versions[0].ticket_id, T, known) for told_so in (versions, turned))
        assert first == second


def test_flow_is_the_difference_of_stocks_and_classes_add_up() -> None:
    world = settings(random_lives(seed=20231231, n=400))
    for begin, end in [
        (date(2023, 1, 1), date(2023, 1, 31)),
        (date(2023, 9, 27), date(2023, 10, 9)),
        (date(2022, 1, 1), date(2027, 12, 31)),
    ]:
        for population in ("appeals", "cases"):
            for row in flow(world, population, begin, end, by=("source",)).values():
                ins = row["opening"] + row["received"] + row["reopened"] + row["restored"]
                assert ins - row["closed"] - row["excluded"] == row["closing"]
            stock = metrics(world, population, date(2015, 1, 1), end, end)[()]
            assert stock["open"] == flow(world, population, begin, end)[()]["closing"]
            numbers = [stock[key] for key in ("closed_on_time", "closed_late", "overdue", "not_due", "no_deadline", "not_started")]
            assert sum(value for value in numbers if isinstance(value, int)) == stock["received"]


def test_groups_add_up_and_lists_agree_with_figures() -> None:
    world = settings(random_lives(seed=7, n=300))
    T, K = date(2023, 10, 9), datetime(2023, 10, 5, 3, tzinfo=BEIJING)
    total = metrics(world, "appeals", date(2022, 1, 1), T, T, K)[()]
    groups = metrics(world, "appeals", date(2022, 1, 1), T, T, K, by=("source", "unit"))
    for key, value in total.items():
        if isinstance(value, int):
            lists = [tickets(world, key, "appeals", date(2022, 1, 1), T, T, K, ("source", "unit"), group) for group in groups]
            assert [len(found) for found in lists] == [row[key] for row in groups.values()]
            assert sum(map(len, lists)) == value == len(tickets(world, key, "appeals", date(2022, 1, 1), T, T, K))


def test_random_lives_are_the_same_for_one_seed() -> None:
    assert random_lives(3, 50) == random_lives(3, 50) != random_lives(4, 50)
