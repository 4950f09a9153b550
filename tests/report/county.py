"""A small made-up county whose batches are staged as the check step does, then loaded and refreshed by the real ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from petitions import ledger, warehouse
from petitions.model import BEIJING
from petitions.settings import Settings

STAMP = pa.timestamp("us", tz="UTC")
TICKET = pa.schema(
    [
        (name, pa.string())
        for name in ("ticket_id", "source_no", "content_id", "update_key", "channel", "ticket_type", "urgency", "category")
    ]
    + [(name, pa.string()) for name in ("area", "unit", "title", "content", "address", "petitioner", "phone", "id_number", "person_key")]
    + [(name, STAMP) for name in ("updated_at", "export_at", "received_at", "due_at", "due_upper_at")]
    + [("persons", pa.int32()), ("limit_amount", pa.int32()), ("limit_unit", pa.string())]
    + [("repeat", pa.bool_()), ("restricted", pa.bool_()), ("out_of_order", pa.bool_())]
)
EVENT = pa.schema(
    [("seq", pa.int32()), *((name, pa.string()) for name in ("content_id", "event_type", "unit", "satisfaction", "note"))]
    + [(name, STAMP) for name in ("occurred_at", "old_due", "new_due")]
)
QUARANTINE = pa.schema(
    [(name, pa.string()) for name in ("record_id", "source_no", "rule", "reason", "file")] + [("line", pa.int64()), ("updated_at", STAMP)]
)


def at(told: str) -> datetime:
    return datetime.fromisoformat(told).replace(tzinfo=BEIJING)


@dataclass(frozen=True)
class Made:
    """One ticket: number, registration, events as (type, time), attributes."""

    source_no: str
    received: str
    events: Sequence[tuple[str, str]] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


def load(
    settings: Settings,
    source: str,
    made: Iterable[Made],
    *,
    window: tuple[str, str] = ("2023-01-01 00:00:00", "2023-12-31 23:59:59"),
    fetched: str = "2024-01-01 02:30:00",
    messages: Sequence[dict[str, str]] = (),
    quarantined: Sequence[tuple[str, str]] = (),
    platform_total: int | None = None,
) -> str:
    """Load one batch of a lane; its id. ``quarantined`` are (source_no, rule)."""
    made = list(made)
    batch_id = f"{source}-{fetched}"
    staged = settings.staging / batch_id.replace(" ", "T")
    staged.mkdir(parents=True)
    tickets = [_ticket(source, one) for one in made]
    events = [row for one, ticket in zip(made, tickets, strict=True) for row in _events(one, ticket["content_id"])]
    held = [_quarantined(source, number, rule) for number, rule in quarantined]
    for name, rows, schema in (("tickets", tickets, TICKET), ("events", events, EVENT), ("quarantine", held, QUARANTINE)):
        pq.write_table(pa.Table.from_pylist(rows, schema), staged / f"{name}.parquet")
    landed = len(tickets) + len(held)
    manifest: Any = SimpleNamespace(
        batch_id=batch_id,
        source=source,
        window_from=at(window[0]),
        window_to=at(window[1]),
        asked_to=at(window[1]),
        fetched_at=at(fetched),
        not_answered=(),
        platform_total=landed if platform_total is None else platform_total,
        messages=list(messages),
        files=[],
    )
    with warehouse.writer(settings) as writing:
        ledger.load(writing, manifest, staged, {"numbers": landed, "landed": landed, "messages": []}, settings)
        ledger.refresh(writing, settings)
    return batch_id


def fail(settings: Settings, source: str, error: str, ended: str = "2024-01-02 02:30:00") -> None:
    """Keep that the last run of a lane failed."""
    with warehouse.writer(settings) as writing:
        writing.insert("control.lane_run", [("run", source, None, at(ended), error, error)])


def a_year(settings: Settings) -> None:
    """Sixty-odd tickets of 2023 over all lanes: on time, late, overdue, extended, suspended, returned, confidential."""
    load(settings, "hotline_12345", [_hotline(n) for n in range(40)], quarantined=[("H9001", "unknown_code"), ("H9002", "unreadable_time")])
    load(settings, "online_politics", [_message(n) for n in range(9)], fetched="2024-01-01 02:31:00")
    load(settings, "provincial", [_letter(n) for n in range(3)], fetched="2024-01-01 02:32:00")
    load(settings, "smart_city", [_case(n) for n in range(24)], fetched="2024-01-01 02:33:00")
    load(settings, "visits", [_visit(n) for n in range(8)], fetched="2024-01-01 02:34:00")


def home(tmp_path: Path) -> Settings:
    from petitions.settings import CHECKOUT

    return Settings(home=tmp_path / "home", config=CHECKOUT / "config")


def _hotline(n: int) -> Made:
    month = 1 + n % 12
    began = f"2023-{month:02d}-{3 + n % 20:02d}"
    attributes = {
        "title": ("路灯不亮", "小区停水", "道路坑洼", "=1+1 夜间施工噪声")[n % 4],
        "unit": ("住建局", "城管局", "人社局")[n % 3],
        "channel": "phone",
        "ticket_type": "help",
        "restricted": n == 35,
        "phone": "138****0000",
        "due_at": at(f"{began} 10:00:00").replace(day=28) if month < 12 else at("2024-01-31 23:59:59"),
    }
    events = [("accepted", f"{began} 10:30:00"), ("dispatched", f"{began} 11:00:00")]
    if n not in (35, 38):
        events += [("replied", f"2023-{month:02d}-26 09:00:00"), ("closed", f"2023-{month:02d}-26 10:00:00")]
    return Made(f"H{n:04d}", f"{began} 10:00:00", events, attributes)


def _message(n: int) -> Made:
    began = f"2023-{1 + n:02d}-08"
    done = [("replied", f"2023-{1 + n:02d}-20 15:00:00"), ("closed", f"2023-{1 + n:02d}-20 15:00:00")]
    return Made(
        f"W{n}", f"{began} 21:10:00", done, {"title": "咨询社保转移", "ticket_type": "consult", "due_at": at("2024-03-31 23:59:59")}
    )


def _letter(n: int) -> Made:
    events = [("accepted", "2023-05-10 09:00:00"), ("dispatched", "2023-05-11 09:00:00")]
    events += [("replied", "2023-06-30 09:00:00"), ("closed", "2023-06-30 09:00:00")] if n else []
    return Made(
        f"X{n}", "2023-05-09 09:00:00", events, {"title": "反映征地补偿问题", "channel": "letter", "due_at": at("2024-02-01 23:59:59")}
    )


def _case(n: int) -> Made:
    channel = ("县局巡查", "市局巡查", "工地扬尘监控", "公众举报")[n % 4 if n < 8 else n % 3]
    began = f"2023-{1 + n % 10:02d}-15"
    events = [("accepted", f"{began} 08:30:00"), ("dispatched", f"{began} 09:00:00")]
    if n != 23:
        events += [("handled", f"{began} 16:00:00"), ("closed", f"{began} 17:00:00")]
    return Made(f"C{n}", f"{began} 08:00:00", events, {"title": "占道经营", "channel": channel, "due_at": at(f"{began} 23:59:59")})


def _visit(n: int) -> Made:
    return Made(f"V{n}", f"2023-{1 + n:02d}-12 09:00:00", [("accepted", f"2023-{1 + n:02d}-12 09:20:00")], {"persons": 2})


def _ticket(source: str, made: Made) -> dict[str, Any]:
    told = repr((source, made.source_no, made.received, tuple(made.events), sorted(made.attributes.items(), key=str)))
    blank: dict[str, Any] = dict.fromkeys(TICKET.names)
    return (
        blank
        | {
            "ticket_id": f"{source}:{made.source_no}",
            "source_no": made.source_no,
            "content_id": hashlib.sha256(told.encode()).hexdigest()[:32],
            "update_key": "",
            "updated_at": at(max([made.received, *(time for _, time in made.events)])),
            "received_at": at(made.received),
            "urgency": "normal",
            "repeat": False,
            "restricted": False,
            "out_of_order": False,
        }
        | made.attributes
    )


def _events(made: Made, content_id: str) -> list[dict[str, Any]]:
    told = [("received", made.received), *made.events]
    return [
        dict.fromkeys(EVENT.names) | {"content_id": content_id, "seq": seq, "event_type": name, "occurred_at": at(time)}
        for seq, (name, time) in enumerate(told)
    ]


def _quarantined(source: str, number: str, rule: str) -> dict[str, Any]:
    record_id = hashlib.sha256(f"{source}{number}".encode()).hexdigest()[:32]
    return {"record_id": record_id, "source_no": number, "rule": rule, "reason": "a reason", "file": None, "line": 1, "updated_at": None}
