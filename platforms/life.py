"""The full life of a made-up ticket, stored once; what a platform shows at a moment is rendered from it.

A life is a ticket's attributes and the dated facts that happen to it. ``Life.at(now)`` cuts it to what had happened by then, so a
pull for 24 October sees what 24 October saw. Times are Beijing time without a zone, as the platforms write them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

# What can happen, in the words of the metric page; `archived`, `forwarded` and `revoked` are steps that change nothing.
KINDS = (
    "received",
    "accepted",
    "not_accepted",
    "duplicate",
    "dispatched",
    "signed",
    "returned",
    "extended",
    "suspended",
    "resumed",
    "urged",
    "supervised",
    "first_reply",
    "handled",
    "replied",
    "closed",
    "reopened",
    "withdrawn",
    "rated",
    "archived",
    "forwarded",
    "revoked",
)
ATTRIBUTES = ("title", "content", "unit", "area", "address", "category", "type", "channel", "urgency", "repeat", "phone", "name")


class UnknownChange(ValueError):
    """A change that names a ticket or a field that is not there."""


@dataclass
class Fact:
    """One thing that happens to a ticket. ``word`` is the platform's own word where it has several for one kind."""

    kind: str
    at: datetime
    unit: str | None = None
    text: str | None = None
    old_due: datetime | None = None
    new_due: datetime | None = None
    value: str | None = None
    word: str | None = None


@dataclass
class Life:
    """A ticket from its registration on. ``group`` is `valid`, `outside` (of the valid population) or `bad` (with a ``defect``)."""

    source: str
    received_at: datetime
    about: dict[str, Any]
    number: str = ""
    serial: int = 0
    due: datetime | None = None
    due_upper: datetime | None = None
    facts: list[Fact] = field(default_factory=list)
    group: str = "valid"
    defect: str | None = None
    touched_at: datetime | None = None

    @property
    def ticket_id(self) -> str:
        return f"{self.source}:{self.number}"

    @property
    def updated_at(self) -> datetime:
        """The platform's update time: the last thing that happened (of a life cut by ``at``: up to that moment)."""
        moments = [self.received_at, *(fact.at for fact in self.facts)]
        return max(moments + ([self.touched_at] if self.touched_at else []))

    def at(self, now: datetime) -> Life | None:
        """The life as the platform knows it at ``now``; None before it is registered."""
        if self.received_at > now:
            return None
        facts = [fact for fact in self.facts if fact.at <= now]
        due, upper = self.due, self.due_upper
        for fact in facts:
            # A platform overwrites its own due field; the county's and the city's move together.
            if fact.new_due and due:
                if upper and not self.about.get("upper_stays"):
                    upper += fact.new_due - due
                due = fact.new_due
        return replace(self, facts=facts, due=due, due_upper=upper)

    def last(self, *kinds: str) -> Fact | None:
        return next((fact for fact in reversed(self.facts) if fact.kind in kinds), None)

    def first(self, *kinds: str) -> Fact | None:
        return next((fact for fact in self.facts if fact.kind in kinds), None)

    def time(self, *kinds: str) -> datetime | None:
        fact = self.last(*kinds)
        return fact.at if fact else None

    @property
    def is_closed(self) -> bool:
        last = self.last("closed", "withdrawn", "reopened")
        return last is not None and last.kind != "reopened"

    @property
    def is_suspended(self) -> bool:
        last = self.last("suspended", "resumed", "handled", "closed", "withdrawn")
        return last is not None and last.kind == "suspended"


@dataclass
class Change:
    """One fact changed by hand in the demo platform, known from ``at`` on."""

    ticket_id: str
    field: str
    value: str
    at: datetime


def changed(lives: Iterable[Life], changes: Iterable[Change], now: datetime) -> list[Life]:
    """The lives with all changes made up to ``now``.

    :raises UnknownChange: naming the ticket or the field.
    """
    by_id = {life.ticket_id: life for life in lives}
    for change in changes:
        if change.at > now:
            continue
        if change.ticket_id not in by_id:
            raise UnknownChange(f"expected the ticket_id of a demo ticket, found {change.ticket_id!r}; see `petitions tickets open`")
        by_id[change.ticket_id] = _apply(by_id[change.ticket_id], change)
    return list(by_id.values())


def _apply(life: Life, change: Change) -> Life:
    touched = replace(life, touched_at=change.at)
    if change.field == "due":
        due = _moment(change)
        # Where the platform already moved its due, the last move is what it shows: that one is changed.
        movers = [index for index, fact in enumerate(life.facts) if fact.new_due and fact.at <= change.at]
        if not movers:
            return replace(touched, due=due)
        facts = list(life.facts)
        facts[movers[-1]] = replace(facts[movers[-1]], new_due=due)
        return replace(touched, facts=facts)
    if change.field in KINDS:
        fact = Fact(change.field, _moment(change), unit=life.about.get("unit"))
        return replace(touched, facts=sorted([*life.facts, fact], key=lambda one: one.at))
    if change.field == "defect" and change.value == "none":
        return replace(touched, defect=None)
    if change.field in ATTRIBUTES:
        value: Any = change.value
        if change.field == "repeat":
            value = change.value in ("1", "yes", "true", "是")
        if change.field == "category":
            value = change.value.split("/")
        return replace(touched, about={**life.about, change.field: value})
    raise UnknownChange(
        f"expected one of due, defect, {', '.join(ATTRIBUTES)} or the event {', '.join(KINDS)}; found {change.field!r} ({change.ticket_id})"
    )


def _moment(change: Change) -> datetime:
    try:
        return datetime.fromisoformat(change.value).replace(tzinfo=None)
    except ValueError:
        expected = "expected a time such as 2023-12-20T18:00:00"
        raise UnknownChange(f"{change.field} of {change.ticket_id}: {expected}, found {change.value!r}") from None


# -- on disk ---------------------------------------------------------------------------------------------------------------------


def save(path: Path, items: Iterable[Life] | Iterable[Change]) -> None:
    """Write-aside-and-rename, readable by the owner alone: a life holds (made-up) names and numbers as the platforms do."""
    aside = path.with_suffix(".partial")
    aside.touch(mode=0o600)
    aside.write_text(json.dumps([asdict(item) for item in items], ensure_ascii=False, default=str), encoding="utf-8")
    aside.replace(path)


def load_lives(path: Path) -> list[Life]:
    return [_life(told) for told in json.loads(path.read_text(encoding="utf-8"))]


def load_changes(path: Path) -> list[Change]:
    if not path.exists():
        return []
    return [Change(**{**told, "at": datetime.fromisoformat(told["at"])}) for told in json.loads(path.read_text(encoding="utf-8"))]


def _life(told: dict[str, Any]) -> Life:
    facts = [Fact(**_times(fact, "at", "old_due", "new_due")) for fact in told.pop("facts")]
    return Life(**_times(told, "received_at", "due", "due_upper", "touched_at"), facts=facts)


def _times(told: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**told, **{name: datetime.fromisoformat(told[name]) for name in names if told[name]}}
