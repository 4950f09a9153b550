"""The metric page (metrics.md) in plain Python, one ticket after the other, to be read beside it.

It shares nothing with the project's SQL but the words of ``petitions.model``. Every line that implements a clause quotes its
section; where the page leaves a corner open, the reading taken is marked ``READING``.

- ``state(world, ticket_id, T, K)``: one ticket at one moment, as known at another
- ``metrics(...)``: every metric of §5 per group: counts as int, rates as (numerator, denominator), days as Decimal
- ``tickets(...)``: the ticket ids behind a count
- ``flow(...)``: the passages into and out of ``open`` in a period
- ``percent(numerator, denominator)``: the text that a rate prints as; ``change(now, then)``: 同比 and 环比
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from petitions.model import BEIJING, EVENT_TYPES, Event

CLOCKS = ("accept", "reply", "close")
CLASSES = ("on_time", "late", "overdue", "not_due", "no_deadline", "not_started")
SPECIFIC = ("source", "channel", "ticket_type", "urgency", "category")

Moment = datetime | date  # §1 "A date D given as as-of means D 23:59:59"
Calendar = Callable[[date], tuple[bool, bool]]  # a day -> (is it a working day, is its year published)
Value = int | tuple[int, int] | Decimal | None


@dataclass(frozen=True)
class Version:
    """What a platform told about a ticket at one fetch. ``events`` stand in the platform's order."""

    ticket_id: str
    source: str
    known_at: datetime
    updated_at: datetime
    payload_hash: str
    received_at: datetime
    channel: str | None = None
    ticket_type: str | None = None
    urgency: str | None = None
    category: str | None = None
    area: str | None = None
    unit: str | None = None
    repeat: bool = False
    restricted: bool = False
    due_at: datetime | None = None
    limit_amount: int | None = None
    limit_unit: str | None = None
    title: str | None = None
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Rule:
    """One row of the table of time limits, or the limit that a smart-city record carries."""

    id: str
    start_event: str
    amount: int
    unit: str
    roll: str
    pausable: bool


@dataclass(frozen=True)
class Due:
    at: datetime
    source: str  # "platform" or "rule"
    rule: str | None = None
    provisional: bool = False


@dataclass(frozen=True)
class Pause:
    begin: int  # its `suspended`: place in the fold
    began: datetime
    ended: datetime | None


@dataclass(frozen=True)
class Clock:
    """One clock at T. ``due_at`` is the due that the class was judged by: in force at ``done_at``, else at T."""

    kind: str
    started_at: datetime | None
    due_at: datetime | None
    due_source: str | None
    rule: str | None
    provisional: bool
    done_at: datetime | None
    verdict: str | None  # the class; None for a ticket that is not valid


@dataclass(frozen=True)
class State:
    """One ticket at (T, K)."""

    version: Version
    valid: bool
    closed: bool
    open: bool
    suspended: bool
    closed_at: datetime | None
    unit: str | None
    rating: str | None
    clocks: dict[str, Clock]
    counts: Counter[str]  # events at or before T, by type
    visit_received: bool

    def verdict(self, kind: str) -> str | None:
        return self.clocks[kind].verdict

    @property
    def replied(self) -> bool:
        return self.counts["replied"] > 0

    @property
    def first_replied(self) -> bool:
        """§5 first_reply_rate: "has `first_reply`, `replied` or `accepted`"."""
        return self.counts["first_reply"] + self.counts["replied"] + self.counts["accepted"] > 0

    @property
    def handling_seconds(self) -> int | None:
        """§5: "`done_at − received_at` of the close clock, closed tickets"."""
        done_at = self.clocks["close"].done_at
        return int((done_at - self.version.received_at).total_seconds()) if self.closed and done_at else None


@dataclass
class World:
    """All versions that ever landed, and the settings that the figures depend on.

    :raises ValueError: for two rules that one ticket could match on one day with equal right (§4).
    """

    versions: list[Version]
    rules: list[dict[str, str]]
    calendar: Calendar
    office_hours: Sequence[tuple[time, time]] = ((time(8), time(12)), (time(14), time(18)))
    appeal_channels: Sequence[str] = ("公众举报",)
    holiday_roll: str = "none"
    _lives: dict[int, Life] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for i, one in enumerate(self.rules):
            for other in self.rules[i + 1 :]:
                if rules_collide(one, other):
                    raise ValueError(f"two rules of equal rank for one ticket: {rule_id(one)} and {rule_id(other)}")

    def life(self, version: Version) -> Life:
        if id(version) not in self._lives:
            self._lives[id(version)] = Life(self, version)
        return self._lives[id(version)]


