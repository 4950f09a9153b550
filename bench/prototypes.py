"""A few hundred lives of the demo county per platform, each rendered once at each of its stages, with holes for what differs.

A made-up year of :mod:`platforms.demo` is the mould: its lives are told by the platforms' own ``record`` functions, so that a record here
looks as the stand-in platforms would send it. Times, numbers, names, telephone and house numbers become holes that :class:`Template`
fills; a ticket is then one formatted text and costs microseconds. Offsets are seconds after the Monday on which the week of
registration began, Beijing time: a life moved by whole weeks keeps its office hours and weekends.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import numpy as np

from petitions.sources.database import plain
from platforms import hotline, online_politics, provincial, smart_city
from platforms.demo import vocabulary as words
from platforms.demo.chance import _ID_WEIGHTS, Chance
from platforms.demo.hotline import hotline_year
from platforms.demo.online_politics import online_politics_year
from platforms.demo.provincial import provincial_year
from platforms.demo.smart_city import smart_city_year
from platforms.life import Life

EPOCH = datetime(1970, 1, 1)
BEIJING_SECONDS = 8 * 3600
DAY, WEEK = 86_400, 7 * 86_400
#: Stands where a life has no further step: later than any moment that is asked for.
NEVER = 2**40

#: Of all tickets so many are bad records and so many leave the valid population; of those that can be closed so many miss their due.
BAD, OUTSIDE, LATE = 0.002, 0.06, 0.1
# Bad at every stage of their life, so that the generator can say how many there are.
_BAD_ALWAYS = ("unknown_type", "no_created", "future_created", "no_registered", "unknown_status", "no_report_time", "unreadable_limit")
# Steps that are no content of a version (config/sources): a platform shows them, the warehouse keeps no new version for them.
_NO_CONTENT = ("archived", "forwarded", "revoked")


@dataclass(frozen=True)
class Lane:
    """One platform: its share of a province's tickets, where its lives come from, and how it tells one."""

    name: str
    share: float
    year: Callable[[Chance], list[Life]]
    years: int
    number: str  # from received day and serial number within the week
    tell: Callable[[Life], Any]


def _case(life: Life) -> dict[str, Any]:
    columns = {table: [part.split()[0] for part in told.split(", ") if part[0].isalpha()] for table, told in smart_city.TABLES.items()}

    def row(table: str, values: tuple[Any, ...]) -> dict[str, Any]:
        return plain(dict(zip(columns[table], values, strict=True)))

    return row("case_info", smart_city._case(life)) | {
        "flow": [row("case_flow_record", values) for values in smart_city._flow(life)],
        "adjustments": [row("case_adjustment_apply", values) for values in smart_city._adjustments(life)],
    }


def _row(life: Life) -> list[Any]:
    return online_politics.message_rows(life, "csv")[0]


LANES = (
    Lane("hotline_12345", 0.80, hotline_year, 6, words.COUNTY_CODE + "{day}{serial:06d}", hotline.record),
    Lane("smart_city", 0.12, smart_city_year, 3, words.COUNTY_CODE + "{day}{serial:05d}", _case),
    Lane("provincial", 0.05, provincial_year, 80, words.COUNTY_CODE + "00{day}{serial:06d}", provincial.record),
    Lane("online_politics", 0.03, online_politics_year, 30, "90{day}{serial:08d}", _row),
)


