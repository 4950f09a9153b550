"""Versions → clocks → ledger: what a loaded batch changes is computed anew, for the tickets it touched and no others.

The tables are a pure function of the set of sightings, the rules and the calendar: batches may come in any order, twice, or after
a crash. All of it is SQL over whole sets (``sql/core``, in the order of the file numbers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petitions import calendar, kinds, time_limits, volume
from petitions.model import EVENT_TYPES
from petitions.progress import counted
from petitions.said import printed
from petitions.settings import Settings
from petitions.sql_texts import query
from petitions.workbench import Workbench, workbench

if TYPE_CHECKING:
    import pyarrow as pa

    from petitions.landing import Manifest
    from petitions.warehouse import Warehouse

# What a batch brought before goes, then what it brings comes. A replay makes room for its records alone.
STAGE, UNLOAD, UNLOAD_REPLAYED = "core/100_stage.sql", "core/110_unload.sql", "core/111_unload_replayed.sql"
KNOWN, NEW = "core/120_known.sql", "core/121_new.sql"
LOADED = {
    "core.content": "core/122_content.sql",
    "core.content_event": "core/123_event.sql",
    "core.sighting": "core/124_sighting.sql",
    "control.quarantine_sighting": "core/125_quarantine.sql",
    "control.touched": "core/126_touched.sql",
}
# Versions first, then what follows from them, then the tables that are asked.
SIGHTING, UNDATED, BEFORE = "core/200_sighting.sql", "core/201_undated.sql", "core/202_before.sql"
VERSIONS, VERSIONS_IN, VERSIONS_END = "core/210_versions.sql", "core/211_versions_in.sql", "core/219_versions_end.sql"
VERSION, EVENT = "core/220_version.sql", "core/221_event.sql"
CLOCKS = ("core/222_life.sql", "core/230_rules.sql", "core/240_dues.sql", "core/250_states.sql")
DAILY_OUT, DAILY_NOW, DAILY_IN = "marts/310_daily_out.sql", "marts/320_daily_now.sql", "marts/330_daily_in.sql"
# Table and what goes into it: of the ledger the states that ended first, then those that stand.
POSTED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("core.posting", "core/261_posting.sql", {"stands": False}),
    ("core.posting", "core/261_posting.sql", {"stands": True}),
    ("core.passage", "core/262_passage.sql", {}),
    ("core.clock", "core/263_clock.sql", {}),
)
UNPOST, END = "core/260_unpost.sql", "core/290_end.sql"
# The tables that the clocks go by, beside versions and events.
REFERENCE = ("core.event_type", "core.calendar", "core.rule")

# By what a step finds the rows of the tickets that it is about.
FOUND_BY = {
    **dict.fromkeys(("core.content", "core.content_event"), "content_id"),
    "core.sighting": "ticket_key",
    **dict.fromkeys(("core.ticket_version", "core.passage"), "ticket_id"),
    **dict.fromkeys(("core.posting", "core.clock"), "version_id"),
}
# So many tickets are computed at a time, and more where there would be more slices than these: each leaves some memory taken in the
# transaction of an embedded warehouse.
SLICE, MOST_SLICES = 100_000, 100


def load(warehouse: Warehouse, manifest: Manifest, staged: Path, summary: dict[str, Any], settings: Settings) -> dict[str, int]:
    """Load one checked batch, completely or not at all; loading it again replaces what it brought.

    :param staged: the folder with ``tickets.parquet``, ``events.parquet`` and ``quarantine.parquet``.
    :returns: how many tickets, events and quarantined records were staged.
    """
    batch = _batch(manifest)
    with warehouse.transaction(), workbench(warehouse) as bench:
        counts = _stage(bench, staged)
        loaded, refused = (warehouse.value(f"select count(*) from control.{of} where batch_id = :batch_id", batch) for of in _BROUGHT)
        if loaded or refused:
            bench.hand_over("stage_quarantine")
            warehouse.run(UNLOAD, batch, loaded=loaded)
        _look_up(warehouse, bench, batch)
        _fill(warehouse, bench, batch)
        for table in ("control.batch", "control.batch_file"):
            warehouse.execute(f"delete from {table} where batch_id = :batch_id", batch)
        warehouse.grew({"core.content": counts["ticket"], "core.content_event": counts["event"], "core.sighting": counts["ticket"]})
        warehouse.insert("control.batch", [_batch_row(manifest, summary)])
        _tell(warehouse, manifest, summary["messages"], settings)
        warehouse.insert("control.batch_file", _file_rows(manifest))
    return counts


def replay(warehouse: Warehouse, manifest: Manifest, staged: Path, summary: dict[str, Any], replayed: pa.Table, settings: Settings) -> None:
    """Load what was in quarantine and is good now into the batch it came in, completely or not at all. The other records stay as they are.

    The equation of the batch goes on to hold: ``landed`` moves by what the tables moved, so that what did not add up before still shows.

    :param staged: the batch checked again, whole; what comes twice in it was decided over all its records.
    :param replayed: of the records that are replayed ``record_id``, and ``content_id`` (good now) or ``now_id`` (still bad, under this id).
    """
    from petitions.check import quarantine_message

    batch = _batch(manifest)
    with warehouse.transaction(), workbench(warehouse) as bench:
        before = warehouse.value(_ACCOUNTED, batch)
        bench.session.stage("stage_replayed", replayed)
        bench.hand_over("stage_replayed")
        today = quarantine_message(row["rule"] for row in _bad(staged))
        _stage(bench, staged, replayed=True)
        _look_up(warehouse, bench, batch)
        warehouse.run(UNLOAD_REPLAYED, batch)
        _fill(warehouse, bench, batch)
        moved = {"moved": warehouse.value(_ACCOUNTED, batch) - before, "numbers": summary["numbers"]}
        total = "platform_total" if summary.get("platform_total") is None else str(int(summary["platform_total"]))
        warehouse.execute(
            f"update control.batch set landed = landed + :moved, numbers = :numbers, platform_total = {total} where batch_id = :batch_id",
            batch | moved,
        )
        still = quarantine_message(row["rule"] for row in warehouse.rows(f"select rule {_IN_QUARANTINE}", batch))
        others = [told for told in summary["messages"] if told["text"] != today]
        _tell(warehouse, manifest, [*others, *([_yellow(still)] if still else [])], settings)


# What an earlier load of a batch left: the batch, its bad records. Of a warehouse that was rebuilt only these.
_BROUGHT = ("batch", "quarantine_sighting")

# The records of a batch that are in quarantine, and all that are accounted for.
_IN_QUARANTINE = """
from control.quarantine_sighting q
where q.batch_id = :batch_id
  and not exists (select 1 from control.quarantine_replay r where r.batch_id = q.batch_id and r.record_id = q.record_id)
