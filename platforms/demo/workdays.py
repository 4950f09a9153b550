"""Working days of the State Council's notices, for the dues that the made-up platforms set (信访工作条例 and local limits)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import chinese_calendar

OFFICE_HOURS = ((time(8), time(12)), (time(14), time(18)))
CLOSE_OF_BUSINESS = time(18)
END_OF_DAY = time(23, 59, 59)


def is_workday(day: date) -> bool:
    return bool(chinese_calendar.is_workday(day))


def workdays_after(start: date, amount: int) -> date:
    """The ``amount``-th working day after ``start``; the start day is never counted."""
    day = start
    while amount > 0:
        day += timedelta(days=1)
        amount -= is_workday(day)
    return day


def working_day_due(start: datetime, amount: int, at: time = END_OF_DAY) -> datetime:
    return datetime.combine(workdays_after(start.date(), amount), at)


def working_hours_after(start: datetime, hours: float) -> datetime:
    """The moment when ``hours`` office hours have passed since ``start``."""
    left, day = timedelta(hours=hours), start.date()
    while True:
        for opens, closes in OFFICE_HOURS if is_workday(day) else ():
            begin, end = max(start, datetime.combine(day, opens)), datetime.combine(day, closes)
            if begin < end:
                if left <= end - begin:
                    return begin + left
                left -= end - begin
        day += timedelta(days=1)


def into_office(moment: datetime) -> datetime:
    """``moment`` itself in office hours, else the same minute inside the next ones (so that not everything happens at 08:00)."""
    day = moment.date()
    while True:
        for opens, closes in OFFICE_HOURS if is_workday(day) else ():
            begin, end = datetime.combine(day, opens), datetime.combine(day, closes)
            if moment < end:
                return moment if moment >= begin else begin + timedelta(minutes=moment.minute * 2, seconds=moment.second)
        day += timedelta(days=1)
