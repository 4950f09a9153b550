"""sources.md §1: the province's codes, columns, bad records and personal data, asked through the command line.

Each ticket has a unit of its own, its name here: one question by unit tells how every ticket counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platforms import Desk, Province, Row, marked, reconciled, served
from tests.nightly.office import Ended

NOVEMBER = ("2023-11-01", "2023-11-30")
PHONE, ID_NUMBER, NAME = "13912345678", "441322199001011234", "欧阳晓明"
KEYS = (
    *("received", "closed", "open", "suspended", "closed_on_time", "closed_late", "overdue", "not_due", "no_deadline", "not_started"),
    *("replied", "rated", "satisfied", "repeat", "returned", "reworked", "extended", "negative_durations"),
)


def did(code: Any, when: str, unit: str | None = None, **more: Any) -> Row:
    return {"blfsid": "1", "blfs": code, "blsj": _time(when), "bljgmc": unit, "hfnr": None, "yjzsj": None, "xjzsj": None} | more


def _time(when: str) -> str:
    """``05`` is 9 o'clock of that day of November, ``05 12:00:00`` a time of it; anything else stays."""
    return f"2023-11-{when} 09:00:00" if len(when) == 2 else f"2023-11-{when}" if len(when) == 11 else when


REGISTERED, ACCEPTED, CLOSED = did("10", "01"), did("20", "02"), did("60", "05")

