"""The steps of a night, one function each: land, check, load, refresh, report, verdict.

``dags/petition_nightly.py`` calls them as Airflow tasks; :func:`run` calls them one after the other in this process, which is what
``petitions run`` does. A lane's failure is its own: it is kept with its cause and the other lanes go on.
"""

from __future__ import annotations

import json
import logging
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petitions import kinds, ledger, questions, source_maps, warehouse
from petitions.connections import Connection, ConnectionMissing
from petitions.freshness import Reach, reach, reaches
from petitions.landing import Landing, Manifest
from petitions.model import BEIJING, SOURCES
from petitions.progress import counted
from petitions.questions import moment
from petitions.recompute import recompute
from petitions.said import Said, printed, said
from petitions.settings import Settings, SettingsError
from petitions.sources import create, source_class
from petitions.sources.base import LaneStopped, Source, Window

if TYPE_CHECKING:
    from petitions.check import Checked

log = logging.getLogger("petitions.nightly")


class LanesRed(Exception):
    """Some lane is red; the message has one line per red lane."""


@dataclass(frozen=True)
class Lane:
    """How one lane of a run ended: what it fetched, and ``green``, ``yellow`` or ``red``; ``causes`` are the messages that make it red."""

    source: str
    fetched: int
    new: int
    unchanged: int
    quarantined: int
    status: str
    messages: tuple[str, ...]
    causes: tuple[str, ...] = ()


def run(sources: Sequence[str] = SOURCES, window_from: date | None = None, window_to: date | None = None, refetch: bool = False) -> str:
    """One window of days (inclusive), all steps in this process; a lane that fails does not keep the others from going on.

    :returns: the run id, by which :func:`lanes` and :func:`reported` tell how it ended.
    :raises SettingsError: before anything is fetched, where a setting cannot be used.
    """
    settings = Settings.from_environment()
    ledger.fingerprints(settings)
    source_maps.check(settings, sources)
    run_id = f"cli__{_now():%Y-%m-%dT%H:%M:%S.%f}"
    landed = []
    for source in counted(sources, "lanes", len(sources)):
        with _alone(source, run_id):
            landed.append(extract(source, window_from, window_to, run_id, refetch))
    for one in list(check_each(landed)):
        with _alone(one.manifest.source, run_id):
            if one.wrong:
                raise one.wrong
            load(one.manifest.batch_id, run_id)
    refresh()
    report(window_from, window_to, run_id)
    return run_id


def extract(source: str, window_from: date | None, window_to: date | None, run_id: str, refetch: bool = False) -> str:
    """Fetch a lane's window and land it unchanged; without a window the lane goes on from where its coverage ends, until now.

    :returns: the batch id. The same run asked again (a retry) gets the batch that is complete, unless ``refetch``.
    :raises LaneStopped: when the platform cannot be asked; the message says why and what to do.
    """
    settings = Settings.from_environment()
    noted = _noted(settings, run_id) / source
    if noted.exists() and not refetch:
        return noted.read_text(encoding="utf-8")
    from petitions.extract import extract as land

    platform = _platform(source, settings)
    warehouse.bring_up_to_date(settings)
    with _held(settings) as held:
        window = _window(held, settings, source, window_from, window_to)
        read_files = frozenset() if held is None else _read_files(held, source)
        open_numbers = [] if held is None or not platform.lookup_size else _open_numbers(held, source)
    manifest = land(
        platform,
        window,
        landing=Landing.of(settings),
        open_numbers=open_numbers,
        read_files=read_files,
        now=_now(),
        look_back_days=settings.options.pull.look_back_days,
        afresh=refetch,
    )
    _note(noted, manifest.batch_id)
    log.info("%s: landed batch %s", source, manifest.batch_id)
    return manifest.batch_id


def check(batch_id: str) -> dict[str, Any]:
    """Check and normalise a landed batch into the staging folder.

    :returns: ``numbers``, ``landed`` and ``quarantined``.
    """
    (one,) = check_each([batch_id])
    if one.wrong:
        raise one.wrong
    return {name: one.summary[name] for name in ("batch_id", "numbers", "landed", "quarantined")}


def check_each(batch_ids: Sequence[str]) -> Iterator[Checked]:
    """Check landed batches of any lanes, and give each when it is in the staging folder: the next are at work meanwhile.

    Until the last is given, the staging folders of these lanes are taken: no batch of theirs can be loaded.
    """
    settings = Settings.from_environment()
    landing = Landing.of(settings)
    manifests = [landing.batch(batch_id) for batch_id in batch_ids]
    with ExitStack() as held:
        for source in sorted({manifest.source for manifest in manifests}):
            held.enter_context(_staging(settings, source))
        yield from _check_each(settings, landing, manifests)


