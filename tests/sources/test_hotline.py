"""The hotline lane: tokens that run out, cursors, waits that the platform asks for, and every fault of its interface."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from petitions.connections import Connection
from petitions.model import BEIJING
from petitions.normalise import Normaliser
from petitions.settings import CHECKOUT, Settings
from petitions.sources import create
from petitions.sources.base import Ask, LaneStopped, Page, Raw, Window
from petitions.sources.http import wait_asked_for
from tests.sources.loopback import Asked, Reply, serving

START, END = datetime(2023, 10, 1, tzinfo=BEIJING), datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING)
WINDOW = Ask(window=Window(START, END))
HOME = Settings(home=Path("/nowhere"), config=CHECKOUT / "config")


def millis(day: int, hour: int = 8) -> int:
    return int(datetime(2023, 10, day, hour, tzinfo=BEIJING).timestamp() * 1000)


def order(number: int) -> Raw:
    return {"orderNo": f"DH{number:014d}", "createdAt": millis(1), "updatedAt": millis(2) + number * 1000, "flow": [], "visit": None}


class Hotline:
    """The platform: tokens of so many calls, key-set cursors, and a queue of faults for questions about work orders."""

    def __init__(self, items: list[Raw], *, calls_per_token: int = 1000) -> None:
        self.items, self.calls_per_token = items, calls_per_token
        self.faults: list[Reply] = []
        self.token, self.calls, self.tokens = "", 0, 0

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            form = asked.body.decode()
            if "client_secret=s3cret" not in form or "grant_type=client_credentials" not in form:
                return Reply({"error": "invalid_client"}, 401)
            self.tokens, self.calls = self.tokens + 1, 0
            self.token = f"token-{self.tokens}"
            return Reply({"access_token": self.token, "expires_in": 120})
        self.calls += 1
        if asked.headers.get("Authorization") != f"Bearer {self.token}" or self.calls > self.calls_per_token:
            return Reply({"error": "expired"}, 401)
        if self.faults:
            return self.faults.pop(0)
        return self.page(asked.query)

    def page(self, query: dict[str, str]) -> Reply:
        if "orderNos" in query:
            wanted = query["orderNos"].split(",")
            assert len(wanted) <= 100 and "updatedFrom" not in query
            found = [item for item in self.items if item["orderNo"] in wanted]
        else:
            since, until = (datetime.fromisoformat(query[name]).timestamp() * 1000 for name in ("updatedFrom", "updatedTo"))
            assert query["updatedFrom"].endswith("+08:00")
            found = [item for item in self.items if since <= item["updatedAt"] <= until]
        rest = sorted((item for item in found if item["orderNo"] > query.get("cursor", "")), key=lambda item: item["orderNo"])
        page = rest[: int(query.get("limit", "100"))]
        return Reply({"total": len(found), "items": page, "nextCursor": page[-1]["orderNo"] if len(rest) > len(page) else None})


def lane(port: int, secret: str = "s3cret", **extra: Any) -> Any:
    extra = {"requests_per_second": 1e6, **extra}
    return create("hotline_12345", Connection("petitions_hotline_12345", "http", "127.0.0.1", port, "client", secret, "http", extra), HOME)


def pull(script: Callable[[Asked], Reply], ask: Ask = WINDOW, **extra: Any) -> tuple[list[Raw], int | None, list[Asked]]:
    with serving(script) as server:
        pages: list[Page] = list(lane(server.port, **extra).pages(ask))
    return [raw for page in pages for raw in page.records], pages[-1].total, server.asked


# --- pages and tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35])
def test_a_window_comes_whole_and_once(count: int) -> None:
    items = [order(number) for number in range(count)]
    records, total, asked = pull(Hotline(items), page_size=10)
    assert (records, total) == (items, count)
    assert len(asked) == 1 + max(1, -(-count // 10))


def test_a_token_that_runs_out_is_renewed_and_the_same_cursor_asked_again() -> None:
    items = [order(number) for number in range(60)]
    desk = Hotline(items, calls_per_token=2)
    records, _, asked = pull(desk, page_size=10)
    assert records == items
    assert desk.tokens == 3
    cursors = [one.query.get("cursor") for one in asked if one.path == "/v1/workorders"]
    assert cursors[2] == cursors[3] and cursors[2] is not None


def test_look_ups_ask_for_at_most_100() -> None:
    items = [order(number) for number in range(230)]
    records, _, asked = pull(Hotline(items), Ask(numbers=tuple(item["orderNo"] for item in items)))
    assert records == items
    assert len(asked) == 1 + 3


def test_a_window_that_holds_more_than_was_seen_is_gone_over_again() -> None:
    items = [order(number) for number in range(4)]
    first = Reply({"total": 4, "items": items[:2], "nextCursor": None})
    desk = Hotline(items)
    desk.faults = [first]
    records, total, _ = pull(desk)
    assert {item["orderNo"] for item in records} == {item["orderNo"] for item in items}
    assert total == 4


def test_tickets_that_leave_the_window_while_we_page_take_none_with_them() -> None:
    """A platform whose cursor is a place in the list: what leaves the window moves the rest to pages that were read already."""
    items = [order(number) for number in range(7)]

    def desk(asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            return Reply({"access_token": "token", "expires_in": 120})
        place = int(asked.query.get("cursor", 0))
        if place == 3:
            for item in items[:3]:
                item["updatedAt"] = millis(25)
        until = datetime.fromisoformat(asked.query["updatedTo"]).timestamp() * 1000
        found = [item for item in items if item["updatedAt"] <= until]
        rest = str(place + 3) if place + 3 < len(found) else None
        return Reply({"total": len(found), "items": found[place : place + 3], "nextCursor": rest})

    records, total, _ = pull(desk, page_size=3)
    assert {item["orderNo"] for item in records} == {item["orderNo"] for item in items}
    assert total == 4


# --- faults -------------------------------------------------------------------------------------------------------------------

HTML = "<html><body>502 Bad Gateway</body></html>"
MENDED = [
    Reply(HTML, 502),
    Reply(HTML),
    Reply(b""),
    Reply({"error": "busy"}, 500),
    Reply({"total": 1}, cut=4),
    Reply({"error": "slow down"}, 429, {"Retry-After": "0"}),
    Reply({"error": "slow down"}, 429),
    Reply("nonsense"),
]


@pytest.mark.parametrize("fault", MENDED, ids=lambda fault: f"{fault.status} {fault.content[:20]!r}")
def test_a_passing_fault_is_mended(fault: Reply) -> None:
    desk = Hotline([order(1)])
    desk.faults = [fault]
    records, _, asked = pull(desk)
    assert records == [order(1)]
    assert len(asked) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_wait_that_the_platform_asks_for_is_kept(form: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    waits = {"seconds": "1.5", "date": format_datetime(now + timedelta(seconds=2), usegmt=True)}
    desk = Hotline([order(1)])
    desk.faults = [Reply({}, 429, {"Retry-After": waits[form], "Date": format_datetime(now, usegmt=True)})]
    began = time.monotonic()
    pull(desk)
    assert 1.4 <= time.monotonic() - began < 4


WAITS = [
    (None, None),
    ("3", 3.0),
    (2, 2.0),
    ("-1", 0.0),
    ("Tue, 24 Oct 2023 00:00:30 GMT", 30.0),
    ("Mon, 23 Oct 2023 00:00:00 GMT", 0.0),
    ("soon", None),
    (True, None),
    ("inf", None),
    ("nan", None),
]


@pytest.mark.parametrize(("told", "seconds"), WAITS)
def test_retry_after(told: Any, seconds: float | None) -> None:
    assert wait_asked_for(told, sent="Tue, 24 Oct 2023 00:00:00 GMT") == seconds


STOPPED = [
    (Reply({"error": "updatedFrom: not acceptable, call 13800000001"}, 400), ["status 400", "updatedFrom: not acceptable", "138****0001"]),
    (Reply({"error": "no"}, 403), ["status 403", "authorise"]),
    (Reply({}, 429, {"Retry-After": "86400"}), ["status 429, asking to wait 86400 s", "requests_per_second"]),
    (Reply({"total": 1, "records": [], "nextCursor": None}), ["key items", "no such key"]),
    (Reply({"items": [], "nextCursor": None}), ["key total", "no such key"]),
    (Reply({"total": 0, "items": []}), ["key nextCursor", "no such key"]),
    (Reply({"total": 0, "items": [], "nextCursor": 5}), ["key nextCursor", "text or nothing", "a whole number"]),
    (Reply({"total": "0", "items": [], "nextCursor": None}), ["key total", "text"]),
    (Reply({"total": 1, "items": ["x"], "nextCursor": None}), ["key items", "other things than records"]),
]


@pytest.mark.parametrize(("reply", "words"), STOPPED, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_refused_question_or_another_interface_stops_the_lane_at_once(reply: Reply, words: list[str]) -> None:
    desk = Hotline([])
    desk.faults = [reply] * 5
    with serving(desk) as server, pytest.raises(LaneStopped) as stopped:
        list(lane(server.port).pages(WINDOW))
    assert len(server) == 2
    message = str(stopped.value)
    assert "\n" not in message and message.startswith("hotline_12345: expected")
    assert not [word for word in words if word not in message], message


def test_a_wrong_secret_is_asked_once() -> None:
    with serving(Hotline([])) as server, pytest.raises(LaneStopped, match="wrong secret: correct login") as stopped:
        list(lane(server.port, secret="guess").pages(WINDOW))
    assert len(server) == 1
    assert "guess" not in str(stopped.value)


def test_a_fresh_token_that_is_refused_stops_the_lane() -> None:
    with serving(Hotline([], calls_per_token=0)) as server, pytest.raises(LaneStopped, match="token just issued is refused"):
        list(lane(server.port).pages(WINDOW))
    assert len(server) == 4


LOOPS = [["a", "a"], ["a", "b", "a"], [str(number) for number in range(100)]]


@pytest.mark.parametrize("cursors", LOOPS, ids=["itself", "circle", "for ever"])
def test_a_cursor_that_leads_nowhere_is_an_error(cursors: list[str]) -> None:
    desk = Hotline([])
    desk.faults = [Reply({"total": 1, "items": [], "nextCursor": cursor}) for cursor in cursors]
    with serving(desk) as server, pytest.raises(LaneStopped, match="cursor"):
        list(lane(server.port).pages(WINDOW))
    assert len(server) < 20


@pytest.mark.parametrize("path", ["/oauth/token", "/v1/workorders"])
def test_a_platform_that_is_down_for_good_is_given_up(path: str) -> None:
    desk = Hotline([])
    script = lambda asked: Reply(HTML, 503) if asked.path == path else desk(asked)  # noqa: E731
    with serving(script) as server, pytest.raises(LaneStopped, match="attempts"):
        list(lane(server.port, max_attempts=3).pages(WINDOW))
    assert len(server) <= 4


# --- events -------------------------------------------------------------------------------------------------------------------


def read(**fields: Any) -> Any:
    return Normaliser(lane(1), HOME.source_maps["hotline_12345"], b"k" * 32)({**order(1), **fields})


def did(seq: int, action: str, day: int, **more: Any) -> Raw:
    return {"seq": seq, "action": action, "at": millis(day), "unit": "县住建局", "remark": "", "oldDueAt": None, "newDueAt": None, **more}


def told(found: Any) -> list[str]:
    return [
        f"{event.event_type} {event.occurred_at:%d}{' ' + event.satisfaction if event.satisfaction else ''}"
        for event in found.ticket.events
    ]


ACTIONS = {
    "受理": "accepted", "派单": "dispatched", "转派": "dispatched", "签收": "signed", "退单": "returned", "延期": "extended",
    "挂起": "suspended", "恢复": "resumed", "先行联系": "first_reply", "答复": "replied", "反馈": "replied", "办结": "closed",
    "重办": "reopened", "催办": "urged", "督办": "supervised", "撤单": "withdrawn", "无效": "not_accepted", "并单": "duplicate",
}  # fmt: skip


@pytest.mark.parametrize(("action", "event"), ACTIONS.items())
def test_every_action(action: str, event: str) -> None:
    assert told(read(flow=[did(1, action, 3)])) == ["received 01", f"{event} 03"]


EVENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["received 01"]),
    ({"flow": [did(1, "归档", 3)]}, ["received 01"]),
    ({"flow": [did(2, "办结", 4), did(1, "受理", 3)]}, ["received 01", "accepted 03", "closed 04"]),
    ({"flow": [did(10, "办结", 4), did(9, "受理", 4)]}, ["received 01", "accepted 04", "closed 04"]),
    ({"flow": [did(1, "回访", 5)], "visit": {"at": millis(6), "result": "满意", "solved": "是"}}, ["received 01", "rated 06 satisfied"]),
    ({"flow": [did(1, "回访", 5)], "visit": {"at": millis(6), "result": "未评价", "solved": "否"}}, ["received 01"]),
    ({"flow": [did(1, "回访", 5)]}, ["received 01"]),
    ({"visit": {"at": millis(6), "result": "不满意", "solved": "部分"}}, ["received 01", "rated 06 dissatisfied"]),
    ({"flow": [did(1, "回访", 5)], "visit": {"at": None, "result": "基本满意"}}, ["received 01", "rated 05 basically_satisfied"]),
    ({"status": "从未见过的状态"}, ["received 01"]),
]


@pytest.mark.parametrize(("fields", "events"), EVENTS)
def test_events(fields: dict[str, Any], events: list[str]) -> None:
    found = read(**fields)
    assert not found.faults and not found.unknown
    assert told(found) == events


def test_extensions_and_reopenings_tell_their_dues() -> None:
    dues = {"oldDueAt": millis(10), "newDueAt": millis(20)}
    events = read(flow=[did(1, "延期", 3, **dues), did(2, "重办", 4, **dues), did(3, "督办", 5, **dues)]).ticket.events
    assert [(event.old_due and event.old_due.day, event.new_due and event.new_due.day) for event in events[1:]] == [
        (10, 20),
        (10, 20),
        (None, None),
    ]


FAULTS = [
    ({"flow": [did(1, "会办", 3)]}, "unknown_code"),
    ({"flow": [did(1, "", 3)]}, "unknown_code"),
    ({"flow": [did(1, "受理", 3) | {"at": None}]}, "unreadable_time"),
    ({"flow": [did(1, "受理", 3) | {"at": "昨天下午"}]}, "unreadable_time"),
    ({"visit": {"at": None, "result": "满意"}}, "unreadable_time"),
    ({"visit": {"at": millis(3), "result": "很好"}}, "unknown_code"),
    ({"type": "吐槽"}, "unknown_code"),
    ({"urgency": "asap"}, "unknown_code"),
    ({"createdAt": None}, "missing_field"),
    ({"updatedAt": ""}, "missing_field"),
]


@pytest.mark.parametrize(("fields", "rule"), FAULTS)
def test_what_cannot_be_read_is_a_fault(fields: dict[str, Any], rule: str) -> None:
    found = read(**fields)
    assert rule in {name for name, _ in found.faults}


def test_attributes() -> None:
    ticket = read(
        title="路灯不亮", content="正文", type="投诉", channel="wechat", urgency="extra_urgent", category=["城市管理", "市政设施", "路灯"],
        areaCode="441399001", areaName="城关镇", address="人民路", contactName="李小明", contactPhone="13800000001", hideIdentity=True,
        cityAssignedAt=millis(2), cityDueAt=millis(20), countyAssignedAt=millis(3), countyDueAt=millis(18), leadUnit="县城管局",
        coUnits=["县住建局"], difficult=False, relatedOrderNos=["DH1"], isRepeat=True,
    ).ticket  # fmt: skip
    assert (ticket.ticket_type, ticket.channel, ticket.urgency) == ("complaint", "wechat", "extra_urgent")
    assert (ticket.category, ticket.area, ticket.unit) == ("城市管理/市政设施/路灯", "城关镇", "县城管局")
    assert (ticket.restricted, ticket.repeat, ticket.due_at.day, ticket.due_upper_at.day) == (True, True, 18, 20)
    assert (ticket.petitioner, ticket.phone) == ("李**", "138****0001")
