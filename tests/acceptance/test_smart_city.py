"""sources.md §2: cases, flow rows and applications of the exchange database, asked through the command line.

Each case has a category of its own, its name here: one question by category tells how every case counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import NOVEMBER, Desk, Exchange, Row, marks, reconciled
from tests.nightly.office import Ended

KEYS = (
    *("received", "closed", "open", "suspended", "closed_on_time", "closed_late", "overdue", "not_due", "no_deadline", "not_started"),
    *("rated", "satisfied", "returned", "reworked", "extended", "negative_durations"),
)
STATES = (
    *("reported", "pending_register", "pending_verify", "pending_dispatch", "returned", "pending_handle", "handling", "handle_finish"),
    *("pending_check", "checking", "check_pass", "pending_close", "closed", "forced_close", "suspended"),
)


@dataclass(frozen=True)
class Case:
    """Columns, flow rows and applications of one case, and what is said of it on 30 November."""

    columns: Row
    expected: str
    due: str | None = None
    flow: tuple[Row, ...] = ()
    adjustments: tuple[Row, ...] = ()


def day(told: str) -> str:
    """``05`` is 9 o'clock of that day of November 2023, ``05 12:00`` a time of it."""
    return f"2023-11-{told} 09:00:00" if len(told) == 2 else f"2023-11-{told}:00" if len(told) == 8 else f"2023-11-{told}"


def did(operate_type: str, when: str, result: str | None = None, unit: str | None = None, **more: Any) -> Row:
    told = {"operate_type": operate_type, "operate_result": result, "operate_time": day(when), "receiver_dept_name": unit}
    return told | more


def applied(apply_type: str, when: str | None, status: str = "approved", **more: Any) -> Row:
    told = {"apply_type": apply_type, "apply_status": status, "review_time": when and day(when), "update_time": day(when or "20")}
    return told | {"is_deleted": 0} | more


# 1 November 2023 is a Wednesday. Without a due of its own a dispatched case has 3 working days: end of Monday, the 6th.
SENT = {"accept_time": day("01 09:30"), "dispatch_time": day("01 10:00")}
DUE = SENT | {"deadline_time": day("10 18:00")}
OPEN, ON_TIME, LATE = "received open not_due", "received closed closed_on_time", "received closed closed_late"
OVERDUE = "received open overdue"

