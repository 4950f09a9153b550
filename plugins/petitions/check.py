"""From a landed batch to a staged one: every record normalised, checked, and either a ticket or in quarantine.

The batch streams through in chunks. What of it must be seen at once (which numbers come twice, and with what content) is kept in a
narrow frame. The staged batch appears under its name complete or not at all::

    staging/<batch_id>/tickets.parquet     one row per ticket and content
    staging/<batch_id>/events.parquet      its events, in the platform's order
    staging/<batch_id>/quarantine.parquet  one row per bad record, with the rule and the reason
    staging/<batch_id>/summary.json        the figures of the reconciliation and the yellow messages
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from petitions import privacy
from petitions.model import BEIJING, QUARANTINE_RULES
from petitions.normalise import Normalised, Normaliser, Record
from petitions.quality import ROW, TICKET_SUITE, Refusal, Suite, add
from petitions.settings import Settings
from petitions.sources.base import LaneStopped, Raw, Source

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from petitions.landing import Landing, Manifest

#: Records that are in memory at once.
CHUNK = 10_000

_TIME = pa.timestamp("us", tz="UTC")
TICKETS = pa.schema(
    [
        ("ticket_id", pa.string()),
        ("source_no", pa.string()),
        ("content_id", pa.string()),
        ("updated_at", _TIME),
        ("update_key", pa.string()),
        ("export_at", _TIME),
        ("received_at", _TIME),
        ("channel", pa.string()),
        ("ticket_type", pa.string()),
        ("urgency", pa.string()),
        ("category", pa.string()),
        ("area", pa.string()),
        ("unit", pa.string()),
        ("title", pa.string()),
        ("content", pa.string()),
        ("address", pa.string()),
        ("petitioner", pa.string()),
        ("phone", pa.string()),
        ("id_number", pa.string()),
        ("person_key", pa.string()),
        ("persons", pa.int32()),
        ("repeat", pa.bool_()),
        ("restricted", pa.bool_()),
        ("due_at", _TIME),
        ("due_upper_at", _TIME),
        ("limit_amount", pa.int32()),
        ("limit_unit", pa.string()),
        ("out_of_order", pa.bool_()),
    ]
)
EVENTS = pa.schema(
    [
        ("content_id", pa.string()),
        ("seq", pa.int32()),
        ("event_type", pa.string()),
        ("occurred_at", _TIME),
        ("unit", pa.string()),
        ("old_due", _TIME),
        ("new_due", _TIME),
        ("satisfaction", pa.string()),
        ("note", pa.string()),
    ]
)
QUARANTINE = pa.schema(
    [
        ("record_id", pa.string()),
        ("source_no", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("updated_at", _TIME),
    ]
)
TRACED = pa.schema([("file", pa.string()), ("line", pa.int64()), ("content_id", pa.string())])


class Landed(NamedTuple):
    """One raw record, and where it stands in its batch: the file, and which of the file's records it is, from 1."""

    file: str
    line: int
    export_at: datetime | None
    raw: Raw


#: Where a record stands in its batch: the file, and which of its records it is, from 1.
Place = tuple[str, int]


