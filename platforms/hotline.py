"""县12345热线: JSON over HTTP with tokens, cursors and a rate limit (sources page, section 4)."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections import deque
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

from platforms.http_service import Answer, Platform, Records, Request
from platforms.life import Life

BEIJING = timezone(timedelta(hours=8))
MAX_LIMIT, MAX_NUMBERS = 500, 100
TYPES = {"consult": "咨询", "help": "求助", "complaint": "投诉", "report": "举报", "suggestion": "建议", "praise": "表扬"}
ACTIONS = {
    "accepted": "受理",
    "dispatched": "派单",
    "signed": "签收",
    "returned": "退单",
    "extended": "延期",
    "suspended": "挂起",
    "resumed": "恢复",
    "first_reply": "先行联系",
    "replied": "答复",
    "closed": "办结",
    "archived": "归档",
    "reopened": "重办",
    "rated": "回访",
    "urged": "催办",
    "supervised": "督办",
    "withdrawn": "撤单",
    "not_accepted": "无效",
    "duplicate": "并单",
}
STATES = {
    "closed": "已办结",
    "withdrawn": "已撤单",
    "not_accepted": "无效",
    "duplicate": "已并单",
    "returned": "已退单",
    "suspended": "挂起",
}


class BadQuestion(Exception):
    """HTTP 400: the message says what is wrong."""


class Hotline(Platform):
    name = "hotline_12345"
    faults = frozenset({"expire_token", "cursor_loop", "retry_after_date", "bad_request"})

    def __init__(self, records: Records, client_id: str, client_secret: str) -> None:
        super().__init__(records, {"token_seconds": 300, "requests_per_second": 200})
        self._client = (client_id, client_secret)
        self._tokens: dict[str, float] = {}
        self._recent: deque[float] = deque()

    def answer(self, request: Request, fault: str | None) -> Answer:
        if fault == "busy":
            return Answer({"error": "busy"}, 503)
        if fault in ("retry_after", "retry_after_date") or self._too_fast():
            wait = formatdate(time.time() + 1.5, usegmt=True) if fault == "retry_after_date" else "1"
            return Answer({"error": "too many requests"}, 429, {"Retry-After": wait})
        if (request.method, request.path) == ("POST", "/oauth/token"):
            return self._token(request, fault)
        if (request.method, request.path) != ("GET", "/v1/workorders"):
            return Answer({"error": "not found"}, 404)
        if fault == "expire_token":
            self._tokens.clear()
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or self._tokens.get(token, 0) <= time.monotonic():
            return Answer({"error": "token missing or expired"}, 401, {"WWW-Authenticate": "Bearer"})
        try:
            if fault == "bad_request":
                raise BadQuestion("updatedFrom: not acceptable")
            return self._page(request.query, fault)
        except BadQuestion as wrong:
            return Answer({"error": str(wrong)}, 400)

    def _token(self, request: Request, fault: str | None) -> Answer:
        if fault not in (None, "break_body", "slow"):  # these two have their effect on any answer
            self.put_back(fault)  # the other faults are about work orders
        form = {key: values[-1] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return Answer({"error": "unsupported_grant_type"}, 400)
        told = (form.get("client_id", ""), form.get("client_secret", ""))
        if not all(secrets.compare_digest(one.encode(), other.encode()) for one, other in zip(told, self._client, strict=True)):
            return Answer({"error": "invalid_client"}, 401)
        token, life = secrets.token_urlsafe(24), self.settings["token_seconds"]
        self._tokens[token] = time.monotonic() + life
        return Answer({"access_token": token, "expires_in": int(life)})

    def _too_fast(self) -> bool:
        with self.lock:
            now = time.monotonic()
            while self._recent and self._recent[0] < now - 1:
                self._recent.popleft()
            if len(self._recent) >= self.settings["requests_per_second"]:
                return True
            self._recent.append(now)
            return False

    def _page(self, query: dict[str, str], fault: str | None) -> Answer:
        found, limit = self._asked(query), _limit(query)
        after = _read_cursor(query["cursor"]) if query.get("cursor") else None
        rest = [life for life in found if after is None or _key(life) > after]
        page = rest[:limit]
        cursor = _cursor(page[-1]) if len(rest) > limit else None
        if fault == "cursor_loop":
            if query.get("cursor"):
                cursor = query["cursor"]
            else:
                self.put_back(fault)  # a cursor can only return itself where one was asked with
        items = [record(life) for life in page]
        if fault == "new_field":
            items = [{**item, "emotion": "平静"} for item in items]
        if fault == "move" and page:
            self.records.move(page[0], self.records.now)
        return Answer({"total": len(found), ("records" if fault == "envelope" else "items"): items, "nextCursor": cursor})

    def _asked(self, query: dict[str, str]) -> list[Life]:
        unknown = set(query) - {"updatedFrom", "updatedTo", "limit", "cursor", "orderNos"}
        if unknown:
            raise BadQuestion(f"unknown parameter: {', '.join(sorted(unknown))}")
        shown = self.records.shown()
        if "orderNos" in query:
            numbers = [number for number in query["orderNos"].split(",") if number]
            if not 1 <= len(numbers) <= MAX_NUMBERS:
                raise BadQuestion(f"orderNos: expected 1 to {MAX_NUMBERS} numbers, found {len(numbers)}")
            return [life for life in shown if life.number in set(numbers)]
        begin, end = (_read_time(query, key) for key in ("updatedFrom", "updatedTo"))
        return [life for life in shown if begin <= life.updated_at <= end]


def record(life: Life) -> dict[str, Any]:
    """One work order as the hotline tells it; ``life`` is already cut to now."""
    about = life.about
    sent = [fact.at for fact in life.facts if fact.kind == "dispatched"]
    rated = life.last("rated")
    visit = {"at": _millis(rated.at), "result": rated.value, "solved": "否" if rated.value == "不满意" else "是"} if rated else None
    told: dict[str, Any] = {
        "orderNo": life.number,
        "title": about["title"],
        "content": about["content"],
        "type": TYPES.get(about["type"], about["type"]),
        "channel": about["channel"],
        "urgency": about["urgency"],
        "category": about["category"],
        "areaCode": f"441399{sum(map(ord, about['area'])) % 1000:03d}",
        "areaName": about["area"],
        "address": about["address"],
        "contactName": about["name"],
        "contactPhone": about["phone"],
        "hideIdentity": about["hidden"],
        "cityAssignedAt": _millis(sent[0]) if sent else None,
        "cityDueAt": _millis(life.due_upper),
        "countyAssignedAt": _millis(sent[1]) if len(sent) > 1 else None,
        "countyDueAt": None if about.get("no_county_due") and not life.touched_at else _millis(life.due),
        "leadUnit": about["unit"] if len(sent) > 1 or not sent else None,
        "coUnits": about["co_units"],
        "status": _status(life),
        "difficult": about["difficult"],
        "relatedOrderNos": about["related"],
        "isRepeat": about["repeat"],
        "flow": _flow(life),
        "visit": visit,
        "createdAt": _millis(life.received_at) + about["millis"],
        "updatedAt": _millis(life.updated_at),
    }
    return _spoilt(told, life.defect)


def _flow(life: Life) -> list[dict[str, Any]]:
    rows = []
    for seq, fact in enumerate((fact for fact in life.facts if fact.kind in ACTIONS), 1):
        told_due = fact.kind in ("extended", "reopened")
        rows.append(
            {
                "seq": seq,
                "action": fact.word or ACTIONS[fact.kind],
                "at": _millis(fact.at),
                "unit": fact.unit,
                "remark": fact.text or "",
                "oldDueAt": _millis(fact.old_due) if told_due else None,
                "newDueAt": _millis(fact.new_due) if told_due else None,
            }
        )
    return rows


def _status(life: Life) -> str:
    steps = [fact.kind for fact in life.facts if fact.kind not in ("urged", "supervised", "rated", "archived")]
    return STATES.get(steps[-1], "办理中") if steps else "待受理"


def _spoilt(told: dict[str, Any], defect: str | None) -> dict[str, Any]:
    """The bad records of the demo year, each with one fault."""
    if defect == "unknown_action" and told["flow"]:
        told["flow"][-1]["action"] = "会办"
    elif defect == "unknown_type":
        told["type"] = "吐槽"
    elif defect == "no_created":
        told["createdAt"] = None
    elif defect == "unreadable_time" and told["flow"]:
        told["flow"][-1]["at"] = "昨天下午"
    elif defect == "future_created":
        told["createdAt"] = _millis(datetime(2123, 5, 1, 9))
    return told


def _key(life: Life) -> tuple[str, str]:
    return (life.updated_at.isoformat(), life.number)


def _cursor(life: Life) -> str:
    return base64.urlsafe_b64encode(json.dumps(_key(life)).encode()).decode()


def _read_cursor(text: str) -> tuple[str, str]:
    try:
        at, number = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, TypeError, binascii.Error):
        raise BadQuestion("cursor: not one of ours") from None
    return str(at), str(number)


def _limit(query: dict[str, str]) -> int:
    text = query.get("limit", "100")
    if not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise BadQuestion(f"limit: expected 1 to {MAX_LIMIT}, found {text[:12]}")
    return int(text)


def _read_time(query: dict[str, str], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(query[key])
    except (KeyError, ValueError):
        raise BadQuestion(f"{key}: expected ISO 8601 with +08:00, such as 2023-10-24T23:59:59+08:00 (in a URL: %2B08:00)") from None
    if moment.tzinfo is None:
        raise BadQuestion(f"{key}: expected an offset, +08:00")
    return moment.astimezone(BEIJING).replace(tzinfo=None)


def _millis(moment: datetime | None) -> Any:
    return int(moment.replace(tzinfo=BEIJING).timestamp() * 1000) if moment else None
