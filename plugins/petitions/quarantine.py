"""What people do with bad records: look at one, replay them after a map was corrected, set one aside for good.

A record in quarantine is one row of ``petitions quarantine list``, however often it came. It lies in the landing zone as it was
received; a replay checks its batches again by today's maps and code tables and loads what is now good into the batch it came in, so
that it is known since the day it was fetched. A rebuild of the warehouse by the same maps gives the same.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petitions import ledger, privacy, questions, warehouse
from petitions.landing import Landing, LandingError, Manifest
from petitions.model import BEIJING
from petitions.progress import counted
from petitions.questions import WrongQuestion
from petitions.settings import Settings
from petitions.sources.base import LaneStopped, Raw

if TYPE_CHECKING:
    from petitions.check import Checked
    from petitions.record import FieldMap, Record
    from petitions.warehouse import Warehouse

log = logging.getLogger("petitions.quarantine")

#: What an engineer does about a rule. ``{source}`` is the platform.
CURES = {
    "missing_field": "ask the platform to complete the record; where the field has a new name, correct config/sources/{source}.toml",
    "unknown_code": "add the code to its table in config/sources/{source}.toml, once it is known what it means",
    "unreadable_time": "ask the platform to correct the time",
    "future_received": "compare the clocks of the platform and of this machine",
    "lost_digits": "export again with the numbers as text",
    "unreadable_limit": "ask the platform to write the limit in a known form, such as 5工作日",
    "duplicate_number": "ask the platform which of the records stands",
}


@dataclass(frozen=True)
class Outcome:
    """What a replay made of one bad record in one batch: ``replayed``, or ``open`` with the reason why it stays."""

    id: str
    batch_id: str
    source: str
    source_no: str | None
    status: str
    reason: str | None


def show(settings: Settings, record_id: str) -> dict[str, Any]:
    """One bad record: its row of the list, what to do, and ``record``: its fields as received, personal data masked.

    A confidential record shows the names of its fields only. ``record`` is None where the landing zone does not hold it any more.

    :raises WrongQuestion: where no such record is in quarantine.
    """
    with warehouse.reader(settings) as held:
        row = _known(held, record_id)
    if row["status"] == "open":
        row["cure"] = f"{CURES[row['rule']].format(source=row['source'])}; then `petitions quarantine replay {record_id}`"
    try:
        raw = _raw(settings, row)
    except LandingError as error:
        return row | {"record": None, "landing": str(error)}
    from petitions.record import FieldMap

    return row | {"record": masked(raw, FieldMap(row["source"], settings.source_maps[row["source"]]))}


def replay(settings: Settings, record_ids: Sequence[str] = ()) -> list[Outcome]:
    """Check the batches that hold these records again (all open ones without ids) and load what is good now; then refresh and publish.

    Done again it changes nothing. A batch that cannot be checked leaves its records open and says why; the others go on.

    :raises WrongQuestion: for an id that is not in quarantine; nothing is done then.
    """
    with warehouse.reader(settings) as held:  # a home without a warehouse is told so, instead of being given an empty one
        for record_id in record_ids:
            _known(held, record_id)
    from petitions.check import check_each

    with warehouse.writer(settings) as held, _staging(settings) as staging:
        landing, bad = Landing.of(settings), _bad_by_batch(held, record_ids)
        manifests, outcomes = _landed(landing, bad)
        places = {batch_id: {(row["file"], row["line"]) for row in rows} for batch_id, rows in bad.items()}
        checked = check_each(manifests, landing, settings, staging=staging, trace=places)
        for one in counted(checked, "batches", len(manifests)):
            batch_id = one.manifest.batch_id
            log.info("batch %s: %d bad records checked again", batch_id, len(bad[batch_id]))
            outcomes += _replayed(held, settings, one, bad[batch_id])
        ledger.refresh(held, settings)
    return outcomes


def dismiss(settings: Settings, record_id: str, note: str) -> None:
    """Set a bad record aside for good, with a note that says why. The note must be free of personal data; what looks like it is masked.

    :raises WrongQuestion: where no such record is in quarantine, it is loaded already, or the note is empty.
    """
    told = privacy.mask_text(note.strip())
    if not told:
        raise WrongQuestion("--note: expected a sentence that says why, found nothing")
    with warehouse.reader(settings) as held:
        if _known(held, record_id)["status"] == "replayed":
            raise WrongQuestion(f"{record_id}: expected a bad record that is open, found one that is loaded already; nothing to dismiss")
    with warehouse.writer(settings) as held, held.transaction():
        held.insert("control.quarantine_decision", [(record_id, "dismissed", told, datetime.now(BEIJING))])


def masked(raw: Raw, field_map: FieldMap) -> dict[str, Any]:
    """A raw record as it can be shown: personal data masked, fields that the map does not know by their length alone."""
    from petitions.record import Record

    record = Record(raw, field_map)
    hidden = _confidential(record)
    names = privacy.names_in(record.text(str(field_map.fields.get("petitioner", ""))))
    personal = {
        field: mask
        for attribute, mask in (("petitioner", privacy.mask_name), ("phone", privacy.mask_phone), ("id_number", privacy.mask_id_number))
        if isinstance(field := field_map.fields.get(attribute), str)
    }
    number = field_map.fields.get("source_no")

    def shown(name: str, value: Any) -> Any:
        outer = name.partition(".")[0]
        if isinstance(value, dict):
            return {key: shown(f"{name}.{key}", inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [shown(name, item) for item in value]
        if value is None or isinstance(value, bool) or name == number:
            return value
        if hidden:
            return "(confidential)"
        if not {name, outer} & field_map.known or ("." in name and outer in field_map.nested_known and name not in field_map.known):
            return f"({len(str(value))} characters; the map does not know this field)"
        told = str(value)
        seen = (personal.get(name) or (lambda text: privacy.mask_text(text, names)))(told)
        return value if seen == told else seen  # a number that is no one's stays a number

    return {str(name): shown(str(name), value) for name, value in raw.items()}


# --- one batch again ----------------------------------------------------------------------------------------------------


def _landed(landing: Landing, bad: Mapping[str, list[dict[str, Any]]]) -> tuple[list[Manifest], list[Outcome]]:
    """The batches that the landing zone holds, and what is told of the records of others."""
    manifests: list[Manifest] = []
    outcomes: list[Outcome] = []
    for batch_id, rows in bad.items():
        try:
            manifests.append(landing.batch(batch_id))
        except LandingError as error:
            outcomes += [_outcome(row, str(error)) for row in rows]
    return manifests, outcomes


def _replayed(held: Warehouse, settings: Settings, one: Checked, bad: list[dict[str, Any]]) -> list[Outcome]:
    if isinstance(one.wrong, LaneStopped):
        return [_outcome(row, str(one.wrong)) for row in bad]
    if one.wrong:
        raise one.wrong
    rows, outcomes = _judge(one.staged, bad)
    ledger.replay(held, one.manifest, one.staged, one.summary, _replayed_table(rows), settings)
    shutil.rmtree(one.staged)
    return outcomes


def _judge(staged: Path, bad: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Outcome]]:
    """What today's check says of each record: its content, or under which id and why it is still bad."""
    import pyarrow.parquet as pq

    content = {(one["file"], one["line"]): one["content_id"] for one in pq.read_table(staged / "traced.parquet").to_pylist()}
    now = pq.read_table(staged / "quarantine.parquet").to_pylist()
    by_id, by_place = {one["record_id"]: one for one in now}, {(one["file"], one["line"]): one for one in now}
    rows, outcomes = [], []
    for row in bad:
        place = row["file"], row["line"]
        still = None if content.get(place) else by_id.get(row["record_id"]) or by_place.get(place)
        rows.append({"record_id": row["record_id"], "content_id": content.get(place), "now_id": still and still["record_id"]})
        outcomes.append(_outcome(row, None if content.get(place) else (still or row)["reason"]))
    return rows, outcomes