"""
_ACCOUNTED = f"select (select count(*) from core.sighting where batch_id = :batch_id) + (select count(*) {_IN_QUARANTINE})"


def _batch(manifest: Manifest) -> dict[str, Any]:
    return {"batch_id": manifest.batch_id, "source": manifest.source, "fetched_at": manifest.fetched_at}


def _stage(bench: Workbench, staged: Path, replayed: bool = False) -> dict[str, int]:
    """Have the batch on the bench; all of it, or what a replay is about. Returns how many rows it has in all."""
    files = {of: f"{path}/*.parquet" if (path := staged / f"{of}.parquet").is_dir() else path for of in ("tickets", "events", "quarantine")}
    bench.session.run(STAGE, files=files, replayed=replayed)
    return {of: int(bench.session.value(f"select count(*) from stage_{of}")) for of in ("ticket", "event", "quarantine")}


def _look_up(warehouse: Warehouse, bench: Workbench, batch: dict[str, Any]) -> None:
    """Have on the bench which of the staged contents are known; but for its lane's first batch the warehouse has the contents too."""
    if warehouse.value("select count(*) from control.batch where source = :source", batch):
        bench.hand_over("stage_content")
        bench.bring("known_content", query(KNOWN), once=True)
    else:  # a lane's first batch: nothing of it can be known
        bench.session.execute("create or replace temp view known_content as select * from stage_content limit 0")


