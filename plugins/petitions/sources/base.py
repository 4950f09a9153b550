"""What a platform is to this project: how it is asked, and how a record becomes a ticket's events.

A source is one module beside this one: class attributes and a few short methods. Everything that all platforms share
(landing, checks, reading of times and codes, privacy, loading) is elsewhere and works from this interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from petitions.model import Event, Happened
from petitions.values import stamp

if TYPE_CHECKING:
    from petitions.columns import Rows
    from petitions.connections import Connection
    from petitions.record import Record
    from petitions.settings import Settings

Raw = dict[str, Any]
#: How a platform hands over its records.
Kind = Literal["http", "database", "files"]


class LaneStopped(Exception):
    """A lane cannot go on. The message is one line: what was expected, what was found, where, and the cure."""


class LaneDown(LaneStopped):
    """The platform stays away or busy. It may be back later: the next pull goes on behind the last page that was landed."""


@dataclass(frozen=True)
class Window:
    """A closed window of platform update time, Beijing time."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Ask:
    """One question to a platform: everything updated in ``window``, or the present state of ``numbers``.

    For file sources: ``read_files`` holds the sha256 of files that earlier batches read, which are skipped unless ``afresh``;
    ``known_files`` gives name and bytes of those that are still landed; ``now`` is the moment of the question. Where a pull of this window
    broke, ``resume`` is what the last page that counts said of how to go on, and ``landed`` gives the records up to there.
    """

    window: Window | None = None
    numbers: tuple[str, ...] = ()
    read_files: frozenset[str] = frozenset()
    known_files: Callable[[], Iterable[tuple[str, int]]] = tuple
    afresh: bool = False
    now: datetime | None = None
    resume: Any = None
    landed: Callable[[], Iterable[Raw]] = tuple


@dataclass
class Page:
    """What one request brought: raw records, and how many tickets the platform says the whole question holds.

    ``resume`` (of a window): a JSON value by which a later pull goes on behind this page, should this one break; None where it cannot.
    ``file`` is set by file sources: the page is a whole file, landed as it is, and its records are read from there.
    ``messages`` are yellow remarks for the lane, ready to print.
    """

    records: list[Raw] = field(default_factory=list)
    total: int | None = None
    resume: Any = None
    file: Path | None = None
    messages: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Source(ABC):
    """A platform. Sub-classes live one per module and register themselves by ``name``."""

    name: ClassVar[str]
    kind: ClassVar[Kind]
    #: Largest number of ticket numbers one look-up may carry; 0 where the platform cannot be asked by number.
    lookup_size: ClassVar[int] = 0
    #: Of code tables that this platform alone has: the words that their codes may mean.
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self.connection = connection
        self.settings = settings

    @property
    def variable(self) -> str:
        """Where the connection is set."""
        return f"AIRFLOW_CONN_PETITIONS_{self.name.upper()}"

    @abstractmethod
    def pages(self, ask: Ask) -> Iterator[Page]:
        """Ask the platform, page by page.

        :raises LaneStopped: when a setting is wrong, the envelope changed, or the platform stays down.
        """

    def records(self, landed: Path) -> Iterator[Raw]:
        """The raw records of a landed file. Only file sources need it; other lanes land JSON lines."""
        raise NotImplementedError(f"{self.name} lands JSON lines, not files")

    def events(self, record: Record) -> Iterable[Event]:
        """The events of one record, in the platform's order, ``received`` among them exactly once."""
        raise NotImplementedError(f"{self.name}: expected events() or happened(), found neither; write one of them")

    def happened(self, records: Rows) -> Iterable[Happened]:
        """The events of many records. Those of one record are in the order in which they are given here.

        A platform that sends many records, each with a list of what was done, tells them here in columns and needs no :meth:`events`.
        """
        told = [
            (place, one.event_type, stamp(one.occurred_at), one.unit, stamp(one.old_due), stamp(one.new_due), one.satisfaction, one.note)
            for place, record in enumerate(records.records)
            for one in self.events(record)
        ]
        if told:
            yield Happened(*zip(*told, strict=True))
