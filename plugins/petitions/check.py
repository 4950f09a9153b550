"""From a landed batch to a staged one: every record normalised, checked, and either a ticket or in quarantine.

The batch streams through in parts (:mod:`petitions.examine`), which several processes take where there are many
(:mod:`petitions.crew`). What of it must be seen at once (which numbers come twice, and with what content) is decided by an engine over
narrow files, which needs no more memory for a larger batch. The staged batch appears under its name complete or not at all::

    staging/<batch_id>/tickets.parquet/     one row per ticket and content, in files by part
    staging/<batch_id>/events.parquet/      its events, in the platform's order, in files by part
    staging/<batch_id>/quarantine.parquet   one row per bad record, with the rule and the reason
    staging/<batch_id>/summary.json         the figures of the reconciliation and the yellow messages
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from petitions import crew, data_docs, privacy
from petitions.examine import EVENTS, NARROW, TICKETS, Examined, Examiner, Part, Stretch, part_name, per_event, write_part
from petitions.judge import Judge
from petitions.model import BEIJING, QUARANTINE_LABELS, QUARANTINE_RULES
from petitions.normalise import Normaliser
from petitions.progress import counted
from petitions.quality import ROW, great_expectations
from petitions.said import Said, printed
from petitions.settings import Settings
from petitions.sources.base import Raw, Source

if TYPE_CHECKING:
    import duckdb

    from petitions.landing import Landing, Manifest

#: Records of a part.
PART = 10_000
# From so many parts on several processes are worth their start.
_MANY = 2

QUARANTINE = pa.schema(
    [
        ("record_id", pa.string()),
        ("source_no", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
    ]
)
TRACED = pa.schema([("file", pa.string()), ("line", pa.int64()), ("content_id", pa.string())])

log = logging.getLogger("petitions.check")


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
    """Stage a landed batch. Done again it writes the same. Of a batch of the home's that holds records, pages of Data Docs are written too.

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
    judge = Judge(normaliser, manifest.fetched_at)
    batch = _Batch(manifest, aside, judge, frozenset(trace))
    examined = _examined(_parts(manifest, landing, source), Examiner(normaliser, aside, manifest.fetched_at))
    for part, done in counted(examined, f"{source.name}: records checked", each=lambda one: one[0].size):
        batch.take(part, done)
    summary = batch.settle()
    (aside / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    aside.replace(target)
    if staging is None and batch.parts:
        _show(settings, manifest, judge)
    return summary


def _examined(parts: Iterator[Part], examiner: Examiner) -> Iterator[tuple[Part, Examined]]:
    """By a crew where there is enough for one to do."""
    first = list(islice(parts, _MANY))
    if len(first) < _MANY or crew.size() == 1:
        yield from ((part, examiner(part)) for part in chain(first, parts))
        return
    source = examiner.normaliser.source
    task = crew.Task(source.name, source.settings, examiner.folder, examiner.fetched_at)
    # Great Expectations takes seconds to import: they pass while the crew is at work on its first parts.
    yield from crew.examined(task, chain(first, parts), meanwhile=great_expectations)


def _show(settings: Settings, manifest: Manifest, judge: Judge) -> None:
    """Pages for people: a batch that is checked is not held up by them."""
    try:
        data_docs.publish(settings, manifest, judge.suites)
    except Exception as error:  # noqa: BLE001
        log.warning("%s: the pages of what the checks found were not written (%s)", manifest.source, type(error).__name__)


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
    if not counts:
        return None
    told = ", ".join(f"{rule} {counts[rule]}" for rule in QUARANTINE_RULES if counts[rule])
    words = "、".join(f"{label}{counts[rule]}条" for rule, label in QUARANTINE_LABELS.items() if counts[rule])
    return Said(
        f"{_records(counts.total())} in quarantine ({told}); see `petitions quarantine list`",
        f"{counts.total()}条记录未通过检查，已隔离（{words}）",
    )


def landed(manifest: Manifest, landing: Landing, source: Source) -> Iterator[Landed]:
    """The raw records of a batch in the order received."""
    for stretch in _stretches(manifest, landing, source):
        for line, raw in enumerate(stretch.records(), stretch.first_line):
            yield Landed(stretch.file, line, stretch.export_at, raw)


def _parts(manifest: Manifest, landing: Landing, source: Source) -> Iterator[Part]:
    """Parts of at least ``PART`` records, but for the last: small files are examined together."""
    number = row = 0
    waiting: list[Stretch] = []
    for stretch in _stretches(manifest, landing, source):
        waiting.append(stretch)
        if sum(one.size for one in waiting) >= PART:
            part = Part(number, row, tuple(waiting))
            yield part
            number, row, waiting = number + 1, row + part.size, []
    if waiting:
        yield Part(number, row, tuple(waiting))


def _stretches(manifest: Manifest, landing: Landing, source: Source) -> Iterator[Stretch]:
    for entry in manifest.files:
        if entry.export_date is not None:
            export_at = datetime.combine(entry.export_date, time(23, 59, 59), BEIJING)
            with landing.file(manifest, entry) as path:
                records, line = source.records(path), 1
                while some := list(islice(records, PART)):
                    yield Stretch(entry.name, line, export_at, some, len(some))
                    line += len(some)
    for name, line, lines, count in landing.blocks(manifest, PART):
        yield Stretch(name, line, None, lines, count)


@dataclass
class _Batch:
    """A batch on its way: its parts are taken as they are done, then the whole is settled."""

    manifest: Manifest
    folder: Path
    judge: Judge
    trace: frozenset[Place] = frozenset()
    parts: int = 0
    remarks: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.bad = self.judge.bad
        self.platform_suite, self.ticket_suite = self.judge.suites

    def take(self, part: Part, done: Examined) -> None:
        """Keep what the whole batch must know of a part."""
        self.parts += 1
        self.remarks += done.remarks
        self.unknown += done.unknown
        self.judge.take(part, done)

    def settle(self) -> dict[str, Any]:
        """Decide what comes twice, see to the staged files, and tell the figures."""
        self.judge.settle()
        if not self.parts:
            for name, schema in (("tickets.parquet", TICKETS), ("events.parquet", EVENTS), ("narrow", NARROW)):
                write_part(self.folder / name, part_name(0), schema.empty_table())
        with _engine(self.folder) as whole:
            whole.register("unfit", pa.table({ROW: pa.array(self.judge.unfit, pa.int64())}))
            whole.execute(_NARROW.format(folder=self.folder))
            self._quarantine_clashes(whole)
            whole.execute(_REPEATED)
            self._take_out(whole)
            tickets = int(_value(whole, "select count(*) from good") - _value(whole, "select count(*) from repeated where not stays"))
            if self.trace:
                self._write_traced(whole)
            numbers = self._numbers(whole)
        quarantine = _once_each(self.bad.values())
        pq.write_table(pa.Table.from_pylist(quarantine, schema=QUARANTINE), self.folder / "quarantine.parquet")
        shutil.rmtree(self.folder / "narrow")
        summary = {
            "batch_id": self.manifest.batch_id,
            "numbers": numbers,
            "landed": tickets + len(quarantine),
            "quarantined": len(quarantine),
            "messages": [
                {"level": "yellow", "text": text, "printed": printed(text)}
                for text in self._messages(quarantine, tickets + len(quarantine))
            ],
        }
        # How many tickets a file holds is told by its rows alone (sources.md, reconciliation of a batch).
        return summary | ({"platform_total": numbers} if self.manifest.platform_total is None else {})

    def _numbers(self, whole: duckdb.DuckDBPyConnection) -> int:
        """Distinct tickets. A row of a file without a number counts by itself; from an interface it may be one record that came twice."""
        of_files = any(entry.export_date is not None for entry in self.manifest.files)
        nameless = "*" if of_files else "distinct content"
        return int(
            _value(whole, "select count(distinct source_no) from narrow")
            + _value(whole, f"select count({nameless}) from narrow where source_no is null")
        )

    def _quarantine_clashes(self, whole: duckdb.DuckDBPyConnection) -> None:
        """A number twice with different content and one update time: all its records go. Equal content counts once and is no clash.

        Makes ``gone``, the rows that go, copies of equal content among them, and ``good``, the rows that are left; one of each that goes is
        in ``bad``.
        """
        several = whole.execute(_SEVERAL).df()
        refusals = self.ticket_suite.refuse_in_batch(several[[ROW, "source_no", "updated_at", "update_key"]])
        for one in several[several[ROW].isin(refusals.keys())].to_dict("records"):
            row: int = one[ROW]
            if row not in self.bad:
                self.bad[row] = {
                    "record_id": hashlib.sha256(f"{self.manifest.source}\n{one['content']}".encode()).hexdigest()[:32],
                    "source_no": one["source_no"],
                    "rule": refusals[row].rule,
                    "reason": refusals[row].sentence,
                    "file": one["file"],
                    "line": one["line"],
                    "updated_at": one["updated_at"].to_pydatetime(),
                }
        whole.register("refused", pa.table({ROW: pa.array(refusals.keys(), pa.int64())}))
        whole.execute(_GONE)

    def _take_out(self, whole: duckdb.DuckDBPyConnection) -> None:
        """Of the staged files, only those are written anew in which something goes or is dated anew."""
        rows = whole.execute(_MOVED.format(folder=self.folder)).fetchall()
        moved = {row: export_at if stays else None for row, stays, export_at, _ in rows}
        gone = {row for row, stays, *_ in rows if not stays}
        for name in {Path(file).name for *_, file in rows}:
            self._rewrite(name, gone, moved)

    def _rewrite(self, name: str, gone: set[int], moved: dict[int, datetime | None]) -> None:
        narrow = pq.read_table(self.folder / "narrow" / name, columns=[ROW, "events", "good"]).filter(pa.compute.field("good"))
        rows, counts = narrow[ROW].to_pylist(), narrow["events"].to_numpy()
        tickets, events = (pq.read_table(self.folder / kind / name) for kind in ("tickets.parquet", "events.parquet"))
        export_at = [moved.get(row) or told for row, told in zip(rows, tickets["export_at"].to_pylist(), strict=True)]
        place = TICKETS.get_field_index("export_at")
        tickets = tickets.set_column(place, TICKETS.field(place), pa.array(export_at, TICKETS.field(place).type))
        stays = [row not in gone for row in rows]
        write_part(self.folder / "tickets.parquet", name, tickets.filter(pa.array(stays)))
        write_part(self.folder / "events.parquet", name, events.filter(per_event(stays, counts)))

    def _write_traced(self, whole: duckdb.DuckDBPyConnection) -> None:
        traced = [{"file": file, "line": line} for file, line in sorted(self.trace)]
        whole.register("traced", pa.Table.from_pylist(traced, schema=TRACED.remove(2)))
        rows = whole.execute(
            "select file, line, max(content) from traced left join good using (file, line) group by all order by all"
        ).fetchall()
        told = [dict(zip(TRACED.names, row, strict=True)) for row in rows]
        pq.write_table(pa.Table.from_pylist(told, schema=TRACED), self.folder / "traced.parquet")

    def _messages(self, quarantine: list[dict[str, Any]], landed: int) -> Iterator[str]:
        source = self.manifest.source
        for name, count in sorted(self.unknown.items()):
            cure = f"if it is to be ignored, add it to known in config/sources/{source}.toml"
            field = privacy.mask_text(name)
            yield Said(
                f"unknown field {field} in {_records(count)}: loaded without it; {cure}",
                f"{count}条记录带有未登记的字段“{field}”，其余内容已载入",
            )
        for text, count in sorted(self.remarks.items()):
            yield Said(f"{_records(count)}: {text}", f"{count}条记录：{printed(text)}")
        bad = quarantine_message(one["rule"] for one in quarantine)
        if bad:
            yield bad
        most = self.judge.normaliser.source.settings.options.checks.quarantine_share
        if len(quarantine) > most * landed:
            share = f"{100 * len(quarantine) / landed:.1f} % of the batch"
            yield Said(
                f"{share} in quarantine, expected at most {100 * most:g} %: has the platform changed its codes or fields?",
                f"本批记录有 {100 * len(quarantine) / landed:.1f}% 被隔离，高于 {100 * most:g}%：平台是否改了代码或字段？",
            )
        yield from self.platform_suite.messages()
        yield from self.ticket_suite.messages()


# A record that only a suite refused was staged with its part, and has to be taken out.
_NARROW = """
create view narrow as
select * replace (good and row not in (select row from unfit) as good)
from read_parquet('{folder}/narrow/*.parquet')
"""
_MOVED = """
with moved as (
    select row, stays, export_at from repeated
    union all
    select row, false, null from gone where good
    union all
    select row, false, null from unfit
)
select row, stays, moved.export_at, filename
from moved
join read_parquet('{folder}/narrow/*.parquet', filename = true) using (row)
"""
# Numbers that come more than once, each content of theirs once: the first row that shows it.
_SEVERAL = """
select distinct on (source_no, updated_at, update_key, content) row, source_no, content, updated_at, update_key, file, line
from narrow
where updated_at is not null and source_no in (select source_no from narrow group by source_no having count(*) > 1)
order by row
"""
_GONE = """
create table gone as
select distinct n.row, n.good
from narrow n
join narrow r using (source_no, updated_at, update_key, content)
where r.row in (select row from refused);

create view good as
select * from narrow where good and row not in (select row from gone)
"""
# Of equal content the row last touched stays, with the oldest export date under which the content was shown.
_REPEATED = """
create table repeated as
select
    row,
    row_number() over (partition by content order by updated_at desc, update_key desc, row desc) = 1 as stays,
    min(export_at) over (partition by content) as export_at
from good
where content in (select content from good group by content having count(*) > 1)
"""


@contextmanager
def _engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine of its own that spills into the folder what it cannot hold."""
    import duckdb

    spill = folder / ".spill"
    with duckdb.connect(config={"memory_limit": "600MB", "temp_directory": str(spill)}) as engine:
        engine.execute("set timezone = 'UTC'")
        yield engine
    shutil.rmtree(spill, ignore_errors=True)


def _value(whole: duckdb.DuckDBPyConnection, question: str) -> Any:
    ((found,),) = whole.execute(question).fetchall()
    return found


def _once_each(bad: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One bad record is one row, however often it came; the one last touched tells where it stands."""
    undated = datetime.min.replace(tzinfo=BEIJING)
    ordered = sorted(bad, key=lambda one: (one["updated_at"] is not None, one["updated_at"] or undated, one["file"], one["line"]))
    return list({one["record_id"]: one for one in ordered}.values())


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
