"""Landed records of any size: batches as ``extract`` would have left them, window after window of two years, the same for one seed.

A lane's tickets of a week follow from (seed, lane, week) alone; what a window brings is every ticket whose last step up to the window's
end lies in it or in the look-back before it, at the stage it then has. So a ticket comes again when it moved, as on a real platform, and
memory holds one window of index numbers and no records. All processors are used: a batch is a piece of work of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.prototypes import LANES, NAMES, NEVER, WEEK, Pool, Ticket, day_text, identity, pool_of
from bench.staged import write
from petitions.landing import Landing
from petitions.model import BEIJING
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import Window
from platforms.online_politics import HEADERS

#: The Monday with which the history begins, and how many weeks it lasts: until the end of Sunday 2023-12-31.
FIRST, WEEKS = datetime(2022, 1, 3), 104
START = int((FIRST - datetime(1970, 1, 1)).total_seconds())
END = START + WEEKS * WEEK - 1
LOOK_BACK = 3 * 86_400
#: A life is moved by up to so many seconds, so that tickets do not share their instants.
SHIFT = 3_600
#: Records that are formatted at once.
CHUNK = 5_000
#: Where a home remembers how it was made, and what must come out of it.
MADE = "generated.json"


@dataclass(frozen=True)
class Plan:
    """What a history is made of. A window brings about 125 thousand tickets, but there are at least two and at most 24."""

    tickets: int
    seed: int = 1
    windows: int = 0

    @property
    def ends(self) -> list[int]:
        """The last second of each window."""
        amount = self.windows or min(24, max(2, self.tickets // 125_000))
        return [START + WEEKS * number // amount * WEEK - 1 for number in range(1, amount + 1)]

    def amounts(self, lane: int) -> np.ndarray:
        """Tickets registered in each week, more in summer than in winter. Behind the history it goes on as it did."""
        shares = [int(self.tickets * one.share) for one in LANES]
        total = shares[lane] + (self.tickets - sum(shares) if lane == 0 else 0)
        season = np.cumsum(1 + 0.15 * np.sin(2 * np.pi * (np.arange(2 * WEEKS) % 52) / 52 - 1.5))
        return np.diff(np.rint(season / season[WEEKS - 1] * total), prepend=0).astype(np.int64)


@dataclass
class Drawn:
    """The tickets of a lane that are registered in one week or several, as columns of equal length."""

    week: np.ndarray  # its Monday, seconds
    serial: np.ndarray  # within the week
    prototype: np.ndarray
    shift: np.ndarray
    house: np.ndarray
    phone: np.ndarray
    name: np.ndarray
    days: np.ndarray

    def __len__(self) -> int:
        return len(self.week)

    def at(self, rows: np.ndarray | slice) -> Drawn:
        return Drawn(*(column[rows] for column in vars(self).values()))

    @classmethod
    def joined(cls, parts: list[Drawn]) -> Drawn:
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))

    def stages(self, pool: Pool, now: int) -> np.ndarray:
        """How many steps each has behind it at ``now``."""
        return np.count_nonzero(pool.steps[self.prototype] <= (now - self.week - self.shift)[:, None], axis=1)

    def received(self, pool: Pool) -> np.ndarray:
        return self.week + self.shift + pool.received[self.prototype]


def _draw(plan: Plan, lane: int, number: int) -> Drawn:
    """The tickets of one week, always the same."""
    pool, amount = pool_of(lane, plan.seed), int(plan.amounts(lane)[number])
    chance = np.random.default_rng([plan.seed, lane, number])
    return Drawn(
        week=np.full(amount, START + number * WEEK),
        serial=np.arange(amount),
        prototype=np.searchsorted(pool.weights, chance.random(amount), side="right").clip(max=len(pool.lives) - 1),
        shift=chance.integers(0, SHIFT, amount),
        house=chance.integers(1, 800, amount),
        phone=chance.integers(0, 10**7, amount),
        name=chance.integers(0, len(NAMES), amount),
        days=chance.integers(2, 90, amount),
    )


def _brought(plan: Plan, lane: int, asked_from: int, now: int) -> tuple[Drawn, np.ndarray, np.ndarray]:
    """What a pull of ``[asked_from, now]`` brings: the tickets in the order of their update times, these times, and their stages."""
    pool = pool_of(lane, plan.seed)
    first, last = (asked_from - START) // WEEK - pool.longest, (now - START) // WEEK
    found: list[tuple[Drawn, np.ndarray, np.ndarray]] = []
    for number in range(max(0, first), last + 1):
        drawn = _draw(plan, lane, number)
        stages = drawn.stages(pool, now)
        updated = drawn.week + drawn.shift + pool.updated[drawn.prototype, stages]
        rows = np.flatnonzero((drawn.received(pool) <= now) & (updated >= asked_from))
        found.append((drawn.at(rows), updated[rows], stages[rows]))
    drawn = Drawn.joined([part for part, _, _ in found])
    updated, stages = (np.concatenate([part[place] for part in found]) for place in (1, 2))
    order = np.lexsort((drawn.serial, drawn.week, updated))
    return drawn.at(order), updated[order], stages[order]


def _lines(plan: Plan, lane: int, drawn: Drawn, stages: np.ndarray) -> Iterator[list[str]]:
    """The records as text, chunk by chunk."""
    pool = pool_of(lane, plan.seed)
    numbered, moments = pool.lane.number, drawn.received(pool)
    for start in range(0, len(drawn), CHUNK):
        part = slice(start, start + CHUNK)
        columns = [vars(drawn)[name][part].tolist() for name in ("week", "shift", "serial", "house", "phone", "name", "days", "prototype")]
        yield [
            pool.template(prototype, stage).line(
                Ticket(
                    week,
                    shift,
                    numbered.format(day=day_text(received), serial=serial),
                    week // WEEK * 100_000 + serial,
                    house,
                    f"1380{phone:07d}",
                    NAMES[name],
                    identity(phone),
                    days,
                )
            )
            for week, shift, serial, house, phone, name, days, prototype, stage, received in zip(
                *columns, stages[part].tolist(), moments[part].tolist(), strict=True
            )
        ]


@dataclass(frozen=True)
class Batch:
    """What one batch holds, by the generator's own count: this is what the reconciliation must say."""

    batch_id: str
    source: str
    landed: int
    quarantined: int
    new_versions: int
    unchanged: int