# ---------------------------------------------------------------------------------------------- the questions


def state(world: World, ticket_id: str, T: Moment, K: datetime | None = None) -> State | None:
    """The ticket at (T, K); None where nothing is known of it at K, or it is not received by T."""
    version = newest(world, K).get(ticket_id)
    return state_of(world, version, T) if version else None


def metrics(
    world: World, population: str, start: date, end: date, T: Moment, K: datetime | None = None, by: Sequence[str] = ()
) -> dict[tuple[str | None, ...], dict[str, Value]]:
    """§5, per group. A group exists where one of its tickets is counted somewhere; without ``by`` there is one group, always."""
    groups: dict[tuple[str | None, ...], list[State]] = defaultdict(list)
    for found in received_in_window(world, population, start, end, T, K):
        # READING (§5): `returned` alone looks at invalid tickets, so only they bring a group of nothing else into being.
        if found.valid or found.counts["returned"]:
            groups[group_key(found, by)].append(found)
    if not by:
        groups.setdefault((), [])
    return {key: figures(population, states) for key, states in groups.items()}


def tickets(
    world: World,
    key: str,
    population: str,
    start: date,
    end: date,
    T: Moment,
    K: datetime | None = None,
    by: Sequence[str] = (),
    group: tuple[str | None, ...] = (),
) -> set[str]:
    """The tickets behind a count. A rate or a duration has no list (KeyError)."""
    counted = counts_of(population)[key]
    found = received_in_window(world, population, start, end, T, K)
    return {one.version.ticket_id for one in found if group_key(one, by) == group and counted(one)}


def flow(
    world: World, population: str, start: date, end: date, K: datetime | None = None, by: Sequence[str] = ()
) -> dict[tuple[str | None, ...], dict[str, int]]:
    """§5 Flow. READING: attributes to group by are those of K; the unit is that at the end of ``to``. Groups of zeros are left out."""
    begin, finish = first_second(start), moment(end)
    rows: dict[tuple[str | None, ...], Counter[str]] = defaultdict(Counter)
    for version in of_population(world, population, K):
        life = world.life(version)
        passages = life_flow(life, begin, finish)
        found = state_of(world, version, finish)
        if found and any(passages.values()):
            rows[group_key(found, by)].update(passages)
    if not by:
        rows.setdefault((), Counter())
    names = ("opening", "received", "reopened", "restored", "closed", "excluded", "closing")
    return {key: {name: row[name] for name in names} for key, row in rows.items()}


def percent(numerator: int, denominator: int) -> str | None:
    """§5 "rounded once, ROUND_HALF_UP to 2 decimals of a percent; denominator 0 gives null"; 99.99 and 0.01 as the clamps."""
    if denominator == 0:
        return None
    hundredths = half_up(Fraction(numerator * 10000, denominator))
    if numerator < denominator and hundredths >= 10000:  # "A rate below 1 never prints as 100.00 %"
        hundredths = 9999
    if numerator > 0 and hundredths == 0:  # "nor one above 0 as 0.00 %"
        hundredths = 1
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def change(now: Fraction | int, then: Fraction | int) -> Fraction | None:
    """§5 "(now − then) / then, null where then is 0"."""
    return None if then == 0 else Fraction(now - then) / then


# ---------------------------------------------------------------------------------------------- §2 versions


def newest(world: World, K: datetime | None) -> dict[str, Version]:
    """§2 "its newest version with known_at <= K. Two versions with one known_at: the one with the later platform update time wins,
    then the larger payload hash"."""
    best: dict[str, Version] = {}
    for version in world.versions:
        if K is not None and version.known_at > K:
            continue
        held = best.get(version.ticket_id)
        if held is None or rank(version) > rank(held):
            best[version.ticket_id] = version
    return best


def rank(version: Version) -> tuple[datetime, datetime, str]:
    return version.known_at, version.updated_at, version.payload_hash


# ---------------------------------------------------------------------------------------------- §2, §4 one ticket


