"""The hotline stand-in against the sources page, section 4, over real HTTP."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from platforms.home import DemoHome

YEAR = {"updatedFrom": "2023-01-01T00:00:00+08:00", "updatedTo": "2023-12-31T23:59:59+08:00"}


def token(base: str, home: DemoHome, **other: str) -> requests.Response:
    secret = home.secret("hotline_12345")
    form = {"grant_type": "client_credentials", "client_id": secret["login"], "client_secret": secret["password"], **other}
    return requests.post(f"{base}/oauth/token", data=form, timeout=5)


@pytest.fixture
def session(hotline: str, demo_home: DemoHome) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token(hotline, demo_home).json()['access_token']}"
    return session


def orders(session: requests.Session, base: str, **query: Any) -> requests.Response:
    return session.get(f"{base}/v1/workorders", params=query, timeout=5)


def control(base: str, what: str, **told: Any) -> dict[str, Any]:
    answer = requests.post(f"{base}/control/{what}", json=told, timeout=5)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def test_cursor_pages_hold_everything_once(hotline: str, session: requests.Session) -> None:
    items: list[dict[str, Any]] = []
    cursor, pages = "", 0
    while cursor is not None:
        page = orders(session, hotline, **YEAR, limit=50, **({"cursor": cursor} if cursor else {})).json()
        items, cursor, pages = items + page["items"], page["nextCursor"], pages + 1
        assert set(page) == {"total", "items", "nextCursor"}
    assert pages == 4 and page["total"] == len(items) == len({item["orderNo"] for item in items}) == 173 + 14 + 5 - 0
    keys = [(item["updatedAt"], item["orderNo"]) for item in items]
    assert keys == sorted(keys)
    assert set(items[0]) == {
        "orderNo",
        "title",
        "content",
        "type",
        "channel",
        "urgency",
        "category",
        "areaCode",
        "areaName",
        "address",
        "contactName",
        "contactPhone",
        "hideIdentity",
        "cityAssignedAt",
        "cityDueAt",
        "countyAssignedAt",
        "countyDueAt",
        "leadUnit",
        "coUnits",
        "status",
        "difficult",
        "relatedOrderNos",
        "isRepeat",
        "flow",
        "visit",
        "createdAt",
        "updatedAt",
    }
    flow = next(item["flow"] for item in items if item["flow"])
    assert set(flow[0]) == {"seq", "action", "at", "unit", "remark", "oldDueAt", "newDueAt"}
    assert [row["seq"] for row in flow] == list(range(1, len(flow) + 1))


def test_look_up_by_number(hotline: str, session: requests.Session) -> None:
    two = [item["orderNo"] for item in orders(session, hotline, **YEAR, limit=2).json()["items"]]
    found = orders(session, hotline, orderNos=",".join([*two, "404"])).json()
    assert found["total"] == 2 and {item["orderNo"] for item in found["items"]} == set(two) and found["nextCursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        {**YEAR, "limit": 501},
        {**YEAR, "limit": 0},
        {**YEAR, "cursor": "nonsense"},
        {**YEAR, "pageNo": 1},
        {"updatedFrom": YEAR["updatedFrom"]},
        {**YEAR, "updatedTo": "2023-12-31T23:59:59"},
        {"orderNos": ",".join(str(number) for number in range(101))},
    ],
)
def test_a_bad_question_is_400_and_says_why(hotline: str, session: requests.Session, query: dict[str, Any]) -> None:
    answer = orders(session, hotline, **query)
    assert answer.status_code == 400 and len(answer.json()["error"]) > 10


@pytest.mark.parametrize("told", [{"client_secret": "wrong"}, {"client_id": "stranger"}])
def test_a_wrong_secret_gets_no_token(hotline: str, demo_home: DemoHome, told: dict[str, str]) -> None:
    assert token(hotline, demo_home, **told).status_code == 401


def test_tokens_expire(hotline: str, demo_home: DemoHome, session: requests.Session) -> None:
    assert orders(requests.Session(), hotline, **YEAR).status_code == 401
    assert orders(session, hotline, **YEAR).status_code == 200
    control(hotline, "faults", faults=["expire_token"])
    assert orders(session, hotline, **YEAR).status_code == 401
    control(hotline, "settings", token_seconds=0)
    session.headers["Authorization"] = f"Bearer {token(hotline, demo_home).json()['access_token']}"
    assert orders(session, hotline, **YEAR).status_code == 401


def test_too_many_calls_a_second(hotline: str, session: requests.Session) -> None:
    control(hotline, "settings", requests_per_second=1)
    answers = [orders(session, hotline, **YEAR, limit=1) for _ in range(3)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and refused[0].headers["Retry-After"] == "1"


def test_faults(hotline: str, session: requests.Session, demo_home: DemoHome) -> None:
    control(hotline, "faults", faults=["retry_after_date", "busy", "html502", "empty200", "envelope", "bad_request", "break_body"])
    first = orders(session, hotline, **YEAR)
    assert first.status_code == 429 and parsedate_to_datetime(first.headers["Retry-After"])
    assert orders(session, hotline, **YEAR).status_code == 503
    assert orders(session, hotline, **YEAR).status_code == 502
    assert orders(session, hotline, **YEAR).content == b""
    assert "items" not in orders(session, hotline, **YEAR).json()
    assert orders(session, hotline, **YEAR).status_code == 400
    with pytest.raises(requests.RequestException):
        orders(session, hotline, **YEAR)
    assert orders(session, hotline, **YEAR).status_code == 200


def test_a_cursor_can_be_made_to_loop(hotline: str, session: requests.Session) -> None:
    control(hotline, "faults", faults=["cursor_loop"])
    cursor = orders(session, hotline, **YEAR, limit=5).json()["nextCursor"]
    assert orders(session, hotline, **YEAR, limit=5, cursor=cursor).json()["nextCursor"] == cursor
    assert orders(session, hotline, **YEAR, limit=5, cursor=cursor).json()["nextCursor"] != cursor


def test_october_saw_what_october_saw(hotline: str, session: requests.Session) -> None:
    control(hotline, "now", now="2023-10-24T23:59:59")
    page = orders(session, hotline, **YEAR, limit=500).json()
    end = 1698163199000  # 2023-10-24 23:59:59 in Beijing
    assert 120 < page["total"] < 170
    for item in page["items"]:
        assert item["updatedAt"] <= end
        assert all(row["at"] <= end for row in item["flow"] if isinstance(row["at"], int))