def _land(plan: Plan, home: Path, lane: int, begins: int, ends: int, before: int | None, look_back: int, staged: bool) -> Batch | None:
    """Land one batch of one lane; ``before``: everything up to then was fetched already; ``staged``: as if checked, without files."""
    name, settings = LANES[lane].name, Settings(home.absolute(), CHECKOUT / "config")
    files = name == "online_politics"
    asked_from = begins - (0 if files or before is None else look_back)
    drawn, _, stages = _brought(plan, lane, asked_from, ends)
    if not len(drawn):
        return None
    window, asked = (Window(_moment(first), _moment(ends)) for first in (begins, asked_from))
    fetched_at = _moment(ends) + timedelta(hours=2, minutes=30, seconds=1 + lane)
    with Landing.of(settings).open_batch(name, window, asked, started=fetched_at) as batch:
        if staged:
            pass
        elif files:
            export = batch.folder.with_name(f"网络问政_{_moment(ends):%Y%m%d%H%M%S}.csv")
            _write_export(export, _lines(plan, lane, drawn, stages))
            batch.copy(export, export_date=_moment(ends).date(), origin=export.name)
            export.unlink()
        else:
            for lines in _lines(plan, lane, drawn, stages):
                batch.write_lines(line.encode() for line in lines)
        manifest = batch.complete(fetched_at=fetched_at, platform_total=None if files else len(drawn))
    if staged:
        pool = pool_of(lane, plan.seed)
        columns = {name: vars(drawn)[name] for name in ("week", "shift", "serial", "prototype")} | {"stage": stages}
        columns |= {"content": pool.content[drawn.prototype, stages], "received": drawn.received(pool)}
        write(settings.staging / manifest.batch_id, lane, plan.seed, columns, pool.bad[drawn.prototype], manifest.batch_id, ends)
    return _counted(plan, lane, drawn, stages, before, manifest.batch_id)


def _counted(plan: Plan, lane: int, drawn: Drawn, stages: np.ndarray, before: int | None, batch_id: str) -> Batch:
    pool = pool_of(lane, plan.seed)
    bad, new = pool.bad[drawn.prototype], np.ones(len(drawn), dtype=bool)
    if before is not None:
        held = pool.content[drawn.prototype, drawn.stages(pool, before)]
        new = (drawn.received(pool) > before) | (pool.content[drawn.prototype, stages] != held)
    fresh = int(np.count_nonzero(new & ~bad))
    return Batch(batch_id, LANES[lane].name, len(drawn), int(bad.sum()), fresh, len(drawn) - int(bad.sum()) - fresh)


def _write_export(path: Path, chunks: Iterator[list[str]]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="gb18030", newline="") as export:
        export.write(",".join(HEADERS["csv"]) + "\r\n")
        for lines in chunks:
            export.writelines(lines)


