"""sources.md §4: the hotline's actions, deadlines, pauses, visits and bad records, asked through the command line.

Each work order has a unit of its own, its name here: one question by unit tells how every one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platforms import Desk, Hotline, Row, marked, millis, reconciled, served
from tests.nightly.office import Ended

NOVEMBER = ("2023-11-01", "2023-11-30")
PHONE, NAME = "13912345678", "诸葛小亮"
KEYS = (
    *("received", "closed", "open", "suspended", "closed_on_time", "closed_late", "overdue", "not_due", "no_deadline", "not_started"),
    *("replied", "rated", "satisfied", "repeat", "returned", "reworked", "extended", "negative_durations"),
)


def at(when: str) -> int:
    """``05`` is 9 o'clock of that day of November 2023, ``05 12:00:00`` a time of it."""
    return millis(f"2023-11-{when}" if len(when) > 2 else f"2023-11-{when} 09:00:00")


def did(seq: int, action: str, when: str, **more: Any) -> Row:
    return {"seq": seq, "action": action, "at": at(when), "unit": None, "remark": None, "oldDueAt": None, "newDueAt": None} | more


def visit(result: str | None, when: int | None = None, solved: str = "是") -> Row:
    return {"at": when, "result": result, "solved": solved}


ASSIGNED, CLOSED = did(1, "派单", "01 10:00:00"), did(2, "办结", "05")
CONSULT: Row = {"type": "咨询", "countyDueAt": None}  # two working days: until the end of 3 November
COMPLAINT: Row = {"type": "投诉", "countyDueAt": None}  # fifteen: until the end of 22 November

