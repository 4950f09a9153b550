"""Which days and office hours a time limit counts, written out for people: weekdays, holidays skipped, make-up days worked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from petitions.calendar import FIRST_DAY, days
from petitions.model import BEIJING
from petitions.settings import Settings
from petitions.warehouse import Warehouse

WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True)
class Stretch:
    """Neighbouring days of one kind. ``counted`` is in days, for office hours in seconds; 0: skipped."""

    first: date
    last: date
    counted: int
    told: str


@dataclass(frozen=True)
class Span:
    """The days around a ticket: whether the ledger took them for working days, and what the notice calls them."""

    working: Mapping[date, bool]
    names: Mapping[date, str | None]
    office_hours: Sequence[tuple[time, time]]

    @classmethod
    def read(cls, warehouse: Warehouse, settings: Settings, first: date, last: date) -> Span:
        rows = warehouse.rows(
            "select day, is_working from core.calendar where day between :first and :last", {"first": first, "last": last}
        )
        named = days(settings)[(first - FIRST_DAY).days : (last - FIRST_DAY).days + 1]
        return cls(
            {row["day"]: row["is_working"] for row in rows},
            {day.day: day.name for day in named},
            settings.options.calendar.office_hours,
        )

    def working_days(self, after: date, until: date, from_number: int = 1) -> tuple[Stretch, ...]:
        """The working days after one day, up to and including another, numbered from ``from_number``."""
        found, number = [], from_number
        for counted, name, run in self._runs(after + timedelta(days=1), until):
            found.append(_stretch(run, len(run) if counted else 0, _numbered(number, len(run)) if counted else "不计", name))
            number += len(run) if counted else 0
        return tuple(found)

    def office_time(self, start: datetime, until: datetime) -> tuple[Stretch, ...]:
        """The office hours from one instant to another, day by day."""
        found = []
        for working, name, run in self._runs(start.date(), until.date()):
            if not working:
                found.append(_stretch(run, 0, "不计", name))
                continue
            for day in run:
                parts = list(self._sessions(day, start, until))
                seconds = sum(int((end - begin).total_seconds()) for begin, end in parts)
                told = "、".join(f"{begin:%H:%M:%S}–{end:%H:%M:%S}" for begin, end in parts)
                found.append(_stretch([day], seconds, f"计{duration(seconds)}" + (f"（{told}）" if told else ""), name))
        return tuple(found)

    def told(self, day: date) -> str:
        """One day with its weekday and, where a notice names it, its name."""
        return f"{weekday(day)}" + (f"（{self.names[day]}）" if self.names.get(day) else "")

    def _sessions(self, day: date, start: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        for begins, ends in self.office_hours:
            begin, end = max(datetime.combine(day, begins, BEIJING), start), min(datetime.combine(day, ends, BEIJING), until)
            if begin < end:
                yield begin, end

    def _runs(self, first: date, last: date) -> Iterator[tuple[bool, str | None, list[date]]]:
        """Neighbouring days alike: (is it worked, what the notice calls it, the days)."""
        span = (first + timedelta(days=n) for n in range((last - first).days + 1))
        for (working, name), run in groupby(span, key=lambda day: (self.working[day], self.names.get(day))):
            yield working, name, list(run)


def weekday(day: date) -> str:
    return f"{day:%Y-%m-%d} 周{WEEKDAYS[day.weekday()]}"


def written(at: datetime) -> str:
    """A moment in Beijing time with its weekday."""
    here = at.astimezone(BEIJING)
    return f"{weekday(here.date())} {here:%H:%M:%S}"


def duration(seconds: int) -> str:
    """Seconds as hours, minutes and seconds, without parts that are nothing."""
    hours, rest = divmod(abs(seconds), 3600)
    minutes, left = divmod(rest, 60)
    told = "".join(f"{amount}{unit}" for amount, unit in ((hours, "小时"), (minutes, "分"), (left, "秒")) if amount)
    return ("负" if seconds < 0 else "") + (told or "0小时")


def _numbered(first: int, length: int) -> str:
    return f"第{first}日" if length == 1 else f"第{first}–{first + length - 1}日"


def _stretch(run: Sequence[date], counted: int, told: str, name: str | None) -> Stretch:
    first, last = run[0], run[-1]
    span = weekday(first) if first == last else f"{weekday(first)} 至 {weekday(last)}"
    named = name or ("" if counted or first.weekday() < 5 else "周末")
    length = f"，{len(run)}天" if not counted and len(run) > 1 else ""
    return Stretch(first, last, counted, f"{told} {span}" + (f"（{named}{length}）" if named or length else ""))
