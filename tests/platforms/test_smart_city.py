"""The exchange database against the sources page, section 2, through SQLAlchemy as offices read theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from platforms.home import DemoHome
from platforms.life import Life
from platforms.smart_city import write_database
from tests.platforms.conftest import END_OF_YEAR, OCTOBER

STATUSES = {
    "reported",
    "pending_register",
    "pending_verify",
    "pending_dispatch",
    "returned",
    "pending_handle",
    "handling",
    "handle_finish",
    "pending_check",
    "checking",
    "check_pass",
    "pending_close",
    "closed",
    "forced_close",
    "suspended",
    "not_accepted",
    "cancelled",
}


@pytest.fixture
def october(year: list[Life], tmp_path: Path) -> sa.Engine:
    write_database(tmp_path / "exchange.sqlite", year, OCTOBER)
    return sa.create_engine(f"sqlite:///{tmp_path / 'exchange.sqlite'}")


@pytest.fixture
def december(demo_home: DemoHome) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{demo_home.database}")


def query(engine: sa.Engine, statement: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(statement)))


def test_tables_and_columns_reflect(december: sa.Engine) -> None:
    tables = sa.MetaData()
    tables.reflect(december)
    assert {name: len(table.columns) for name, table in tables.tables.items()} == {
        "case_info": 37,
        "case_flow_record": 10,
        "case_adjustment_apply": 10,
    }
    with december.connect() as connection:  # every time reads as a time
        assert len(list(connection.execute(sa.select(tables.tables["case_info"])))) == 304 + 12 + 4


def test_key_set_pages_hold_everything_once(december: sa.Engine) -> None:
    seen: list[int] = []
    after, last = "", 0
    while page := query(
        december,
        f"select id, update_time from case_info where update_time > '{after}' or (update_time = '{after}' and id > {last}) "
        "order by update_time, id limit 50",
    ):
        seen += [row.id for row in page]
        after, last = page[-1].update_time, page[-1].id
    assert len(seen) == len(set(seen)) == 320


@pytest.mark.parametrize("table", ["case_flow_record", "case_adjustment_apply"])
def test_children_have_a_case(december: sa.Engine, table: str) -> None:
    assert query(december, f"select count(*) from {table} where case_id not in (select id from case_info)") == [(0,)]
    assert query(december, f"select count(*) from {table}")[0][0] > 20


def test_some_flow_rows_are_newer_than_their_case(december: sa.Engine) -> None:
    newer = "select count(*) from case_flow_record f join case_info c on c.id = f.case_id where f.operate_time > c.update_time"
    assert query(december, newer)[0][0] > 0


def test_status_words_and_numbers(december: sa.Engine) -> None:
    found = query(december, "select distinct case_status from case_info")
    assert {row[0] for row in found} - STATUSES == {"archived"}, "one bad record, no more"
    assert query(december, "select min(length(case_code)), max(length(case_code)) from case_info") == [(19, 19)]


def test_october_saw_246_cases_one_open(october: sa.Engine) -> None:
    counted = query(
        october,
        "select count(*), count(close_time) from case_info where case_status not in ('not_accepted', 'cancelled', 'returned', 'archived') "
        "and is_deleted = 0 and report_time is not null and coalesce(time_limit_value, '') <> '尽快处理' "
        "and id not in (select case_id from case_flow_record where operate_type = 'escalate')",
    )
    assert counted == [(246, 245)]
    latest = query(october, "select max(update_time), max(close_time), (select max(operate_time) from case_flow_record) from case_info")
    assert max(latest[0]) <= str(OCTOBER)


def test_writing_again_writes_the_same(year: list[Life], tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_database(tmp_path / name, year, END_OF_YEAR)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