# name → fields of the item, keys that count it on 30 November, when it was created on the 1st at 9 o'clock. Due on 10 December
# at the county unless told otherwise.
ORDERS: dict[str, tuple[Row, str]] = {
    "未办": ({"flow": []}, "received open not_due"),
    "无流程": ({"flow": None, "visit": None}, "received open not_due"),
    "受理": ({"flow": [did(1, "受理", "02")]}, "received open not_due"),
    "派单": ({"leadUnit": "别处", "flow": [did(1, "派单", "02", unit="派单")]}, "received open not_due"),
    "转派": ({"leadUnit": "别处", "flow": [did(2, "转派", "02", unit="转派"), did(1, "派单", "02", unit="别处")]}, "received open not_due"),
    "签收": ({"flow": [ASSIGNED, did(2, "签收", "02")]}, "received open not_due"),
    "退单": ({"flow": [ASSIGNED, did(2, "退单", "02")]}, "returned"),
    "退单再派": ({"flow": [ASSIGNED, did(2, "退单", "02"), did(3, "转派", "03")]}, "received open not_due returned"),
    "退单再受理": ({"flow": [did(2, "退单", "02"), did(3, "受理", "03")]}, "received open not_due returned"),
    "延期": (
        {
            "countyDueAt": at("20 23:59:59"),
            "flow": [did(1, "延期", "08", oldDueAt=at("10 18:00:00"), newDueAt=at("20 23:59:59")), did(2, "办结", "20")],
        },
        "received closed closed_on_time extended",
    ),
    "延期已过期": (
        {
            "countyDueAt": at("20 23:59:59"),
            "flow": [did(1, "延期", "10 18:00:01", oldDueAt=at("10 18:00:00"), newDueAt=at("20 23:59:59")), did(2, "办结", "20")],
        },
        "received closed closed_late extended",
    ),
    "延期到期时": (
        {
            "countyDueAt": at("20 23:59:59"),
            "flow": [did(1, "延期", "10 18:00:00", oldDueAt=at("10 18:00:00"), newDueAt=at("20 23:59:59")), did(2, "办结", "20")],
        },
        "received closed closed_on_time extended",
    ),
    "咨询": (CONSULT | {"flow": []}, "received open overdue"),
    "咨询当日": (CONSULT | {"flow": [did(1, "办结", "03 23:59:59")]}, "received closed closed_on_time"),
    "咨询次日": (CONSULT | {"flow": [did(1, "办结", "04 00:00:00")]}, "received closed closed_late"),
    "挂起": (CONSULT | {"flow": [did(1, "挂起", "03 08:00:00")]}, "received open suspended not_due"),
    "过期后挂起": (CONSULT | {"flow": [did(1, "挂起", "04 08:00:00")]}, "received open overdue"),
    "恢复": (
        CONSULT | {"flow": [did(1, "挂起", "02"), did(2, "恢复", "06"), did(3, "办结", "07 20:00:00")]},
        "received closed closed_on_time",
    ),
    "恢复已晚": (CONSULT | {"flow": [did(1, "挂起", "02"), did(2, "恢复", "06"), did(3, "办结", "08")]}, "received closed closed_late"),
    "同日恢复": (
        CONSULT | {"flow": [did(1, "挂起", "02"), did(2, "恢复", "02 17:00:00"), did(3, "办结", "04")]},
        "received closed closed_late",
    ),
    "两次挂起": (
        CONSULT | {"flow": [did(1, "挂起", "02"), did(2, "挂起", "03"), did(3, "恢复", "06"), did(4, "办结", "07 20:00:00")]},
        "received closed closed_on_time",
    ),
    "平台期限挂起": ({"countyDueAt": at("10"), "flow": [did(1, "挂起", "08")]}, "received open suspended not_due"),
    "平台期限恢复": ({"countyDueAt": at("10"), "flow": [did(1, "挂起", "08"), did(2, "恢复", "12")]}, "received open overdue"),
    "先行联系": ({"flow": [did(1, "先行联系", "02")]}, "received open not_due"),
    "答复": ({"flow": [did(1, "答复", "02")]}, "received open not_due replied"),
    "反馈": ({"flow": [did(1, "反馈", "02")]}, "received open not_due replied"),
    "办结": ({"flow": [ASSIGNED, CLOSED]}, "received closed closed_on_time"),
    "归档": ({"flow": [ASSIGNED, did(2, "归档", "05")]}, "received open not_due"),
    "投诉到期": (COMPLAINT | {"flow": [did(1, "办结", "22 23:59:59")]}, "received closed closed_on_time"),
    "投诉过期": (COMPLAINT | {"flow": [did(1, "办结", "23 00:00:00")]}, "received closed closed_late"),
    "无类型": (COMPLAINT | {"type": None, "flow": [did(1, "办结", "22 23:59:59")]}, "received closed closed_on_time"),
    "重办": ({"flow": [CLOSED, did(3, "重办", "08")]}, "received open not_due reworked"),
    "重办有期限": (
        {"flow": [CLOSED, did(3, "重办", "08", oldDueAt=at("10"), newDueAt=at("25"))]},
        "received open overdue reworked",
    ),
    "重办旧期限": (  # the platform has overwritten its own field: before the reopening the old due was in force
        {"flow": [did(1, "办结", "11"), did(2, "重办", "12", oldDueAt=at("10"), newDueAt=at("25")), did(3, "办结", "24")]},
        "received closed closed_on_time reworked",
    ),
    "同刻重办": ({"flow": [did(1, "重办", "05"), did(2, "办结", "05")]}, "received open not_due reworked"),
    "满意": ({"flow": [CLOSED, did(3, "回访", "06")], "visit": visit("满意", at("06"))}, "received closed closed_on_time rated satisfied"),
    "基本满意": (
        {"flow": [CLOSED, did(3, "回访", "06")], "visit": visit("基本满意", at("06"), "部分")},
        "received closed closed_on_time rated satisfied",
    ),
    "不满意": ({"flow": [CLOSED, did(3, "回访", "06")], "visit": visit("不满意", at("06"), "否")}, "received closed closed_on_time rated"),
    "未评价": ({"flow": [CLOSED, did(3, "回访", "06")], "visit": visit("未评价", at("06"))}, "received closed closed_on_time"),
    "回访无结果": ({"flow": [CLOSED, did(3, "回访", "06")], "visit": None}, "received closed closed_on_time"),
    "回访在后": (
        {"flow": [CLOSED, did(3, "回访", "06")], "visit": visit("满意", millis("2023-12-01 09:00:00"))},
        "received closed closed_on_time",
    ),
    "催办": ({"flow": [did(1, "催办", "05"), did(2, "督办", "06")]}, "received open not_due"),
    "撤单": ({"flow": [did(1, "撤单", "05")]}, "received closed closed_on_time"),
    "无效": ({"flow": [ASSIGNED, did(2, "无效", "05")]}, ""),
    "并单": ({"flow": [ASSIGNED, did(2, "并单", "05")]}, ""),
    "毫秒": (
        {"countyDueAt": at("10 12:00:00"), "flow": [did(1, "办结", "01") | {"at": at("10 12:00:00") + 999}]},
        "received closed closed_on_time",
    ),
    "毫秒文字": ({"createdAt": str(at("01")), "flow": []}, "received open not_due"),
    "受理在前": ({"flow": [did(1, "受理", "01 08:59:59")]}, "received open not_due"),
    "办结在前": ({"flow": [did(1, "办结", "01 08:59:59")]}, "received closed closed_on_time negative_durations"),
    "重复": ({"isRepeat": True}, "received open not_due repeat"),
    "状态不识": ({"status": "火星", "difficult": True, "relatedOrderNos": ["a", "b"], "coUnits": ["丙"]}, "received open not_due"),
    "新字段": ({"xin": 1, "flow": [ASSIGNED | {"zi": 2}]}, "received open not_due"),
    "市期限": ({"cityDueAt": at("10"), "flow": [did(1, "办结", "11")]}, "received closed closed_on_time"),
    "隐藏身份": ({"hideIdentity": True, "contactName": NAME, "contactPhone": PHONE, "title": NAME}, "received open not_due"),
    "个人信息": (
        {
            "contactName": NAME,
            "contactPhone": f"+86 {PHONE}",
            "title": f"&lt;b&gt;{NAME}&lt;/b&gt; 投诉",
            "content": f"{NAME}（电话：{PHONE}）邮箱 liang@example.cn",
            "address": f"某路1号 {PHONE}",
            "flow": [did(1, "答复", "03", remark=f"已回{NAME}，{PHONE}")],
        },
        "received open not_due replied",
    ),
}

