"""The periods that an office reports on: day, week, month, quarter, half-year, year; how each is written and what it is called."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from petitions.questions import WrongQuestion

# Kind → what its report is called, and how a period of it is written.
KINDS = {
    "day": ("日报", "2023-10-05"),
    "week": ("周报", "2023-W40"),
    "month": ("月报", "2023-10"),
    "quarter": ("季报", "2023-Q4"),
    "half-year": ("半年报", "2023-H2"),
    "year": ("年报", "2023"),
}
_MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
_WRITTEN = {
    "week": re.compile(r"(\d{4})-W(\d{1,2})"),
    "month": re.compile(r"(\d{4})-(\d{1,2})"),
    "quarter": re.compile(r"(\d{4})-Q([1-4])"),
    "half-year": re.compile(r"(\d{4})-H([12])"),
    "year": re.compile(r"(\d{4})()"),
}
_QUARTERS = "一二三四"


@dataclass(frozen=True)
class Period:
    """From the first to the last day, both of it. A week runs from Monday to Sunday."""

    kind: str
    first: date
    last: date

    @property
    def name(self) -> str:
        """``2023年``, ``2023年第三季度``, ``2023年10月``, ``2023年第40周``; a week counts to the year of its Thursday."""
        year, month = self.first.year, self.first.month
        if self.kind == "week":
            iso = self.first.isocalendar()
            return f"{iso.year}年第{iso.week}周"
        return {
            "day": f"{year}年{month}月{self.first.day}日",
            "month": f"{year}年{month}月",
            "quarter": f"{year}年第{_QUARTERS[(month - 1) // 3]}季度",
            "half-year": f"{year}年{'上' if month == 1 else '下'}半年",
            "year": f"{year}年",
        }[self.kind]


def containing(kind: str, day: date) -> Period:
    """The period of that kind that a day lies in.

    :raises WrongQuestion: for a kind that is none.
    """
    if kind == "day":
        return Period(kind, day, day)
    if kind == "week":
        first = day - timedelta(days=day.weekday())
        return Period(kind, first, first + timedelta(days=6))
    if kind not in _MONTHS:
        raise WrongQuestion(f"--period: expected one of {', '.join(KINDS)}, found {kind!r}")
    months = _MONTHS[kind]
    begins = (day.month - 1) // months * months + 1
    ends = begins + months - 1
    return Period(kind, date(day.year, begins, 1), date(day.year, ends, calendar.monthrange(day.year, ends)[1]))


def before(kind: str, day: date) -> Period:
    """The last whole period of that kind that is over on a day."""
    return containing(kind, containing(kind, day).first - timedelta(days=1))


def written(kind: str, told: str) -> Period:
    """What a person wrote as a period of that kind, or a day in it.

    :raises WrongQuestion: where it is neither.
    """
    expected = WrongQuestion(f"--of: expected a {kind} such as {KINDS[kind][1]}, or a day in it, found {told!r}")
    try:
        return containing(kind, date.fromisoformat(told)) if len(told) == 10 else containing(kind, _first_day(kind, told, expected))
    except ValueError as error:
        raise expected from error


def kind_of(first: date, last: date) -> str | None:
    """What kind of period a window is; None where it is none."""
    return next((kind for kind in KINDS if containing(kind, first) == Period(kind, first, last)), None)


def _first_day(kind: str, told: str, expected: WrongQuestion) -> date:
    found = _WRITTEN[kind].fullmatch(told.upper()) if kind in _WRITTEN else None
    if found is None:
        raise expected
    year, number = int(found[1]), int(found[2] or 1)
    if kind == "week":
        return date.fromisocalendar(year, number, 1)
    return date(year, (number - 1) * _MONTHS[kind] + 1, 1)