# name → fields of the record, keys that count it on 30 November, when it was registered on the 1st at 9 o'clock
TICKETS: dict[str, tuple[Row, str]] = {
    "登记": ({"blfs": [REGISTERED]}, "received open not_started"),
    "受理": ({"blfs": [REGISTERED, ACCEPTED]}, "received open not_due"),
    "数字代码": ({"blfs": [did(10, "01"), did(20, "02")], "xfxs": 300, "cfxfbz": 1, "jbkgbz": 0}, "received open not_due repeat"),
    "不予受理": ({"blfs": [REGISTERED, did("21", "02")]}, ""),
    "转送": ({"zrdwmc": "别处", "blfs": [REGISTERED, did("22", "02", "转送")]}, "received open not_started"),
    "交办": ({"zrdwmc": "别处", "blfs": [REGISTERED, did("22", "02", "别处"), did("23", "03", "交办")]}, "received open not_started"),
    "交办无单位": ({"blfs": [REGISTERED, did("23", "03", "")]}, "received open not_started"),
    "退回": ({"blfs": [REGISTERED, did("22", "02"), did("30", "03")]}, "returned"),
    "退回再转": ({"blfs": [REGISTERED, did("30", "03"), did("22", "04")]}, "received open not_started returned"),
    "退回未转": ({"blfs": [REGISTERED, ACCEPTED, did("30", "03"), did("80", "04")]}, "returned"),
    "延期": (
        {"xbjzsj": "2023-11-20", "blfs": [REGISTERED, did("40", "10", yjzsj="2023-11-10", xjzsj="2023-11-20"), did("60", "20 23:59:59")]},
        "received closed closed_on_time extended",
    ),
    "延期已过期": (
        {"xbjzsj": "2023-11-20", "blfs": [REGISTERED, did("40", "11", yjzsj="2023-11-10", xjzsj="2023-11-20"), did("60", "15")]},
        "received closed closed_late extended",
    ),
    "延期无新期限": ({"xbjzsj": "2023-11-10", "blfs": [REGISTERED, did("40", "05")]}, "received open overdue extended"),
    "答复": ({"blfs": [REGISTERED, ACCEPTED, did("50", "04")]}, "received open not_due replied"),
    "当日办结": ({"xbjzsj": "2023-11-10", "blfs": [REGISTERED, did("60", "10 23:59:59")]}, "received closed closed_on_time"),
    "次日办结": ({"xbjzsj": "2023-11-10", "blfs": [REGISTERED, did("60", "11 00:00:00")]}, "received closed closed_late"),
    "准点办结": ({"xbjzsj": "2023-11-10 12:00:00", "blfs": [REGISTERED, did("60", "10 12:00:00")]}, "received closed closed_on_time"),
    "晚一秒办结": ({"xbjzsj": "2023-11-10 12:00:00", "blfs": [REGISTERED, did("60", "10 12:00:01")]}, "received closed closed_late"),
    "全角期限": ({"xbjzsj": "\n\t２０２３/１１/10 ", "blfs": [REGISTERED, did("60", "10 23:00:00")]}, "received closed closed_on_time"),
    "撤回": ({"blfs": [REGISTERED, did("61", "05")]}, "received closed closed_on_time"),
    "并案": ({"blfs": [REGISTERED, did("62", "05")]}, ""),
    "并案后重办": ({"blfs": [REGISTERED, did("62", "05"), did("81", "06")]}, ""),
    "满意": ({"mydpj": "0", "blfs": [REGISTERED, CLOSED, did("70", "06")]}, "received closed closed_on_time rated satisfied"),
    "数字满意": ({"mydpj": 0, "blfs": [REGISTERED, CLOSED, did("70", "06")]}, "received closed closed_on_time rated satisfied"),
    "基本满意": ({"mydpj": "1", "blfs": [REGISTERED, CLOSED, did("70", "06")]}, "received closed closed_on_time rated satisfied"),
    "不满意": ({"mydpj": "3", "blfs": [REGISTERED, CLOSED, did("70", "06")]}, "received closed closed_on_time rated"),
    "未评价": ({"mydpj": "", "blfs": [REGISTERED, CLOSED, did("70", "06")]}, "received closed closed_on_time"),
    "督办": ({"blfs": [REGISTERED, did("80", "05")]}, "received open not_started"),
    "重新办理": (
        {"xbjzsj": "2023-11-25", "blfs": [REGISTERED, CLOSED, did("81", "08", yjzsj="2023-11-10", xjzsj="2023-11-25")]},
        "received open overdue reworked",
    ),
    "重办后办结": (
        {"xbjzsj": "2023-11-25", "blfs": [REGISTERED, CLOSED, did("81", "08", xjzsj="2023-11-25"), did("60", "25 20:00:00")]},
        "received closed closed_on_time reworked",
    ),
    "重办无期限": ({"xbjzsj": "2023-11-10", "blfs": [REGISTERED, CLOSED, did("81", "08")]}, "received open overdue reworked"),
    "旧件": (
        {"slsj": "2023-11-02 09:00:00", "dfsj": "2023-11-03 09:00:00", "bjsj": "2023-11-04 09:00:00", "bjbz": "1", "mydpj": "1"},
        "received closed closed_on_time replied rated satisfied",
    ),
    "旧件空表": ({"blfs": [], "bjsj": "2023-11-04 09:00:00", "mydpj": "3"}, "received closed closed_on_time rated"),
    "旧件未结": ({"blfs": None, "dfsj": "2023-11-03 09:00:00"}, "received open not_started replied"),
    "分歧": (
        {"xbjzsj": "2023-11-15", "bjsj": "2023-11-10 09:00:00", "blfs": [REGISTERED, did("60", "20")]},
        "received closed closed_late",
    ),
    "同刻重办": ({"blfs": [REGISTERED, did("81", "05"), did("60", "05")]}, "received open not_started reworked"),
    "同刻撤回": ({"blfs": [REGISTERED, did("61", "05"), did("81", "05")]}, "received closed closed_on_time reworked"),
    "同刻退回": ({"blfs": [REGISTERED, did("30", "05"), did("22", "05")]}, "returned"),
    "受理在前": ({"blfs": [did("20", "2023-10-31 09:00:00"), REGISTERED]}, "received open not_due"),
    "办结在前": ({"blfs": [did("60", "2023-10-31 09:00:00"), REGISTERED]}, "received closed closed_on_time negative_durations"),
    "新字段": ({"xcl": "?", "blfs": [REGISTERED | {"xyz": 1}]}, "received open not_started"),
    "检举": ({"jbkgbz": "1", "blfs": [REGISTERED], "xm": NAME, "lxdh": PHONE, "tsnr": f"{NAME} 举报"}, "received open not_started"),
    "个人信息": (
        {
            "xm": NAME,
            "lxdh": "１３９ 1234 5678",
            "zjhm": ID_NUMBER,
            "gkxx": f"<p>{NAME}　反映&nbsp;噪声１２３</p>\n\t_x000D_",
            "tsnr": f"{NAME}，电话{PHONE}，座机0752-3456789，身份证{ID_NUMBER}，邮箱ouyang@example.com",
            "blfs": [REGISTERED, did("50", "03", hfnr=f"{NAME}您好，已致电 139-1234-5678 答复，身份证 44132219900101123X")],
        },
        "received open not_started replied",
    ),
}