def load(batch_id: str, run_id: str) -> dict[str, Any]:
    """Load a checked batch, and before it any batch of the lane that was landed and never loaded (a run that was killed).

    :returns: the staged ``ticket``, ``event`` and ``quarantine`` counts of the batch.
    """
    settings = Settings.from_environment()
    manifest = Landing.of(settings).batch(batch_id)
    counts: dict[str, int] = {}
    with _staging(settings, manifest.source):
        waiting = _waiting(settings, manifest)
        # Before the warehouse is taken: a check may take long, and other lanes write meanwhile.
        unchecked = [one for one in waiting if not (settings.staging / one.batch_id).exists()]
        for checked in _check_each(settings, Landing.of(settings), unchecked):
            if checked.wrong:
                raise checked.wrong
        with warehouse.writer(settings, publish=False) as held:
            for one in waiting:
                counts = _load(held, settings, one)
                shutil.rmtree(settings.staging / one.batch_id)
            _keep_lane(held, run_id, manifest.source, batch_id, None)
    return {"batch_id": batch_id} | counts


def refresh() -> dict[str, int]:
    """Compute clocks, ledger and marts of the tickets that changed, and publish the warehouse to its readers.

    Where rules, calendar or office hours changed, all of them are computed anew, and each verdict or due that is another now is logged.
    """
    settings = Settings.from_environment()
    with warehouse.writer(settings) as held:
        if not ledger.stale(held, settings):
            return ledger.refresh(held, settings)
        done = recompute(held, settings)
    for change in done.changes:
        log.warning("%s %s: %s, was %s", change["ticket_id"], change["clock"], change["new_class"], change["old_class"])
    return {"tickets": done.tickets, "recomputed": 1}


def freshness() -> list[Reach]:
    """How far the data of each platform reach now, in the order of the platforms."""
    with warehouse.reader(Settings.from_environment()) as held:
        return reaches(held)


def report(window_from: date | None, window_to: date | None, run_id: str) -> str:
    """Issue the report of the window; without one, of the year so far. Returns its folder."""
    from petitions.report import issue

    settings = Settings.from_environment()
    last = window_to or _now().date()
    first = window_from or last.replace(month=1, day=1)
    folder = issue(settings, first, last, lanes=lanes(run_id))
    _note(_noted(settings, run_id) / "report.json", json.dumps({"from": str(first), "to": str(last), "folder": str(folder)}))
    return str(folder)


def reported(run_id: str) -> tuple[date, date, Path] | None:
    """First day, last day and folder of the report that a run issued; None where it issued none."""
    noted = _noted(Settings.from_environment(), run_id) / "report.json"
    if not noted.exists():
        return None
    told = json.loads(noted.read_text(encoding="utf-8"))
    return date.fromisoformat(told["from"]), date.fromisoformat(told["to"]), Path(told["folder"])


def verdict(run_id: str) -> None:
    """:raises LanesRed: with one line per red lane of the run."""
    red = [f"{lane.source}: {'; '.join(lane.causes)}" for lane in lanes(run_id) if lane.status == "red"]
    if red:
        raise LanesRed("\n".join(red))


def fail_lane(source: str, run_id: str, message: str) -> None:
    """Keep that a lane of a run failed, and why, in Chinese too where it is :class:`Said`. The message must be free of personal data."""
    log.error("%s: %s", source, message)
    settings = Settings.from_environment()
    with warehouse.writer(settings, publish=False) as held:
        _keep_lane(held, run_id, source, None, message)


def last_run() -> str | None:
    """The id of the run that ended last; None in a home without one."""
    with warehouse.reader(Settings.from_environment()) as held:
        found = held.rows("select run_id from control.lane_run order by ended_at desc limit 1")
    return found[0]["run_id"] if found else None


def lanes(run_id: str) -> list[Lane]:
    """How the lanes of a run ended, in the order of the platforms."""
    settings = Settings.from_environment()
    with warehouse.reader(settings) as held:
        rows = held.rows("select * from control.lane_run where run_id = :run_id", {"run_id": run_id})
        batches = {row["batch_id"]: row for row in questions.reconciliation(held)}
    ended = [_lane(row, batches.get(row["batch_id"])) for row in rows]
    return sorted(ended, key=lambda lane: SOURCES.index(lane.source))


def _lane(row: dict[str, Any], batch: dict[str, Any] | None) -> Lane:
    if batch is None or row["error"]:
        cause = Said(row["error"], row["printed"]) if row["error"] else Said("no batch was loaded", "没有载入任何批次")
        return Lane(row["source"], 0, 0, 0, 0, "red", (cause,), (cause,))
    return Lane(
        row["source"],
        batch["landed"],
        batch["new_versions"],
        batch["unchanged"],
        batch["quarantined"],
        batch["status"],
        tuple(batch["messages"]),
        tuple(batch["causes"]),
    )


@contextmanager
def _alone(source: str, run_id: str) -> Iterator[None]:
    """Whatever ends one lane, the others go on."""
    try:
        yield
    except LaneStopped as stopped:
        fail_lane(source, run_id, said(stopped))
    except Exception as error:  # noqa: BLE001
        fail_lane(source, run_id, _where(error))


