"""How far each lane's data can be trusted for a report: what was loaded until when, what is missing, what did not reconcile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from petitions import questions
from petitions.model import BEIJING, QUARANTINE_LABELS, QUARANTINE_RULES, SOURCE_LABELS, SOURCES
from petitions.questions import moment
from petitions.report import wording
from petitions.said import Said, printed
from petitions.warehouse import Warehouse

if TYPE_CHECKING:
    from petitions.nightly import Lane

STATES = {
    "green": "正常",
    "yellow": "有提示",
    "partial": "时段不全",
    "stale": "数据滞后",
    "red": "异常",
    "absent": "未取得数据",
}
# States that put the figures themselves in doubt.
IN_DOUBT = ("absent", "red", "stale", "partial")
# Lanes are fetched minutes or hours apart on one night; a gap shorter than this is no gap.
_NIGHT = timedelta(hours=12)


@dataclass(frozen=True)
class Period:
    """What a lane should have brought: from the first day up to ``as_of``, as known at ``as_known`` (None: nothing is loaded)."""

    first: date
    as_of: datetime
    as_known: datetime | None
    # as_known was asked for: what happened to lanes later does not count.
    asked: bool


def lanes(
    held: Warehouse, period: Period, run: Sequence[Lane], seen: frozenset[str], batches: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row per lane, in the order of the platforms.

    :param batches: those known at the period's ``as_known``.
    :param run: how lanes of the present run ended.
    :param seen: sources with tickets in the window, also where no batch was asked for it.
    """
    known = period.as_known
    begins = moment(period.first, time.min)
    ends = min(period.as_of, known) if known else period.as_of
    failures = _failures(held, known if period.asked else None) | {
        lane.source: " ".join(map(printed, lane.causes)) for lane in run if lane.status == "red"
    }
    ended_well = {lane.source for lane in run if lane.status != "red"}
    return [
        _lane(
            source,
            [batch for batch in batches if batch["source"] == source],
            begins,
            ends,
            None if source in ended_well else failures.get(source),
            source in seen,
        )
        for source in SOURCES
    ]


def covered(batches: Sequence[Mapping[str, Any]], sources: Sequence[str], first: date, last: date) -> bool:
    """Whether good batches of every one of the sources cover all days of a window: only then can it be compared with."""
    begins, ends = moment(first, time.min), moment(last)
    return not any(gaps(_stretches(batches, source), begins, ends) for source in sources)


def quarantine(held: Warehouse, as_known: datetime | None) -> list[dict[str, Any]]:
    """How many records wait in quarantine, by source and rule."""
    waiting = Counter(
        (row["source"], row["rule"])
        for row in questions.quarantine(held)
        if row["status"] == "open" and as_known and row["first_seen"] <= as_known
    )
    order = sorted(waiting, key=lambda key: (SOURCES.index(key[0]), QUARANTINE_RULES.index(key[1])))
    return [
        {"source": source, "label": SOURCE_LABELS[source], "rule": rule, "printed": QUARANTINE_LABELS[rule], "count": waiting[source, rule]}
        for source, rule in order
    ]


def _lane(
    source: str, batches: Sequence[Mapping[str, Any]], begins: datetime, ends: datetime, failure: str | None, seen: bool
) -> dict[str, Any]:
    good = [batch for batch in batches if batch["status"] != "red"]
    missing = gaps(_stretches(batches, source), begins, ends)
    newest = batches[-1] if batches else None
    asked = any(batch["window_from"] <= ends and min(batch["window_to"], batch["fetched_at"]) >= begins for batch in batches)
    state = _state(newest, missing, ends, failure) if asked or seen else "absent"
    return {
        "source": source,
        "label": SOURCE_LABELS[source],
        "state": state,
        "printed": STATES[state],
        "reservation": _reservation(state, missing),
        "last_good_batch": _iso(max((batch["fetched_at"] for batch in good), default=None)),
        "covered_until": _iso(max((min(batch["window_to"], batch["fetched_at"]) for batch in good), default=None)),
        "missing": [{"from": gap[0].isoformat(), "to": gap[1].isoformat()} for gap in missing],
        "batches": len(batches),
        "landed": sum(batch["landed"] for batch in batches),
        "new_versions": sum(batch["new_versions"] for batch in batches),
        "unchanged": sum(batch["unchanged"] for batch in batches),
        "quarantined": sum(batch["quarantined"] for batch in batches),
        "unbalanced": sum(
            batch["landed"] != batch["new_versions"] + batch["unchanged"] + batch["quarantined"]
            or batch["platform_total"] > batch["numbers"]
            for batch in batches
        ),
        "messages": [failure] if failure else list(map(printed, newest["messages"])) if newest else [],
    }


def gaps(covered: Sequence[tuple[datetime, datetime]], begins: datetime, ends: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches of ``[begins, ends]`` longer than half a day that no window covers, in order."""
    missing = []
    reached = begins
    for start, end in sorted(covered):
        if min(start, ends) - reached > _NIGHT:
            missing.append((reached, min(start, ends)))
        reached = max(reached, end)
    if ends - reached > _NIGHT:
        missing.append((reached, ends))
    return missing


def _stretches(batches: Sequence[Mapping[str, Any]], source: str) -> list[tuple[datetime, datetime]]:
    """What the good batches of a source cover."""
    good = [batch for batch in batches if batch["source"] == source and batch["status"] != "red"]
    return [(batch["window_from"], min(batch["window_to"], batch["fetched_at"])) for batch in good]


def _state(newest: Mapping[str, Any] | None, missing: Sequence[tuple[datetime, datetime]], ends: datetime, failure: str | None) -> str:
    if newest is None:
        return "absent"
    if failure or newest["status"] == "red":
        return "red"
    if missing:
        return "stale" if missing[-1][1] == ends else "partial"
    return str(newest["status"])


def _reservation(state: str, missing: Sequence[tuple[datetime, datetime]]) -> str:
    """A sentence's end, after the lane's name; empty where nothing need be said."""
    if state == "absent":
        return ""
    told = "、".join(_days(*gap) for gap in missing[:3]) + ("等" if len(missing) > 3 else "")
    if state == "red":
        return "最近一次取数异常，" + (f"{told}的数据未完整取得" if missing else "沿用已有数据")
    return f"{told}的数据未取得" if missing else ""


def _failures(held: Warehouse, until: datetime | None) -> dict[str, str]:
    """Lanes whose last run failed, and why."""
    last: dict[str, str | None] = {}
    for row in held.rows("select source, ended_at, error, printed from control.lane_run order by ended_at, run_id"):
        if until is None or row["ended_at"] <= until:
            last[row["source"]] = printed(Said(row["error"], row["printed"])) if row["error"] else None
    return {source: error for source, error in last.items() if error}


def _days(start: datetime, end: datetime) -> str:
    """The days of a gap; it begins one second after what is covered."""
    return wording.period((start + timedelta(seconds=1)).astimezone(BEIJING).date(), end.astimezone(BEIJING).date())


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(BEIJING).isoformat() if at else None
