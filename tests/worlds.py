"""A warehouse filled with versions that a test made up, past the lanes: what the comparison with the reference evaluator loads."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from petitions.settings import CHECKOUT
from petitions.sql_texts import ticket_key
from petitions.warehouse import Warehouse
from tests.reference.evaluator import Version

STAMP = pa.timestamp("us", tz="UTC")
SIGHTING = pa.schema(
    {name: pa.string() for name in ("ticket_id", "source", "content_id", "batch_id")} | dict.fromkeys(("known_at", "updated_at"), STAMP)
)
CONTENT = pa.schema(
    {
        name: pa.string()
        for name in (
            [
                "content_id",
                "ticket_id",
                "source",
                "source_no",
                "channel",
                "ticket_type",
                "urgency",
                "category",
                "area",
                "unit",
                "title",
                "limit_unit",
            ]
        )
    }
    | {"limit_amount": pa.int32(), "repeat": pa.bool_(), "restricted": pa.bool_(), "received_at": STAMP, "due_at": STAMP}
)
EVENT = pa.schema(
    {name: pa.string() for name in ("content_id", "event_type", "unit", "satisfaction")}
    | {"seq": pa.int32()}
    | dict.fromkeys(("occurred_at", "old_due", "new_due"), STAMP)
)


def write_rules(folder: Path, rows: list[dict[str, str]]) -> None:
    """A configuration folder whose time limits are these; the rest is the project's own."""
    with (folder / "time-limits.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for name in ("petitions.toml", "closures.csv"):
        (folder / name).write_text((CHECKOUT / "config" / name).read_text(encoding="utf-8"), encoding="utf-8")


def fill(warehouse: Warehouse, versions: Iterable[Version]) -> None:
    """Put versions into the warehouse as sightings, one batch for every moment of knowledge of a source."""
    versions = list(versions)
    contents = {version.payload_hash: version for version in versions}
    warehouse.stage("stage_sighting", pa.Table.from_pylist([_sighting(version) for version in versions], SIGHTING))
    warehouse.stage("stage_content", pa.Table.from_pylist([_content(version) for version in contents.values()], CONTENT))
    warehouse.stage(
        "stage_event",
        pa.Table.from_pylist([row for version in contents.values() for row in _events(version)], EVENT),
    )
    for statement in _INSERTS:
        warehouse.execute(statement)


def _sighting(version: Version) -> dict[str, Any]:
    return {
        "ticket_id": version.ticket_id,
        "source": version.source,
        "content_id": version.payload_hash,
        "batch_id": f"{version.source}-{version.known_at:%Y%m%dT%H%M%S}",
        "known_at": version.known_at,
        "updated_at": version.updated_at,
    }


def _content(version: Version) -> dict[str, Any]:
    told = {name: getattr(version, name) for name in CONTENT.names if hasattr(version, name)}
    return told | {"content_id": version.payload_hash, "source_no": version.ticket_id.partition(":")[2]}


def _events(version: Version) -> list[dict[str, Any]]:
    names = ("event_type", "occurred_at", "unit", "old_due", "new_due", "satisfaction")
    return [
        {"content_id": version.payload_hash, "seq": seq} | {name: getattr(event, name) for name in names}
        for seq, event in enumerate(version.events)
    ]


_INSERTS = (
    """
    insert into core.content (content_id, ticket_id, source, source_no, received_at, channel, ticket_type, urgency, category, area,
                              unit, title, repeat, restricted, due_at, limit_amount, limit_unit, out_of_order, received_month)
    select cast(content_id as uuid), ticket_id, source, source_no, received_at, channel, ticket_type, urgency, category, area,
           unit, title, repeat, restricted, due_at, limit_amount, limit_unit, false, cast(date_trunc('month', received_at) as date)
    from stage_content s
    where not exists (select 1 from core.content c where c.content_id = cast(s.content_id as uuid))
    """,
    """
    insert into core.content_event (content_id, seq, event_type, occurred_at, unit, old_due, new_due, satisfaction, received_month)
    select cast(s.content_id as uuid), s.seq, s.event_type, s.occurred_at, s.unit, s.old_due, s.new_due, s.satisfaction,
           cast(date_trunc('month', o.received_at) as date)
    from stage_event s
    join stage_content o on o.content_id = s.content_id
    where not exists (select 1 from core.content_event c where c.content_id = cast(s.content_id as uuid))
    """,
    f"""
    insert into core.sighting (
        ticket_id, source, content_id, batch_id, known_at, updated_at, update_key, made_version, received_month, ticket_key
    )
    select s.ticket_id, s.source, cast(s.content_id as uuid), s.batch_id, s.known_at, s.updated_at, '', false,
           cast(date_trunc('month', c.received_at) as date), {ticket_key("s.ticket_id")}
    from stage_sighting s
    join stage_content c on c.content_id = s.content_id
    where not exists (
        select 1 from core.sighting o
        where o.ticket_id = s.ticket_id and o.batch_id = s.batch_id and o.content_id = cast(s.content_id as uuid)
    )
    """,
    """
    insert into control.batch
    select distinct batch_id, source, known_at, known_at, known_at, known_at, 0, 0, 0 from stage_sighting
    """,
    "insert into control.touched (ticket_id) select ticket_id from stage_sighting",
)