def _fill(warehouse: Warehouse, bench: Workbench, batch: dict[str, Any]) -> None:
    """The staged rows go where they belong; contents that are known stay as they are."""
    bench.session.run(NEW)
    bench.give([(table, query(rows)) for table, rows in LOADED.items()], batch)
    warehouse.index({"core.content": FOUND_BY["core.content"]})  # behind the first batch, which comes faster without


def _bad(staged: Path) -> list[dict[str, Any]]:
    """The bad records of a staged batch."""
    import pyarrow.parquet as pq

    return list(pq.read_table(staged / "quarantine.parquet", columns=["rule"]).to_pylist())


def _tell(warehouse: Warehouse, manifest: Manifest, found: list[dict[str, str]], settings: Settings) -> None:
    """Keep the remarks about a batch that is loaded, in place of earlier ones."""
    warehouse.execute("delete from control.batch_message where batch_id = :batch_id", {"batch_id": manifest.batch_id})
    messages = [*manifest.messages, *found, *_not_answered(manifest)]
    unusual = volume.remark(warehouse, manifest, settings)
    messages += [_yellow(unusual)] if unusual else []
    rows = [(manifest.batch_id, told["level"], told["text"], told.get("printed")) for told in map(_plain, messages)]
    warehouse.insert("control.batch_message", rows)


