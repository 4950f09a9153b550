"""Days and seconds of the day in Beijing as the SQL macros reckon them: as the tables of zones have them, in past summer times too."""

from __future__ import annotations

from pathlib import Path

from petitions.sql_texts import SQL
from petitions.warehouse import DuckDB

# Every 5 h 59 min 59 s from 1890 on: local mean time until 1901, summer times of the forties and of 1986 to 1991, and plain days since.
INSTANTS = "select to_timestamp(-2524600000 + i * 21599) as moment from range(300000) r (i)"
LOOKED_UP = "{{ seconds('cast(cast(moment as date) as timestamptz)') }}"


def test_days_are_reckoned_as_the_zone_has_them() -> None:
    differences = f"""
    with told as (select moment, cast(moment as date) as day, {{{{ seconds('moment') }}}} - {LOOKED_UP} as passed from ({INSTANTS}))
    select count(*) as instants, count(*) filter (where year(moment) >= 2020) as recent,
           count(*) filter (where {{{{ day_of('moment') }}}} is distinct from day) as days,
           count(*) filter (where {{{{ second_of_day('moment') }}}} is distinct from passed) as seconds,
           count(*) filter (
               where {{{{ into_day('day', 'passed') }}}} is distinct from cast(day as timestamptz) + interval '1 second' * passed
           ) as back,
           count(*) filter (where {{{{ second_after('moment') }}}} is distinct from moment + interval '1 second') as after
    from told
    """
    with_macros = "{% from 'macros.sql' import day_of, into_day, second_after, second_of_day, seconds with context %}" + differences
    session = DuckDB(Path(":memory:"), read_only=False)
    try:
        (found,) = session.rows(rendered(with_macros))
    finally:
        session.close()
    assert found["instants"] == 300_000 and found["recent"] > 50_000
    assert (found["days"], found["seconds"], found["back"], found["after"]) == (0, 0, 0, 0)


def rendered(text: str) -> str:
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(SQL), autoescape=False).from_string(text).render(office_hours=[], office_seconds=0)