@dataclass(frozen=True)
class Happening:
    """An event in the fold: ``at`` is when it takes effect."""

    type: str
    at: datetime
    event: Event

    @property
    def told_at(self) -> datetime:
        """When it occurred as the platform says; differs from ``at`` only before `received`."""
        assert self.event.occurred_at is not None
        return self.event.occurred_at


class Life:
    """The fold of one version. ``n`` is everywhere "when the first n events have happened"."""

    def __init__(self, world: World, version: Version) -> None:
        self.world = world
        self.version = version
        self.received_at = version.received_at.astimezone(BEIJING)
        self.events = in_order(version)
        self._rules = {kind: rule_for(world, version, kind) for kind in CLOCKS}
        self._dues: dict[tuple[str, int], Due | None] = {}

    def happened(self, T: datetime) -> int:
        """§2 "the fold of the events with occurred_at <= T"; none before `received`, for they "take effect at it"."""
        return sum(1 for h in self.events if h.at <= T)

    # ---- §2 "At T:"

    def valid(self, n: int) -> bool:
        seen = [h.type for h in self.events[:n]]
        if not seen:  # "received at or before T"
            return False
        if "not_accepted" in seen or "duplicate" in seen:  # "leaves the valid population, for good"
            return False
        moves = [t for t in seen if t in ("accepted", "dispatched", "returned")]
        return not (moves and moves[-1] == "returned")  # "while it is the latest of {accepted, dispatched, returned}"

    def closed(self, n: int) -> bool:
        """ "the last of {closed, withdrawn, reopened} is not `reopened`"."""
        ends = [h.type for h in self.events[:n] if h.type in ("closed", "withdrawn", "reopened")]
        return bool(ends) and ends[-1] != "reopened"

    def open(self, n: int) -> bool:
        return self.valid(n) and not self.closed(n)

    def since_reopened(self, n: int) -> range:
        """Places in the fold after the last `reopened`."""
        last = max((i for i in range(n) if self.events[i].type == "reopened"), default=-1)
        return range(last + 1, n)

    def standing_close(self, n: int) -> int | None:
        """ "the close that stands is the first `closed` or `withdrawn` after the last `reopened`"."""
        return next((i for i in self.since_reopened(n) if self.events[i].type in ("closed", "withdrawn")), None)

    def unit(self, n: int) -> str | None:
        """ "The unit at T is that of the last `dispatched` event with a unit at or before T, else the record's"."""
        units = [h.event.unit for h in self.events[:n] if h.type == "dispatched" and h.event.unit]
        return units[-1] if units else self.version.unit

    def rating(self, n: int) -> str | None:
        """ "last one counts". READING (§2): a `rated` that tells no satisfaction is no rating, as 未评价 is none."""
        values = [h.event.satisfaction for h in self.events[:n] if h.type == "rated" and h.event.satisfaction]
        return values[-1] if values else None

    # ---- §4 Done, Start

    def done(self, kind: str, n: int) -> int | None:
        """The place of the event that ends the clock."""
        if kind == "accept":  # "the first `accepted`"
            return next((i for i in range(n) if self.events[i].type == "accepted"), None)
        if kind == "reply":  # "the first `replied`"
            return next((i for i in range(n) if self.events[i].type == "replied"), None)
        # "the last `handled` after the last `reopened`, else the close that stands at T"
        # READING: also a `handled` that follows a `withdrawn` or `closed` is the last `handled`.
        handled = [i for i in self.since_reopened(n) if self.events[i].type == "handled"]
        return handled[-1] if handled else self.standing_close(n)

    def rule(self, kind: str) -> Rule | None:
        return self._rules[kind]

    def rule_started_at(self, kind: str, n: int) -> datetime | None:
        """ "A rule's clock starts at the first occurrence of its start event; where the clock is done before that event ever occurred,
        it starts at `received`" (before: in the order of the fold)."""
        rule = self.rule(kind)
        if rule is None or n == 0:
            return None
        start = next((i for i in range(n) if self.events[i].type == rule.start_event), None)
        done = self.done(kind, n)
        if done is not None and (start is None or done < start):
            return self.received_at
        return self.events[start].at if start is not None else None

    def started_at(self, kind: str, n: int) -> datetime | None:
        if kind == "close":
            if self.platform_due() is not None:  # "A due supplied by the platform starts its clock at `received`"
                return self.received_at
            changes = self.due_changes(n)
            # A change of a rule clock not yet started: started at received from the moment of the change.
            # READING: a rule clock that had started keeps its start.
            if changes and self.rule_started_at(kind, changes[0]) is None:
                return self.received_at
            if changes:
                return self.rule_started_at(kind, n) or self.received_at
        return self.rule_started_at(kind, n)

    # ---- §4 "Which due applies to `close` at time T", reply, accept

    def due(self, kind: str, n: int) -> Due | None:
        """The due in force when n events have happened; None where there is none (no rule, or not started)."""
        if (kind, n) not in self._dues:
            self._dues[kind, n] = self._due(kind, n)
        return self._dues[kind, n]

    def _due(self, kind: str, n: int) -> Due | None:
        if kind == "accept":  # "its rule, unmoved"
            return self.rule_due(kind, n)
        changed = self.changed_due(n)
        if kind == "close":
            return changed or self.platform_due() or self.rule_due(kind, n)  # 1., 2., 2. "otherwise the rule's"
        own = self.rule_due(kind, n)  # READING: no platform supplies a due for `reply`, a rule alone does
        if own is None:  # "without a due of its own it stays no_deadline, before its start not_started"
            return None
        # "or the new_due of the due change in force for `close` … where that is later"
        return changed if changed is not None and changed.at > own.at else own

    def changed_due(self, n: int) -> Due | None:
        """1. "The `new_due` of the last due change at or before T". READING: its due_source is platform, whatever it changed."""
        changes = self.due_changes(n)
        if not changes:
            return None
        new_due = self.events[changes[-1]].event.new_due
        assert new_due is not None
        return Due(new_due, "platform")

    def due_changes(self, n: int) -> list[int]:
        """ "A *due change* is an effective `extended`, or a `reopened` with `new_due`"."""
        return [i for i in range(n) if self.events[i].type in ("extended", "reopened") and self.is_due_change(i)]

    def is_due_change(self, i: int) -> bool:
        happening = self.events[i]
        if happening.event.new_due is None:
            return False
        if happening.type == "reopened":
            return True
        # `extended`: "effective only if it has a new_due and occurred at or before the due then in force".
        # Where no due at all is in force it is effective. READING: "occurred" is when it took effect (clipped to received),
        # "then" is before it in the order of the fold.
        then = self.due("close", i)
        return then is None or happening.at <= then.at

    def platform_due(self) -> Due | None:
        """2. "the `old_due` of the first `extended` or `reopened` with a `new_due` in the version's event list that tells one, effective
        or not, also one after T …; otherwise the due the platform supplies". READING: first in the order of the fold."""
        for h in self.events:
            if h.type in ("extended", "reopened") and h.event.new_due is not None and h.event.old_due is not None:
                return Due(h.event.old_due, "platform")
        return Due(self.version.due_at, "platform") if self.version.due_at else None

    def rule_due(self, kind: str, n: int) -> Due | None:
        """The rule's due, moved by the counting pauses that have ended (3.)."""
        rule, start = self.rule(kind), self.rule_started_at(kind, n)
        if rule is None or start is None:
            return None
        moving = []
        if rule.pausable and kind != "accept":  # "Only a due that comes from a *rule* marked `pausable` moves"; accept never
            for pause in self.pauses(n):
                # "It counts … only from the clock's start on"
                if pause.ended is not None and pause.ended > start and self.counts(kind, pause):
                    moving.append((max(pause.began, start), pause.ended))
        at = time_limit(self.world, rule, start, moving)
        return Due(at, "rule", rule.id, uses_calendar(rule) and not self.world.calendar(at.date())[1])

    def pauses(self, n: int) -> list[Pause]:
        """ "from `suspended` to the first of `resumed`, `handled`, `closed`, `withdrawn` after it".
        READING: whether the ticket is open, closed or returned meanwhile; a `reopened` or `returned` ends none."""
        found: list[Pause] = []
        for i in range(n):
            here = self.events[i]
            running = bool(found) and found[-1].ended is None
            if here.type == "suspended" and not running:  # "A second `suspended` inside a pause changes nothing"
                found.append(Pause(i, here.at, None))
            elif here.type in ("resumed", "handled", "closed", "withdrawn") and running:
                found[-1] = Pause(found[-1].begin, found[-1].began, here.at)
        return found

    def counts(self, kind: str, pause: Pause) -> bool:
        """ "It counts if it began at or before the due then in force"; "Each clock judges pauses by its own due; where no due is in force
        every pause counts". READING: the reply clock's own due is its due in force, a later due change included; "then" is before the
        `suspended` in the order of the fold; what counted once counts for good, also inside a due that comes into force later."""
        then = self.due(kind, pause.begin)
        return then is None or pause.began <= then.at

    def in_counting_pause(self, kind: str, n: int) -> bool:
        pauses = self.pauses(n)
        return bool(pauses) and pauses[-1].ended is None and self.counts(kind, pauses[-1])

    # ---- §4 Class

    def clock(self, kind: str, T: datetime) -> Clock:
        n = self.happened(T)
        valid = self.valid(n)
        if kind != "close":
            # "withdrawn … freezes `accept` and `reply`: their class stays what it was at the moment of the first `withdrawn`
            # since the last `reopened`". READING: the moment itself, everything of that second included (the pause that the
            # withdrawal ends has ended); the whole clock is shown as it stood then.
            withdrawn = next((i for i in self.since_reopened(n) if self.events[i].type == "withdrawn"), None)
            if withdrawn is not None:
                T = self.events[withdrawn].at
                n = self.happened(T)
        done = self.done(kind, n)
        # "the due in force at `done_at`". READING: at the end of that second, where the event takes effect; else at T.
        judged = n if done is None else self.happened(self.events[done].at)
        due = self.due(kind, judged)
        return Clock(
            kind=kind,
            started_at=self.started_at(kind, judged),
            due_at=due.at if due else None,
            due_source=due.source if due else None,
            rule=due.rule if due else None,
            provisional=due.provisional if due else False,
            done_at=self.events[done].told_at if done is not None else None,
            verdict=self.judge(kind, n, done, due, T) if valid else None,
        )

    def judge(self, kind: str, n: int, done: int | None, due: Due | None, T: datetime) -> str:
        if due is None:
            # READING: these two come before `not_due` by a pause. A clock done before any due came into force has no deadline.
            return "no_deadline" if done is not None or self.rule(kind) is None else "not_started"
        if done is not None:
            return "on_time" if self.events[done].told_at <= due.at else "late"
        if due.at >= T or self.in_counting_pause(kind, n):
            return "not_due"
        return "overdue"