CASES: dict[str, Case] = {
    **{f"状态{state}": Case({"case_status": state}, "received open not_started") for state in STATES},
    "无状态": Case({"case_status": None}, "received open not_started"),
    "不予立案": Case({"case_status": "not_accepted", "close_time": day("02")}, ""),
    "作废": Case({"case_status": "cancelled"}, ""),
    "作废已结": Case({**DUE, "case_status": "cancelled", "handle_finish_time": day("03"), "close_time": day("04")}, ""),
    "删除": Case({"is_deleted": 1}, ""),
    "删除文字": Case({"is_deleted": "1"}, ""),
    "删除空": Case({"is_deleted": None}, "received open not_started"),
    "派遣": Case(SENT, OVERDUE, "2023-11-06T23:59:59"),
    "紧急": Case(SENT | {"is_urgent": 1}, OVERDUE, "2023-11-01T12:00:00"),
    "紧急准点": Case(SENT | {"is_urgent": 1, "close_time": day("01 12:00")}, ON_TIME, "2023-11-01T12:00:00"),
    "紧急晚一秒": Case(SENT | {"is_urgent": 1, "close_time": day("01 12:00:01")}, LATE, "2023-11-01T12:00:00"),
    "未派先结": Case({"close_time": day("06 23:00")}, ON_TIME, "2023-11-06T23:59:59"),
    "期限": Case(DUE, OVERDUE, "2023-11-10T18:00:00"),
    "期限日期": Case(SENT | {"deadline_time": "2023-11-10", "close_time": day("10 23:59:59")}, ON_TIME, "2023-11-10T23:59:59"),
    "处置按时未结": Case(DUE | {"handle_finish_time": day("10 18:00")}, "received open closed_on_time", "2023-11-10T18:00:00"),
    "处置超时未结": Case(DUE | {"handle_finish_time": day("10 18:00:01")}, "received open closed_late"),
    "处置按时结案迟": Case(DUE | {"handle_finish_time": day("09"), "close_time": day("20")}, ON_TIME),
    "无处置结案迟": Case(DUE | {"close_time": day("20")}, LATE),
    "强制结案": Case(DUE | {"case_status": "forced_close", "close_time": day("10")}, ON_TIME),
    "流程同刻": Case(
        DUE | {"handle_finish_time": day("09"), "close_time": day("10")},
        ON_TIME,
        flow=(
            did("accept", "01 09:30"),
            did("assign", "01 10:00"),
            did("sign", "01 11:00"),
            did("finish", "09"),
            did("close", "10"),
            did("urge", "05"),
            did("supervise", "05"),
            did("forward", "05"),
            did("revoke_assign", "05"),
        ),
    ),
    "流程异刻处置": Case(
        SENT | {"deadline_time": day("09"), "handle_finish_time": day("09")},
        "received open closed_late",
        flow=(did("finish", "09 09:00:01"),),
    ),
    "流程独报结案": Case(DUE, ON_TIME, flow=(did("close", "10 18:00"),)),
    "流程独报派遣": Case({}, OVERDUE, "2023-11-07T23:59:59", flow=(did("assign", "02", unit="甲局"),)),
    "首次派遣起算": Case({"dispatch_time": day("08")}, OVERDUE, "2023-11-06T23:59:59", flow=(did("assign", "01 10:00"),)),
    "退件": Case(DUE, "returned", flow=(did("return", "02", "reject"),)),
    "退件再派": Case(DUE | {"dispatch_time": day("03")}, OVERDUE + " returned", flow=(did("return", "02", "reject"), did("assign", "03"))),
    "退件列再派": Case(DUE | {"dispatch_time": day("03")}, OVERDUE + " returned", flow=(did("return", "02", "reject"),)),
    "退件转发不回": Case(DUE, "returned", flow=(did("return", "02", "reject"), did("forward", "03"), did("urge", "04"))),
    "退件同刻再派": Case(DUE | {"dispatch_time": day("02")}, "returned", flow=(did("return", "02", "reject"),)),
    "返工": Case(DUE | {"handle_finish_time": day("05")}, OVERDUE + " reworked", flow=(did("return", "06", "rework"),)),
    "返工再处置": Case(
        DUE | {"handle_finish_time": day("09"), "close_time": day("12")},
        ON_TIME + " reworked",
        flow=(did("finish", "05"), did("return", "06", "rework"), did("finish", "09")),
    ),
    "结案返工": Case(DUE | {"close_time": day("05")}, OVERDUE + " reworked", flow=(did("close", "05"), did("return", "06", "rework"))),
    "返工迟办": Case(
        DUE | {"handle_finish_time": day("15"), "close_time": day("16")},
        LATE + " reworked",
        flow=(did("finish", "05"), did("return", "06", "rework"), did("finish", "15"), did("close", "16")),
    ),
    "待批延期": Case(DUE, OVERDUE, adjustments=(applied("extension", None, "pending", new_deadline_time=day("28")),)),
    "驳回延期": Case(DUE, OVERDUE, adjustments=(applied("extension", "09", "rejected", new_deadline_time=day("28")),)),
    "删除延期": Case(DUE, OVERDUE, adjustments=(applied("extension", "09", new_deadline_time=day("28"), is_deleted=1),)),
    "延期": Case(
        DUE | {"close_time": day("28")},
        ON_TIME + " extended",
        "2023-11-28T09:00:00",
        adjustments=(applied("extension", "10 18:00", old_deadline_time=day("10 18:00"), new_deadline_time=day("28")),),
    ),
    "延期日期": Case(
        DUE | {"close_time": day("28 23:59:59")},
        ON_TIME + " extended",
        "2023-11-28T23:59:59",
        adjustments=(applied("extension", "09", new_deadline_time="2023-11-28"),),
    ),
    "延期迟": Case(
        SENT | {"deadline_time": day("28"), "close_time": day("20")},
        LATE + " extended",
        "2023-11-10T18:00:00",
        adjustments=(applied("extension", "10 18:00:01", old_deadline_time=day("10 18:00"), new_deadline_time=day("28")),),
    ),
    "延期后结案在前": Case(
        SENT | {"deadline_time": day("28"), "close_time": day("09")},
        ON_TIME + " extended",
        "2023-11-10T18:00:00",
        adjustments=(applied("extension", "10", old_deadline_time=day("10 18:00"), new_deadline_time=day("28")),),
    ),
    "延期无新期限": Case(DUE, OVERDUE + " extended", "2023-11-10T18:00:00", adjustments=(applied("extension", "09"),)),
    "两次延期": Case(
        SENT | {"deadline_time": day("27")},
        OVERDUE + " extended",
        "2023-11-27T09:00:00",
        adjustments=(
            applied("extension", "19", old_deadline_time=day("20"), new_deadline_time=day("27")),
            applied("extension", "09", old_deadline_time=day("10 18:00"), new_deadline_time=day("20")),
        ),
    ),
    "规则延期": Case(
        SENT | {"close_time": day("20")},
        ON_TIME + " extended",
        "2023-11-20T12:00:00",
        adjustments=(applied("extension", "06 23:00", new_deadline_time=day("20 12:00")),),
    ),
    "挂起未复": Case(DUE, OPEN + " suspended", "2023-11-10T18:00:00", adjustments=(applied("suspend", "05"),)),
    "挂起将复": Case(
        DUE, OPEN + " suspended", "2023-11-10T18:00:00", adjustments=(applied("suspend", "05", suspend_until="2023-12-15 09:00:00"),)
    ),
    "挂起已复": Case(DUE, OVERDUE, "2023-11-10T18:00:00", adjustments=(applied("suspend", "05", suspend_until=day("08")),)),
    "超期挂起": Case(DUE, OVERDUE, "2023-11-10T18:00:00", adjustments=(applied("suspend", "12"),)),
    "待批挂起": Case(DUE, OVERDUE, adjustments=(applied("suspend", "05", "pending"),)),
    "规则挂起已复": Case(  # Thursday to Tuesday: Friday, Monday, Tuesday
        SENT | {"close_time": day("09 23:59:59")},
        ON_TIME,
        "2023-11-09T23:59:59",
        adjustments=(applied("suspend", "02", suspend_until=day("07")),),
    ),
    "挂起中处置": Case(
        DUE | {"handle_finish_time": day("20")},
        "received open closed_late",
        adjustments=(applied("suspend", "05", suspend_until=day("25")),),
    ),
    "紧急工时": Case(SENT | {"time_limit_type": "urgent_hour", "time_limit_value": 5}, OVERDUE, "2023-11-01T15:00:00"),
    "工时": Case(SENT | {"time_limit_type": "work_hour", "time_limit_value": 4}, OVERDUE, "2023-11-01T16:00:00"),
    "工时整数文字": Case(SENT | {"time_limit_type": "work_hour", "time_limit_value": "2"}, OVERDUE, "2023-11-01T12:00:00"),
    "工作日": Case(SENT | {"time_limit_type": "work_day", "time_limit_value": 5}, OVERDUE, "2023-11-08T23:59:59"),
    "自然日": Case(SENT | {"time_limit_type": "natural_day", "time_limit_value": 4}, OVERDUE, "2023-11-05T23:59:59"),
    "时限先于紧急规则": Case(SENT | {"time_limit_type": "work_day", "time_limit_value": 1, "is_urgent": 1}, OVERDUE, "2023-11-02T23:59:59"),
    "期限先于时限": Case(DUE | {"time_limit_type": "work_day", "time_limit_value": 1}, OVERDUE, "2023-11-10T18:00:00"),
    "时限未派": Case({"time_limit_type": "work_day", "time_limit_value": 1}, "received open not_started"),
    "时限挂起": Case(
        SENT | {"time_limit_type": "work_day", "time_limit_value": 5, "close_time": day("14 23:00")},
        ON_TIME,
        "2023-11-14T23:59:59",
        adjustments=(applied("suspend", "03", suspend_until=day("09")),),
    ),
    "文字工时": Case(SENT | {"time_limit_value": "4工作时"}, OVERDUE, "2023-11-01T16:00:00"),
    "文字紧急": Case(SENT | {"time_limit_value": "2紧急工作时"}, OVERDUE, "2023-11-01T12:00:00"),
    "文字空格": Case(SENT | {"time_limit_value": " 5工作日"}, OVERDUE, "2023-11-08T23:59:59"),
    "文字天": Case(SENT | {"time_limit_value": "15天"}, OVERDUE, "2023-11-16T23:59:59"),
    "文字季节": Case(SENT | {"time_limit_value": "种植季节15工作日"}, OVERDUE, "2023-11-22T23:59:59"),
    "文字制止": Case(SENT | {"time_limit_value": "1紧急工作时制止"}, OVERDUE, "2023-11-01T11:00:00"),
    "文字全角": Case(SENT | {"time_limit_value": "\n\t１０个工作日_x000D_"}, OVERDUE, "2023-11-15T23:59:59"),
    "满意": Case(DUE | {"close_time": day("09"), "visit_satisfaction": 1}, ON_TIME + " rated satisfied"),
    "基本满意": Case(DUE | {"close_time": day("09"), "visit_satisfaction": "2"}, ON_TIME + " rated satisfied"),
    "不满意": Case(DUE | {"close_time": day("09"), "visit_satisfaction": 3}, ON_TIME + " rated"),
    "未结满意": Case(DUE | {"visit_satisfaction": 1}, OVERDUE),
    "先派后报": Case({"report_time": day("02"), "dispatch_time": day("01 10:00"), "close_time": day("03")}, ON_TIME),
    "时间倒置": Case({"report_time": day("05"), "close_time": day("04")}, ON_TIME + " negative_durations"),
    "未来结案": Case(DUE | {"close_time": "2023-12-05 09:00:00"}, OVERDUE),
    "小数秒": Case(DUE | {"handle_finish_time": "2023-11-10 18:00:00.900000"}, "received open closed_on_time"),
}
BAD: tuple[tuple[Row, tuple[Row, ...], tuple[Row, ...], str], ...] = (
    ({"case_code": None}, (), (), "missing_field"),
    ({"case_code": " "}, (), (), "missing_field"),
    ({"report_time": ""}, (), (), "missing_field"),
    ({"update_time": None}, (), (), "missing_field"),
    ({"update_time": "很久以前"}, (), (), "unreadable_time"),
    ({"case_status": "archived"}, (), (), "unknown_code"),
    ({"case_status": "CLOSED"}, (), (), "unknown_code"),
    ({}, (did("teleport", "02"),), (), "unknown_code"),
    ({}, (did("return", "02"),), (), "unknown_code"),
    ({}, (did("return", "02", "maybe"),), (), "unknown_code"),
    ({}, (), (applied("swap", "02"),), "unknown_code"),
    ({}, (), (applied("extension", "02", "perhaps"),), "unknown_code"),
    ({"time_limit_type": "week", "time_limit_value": 2} | SENT, (), (), "unknown_code"),
    ({"visit_satisfaction": 4}, (), (), "unknown_code"),
    ({"report_time": "2023-13-01 09:00:00"}, (), (), "unreadable_time"),
    ({"close_time": "昨天"}, (), (), "unreadable_time"),
    ({}, (did("close", "三日"),), (), "unreadable_time"),
    ({"report_time": "2099-01-01 09:00:00"}, (), (), "future_received"),
    (SENT | {"time_limit_value": "尽快"}, (), (), "unreadable_limit"),
    (SENT | {"time_limit_value": "工作日"}, (), (), "unreadable_limit"),
    (SENT | {"time_limit_type": "work_day", "time_limit_value": 0}, (), (), "unreadable_limit"),
    (SENT | {"time_limit_type": "work_day", "time_limit_value": -1}, (), (), "unreadable_limit"),
    (SENT | {"time_limit_type": "work_day", "time_limit_value": 1.5}, (), (), "unreadable_limit"),
    (SENT | {"time_limit_value": "尽快", "case_status": "archived"}, (), (), "unknown_code"),
)
# Rows of one number: the columns in which they differ, and what is said of the case.
TWICE: dict[str, tuple[tuple[Row, ...], str]] = {
    "重号": (({}, {"close_time": day("09")}), ""),
    "重号异时": (({"update_time": day("21"), "close_time": day("09")}, {}), ON_TIME),
    "重号相同": (({}, {}), OVERDUE),
}