@dataclass
class Pool:
    """The prototypes of a lane. A stage is how many of its steps a life has behind it.

    ``steps`` [prototype, stage] is when the step after the stage happens, ``updated`` the platform update time at the stage, ``content``
    the stage that first showed the same content, ``valid`` and ``closed`` what the ticket then is; ``bad`` [prototype]: it does not load.
    """

    lane: Lane
    lives: list[Life]
    _told: dict[tuple[int, int], Template] = field(default_factory=dict)

    @classmethod
    def of(cls, lane: Lane, seed: int) -> Pool:
        chance = Chance(f"{seed} bench {lane.name}")
        made = (life for number in range(lane.years) for life in lane.year(Chance(f"{seed} bench {lane.name} {number}")))
        kept = [_enriched(life, chance) for life in made if _usable(life)]
        return cls(lane, sorted(kept, key=lambda life: life.received_at))

    def template(self, prototype: int, stage: int) -> Template:
        if (prototype, stage) not in self._told:
            self._told[prototype, stage] = Template.of(self.lane.tell(self._stage(self.lives[prototype], stage)), self._monday(prototype))
        return self._told[prototype, stage]

    @cached_property
    def weights(self) -> np.ndarray:
        """Chances of the prototypes, added up."""
        groups, shares = np.array([life.group for life in self.lives]), {"bad": BAD, "outside": OUTSIDE, "valid": 1 - BAD - OUTSIDE}
        weights = sum(share * (groups == group) / max(1, np.count_nonzero(groups == group)) for group, share in shares.items())
        return np.cumsum(weights / np.sum(weights))

    @cached_property
    def bad(self) -> np.ndarray:
        return np.array([life.group == "bad" for life in self.lives])

    @cached_property
    def received(self) -> np.ndarray:
        return np.array([_seconds(life.received_at) - self._monday(place) for place, life in enumerate(self.lives)], dtype=np.int64)

    @cached_property
    def steps(self) -> np.ndarray:
        """[prototype, stage], :data:`NEVER` after the last."""
        found = np.full((len(self.lives), 1 + max(len(life.facts) for life in self.lives)), NEVER, dtype=np.int64)
        for place, life in enumerate(self.lives):
            found[place, : len(life.facts)] = sorted(_seconds(fact.at) - self._monday(place) for fact in life.facts)
        return found

    @cached_property
    def updated(self) -> np.ndarray:
        later = np.where(self.steps == NEVER, 0, self.steps)
        return np.maximum.accumulate(np.column_stack([self.received, later]), axis=1)

    @cached_property
    def content(self) -> np.ndarray:
        return self._of_stages(self._content_stages)

    @cached_property
    def valid(self) -> np.ndarray:
        return self._of_stages(lambda life: [_is_valid(cut) for cut in self._stages(life)]).astype(bool)

    @cached_property
    def closed(self) -> np.ndarray:
        return self._of_stages(lambda life: [cut.is_closed for cut in self._stages(life)]).astype(bool)

    @cached_property
    def longest(self) -> int:
        """Weeks that the longest life touches."""
        return int(self.updated.max()) // WEEK + 1

    def _of_stages(self, told: Callable[[Life], list[Any]]) -> np.ndarray:
        found = np.zeros((len(self.lives), self.steps.shape[1]), dtype=np.int64)
        for place, life in enumerate(self.lives):
            values = told(life)
            found[place] = values + [values[-1]] * (found.shape[1] - len(values))
        return found

    def _content_stages(self, life: Life) -> list[int]:
        ordered = sorted(life.facts, key=lambda fact: fact.at)
        same, found = 0, [0]
        for stage, fact in enumerate(ordered, 1):
            unrated = fact.kind == "rated" and fact.value == "未评价"
            same = same if fact.kind in _NO_CONTENT or unrated else stage
            found.append(same)
        return found

    def _stages(self, life: Life) -> Iterator[Life]:
        return (self._stage(life, stage) for stage in range(len(life.facts) + 1))

    @staticmethod
    def _stage(life: Life, stage: int) -> Life:
        moments = sorted(fact.at for fact in life.facts)
        cut = life.at(moments[stage - 1] if stage else life.received_at)
        assert cut is not None
        return cut

    def _monday(self, prototype: int) -> int:
        at = self.lives[prototype].received_at
        return _seconds(datetime.combine(at.date() - timedelta(days=at.weekday()), datetime.min.time()))


@cache
def pool_of(lane: int, seed: int) -> Pool:
    """The pool of ``LANES[lane]``, made once in a process."""
    return Pool.of(LANES[lane], seed)


def _seconds(moment: datetime) -> int:
    """Of Beijing's clock, as if it were UTC."""
    return int((moment - EPOCH).total_seconds())


def _usable(life: Life) -> bool:
    """Lives that came to an end; those still open at the end of the demo year are cut off by it."""
    ended = life.group == "outside" or life.is_closed
    return life.defect in _BAD_ALWAYS if life.group == "bad" else ended and not life.about.get("no_steps")


