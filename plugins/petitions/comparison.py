"""Change on the year (同比) and on the period before (环比), of counts and rates: (now − then) / then, exact until it is printed."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from petitions import metrics
from petitions.questions import Scope, figures, moment
from petitions.warehouse import Warehouse

PERIODS = {"year": "同比", "period": "环比"}


def compare(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str]) -> list[dict[str, Any]]:
    """Counts and rates of a window beside those of the two earlier ones, one row per metric.

    ``year_then`` and ``period_then`` are the values of the same window a year before and of the window before, each as of its
    own end, as known at the same ``K``; ``year_change`` and ``period_change`` the change as a signed percent, None where then is 0.
    """
    earlier = {"year": a_year_before(scope.start, scope.end), "period": the_period_before(scope.start, scope.end)}
    _, now = figures(warehouse, scope, appeal_channels)
    then = {
        name: figures(warehouse, replace(scope, start=start, end=end, as_of=moment(end)), appeal_channels)[1]
        for name, (start, end) in earlier.items()
    }
    counts, rates, _ = metrics.definitions(scope.population)
    rows = []
    for key in (*(count.key for count in counts), *(rate.key for rate in rates)):
        row = {"metric": key, "now": now[key]}
        for name, values in then.items():
            row |= {f"{name}_then": values[key], f"{name}_change": signed_percent(change(now[key], values[key]))}
        rows.append(row)
    return rows


def change(now: int | Mapping[str, Any], then: int | Mapping[str, Any]) -> Fraction | None:
    """(now − then) / then of two counts, or of two rates as :func:`petitions.questions.figures` gives them.

    None where then is 0, and where a rate has nothing to divide by (metrics.md §5).
    """
    here, there = _exact(now), _exact(then)
    return None if here is None or not there else (here - there) / there


def points(now: Mapping[str, Any], then: Mapping[str, Any]) -> Fraction | None:
    """How many percentage points (百分点) lie between two rates; None where one has nothing to divide by."""
    here, there = _exact(now), _exact(then)
    return None if here is None or there is None else (here - there) * 100


def signed_percent(told: Fraction | None) -> str | None:
    """A change in percent with its sign, two decimals, rounded once and half up (away from zero): ``+12.50``, ``-3.33``, ``0.00``."""
    if told is None:
        return None
    value = rounded(told * 100)
    return f"{value:+.2f}" if value else "0.00"


def rounded(told: Fraction) -> Decimal:
    """To two decimals, once and half away from zero."""
    hundredths = int(abs(told) * 100 + Fraction(1, 2))
    return Decimal(-hundredths if told < 0 else hundredths) / 100


def a_year_before(start: date, end: date) -> tuple[date, date]:
    """The same window a year before. Whole months stay whole; 29 February is the 28th a year before."""
    return _months_back(start, 12), _month_end(_months_back(end, 12)) if _is_month_end(end) and start.day == 1 else _months_back(end, 12)


def the_period_before(start: date, end: date) -> tuple[date, date]:
    """The window just before: as many whole months where the window is whole months, else as many days."""
    last = start - timedelta(days=1)
    if start.day == 1 and _is_month_end(end):
        months = (end.year - start.year) * 12 + end.month - start.month + 1
        return _months_back(start, months), last
    return start - (end - start) - timedelta(days=1), last


def _exact(told: int | Mapping[str, Any]) -> Fraction | None:
    if isinstance(told, Mapping):
        return Fraction(told["numerator"], told["denominator"]) if told["denominator"] else None
    return Fraction(told)


def _months_back(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _is_month_end(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