def check(
    manifest: Manifest,
    landing: Landing,
    settings: Settings,
    source: Source,
    *,
    staging: Path | None = None,
    trace: Collection[Place] = (),
) -> dict[str, Any]:
    """Stage a landed batch. Done again it writes the same.

    :param staging: the folder to write ``<batch_id>/`` into, in place of the home's.
    :param trace: records to follow: ``traced.parquet`` beside the others says of each its ``content_id``, null where it is bad.
    :returns: what ``summary.json`` holds: ``batch_id``, ``numbers`` (distinct tickets landed, a record without a readable number
        counting by itself), ``landed`` (= tickets + quarantine), ``quarantined``, ``messages`` and, for lanes of files, ``platform_total``.
    :raises LaneStopped: where a suite or a map cannot be used.
    """
    target = (staging or settings.staging) / manifest.batch_id
    aside = target.with_name(f".{manifest.batch_id}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True, mode=0o700)
    normaliser = Normaliser(source, settings.source_maps[source.name], privacy.load_key(settings.secrets))
    batch = _Batch(manifest, normaliser, aside, frozenset(trace))
    for chunk in _chunks(landed(manifest, landing, source)):
        batch.take(chunk)
    summary = batch.settle()
    (aside / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    aside.replace(target)
    return summary


def check_again(
    manifest: Manifest, landing: Landing, settings: Settings, staging: Path, trace: Collection[Place] = ()
) -> tuple[Path, dict[str, Any]]:
    """Stage a batch that is already loaded by today's maps, aside and without asking its platform.

    :returns: the staged folder, and the summary.
    :raises LaneStopped: as :func:`check`.
    """
    from petitions.connections import Connection
    from petitions.sources import create

    source = create(manifest.source, Connection(f"petitions_{manifest.source}", ""), settings)
    summary = check(manifest, landing, settings, source, staging=staging, trace=trace)
    return staging / manifest.batch_id, summary


def quarantine_message(rules: Iterable[str]) -> str | None:
    """What is told of a batch that has records in quarantine, by their rules; None where it has none."""
    counts = Counter(rules)
    told = ", ".join(f"{rule} {counts[rule]}" for rule in QUARANTINE_RULES if counts[rule])
    return f"{_records(counts.total())} in quarantine ({told}); see `petitions quarantine list`" if counts else None


def landed(manifest: Manifest, landing: Landing, source: Source) -> Iterator[Landed]:
    """The raw records of a batch in the order received."""
    for entry in manifest.files:
        if entry.export_date is not None:
            export_at = datetime.combine(entry.export_date, time(23, 59, 59), BEIJING)
            with landing.file(manifest, entry) as path:
                for number, raw in enumerate(source.records(path), 1):
                    yield Landed(entry.name, number, export_at, raw)
    for name, line, told in landing.lines(manifest):
        yield Landed(name, line, None, json.loads(told) if isinstance(told, str | bytes) else told)


@dataclass
class _Batch:
    """A batch on its way: chunks are taken, then the whole is settled."""

    manifest: Manifest
    normaliser: Normaliser
    folder: Path
    trace: frozenset[Place] = frozenset()
    taken: int = 0
    narrow: list[pd.DataFrame] = field(default_factory=list)
    bad: dict[int, dict[str, Any]] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    writers: dict[str, pq.ParquetWriter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.platform_suite, self.ticket_suite = Suite(self.normaliser.source.name), Suite(TICKET_SUITE)

    def take(self, chunk: list[Landed]) -> None:
        """Normalise and check one chunk; set the good tickets aside, keep what the whole batch must know of each."""
        rows = range(self.taken, self.taken + len(chunk))
        self.taken += len(chunk)
        with _no_garbage():
            records = [self.normaliser.record(item.raw, export_at=item.export_at) for item in chunk]
            found = [self.normaliser.read(record, file=item.file) for record, item in zip(records, chunk, strict=True)]
        for one in found:
            self.remarks.update(set(one.remarks))
            self.unknown.update(one.unknown)
        refusals = self.ticket_suite.refuse(_ticket_frame(rows, found, self.ticket_suite.columns, self.manifest.fetched_at))
        add(refusals, self.platform_suite.refuse(_platform_frame(rows, records, self.platform_suite.columns)))
        for row, one, item in zip(rows, found, chunk, strict=True):
            if row in refusals or one.ticket is None:
                self.bad[row] = _quarantined(one, refusals.get(row), item, self.normaliser)
        self.narrow.append(_narrow(rows, found, chunk))
        good = [(row, one) for row, one in zip(rows, found, strict=True) if row not in self.bad]
        self._spool("tickets", _ticket_table(good))
        self._spool("events", _event_table(good))

    def settle(self) -> dict[str, Any]:
        """Decide what comes twice, write the staged files, and tell the figures."""
        for writer in self.writers.values():
            writer.close()
        import pandas as pd

        whole = pd.concat(self.narrow, ignore_index=True) if self.narrow else _narrow(range(0), [], [])
        clashing = self._quarantine_clashes(whole)
        good = whole[~whole[ROW].isin(self.bad.keys() | clashing)]
        kept = _kept(good, self.taken)
        tickets = self._filter("tickets", TICKETS, kept)
        self._filter("events", EVENTS, kept)
        quarantine = _once_each(self.bad.values())
        pq.write_table(pa.Table.from_pylist(quarantine, schema=QUARANTINE), self.folder / "quarantine.parquet")
        if self.trace:
            self._write_traced(good)
        numbers = self._numbers(whole)
        summary = {
            "batch_id": self.manifest.batch_id,
            "numbers": numbers,
            "landed": tickets + len(quarantine),
            "quarantined": len(quarantine),
            "messages": [{"level": "yellow", "text": text} for text in self._messages(quarantine, tickets + len(quarantine))],
        }
        # How many tickets a file holds is told by its rows alone (sources.md, reconciliation of a batch).
        return summary | ({"platform_total": numbers} if self.manifest.platform_total is None else {})

    def _numbers(self, whole: pd.DataFrame) -> int:
        """Distinct tickets. A row of a file without a number counts by itself; from an interface it may be one record that came twice."""
        nameless = whole.loc[whole["source_no"].isna(), "content"]
        of_files = any(entry.export_date is not None for entry in self.manifest.files)
        return int(whole["source_no"].nunique() + (len(nameless) if of_files else nameless.nunique()))

    def _quarantine_clashes(self, whole: pd.DataFrame) -> set[int]:
        """A number twice with different content and one update time: all its records go. Equal content counts once and is no clash.

        :returns: the rows that go, copies of equal content among them; one of each is in ``bad``.
        """
        key = ["source_no", "updated_at", "update_key"]
        distinct = whole.dropna(subset=key).drop_duplicates([*key, "content"])
        refusals = self.ticket_suite.refuse_in_batch(distinct[[ROW, *key]].astype({"update_key": object}))
        refused = distinct[distinct[ROW].isin(refusals.keys())]
        for one in refused.to_dict("records"):
            row: int = one[ROW]
            if row not in self.bad:
                self.bad[row] = {
                    "record_id": hashlib.sha256(f"{self.manifest.source}\n{one['content']}".encode()).hexdigest()[:32],
                    "source_no": one["source_no"],
                    "rule": refusals[row].rule,
                    "reason": refusals[row].sentence,
                    "file": one["file"],
                    "line": one["line"],
                    "updated_at": one["updated_at"].to_pydatetime().replace(tzinfo=BEIJING),
                }
        return set(whole.merge(refused[[*key, "content"]], on=[*key, "content"])[ROW])

    def _write_traced(self, good: pd.DataFrame) -> None:
        told = good[good["line"].isin([line for _, line in self.trace])]
        content = {(one.file, one.line): one.content for one in told.itertuples(index=False)}
        rows = [{"file": file, "line": line, "content_id": content.get((file, line))} for file, line in sorted(self.trace)]
        pq.write_table(pa.Table.from_pylist(rows, schema=TRACED), self.folder / "traced.parquet")

    def _spool(self, name: str, table: pa.Table) -> None:
        if name not in self.writers:
            self.writers[name] = pq.ParquetWriter(self.folder / f"{name}.spool", table.schema)
        self.writers[name].write_table(table)

    def _filter(self, name: str, schema: pa.Schema, kept: Kept) -> int:
        """Write the rows that stay; how many."""
        spool, count = self.folder / f"{name}.spool", 0
        with pq.ParquetWriter(self.folder / f"{name}.parquet", schema) as writer:
            if spool.exists():
                with pq.ParquetFile(spool) as spooled:
                    for number in range(spooled.num_row_groups):
                        table = kept.of(spooled.read_row_group(number))
                        writer.write_table(table.select(schema.names))
                        count += table.num_rows
        spool.unlink(missing_ok=True)
        return count

    def _messages(self, quarantine: list[dict[str, Any]], landed: int) -> Iterator[str]:
        source = self.manifest.source
        for name, count in sorted(self.unknown.items()):
            cure = f"if it is to be ignored, add it to known in config/sources/{source}.toml"
            yield f"unknown field {privacy.mask_text(name)} in {_records(count)}: loaded without it; {cure}"
        for text, count in sorted(self.remarks.items()):
            yield f"{_records(count)}: {text}"
        bad = quarantine_message(one["rule"] for one in quarantine)
        if bad:
            yield bad
        most = self.normaliser.source.settings.options.checks.quarantine_share
        if len(quarantine) > most * landed:
            share = f"{100 * len(quarantine) / landed:.1f} % of the batch"
            yield f"{share} in quarantine, expected at most {100 * most:g} %: has the platform changed its codes or fields?"
        yield from self.platform_suite.messages()
        yield from self.ticket_suite.messages()


@dataclass(frozen=True)
class Kept:
    """Which rows of the batch stay, and the oldest export date under which each content was shown."""

    stays: np.ndarray
    export_at: np.ndarray

    def of(self, table: pa.Table) -> pa.Table:
        rows = table.column(ROW).to_numpy()
        table = table.filter(pa.array(self.stays[rows]))
        if "export_at" in table.schema.names:
            moments = self.export_at[rows[self.stays[rows]]].astype("datetime64[us]")
            table = table.set_column(table.schema.get_field_index("export_at"), "export_at", pa.array(moments).cast(_TIME))
        return table


def _kept(good: pd.DataFrame, taken: int) -> Kept:
    """Of equal content the row last touched, with the oldest export date."""
    import numpy as np

    stays, export_at = np.zeros(taken, dtype=bool), np.full(taken, "NaT", dtype="datetime64[s]")
    oldest = good.groupby("content", sort=False)["export_at"].transform("min")
    last = good.assign(export_at=oldest).sort_values(["updated_at", "update_key", ROW]).drop_duplicates("content", keep="last")
    rows = last[ROW].to_numpy()
    stays[rows] = True
    # The frame holds Beijing time, the staged files UTC.
    export_at[rows] = last["export_at"].dt.tz_localize(BEIJING).dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return Kept(stays, export_at)


# --- frames and tables --------------------------------------------------------------------------------------------------


def _platform_frame(rows: range, records: list[Record], columns: frozenset[str]) -> pd.DataFrame:
    """The platform's own fields, as cleaned text."""
    import pandas as pd

    told = {column: pd.Series([record.text(column) for record in records], dtype=object) for column in sorted(columns)}
    return pd.DataFrame({ROW: rows} | told)


def _ticket_frame(rows: range, found: list[Normalised], columns: frozenset[str], fetched_at: datetime) -> pd.DataFrame:
    """What normalising found: attributes of the canonical ticket, and one column per quarantine rule for what could not be read."""
    import pandas as pd

    faults = [_by_rule(one) for one in found]
    told: dict[str, Any] = {
        ROW: rows,
        "fetched_at": _moments([fetched_at.astimezone(BEIJING)] * len(found)),
        "received_at": _moments([one.received_at for one in found]),
        "received_year": pd.array([one.received_at.year if one.received_at else None for one in found], dtype="Int64"),
        "updated_at": _moments([one.updated_at for one in found]),
        "due_at": _moments([one.ticket.due_at if one.ticket else None for one in found]),
        "persons": pd.array([one.ticket.persons if one.ticket else None for one in found], dtype="Int64"),
        "out_of_order": [one.out_of_order for one in found],
        "source_no": [one.source_no for one in found],
        "update_key": [one.update_key for one in found],
    }
    for column in columns - told.keys():
        if column in QUARANTINE_RULES:
            values: list[Any] = [one.get(column) for one in faults]
        elif column in TICKETS.names:
            values = [getattr(one.ticket, column) if one.ticket else None for one in found]
        else:
            raise LaneStopped(
                f"expectations/{TICKET_SUITE}.json: expected columns of the canonical ticket or rules of quarantine, found {column}; "
                "correct the suite"
            )
        told[column] = pd.Series(values, dtype=object)
    return pd.DataFrame(told)


def _by_rule(one: Normalised) -> dict[str, str]:
    """Rule → what was found, of a record's faults; the first of a rule is told."""
    return dict(reversed(one.faults)) if one.faults else {}


def _narrow(rows: range, found: list[Normalised], chunk: list[Landed]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            ROW: rows,
            "source_no": pd.Series([one.source_no for one in found], dtype=object),
            "content": pd.Series([one.content for one in found], dtype=object),
            "updated_at": _moments([one.updated_at for one in found]),
            "update_key": pd.Series([one.update_key for one in found], dtype="category"),
            "export_at": _moments([one.export_at for one in found]),
            "file": pd.Series([item.file for item in chunk], dtype="category"),
            "line": [item.line for item in chunk],
        }
    )


def _moments(moments: Iterable[datetime | None]) -> np.ndarray:
    """Beijing time without its zone: the form that frames compare fastest."""
    import numpy as np

    return np.array([None if at is None else at.replace(tzinfo=None) for at in moments], dtype="datetime64[s]")


def _ticket_table(good: list[tuple[int, Normalised]]) -> pa.Table:
    outside = {
        "content_id": [one.content_id for _, one in good],
        "update_key": [one.update_key for _, one in good],
        "export_at": [one.export_at for _, one in good],
        "out_of_order": [one.out_of_order for _, one in good],
    }
    tickets = [one.ticket for _, one in good]
    columns = [pa.array(outside.get(item.name) or [getattr(ticket, item.name) for ticket in tickets], item.type) for item in TICKETS]
    return pa.table([*columns, pa.array([row for row, _ in good], pa.int64())], schema=TICKETS.append(pa.field(ROW, pa.int64())))


def _event_table(good: list[tuple[int, Normalised]]) -> pa.Table:
    told = [(row, one.content_id, seq, event) for row, one in good if one.ticket for seq, event in enumerate(one.ticket.events)]
    outside: dict[str, list[Any]] = {"content_id": [item[1] for item in told], "seq": [item[2] for item in told]}
    columns = [pa.array(outside.get(item.name) or [getattr(event, item.name) for *_, event in told], item.type) for item in EVENTS]
    return pa.table([*columns, pa.array([item[0] for item in told], pa.int64())], schema=EVENTS.append(pa.field(ROW, pa.int64())))


def _quarantined(one: Normalised, refusal: Refusal | None, item: Landed, normaliser: Normaliser) -> dict[str, Any]:
    if refusal is None:
        raise LaneStopped(
            f"{normaliser.source.name}: expected a red expectation for {'、'.join(sorted(_by_rule(one)))}, found none that fails; "
            f"restore it in expectations/{normaliser.source.name}.json or expectations/ticket.json"
        )
    found = _by_rule(one).get(refusal.rule)
    reason = f"{refusal.sentence}: {privacy.mask_text(found, one.names)}" if found else refusal.sentence
    return {
        "record_id": one.record_id or normaliser.record_id(item.raw),
        "source_no": one.source_no,
        "rule": refusal.rule,
        "reason": reason,
        "file": item.file,
        "line": item.line,
        "updated_at": one.updated_at,
    }


def _once_each(bad: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One bad record is one row, however often it came; the one last touched tells where it stands."""
    undated = datetime.min.replace(tzinfo=BEIJING)
    ordered = sorted(bad, key=lambda one: (one["updated_at"] is not None, one["updated_at"] or undated, one["file"], one["line"]))
    return list({one["record_id"]: one for one in ordered}.values())


def _chunks(items: Iterator[Landed]) -> Iterator[list[Landed]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Records hold no cycles; looking for some in a chunk of them would cost a fifth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
