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
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from petitions import crew, data_docs, privacy
from petitions.examine import EVENTS, NARROW, TICKETS, Examined, Landed, Part, Place, Stretch, part_name, per_event, write_part
from petitions.judge import Judge
from petitions.model import BEIJING, QUARANTINE_LABELS, QUARANTINE_RULES
from petitions.normalise import Normaliser
from petitions.progress import counted
from petitions.quality import ROW, great_expectations
from petitions.said import Said, printed
from petitions.settings import Settings
from petitions.sources import unasked
from petitions.sources.base import LaneStopped, Source

if TYPE_CHECKING:
    import duckdb

    from petitions.landing import Landing, Manifest

#: Records of a part.
PART = 10_000
# From the records of so many parts on several processes are worth their start.
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


@dataclass(frozen=True)
class Checked:
    """A batch that was checked: its staged folder and what ``summary.json`` holds, or what went wrong with it, and then there is neither.

    The summary: ``batch_id``, ``numbers`` (distinct tickets landed, a record without a readable number counting by itself), ``landed``
    (= tickets + quarantine), ``quarantined``, ``messages`` and, for lanes of files, ``platform_total``.
    """

    manifest: Manifest
    staged: Path
    summary: dict[str, Any] = field(default_factory=dict)
    wrong: Exception | None = None


def check(
    manifest: Manifest,
    landing: Landing,
    settings: Settings,
    source: Source,
    *,
    staging: Path | None = None,
    trace: Collection[Place] = (),
) -> dict[str, Any]:
    """Stage one batch, as :func:`check_each` does.

    :returns: the summary.
    :raises LaneStopped: where a suite or a map cannot be used.
    """
    (one,) = check_each([manifest], landing, settings, lambda _: source, staging=staging, trace={manifest.batch_id: trace})
    if one.wrong:
        raise one.wrong
    return one.summary


def check_each(
    manifests: Sequence[Manifest],
    landing: Landing,
    settings: Settings,
    source_of: Callable[[str], Source] | None = None,
    *,
    staging: Path | None = None,
    trace: Mapping[str, Collection[Place]] | None = None,
) -> Generator[Checked]:
    """Stage landed batches, and give each, in their order, as soon as it is staged; what goes wrong with one is its own.

    While one is settled or loaded, the next are examined already. Done again it writes the same. Of the home's own batches the newest of
    each lane that holds records gets its pages of Data Docs.

    :param source_of: the platform of a lane, by name; left out, none is asked for its connection.
    :param staging: the folder to write ``<batch_id>/`` into, in place of the home's.
    :param trace: by batch, records to follow: ``traced.parquet`` beside the others says of each its ``content_id``, null where it is bad.
    """
    folder, followed = staging or settings.staging, trace or {}
    batches = [_Batch(manifest, landing, settings, folder, frozenset(followed.get(manifest.batch_id, ()))) for manifest in manifests]
    lanes = ", ".join(dict.fromkeys(manifest.source for manifest in manifests))
    newest: dict[str, _Batch] = {}
    with closing(_to_examine(batches, source_of or partial(unasked, settings=settings))) as parts, closing(_examined(parts)) as examined:
        for batch in _complete(batches, counted(examined, f"{lanes}: records checked", each=lambda one: one[1].size)):
            yield batch.settled()
            if batch.parts and not batch.wrong:
                newest[batch.manifest.source] = batch
    if staging is None:
        for batch in newest.values():
            _show(settings, batch.manifest, batch.judge)


def _to_examine(batches: Iterable[_Batch], source_of: Callable[[str], Source]) -> Generator[tuple[crew.Task, Part]]:
    for batch in batches:
        yield from batch.begun(source_of)


def _examined(parts: Iterator[tuple[crew.Task, Part]]) -> Generator[tuple[crew.Task, Part, Examined | LaneStopped]]:
    """By a crew where there is enough for one to do."""
    first, records = list[tuple[crew.Task, Part]](), 0
    while records < _MANY * PART and (one := next(parts, None)):
        first.append(one)
        records += one[1].size
    if records >= _MANY * PART and crew.size() > 1:
        # Great Expectations takes seconds to import: they pass while the crew is at work on its first parts.
        yield from crew.examined(chain(first, parts), meanwhile=great_expectations)
        return
    examiner = None
    for task, part in chain(first, parts):
        if examiner is None or examiner.folder != task.folder:
            examiner = task.examiner()
        yield task, part.bare(), examiner(part)


def _complete(batches: Sequence[_Batch], examined: Iterable[tuple[crew.Task, Part, Examined | LaneStopped]]) -> Iterator[_Batch]:
    """The batches in their order, each when all of it is examined."""
    by_folder, waiting = {batch.aside: batch for batch in batches}, deque(batches)
    for task, part, found in examined:
        by_folder[task.folder].take(part, found)
        while waiting and waiting[0].examined:
            yield waiting.popleft()
    yield from waiting


def _show(settings: Settings, manifest: Manifest, judge: Judge) -> None:
    """Pages for people: a batch that is checked is not held up by them."""
    try:
        data_docs.publish(settings, manifest, judge.suites)
    except Exception as error:  # noqa: BLE001
        log.warning("%s: the pages of what the checks found were not written (%s)", manifest.source, type(error).__name__)


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


