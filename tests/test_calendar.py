"""The calendar: notices, make-up days, local closures, years without a notice."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import chinese_calendar
import pytest

from petitions import calendar
from petitions.settings import Settings

# day, working, next working day, name
DAYS = [
    ("2024-02-09", True, "2024-02-09", None),  # Friday, New Year's Eve: a working day in 2024
    ("2024-02-10", False, "2024-02-18", "春节"),  # Saturday → Sunday 18 February is worked
    ("2024-02-18", True, "2024-02-18", "春节调休上班"),  # Sunday, make-up day
    ("2024-02-24", False, "2024-02-26", None),  # a plain Saturday → Monday
    ("2026-02-14", True, "2026-02-14", "春节调休上班"),  # Saturday, make-up day
    ("2026-02-15", False, "2026-02-24", "春节"),  # Sunday → Tuesday 24 February
    ("2026-02-28", True, "2026-02-28", "春节调休上班"),  # Saturday, make-up day
    ("2030-10-01", True, "2030-10-01", None),  # Tuesday; no notice yet, so a plain weekday
    ("2003-05-01", True, "2003-05-01", None),  # Thursday; older than the package
    ("2003-05-03", False, "2003-05-05", None),  # Saturday → Monday
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", config=tmp_path)


@pytest.mark.parametrize(("day", "working", "following", "name"), DAYS)
def test_days(settings: Settings, day: str, working: bool, following: str, name: str | None) -> None:
    found = _by_day(settings)[date.fromisoformat(day)]
    assert (found.is_working, found.next_workday, found.name) == (working, date.fromisoformat(following), name)
    assert found.published == (2004 <= found.day.year <= 2026)


def test_the_table_is_whole(settings: Settings) -> None:
    table = calendar.rows(settings)
    assert table.column_names == ["day", "is_working", "published", "workday_no", "next_workday", "name"]
    assert table.num_rows == (date(2100, 12, 31) - date(1990, 1, 1)).days + 1
    assert table["workday_no"][-1].as_py() == sum(table["is_working"].to_pylist())
    assert table["next_workday"].null_count == 0


def test_every_published_day_is_as_the_package_says(settings: Settings) -> None:
    years = calendar.published_years()
    for one in calendar.days(settings):
        if one.day.year in years:
            assert one.is_working == chinese_calendar.is_workday(one.day), one.day


def test_recent_notices_agree_with_the_second_package(settings: Settings) -> None:
    import holidays

    other = holidays.country_holidays("CN", years=range(2019, 2027))
    ours = {one.day: one.is_working for one in calendar.days(settings) if 2019 <= one.day.year <= 2026}
    assert [day for day, working in ours.items() if working != other.is_working_day(day)] == []


def test_local_closures_have_the_last_word(settings: Settings) -> None:
    before = calendar.version(settings)
    _closures(settings, "2023-10-23,closed,台风停工\n2023-10-28,working,补班\n2030-10-01,closed,\n")
    days = _by_day(settings)
    assert days[date(2023, 10, 23)].next_workday == date(2023, 10, 24)  # Monday closed → Tuesday
    assert days[date(2023, 10, 23)].name == "台风停工"
    assert days[date(2023, 10, 28)].is_working  # Saturday worked
    assert not days[date(2030, 10, 1)].is_working
    assert not days[date(2030, 10, 1)].published  # a closure of ours is no notice
    assert calendar.version(settings) != before


def test_a_closed_last_day_still_has_a_next_working_day(settings: Settings) -> None:
    _closures(settings, "2100-12-31,closed,\n")  # Friday → Monday 3 January 2101
    assert calendar.days(settings)[-1].next_workday == date(2101, 1, 3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2024-02-30,closed,\n", "line 2: date: expected a day such as 2024-02-09, found '2024-02-30'"),
        ("\n2024-02-09,shut,\n", "line 3: kind: expected closed or working, found 'shut'"),
        ("2024-02-09,closed,a\n2024-02-09,working,b\n", "line 3: 2024-02-09 stands on an earlier line already"),
        ("2024-02-09,closed,a,b\n", "line 2: expected three columns"),
        ("1980-02-09,closed,a\n", "line 2: date: expected a day from 1990-01-01 to 2100-12-31, found 1980-02-09"),
        ("x,closed,\ny,closed,\n", "line 3"),  # all lines at fault are named at once
    ],
)
def test_closures_that_cannot_be_used(settings: Settings, text: str, told: str) -> None:
    _closures(settings, text)
    with pytest.raises(calendar.CalendarError) as refused:
        calendar.version(settings)
    assert told in str(refused.value)
    assert "closures.csv" in str(refused.value)


def test_header_and_encoding_of_closures(settings: Settings) -> None:
    path = settings.config / "closures.csv"
    path.write_text("day,kind\n", encoding="utf-8")
    with pytest.raises(calendar.CalendarError, match="expected the header date,kind,name, found day,kind"):
        calendar.days(settings)
    path.write_bytes("date,kind,name\n2024-02-09,closed,除夕\n".encode("gb18030"))
    with pytest.raises(calendar.CalendarError, match="expected UTF-8"):
        calendar.days(settings)
    path.write_bytes("\ufeffdate,kind,name\r\n2024-02-09,closed,除夕\r\n".encode())
    assert not _by_day(settings)[date(2024, 2, 9)].is_working


def _by_day(settings: Settings) -> dict[date, calendar.Day]:
    return {one.day: one for one in calendar.days(settings)}


def _closures(settings: Settings, text: str) -> None:
    (settings.config / "closures.csv").write_text("date,kind,name\n" + text, encoding="utf-8")
