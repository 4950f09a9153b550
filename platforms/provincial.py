"""省一体化信访平台: signed JSON over HTTP, numbered pages (sources page, section 1).

Where that page is silent: an app id that is not registered is 40301; a nonce used before is 40101; a question that is not well
formed is 40001; a wrong path is HTTP 404.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta
from typing import Any

from platforms.http_service import Answer, Platform, Records, Request
from platforms.life import Fact, Life

MAX_SKEW, MAX_PAGE, MAX_NUMBERS = 300, 500, 200
FORMS = {"letter": "100", "visit": "200", "online": "300", "mobile": "303", "phone": "400"}
STEPS = {
    "received": "10",  # 登记
    "accepted": "20",  # 受理告知
    "not_accepted": "21",  # 不予受理
    "dispatched": "22",  # 转送
    "returned": "30",  # 异议退回
    "extended": "40",  # 延期
    "replied": "50",  # 答复
    "closed": "60",  # 办结
    "withdrawn": "61",  # 撤回
    "duplicate": "62",  # 重复件并案
    "rated": "70",  # 评价
    "supervised": "80",  # 督办
    "reopened": "81",  # 重新办理
}


class Refused(Exception):
    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg


class Provincial(Platform):
    name = "provincial"
    faults = frozenset({"not_authorised", "wrong_signature", "clock_skew"})

    def __init__(self, records: Records, app_id: str, app_secret: str) -> None:
        super().__init__(records)
        self._app_id, self._secret = app_id, app_secret.encode()
        self._nonces: dict[str, float] = {}

    def answer(self, request: Request, fault: str | None) -> Answer:
        if (request.method, request.path) != ("POST", "/api/xfj/query"):
            return Answer("<html><body>404 Not Found</body></html>", 404)
        try:
            self._forced(fault)
            told = json.loads(request.body)
            data = self._authorised(told)
            found, page, size = self._asked(data)
        except Refused as refusal:
            extra = {"retryAfter": 1} if refusal.code == 42901 else None
            return Answer({"code": refusal.code, "msg": refusal.msg, "data": extra})
        except (ValueError, AttributeError):
            return Answer({"code": 40001, "msg": "请求不是有效的JSON", "data": None})
        rows = [record(life) for life in found[(page - 1) * size : page * size]]
        body = {"total": len(found), "pageNo": page, "pageSize": size, "list": rows}
        if fault == "envelope":
            body["totalCount"] = body.pop("total")
        if fault == "new_field":
            rows[:] = [{**row, "sfzdgz": "0"} for row in rows]
        if fault == "move" and found:
            self.records.move(found[0], self.records.now)
        return Answer({"code": 0, "msg": "", "data": body})

    def _forced(self, fault: str | None) -> None:
        forced = {
            "busy": (50001, "系统繁忙"),
            "retry_after": (42901, "调用过于频繁"),
            "not_authorised": (40301, "应用未授权"),
            "wrong_signature": (40101, "签名错误"),
            "clock_skew": (40102, "时间戳超出允许范围"),
        }
        if fault in forced:
            raise Refused(*forced[fault])

    def _authorised(self, told: dict[str, Any]) -> dict[str, Any]:
        """The question, if its signature holds: HMAC-SHA256 over appId, timestamp, nonce and the data in canonical JSON."""
        app_id, stamp, nonce, sign, data = (told.get(key) for key in ("appId", "timestamp", "nonce", "sign", "data"))
        texts = all(isinstance(value, str) for value in (app_id, stamp, nonce, sign))
        if not texts or not isinstance(data, dict) or len(str(nonce)) < 16:
            raise Refused(40001, "appId、timestamp、nonce（16位以上）、sign应为文本，data应为对象")
        if app_id != self._app_id:
            raise Refused(40301, "应用未授权")
        if not str(stamp).isdigit() or abs(time.time() - int(str(stamp))) > MAX_SKEW:
            raise Refused(40102, "时间戳超出允许范围")
        canonical = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        message = "\n".join((str(app_id), str(stamp), str(nonce), canonical))
        expected = hmac.new(self._secret, message.encode("utf-8"), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), str(sign).encode()):
            raise Refused(40101, "签名错误")
        with self.lock:
            known = {one: at for one, at in self._nonces.items() if at > time.time() - 2 * MAX_SKEW}
            if nonce in known:
                raise Refused(40101, "nonce已使用")
            self._nonces = {**known, str(nonce): time.time()}
        return data

    def _asked(self, data: dict[str, Any]) -> tuple[list[Life], int, int]:
        shown = self.records.shown()
        page, size = data.get("pageNo", 1), data.get("pageSize", MAX_PAGE)
        if not isinstance(page, int) or not isinstance(size, int) or page < 1 or not 1 <= size <= MAX_PAGE:
            raise Refused(40001, f"pageNo应从1开始，pageSize应为1至{MAX_PAGE}")
        if "xfjbhList" in data:
            numbers = data["xfjbhList"]
            if not isinstance(numbers, list) or not 1 <= len(numbers) <= MAX_NUMBERS:
                raise Refused(40001, f"xfjbhList应为1至{MAX_NUMBERS}个编号")
            return [life for life in shown if life.number in set(map(str, numbers))], page, size
        begin, end = (_read_time(data, key) for key in ("lastmodifytimeBegin", "lastmodifytimeEnd"))
        return [life for life in shown if begin <= life.updated_at <= end], page, size


def record(life: Life) -> dict[str, Any]:
    """One petition as the platform tells it; ``life`` is already cut to now."""
    about = life.about
    accepted, closed = life.time("accepted"), life.time("closed", "withdrawn") if life.is_closed else None
    rated = life.last("rated")
    told: dict[str, Any] = {
        "xfjbh": life.number,
        "sjxfjbh": f"SJ{life.number[6:]}" if life.serial % 2 else "",
        "sxfjbh": "",
        "xfrq": f"{life.received_at - timedelta(days=1):%Y-%m-%d} 00:00:00",
        "djsj": _text(life.received_at),
        "xfxs": FORMS[about["channel"]],
        "xfrs": about["persons"],
        "xm": about["name"],
        "lxdh": about["phone"],
        "zjhm": about["id_number"],
        "gkxx": about["title"],
        "tsnr": about["content"],
        "nrfldm": f"{sum(map(ord, about['category'][0])) % 100:02d}0102",
        "nrflmc": "/".join(about["category"]),
        "wtsddm": f"441399{sum(map(ord, about['area'])) % 1000:03d}",
        "wtsdmc": about["area"],
        "cfxfbz": _flag(about["repeat"]),
        "nmbz": _flag(about["anonymous"]),
        "gkbz": _flag(about["public"]),
        "jbkgbz": _flag(about["accusation"]),
        "slsj": _text(accepted),
        "xbjzsj": _text(life.due) if accepted or life.touched_at else None,
        "zrdwmc": about["unit"],
        "dfsj": _text(life.time("replied")),
        "bjbz": _flag(life.is_closed),
        "bjsj": _text(closed),
        "mydpj": rated.value if rated else "",
        "lastmodifytime": _text(life.updated_at),
        "blfs": [] if about.get("no_steps") else _steps(life),
    }
    return _spoilt(told, life.defect)


def _steps(life: Life) -> list[dict[str, Any]]:
    facts = [Fact("received", life.received_at, "县信访局", "登记"), *(fact for fact in life.facts if fact.kind in STEPS)]
    rows = []
    for index, fact in enumerate(facts, 1):
        row = {"blfsid": f"{life.serial:05d}{index:03d}", "blfs": fact.word or STEPS[fact.kind], "blsj": _text(fact.at)}
        rows.append({**row, "bljgmc": fact.unit, "hfnr": fact.text or "", "yjzsj": _text(fact.old_due), "xjzsj": _text(fact.new_due)})
    return rows


def _spoilt(told: dict[str, Any], defect: str | None) -> dict[str, Any]:
    """The bad records of the demo year, each with one fault."""
    if defect == "unknown_action":
        told["blfs"][1]["blfs"] = "99"
    elif defect == "no_registered":
        told["djsj"] = None
    elif defect == "unreadable_time":
        told["blfs"][-1]["blsj"] = "2023-13-45 25:61:00"
    return told


def _read_time(data: dict[str, Any], key: str) -> datetime:
    try:
        return datetime.strptime(str(data.get(key)), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise Refused(40001, f"{key}应为YYYY-MM-DD HH:MM:SS") from None


def _text(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else None


def _flag(value: bool) -> str:
    return "1" if value else "0"