# Each a record of its own: what is wrong with it, the rule that names it, whether its number can be read.
BAD: tuple[tuple[Row, str], ...] = (
    ({"xfjbh": None}, "missing_field"),
    ({"xfjbh": " \n\t"}, "missing_field"),
    ({"djsj": ""}, "missing_field"),
    ({"lastmodifytime": None}, "missing_field"),
    ({"blfs": [did("99", "02")]}, "unknown_code"),
    ({"blfs": [did("99", "02"), did("60", "03")]}, "unknown_code"),
    ({"xfxs": "500"}, "unknown_code"),
    ({"mydpj": "2"}, "unknown_code"),
    ({"djsj": "2023-13-01 00:00:00"}, "unreadable_time"),
    ({"blfs": [did("20", "昨天")]}, "unreadable_time"),
    ({"xbjzsj": "尽快"}, "unreadable_time"),
    ({"bjsj": "0000-00-00 00:00:00"}, "unreadable_time"),
    ({"blfs": [did("40", "03", xjzsj="尽快")]}, "unreadable_time"),
    ({"lastmodifytime": "刚才"}, "unreadable_time"),
    ({"djsj": "2099-01-01 00:00:00"}, "future_received"),
    ({"xfjbh": "4.41322E+17"}, "lost_digits"),
    # two faults: the first of the list names the record
    ({"djsj": "", "xfxs": "500"}, "missing_field"),
    ({"xfjbh": "", "xbjzsj": "尽快"}, "missing_field"),
    ({"xbjzsj": "尽快", "mydpj": "9"}, "unknown_code"),
    ({"djsj": "2099-01-01 00:00:00", "blfs": [did("20", "昨天")]}, "unreadable_time"),
    ({"djsj": "2099-01-01 00:00:00", "xfxs": "500"}, "unknown_code"),
    ({"djsj": "2099-01-01 00:00:00", "xfjbh": "4.41322E+17"}, "future_received"),
    ({"xfxs": "500", "xfjbh": "4.41322E+17"}, "unknown_code"),
)


def petition(number: Any, **fields: Any) -> Row:
    told = {"xfjbh": number, "sjxfjbh": "", "sxfjbh": "", "xfrq": "2023-11-01", "djsj": "2023-11-01 09:00:00", "xfxs": "100", "xfrs": "1"}
    return told | {"gkxx": "题目", "lastmodifytime": "2023-11-10 10:00:00"} | fields


def number(place: int) -> str:
    return f"GD202311{place:010d}X"


def world() -> Iterator[Row]:
    for place, (name, (fields, _)) in enumerate(TICKETS.items()):
        # On few seconds, so that pages end in the middle of one.
        yield petition(number(place), **{"zrdwmc": name, "lastmodifytime": f"2023-11-10 10:00:{place // 9:02d}"} | fields)
    for place, (fields, _) in enumerate(BAD):
        yield petition(number(1000 + place), **fields)
    # twice with different content at one update time; with an unknown code beside it; at two update times; twice the same
    for place, (first, second) in enumerate(
        [
            ({"zrdwmc": "同号甲"}, {"zrdwmc": "同号乙"}),
            ({"zrdwmc": "同号丙"}, {"xfxs": "500"}),
            ({"zrdwmc": "先", "gkxx": "旧"}, {"zrdwmc": "后", "gkxx": "新", "lastmodifytime": "2023-11-12 10:00:00"}),
            ({"zrdwmc": "两遍", "tsnr": "甲 \n\t乙"}, {"zrdwmc": "两遍", "tsnr": "甲\n\n乙", "lastmodifytime": "2023-11-13 10:00:00"}),
        ]
    ):
        yield petition(number(2000 + place), **first)
        yield petition(number(2000 + place), **second)
    yield petition(" \n\tGD２０２３1130987654321AB ", zrdwmc="号码")
    yield petition(441322202311300001, zrdwmc="数字号码", lastmodifytime="2023-11-30 23:59:59")
    # outside the window, inside the look-back of three days, and just before that
    yield petition(number(3000), zrdwmc="回看", lastmodifytime="2023-10-29 00:00:00")
    yield petition(number(3001), zrdwmc="更早", lastmodifytime="2023-10-28 23:59:59")
    yield petition(number(3002), zrdwmc="窗口之后", lastmodifytime="2023-12-01 00:00:00")


@dataclass(frozen=True)
class Night:
    home: Path
    province: Province
    ended: Ended
    units: dict[str, Row]
    tickets: dict[str, Row]
    quarantine: list[Row]
    batch: Row


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    province = Province(list(world()))
    with served(province) as server:
        desk = Desk.at(tmp_path_factory.mktemp("provincial") / "home", provincial=province.connection(server.port))
        ended, office = desk.run(*NOVEMBER), desk.office
        units, tickets = desk.units(*NOVEMBER), desk.tickets(*NOVEMBER)
        yield Night(office.home, province, ended, units, tickets, office.quarantine(), office.batches()[-1])