def code(number: int) -> str:
    return f"4413230000{number:09d}"


@dataclass(frozen=True)
class Loaded:
    desk: Desk
    ended: Ended
    groups: dict[str, Row]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    home = tmp_path_factory.mktemp("smart_city")
    exchange = Exchange(home / "exchange.db")
    exchange.create(more=["case_info.drone_no"])
    for number, (name, case) in enumerate(CASES.items(), 1):
        _put(exchange, number, name, case.columns, case.flow, case.adjustments)
    for number, (columns, flow, adjustments, rule) in enumerate(BAD, 501):
        _put(exchange, number, f"坏{rule}", columns, flow, adjustments)
    for number, (name, (rows, _)) in enumerate(TWICE.items(), 601):
        for place, columns in enumerate(rows):
            _put(exchange, number * 10 + place, name, DUE | {"case_code": code(number)} | columns, (), ())
    desk = Desk(home / "home", {"smart_city": exchange.connection})
    ended = desk.run()
    yield Loaded(desk, ended, desk.by("category", "cases"))


def _put(exchange: Exchange, number: int, name: str, columns: Row, flow: tuple[Row, ...], adjustments: tuple[Row, ...]) -> None:
    told = {"id": number, "case_code": code(number), "big_name": name, "source_desc": "市局巡查", "report_time": day("01")}
    exchange.insert("case_info", [told | {"case_status": "handling", "update_time": day("20"), "is_deleted": 0} | columns])
    exchange.insert("case_flow_record", [{"id": number * 100 + place, "case_id": number} | row for place, row in enumerate(flow)])
    exchange.insert(
        "case_adjustment_apply", [{"id": number * 100 + place, "case_id": number} | row for place, row in enumerate(adjustments)]
    )


