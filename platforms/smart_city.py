"""智慧城管平台: the exchange database 前置库 as of now, three tables in one SQLite file (sources page, section 2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from platforms.life import Life

TABLES = {
    "case_info": (
        "id INTEGER PRIMARY KEY, case_code VARCHAR(19), category_type VARCHAR(16), big_code VARCHAR(8), big_name VARCHAR(64), "
        "small_code VARCHAR(8), small_name VARCHAR(64), source_type VARCHAR(16), source_desc VARCHAR(64), reporter_name VARCHAR(64), "
        "reporter_phone VARCHAR(32), longitude DECIMAL(10,6), latitude DECIMAL(10,6), address VARCHAR(255), street_name VARCHAR(64), "
        "community_name VARCHAR(64), description TEXT, case_status VARCHAR(32), handle_dept_name VARCHAR(64), time_limit_type VARCHAR(16), "
        "time_limit_value VARCHAR(32), deadline_time DATETIME, report_time DATETIME, accept_time DATETIME, dispatch_time DATETIME, "
        "handle_receive_time DATETIME, handle_finish_time DATETIME, check_time DATETIME, close_time DATETIME, is_urgent SMALLINT, "
        "is_supervised SMALLINT, is_suspended SMALLINT, need_visit SMALLINT, visit_satisfaction SMALLINT, create_time DATETIME, "
        "update_time DATETIME, is_deleted SMALLINT"
    ),
    "case_flow_record": (
        "id INTEGER PRIMARY KEY, case_id INTEGER, case_code VARCHAR(19), node_name VARCHAR(32), "
        "operate_type VARCHAR(32), operate_result VARCHAR(32), operate_opinion TEXT, operator_dept_name VARCHAR(64), "
        "receiver_dept_name VARCHAR(64), operate_time DATETIME"
    ),
    "case_adjustment_apply": (
        "id INTEGER PRIMARY KEY, case_id INTEGER, apply_type VARCHAR(16), apply_status VARCHAR(16), suspend_until DATETIME, "
        "old_deadline_time DATETIME, new_deadline_time DATETIME, review_time DATETIME, update_time DATETIME, is_deleted SMALLINT"
    ),
}
INDEXES = (
    "CREATE INDEX case_info_update ON case_info (update_time, id)",
    "CREATE INDEX case_flow_case ON case_flow_record (case_id)",
    "CREATE INDEX case_flow_time ON case_flow_record (operate_time)",
    "CREATE INDEX case_adjustment_case ON case_adjustment_apply (case_id)",
)
# kind of fact: node, operate_type, operate_result
OPERATIONS = {
    "accepted": ("立案", "accept", "pass"),
    "dispatched": ("派遣", "assign", "pass"),
    "signed": ("签收", "sign", "pass"),
    "handled": ("处置", "finish", "pass"),
    "returned": ("派遣", "return", "reject"),
    "reopened": ("核查", "return", "rework"),
    "closed": ("结案", "close", "pass"),
    "urged": ("督查", "urge", None),
    "supervised": ("督查", "supervise", None),
    "forwarded": ("派遣", "forward", None),
    "revoked": ("派遣", "revoke_assign", None),
}
STATUS = {
    "accepted": "pending_dispatch",
    "dispatched": "pending_handle",
    "signed": "handling",
    "handled": "pending_check",
    "closed": "closed",
    "reopened": "handling",
    "returned": "returned",
    "suspended": "suspended",
    "resumed": "handling",
}
CENTRE = "县数字城管中心"


def write_database(path: Path, lives: Iterable[Life], now: datetime) -> None:
    """The whole database as of ``now``, written aside and renamed, so that a reader never meets half of it."""
    aside = path.with_suffix(".partial")
    aside.unlink(missing_ok=True)
    shown = [cut for life in lives if life.source == "smart_city" and (cut := life.at(now))]
    rows: dict[str, list[tuple[Any, ...]]] = {
        "case_info": [_case(life) for life in shown],
        "case_flow_record": [row for life in shown for row in _flow(life)],
        "case_adjustment_apply": [row for life in shown for row in _adjustments(life)],
    }
    database = sqlite3.connect(aside)
    aside.chmod(0o600)
    with database:
        for table, columns in TABLES.items():
            database.execute(f"CREATE TABLE {table} ({columns})")
            if rows[table]:
                database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[table][0]))})", rows[table])
        for statement in INDEXES:
            database.execute(statement)
    database.close()
    aside.replace(path)


def _case(life: Life) -> tuple[Any, ...]:
    about, defect = life.about, life.defect
    big, small = about["category"]
    kind, amount = about["limit"]
    accepted, dispatched = life.time("accepted"), life.time("dispatched")
    deadline = life.due if dispatched or life.touched_at else None
    limit: tuple[str | None, str | None] = (kind, str(amount)) if accepted else (None, None)
    if defect == "unreadable_limit":
        limit, deadline = (None, "尽快处理"), None
    left = life.last("not_accepted")
    rated = life.last("rated")
    status = "archived" if defect == "unknown_status" else _status(life)
    told = {
        "id": 1000 + life.serial,
        "case_code": life.number,
        "category_type": about["kind"],
        "big_code": f"{sum(map(ord, big)) % 90 + 10}",
        "big_name": big,
        "small_code": f"{sum(map(ord, small)) % 90 + 10}",
        "small_name": small,
        "source_type": about["source_type"],
        "source_desc": about["channel"],
        "reporter_name": about["name"],
        "reporter_phone": about["phone"],
        "longitude": about["longitude"],
        "latitude": about["latitude"],
        "address": about["address"],
        "street_name": about["area"],
        "community_name": about["community"],
        "description": about["content"],
        "case_status": status,
        "handle_dept_name": about["unit"] if dispatched else None,
        "time_limit_type": limit[0],
        "time_limit_value": limit[1],
        "deadline_time": deadline,
        "report_time": None if defect == "no_report_time" else life.received_at,
        "accept_time": accepted,
        "dispatch_time": dispatched,
        "handle_receive_time": life.time("signed"),
        "handle_finish_time": life.time("handled"),
        "check_time": _checked(life),
        "close_time": left.at if left and about.get("left_by") == "not_accepted" else life.time("closed"),
        "is_urgent": int(about["urgency"] == "urgent"),
        "is_supervised": int(life.last("supervised") is not None),
        "is_suspended": int(life.is_suspended),
        "need_visit": int(about["channel"] == "公众举报"),
        "visit_satisfaction": int(rated.value) if rated and rated.value else None,
        "create_time": life.received_at,
        "update_time": _touched(life),
        "is_deleted": int(left is not None and about.get("left_by") == "deleted"),
    }
    return tuple(_text(value) if isinstance(value, datetime) else value for value in told.values())


def _status(life: Life) -> str:
    if life.last("not_accepted"):
        left_by = str(life.about.get("left_by"))
        return left_by if left_by in ("not_accepted", "cancelled") else "pending_verify"
    steps = [fact.kind for fact in life.facts if fact.kind in STATUS]
    return STATUS[steps[-1]] if steps else "pending_register"


def _touched(life: Life) -> datetime:
    """The row's own update time: an urge is only a flow row and does not touch the case."""
    moments = [life.received_at, *(fact.at for fact in life.facts if fact.kind != "urged")]
    return max([*moments, *([life.touched_at] if life.touched_at else [])])


