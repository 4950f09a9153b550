"""Why a ticket has the verdicts it has: its versions, its state at (``T``, ``K``), and each clock step by step.

The verdicts are those of the ledger. The steps are the ledger's own (``sql/core`` 220 to 250), run once more over this one
ticket, so that an explanation cannot differ from the figures. It shows no text of the petition, and no title of a confidential one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from petitions import kinds, ledger
from petitions.clock_steps import CLASSES, Clock, Life, clock, written
from petitions.model import BEIJING, SOURCE_LABELS
from petitions.questions import STANDING, WrongQuestion, latest_fetch, moment
from petitions.settings import Settings
from petitions.sql_texts import ticket_key
from petitions.time_limits import CLOCKS
from petitions.warehouse import Warehouse

_STALE = {"calendar": "工作日历", "time_limits": "时限规则", "office_hours": "办公时间"}


@dataclass(frozen=True)
class VersionTold:
    """One version: from when to when it was the newest we knew (``known_to`` None: still), and where it came from."""

    known_from: datetime
    known_to: datetime | None
    updated_at: datetime
    batch_id: str
    stands: bool


@dataclass(frozen=True)
class State:
    """The ticket at ``T``; None for the whole where it was not registered yet."""

    valid: bool
    closed: bool
    suspended: bool
    unit: str | None
    closed_at: datetime | None
    told: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one ticket's verdicts; prints as ``petitions explain`` does."""

    ticket_id: str
    title: str | None
    restricted: bool
    received_at: datetime
    as_of: datetime
    as_known: datetime
    versions: tuple[VersionTold, ...]
    state: State | None
    clocks: tuple[Clock, ...]
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def plain(self) -> dict[str, Any]:
        """As nested dicts and lists, for JSON."""
        told = vars(self) | {"versions": [vars(one) for one in self.versions], "state": self.state and vars(self.state)}
        return told | {"clocks": [one.plain() for one in self.clocks], "remarks": list(self.remarks)}


def explain(
    warehouse: Warehouse, settings: Settings, ticket_id: str, as_of: datetime | None = None, as_known: datetime | None = None
) -> Explanation:
    """Each clock of a ticket step by step, at ``as_of``, as known at ``as_known``.

    Without ``as_known`` everything loaded counts; without ``as_of`` the moment asked about is the latest fetch that counts.

    :raises WrongQuestion: for a ticket that is not known, or not yet known at ``as_known``.
    """
    as_known = moment(as_known) if as_known else latest_fetch(warehouse)
    as_of = moment(as_of) if as_of else min(as_known, latest_fetch(warehouse))
    versions = _versions(warehouse, ticket_id, as_known)
    if not versions:
        raise WrongQuestion(
            f"ticket: expected the id of a loaded ticket such as hotline_12345:44139920230101000001 "
            f"(`petitions tickets received …` lists them, `petitions quarantine list` those that could not be loaded), found {ticket_id!r}"
        )
    if not any(version.stands for version in versions):
        raise WrongQuestion(
            f"--as-known: expected a time at or after {versions[0].known_from.isoformat()}, when {ticket_id} was first fetched"
        )
    with ledger.clocks_of(warehouse, settings, ticket_id) as clocks:
        life = Life.read(clocks, settings, as_of, as_known)
    (shown,) = warehouse.rows(
        "select title, restricted from core.content where content_id = :content_id", {"content_id": life.version["content_id"]}
    )
    at = {"version_id": life.version["version_id"], "as_of": as_of, "as_known": as_known}
    postings = warehouse.rows(f"select * from {kinds.POSTINGS} where version_id = :version_id and {STANDING}", at)
    posting = postings[0] if postings else None
    return Explanation(
        ticket_id=ticket_id,
        title=None if shown["restricted"] else shown["title"],
        restricted=shown["restricted"],
        received_at=_here(life.version["received_at"]),
        as_of=as_of,
        as_known=as_known,
        versions=versions,
        state=_state(posting, life) if posting else None,
        clocks=tuple(clock(name, life, posting) for name in CLOCKS) if posting else (),
        remarks=tuple(_remarks(warehouse, settings)),
    )


def _versions(warehouse: Warehouse, ticket_id: str, as_known: datetime) -> tuple[VersionTold, ...]:
    rows = warehouse.rows(
        f"""
        with brought as (
            select v.known_from, v.known_to, s.updated_at, s.batch_id,
                   row_number() over (partition by v.version_id order by s.known_at desc, s.updated_at desc, s.update_key desc) as place
            from core.ticket_version v
            join core.sighting s
                on s.ticket_key = {ticket_key("v.ticket_id")} and s.content_id = v.content_id and s.known_at <= v.known_from
            where v.ticket_id = :ticket_id
        )
        select * from brought where place = 1 order by known_from
        """,
        {"ticket_id": ticket_id},
    )
    return tuple(
        VersionTold(
            known_from=_here(row["known_from"]),
            known_to=None if row["known_to"].year == 9999 else _here(row["known_to"]),
            updated_at=_here(row["updated_at"]),
            batch_id=row["batch_id"],
            stands=row["known_from"] <= as_known < row["known_to"],
        )
        for row in rows
    )


def _state(posting: dict[str, Any], life: Life) -> State:
    if life.now["gone"]:
        told = "不予受理或并案，不在有效件中"
    elif life.now["away"]:
        told = "已退单，不在有效件中"
    elif posting["closed"]:
        told = f"已办结（{written(posting['closed_at'])}）"
    else:
        told = "挂起中，未办结" if posting["suspended"] else "未办结"
    closed_at = posting["closed_at"] and _here(posting["closed_at"])
    return State(posting["valid"], posting["closed"], posting["suspended"], posting["unit"], closed_at, told)


def _remarks(warehouse: Warehouse, settings: Settings) -> Iterator[str]:
    changed = "、".join(_STALE[name] for name in ledger.stale(warehouse, settings))
    if changed:
        yield f"{changed}在上次计算之后有改动，以上仍按改动前计算；请运行 petitions recompute"


def _lines(one: Explanation) -> Iterator[str]:
    source = one.ticket_id.partition(":")[0]
    yield f"{one.ticket_id}　{SOURCE_LABELS.get(source, source)}　{'（保密件，不列内容）' if one.restricted else one.title or ''}".rstrip()
    yield f"截至 {written(one.as_of)}，依据 {written(one.as_known)} 前取得的数据"
    yield ""
    yield "版本"
    for version in one.versions:
        until = "至今" if version.known_to is None else f"至 {written(version.known_to)}"
        mark = "　← 采用" if version.stands else ""
        yield f"  自 {written(version.known_from)} {until}　平台更新 {written(version.updated_at)}　批次 {version.batch_id}{mark}"
    yield ""
    yield f"状态　登记 {written(one.received_at)}"
    yield f"  {one.state.told}　承办单位 {one.state.unit or '—'}" if one.state else "  此时尚未登记"
    for each in one.clocks:
        yield ""
        yield f"{each.printed}　{CLASSES[each.verdict]}"
        yield from _step_lines(each)
    if one.remarks:
        yield ""
        yield from (f"注意：{remark}" for remark in one.remarks)


def _step_lines(each: Clock) -> Iterator[str]:
    for place, step in enumerate(each.steps, start=1):
        yield f"  {place}. {step.told}"
        yield from (f"       {stretch.told}" for stretch in step.days)


def _here(told: datetime) -> datetime:
    return told.astimezone(BEIJING)
