"""The provincial stand-in against the sources page, section 1, over real HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import pytest
import requests

from platforms.home import DemoHome

YEAR = {"lastmodifytimeBegin": "2023-01-01 00:00:00", "lastmodifytimeEnd": "2023-12-31 23:59:59"}


def envelope(home: DemoHome, data: dict[str, Any], **other: str) -> dict[str, Any]:
    """The signed question, built by hand from the page."""
    secret = home.secret("provincial")
    told = {"appId": secret["login"], "timestamp": str(int(time.time())), "nonce": uuid.uuid4().hex, **other}
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    message = f"{told['appId']}\n{told['timestamp']}\n{told['nonce']}\n{text}"
    sign = hmac.new(secret["password"].encode(), message.encode(), hashlib.sha256).hexdigest()
    return {**told, "sign": other.get("sign", sign), "data": data}


def ask(base: str, body: Any) -> dict[str, Any]:
    answer = requests.post(f"{base}/api/xfj/query", json=body, timeout=5)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_pages_hold_everything_once_in_order(provincial: str, demo_home: DemoHome) -> None:
    rows: list[dict[str, Any]] = []
    for page in range(1, 6):
        data = ask(provincial, envelope(demo_home, {**YEAR, "pageNo": page, "pageSize": 2}))["data"]
        assert (data["total"], data["pageNo"], data["pageSize"]) == (9, page, 2)
        rows += data["list"]
    keys = [(row["lastmodifytime"], row["xfjbh"]) for row in rows]
    assert len(set(keys)) == 9 and keys == sorted(keys)
    assert set(rows[0]) == {
        "xfjbh",
        "sjxfjbh",
        "sxfjbh",
        "xfrq",
        "djsj",
        "xfxs",
        "xfrs",
        "xm",
        "lxdh",
        "zjhm",
        "gkxx",
        "tsnr",
        "nrfldm",
        "nrflmc",
        "wtsddm",
        "wtsdmc",
        "cfxfbz",
        "nmbz",
        "gkbz",
        "jbkgbz",
        "slsj",
        "xbjzsj",
        "zrdwmc",
        "dfsj",
        "bjbz",
        "bjsj",
        "mydpj",
        "lastmodifytime",
        "blfs",
    }
    steps = next(row["blfs"] for row in rows if row["blfs"])
    assert set(steps[0]) == {"blfsid", "blfs", "blsj", "bljgmc", "hfnr", "yjzsj", "xjzsj"}
    assert any(row["blfs"] == [] for row in rows), "an old record without steps"


def test_window_ends_are_inclusive_and_look_up_answers_what_it_knows(provincial: str, demo_home: DemoHome) -> None:
    rows = ask(provincial, envelope(demo_home, {**YEAR, "pageNo": 1, "pageSize": 500}))["data"]["list"]
    one = rows[2]
    window = {"lastmodifytimeBegin": one["lastmodifytime"], "lastmodifytimeEnd": one["lastmodifytime"], "pageNo": 1, "pageSize": 10}
    assert ask(provincial, envelope(demo_home, window))["data"]["list"] == [one]
    found = ask(provincial, envelope(demo_home, {"xfjbhList": [one["xfjbh"], "000000"], "pageNo": 1, "pageSize": 10}))["data"]
    assert (found["total"], found["list"]) == (1, [one])


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"sign": "0" * 64}, 40101),
        ({"timestamp": -400}, 40102),
        ({"timestamp": 400}, 40102),
        ({"appId": "stranger"}, 40301),
        ({"nonce": "short"}, 40001),
    ],
)
def test_a_question_that_is_not_signed_right_is_refused(provincial: str, demo_home: DemoHome, told: dict[str, Any], code: int) -> None:
    if "timestamp" in told:  # seconds off the clock of this moment
        told = {"timestamp": str(int(time.time()) + told["timestamp"])}
    assert ask(provincial, envelope(demo_home, {**YEAR, "pageNo": 1, "pageSize": 2}, **told))["code"] == code


def test_changed_data_and_a_used_nonce_are_refused(provincial: str, demo_home: DemoHome) -> None:
    body = envelope(demo_home, {**YEAR, "pageNo": 1, "pageSize": 2, "备注": "中文不转义"})
    assert ask(provincial, {**body, "data": {**body["data"], "pageNo": 2}})["code"] == 40101
    assert ask(provincial, body)["code"] == 0
    assert ask(provincial, body)["code"] == 40101


@pytest.mark.parametrize(
    "data",
    [
        {**YEAR, "pageNo": 1, "pageSize": 501},
        {**YEAR, "pageNo": 0, "pageSize": 10},
        {"lastmodifytimeBegin": "2023-01-01", "lastmodifytimeEnd": "2023-12-31 23:59:59"},
        {"xfjbhList": [str(number) for number in range(201)]},
    ],
)
def test_limits_are_checked(provincial: str, demo_home: DemoHome, data: dict[str, Any]) -> None:
    assert ask(provincial, envelope(demo_home, data))["code"] == 40001


def test_october_saw_what_october_saw(provincial: str, demo_home: DemoHome) -> None:
    requests.post(f"{provincial}/control/now", json={"now": "2023-10-24T23:59:59"}, timeout=5).raise_for_status()
    rows = ask(provincial, envelope(demo_home, {**YEAR, "pageNo": 1, "pageSize": 500}))["data"]["list"]
    moments = [step["blsj"] for row in rows for step in row["blfs"] if not step["blsj"].startswith("2023-13")]
    assert len(rows) == 8 and max([*moments, *(row["lastmodifytime"] for row in rows)]) <= "2023-10-24 23:59:59"


def test_faults_come_once_each_and_in_order(provincial: str, demo_home: DemoHome) -> None:
    def once() -> requests.Response:
        body = envelope(demo_home, {**YEAR, "pageNo": 1, "pageSize": 2})
        return requests.post(f"{provincial}/api/xfj/query", json=body, timeout=5)

    faults = ["busy", "retry_after", "html502", "empty200", "envelope", "not_authorised", "new_field", "ok", "break_body"]
    requests.post(f"{provincial}/control/faults", json={"faults": faults}, timeout=5).raise_for_status()
    assert once().json()["code"] == 50001
    assert once().json() == {"code": 42901, "msg": "调用过于频繁", "data": {"retryAfter": 1}}
    gateway = once()
    assert gateway.status_code == 502 and gateway.text.startswith("<html>")
    assert once().content == b""
    assert "total" not in once().json()["data"]
    assert once().json()["code"] == 40301
    assert "sfzdgz" in once().json()["data"]["list"][0]
    assert once().json()["code"] == 0
    with pytest.raises(requests.RequestException):
        once()
    assert once().json()["code"] == 0
    state = requests.get(f"{provincial}/control/state", timeout=5).json()
    assert state["requests"] == 10 and state["faults"] == []


def test_a_ticket_can_move_to_a_later_page(provincial: str, demo_home: DemoHome) -> None:
    requests.post(f"{provincial}/control/faults", json={"faults": ["move"]}, timeout=5).raise_for_status()
    first = ask(provincial, envelope(demo_home, {**YEAR, "pageNo": 1, "pageSize": 4}))["data"]["list"]
    last = ask(provincial, envelope(demo_home, {**YEAR, "pageNo": 3, "pageSize": 4}))["data"]["list"]
    assert first[0]["xfjbh"] == last[-1]["xfjbh"] and last[-1]["lastmodifytime"] == "2023-12-31 23:59:59"


def test_an_unknown_fault_is_refused(provincial: str) -> None:
    answer = requests.post(f"{provincial}/control/faults", json={"faults": ["earthquake"]}, timeout=5)
    assert answer.status_code == 400 and "earthquake" in answer.json()["error"]