def test_every_case_counts_as_its_events_say(loaded: Loaded) -> None:
    assert loaded.ended.code == 0, loaded.ended.err
    expected = {name: case.expected for name, case in CASES.items()} | {name: told for name, (_, told) in TWICE.items()}
    found = {name: " ".join(sorted(marks(loaded.groups.get(name), KEYS))) for name in expected}
    assert found == {name: " ".join(sorted(told.split())) for name, told in expected.items()}


def test_dues(loaded: Loaded) -> None:
    rows = loaded.desk.tickets("received", "cases")
    found = {name: (rows[code(number)]["due_at"] or "")[:19] for number, name in enumerate(CASES, 1) if CASES[name].due}
    assert found == {name: case.due for name, case in CASES.items() if case.due}


def test_bad_ones(loaded: Loaded) -> None:
    rows = loaded.desk.quarantine()
    found = sorted((row["source_no"] or "", row["rule"]) for row in rows)
    expected = [("" if "case_code" in columns else code(number), rule) for number, (columns, _, _, rule) in enumerate(BAD, 501)]
    assert found == sorted([*expected, *[(code(601), "duplicate_number")] * 2])
    (batch,) = loaded.desk.batches()
    assert reconciled(batch), batch
    numbers = len(CASES) + len(BAD) + len(TWICE)
    assert (batch["platform_total"], batch["numbers"], batch["landed"]) == (numbers, numbers, numbers + 2), batch
    assert batch["quarantined"] == len(BAD) + 2
    assert batch["status"] == "yellow"
    assert len([told for told in batch["messages"] if "drone_no" in told]) == 1, batch["messages"]