def in_order(version: Version) -> list[Happening]:
    """§2 "in the order of ties at one instant (two of one type at one instant: the platform's order)"; what is told before `received`
    takes effect at it and is a tie there."""
    received = [e for e in version.events if e.event_type == "received"]
    if len(received) != 1 or received[0].occurred_at != version.received_at:
        raise ValueError(f"{version.ticket_id}: expected exactly one received event at received_at, found {len(received)}")
    found = []
    for event in version.events:
        if event.occurred_at is None:
            raise ValueError(f"{version.ticket_id}: a {event.event_type} event without its time; give it the export date's")
        at = max(event.occurred_at, version.received_at).astimezone(BEIJING)
        found.append(Happening(event.event_type, at, event))
    return sorted(found, key=lambda h: (h.at, EVENT_TYPES.index(h.type)))  # a stable sort: the platform's order stays


def state_of(world: World, version: Version, T: Moment) -> State | None:
    T = moment(T)
    life = world.life(version)
    n = life.happened(T)
    if n == 0:
        return None
    close = life.standing_close(n)
    return State(
        version=version,
        valid=life.valid(n),
        closed=life.closed(n),
        open=life.open(n),
        suspended=life.open(n) and life.in_counting_pause("close", n),  # "`suspended` goes by the `close` clock"
        closed_at=life.events[close].told_at if close is not None else None,
        unit=life.unit(n),
        rating=life.rating(n),
        clocks={kind: life.clock(kind, T) for kind in CLOCKS},
        counts=Counter(h.type for h in life.events[:n]),
        visit_received=any(h.type == "accepted" and h.told_at <= T for h in life.events[:n]),
    )


