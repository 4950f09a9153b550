"""Periods as people write them, and what they are called."""

from __future__ import annotations

from datetime import date

import pytest

from petitions import periods
from petitions.questions import WrongQuestion


@pytest.mark.parametrize(
    ("kind", "told", "first", "last", "name"),
    [
        ("day", "2023-10-05", "2023-10-05", "2023-10-05", "2023年10月5日"),
        ("week", "2023-W40", "2023-10-02", "2023-10-08", "2023年第40周"),
        ("week", "2023-01-01", "2022-12-26", "2023-01-01", "2022年第52周"),  # a Sunday: its week belongs to the year before
        ("week", "2024-W1", "2024-01-01", "2024-01-07", "2024年第1周"),
        ("month", "2023-10", "2023-10-01", "2023-10-31", "2023年10月"),
        ("month", "2024-2", "2024-02-01", "2024-02-29", "2024年2月"),
        ("quarter", "2023-Q4", "2023-10-01", "2023-12-31", "2023年第四季度"),
        ("quarter", "2023-05-20", "2023-04-01", "2023-06-30", "2023年第二季度"),
        ("half-year", "2023-H1", "2023-01-01", "2023-06-30", "2023年上半年"),
        ("half-year", "2023-h2", "2023-07-01", "2023-12-31", "2023年下半年"),
        ("year", "2023", "2023-01-01", "2023-12-31", "2023年"),
    ],
)
def test_a_period_as_it_is_written(kind: str, told: str, first: str, last: str, name: str) -> None:
    found = periods.written(kind, told)
    assert (found.first.isoformat(), found.last.isoformat(), found.name) == (first, last, name)
    assert periods.kind_of(found.first, found.last) == kind


@pytest.mark.parametrize(
    ("kind", "told"), [("month", "2023-13"), ("quarter", "2023-5"), ("week", "2023-W54"), ("year", "23"), ("day", "2023")]
)
def test_what_is_no_period_is_said_so(kind: str, told: str) -> None:
    with pytest.raises(WrongQuestion, match=f"--of: expected a {kind} such as"):
        periods.written(kind, told)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("day", "2024-02-29"),
        ("week", "2024-02-19"),
        ("month", "2024-02-01"),
        ("quarter", "2023-10-01"),
        ("half-year", "2023-07-01"),
        ("year", "2023-01-01"),
    ],
)
def test_the_last_whole_period_before_a_day(kind: str, first: str) -> None:
    found = periods.before(kind, date(2024, 3, 1))
    assert found.first.isoformat() == first
    assert found.last < date(2024, 3, 1)


def test_a_window_that_is_no_period_has_no_kind() -> None:
    assert periods.kind_of(date(2023, 1, 1), date(2023, 10, 24)) is None