def _is_valid(life: Life) -> bool:
    last = life.last("accepted", "dispatched", "returned")
    return life.last("not_accepted", "duplicate") is None and (last is None or last.kind != "returned")


def _enriched(life: Life, chance: Chance) -> Life:
    """Longer texts of its own, as people write, and for some a due that they miss. The demo year is too short and too good."""
    about = life.about
    about["content"] += f"该情况已持续{_Hole.DAYS}天，{chance.choice(words.COMMUNITIES)}多户居民出行和休息受到影响，"
    about["content"] += f"此前曾向{about['unit']}反映，至今未见明显改善。"
    answer = about.get("answer", "")
    spot = f"{chance.town()}{chance.spot()}"
    fuller = answer.replace("已核查", f"已于受理后{_Hole.DAYS}日内派员到{spot}现场核查") + chance.choice(
        ("", "", "后续将加强日常巡查，防止问题反弹。", f"经办人员已向{about['name']}说明情况，其表示理解。")
    )
    for fact in life.facts:
        if fact.text and fact.text == answer:
            fact.text = fuller
    about["answer"] = fuller
    life.number, life.serial = _Hole.NUMBER, chance.randrange(1, 70) * 2
    if life.due and not any(fact.new_due for fact in life.facts) and chance.random() < LATE:
        life.due = life.received_at + (life.due - life.received_at) * 0.4
        life.due = life.due.replace(microsecond=0)
    return life


# --- templates ------------------------------------------------------------------------------------------------------------------


class _Hole:
    """What stands for a value in a text until the template is cut: characters of Unicode's private area."""

    NUMBER, DAYS, HOUSE, PHONE, NAME, IDENTITY, SERIAL = map(chr, range(0xE010, 0xE017))


@dataclass(slots=True)
class Ticket:
    """The values of one ticket. ``week`` is its Monday in seconds of Beijing's clock, ``shift`` the seconds its life is moved by."""

    week: int
    shift: int
    number: str
    serial: int
    house: int
    phone: str
    name: str
    identity: str
    days: int


# Fields of a due or a day: they move by whole weeks.
_DUES = {"cityDueAt", "countyDueAt", "oldDueAt", "newDueAt", "xbjzsj", "yjzsj", "xjzsj", "xfrq", "办理时限"} | {
    *("deadline_time", "old_deadline_time", "new_deadline_time"),
}
_MILLIS = {"cityDueAt", "countyDueAt", "oldDueAt", "newDueAt", "cityAssignedAt", "countyAssignedAt", "at", "createdAt", "updatedAt"}
_TIME = re.compile(r"(\d{4})([-/])(\d{1,2})[-/](\d{1,2})(?: (\d{1,2}):(\d\d):(\d\d))?")
_TEXTS = (
    (re.compile(r"(?<![0-9])1380000[0-9]{4}(?![0-9])"), _Hole.PHONE),
    (re.compile(r"441399[0-9]{11}[0-9X]"), _Hole.IDENTITY),
    (re.compile(r"(?<![0-9])[0-9]{1,3}(?=号)"), _Hole.HOUSE),
    (re.compile(f"(?:{'|'.join(words.SURNAMES)})(?:{'|'.join(words.GIVEN)})"), _Hole.NAME),
)
# A value that is cut out: a moment or due as text in one of the platforms' forms, or a number.
_CUT = re.compile("\ue000(\\d+)\ue001")
_FORMS = {"dash": 0, "slash": 1, "dash_day": 2, "slash_day": 3}
_SIMPLE = {_Hole.NUMBER: "number", _Hole.DAYS: "days", _Hole.HOUSE: "house", _Hole.PHONE: "phone", _Hole.NAME: "name"} | {
    _Hole.IDENTITY: "identity",
    _Hole.SERIAL: "serial",
}


