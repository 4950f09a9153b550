"""The canonical ticket: the words every other module speaks.

Names and order follow the specification (metrics.md §1, §2). Times are zone-aware, Beijing time, whole seconds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import compress, repeat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")

_MAPS = Path(__file__).resolve().parents[2] / "config" / "sources"


@dataclass(frozen=True)
class Platform:
    """What the head of a map (``config/sources/<name>.toml``) says of its platform.

    ``population`` is ``appeals``, ``cases`` (which are appeals too where their channel is one of the office's appeal channels) or
    ``visits``; ``place`` orders every table that prints platforms.
    """

    name: str
    label: str
    population: str
    place: int


def _platform(path: Path) -> Platform:
    """What cannot be read here is named when the map is used (``Settings.source_maps``): an import is no place to say it."""
    try:
        told = tomllib.loads(re.split(r"(?m)^\[", path.read_text(encoding="utf-8"), maxsplit=1)[0])
    except (OSError, ValueError):
        told = {}
    return Platform(path.stem, told.get("label", path.stem), told.get("population", "appeals"), told.get("place", 99))


# The registry: whoever has a map is a platform.
PLATFORMS = tuple(sorted(map(_platform, _MAPS.glob("*.toml")), key=lambda one: (one.place, one.name)))
SOURCES = tuple(one.name for one in PLATFORMS)
SOURCE_LABELS = {one.name: one.label for one in PLATFORMS}


def sources_of(*populations: str) -> tuple[str, ...]:
    """The platforms whose tickets make up the populations."""
    return tuple(one.name for one in PLATFORMS if one.population in populations)


# The order is the order of effect of events that share one instant.
EVENT_TYPES = (
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
)

# The classes of a clock, as an office prints them; they partition the valid tickets.
CLASSES = {
    "on_time": "按时",
    "late": "超时",
    "overdue": "超期未办",
    "not_due": "处于时限内",
    "no_deadline": "无时限",
    "not_started": "未起算",
}

# Why a record goes to quarantine, as an office prints it. A record with several faults is named by the first in this order.
QUARANTINE_LABELS = {
    "missing_field": "必填项缺失",
    "unknown_code": "代码表外取值",
    "unreadable_time": "时间无法识别",
    "future_received": "登记时间晚于取数时间",
    "lost_digits": "编号位数丢失",
    "unreadable_limit": "时限无法识别",
    "duplicate_number": "编号重复",
}
QUARANTINE_RULES = tuple(QUARANTINE_LABELS)


@dataclass(slots=True)
class Event:
    """One thing that happened to a ticket, as the platform tells it today.

    ``occurred_at`` is None only where an export file tells a state and no time for it: the warehouse then takes the end of
    the export date of the oldest file that shows the same content.
    """

    event_type: str
    occurred_at: datetime | None
    unit: str | None = None
    old_due: datetime | None = None
    new_due: datetime | None = None
    satisfaction: str | None = None
    note: str | None = None


@dataclass(slots=True)
class Happened:
    """Events of many records, in columns. ``places`` tells of each event its record among those that are read together; times are
    epoch seconds. One value in place of a column holds for all of them."""

    places: Sequence[int]
    event_type: str | Sequence[str]
    occurred_at: Sequence[int | None]
    unit: Sequence[str | None] | None = None
    old_due: Sequence[int | None] | None = None
    new_due: Sequence[int | None] | None = None
    satisfaction: Sequence[str | None] | None = None
    note: Sequence[str | None] | None = None

    def where(self, chosen: Iterable[Any]) -> Happened:
        """The events of which something is true."""
        chosen = list(chosen)
        told: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        columns = {name: one for name, one in told.items() if one is not None and not isinstance(one, str)}
        return replace(self, **{name: list(compress(one, chosen)) for name, one in columns.items()})

    def column(self, name: str) -> Iterable[Any]:
        """As many values as there are places."""
        told = getattr(self, name)
        return repeat(told, len(self.places)) if told is None or isinstance(told, str) else told


@dataclass(slots=True)
class Ticket:
    """The content of one landed record: attributes and the whole list of events, free of personal data."""

    source: str
    source_no: str
    updated_at: datetime
    received_at: datetime
    channel: str | None = None
    ticket_type: str | None = None
    urgency: str | None = None
    category: str | None = None
    area: str | None = None
    unit: str | None = None
    title: str | None = None
    content: str | None = None
    address: str | None = None
    petitioner: str | None = None
    phone: str | None = None
    id_number: str | None = None
    person_key: str | None = None
    persons: int | None = None
    repeat: bool = False
    restricted: bool = False
    due_at: datetime | None = None
    due_upper_at: datetime | None = None
    limit_amount: int | None = None
    limit_unit: str | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def ticket_id(self) -> str:
        return f"{self.source}:{self.source_no}"