def _checked(life: Life) -> datetime | None:
    handled, closed = life.time("handled"), life.time("closed")
    return closed - (closed - handled) / 2 if handled and closed else None


def _flow(life: Life) -> list[tuple[Any, ...]]:
    rows = []
    for index, fact in enumerate(fact for fact in life.facts if fact.kind in OPERATIONS):
        node, kind, result = OPERATIONS[fact.kind]
        if life.defect == "unknown_operation" and fact.kind == "signed":
            kind = "escalate"
        centre = fact.kind in ("accepted", "dispatched", "closed", "urged", "supervised")
        operator, receiver = (CENTRE, fact.unit) if centre else (fact.unit, CENTRE)
        serial = (1000 + life.serial) * 100 + index
        rows.append((serial, 1000 + life.serial, life.number, node, kind, result, fact.text, operator, receiver, _text(fact.at)))
    return rows


def _adjustments(life: Life) -> list[tuple[Any, ...]]:
    case = 1000 + life.serial
    rows: list[tuple[Any, ...]] = []
    for fact in life.facts:
        row: tuple[Any, ...]
        if fact.kind == "extended":
            row = ("extension", "approved", None, _text(fact.old_due), _text(fact.new_due), _text(fact.at), _text(fact.at), 0)
        elif fact.kind == "suspended":
            row = ("suspend", "approved", fact.value, None, None, _text(fact.at), _text(fact.at), 0)
        else:
            continue
        rows.append((case * 10 + len(rows), case, *row))
    signed = life.time("signed")
    if signed and not rows and life.serial % 23 == 0:
        # Asked for and not granted: no effect.
        asked = _text(signed + timedelta(seconds=1))
        rows.append((case * 10, case, "extension", "rejected", None, _text(life.due), _text(life.due), asked, asked, 0))
    return rows


def _text(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else None