# ---------------------------------------------------------------------------------------------- §4 rules and units


def rule_for(world: World, version: Version, kind: str) -> Rule | None:
    """§4 "the row in force on the day of `received_at` applies"; "the row with most fields given wins"."""
    limited = version.source == "smart_city" and version.due_at is None
    if kind == "close" and limited and version.limit_amount is not None and version.limit_unit is not None:
        # sources.md 2: the record's own limit, from its (first) dispatch, pausable, before any rule of the table.
        return Rule("smart_city:time_limit", "dispatched", version.limit_amount, version.limit_unit, "none", True)
    day = version.received_at.astimezone(BEIJING).date()
    rows = [row for row in world.rules if row["clock"] == kind and in_force(row, day) and rule_matches(row, version)]
    if not rows:
        return None
    row = max(rows, key=fields_given)
    return Rule(
        rule_id(row), row["start_event"], int(row["amount"]), row["unit"], row["roll"] or world.holiday_roll, row["pausable"] == "yes"
    )


def rule_id(row: dict[str, str]) -> str:
    """A name for a row, ours alone: the project may name its rows as it likes."""
    return ",".join([*(row[name] for name in SPECIFIC), row["clock"], row["effective_from"]])


def in_force(row: dict[str, str], day: date) -> bool:
    """ "effective_from, effective_to (inclusive)"; empty: without end."""
    first, last = span(row)
    return first <= day <= last