def test_the_lane_is_yellow_and_reconciles(night: Night) -> None:
    assert night.ended.code == 0, night.ended.err
    assert night.batch["status"] == "yellow"
    assert reconciled(night.batch), night.batch
    # 4 numbers came twice, one of them with equal content; a bad record without a number counts by itself
    distinct = len(TICKETS) + len(BAD) + 4 + 2 + 1
    assert {key: night.batch[key] for key in ("platform_total", "numbers", "landed", "quarantined")} == {
        "platform_total": distinct - 2,  # the province counts the number that lost its digits, which three records have, once
        "numbers": distinct,
        "landed": distinct + 3,
        "quarantined": len(BAD) + 4,
    }


@pytest.mark.parametrize("name", TICKETS)
def test_how_a_ticket_counts(night: Night, name: str) -> None:
    wanted = set(TICKETS[name][1].split())
    assert (marked(night.units[name], KEYS) if name in night.units else set()) == wanted


def test_other_units_are_those_of_tickets_told_apart_by_update_time_and_number(night: Night) -> None:
    assert night.units.keys() - TICKETS.keys() == {"后", "两遍", "号码", "数字号码", "回看"}


def test_numbers_are_text(night: Night) -> None:
    assert night.tickets["provincial:GD20231130987654321AB"]["unit"] == "号码"
    assert night.tickets["provincial:441322202311300001"]["source_no"] == "441322202311300001"


@pytest.mark.parametrize("place", range(len(BAD)), ids=lambda place: f"{place}-{BAD[place][1]}")
def test_a_bad_record_is_named_by_the_first_rule(night: Night, place: int) -> None:
    fields, rule = BAD[place]
    if "xfjbh" not in fields:
        found = [row["rule"] for row in night.quarantine if row["source_no"] == number(1000 + place)]
        assert found == [rule]
    else:
        wanted = sorted(rule for fields, rule in BAD if "xfjbh" in fields)
        assert sorted(row["rule"] for row in night.quarantine if row["source_no"] is None) == wanted


def test_a_number_twice(night: Night) -> None:
    found = sorted((row["source_no"], row["rule"]) for row in night.quarantine if row["source_no"] in (number(2000), number(2001)))
    assert found == [
        (number(2000), "duplicate_number"),
        (number(2000), "duplicate_number"),
        (number(2001), "duplicate_number"),
        (number(2001), "unknown_code"),
    ]
    assert night.tickets[f"provincial:{number(2002)}"]["title"] == "新"


def test_what_is_odd_and_loads_is_told_once(night: Night) -> None:
    told = [message for message in night.batch["messages"] if "xcl" in message or "xyz" in message]
    assert len(told) == 2, night.batch["messages"]
    said = "\n".join(night.batch["messages"])
    assert "before their registration" in said  # 受理在前, 办结在前
    assert "blfs is taken" in said  # 分歧


def test_attributes(night: Night) -> None:
    by_unit = {row["unit"]: row for row in night.tickets.values() if row["unit"]}
    assert (by_unit["数字代码"]["channel"], by_unit["登记"]["channel"]) == ("online", "letter")
    assert by_unit["当日办结"]["due_at"] == "2023-11-10T23:59:59+08:00"
    assert by_unit["当日办结"]["due_source"] == "platform"
    assert by_unit["当日办结"]["ticket_type"] is None
    assert by_unit["个人信息"]["title"] == "欧阳** 反映 噪声123"


def test_an_accusation_shows_its_number_only(night: Night) -> None:
    (place,) = (place for place, name in enumerate(TICKETS) if name == "检举")
    row = night.tickets[f"provincial:{number(place)}"]
    assert {key: value for key, value in row.items() if value is not None} == {
        "ticket_id": f"provincial:{number(place)}",
        "restricted": True,
    }


def test_nothing_personal_leaves_the_landing_zone(night: Night) -> None:
    secrets = [NAME, PHONE, ID_NUMBER, "139 1234 5678", "139-1234-5678", "3456789", "44132219900101123X", "ouyang@"]
    seen = [night.ended.out, night.ended.err, str(night.tickets), str(night.quarantine), str(night.batch)]
    files = [path for path in night.home.rglob("*") if path.is_file() and "landing" not in path.relative_to(night.home).parts]
    assert any(path.suffix == ".duckdb" for path in files)
    for secret in secrets:
        assert not any(secret in text for text in seen), secret
        assert not [path.name for path in files if secret.encode() in path.read_bytes()], secret
    landing = night.home / "landing"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (landing, *landing.rglob("*")))


def test_the_window_asked_for_has_three_days_before_it(night: Night) -> None:
    ends = {data["lastmodifytimeEnd"] for data in night.province.questions}
    assert min(data["lastmodifytimeBegin"] for data in night.province.questions) == "2023-10-29 00:00:00"
    assert ends <= {"2023-11-30 23:59:59"} | {data["lastmodifytimeBegin"] for data in night.province.questions}
