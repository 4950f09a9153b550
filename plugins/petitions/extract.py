"""Fetch one window of one platform into the landing zone: everything updated in it, and the present state of what we hold as open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from petitions.landing import BatchWriter, Landing, Manifest, Message
from petitions.model import BEIJING
from petitions.sources import ticket_number
from petitions.sources.base import Ask, LaneStopped, Page, Raw, Source, Window


def beijing_now() -> datetime:
    return datetime.now(BEIJING)


def extract(
    source: Source,
    window: Window,
    *,
    landing: Landing,
    open_numbers: Iterable[str],
    read_files: frozenset[str] = frozenset(),
    now: datetime,
    look_back_days: int,
    fetched_at_clock: Callable[[], datetime] = beijing_now,
) -> Manifest:
    """Land one batch: the window with its look-back and no further than ``now``, then by number those of ``open_numbers`` (ticket
    numbers that we hold as open) that the window did not bring.

    :returns: the manifest of the batch, which is complete.
    :raises LaneStopped: where the platform cannot be asked; nothing is landed then.
    """
    asked = _asked(source, window, now, look_back_days)
    with landing.open_batch(source.name, window, asked, started=fetched_at_clock()) as batch:
        pull = _Pull(source, batch, set(open_numbers) if source.lookup_size else set())
        pull.window(asked, read_files)
        pull.look_up()
        return batch.complete(
            fetched_at=fetched_at_clock().astimezone(BEIJING).replace(microsecond=0),
            platform_total=None if pull.total is None else pull.total + len(pull.answered),
            numbers_asked=len(pull.asked),
            numbers_answered=len(pull.answered),
            not_answered=tuple(number for number in pull.asked if number not in pull.answered),
            messages=tuple(pull.messages),
        )


class _Pull:
    """One pull on its way into a batch."""

    def __init__(self, source: Source, batch: BatchWriter, open_numbers: set[str]) -> None:
        self.source, self.batch = source, batch
        self.unseen = open_numbers
        self.field: str | None = source.settings.source_maps[source.name].get("fields", {}).get("source_no")
        self.total: int | None = None
        self.asked: list[str] = []
        self.answered: set[str] = set()
        self.messages: list[Message] = []

    def window(self, asked: Window, read_files: frozenset[str]) -> None:
        for page in self.source.pages(Ask(window=asked, read_files=read_files)):
            self._land(page)
            self.unseen.difference_update(number for raw in page.records if (number := self._number(raw)))
            self.total = page.total if page.total is not None else self.total

    def look_up(self) -> None:
        self.asked = sorted(self.unseen)
        for start in range(0, len(self.asked), self.source.lookup_size or 1):
            numbers = tuple(self.asked[start : start + self.source.lookup_size])
            for page in self.source.pages(Ask(numbers=numbers)):
                self._land(page)
                self.answered.update({number for raw in page.records if (number := self._number(raw))}.intersection(numbers))

    def _land(self, page: Page) -> None:
        if page.file is not None:
            self._land_file(page)
        elif page.records:
            self.batch.write(page.records)
        self.messages += [Message(level="yellow", text=text) for text in page.messages]
        self.messages += [Message(level="red", text=text) for text in page.errors]

    def _land_file(self, page: Page) -> None:
        from petitions.sources.files import export_date

        assert page.file is not None
        day = export_date(page.file.name)
        if day is None:
            raise LaneStopped(
                f"{self.source.name}: expected the export date YYYYMMDD in the name of {page.file.name}, found none; rename it"
            )
        self.batch.copy(page.file, export_date=day, origin=page.file.name)

    def _number(self, raw: Raw) -> str | None:
        return ticket_number(raw, self.field) if self.field else None


def _asked(source: Source, window: Window, now: datetime, look_back_days: int) -> Window:
    start = window.start.astimezone(BEIJING) - timedelta(days=look_back_days)
    end = min(window.end, now).astimezone(BEIJING).replace(microsecond=0)
    if start > end:
        raise LaneStopped(
            f"{source.name}: expected a window that has begun, found {window.start:%Y-%m-%d %H:%M:%S} at {now:%Y-%m-%d %H:%M:%S}; "
            "choose an earlier --from"
        )
    return Window(start, end)
