"""Working days of the State Council's yearly notices, with the office's own closures on top.

The source is the package ``chinesecalendar``: public holidays and make-up working days (调休) of every year whose notice it
knows. A year it does not know is plain weekdays and marked as not published; the dues that run into it are provisional.
The office adds days in ``closures.csv``: ``date,kind,name``, kind ``closed`` or ``working``; its word is the last one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from petitions.settings import Settings, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_DAY = date(1990, 1, 1)
LAST_DAY = date(2100, 12, 31)
KINDS = ("closed", "working")


class CalendarError(SettingsError):
    """``closures.csv`` cannot be used; the message names every line at fault."""


@dataclass(frozen=True)
class Closure:
    """One line of ``closures.csv``."""

    day: date
    kind: str
    name: str | None


class Day(NamedTuple):
    """One day of the calendar."""

    day: date
    is_working: bool
    published: bool
    workday_no: int
    next_workday: date
    name: str | None


def days(settings: Settings) -> tuple[Day, ...]:
    """Every day from 1990-01-01 to 2100-12-31, in order.

    ``workday_no`` counts the working days up to and including the day; ``next_workday`` is the day itself where it is one.

    :raises CalendarError: where ``closures.csv`` holds a line that cannot be used.
    """
    return _days(closures(settings.config_file("closures.csv")))


def working(settings: Settings) -> Callable[[date], bool]:
    """What tells of a few days whether they are worked, without the hundred years around them; ``closures.csv`` is read once.

    :raises CalendarError: where ``closures.csv`` holds a line that cannot be used.
    """
    local = {closure.day: closure for closure in closures(settings.config_file("closures.csv"))}
    return lambda day: _judged(day, local)[0]


def rows(settings: Settings) -> pa.Table:
    """The same as an Arrow table, one row per day: the columns are the fields of :class:`Day`."""
    import pyarrow as pa

    kinds = {
        "day": pa.date32(),
        "is_working": pa.bool_(),
        "published": pa.bool_(),
        "workday_no": pa.int32(),
        "next_workday": pa.date32(),
        "name": pa.string(),
    }
    columns = zip(*days(settings), strict=True)
    return pa.table({name: pa.array(column, kinds[name]) for name, column in zip(Day._fields, columns, strict=True)})


def version(settings: Settings) -> str:
    """A short hash of the whole table and of the package it came from; dues are recomputed when it changes."""
    return _version(closures(settings.config_file("closures.csv")))


def published_years() -> range:
    """The years whose notice ``chinesecalendar`` knows."""
    from chinese_calendar.constants import holidays

    return range(min(holidays).year, max(holidays).year + 1)


def closures(path: Path) -> tuple[Closure, ...]:
    """The office's own days.

    :raises CalendarError: naming file, line, what was expected and what was found.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CalendarError(f"{path}: not found; write one with the header date,kind,name and nothing below") from None
    except UnicodeDecodeError:
        raise CalendarError(f"{path}: expected UTF-8, found another encoding; save it as CSV UTF-8") from None
    reader = csv.DictReader(text.splitlines())
    header = [name.strip() for name in reader.fieldnames or []]
    if header != ["date", "kind", "name"]:
        raise CalendarError(f"{path}: line 1: expected the header date,kind,name, found {','.join(header) or 'nothing'}")
    found: dict[date, Closure] = {}
    faults: list[str] = []
    for told in reader:
        if not any((value if isinstance(value, str) else "").strip() for value in told.values()):
            continue
        closure, fault = _closure(told)
        if closure and closure.day in found:
            closure, fault = None, f"{told['date']} stands on an earlier line already; keep one of them"
        if closure:
            found[closure.day] = closure
        else:
            faults.append(f"line {reader.line_num}: {fault}")
    if faults:
        raise CalendarError(f"{path}: " + "; ".join(faults))
    return tuple(found[day] for day in sorted(found))


def _closure(told: dict[str, str | None]) -> tuple[Closure | None, str]:
    text, kind = (told["date"] or "").strip(), (told["kind"] or "").strip()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, f"date: expected a day such as 2024-02-09, found {text!r}"
    if not FIRST_DAY <= day <= LAST_DAY:
        return None, f"date: expected a day from {FIRST_DAY} to {LAST_DAY}, found {text}"
    if kind not in KINDS:
        return None, f"kind: expected closed or working, found {kind!r}"
    if None in told:
        return None, "expected three columns date,kind,name, found more; put a name that holds a comma in double quotes"
    return Closure(day, kind, (told["name"] or "").strip() or None), ""


@lru_cache(maxsize=4)
def _days(own: tuple[Closure, ...]) -> tuple[Day, ...]:
    local = {closure.day: closure for closure in own}
    span = [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    published = published_years()
    judged = [_judged(day, local) for day in span]
    following = _next_weekday(LAST_DAY + timedelta(days=1))
    onward: list[date] = []
    for day, (working, _) in zip(reversed(span), reversed(judged), strict=True):
        following = day if working else following
        onward.append(following)
    held, count = [], 0
    for day, (working, name), upcoming in zip(span, judged, reversed(onward), strict=True):
        count += working
        held.append(Day(day, working, day.year in published, count, upcoming, name))
    return tuple(held)


def _judged(day: date, local: Mapping[date, Closure]) -> tuple[bool, str | None]:
    """Whether a day is worked and what it is called: the office's own word before the notices', these before the week's."""
    working, name = _notices().get(day) or (day.weekday() < 5, None)
    if day in local:
        return local[day].kind == "working", local[day].name or name
    return working, name


@cache
def _notices() -> dict[date, tuple[bool, str]]:
    """What the notices say of single days: public holidays, and weekend days to be worked."""
    from chinese_calendar.constants import Holiday, holidays, workdays

    printed = {holiday.value: holiday.chinese for holiday in Holiday}
    told = {day: (False, printed.get(name, name)) for day, name in holidays.items()}
    return told | {day: (True, f"{printed.get(name, name)}调休上班") for day, name in workdays.items()}


@lru_cache(maxsize=4)
def _version(own: tuple[Closure, ...]) -> str:
    digest = hashlib.sha256(f"chinesecalendar {package_version('chinesecalendar')}\n".encode())
    for one in _days(own):
        digest.update(f"{one.day}{one.is_working:d}{one.published:d}{one.name or ''}\n".encode())
    return digest.hexdigest()[:12]


def _next_weekday(day: date) -> date:
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day