BAD: tuple[tuple[Row, str], ...] = (
    ({"orderNo": None}, "missing_field"),
    ({"createdAt": None}, "missing_field"),
    ({"updatedAt": None}, "missing_field"),
    ({"flow": [did(1, "转圈", "02")]}, "unknown_code"),
    ({"type": "其他"}, "unknown_code"),
    ({"urgency": "asap"}, "unknown_code"),
    ({"flow": [did(1, "回访", "06")], "visit": visit("一般", at("06"))}, "unknown_code"),
    ({"createdAt": "昨天"}, "unreadable_time"),
    ({"createdAt": 1698800000}, "unreadable_time"),  # seconds
    ({"countyDueAt": "尽快"}, "unreadable_time"),
    ({"cityDueAt": "尽快"}, "unreadable_time"),
    ({"flow": [did(1, "办结", "02") | {"at": "后来"}]}, "unreadable_time"),
    ({"flow": [did(1, "延期", "02", newDueAt="后来")]}, "unreadable_time"),
    ({"createdAt": millis("2099-01-01 00:00:00")}, "future_received"),
    ({"createdAt": millis("2099-01-01 00:00:00"), "flow": [did(1, "转圈", "02")]}, "unknown_code"),
    ({"updatedAt": None, "flow": [did(1, "转圈", "02")]}, "missing_field"),
    ({"flow": [did(1, "办结", "02") | {"at": "后来"}, did(2, "转圈", "02")]}, "unknown_code"),
)


def item(order_no: Any, **fields: Any) -> Row:
    told: Row = {"orderNo": order_no, "title": "题目", "content": "内容", "type": "投诉", "channel": "phone", "urgency": "normal"}
    told |= {"category": ["城建", "噪声"], "areaCode": "441322", "areaName": "博罗县", "address": "某路", "contactName": "李四"}
    told |= {"contactPhone": "13800000001", "hideIdentity": False, "cityAssignedAt": None, "cityDueAt": None, "countyAssignedAt": at("01")}
    told |= {"countyDueAt": millis("2023-12-10 23:59:59"), "leadUnit": None, "coUnits": [], "status": "办理中", "difficult": False}
    told |= {"relatedOrderNos": [], "isRepeat": False, "flow": [], "visit": None, "createdAt": at("01"), "updatedAt": at("28")}
    return told | fields


def number(place: int) -> str:
    return f"12345202311{place:09d}"


def world() -> Iterator[Row]:
    for place, (name, (fields, _)) in enumerate(ORDERS.items()):
        yield item(number(place), **{"leadUnit": name} | fields)
    for place, (fields, _) in enumerate(BAD):
        yield item(number(1000 + place), **fields)
    for place, kind in enumerate(("咨询", "求助", "投诉", "举报", "建议", "表扬")):
        yield item(number(2000 + place), type=kind, leadUnit=kind + "件", urgency=("normal", "urgent", "extra_urgent")[place % 3])
    yield item(number(3000), leadUnit="窗口起", updatedAt=millis("2023-10-29 00:00:00"))
    yield item(number(3001), leadUnit="窗口止", updatedAt=millis("2023-11-30 23:59:59"))
    yield item(number(3002), leadUnit="窗口前", updatedAt=millis("2023-10-28 23:59:59"))