def refresh(warehouse: Warehouse, settings: Settings) -> dict[str, int]:
    """Compute versions, clocks and postings of every ticket that was touched since the last refresh.

    A rule table, calendar or office-hours setting that changed is noticed by its fingerprint: then every ticket is computed anew.

    :returns: ``tickets`` computed, and ``recomputed`` (1 where everything was).
    """
    parameters = {"calendar_version": calendar.version(settings)}
    with warehouse.transaction():
        # Into an empty ledger rows come faster before its tables are indexed, and there are none to make room.
        fresh = not warehouse.rows("select 1 from core.posting limit 1")
        posted = {table for table, *_ in POSTED}
        warehouse.index({table: column for table, column in FOUND_BY.items() if table not in posted or not fresh})
        changed = _refresh_reference(warehouse, settings)
        waiting = warehouse.value("select count(*) from control.touched")
        if changed:
            waiting += warehouse.value("select count(distinct ticket_id) from core.ticket_version")
        with workbench(warehouse, waiting) as bench:
            _versions(warehouse, bench)
            if changed:
                bench.bring("any_ticket", "select distinct ticket_id, received_month from core.ticket_version", once=True)
                bench.session.execute("insert into changed_ticket select * from any_ticket")
            size = max(SLICE, waiting // MOST_SLICES)
            tickets = _sliced(bench.session, size)
            bench.see(*REFERENCE)
            slices = range(-(-tickets // size))
            parts = counted(slices, f"clocks and ledger, slices of {size} tickets", len(slices))
            _compute(warehouse, bench, settings, parameters, parts, fresh)
            warehouse.index(FOUND_BY)
            bench.session.execute("drop table sliced_ticket")
            for session in {bench.session, warehouse}:
                session.execute("drop table gone_version")
            warehouse.execute("delete from control.touched")
    return {"tickets": tickets, "recomputed": int(changed)}


def _versions(warehouse: Warehouse, bench: Workbench) -> None:
    """Bring the versions of the touched tickets up to date, and have the changed tickets on the bench."""
    bench.bring("touched_sighting", query(SIGHTING))
    bench.session.execute("create temp table touched_content as select distinct content_id, received_month from touched_sighting")
    bench.hand_over("touched_content")
    bench.bring("undated_content", query(UNDATED))
    bench.bring("version_before", query(BEFORE))
    bench.session.run(VERSIONS)
    for table in ("changed_ticket", "gone_version", "sighting_made"):
        bench.hand_over(table)
    warehouse.run(VERSIONS_IN)
    # Month after month, so that those of a few tickets are found without reading all.
    changed = "select * from version_now where ticket_id in (select ticket_id from changed_ticket) order by received_month"
    bench.give([("core.ticket_version", changed)])
    for session in {bench.session, warehouse}:
        session.run(VERSIONS_END)


def _sliced(warehouse: Warehouse, size: int) -> int:
    """The changed tickets in parts of at most ``size``, month after month: memory follows the part, not the history, and the ledger
    comes in the order in which it is asked. Returns how many tickets there are."""
    warehouse.execute(
        """
        create temp table sliced_ticket as
        with placed as (
            select ticket_id, row_number() over (order by min(received_month), ticket_id) - 1 as place
            from changed_ticket
            group by ticket_id
        )
        select distinct c.ticket_id, c.received_month, p.place, (p.place - p.place % :slice) / :slice as part
        from placed p
        join changed_ticket c on c.ticket_id = p.ticket_id
        """,
        {"slice": size},
    )
    warehouse.execute("drop table changed_ticket")
    return int(warehouse.value("select coalesce(max(place) + 1, 0) from sliced_ticket"))


def _compute(
    warehouse: Warehouse, bench: Workbench, settings: Settings, parameters: dict[str, Any], parts: Iterable[int], fresh: bool
) -> None:
    """The slices of the changed tickets, from versions to ledger and daily figures; ``fresh`` where the ledger was empty.

    Where the bench has two sides one slice is folded while the one before is posted: to fold is the work of one processor.
    """
    sides = bench.sides()
    with ThreadPoolExecutor(1) as folding:
        folded: Workbench | None = None
        for place, part in enumerate(parts):
            side = sides[place % len(sides)]
            if folded is side:
                _post(warehouse, side, parameters)
                folded = None
            bench.session.execute(_ONE_SLICE, {"part": part})
            bench.hand_over("changed_ticket")
            _take(warehouse, side, fresh)
            fold = folding.submit(_fold, side, settings)
            if folded:
                _post(warehouse, folded, parameters)
            fold.result()
            folded = side
        if folded:
            _post(warehouse, folded, parameters)


_ONE_SLICE = "create or replace temp table changed_ticket as select ticket_id, received_month from sliced_ticket where part = :part"


def _take(warehouse: Warehouse, bench: Workbench, fresh: bool) -> None:
    """Have on the bench what the changed tickets are computed from, and take out of the warehouse what they were before."""
    _bring(warehouse, bench)
    bench.bring("daily_before", query(DAILY_OUT, fresh=fresh, postings=kinds.POSTINGS))
    if not fresh:
        warehouse.run(UNPOST)
    if warehouse is not bench.session:
        warehouse.run(END)


def _post(warehouse: Warehouse, bench: Workbench, parameters: dict[str, Any]) -> None:
    """The ledger and the daily figures get what was folded."""
    pieces = {"kind": kinds.packed(), "named": kinds.named()}
    bench.give([(table, query(rows, **pieces, **own)) for table, rows, own in POSTED], parameters)
    bench.session.execute(f"create temp table daily_change as {query(DAILY_NOW)}")
    bench.hand_over("daily_change")
    warehouse.run(DAILY_IN)
    bench.session.run(END)


def _bring(warehouse: Warehouse, bench: Workbench) -> None:
    """The versions of the changed tickets and what happened in them come to the bench."""
    warehouse.run(VERSION)
    bench.see("version")
    bench.bring("event", query(EVENT))


def _fold(bench: Workbench, settings: Settings) -> None:
    """What follows from the versions of the changed tickets up to the ledger, in temporary tables of the bench."""
    pieces = _pieces(settings)
    for step in CLOCKS:
        bench.session.run(step, **pieces)


@contextmanager
def clocks_of(warehouse: Warehouse, settings: Settings, ticket_id: str) -> Iterator[Warehouse]:
    """The steps of one ticket between its versions and the ledger, in temporary tables of a session that lasts as long as the context.

    They are the steps of :func:`refresh`, over the rules and the calendar that the ledger stands on; nothing is written, so
    that a reader can run them.
    """
    with workbench(warehouse) as bench:
        try:
            one = (
                "create temp table changed_ticket as select ticket_id, received_month from core.ticket_version where ticket_id = :ticket_id"
            )
            warehouse.execute(one, {"ticket_id": ticket_id})
            bench.see(*REFERENCE)
            _bring(warehouse, bench)
            _fold(bench, settings)
            yield bench.session
        finally:
            warehouse.run(END)


def office_hours(settings: Settings) -> list[dict[str, int]]:
    """The sessions of a working day in seconds after midnight, with the office seconds passed at their begin and end."""
    passed = 0
    sessions = []
    for begins, ends in settings.options.calendar.office_hours:
        first, last = (moment.hour * 3600 + moment.minute * 60 + moment.second for moment in (begins, ends))
        sessions.append({"begins": first, "ends": last, "passed_at_begin": passed, "passed_at_end": passed + last - first})
        passed += last - first
    return sessions


def fingerprints(settings: Settings) -> dict[str, str]:
    """One short hash for each thing that the clocks go by."""
    hours = repr(settings.options.calendar.office_hours)
    return {
        "calendar": calendar.version(settings),
        "time_limits": time_limits.version(settings),
        "office_hours": hashlib.sha256(hours.encode()).hexdigest()[:16],
    }


def stale(warehouse: Warehouse, settings: Settings) -> list[str]:
    """What the clocks go by and that changed since they were computed: some of ``calendar``, ``time_limits``, ``office_hours``."""
    held = {row["name"]: row["value"] for row in warehouse.rows("select name, value from control.fingerprint")}
    return [name for name, value in fingerprints(settings).items() if held.get(name) != value]


def _pieces(settings: Settings) -> dict[str, Any]:
    hours = office_hours(settings)
    return {"office_hours": hours, "office_seconds": hours[-1]["passed_at_end"]}


def _refresh_reference(warehouse: Warehouse, settings: Settings) -> bool:
    if not stale(warehouse, settings):
        return False
    warehouse.stage("stage_event_type", _table([{"event_type": name, "rank": rank} for rank, name in enumerate(EVENT_TYPES)]))
    warehouse.stage("stage_calendar", calendar.rows(settings))
    warehouse.stage("stage_rule", _rule_table(settings))
    warehouse.run("core/010_reference.sql")
    warehouse.execute("delete from control.fingerprint")
    warehouse.insert("control.fingerprint", list(fingerprints(settings).items()))
    return True


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(rows)


def _rule_table(settings: Settings) -> pa.Table:
    import pyarrow as pa

    kinds: dict[str, Any] = {"int": pa.int64(), "bool": pa.bool_(), "date": pa.date32(), "date | None": pa.date32()}
    schema = pa.schema([(field.name, kinds.get(str(field.type), pa.string())) for field in fields(time_limits.Rule)])
    return pa.Table.from_pylist([asdict(rule) for rule in time_limits.rules(settings)], schema=schema)


def _batch_row(manifest: Manifest, summary: dict[str, Any]) -> tuple[Any, ...]:
    total = manifest.platform_total if summary.get("platform_total") is None else summary["platform_total"]
    return (
        manifest.batch_id,
        manifest.source,
        manifest.window_from,
        manifest.window_to,
        manifest.asked_to,
        manifest.fetched_at,
        total,
        summary["numbers"],
        summary["landed"],
    )


def _not_answered(manifest: Manifest) -> list[dict[str, str]]:
    """Open tickets that the platform was asked for by number and no longer tells of."""
    if not manifest.not_answered:
        return []
    shown = ", ".join(manifest.not_answered[:20]) + (", …" if len(manifest.not_answered) > 20 else "")
    told = f"{len(manifest.not_answered)} open tickets were asked for by number and are no longer answered: {shown}"
    return [{"level": "yellow", "text": told, "printed": f"{len(manifest.not_answered)}件未办结件按编号查询，平台已不再返回：{shown}"}]


def _file_rows(manifest: Manifest) -> list[tuple[str, str, str, str]]:
    return [(manifest.batch_id, manifest.source, told["name"], told["sha256"]) for told in map(_plain, manifest.files)]


def _yellow(text: str) -> dict[str, Any]:
    return {"level": "yellow", "text": text, "printed": printed(text)}


def _plain(item: Any) -> dict[str, Any]:
    return item if isinstance(item, dict) else dict(vars(item))