# --- nights ---------------------------------------------------------------------------------------------------------------

PHONE, ID_NUMBER, NAME = "13912345678", "441322199001011234", "欧阳晓明"
TIED = 23  # cases with one update time, over the borders of pages of 7


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Exchange]:
    home = tmp_path_factory.mktemp("nights")
    exchange = Exchange(home / "exchange.db")
    exchange.create()

    def put(number: int, name: str, updated: str, *flow: Row, **more: Any) -> None:
        told = {"source_desc": "公众举报", "update_time": updated, "report_time": day("01")} | DUE | more
        _put(exchange, number, name, told, flow, ())

    for number in range(TIED, 0, -1):
        put(number, "同刻", day("10"))
    put(31, "首秒", "2023-11-07 00:00:00", source_desc="市局巡查")
    put(32, "首秒前", "2023-11-06 23:59:59")
    put(33, "末秒", "2023-11-12 23:59:59", source_desc=None)
    put(34, "末秒后", "2023-11-13 00:00:00")
    put(35, "旧件新流程", "2023-10-01 08:00:00", did("close", "09"))
    put(36, "旧件新申请", "2023-10-01 08:00:00")
    exchange.insert("case_adjustment_apply", [{"id": 1, "case_id": 36} | applied("extension", "09", new_deadline_time=day("29"))])
    put(37, "消失", day("10"))
    put(38, "改而未记", day("10"))
    put(39, "结后返工", day("10"), close_time=day("09"), report_time=day("02"))
    put(
        40,
        "个人信息",
        day("10"),
        did("urge", "09", operate_opinion=f"{NAME}再次来电 {PHONE}"),
        reporter_name=NAME,
        reporter_phone="139-1234-5678",
        description=f"{NAME}，电话{PHONE}，座机0752-3456789，身份证{ID_NUMBER}，邮箱ouyang@example.com",
        address=f"{NAME}家，{PHONE}",
    )
    put(41, "个人信息代码", day("10"), case_status=f"{NAME}{PHONE}", reporter_name=NAME)
    return Desk(home / "home", {"smart_city": exchange.connection}), exchange