@dataclass(frozen=True)
class Night:
    home: Path
    hotline: Hotline
    ended: Ended
    units: dict[str, Row]
    tickets: dict[str, Row]
    quarantine: list[Row]
    batch: Row


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    hotline = Hotline(list(world()), token_uses=3)
    with served(hotline) as server:
        desk = Desk.at(tmp_path_factory.mktemp("hotline") / "home", hotline_12345=hotline.connection(server.port))
        ended, office = desk.run(*NOVEMBER), desk.office
        units, tickets = desk.units(*NOVEMBER), desk.tickets(*NOVEMBER)
        yield Night(office.home, hotline, ended, units, tickets, office.quarantine(), office.batches()[-1])


def test_the_lane_is_yellow_and_reconciles(night: Night) -> None:
    assert night.ended.code == 0, night.ended.err
    assert night.batch["status"] == "yellow"
    assert reconciled(night.batch), night.batch
    whole = len(ORDERS) + len(BAD) + 6 + 2
    assert {night.batch[key] for key in ("platform_total", "numbers", "landed")} == {whole}
    assert night.batch["quarantined"] == len(BAD)


def test_a_token_that_runs_out_goes_on_from_the_same_cursor(night: Night) -> None:
    cursors = [query.get("cursor") for query in night.hotline.questions]
    assert len(cursors) == len(set(cursors)) > 6
    assert len(night.hotline.tokens) == -(-len(cursors) // 3)


@pytest.mark.parametrize("name", ORDERS)
def test_how_a_work_order_counts(night: Night, name: str) -> None:
    wanted = set(ORDERS[name][1].split())
    assert (marked(night.units[name], KEYS) if name in night.units else set()) == wanted


def test_first_replies(night: Night) -> None:
    told = {name for name, counts in night.units.items() if counts["first_reply_rate"]["numerator"]}
    assert told == {"受理", "退单再受理", "先行联系", "答复", "反馈", "受理在前", "个人信息"}


def test_the_window_is_closed_at_both_ends(night: Night) -> None:
    assert {"窗口起", "窗口止"} <= night.units.keys()
    assert "窗口前" not in night.units
    asked = {(query["updatedFrom"], query["updatedTo"]) for query in night.hotline.questions}
    assert asked == {("2023-10-29T00:00:00+08:00", "2023-11-30T23:59:59+08:00")}


@pytest.mark.parametrize("place", range(len(BAD)), ids=lambda place: f"{place}-{BAD[place][1]}")
def test_a_bad_record_is_named_by_the_first_rule(night: Night, place: int) -> None:
    fields, rule = BAD[place]
    wanted = None if "orderNo" in fields else number(1000 + place)
    assert [row["rule"] for row in night.quarantine if row["source_no"] == wanted] == [rule]


def test_attributes(night: Night) -> None:
    by_unit = {row["unit"]: row for row in night.tickets.values() if row["unit"]}
    kinds = {name: by_unit[name + "件"]["ticket_type"] for name in ("咨询", "求助", "投诉", "举报", "建议", "表扬")}
    assert list(kinds.values()) == ["consult", "help", "complaint", "report", "suggestion", "praise"]
    assert by_unit["市期限"]["due_upper_at"] == "2023-11-10T09:00:00+08:00"
    assert by_unit["市期限"]["due_at"] == "2023-12-10T23:59:59+08:00"
    told = by_unit["恢复"]
    assert (told["due_at"], told["due_source"], told["class"]) == ("2023-11-07T23:59:59+08:00", "rule", "on_time")
    assert (told["channel"], told["area"]) == ("phone", "博罗县")
    assert by_unit["个人信息"]["title"] == "诸葛** 投诉"
    assert by_unit["毫秒"]["closed_at"] == "2023-11-10T12:00:00+08:00"


def test_a_hidden_identity_shows_its_number_only(night: Night) -> None:
    name = f"hotline_12345:{number(list(ORDERS).index('隐藏身份'))}"
    assert {key: value for key, value in night.tickets[name].items() if value is not None} == {"ticket_id": name, "restricted": True}


def test_what_is_odd_and_loads_is_told_once(night: Night) -> None:
    said = "\n".join(night.batch["messages"])
    assert said.count("unknown field xin") == said.count("unknown field flow.zi") == 1
    assert "2 of" in said and "before their registration" in said


def test_nothing_personal_leaves_the_landing_zone(night: Night) -> None:
    seen = [night.ended.out, night.ended.err, str(night.tickets), str(night.quarantine), str(night.batch)]
    home: Path = night.home
    files = [path for path in home.rglob("*") if path.is_file() and "landing" not in path.relative_to(home).parts]
    for secret in (NAME, PHONE, "liang@"):
        assert not any(secret in text for text in seen), secret
        assert not [path.name for path in files if secret.encode() in path.read_bytes()], secret
