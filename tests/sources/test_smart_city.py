"""智慧城管平台: a real exchange database, what is asked of it, and what its rows say has happened."""

from __future__ import annotations

import copy
import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petitions.connections import Connection, parse
from petitions.model import BEIJING
from petitions.normalise import Normalised, Normaliser, normalise
from petitions.raws import Raws
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import Ask, LaneDown, LaneStopped, Raw, Window
from petitions.sources.database import plain
from petitions.sources.smart_city import SmartCity
from tests.postgres import Server

SCHEMA = """
create table case_info (id integer primary key, case_code text, category_type text, big_code text, big_name text, small_code text,
  small_name text, source_type text, source_desc text, reporter_name text, reporter_phone text, longitude real, latitude real, address text,
  street_name text, community_name text, description text, case_status text, handle_dept_name text, time_limit_type text,
  time_limit_value text, deadline_time text, report_time text, accept_time text, dispatch_time text, handle_receive_time text,
  handle_finish_time text, check_time text, close_time text, is_urgent integer, is_supervised integer, is_suspended integer,
  need_visit integer, visit_satisfaction integer, create_time text, update_time text, is_deleted integer);
create table case_flow_record (id integer primary key, case_id integer, case_code text, node_name text, operate_type text,
  operate_result text, operate_opinion text, operator_dept_name text, receiver_dept_name text, operate_time text);
create table case_adjustment_apply (id integer primary key, case_id integer, apply_type text, apply_status text, suspend_until text,
  old_deadline_time text, new_deadline_time text, review_time text, update_time text, is_deleted integer);
"""
WINDOW = Window(datetime(2023, 10, 21, tzinfo=BEIJING), datetime(2023, 10, 24, 18, tzinfo=BEIJING))
R, A, D, S, H, C, U = (f"2023-10-2{day} 09:00:00" for day in range(7))  # report, accept, dispatch, sign, handle, close, update


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "exchange.db", isolation_level=None)
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


@pytest.fixture
def source(tmp_path: Path, database: sqlite3.Connection) -> SmartCity:
    connection = Connection("c", "sqlite", host=str(tmp_path / "exchange.db"), extra={"page_size": 3})
    return SmartCity(connection, Settings(home=tmp_path / "home", config=CHECKOUT / "config"))


# --- what is asked ------------------------------------------------------------------------------------------------------------


def test_pages_hold_the_closed_window_once_and_whole(source: SmartCity, database: sqlite3.Connection) -> None:
    inside = ["2023-10-21 00:00:00"] * 4 + ["2023-10-22 10:00:00"] * 5 + ["2023-10-24 18:00:00", "2023-10-24 18:00:00.500000"]
    outside = ["2023-10-20 23:59:59", "2023-10-24 18:00:01"]
    for number, at in enumerate([*inside, *outside], start=1):
        _case(database, number, update_time=at)
        _flow(database, number, operate_type="accept", operate_time="2023-10-01 08:00:00")
    pages = list(source.pages(Ask(window=WINDOW)))
    found = [record["case_code"] for page in pages for record in page.records]
    assert sorted(found) == sorted(f"C{number}" for number in range(1, len(inside) + 1))
    assert pages[-1].total == len(inside)
    assert max(len(page.records) for page in pages) == 3
    assert all(len(record["flow"]) == 1 and record["adjustments"] == [] for page in pages for record in page.records)
    assert json.loads(json.dumps(pages[0].records)) == pages[0].records


def test_cases_with_late_flow_rows_and_applications_count_as_changed(source: SmartCity, database: sqlite3.Connection) -> None:
    for number in range(1, 5):
        _case(database, number, update_time="2023-09-01 00:00:00")
    _flow(database, 1, operate_type="sign", operate_time="2023-10-22 08:00:00")
    _flow(database, 1, operate_type="finish", operate_time="2023-10-23 08:00:00")
    _flow(database, 2, operate_type="sign", operate_time="2023-10-20 08:00:00")
    _adjustment(database, 3, update_time="2023-10-24 18:00:00")
    _adjustment(database, 4, update_time="2023-10-24 18:00:01")
    assert _numbers(source, Ask(window=WINDOW)) == (["C1", "C3"], 2)


def test_rows_that_no_window_holds_are_not_lost(source: SmartCity, database: sqlite3.Connection) -> None:
    for number, at in enumerate([None, "", "not a time", "2023-10-22 00:00:00"], start=1):
        _case(database, number, update_time=at)
    assert _numbers(source, Ask(window=WINDOW)) == (["C4", "C1", "C2", "C3"], 4)


