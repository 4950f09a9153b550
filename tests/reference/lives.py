"""Nasty but possible lives of tickets, for comparing two evaluations of the metric page.

- ``random_lives(seed, n)``: the versions of ``n`` tickets, fast, the same for one seed
- ``lives()``: the same as a hypothesis strategy (one ticket, its versions), which shrinks
- ``rules()``: the default table of time limits and further rows for units, rolls, pauses and dates it does not use
- ``calendar``: the State Council's working days, plain weekdays where a year is not published

Instants stand on a coarse grid, and often exactly on, or a second beside, the due then in force, so that ties and edges occur.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from random import Random

import chinese_calendar
from hypothesis import strategies as st

from petitions.model import BEIJING, EVENT_TYPES, Event

from .evaluator import Life, Version, World, in_order

DEFAULT_RULES = Path(__file__).resolve().parents[2] / "config" / "time-limits.csv"

# The columns of time-limits.csv without its basis.
EXTRA_RULES = """\
source,channel,ticket_type,urgency,category,clock,start_event,amount,unit,roll,pausable,effective_from,effective_to
hotline_12345,wechat,consult,*,*,close,received,4,working_hour,none,yes,2022-01-01,2023-09-30
hotline_12345,wechat,consult,*,*,close,received,12,working_hour,none,yes,2023-10-01,
hotline_12345,web,complaint,*,*,close,dispatched,5,calendar_day,next_workday,yes,2022-01-01,2024-01-31
hotline_12345,web,complaint,*,*,close,received,3,calendar_day,none,yes,2024-02-01,
hotline_12345,app,help,*,*,close,accepted,24,hour,none,yes,2022-01-01,
hotline_12345,wechat,*,*,*,reply,dispatched,8,working_hour,none,yes,2022-01-01,
hotline_12345,app,*,*,*,reply,received,48,hour,none,yes,2022-01-01,
hotline_12345,*,*,*,*,accept,received,1,working_day,none,yes,2022-01-01,
smart_city,公众举报,*,*,城建/噪音,close,dispatched,4,calendar_day,next_workday,yes,2022-01-01,
smart_city,惠民城管通,*,urgent,*,close,received,4,working_hour,none,yes,2022-01-01,
smart_city,市局巡查,*,*,*,accept,dispatched,2,working_hour,none,no,2022-01-01,
smart_city,公众举报,*,*,*,reply,received,7,calendar_day,next_workday,yes,2022-01-01,
provincial,online,*,*,城建,close,accepted,30,working_day,none,yes,2023-10-01,2024-03-31
provincial,online,*,*,*,reply,received,15,working_day,none,yes,2022-05-01,
provincial,mobile,*,*,*,close,dispatched,10,calendar_day,,yes,2022-05-01,
online_politics,*,complaint,*,*,close,accepted,6,calendar_day,next_workday,yes,2022-01-01,
online_politics,*,complaint,*,*,reply,received,5,calendar_day,next_workday,yes,2022-01-01,
online_politics,*,consult,*,*,reply,dispatched,16,working_hour,none,yes,2023-05-01,
*,board,consult,*,*,accept,received,8,working_hour,none,yes,2022-01-01,
"""

# Each with what is near it: 春节, 调休 Saturdays and Sundays, 五一, 端午, 国庆, a leap day, the first days of rules, 2027 unpublished.
ANCHORS = [
    date(2018, 12, 26),
    date(2021, 12, 25),
    date(2022, 4, 29),
    date(2022, 12, 30),
    date(2023, 1, 18),
    date(2023, 1, 28),
    date(2023, 4, 21),
    date(2023, 5, 5),
    date(2023, 6, 20),
    date(2023, 9, 27),
    date(2023, 10, 7),
    date(2023, 12, 28),
    date(2024, 2, 2),
    date(2024, 2, 17),
    date(2024, 2, 28),
    date(2024, 4, 3),
    date(2024, 4, 28),
    date(2024, 9, 13),
    date(2024, 9, 29),
    date(2026, 12, 10),
    date(2026, 12, 30),
]
GRID = [time(0), time(8), time(9, 30), time(10), time(12), time(14), time(16), time(18), time(23, 59, 59)]

SOURCE_CHANNELS: dict[str, list[str | None]] = {
    "provincial": ["letter", "online", "mobile", None],
    "smart_city": ["公众举报", "惠民城管通", "市局巡查", None],
    "online_politics": ["board"],
    "hotline_12345": ["phone", "wechat", "web", "app", None],
}
TYPES = ["consult", "help", "complaint", "suggestion", None]
CATEGORIES = ["城建/噪音/施工", "城建/噪音", "城建", "城建噪音", "环保/扬尘", None]
UNITS = ["住建局", "城管局", "环保局", None]
AREAS = ["罗阳街道", "园洲镇", None]
SATISFACTION = ["satisfied", "basically_satisfied", "dissatisfied", None]
LIMITS = [(2, "hour"), (4, "working_hour"), (3, "working_day"), (5, "calendar_day")]

# What a platform tells by its code table today; every type can come from every source, for the tables are data.
WEIGHTS = {
    "accepted": 4,
    "not_accepted": 1,
    "duplicate": 1,
    "dispatched": 5,
    "signed": 1,
    "returned": 3,
    "extended": 5,
    "suspended": 5,
    "resumed": 4,
    "urged": 1,
    "supervised": 1,
    "first_reply": 1,
    "handled": 4,
    "replied": 4,
    "closed": 5,
    "reopened": 3,
    "withdrawn": 2,
    "rated": 2,
}
LOT = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
assert set(WEIGHTS) == set(EVENT_TYPES) - {"received"}


def random_lives(seed: int, n: int, first_number: int = 0) -> list[Version]:
    """The versions of ``n`` tickets in no particular order; numbers run from ``first_number``."""
    chance = Random(seed)
    found = [version for number in range(first_number, first_number + n) for version in life(chance, number)]
    chance.shuffle(found)
    return found


def lives(number: int = 0) -> st.SearchStrategy[list[Version]]:
    """The versions of one ticket."""
    return st.randoms(use_true_random=False).map(lambda chance: life(chance, number))


def random_moment(chance: Random, version: Version) -> datetime:
    """A T at which something about the version is likely to be on edge."""
    ticket = Life(blank(), version)
    edges = [h.at for h in ticket.events]
    for kind in ("accept", "reply", "close"):
        for n in range(1, len(ticket.events) + 1):
            due = ticket.due(kind, n)
            if due:
                edges.append(due.at)
    return chance.choice(edges) + timedelta(seconds=chance.choice([-1, 0, 0, 0, 1, 3600, 86400, 40 * 86400]))


@cache
def rules() -> list[dict[str, str]]:
    with DEFAULT_RULES.open(encoding="utf-8-sig", newline="") as lines:
        default = list(csv.DictReader(lines))
    extra = [{**row, "basis": "test"} for row in csv.DictReader(EXTRA_RULES.splitlines())]
    return default + extra


@cache
def calendar(day: date) -> tuple[bool, bool]:
    """(is a working day, is its year published)."""
    try:
        return chinese_calendar.is_workday(day), True
    except NotImplementedError:
        return day.weekday() < 5, False


def settings(versions: list[Version] | None = None) -> World:
    """A world of these versions under ``rules()``, ``calendar`` and the default office hours."""
    return World(versions or [], rules(), calendar)


@cache
def blank() -> World:
    """The settings alone, to ask a single life for its dues while it is made."""
    return settings()


# ---------------------------------------------------------------------------------------------- one life


def life(chance: Random, number: int) -> list[Version]:
    """One ticket: a final telling of its life, and what was told of it before."""
    if chance.random() < 0.05:
        return visit(chance, number)
    final = attributes(chance, number)
    final = replace(final, events=[Event("received", final.received_at)])
    for _ in range(chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 9, 11])):
        final = replace(final, events=[*final.events, next_event(chance, final)])
    if chance.random() < 0.3:  # the platform's order is not always the order of time
        chance.shuffle(final.events)
    return tellings(chance, final)


def attributes(chance: Random, number: int) -> Version:
    source = chance.choice(list(SOURCE_CHANNELS))
    received_at = grid_instant(chance, chance.choice(ANCHORS) + timedelta(days=chance.randint(-2, 12)))
    limit = chance.choice(LIMITS) if source == "smart_city" and chance.random() < 0.4 else (None, None)
    due_at = None
    if chance.random() < 0.25:
        due_at = grid_instant(chance, received_at.date() + timedelta(days=chance.randint(0, 12)))
    return Version(
        ticket_id=f"{source}:{number:016d}",
        source=source,
        known_at=received_at,
        updated_at=received_at,
        payload_hash="",
        received_at=received_at,
        channel=chance.choice(SOURCE_CHANNELS[source]),
        ticket_type=chance.choice(TYPES),
        urgency=chance.choice(["normal", "urgent", "extra_urgent", None]),
        category=chance.choice(CATEGORIES),
        area=chance.choice(AREAS),
        unit=chance.choice(UNITS),
        repeat=chance.random() < 0.2,
        restricted=chance.random() < 0.05,
        due_at=due_at,
        limit_amount=limit[0],
        limit_unit=limit[1],
        title=f"第{number}件",
    )


def next_event(chance: Random, told: Version) -> Event:
    kind = chance.choice(LOT)
    last = max(h.at for h in in_order(told))
    at = next_instant(chance, told, last)
    event = Event(kind, at)
    if kind == "dispatched":
        event.unit = chance.choice(UNITS)
    if kind == "rated":
        event.satisfaction = chance.choice(SATISFACTION)
    if kind == "extended" or (kind == "reopened" and chance.random() < 0.5):
        if chance.random() < 0.9:
            event.new_due = grid_instant(chance, max(at, told.received_at).date() + timedelta(days=chance.randint(0, 15)))
        if chance.random() < 0.35:
            event.old_due = grid_instant(chance, told.received_at.date() + timedelta(days=chance.randint(0, 12)))
    return event


def next_instant(chance: Random, told: Version, last: datetime) -> datetime:
    way = chance.randint(0, 19)
    if way < 5:  # a tie
        return last
    if way < 9:  # exactly at a due, or a second beside it
        due = Life(blank(), told).due(chance.choice(["close", "close", "reply", "accept"]), len(told.events))
        if due and due.at - told.received_at < timedelta(days=80):
            return due.at.astimezone(BEIJING) + timedelta(seconds=chance.choice([-1, 0, 0, 1]))
    if way == 9:  # a clock that goes wrong: before it was received
        return told.received_at - chance.choice([timedelta(seconds=1), timedelta(hours=2), timedelta(days=1), timedelta(days=3)])
    if way < 12:
        return last + timedelta(hours=chance.choice([1, 2, 4, 24]))
    return max(last, grid_instant(chance, last.date() + timedelta(days=chance.choice([0, 0, 1, 1, 2, 3, 5, 9, 20]))))


def grid_instant(chance: Random, day: date) -> datetime:
    return datetime.combine(day, chance.choice(GRID), BEIJING)


def visit(chance: Random, number: int) -> list[Version]:
    """A row of the visit register: `received` at 来访时间, `accepted` at 接访时间 where 接访人 is given."""
    base = attributes(chance, number)
    events = [Event("received", base.received_at)]
    if chance.random() < 0.7:
        gap = chance.choice([timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(hours=-1)])
        events.append(Event("accepted", base.received_at + gap))
    bare = Version(f"visits:{number:016d}", "visits", base.known_at, base.updated_at, "", base.received_at, title=base.title, events=events)
    return tellings(chance, bare)


# ---------------------------------------------------------------------------------------------- its versions


def tellings(chance: Random, final: Version) -> list[Version]:
    """One to four versions that end in ``final``; `known_at` and update times tie often. Equal content in a row is one version."""
    contents = [final]
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        contents.insert(0, earlier(chance, contents[0]))
    known_at = max(h.occurred_at for h in final.events if h.occurred_at) if chance.random() < 0.3 else final.received_at
    known_at = known_at.replace(hour=2, minute=30, second=0) + timedelta(days=1)
    updated_at = final.received_at
    told = []
    for content in contents:
        known_at += timedelta(days=chance.choice([0, 0, 1, 2, 5]))
        updated_at += timedelta(hours=chance.choice([0, 0, 1, 24]))
        told.append(replace(content, known_at=known_at, updated_at=updated_at, payload_hash=content_hash(content)))
    told.sort(key=lambda v: (v.known_at, v.updated_at, v.payload_hash))
    return [v for i, v in enumerate(told) if i == 0 or v.payload_hash != told[i - 1].payload_hash]


def earlier(chance: Random, later: Version) -> Version:
    """What the platform may have told before: fewer events, another time or attribute."""
    received, others = [e for e in later.events if e.event_type == "received"], [e for e in later.events if e.event_type != "received"]
    if others and chance.random() < 0.7:
        others.pop(chance.randrange(len(others)))
    if others and chance.random() < 0.4:
        i = chance.randrange(len(others))
        at = others[i].occurred_at
        assert at is not None
        others[i] = replace(others[i], occurred_at=at + timedelta(hours=chance.choice([-24, -1, 1, 24])))
    changed = replace(later, events=received + others)
    if later.source != "visits" and chance.random() < 0.5:
        other = attributes(chance, 0)
        names = ["ticket_type", "urgency", "category", "area", "unit", "repeat", "due_at"]
        name = chance.choice(names)
        changed = replace(changed, **{name: getattr(other, name)})
    if chance.random() < 0.1:  # the platform corrects the time of registration
        at = later.received_at - timedelta(days=1)
        changed = replace(changed, received_at=at, events=[replace(received[0], occurred_at=at), *others])
    return changed


def content_hash(content: Version) -> str:
    """Of attributes and events alone, as text of 32 hexadecimal digits."""
    bare = replace(content, known_at=content.received_at, updated_at=content.received_at, payload_hash="")
    return hashlib.sha256(repr(bare).encode()).hexdigest()[:32]