class Template:
    """One record with holes."""

    __slots__ = ("_fill", "_text")

    def __init__(self, text: str, fill: Callable[[Ticket], tuple[Any, ...]]) -> None:
        self._text, self._fill = text, fill

    @classmethod
    def of(cls, record: dict[str, Any] | list[Any], monday: int) -> Template:
        """A record as one JSON line; a row of an export file as a line of it."""
        times: list[str] = []
        if isinstance(record, dict):
            text = json.dumps(_hollow(record, "", monday, times), ensure_ascii=False, separators=(",", ":"))
            text = re.sub('"(\ue000\\d+\ue001)#"', r"\1", text)
        else:
            stream = io.StringIO()
            cells = dict(zip(online_politics.HEADERS["csv"], record, strict=True))
            csv.writer(stream, lineterminator="\r\n").writerow(_hollow(cells, "", monday, times).values())
            text = stream.getvalue()
        holes: list[str] = []

        def cut(found: re.Match[str]) -> str:
            holes.append(times[int(found[1])] if found[1] else f"t.{_SIMPLE[found[0]]}")
            return "%s"

        text = re.sub(f"{_CUT.pattern}|[{''.join(_SIMPLE)}]", cut, text.replace("%", "%%"))
        # Compiled once, for a loop over the holes would cost more than the formatting.
        return cls(text, eval(f"lambda t: ({', '.join(holes)},)", {"stamp": _stamp, "BEIJING_SECONDS": BEIJING_SECONDS}))

    def line(self, ticket: Ticket) -> str:
        return self._text % self._fill(ticket)


def _hollow(value: Any, key: str, monday: int, times: list[str]) -> Any:
    """The same record with holes; what fills the timed ones, as Python text, is appended to ``times``."""
    if isinstance(value, dict):
        return {name: _hollow(inner, name, monday, times) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hollow(inner, key, monday, times) for inner in value]
    base = "t.week" if key in _DUES else "t.week+t.shift"

    def hole(told: str, suffix: str = "") -> str:
        times.append(told)
        return f"\ue000{len(times) - 1}\ue001{suffix}"

    if key in _MILLIS and isinstance(value, int):
        offset = value + (BEIJING_SECONDS - monday) * 1000
        return hole(f"({base}-BEIJING_SECONDS)*1000+{offset}", "#")
    if key in ("id", "case_id") and isinstance(value, int):
        return hole("t.serial" if key == "case_id" else f"t.serial*1000+{value % 100}", "#")
    if key == "blfsid":
        return f"{_Hole.SERIAL}{value[-3:]}"
    if not isinstance(value, str):
        return value
    found = _TIME.fullmatch(value)
    if found:
        year, dash, month, day, *clock = found.groups()
        hour, minute, second = (int(part or 0) for part in clock)
        moment = datetime(int(year), int(month), int(day), hour, minute, second)
        form = _FORMS[("dash" if dash == "-" else "slash") + ("" if clock[0] else "_day")]
        return hole(f"stamp({base}+{_seconds(moment) - monday},{form})")
    for pattern, mark in _TEXTS:
        value = pattern.sub(mark, value)
    return value


class _Days(dict[int, tuple[str, str]]):
    """Day since 1970 → ``2023-01-05`` and ``2023/1/5``."""

    def __missing__(self, number: int) -> tuple[str, str]:
        day = date(1970, 1, 1) + timedelta(days=number)
        self[number] = (f"{day:%Y-%m-%d}", f"{day.year}/{day.month}/{day.day}")
        return self[number]


_DAYS = _Days()
_CLOCK = [f" {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(DAY)]


def _stamp(seconds: int, form: int) -> str:
    day, second = divmod(seconds, DAY)
    if form == 0:
        return _DAYS[day][0] + _CLOCK[second]
    if form == 1:
        clock = _CLOCK[second]
        return _DAYS[day][1] + (" " + clock[2:] if clock[1] == "0" else clock)
    return _DAYS[day][form - 2]


def day_text(seconds: int) -> str:
    return _DAYS[seconds // DAY][0].replace("-", "")


def identity(number: int) -> str:
    """An id number of a county that does not exist, with its check digit."""
    born = _DAYS[-7000 + number % 18_000][0].replace("-", "")
    body = f"{words.COUNTY_CODE}{born}{number // 18_000 % 1000:03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11]


NAMES = [surname + given for surname in words.SURNAMES for given in words.GIVEN]