def test_the_total_is_of_distinct_numbers(source: SmartCity, database: sqlite3.Connection) -> None:
    for number, code in enumerate(["A", "A", "B", None, None], start=1):
        _case(database, number, case_code=code)
    assert _numbers(source, Ask(window=WINDOW))[1] == 4


def test_look_up_by_number(source: SmartCity, database: sqlite3.Connection) -> None:
    for number in range(1, 4):
        _case(database, number, update_time="2020-01-01 00:00:00")
    assert _numbers(source, Ask(numbers=("C1", "C3", "C9"))) == (["C1", "C3"], 2)


def test_an_empty_window(source: SmartCity) -> None:
    assert _numbers(source, Ask(window=WINDOW)) == ([], 0)


def test_the_database_is_opened_read_only(source: SmartCity) -> None:
    with source.engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.execute(sa.text("delete from case_info"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("drop table case_flow_record", "expected case_flow_record in"),
        ("alter table case_info rename column close_time to closed_at", "expected case_info.close_time in"),
        ("alter table case_adjustment_apply rename column review_time to x", "expected case_adjustment_apply.review_time in"),
    ],
)
def test_a_changed_schema_stops_the_lane(source: SmartCity, database: sqlite3.Connection, change: str, told: str) -> None:
    database.execute(change)
    with pytest.raises(LaneStopped, match=told):
        list(source.pages(Ask(window=WINDOW)))


def test_an_unknown_column_is_landed_and_named(source: SmartCity, database: sqlite3.Connection) -> None:
    database.execute("alter table case_info add column drone_id text")
    database.execute("alter table case_flow_record add column device text")
    _case(database, 1)
    _flow(database, 1, operate_type="accept", operate_time=A)
    (record,) = (record for page in source.pages(Ask(window=WINDOW)) for record in page.records)
    assert _read(source, record).unknown == {"drone_id", "flow.device"}


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        (Connection("c", "sqlite", host="/nowhere/x.db"), "expected an SQLite file at '/nowhere/x.db'"),
        (Connection("c", "oracle", host="x"), "expected a connection of type sqlite, mysql or postgres, found 'oracle'"),
        (Connection("c", "postgres", host="127.0.0.1", port=1, extra={"max_attempts": 1}), "does not answer"),
    ],
)
def test_connections_that_cannot_be_used(tmp_path: Path, connection: Connection, told: str) -> None:
    source = SmartCity(connection, Settings(home=tmp_path, config=CHECKOUT / "config"))
    with pytest.raises(LaneStopped, match=told) as stopped:
        list(source.pages(Ask(window=WINDOW)))
    assert "\n" not in str(stopped.value)


