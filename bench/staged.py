"""A shortcut to very large histories: batches that are staged already, as ``check`` would have left them.

Every mould of :mod:`bench.prototypes` goes through the real check once, as one record of a batch; its staged ticket and events are then
multiplied as columns, with times moved and numbers given. So what a load and a refresh have to do is the same as with landed records, but
texts repeat from ticket to ticket, and the time of check and normalising is no part of what is measured on top.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from bench.prototypes import LANES, NAMES, Pool, Ticket, day_text, pool_of
from petitions import privacy
from petitions.check import QUARANTINE
from petitions.examine import EVENTS, TICKETS, Examiner, Part, Stretch, part_name, write_part
from petitions.model import BEIJING
from petitions.normalise import Normaliser
from petitions.settings import CHECKOUT, Settings
from petitions.sources import unasked
from platforms.online_politics import HEADERS

#: Rows of a staged file.
ROWS = 50_000
# The Monday that the moulds are examined in, and the columns that move with a life; dues move by whole weeks, as in the templates.
_WEEK = int((datetime(2023, 5, 8) - datetime(1970, 1, 1)).total_seconds())
_SHIFTED, _BY_WEEK = ("received_at", "updated_at", "occurred_at"), ("due_at", "due_upper_at", "old_due", "new_due")


@dataclass(frozen=True)
class Moulds:
    """Staged rows of all stages of all lives of a lane. ``place`` [prototype, stage] is the row, -1 for a bad record."""

    place: np.ndarray
    tickets: pa.Table
    events: pa.Table
    first_event: np.ndarray
    event_count: np.ndarray

    @classmethod
    def of(cls, pool: Pool) -> Moulds:
        with tempfile.TemporaryDirectory() as folder:
            return cls._examined(pool, Path(folder))

    @classmethod
    def _examined(cls, pool: Pool, folder: Path) -> Moulds:
        settings, name = Settings(folder, CHECKOUT / "config"), pool.lane.name
        source = unasked(name, settings)
        normaliser = Normaliser(source, settings.source_maps[name], privacy.load_key(settings.secrets))
        stages = [(one, stage) for one, life in enumerate(pool.lives) for stage in range(len(life.facts) + 1)]
        lines = [pool.template(*stage).line(_ticket(number)) for number, stage in enumerate(stages)]
        # The numbers are the rows' own, so that what is staged can be told apart.
        if name == "online_politics":
            import csv

            headers = {other: header for header, others in settings.source_maps[name]["headers"].items() for other in others}
            canonical = [headers.get(header, header) for header in HEADERS["csv"]]
            rows = csv.DictReader(lines, fieldnames=canonical)
            shown_at = datetime(2023, 12, 31, 23, 59, 59, tzinfo=BEIJING)
            stretch = Stretch("mould.csv", 1, shown_at, [dict(row) for row in rows], len(lines))
        else:
            stretch = Stretch("mould", 1, None, "\n".join(lines).encode(), len(lines))
        Examiner(normaliser, folder, datetime(2024, 6, 1, tzinfo=BEIJING))(Part(0, 0, (stretch,)))
        tickets, events = (pq.read_table(folder / f"{table}.parquet") for table in ("tickets", "events"))
        place = np.full((len(pool.lives), pool.steps.shape[1]), -1)
        for row, number in enumerate(tickets["source_no"].to_pylist()):
            place[stages[int(number[-7:])]] = row
        for one, life in enumerate(pool.lives):
            place[one, len(life.facts) + 1 :] = place[one, len(life.facts)]
        found, count = np.unique(np.cumsum(events["seq"].to_numpy() == 0) - 1, return_counts=True)
        assert len(found) == tickets.num_rows, "every ticket has its event of registration first"
        return cls(place, tickets, events, np.cumsum(count) - count, count)


def _ticket(number: int) -> Ticket:
    return Ticket(_WEEK, 0, f"{number:020d}", number, 8, "13800000000", NAMES[0], "", 7)


@cache
def moulds(lane: int, seed: int) -> Moulds:
    return Moulds.of(pool_of(lane, seed))


def write(folder: Path, lane: int, seed: int, rows: dict[str, np.ndarray], bad: np.ndarray, batch_id: str, ends: int) -> None:
    """Write ``folder`` as ``check`` leaves a staged batch.

    :param rows: columns of the batch's tickets: ``week``, ``shift``, ``serial``, ``prototype``, ``stage``, ``content`` (the stage that
        first showed the same content) and ``received``.
    :param bad: which of them do not load.
    """
    cast, source = moulds(lane, seed), LANES[lane].name
    folder.mkdir(parents=True, mode=0o700)
    good = {name: column[~bad] for name, column in rows.items()}
    for number, start in enumerate(range(0, max(1, len(good["week"])), ROWS)):
        part = {name: column[start : start + ROWS] for name, column in good.items()}
        tickets, events = _tables(cast, lane, part, _export_at(ends) if source == "online_politics" else None)
        write_part(folder / "tickets.parquet", part_name(number), tickets)
        write_part(folder / "events.parquet", part_name(number), events)
    quarantine = [
        {
            "record_id": f"{week:016x}{serial:016x}",
            "rule": "unknown_code",
            "reason": "a made-up bad record",
            "file": "records",
            "line": line,
        }
        for line, (week, serial) in enumerate(zip(rows["week"][bad].tolist(), rows["serial"][bad].tolist(), strict=True), 1)
    ]
    pq.write_table(pa.Table.from_pylist(quarantine, QUARANTINE), folder / "quarantine.parquet")
    counts = {"numbers": len(bad), "landed": len(bad), "quarantined": int(bad.sum()), "messages": []}
    told = {"batch_id": batch_id} | counts | ({"platform_total": len(bad)} if source == "online_politics" else {})
    (folder / "summary.json").write_text(json.dumps(told), encoding="utf-8")


def _tables(cast: Moulds, lane: int, part: dict[str, np.ndarray], export_at: datetime | None) -> tuple[pa.Table, pa.Table]:
    place = cast.place[part["prototype"], part["stage"]]
    moved = {"week": part["week"] - _WEEK, "shift": part["week"] - _WEEK + part["shift"]}
    ids = _content_ids(lane, part)
    numbered = LANES[lane].number
    numbers = [
        numbered.format(day=day_text(received), serial=serial)
        for received, serial in zip(part["received"].tolist(), part["serial"].tolist(), strict=True)
    ]
    columns = {
        "source_no": pa.array(numbers, pa.string()),
        "ticket_id": pa.array([f"{LANES[lane].name}:{number}" for number in numbers], pa.string()),
        "content_id": ids,
    }
    if export_at is not None:
        same = pa.array([export_at] * len(numbers), TICKETS.field("export_at").type)
        columns |= {"export_at": same, "updated_at": same}
    tickets = _moved(cast.tickets.take(pa.array(place)), moved, columns, TICKETS)
    count = cast.event_count[place]
    of_ticket = np.repeat(np.arange(len(place)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    events = cast.events.take(pa.array(cast.first_event[place][of_ticket] + within))
    return tickets, _moved(
        events, {name: amount[of_ticket] for name, amount in moved.items()}, {"content_id": ids.take(pa.array(of_ticket))}, EVENTS
    )


def _moved(table: pa.Table, by: dict[str, np.ndarray], columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    """The table with its times moved and some columns in place of its own."""
    told = {name: table[name] for name in schema.names} | columns
    for name in set(schema.names) - columns.keys():
        if name in _SHIFTED or name in _BY_WEEK:
            seconds = pa.array(by["shift" if name in _SHIFTED else "week"] * 1_000_000, pa.duration("us"))
            told[name] = pa.compute.add(table[name], seconds)
    return pa.table([told[name] for name in schema.names], schema=schema)


def _content_ids(lane: int, part: dict[str, np.ndarray]) -> pa.Array:
    """32 hex digits from lane, ticket and content, scattered as hashes are."""
    name = ((part["week"] // 604_800 * 1_000_000 + part["serial"]) * 64 + part["content"]) * 8 + lane
    first = (name.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).tolist()
    return pa.array([f"{high:016x}{low:016x}" for high, low in zip(first, name.tolist(), strict=True)], pa.string())


def _export_at(ends: int) -> datetime:
    day = (datetime(1970, 1, 1) + timedelta(seconds=ends)).date()
    return datetime.combine(day, time(23, 59, 59), BEIJING)