def _figures(plan: Plan, lane: int, now: int) -> dict[str, int]:
    """What stands at ``now``: tickets that load, and of these valid, closed and open ones."""
    pool, totals = pool_of(lane, plan.seed), np.zeros(3, dtype=np.int64)
    for number in range((now - START) // WEEK + 1):
        drawn = _draw(plan, lane, number)
        stages = drawn.stages(pool, now)
        loads = (drawn.received(pool) <= now) & ~pool.bad[drawn.prototype]
        valid = loads & pool.valid[drawn.prototype, stages]
        closed = valid & pool.closed[drawn.prototype, stages]
        totals += [np.count_nonzero(loads), np.count_nonzero(valid), np.count_nonzero(closed)]
    loads, valid, closed = map(int, totals)
    return {"tickets": loads, "valid": valid, "closed": closed, "open": valid - closed}


# --- the two things that are asked for -------------------------------------------------------------------------------------------


def generate(home: Path, tickets: int, *, seed: int = 1, windows: int = 0, jobs: int | None = None, staged: bool = False) -> dict[str, Any]:
    """Land the history of ``tickets`` tickets into the landing zone of ``home``, which must hold none yet.

    :param staged: the shortcut of :mod:`bench.staged`: the landed batches are empty and stand in the staging folder as if checked.
    :returns: what ``generated.json`` of the home holds: the plan, the batches as they must reconcile, per platform the figures at the end.
    :raises FileExistsError: where the home holds a landing zone.
    """
    plan = Plan(tickets, seed, windows)
    if (home / "landing").exists():
        raise FileExistsError(f"{home} holds landed batches already; take a fresh folder")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    begins = [START, *(end + 1 for end in plan.ends[:-1])]
    work = [
        (plan, home, lane, begin, end, begin - 1 if begin > START else None, LOOK_BACK, staged)
        for lane in range(len(LANES))
        for begin, end in zip(begins, plan.ends, strict=True)
    ]
    return _make(home, plan, work, END, [], jobs)


def night(home: Path, touched: int, *, jobs: int | None = None) -> dict[str, Any]:
    """Land one more batch per lane: the next ``touched`` tickets that the platforms register or move, after what the home holds.

    :returns: what ``generated.json`` then holds.
    :raises FileNotFoundError: where the home was not made by :func:`generate`.
    """
    made = json.loads((home / MADE).read_text(encoding="utf-8"))
    plan, before = Plan(**made["plan"]), int(made["until"])
    now = _after(plan, before, touched)
    work = [(plan, home, lane, before + 1, now, before, 0, False) for lane in range(len(LANES))]
    return _make(home, plan, work, now, [Batch(**one) for one in made["batches"]], jobs)


def _after(plan: Plan, before: int, touched: int) -> int:
    """The moment by which ``touched`` tickets were registered or moved since ``before``."""
    found: list[np.ndarray] = []
    for lane in range(len(LANES)):
        pool, week = pool_of(lane, plan.seed), (before - START) // WEEK
        for number in range(max(0, week - pool.longest), min(week + 60, 2 * WEEKS)):
            drawn = _draw(plan, lane, number)
            stages, received = drawn.stages(pool, before), drawn.received(pool)
            following = pool.steps[drawn.prototype, stages.clip(max=pool.steps.shape[1] - 1)]
            found.append(np.where(received > before, received, np.where(following == NEVER, NEVER, drawn.week + drawn.shift + following)))
            if number > week and sum(np.count_nonzero(part <= START + number * WEEK) for part in found) >= touched * 4:
                break
    moments = np.sort(np.concatenate(found))
    if touched > np.count_nonzero(moments < NEVER):
        raise ValueError(f"expected at most {np.count_nonzero(moments < NEVER)} tickets to touch, found {touched}; make a larger history")
    return int(moments[touched - 1])


def _make(home: Path, plan: Plan, work: list[tuple[Any, ...]], until: int, landed: list[Batch], jobs: int | None) -> dict[str, Any]:
    """Land the batches of ``work``, and remember what the home then holds."""
    lanes = range(len(LANES))
    with _processes(jobs) as run:
        batches = [*landed, *(batch for batch in run(_land, *zip(*work, strict=True)) if batch)]
        figures = run(_figures, [plan] * len(lanes), lanes, [until] * len(lanes))
        made = {
            "plan": asdict(plan),
            "until": until,
            "as_of": _moment(until).isoformat(),
            "records": sum(batch.landed for batch in batches),
            "figures": dict(zip((lane.name for lane in LANES), figures, strict=True)),
            "batches": [asdict(batch) for batch in batches],
        }
    aside = home / f"{MADE}.new"  # renamed, so that a home whose files are linked with another's leaves that one as it is
    aside.write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")
    aside.replace(home / MADE)
    return made


@contextmanager
def _processes(jobs: int | None) -> Iterator[Callable[..., Iterable[Any]]]:
    """``map`` over so many processes, all processors where it is not said; one is this one."""
    if jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(jobs or os.cpu_count(), mp_context=get_context("forkserver")) as pool:
        yield pool.map


def _moment(seconds: int) -> datetime:
    """Seconds of Beijing's clock as a moment."""
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).replace(tzinfo=BEIJING)