def test_a_file_that_is_no_database(tmp_path: Path, source: SmartCity) -> None:
    (tmp_path / "exchange.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LaneStopped, match="smart_city: the exchange database does not answer"):
        list(source.pages(Ask(window=WINDOW)))


def test_values_of_other_engines_become_json() -> None:
    row = {"a": datetime(2023, 1, 2, 3, 4, 5), "b": date(2023, 1, 2), "c": Decimal("1.50"), "d": None, "e": True, "f": b"x"}
    assert plain(row) == {"a": "2023-01-02 03:04:05", "b": "2023-01-02", "c": "1.50", "d": None, "e": True, "f": "x"}
    assert plain({"a": datetime.fromisoformat("2023-01-01T19:04:05+00:00")}) == {"a": "2023-01-02 03:04:05"}


# --- what the rows say ----------------------------------------------------------------------------------------------------------

# columns, flow, adjustments → events after `received`, as (type, time, unit)
LIVES: list[tuple[Raw, list[Raw], list[Raw], list[tuple[str, str, str | None]]]] = [
    ({}, [], [], []),
    (
        {"accept_time": A, "dispatch_time": D, "handle_receive_time": S, "handle_finish_time": H, "close_time": C, "case_status": "closed"},
        [],
        [],
        [("accepted", A, None), ("dispatched", D, "县住建局"), ("signed", S, None), ("handled", H, None), ("closed", C, None)],
    ),
    # a column and a flow row of the same second are one event; the flow's names its unit
    (
        {"accept_time": A, "dispatch_time": D},
        [{"operate_type": "accept", "operate_time": A}, {"operate_type": "assign", "operate_time": D, "receiver_dept_name": "县城管局"}],
        [],
        [("accepted", A, None), ("dispatched", D, "县城管局")],
    ),
    # the flow's dispatch names nobody: it is the last one, so the case does
    ({"dispatch_time": D}, [{"operate_type": "assign", "operate_time": D}], [], [("dispatched", D, "县住建局")]),
    # a second apart they are two; the column's is not the last, so it names nobody
    (
        {"dispatch_time": D},
        [{"operate_type": "assign", "operate_time": "2023-10-22 09:00:01", "receiver_dept_name": "县城管局"}],
        [],
        [("dispatched", D, None), ("dispatched", "2023-10-22 09:00:01", "县城管局")],
    ),
    # two rows of the flow stay two
    (
        {},
        [{"operate_type": "urge", "operate_time": S}, {"operate_type": "urge", "operate_time": S}],
        [],
        [("urged", S, None), ("urged", S, None)],
    ),
    (
        {},
        [
            {"operate_type": "return", "operate_result": "reject", "operate_time": D},
            {"operate_type": "return", "operate_result": "rework", "operate_time": S},
            {"operate_type": "supervise", "operate_time": H},
            {"operate_type": "forward", "operate_time": H},
            {"operate_type": "revoke_assign", "operate_time": None},
            {"operate_type": "close", "operate_time": C},
        ],
        [],
        [("returned", D, None), ("reopened", S, None), ("supervised", H, None), ("closed", C, None)],
    ),
    ({"case_status": "not_accepted", "close_time": C}, [], [], [("not_accepted", C, None)]),
    ({"case_status": "cancelled"}, [], [], [("not_accepted", U, None)]),
    ({"is_deleted": 1}, [], [], [("not_accepted", U, None)]),
    ({"case_status": "forced_close", "close_time": C, "visit_satisfaction": 2}, [], [], [("closed", C, None), ("rated", C, None)]),
    ({"case_status": "checking", "visit_satisfaction": 2}, [], [], []),
    (
        {},
        [],
        [
            {"apply_type": "extension", "apply_status": "approved", "review_time": D, "old_deadline_time": H, "new_deadline_time": C},
            {"apply_type": "extension", "apply_status": "pending"},
            {"apply_type": "extension", "apply_status": "rejected", "review_time": D},
            {"apply_type": "suspend", "apply_status": "approved", "review_time": S, "suspend_until": H},
            {"apply_type": "suspend", "apply_status": "approved", "review_time": C},
            {"apply_type": "suspend", "apply_status": "approved", "review_time": C, "is_deleted": 1},
        ],
        [("extended", D, None), ("suspended", S, None), ("resumed", H, None), ("suspended", C, None)],
    ),
]


@pytest.mark.parametrize(("columns", "flow", "adjustments", "expected"), LIVES)
def test_events(
    source: SmartCity, columns: Raw, flow: list[Raw], adjustments: list[Raw], expected: list[tuple[str, str, str | None]]
) -> None:
    found = _read(source, _record(columns, flow, adjustments))
    assert found.faults == []
    assert found.unknown == set()
    assert found.ticket is not None
    told = [(event.event_type, f"{event.occurred_at:%Y-%m-%d %H:%M:%S}", event.unit) for event in found.ticket.events]
    assert told == [("received", R, None), *expected]


_AT = st.sampled_from([A, D, S, H, None, "", "no time"])
_WORD = st.sampled_from(["甲局", "乙局", None, ""])
_OPERATION = st.fixed_dictionaries(
    {
        "operate_type": st.sampled_from(["accept", "assign", "sign", "finish", "return", "close", "forward", "odd", "", None]),
        "operate_result": st.sampled_from(["reject", "rework", "", "odd"]),
        "operate_time": _AT,
        "receiver_dept_name": _WORD,
        "operator_dept_name": _WORD,
        "operate_opinion": _WORD,
    }
)
_APPLICATION = st.fixed_dictionaries(
    {
        "apply_type": st.sampled_from(["extension", "suspend", None, "odd"]),
        "apply_status": st.sampled_from(["approved", "approved", "rejected", None]),
        "is_deleted": st.sampled_from([0, 0, 1, None]),
        **dict.fromkeys(("review_time", "old_deadline_time", "new_deadline_time", "suspend_until"), _AT),
    }
)
_CASE: st.SearchStrategy[Raw] = st.fixed_dictionaries(
    {
        "case_code": st.just("C1"),
        "report_time": st.just(R),
        "update_time": st.just(U),
        "handle_dept_name": _WORD,
        **dict.fromkeys(("accept_time", "dispatch_time", "handle_receive_time", "handle_finish_time", "close_time"), _AT),
        "case_status": st.sampled_from(["closed", "handling", "not_accepted", "odd"]),
        "is_deleted": st.sampled_from([0, 0, 1]),
        "visit_satisfaction": st.sampled_from([1, "2", None, 9]),
        "flow": st.lists(_OPERATION, max_size=4) | st.sampled_from([None, "x", [1], [{}]]),
        "adjustments": st.lists(_APPLICATION, max_size=3) | st.sampled_from([None, {}, [{}]]),
    }
)


@given(cases=st.lists(_CASE, min_size=2, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cases_that_are_read_together_are_what_each_is_alone(source: SmartCity, cases: list[Raw]) -> None:
    reader = Normaliser(source, source.settings.source_maps["smart_city"], b"k" * 32)
    together = reader.columns(Raws(copy.deepcopy(cases)))
    for place, case in enumerate(cases):
        assert together.one(place) == normalise(source, case, key=b"k" * 32)


def test_an_extension_tells_both_dues(source: SmartCity) -> None:
    dues = {"old_deadline_time": "2023-10-24", "new_deadline_time": C}
    found = _read(source, _record({}, [], [{"apply_type": "extension", "apply_status": "approved", "review_time": D} | dues]))
    assert found.ticket is not None
    extended = found.ticket.events[-1]
    assert extended.old_due == datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING)
    assert extended.new_due == datetime.fromisoformat(C).replace(tzinfo=BEIJING)


def test_attributes(source: SmartCity) -> None:
    columns = {"big_name": "市容环境", "small_name": "道路不洁", "source_desc": "公众举报", "street_name": "平山街道"}
    ticket = _read(source, _record(columns | {"is_urgent": 1, "deadline_time": C})).ticket
    assert ticket is not None
    assert (ticket.source_no, ticket.category, ticket.channel, ticket.area, ticket.unit, ticket.urgency) == (
        "4413232310200000001",
        "市容环境/道路不洁",
        "公众举报",
        "平山街道",
        "县住建局",
        "urgent",
    )
    assert ticket.due_at == datetime.fromisoformat(C).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("columns", "flow", "adjustments", "rule"),
    [
        ({"case_status": "archived"}, [], [], "unknown_code"),
        ({"visit_satisfaction": 4}, [], [], "unknown_code"),
        ({}, [{"operate_type": "teleport", "operate_time": D}], [], "unknown_code"),
        ({}, [{"operate_type": None, "operate_time": D}], [], "unknown_code"),
        ({}, [{"operate_type": "return", "operate_result": "maybe", "operate_time": D}], [], "unknown_code"),
        ({}, [{"operate_type": "return", "operate_time": D}], [], "unknown_code"),
        ({}, [], [{"apply_type": "extension", "apply_status": "perhaps", "review_time": D}], "unknown_code"),
        ({}, [], [{"apply_type": "waiver", "apply_status": "approved", "review_time": D}], "unknown_code"),
        ({}, [{"operate_type": "sign", "operate_time": "soon"}], [], "unreadable_time"),
        ({}, [{"operate_type": "sign"}], [], "missing_field"),
        ({"close_time": "2023-13-01 00:00:00"}, [], [], "unreadable_time"),
        ({"case_code": ""}, [], [], "missing_field"),
        ({"report_time": None}, [], [], "missing_field"),
        ({"update_time": None}, [], [], "missing_field"),
        ({"time_limit_type": "fortnight", "time_limit_value": "1"}, [], [], "unknown_code"),
        ({"time_limit_type": "work_day", "time_limit_value": "尽快"}, [], [], "unreadable_limit"),
        ({"time_limit_type": "work_day", "time_limit_value": "0"}, [], [], "unreadable_limit"),
        ({"time_limit_type": "work_day", "time_limit_value": "1.5"}, [], [], "unreadable_limit"),
    ],
)
def test_faults(source: SmartCity, columns: Raw, flow: list[Raw], adjustments: list[Raw], rule: str) -> None:
    found = _read(source, _record(columns, flow, adjustments))
    assert found.ticket is None
    assert rule in [rule for rule, _ in found.faults]


@pytest.mark.parametrize(
    ("told", "limit"),
    [
        ({"time_limit_type": "work_day", "time_limit_value": 3}, (3, "working_day")),
        ({"time_limit_type": "work_hour", "time_limit_value": "4"}, (4, "working_hour")),
        ({"time_limit_type": "urgent_hour", "time_limit_value": "2.0"}, (2, "hour")),
        ({"time_limit_type": "natural_day", "time_limit_value": 15}, (15, "calendar_day")),
        ({"time_limit_type": "urgent_hour", "time_limit_value": "2紧急工作时"}, (2, "hour")),
        ({"time_limit_value": "种植季节15工作日"}, (15, "working_day")),
        ({}, (None, None)),
    ],
)
def test_limits(source: SmartCity, told: Raw, limit: tuple[int | None, str | None]) -> None:
    ticket = _read(source, _record(told)).ticket
    assert ticket is not None
    assert (ticket.limit_amount, ticket.limit_unit) == limit


# --- the same on PostgreSQL -------------------------------------------------------------------------------------------------------


def test_on_postgresql(tmp_path: Path, postgres_server: Server) -> None:
    told = postgres_server.database("exchange")
    uri = f"host={told['host']} port={told['port']} user={told['login']} dbname={told['schema']}"
    schema = SCHEMA.replace(" update_time text", " update_time timestamptz")
    for column in ("report_time", "operate_time"):
        schema = schema.replace(f"{column} text", f"{column} timestamp")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("drop table if exists case_info, case_flow_record, case_adjustment_apply")
        connection.execute(schema)
        connection.execute(
            "insert into case_info (id, case_code, report_time, update_time, is_deleted) select n, 'C' || n, '2023-10-20 09:00:00', "
            "timestamptz '2023-10-24 17:59:55+08' + n * interval '1 second', 0 from generate_series(1, 8) n"
        )
        connection.execute("insert into case_flow_record (id, case_id, operate_type, operate_time) values (1, 8, 'sign', '2023-10-22')")
    source = SmartCity(parse("c", json.dumps(told)), Settings(home=tmp_path, config=CHECKOUT / "config"))
    source.connection.extra["page_size"] = 2
    numbers, total = _numbers(source, Ask(window=WINDOW))
    assert (numbers, total) == (["C1", "C2", "C3", "C4", "C5", "C8"], 6)
    assert _read(source, next(iter(source.pages(Ask(numbers=("C1",))))).records[0]).faults == []
    # Where a pull broke it goes on behind a page by what that page told, which went through JSON meanwhile.
    first = next(iter(source.pages(Ask(window=WINDOW))))
    resume = json.loads(json.dumps(first.resume))
    assert [record["case_code"] for record in first.records] == ["C1", "C2"]
    assert _numbers(source, Ask(window=WINDOW, resume=resume)) == (["C3", "C4", "C5", "C8"], 6)


def test_postgresql_is_opened_read_only_and_waits_for_no_statement_without_end(tmp_path: Path, postgres_server: Server) -> None:
    told = parse("c", json.dumps(postgres_server.database("exchange") | {"extra": {"timeout_s": 1, "max_attempts": 1}}))
    source = SmartCity(told, Settings(home=tmp_path, config=CHECKOUT / "config"))
    with source.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="read-only"):
        connection.execute(sa.text("create table written (n int)"))
    began = time.monotonic()
    with pytest.raises(LaneDown, match="does not answer"):
        source.ask(sa.select(sa.func.pg_sleep(60)))
    assert time.monotonic() - began < 30