def _platform(source: str, settings: Settings) -> Source:
    try:
        source_maps.check(settings, [source])
        return create(source, platform_connection(source, settings), settings)
    except ConnectionMissing as missing:
        raise LaneStopped(Said(str(missing), "没有设置该平台的连接，请技术人员配置")) from None
    except (SettingsError, ValueError) as error:
        raise LaneStopped(Said(str(error), "该平台的连接或配置有误，请技术人员更正")) from None


def platform_connection(source: str, settings: Settings) -> Connection:
    """The lane's connection; a file lane without one reads the drop folder of the home."""
    from petitions.connections import get

    try:
        return get(f"petitions_{source}")
    except ConnectionMissing:
        folder = settings.home / "drop" / source
        if source_class(source).kind == "files" and folder.is_dir():
            return Connection(f"petitions_{source}", "fs", extra={"path": str(folder)})
        raise


@contextmanager
def _held(settings: Settings) -> Iterator[warehouse.Warehouse | None]:
    """What is loaded so far; None in a fresh home."""
    try:
        session = warehouse.reader(settings)
        held = session.__enter__()
    except warehouse.NoWarehouse:
        yield None
        return
    try:
        yield held
    finally:
        session.__exit__(None, None, None)


def _window(held: warehouse.Warehouse | None, settings: Settings, source: str, window_from: date | None, window_to: date | None) -> Window:
    """Until now where no last day was asked for; then a pull that broke is asked to its end, and the next one goes on from there."""
    now = _now().replace(microsecond=0)
    covered = reach(source, questions.reconciliation(held)).until if held and not window_from else None
    start = moment(window_from, time.min) if window_from else covered or moment(settings.options.first_day, time.min)
    if window_to:
        return Window(start, moment(window_to))
    broken = [asked for _, asked in Landing.of(settings).broken(source, now) if asked.window_from == start and asked.ends_with_its_pull]
    return Window(start, broken[0].window_to if broken else now)


def _open_numbers(held: warehouse.Warehouse, source: str) -> list[str]:
    rows = held.rows(
        f"""
        select distinct substr(ticket_id, length(source) + 2) as source_no
        from {kinds.POSTINGS}
        where source = :source and known_to = timestamptz '{warehouse.FOREVER}' and valid_to = timestamptz '{warehouse.FOREVER}'
          and valid and not closed
        order by source_no
        """,
        {"source": source},
    )
    return [row["source_no"] for row in rows]


def _read_files(held: warehouse.Warehouse, source: str) -> frozenset[str]:
    return frozenset(row["sha256"] for row in held.rows("select sha256 from control.batch_file where source = :source", {"source": source}))


def _load(held: warehouse.Warehouse, settings: Settings, manifest: Manifest) -> dict[str, int]:
    staged = settings.staging / manifest.batch_id
    summary = json.loads((staged / "summary.json").read_text(encoding="utf-8"))
    return ledger.load(held, manifest, staged, summary, settings)


def _keep_lane(held: warehouse.Warehouse, run_id: str, source: str, batch_id: str | None, error: str | None) -> None:
    with held.transaction():
        key = {"run_id": run_id, "source": source}
        held.execute("delete from control.lane_run where run_id = :run_id and source = :source", key)
        held.insert("control.lane_run", [(run_id, source, batch_id, _now(), error, printed(error) if error else None)])


@contextmanager
def _staging(settings: Settings, source: str) -> Iterator[None]:
    """The staging folder of a lane: two runs at once would write one batch over each other."""
    from filelock import FileLock

    settings.staging.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(settings.staging / f"{source}.lock"):
        yield


def _check_each(settings: Settings, landing: Landing, manifests: Sequence[Manifest]) -> Iterator[Checked]:
    from petitions import check

    return check.check_each(manifests, landing, settings, lambda source: _platform(source, settings))


def _waiting(settings: Settings, manifest: Manifest) -> list[Manifest]:
    """The batch, and before it those of its lane that were landed and not loaded. What a killed run left of loaded ones is removed."""
    with warehouse.writer(settings, publish=False) as held:
        loaded = {row["batch_id"] for row in held.rows("select batch_id from control.batch")}
        for left in settings.staging.glob(f"{manifest.source}-*"):
            if left.name in loaded:
                shutil.rmtree(left)
    earlier = [one for one in Landing.of(settings).batches(manifest.source) if one.batch_id not in loaded | {manifest.batch_id}]
    return [*earlier, manifest]


def _noted(settings: Settings, run_id: str) -> Path:
    """Where a run leaves a note of what it has done so far: a retry reads it."""
    return settings.staging / "runs" / run_id.replace("/", "_")


def _note(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _where(error: Exception) -> str:
    """An unexpected error as one line: its kind and place. Its own words stay out, they might quote a record."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "petitions" in frame.filename]
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return Said(
        f"unexpected {type(error).__name__}{place}; this is a fault of the program, report it with this line",
        "程序出错，详情见运行日志，请技术人员处理",
    )


def _now() -> datetime:
    return datetime.now(BEIJING)