def span(row: dict[str, str]) -> tuple[date, date]:
    last = date.fromisoformat(row["effective_to"]) if row["effective_to"] else date.max
    return date.fromisoformat(row["effective_from"]), last


def rule_matches(row: dict[str, str], version: Version) -> bool:
    """A null attribute matches only `*`; a category matches the whole path or a leading part of it."""
    for name in SPECIFIC:
        wanted, found = row[name], getattr(version, name)
        if wanted == "*":
            continue
        if found is None:
            return False
        if found != wanted and not (name == "category" and found.startswith(wanted + "/")):
            return False
    return True


def fields_given(row: dict[str, str]) -> int:
    return sum(row[name] != "*" for name in SPECIFIC)


def rules_collide(one: dict[str, str], other: dict[str, str]) -> bool:
    """ "two rows of equal number that one ticket could match on one day are an error when the table is loaded"."""
    if one["clock"] != other["clock"] or fields_given(one) != fields_given(other):
        return False
    (a, b), (c, d) = span(one), span(other)
    return a <= d and c <= b and all(compatible(name, one[name], other[name]) for name in SPECIFIC)


def compatible(name: str, one: str, other: str) -> bool:
    if one == "*" or other == "*" or one == other:
        return True
    return name == "category" and (one.startswith(other + "/") or other.startswith(one + "/"))


def uses_calendar(rule: Rule) -> bool:
    """Which units a year without a published calendar makes provisional."""
    return rule.unit in ("working_day", "working_hour") or (rule.unit == "calendar_day" and rule.roll == "next_workday")


def time_limit(world: World, rule: Rule, start: datetime, pauses: list[tuple[datetime, datetime]]) -> datetime:
    """§4 Units. ``pauses`` are those that move the due, cut to the clock's running time."""
    if rule.unit == "hour":  # "start + n hours, around the clock"; moved "by the paused time"
        return start + timedelta(hours=rule.amount) + sum((end - begin for begin, end in pauses), timedelta())
    if rule.unit == "working_hour":  # "n office hours after the start"; moved "by the paused working time"
        wanted = timedelta(hours=rule.amount)
        for begin, end in pauses:
            wanted += office_time(world, begin, end)
        return after_office_time(world, start, wanted)
    # "the number of working days (days) after the day it began up to and including the day it ended, before any roll"
    if rule.unit == "working_day":  # "end of the n-th working day after the start date"
        days = rule.amount + sum(1 for begin, end in pauses for day in days_after(begin, end) if world.calendar(day)[0])
        last = start.date()
        while days:
            last += timedelta(days=1)
            days -= world.calendar(last)[0]
        return moment(last)
    if rule.unit == "calendar_day":  # "end of (start date + n)"
        last = start.date() + timedelta(days=rule.amount + sum(1 for begin, end in pauses for _ in days_after(begin, end)))
        while rule.roll == "next_workday" and not world.calendar(last)[0]:  # "moves to the next working day"
            last += timedelta(days=1)
        return moment(last)
    raise ValueError(f"{rule.id}: expected calendar_day, working_day, hour or working_hour, found {rule.unit}")


def days_after(begin: datetime, end: datetime) -> Iterator[date]:
    day = begin.date()
    while day < end.date():
        day += timedelta(days=1)
        yield day