def test_a_second_night_sees_what_no_update_time_tells(nights: tuple[Desk, Exchange]) -> None:
    desk, exchange = nights
    ended = desk.run(window=("--from", "2023-11-10", "--to", "2023-11-12"))
    assert ended.code == 0, ended.err
    first = desk.by("category", "cases")
    assert set(first) == {"同刻", "首秒", "末秒", "旧件新流程", "旧件新申请", "消失", "改而未记", "结后返工", "个人信息"}
    assert first["同刻"]["received"] == TIED
    assert (first["旧件新流程"]["closed"], first["旧件新申请"]["extended"], first["结后返工"]["closed"]) == (1, 1, 1)
    (batch,) = desk.batches()
    assert (batch["platform_total"], batch["numbers"], batch["landed"], batch["quarantined"]) == (TIED + 9,) * 3 + (1,)
    known = batch["fetched_at"]

    exchange.write("delete from case_info where id = 37")
    exchange.write("update case_info set close_time = ? where id = 38", [day("10 17:00")])
    exchange.insert("case_flow_record", [{"id": 9000, "case_id": 39} | did("return", "21", "rework")])
    exchange.write("update case_info set update_time = ? where id = 1", [day("21")])  # touched, and nothing has changed
    ended = desk.run(window=("--from", "2023-11-20", "--to", "2023-11-22"))
    assert ended.code == 0, ended.err
    batch = desk.batches()[-1]
    assert reconciled(batch) and batch["status"] == "yellow", batch
    # two touched; asked for by number: the other tied ones, 31, 33, 36, 37, 38, 40, of which 37 is gone
    assert (batch["platform_total"], batch["landed"], batch["new_versions"]) == (2 + TIED - 1 + 5,) * 2 + (2,), batch
    assert [told for told in batch["messages"] if code(37) in told], batch["messages"]
    second = desk.by("category", "cases")
    assert (second["改而未记"]["closed_on_time"], second["结后返工"]["open"], second["结后返工"]["reworked"]) == (1, 1, 1)
    assert second["消失"] == first["消失"]
    assert desk.by("category", "cases", "--as-known", known) == first
    assert set(desk.by("category", "appeals")) == set(first) - {"首秒", "末秒"}
    assert desk.flow("cases", "2023-11-01", "2023-11-30") == {"received": TIED + 8, "reopened": 1, "closed": 3, "closing": TIED + 6}
    assert desk.flow("cases", "2023-11-10", "2023-11-20") == {"opening": TIED + 6, "closed": 1, "closing": TIED + 5}


def test_nobody_is_named(nights: tuple[Desk, Exchange]) -> None:
    desk, _ = nights
    (row,) = desk.quarantine()
    told = desk.command("quarantine", "show", row["id"])
    shown = [
        told,
        desk.command("explain", f"smart_city:{code(40)}"),
        desk.command("tickets", "received", "--population", "cases", *NOVEMBER),
    ]
    files = [path for path in desk.home.rglob("*") if path.is_file() and "landing" not in path.relative_to(desk.home).parts]
    for secret in (PHONE, "139-1234-5678", ID_NUMBER, NAME, "0752-3456789", "ouyang@"):
        assert not [one for one in shown if secret in one.out + one.err]
        assert not [path.name for path in files if secret.encode() in path.read_bytes()]
    open_to_others = [path for path in (desk.home / "landing").rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_renamed_column_stops_the_lane_and_is_named(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "exchange.db")
    exchange.create(without=["case_adjustment_apply", "case_info.deadline_time"])
    ended = Desk(tmp_path / "home", {"smart_city": exchange.connection}).run()
    assert ended.code == 3
    causes = [line for line in ended.err.splitlines() if line.startswith("red")]
    assert len(causes) == 1 and "case_adjustment_apply" in causes[0] and "case_info.deadline_time" in causes[0], ended.err