def _outcome(row: Mapping[str, Any], reason: str | None) -> Outcome:
    status = "open" if reason else "replayed"
    return Outcome(row["record_id"], row["batch_id"], row["source"], row["source_no"], status, reason)


def _replayed_table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in ("record_id", "content_id", "now_id")]))


def _bad_by_batch(held: Warehouse, record_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Every sighting of the asked records that is not loaded yet, by batch, the oldest batch first."""
    asked = set(record_ids) or {row["id"] for row in questions.quarantine(held) if row["status"] == "open"}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in held.rows(_STILL_BAD):
        if row["record_id"] in asked:
            found[row["batch_id"]].append(row)
    return found


_STILL_BAD = """
select q.record_id, q.batch_id, q.source, q.source_no, q.reason, q.file, q.line
from control.quarantine_sighting q
where not exists (select 1 from control.quarantine_replay r where r.batch_id = q.batch_id and r.record_id = q.record_id)
order by q.seen_at, q.batch_id, q.record_id
"""


@contextmanager
def _staging(settings: Settings) -> Iterator[Path]:
    """A folder of our own: who holds the warehouse is alone in it. What a killed replay left goes first."""
    folder = settings.staging / "replay"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- one record ---------------------------------------------------------------------------------------------------------


def _known(held: Warehouse, record_id: str) -> dict[str, Any]:
    found = questions.quarantine(held, record_id)
    if not found:
        raise WrongQuestion(f"expected the id of a bad record (`petitions quarantine list` has them), found {record_id!r}")
    return found[0]


def _raw(settings: Settings, row: Mapping[str, Any]) -> Raw:
    """The record as received, from its place in the batch that brought it first."""
    from petitions.check import landed
    from petitions.sources import unasked

    landing = Landing.of(settings)
    manifest: Manifest = landing.batch(row["batch_id"])
    for one in landed(manifest, landing, unasked(row["source"], settings)):
        if (one.file, one.line) == (row["file"], row["line"]):
            plain: Raw = json.loads(json.dumps(one.raw, default=str))
            return plain
    raise LandingError(f"batch {row['batch_id']}: expected a record at {row['file']}:{row['line']}, found none")


def _confidential(record: Record) -> bool:
    """Marked as confidential, or not readably marked as anything."""
    name = record.map.fields.get("restricted")
    marked = isinstance(name, str) and record.flag(name)
    return marked or bool(record.faults)