class _Batch:
    """A batch on its way: its parts are given to be examined and taken as they are done, then the whole is settled."""

    def __init__(self, manifest: Manifest, landing: Landing, settings: Settings, folder: Path, trace: frozenset[Place]) -> None:
        self.manifest, self.landing, self.settings, self.trace = manifest, landing, settings, trace
        self.target = folder / manifest.batch_id
        self.aside = self.target.with_name(f".{manifest.batch_id}.partial")
        self.parts = 0
        self.wrong: Exception | None = None
        self.remarks: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._given: int | None = None

    @property
    def examined(self) -> bool:
        """Whether all that it holds was read, and has come back."""
        return self.parts == self._given

    def begun(self, source_of: Callable[[str], Source]) -> Iterator[tuple[crew.Task, Part]]:
        """Its parts, to be examined. The batch ends where one cannot be read."""
        given = 0
        try:
            shutil.rmtree(self.aside, ignore_errors=True)
            self.aside.mkdir(parents=True, mode=0o700)
            name = self.manifest.source
            self.source = source_of(name)
            normaliser = Normaliser(self.source, self.settings.source_maps[name], privacy.load_key(self.settings.secrets))
            self.judge = Judge(normaliser, self._read_again)
            task = crew.Task(name, self.settings, self.aside, self.manifest.fetched_at)
            for part in _parts(self.manifest, self.landing, self.source):
                given += 1
                yield task, part
                if self.wrong:
                    break
        except Exception as error:  # noqa: BLE001 - told by what comes of the batch
            self.wrong = error
        self._given = given

    def take(self, part: Part, found: Examined | LaneStopped) -> None:
        """Keep what the whole batch must know of a part."""
        self.parts += 1
        if isinstance(found, LaneStopped):
            self.wrong = self.wrong or found
        if self.wrong or isinstance(found, LaneStopped):
            return
        self.remarks += found.remarks
        self.unknown += found.unknown
        try:
            self.judge.take(part, found)
        except Exception as error:  # noqa: BLE001 - told by what comes of the batch
            self.wrong = error

    def settled(self) -> Checked:
        """What came of it, when all of it is examined."""
        try:
            if self.wrong:
                raise self.wrong
            summary = self._settle()
            (self.aside / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
            shutil.rmtree(self.target, ignore_errors=True)
            self.aside.replace(self.target)
        except Exception as error:  # noqa: BLE001 - told by what comes of the batch
            self.wrong = error
            shutil.rmtree(self.aside, ignore_errors=True)
            return Checked(self.manifest, self.target, wrong=error)
        return Checked(self.manifest, self.target, summary)

    def _read_again(self, places: Collection[Place]) -> Iterator[Landed]:
        for stretch in _stretches(self.manifest, self.landing, self.source):
            for place in range(stretch.size):
                if (at := (stretch.file, stretch.first_line + place)) in places:
                    yield Landed(*at, stretch.export_at, stretch.record(place))

    def _settle(self) -> dict[str, Any]:
        """Decide what comes twice, see to the staged files, and tell the figures."""
        self.judge.settle()
        if not self.parts:
            for name, schema in (("tickets.parquet", TICKETS), ("events.parquet", EVENTS), ("narrow", NARROW)):
                write_part(self.aside / name, part_name(0), schema.empty_table())
        with _engine(self.aside) as whole:
            whole.register("unfit", pa.table({ROW: pa.array(self.judge.unfit, pa.int64())}))
            whole.execute(_NARROW.format(folder=self.aside))
            self._quarantine_clashes(whole)
            whole.execute(_REPEATED)
            self._take_out(whole)
            tickets = int(_value(whole, "select count(*) from good") - _value(whole, "select count(*) from repeated where not stays"))
            if self.trace:
                self._write_traced(whole)
            numbers = self._numbers(whole)
        quarantine = _once_each(self.judge.bad.values())
        pq.write_table(pa.Table.from_pylist(quarantine, schema=QUARANTINE), self.aside / "quarantine.parquet")
        shutil.rmtree(self.aside / "narrow")
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
        refusals = self.judge.suites[1].refuse_in_batch(several[[ROW, "source_no", "updated_at", "update_key"]])
        for one in several[several[ROW].isin(refusals.keys())].to_dict("records"):
            row: int = one[ROW]
            if row not in self.judge.bad:
                self.judge.bad[row] = {
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
        rows = whole.execute(_MOVED.format(folder=self.aside)).fetchall()
        moved = {row: export_at if stays else None for row, stays, export_at, _ in rows}
        gone = {row for row, stays, *_ in rows if not stays}
        for name in {Path(file).name for *_, file in rows}:
            self._rewrite(name, gone, moved)

    def _rewrite(self, name: str, gone: set[int], moved: dict[int, datetime | None]) -> None:
        narrow = pq.read_table(self.aside / "narrow" / name, columns=[ROW, "events", "good"]).filter(pa.compute.field("good"))
        rows, counts = narrow[ROW].to_pylist(), narrow["events"].to_numpy()
        tickets, events = (pq.read_table(self.aside / kind / name) for kind in ("tickets.parquet", "events.parquet"))
        export_at = [moved.get(row) or told for row, told in zip(rows, tickets["export_at"].to_pylist(), strict=True)]
        place = TICKETS.get_field_index("export_at")
        tickets = tickets.set_column(place, TICKETS.field(place), pa.array(export_at, TICKETS.field(place).type))
        stays = [row not in gone for row in rows]
        write_part(self.aside / "tickets.parquet", name, tickets.filter(pa.array(stays)))
        write_part(self.aside / "events.parquet", name, events.filter(per_event(stays, counts)))

    def _write_traced(self, whole: duckdb.DuckDBPyConnection) -> None:
        traced = [{"file": file, "line": line} for file, line in sorted(self.trace)]
        whole.register("traced", pa.Table.from_pylist(traced, schema=TRACED.remove(2)))
        rows = whole.execute(
            "select file, line, max(content) from traced left join good using (file, line) group by all order by all"
        ).fetchall()
        told = [dict(zip(TRACED.names, row, strict=True)) for row in rows]
        pq.write_table(pa.Table.from_pylist(told, schema=TRACED), self.aside / "traced.parquet")

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
        for suite in self.judge.suites:
            yield from suite.messages()


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