def _numbers(source: SmartCity, ask: Ask) -> tuple[list[str], int | None]:
    pages = list(source.pages(ask))
    return [record["case_code"] for page in pages for record in page.records], pages[-1].total


def _read(source: SmartCity, raw: Raw) -> Normalised:
    return normalise(source, raw, key=b"k" * 32)


def _record(columns: Raw, flow: list[Raw] | None = None, adjustments: list[Raw] | None = None) -> Raw:
    told = {"case_code": "4413232310200000001", "report_time": R, "update_time": U, "is_deleted": 0, "handle_dept_name": "县住建局"}
    return {"id": 1} | told | columns | {"flow": flow or [], "adjustments": adjustments or []}


def _case(database: sqlite3.Connection, number: int, **columns: Any) -> None:
    at = datetime(2023, 10, 22) + timedelta(seconds=number)
    told = {"id": number, "case_code": f"C{number}", "report_time": R, "update_time": str(at), "is_deleted": 0} | columns
    _insert(database, "case_info", told)


def _flow(database: sqlite3.Connection, case: int, **columns: Any) -> None:
    _insert(database, "case_flow_record", {"case_id": case} | columns)


def _adjustment(database: sqlite3.Connection, case: int, **columns: Any) -> None:
    _insert(database, "case_adjustment_apply", {"case_id": case, "apply_type": "extension", "apply_status": "pending"} | columns)


def _insert(database: sqlite3.Connection, table: str, columns: dict[str, Any]) -> None:
    database.execute(f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})", list(columns.values()))