def office_spans(world: World, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of office time of working days from ``start`` on, without end."""
    day = start.date()
    while True:
        if world.calendar(day)[0]:
            for opens, closes in world.office_hours:
                begin = max(start, datetime.combine(day, opens, BEIJING))
                end = datetime.combine(day, closes, BEIJING)
                if begin < end:
                    yield begin, end
        day += timedelta(days=1)


def office_time(world: World, begin: datetime, end: datetime) -> timedelta:
    total = timedelta()
    for opens, closes in office_spans(world, begin):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total


def after_office_time(world: World, start: datetime, wanted: timedelta) -> datetime:
    """The first instant at which so much office time has passed: four hours from 08:00 end at 12:00, not at 14:00."""
    for opens, closes in office_spans(world, start):
        if closes - opens >= wanted:
            return opens + wanted
        wanted -= closes - opens
    raise AssertionError("office time has no end")


# ---------------------------------------------------------------------------------------------- §3, §5


def in_population(world: World, version: Version, population: str) -> bool:
    """§3."""
    if population == "appeals":
        if version.source == "smart_city":  # "of smart_city only the channels marked as appeals"
            return version.channel in world.appeal_channels
        return version.source in ("provincial", "online_politics", "hotline_12345")
    return version.source == {"cases": "smart_city", "visits": "visits"}[population]


def of_population(world: World, population: str, K: datetime | None) -> list[Version]:
    return [version for version in newest(world, K).values() if in_population(world, version, population)]


def received_in_window(world: World, population: str, start: date, end: date, T: Moment, K: datetime | None) -> list[State]:
    """All tickets received in the window and by T, valid or not. §5 "window [from, to] on received_at (dates, inclusive)"."""
    found = []
    for version in of_population(world, population, K):
        if start <= version.received_at.astimezone(BEIJING).date() <= end:
            one = state_of(world, version, T)
            if one is not None:
                found.append(one)
    return found


def group_key(found: State, by: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(group_value(found, name) for name in by)


def group_value(found: State, name: str) -> str | None:
    version = found.version
    if name == "category":  # sources.md "Group-by uses the first level"
        return version.category.split("/")[0] if version.category else None
    if name == "month":
        return f"{version.received_at.astimezone(BEIJING):%Y-%m}"
    if name == "unit":
        return found.unit
    if name not in ("source", "channel", "ticket_type", "area"):
        raise ValueError(f"expected source, channel, ticket_type, category, unit, area or month, found {name}")
    value: str | None = getattr(version, name)
    return value


Condition = Callable[[State], bool]


def is_in(kind: str, *classes: str) -> Condition:
    return lambda s: s.valid and s.verdict(kind) in classes


def tells_replies(s: State) -> bool:
    """§5 "both only over sources that tell replies (all but smart_city)"."""
    return s.version.source != "smart_city"


def is_received(s: State) -> bool:
    return s.valid  # "`Reg` = valid tickets received in the window"


def is_closed(s: State) -> bool:
    return s.valid and s.closed


def is_replied(s: State) -> bool:
    return s.valid and tells_replies(s) and s.replied


def is_reply_due(s: State) -> bool:
    """ "replied + (not replied and (closed, or reply clock overdue))"."""
    return s.valid and tells_replies(s) and (s.replied or s.closed or s.verdict("reply") == "overdue")


def is_rated(s: State) -> bool:
    return s.valid and s.rating is not None


def is_satisfied(s: State) -> bool:
    return s.valid and s.rating in ("satisfied", "basically_satisfied")


def is_negative(s: State) -> bool:
    """ "closed tickets with `done_at` before `received_at`"."""
    return s.valid and s.handling_seconds is not None and s.handling_seconds < 0


COUNTS: dict[str, Condition] = {
    "received": is_received,
    "closed": is_closed,
    "open": lambda s: s.open,
    "suspended": lambda s: s.suspended,
    "closed_on_time": is_in("close", "on_time"),
    "closed_late": is_in("close", "late"),
    "overdue": is_in("close", "overdue"),
    "not_due": is_in("close", "not_due"),
    "no_deadline": is_in("close", "no_deadline"),
    "not_started": is_in("close", "not_started"),
    "due": is_in("close", "on_time", "late", "overdue"),
    "replied": is_replied,
    "reply_due": is_reply_due,
    "rated": is_rated,
    "satisfied": is_satisfied,
    "repeat": lambda s: s.valid and s.version.repeat,
    "returned": lambda s: s.counts["returned"] > 0,  # "counted over all received in the window, valid or not"
    "reworked": lambda s: s.valid and s.counts["reopened"] > 0,
    "extended": lambda s: s.valid and s.counts["extended"] > 0,
    "negative_durations": is_negative,
}

RATES: dict[str, tuple[Condition, Condition]] = {
    "closure_rate": (is_closed, is_received),
    "on_time_rate": (COUNTS["closed_on_time"], COUNTS["due"]),
    "on_time_rate_closed": (COUNTS["closed_on_time"], is_in("close", "on_time", "late")),
    "reply_rate": (is_replied, is_reply_due),
    "first_reply_rate": (lambda s: s.valid and s.first_replied, is_received),
    # READING: over all sources; a smart-city ticket is in it where a rule gives it a reply clock.
    "on_time_reply_rate": (is_in("reply", "on_time"), is_in("reply", "on_time", "late", "overdue")),
    "acceptance_rate": (is_in("accept", "on_time"), is_in("accept", "on_time", "late", "overdue")),
    "satisfaction_rate": (is_satisfied, is_rated),
    "rating_rate": (lambda s: is_rated(s) and is_closed(s), is_closed),
    "repeat_rate": (COUNTS["repeat"], is_received),
}

# READING: the register has these three keys and no others; tickets have all but these.
VISIT_COUNTS: dict[str, Condition] = {"visits": lambda s: True, "visits_received": lambda s: s.visit_received}
VISIT_RATES = {"visit_rate": (VISIT_COUNTS["visits_received"], VISIT_COUNTS["visits"])}


def counts_of(population: str) -> dict[str, Condition]:
    return VISIT_COUNTS if population == "visits" else COUNTS


def figures(population: str, states: list[State]) -> dict[str, Value]:
    rates = VISIT_RATES if population == "visits" else RATES
    found: dict[str, Value] = {key: sum(map(counted, states)) for key, counted in counts_of(population).items()}
    for key, (above, below) in rates.items():
        found[key] = (sum(map(above, states)), sum(map(below, states)))
    if population != "visits":
        seconds = sorted(s.handling_seconds for s in states if s.valid and s.handling_seconds is not None and s.handling_seconds >= 0)
        found["handling_days_median"] = percentile_days(seconds, Fraction(1, 2))
        found["handling_days_p90"] = percentile_days(seconds, Fraction(9, 10))
    return found


def percentile_days(seconds: list[int], share: Fraction) -> Decimal | None:
    """§5 "seconds / 86400, linear interpolation (percentile_cont), 1 decimal half up"; None without durations."""
    if not seconds:
        return None
    place = share * (len(seconds) - 1)
    low = math.floor(place)
    high = min(low + 1, len(seconds) - 1)
    days = (seconds[low] + (place - low) * (seconds[high] - seconds[low])) / 86400
    return Decimal(half_up(days * 10)).scaleb(-1)


def life_flow(life: Life, begin: datetime, finish: datetime) -> Counter[str]:
    """§5 "passages of tickets into and out of `open`, each named by its event"."""
    row: Counter[str] = Counter()
    row["opening"] = int(life.open(life.happened(begin - timedelta(seconds=1))))
    row["closing"] = int(life.open(life.happened(finish)))
    for i, here in enumerate(life.events):
        was_open, is_open = life.open(i), life.open(i + 1)
        if was_open != is_open and begin <= here.at <= finish:
            row[PASSAGES[here.type]] += 1
    return row


PASSAGES = {
    "received": "received",
    "reopened": "reopened",
    "accepted": "restored",
    "dispatched": "restored",
    "closed": "closed",
    "withdrawn": "closed",
    "returned": "excluded",
    "not_accepted": "excluded",
    "duplicate": "excluded",
}


# ---------------------------------------------------------------------------------------------- §1


def moment(T: Moment) -> datetime:
    """§1 "A date D given as as-of means D 23:59:59"; always in Beijing time."""
    if isinstance(T, datetime):
        return T.astimezone(BEIJING)
    return datetime.combine(T, time(23, 59, 59), BEIJING)


def first_second(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))
