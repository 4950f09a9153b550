"""The provincial lane against a server that moves tickets while it is read, and against every fault of its interface."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petitions.connections import Connection
from petitions.model import BEIJING, Event
from petitions.normalise import Normaliser
from petitions.settings import CHECKOUT, Settings
from petitions.sources import create
from petitions.sources.base import Ask, LaneStopped, Page, Raw, Window
from tests.sources.loopback import Asked, Reply, free_port, serving

SECRET = "s3cret"
START, END = datetime(2023, 10, 1, tzinfo=BEIJING), datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING)
HOME = Settings(home=Path("/nowhere"), config=CHECKOUT / "config")


def at(second: int) -> str:
    return f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"


def row(number: int, second: int, **more: Any) -> Raw:
    return {"xfjbh": f"{number:018d}", "djsj": "2023-09-30 08:00:00", "lastmodifytime": at(second), "blfs": [], **more}


class Desk:
    """The platform: rows by (lastmodifytime, xfjbh), signed questions, and ``between`` called after each answered page."""

    def __init__(self, rows: list[Raw], *, largest: int = 500, between: Callable[[Desk], None] = lambda desk: None) -> None:
        self.rows, self.largest, self.between = rows, largest, between
        self.faults: list[Reply] = []
        self.nonces: set[str] = set()

    def __call__(self, asked: Asked) -> Reply:
        if self.faults:
            return self.faults.pop(0)
        told = json.loads(asked.body)
        data = told["data"]
        signed = f"{told['appId']}\n{told['timestamp']}\n{told['nonce']}\n" + json.dumps(
            data, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        if told["sign"] != hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest() or told["nonce"] in self.nonces:
            return Reply({"code": 40101, "msg": "签名错误", "data": None})
        assert len(told["nonce"]) >= 16 and abs(int(told["timestamp"]) - time.time()) < 300
        self.nonces.add(told["nonce"])
        size, page_no = min(data["pageSize"], self.largest), data["pageNo"]
        found = sorted(filter(self.wanted(data), self.rows), key=lambda one: (one.get("_place") or one["lastmodifytime"], one["xfjbh"]))
        shown = [{key: value for key, value in one.items() if key != "_place"} for one in found[(page_no - 1) * size : page_no * size]]
        reply = Reply({"code": 0, "msg": "", "data": {"total": len(found), "pageNo": page_no, "pageSize": size, "list": shown}})
        reply.body = reply.content  # as it is now
        self.between(self)
        return reply

    @staticmethod
    def wanted(data: dict[str, Any]) -> Callable[[Raw], bool]:
        if "xfjbhList" in data:
            assert len(data["xfjbhList"]) <= 200
            return lambda one: one["xfjbh"] in data["xfjbhList"]
        return lambda one: data["lastmodifytimeBegin"] <= (one.get("_place") or one["lastmodifytime"]) <= data["lastmodifytimeEnd"]


def lane(port: int, **extra: Any) -> Any:
    extra = {"requests_per_second": 1e6, **extra}
    return create("provincial", Connection("petitions_provincial", "http", "127.0.0.1", port, "app", SECRET, "http", extra), HOME)


def pull(desk: Callable[[Asked], Reply], ask: Ask | None = None, **extra: Any) -> tuple[list[Raw], int | None, int]:
    """The records, the last total, and the number of requests."""
    with serving(desk) as server:
        pages: list[Page] = list(lane(server.port, **extra).pages(ask or Ask(window=Window(START, END))))
    return [raw for page in pages for raw in page.records], [page.total for page in pages if page.total is not None][-1], len(server)


def numbers(records: list[Raw]) -> set[str]:
    return {raw["xfjbh"] for raw in records}


# --- paging -------------------------------------------------------------------------------------------------------------------

PAGING = [
    # rows at these seconds, page size, the platform's largest page
    ([], 500, 500),
    ([5], 500, 500),
    (list(range(10)), 10, 500),
    (list(range(11)), 10, 500),
    (list(range(57)), 10, 500),
    ([7] * 35, 10, 500),  # a bulk import: one second, many pages
    ([1, 2, *[7] * 35, 8, 9], 10, 500),
    (list(range(57)), 500, 7),  # the platform answers smaller pages than asked for
    ([i // 3 for i in range(20)], 1, 500),
]


@pytest.mark.parametrize(("seconds", "page_size", "largest"), PAGING)
def test_a_quiet_window_comes_whole_and_once(seconds: list[int], page_size: int, largest: int) -> None:
    rows = [row(number, second) for number, second in enumerate(seconds)]
    records, total, _ = pull(Desk(rows, largest=largest), page_size=page_size)
    assert sorted(map(str, records)) == sorted(map(str, rows))
    assert total == len(rows)


def test_one_page_is_one_request() -> None:
    assert pull(Desk([row(1, 1), row(2, 2)]))[2] == 1


def test_the_row_that_comes_over_the_edge_is_not_missed() -> None:
    """Page 1 holds 0 and 1; 0 is touched, 2 moves to page 1. Whoever asks for page 2 next gets 3 and 4."""
    moved: list[int] = []

    def touch_first(desk: Desk) -> None:
        if not moved:
            moved.append(1)
            desk.rows[0] = row(0, 900)

    rows = [row(number, number * 10) for number in range(6)]
    records, total, _ = pull(Desk(rows, between=touch_first), page_size=2)
    assert numbers(records) == {f"{number:018d}" for number in range(6)}
    assert total == 6
    assert Counter(raw["xfjbh"] for raw in records)[f"{0:018d}"] == 2, "seen before and after it moved: two versions"


def test_tickets_that_arrive_while_paging_are_fetched_too() -> None:
    def arrive(desk: Desk) -> None:
        if len(desk.rows) < 12:
            desk.rows.append(row(100 + len(desk.rows), 2000 + len(desk.rows)))

    records, total, _ = pull(Desk([row(number, number) for number in range(6)], between=arrive), page_size=2)
    assert (len(numbers(records)), total) == (12, 12)


def test_a_second_of_many_pages_loses_nothing_while_its_tickets_leave_the_window() -> None:
    """They leave for good, so no total ever tells that the rows behind them came a place nearer."""

    def leave(desk: Desk) -> None:
        staying = [one for one in desk.rows if one["lastmodifytime"] == at(7)]
        if len(staying) > 6:
            staying[0]["lastmodifytime"] = f"{END + timedelta(days=1):%Y-%m-%d %H:%M:%S}"

    rows = [row(number, 7) for number in range(12)]
    records, total, _ = pull(Desk(rows, between=leave), page_size=2)
    assert numbers(records) >= {one["xfjbh"] for one in rows[6:]}
    assert total == 6


@settings(max_examples=40, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 12), min_size=1, max_size=30),
    page_size=st.integers(1, 6),
    chance=st.floats(0, 1),
    seed=st.integers(0, 2**16),
)
def test_whatever_moves_nothing_that_stays_is_missed(seconds: list[int], page_size: int, chance: float, seed: int) -> None:
    """Tickets are touched after any answer: to later seconds of the window, to its end, or out of it."""
    dice = random.Random(seed)
    gone: set[str] = set()
    moves = iter(range(40))

    def touch(desk: Desk) -> None:
        if dice.random() >= chance or next(moves, None) is None:
            return
        touched = dice.choice(desk.rows)
        now = datetime.strptime(touched["lastmodifytime"], "%Y-%m-%d %H:%M:%S")
        later = dice.choice(
            [now + timedelta(seconds=dice.randint(1, 9)), END - timedelta(seconds=dice.randint(0, 3)), END + timedelta(days=1)]
        )
        touched["lastmodifytime"] = (
            f"{later:%Y-%m-%d %H:%M:%S}" if f"{later:%F %T}" > touched["lastmodifytime"] else touched["lastmodifytime"]
        )
        if touched["lastmodifytime"] > f"{END:%Y-%m-%d %H:%M:%S}":
            gone.add(touched["xfjbh"])

    rows = [row(number, second) for number, second in enumerate(seconds)]
    records, total, requests = pull(Desk(rows, between=touch), page_size=page_size)
    assert numbers(records) >= numbers(rows) - gone
    assert len(numbers(records)) >= (total or 0)
    assert requests < 400


@pytest.mark.parametrize("page_size", [1, 2, 3, 500])
@pytest.mark.parametrize("broken", [None, "", "昨天", "2099-01-01 00:00:00", "2001-01-01 00:00:00", at(3), 17])
def test_records_whose_update_time_is_bad_do_not_disturb_the_paging(page_size: int, broken: Any) -> None:
    rows = [row(number, number * 5) for number in range(9)]
    for spoilt in (3, 4, 8):
        rows[spoilt] |= {"lastmodifytime": broken, "_place": rows[spoilt]["lastmodifytime"]}
    records, total, _ = pull(Desk(rows), page_size=page_size)
    assert numbers(records) == numbers(rows)
    assert total == 9


def test_look_ups_ask_for_at_most_200_and_say_what_is_there() -> None:
    rows = [row(number, 1) for number in range(450)]
    asked = tuple(f"{number:018d}" for number in range(440, 460))
    records, total, requests = pull(Desk(rows), Ask(numbers=asked))
    assert (len(records), total, requests) == (10, 10, 1)


def test_look_ups_on_small_pages_bring_everything() -> None:
    rows = [row(number, 1) for number in range(150)]
    records, _, _ = pull(Desk(rows, largest=40), Ask(numbers=tuple(sorted(numbers(rows)))))
    assert len(numbers(records)) == len(records) == 150


# --- faults -------------------------------------------------------------------------------------------------------------------

HTML = "<html><body>502 Bad Gateway</body></html>"
MENDED = [
    Reply(HTML, 502),
    Reply(HTML, 503, {"Retry-After": "0"}),
    Reply(HTML),
    Reply(b""),
    Reply("{'code': 0}"),
    Reply([1, 2]),
    Reply({"code": 0, "data": {}}, cut=9),
    Reply({"code": 50001, "msg": "系统繁忙", "data": None}),
    Reply({"code": 42901, "msg": "", "data": {"retryAfter": 0.1}}),
    Reply({"code": 0, "msg": "", "data": {"total": 9, "pageNo": 1, "pageSize": 500, "list": []}}),
]


@pytest.mark.parametrize("fault", MENDED, ids=lambda fault: str(fault.content[:30]))
def test_a_passing_fault_is_mended(fault: Reply) -> None:
    desk = Desk([row(1, 1)])
    desk.faults = [fault]
    records, total, requests = pull(desk)
    assert (len(records), total, requests) == (1, 1, 2)


def answer(**changed: Any) -> Reply:
    data = {"total": 0, "pageNo": 1, "pageSize": 500, "list": []}
    return Reply({"code": 0, "msg": "", "data": {key: value for key, value in {**data, **changed}.items() if value != "gone"}})


STOPPED = [
    # what comes, requests, words of the message
    (Reply({"code": 40101, "msg": "签名错误", "data": None}), 1, ["app secret", "AIRFLOW_CONN_PETITIONS_PROVINCIAL"]),
    (Reply({"code": 40102, "msg": "", "data": None}), 1, ["clock"]),
    (Reply({"code": 40301, "msg": "", "data": None}), 1, ["not authorised"]),
    (Reply({"code": 77, "msg": "电话13800000001有误", "data": None}), 1, ["code 77", "138****0001", "platform's operator"]),
    (Reply("", 302, {"Location": "/login"}), 1, ["status 302", "log-in page"]),
    (Reply("", 404), 1, ["status 404"]),
    (Reply({"code": "0", "data": {}}), 1, ["key code", "text"]),
    (Reply({"msg": ""}), 1, ["key code", "no such key"]),
    (answer(total="gone"), 1, ["key data.total", "no such key"]),
    (answer(total="12"), 1, ["key data.total", "text"]),
    (answer(total=True), 1, ["key data.total"]),
    (answer(list={}), 1, ["key data.list", "an object"]),
    (answer(list=[1]), 1, ["key data.list", "other things than records"]),
    (answer(list=None), 1, ["key data.list", "nothing"]),
    (answer(pageNo=4), 1, ["page 4 in place of page 1"]),
    (answer(pageSize=0), 1, ["pageSize 0"]),
]


@pytest.mark.parametrize(("reply", "requests", "words"), STOPPED, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_wrong_setting_or_another_interface_stops_the_lane_at_once(reply: Reply, requests: int, words: list[str]) -> None:
    with serving(lambda asked: reply) as server, pytest.raises(LaneStopped) as stopped:
        list(lane(server.port).pages(Ask(window=Window(START, END))))
    assert len(server) == requests
    message = str(stopped.value)
    assert "\n" not in message and message.startswith("provincial: expected")
    assert not [word for word in words if word not in message], message


@pytest.mark.parametrize("reply", [Reply(HTML, 502), Reply(b""), Reply({"code": 42901, "msg": "", "data": {"retryAfter": 0}})])
def test_a_platform_that_is_down_for_good_is_given_up(reply: Reply) -> None:
    with serving(lambda asked: reply) as server, pytest.raises(LaneStopped, match="attempts"):
        list(lane(server.port, max_attempts=2, patience_s=2).pages(Ask(window=Window(START, END))))
    assert 2 <= len(server) <= 60


def test_a_refused_connection_is_given_up_in_well_under_a_minute() -> None:
    began = time.monotonic()
    with pytest.raises(LaneStopped, match="refused connection"):
        list(lane(free_port()).pages(Ask(window=Window(START, END))))
    assert time.monotonic() - began < 30


def test_a_wait_longer_than_our_patience_is_not_waited_for() -> None:
    began = time.monotonic()
    with serving(lambda asked: Reply({"code": 42901, "msg": "", "data": {"retryAfter": 3600}})) as server, pytest.raises(LaneStopped):
        list(lane(server.port).pages(Ask(window=Window(START, END))))
    assert len(server) == 1 and time.monotonic() - began < 5


@pytest.mark.parametrize("reply", [Reply({"code": 0}, hang_s=3), Reply({"code": 0, "msg": "x" * 40}, drip_s=0.2)], ids=["hangs", "drips"])
def test_no_answer_hangs_the_lane(reply: Reply) -> None:
    began = time.monotonic()
    with serving(lambda asked: reply) as server, pytest.raises(LaneStopped, match="no answer within"):
        list(lane(server.port, timeout_s=0.4, max_attempts=1).pages(Ask(window=Window(START, END))))
    assert time.monotonic() - began < 2.5


def test_requests_keep_to_the_rate() -> None:
    began = time.monotonic()
    _, _, requests = pull(Desk([row(number, number) for number in range(8)]), page_size=2, requests_per_second=20)
    assert time.monotonic() - began >= (requests - 1) / 20


SETTINGS = [
    ({"host": None}, "expected host"),
    ({"login": None}, "found no login"),
    ({"password": ""}, "found no password"),
    ({"schema": "ftp"}, "expected schema http or https"),
    ({"extra": {"page_size": 501}}, "extra.page_size"),
    ({"extra": {"timeout_s": "soon"}}, "extra.timeout_s"),
]


@pytest.mark.parametrize(("changed", "words"), SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(changed: dict[str, Any], words: str) -> None:
    told: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "login": "app", "password": SECRET, "schema": "http"} | changed
    with pytest.raises(LaneStopped, match=words) as stopped:
        list(create("provincial", Connection("petitions_provincial", "http", **told), HOME).pages(Ask(window=Window(START, END))))
    assert "AIRFLOW_CONN_PETITIONS_PROVINCIAL" in str(stopped.value)


# --- events -------------------------------------------------------------------------------------------------------------------


def read(**fields: Any) -> Any:
    raw = {"xfjbh": "4413001", "djsj": "2023-10-01 08:00:00", "lastmodifytime": "2023-10-09 08:00:00", **fields}
    source = lane(1)
    return Normaliser(source, HOME.source_maps["provincial"], b"k" * 32)(raw)


def did(code: Any, when: str, **more: Any) -> Raw:
    return {"blfsid": "1", "blfs": code, "blsj": f"2023-10-{when}:00", **more}


def told(found: Any) -> list[str]:
    return [
        f"{event.event_type} {event.occurred_at:%d %H:%M}{' ' + event.satisfaction if event.satisfaction else ''}"
        for event in found.ticket.events
    ]


COLUMNS = {"slsj": "2023-10-02 09:00:00", "dfsj": "2023-10-03 09:00:00", "bjsj": "2023-10-04 09:00:00", "mydpj": "1"}
EVENTS: list[tuple[dict[str, Any], list[str], int]] = [
    # fields, events, yellow remarks
    ({}, ["received 01 08:00"], 0),
    ({"blfs": [], **COLUMNS},
     ["received 01 08:00", "accepted 02 09:00", "replied 03 09:00", "closed 04 09:00", "rated 04 09:00 basically_satisfied"], 0),
    ({"blfs": None, "slsj": "2023-10-02 09:00:00"}, ["received 01 08:00", "accepted 02 09:00"], 0),
    ({"mydpj": "0"}, ["received 01 08:00"], 1),  # a rating without its time
    ({"blfs": [did("10", "01 08:00"), did(20, "02 09:00")]}, ["received 01 08:00", "accepted 02 09:00"], 0),
    ({"blfs": [did("10", "01 07:00")]}, ["received 01 08:00"], 1),  # djsj is received
    ({"blfs": [did("20", "02 09:00")], **COLUMNS, "dfsj": "", "bjsj": "", "mydpj": ""}, ["received 01 08:00", "accepted 02 09:00"], 0),
    ({"blfs": [did("20", "02 10:00")], "slsj": "2023-10-02 09:00:00"}, ["received 01 08:00", "accepted 02 10:00"], 1),  # blfs wins
    ({"blfs": [did("61", "04 09:00")], "bjsj": "2023-10-04 09:00:00"}, ["received 01 08:00", "withdrawn 04 09:00"], 0),
    ({"blfs": [did("60", "04 09:00"), did("70", "05 09:00")], "bjsj": "2023-10-04 09:00:00", "mydpj": 3},
     ["received 01 08:00", "closed 04 09:00", "rated 05 09:00 dissatisfied"], 0),
    ({"blfs": [did("70", "05 09:00")], "mydpj": ""}, ["received 01 08:00"], 1),
    ({"blfs": [did("10", "01 08:00")], "mydpj": "3"}, ["received 01 08:00"], 1),  # blfs does not tell it
    ({"blfs": [did(code, "02 09:00") for code in (21, 22, 23, 30, 50, 62, 80)]},
     ["received 01 08:00", "not_accepted 02 09:00", "dispatched 02 09:00", "dispatched 02 09:00", "returned 02 09:00", "replied 02 09:00",
      "duplicate 02 09:00", "supervised 02 09:00"], 0),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "events", "remarks"), EVENTS)
def test_events(fields: dict[str, Any], events: list[str], remarks: int) -> None:
    found = read(**fields)
    assert not found.faults
    assert told(found) == events
    assert len(set(found.remarks)) == remarks
    assert not found.unknown


def test_extensions_and_reopenings_tell_their_dues() -> None:
    dues = {"yjzsj": "2023-11-30", "xjzsj": "2023-12-31 12:00:00"}
    events: list[Event] = read(
        blfs=[did("40", "02 09:00", **dues), did("81", "03 09:00", **dues), did("22", "04 09:00", **dues)]
    ).ticket.events
    assert [(event.old_due and f"{event.old_due:%F %T}", event.new_due and f"{event.new_due:%F %T}") for event in events[1:]] == [
        ("2023-11-30 23:59:59", "2023-12-31 12:00:00"),
        ("2023-11-30 23:59:59", "2023-12-31 12:00:00"),
        (None, None),
    ]


FAULTS = [
    ({"blfs": [did("99", "02 09:00")]}, "unknown_code"),
    ({"blfs": [did("", "02 09:00")]}, "unknown_code"),
    ({"blfs": [{"blfs": "20", "blsj": None}]}, "unreadable_time"),
    ({"blfs": [{"blfs": "20", "blsj": "2023-13-45 25:61:00"}]}, "unreadable_time"),
    ({"slsj": "soon"}, "unreadable_time"),
    ({"mydpj": "2"}, "unknown_code"),
    ({"xfxs": "999"}, "unknown_code"),
    ({"djsj": ""}, "missing_field"),
    ({"lastmodifytime": None}, "missing_field"),
]


@pytest.mark.parametrize(("fields", "rule"), FAULTS)
def test_what_cannot_be_read_is_a_fault(fields: dict[str, Any], rule: str) -> None:
    found = read(**fields)
    assert rule in {name for name, _ in found.faults}
    assert found.ticket is None


def test_attributes() -> None:
    ticket = read(
        xfxs=303, xfrs="3", xm="李小明", lxdh="13800000001", nrflmc="城乡建设/住房/物业", wtsdmc="城关镇", cfxfbz="1", jbkgbz=1,
        gkxx="摘要", tsnr="正文", xbjzsj="2023-11-30", zrdwmc="县住建局",
    ).ticket  # fmt: skip
    assert (ticket.channel, ticket.persons, ticket.category, ticket.area, ticket.unit) == (
        "mobile",
        3,
        "城乡建设/住房/物业",
        "城关镇",
        "县住建局",
    )
    assert (ticket.repeat, ticket.restricted, ticket.title, ticket.content) == (True, True, "摘要", "正文")
    assert f"{ticket.due_at:%F %T}" == "2023-11-30 23:59:59"
    assert (ticket.petitioner, ticket.phone) == ("李**", "138****0001")


def test_a_field_nobody_knows_is_named() -> None:
    assert read(sfzdgz="0", blfs=[did("20", "02 09:00", blr="x")]).unknown == {"sfzdgz", "blfs.blr"}
