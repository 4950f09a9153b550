"""Fetch one window of one platform into the landing zone: everything updated in it, and the present state of what we hold as open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from petitions.journal import Note
from petitions.landing import BatchWriter, Landing, Manifest, Message
from petitions.model import BEIJING
from petitions.progress import counted
from petitions.said import Said
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
    afresh: bool = False,
    fetched_at_clock: Callable[[], datetime] = beijing_now,
) -> Manifest:
    """Land one batch: the window with its look-back and no further than ``now``, then by number those of ``open_numbers`` (ticket
    numbers that we hold as open) that the window did not bring.

    A pull of this window that broke is gone on with behind its last page, unless ``afresh``: what it asked for is asked for to its end.

    :returns: the manifest of the batch, which is complete.
    :raises LaneStopped: where the platform cannot be asked; nothing is landed then.
    """
    asked = _asked(source, window, now, look_back_days)
    with landing.open_batch(source.name, window, asked, started=fetched_at_clock(), afresh=afresh) as batch:
        pull = _Pull(source, batch, set(open_numbers) if source.lookup_size else set())
        known = partial(_files_in, landing, source)
        asked_by_number = pull.window(Ask(read_files=read_files, known_files=known, afresh=afresh, now=now))
        pull.look_up(asked_by_number)
        return batch.complete(
            fetched_at=fetched_at_clock().astimezone(BEIJING).replace(microsecond=0),
            platform_total=None if pull.total is None else pull.total + len(pull.answered),
            numbers_asked=len(asked_by_number),
            numbers_answered=len(pull.answered),
            not_answered=tuple(number for number in asked_by_number if number not in pull.answered),
            messages=tuple(pull.messages),
        )


class _Pull:
    """One pull on its way into a batch.

    To go on by, it notes in the journal of the batch: behind a page of the window ``resume`` (:attr:`Page.resume`); when the window is
    through ``look_up``, the numbers to ask for; then ``looked_up``, how many of them were asked. Each note tells total and messages so far.
    """

    def __init__(self, source: Source, batch: BatchWriter, open_numbers: set[str]) -> None:
        self.source, self.batch = source, batch
        self.unseen = open_numbers
        self.field: str | None = source.settings.source_maps[source.name].get("fields", {}).get("source_no")
        self.total: int | None = None
        self.messages: list[Message] = []
        self.asked: list[str] | None = None
        self.looked_up = 0
        self.answered: set[str] = set()
        self.resume: Any = None
        if batch.notes:
            self._take_up(batch.notes)

    def window(self, ask: Ask) -> list[str]:
        """Land the window; the numbers that remain to be asked for."""
        if self.asked is not None:
            return self.asked
        ask = replace(ask, window=self.batch.asked, resume=self.resume, landed=self.batch.landed)
        for page in counted(self.source.pages(ask), f"{self.source.name}: records fetched", each=lambda page: len(page.records)):
            self._land(page)
            self.unseen -= self._numbers(page.records)
            self.total = page.total if page.total is not None else self.total
        return sorted(self.unseen)

    def look_up(self, asked: list[str]) -> None:
        if asked and self.asked is None:
            self._note(look_up=asked)
        for start in range(self.looked_up, len(asked), self.source.lookup_size or 1):
            numbers = tuple(asked[start : start + self.source.lookup_size])
            for page in self.source.pages(Ask(numbers=numbers)):
                self._land(page)
                self.answered |= self._numbers(page.records).intersection(numbers)
            self._note(looked_up=start + len(numbers))

    def _take_up(self, notes: list[Note]) -> None:
        """Know again what the pull that broke knew."""
        self.total, self.messages = notes[-1]["total"], [Message(**told) for told in notes[-1]["messages"]]
        self.resume, self.looked_up = notes[-1].get("resume"), notes[-1].get("looked_up", 0)
        self.asked = next((note["look_up"] for note in notes if "look_up" in note), None)
        landed = self._numbers(self.batch.landed())
        self.unseen -= landed
        self.answered = landed.intersection(self.asked or ())

    def _note(self, **told: Any) -> None:
        self.batch.note(self._told(told))

    def _told(self, told: Note) -> Note:
        return {"total": self.total, "messages": [message.model_dump() for message in self.messages], **told}

    def _land(self, page: Page) -> None:
        self.messages += [Message.of("yellow", text) for text in page.messages]
        self.messages += [Message.of("red", text) for text in page.errors]
        note = None if page.resume is None else self._told({"resume": page.resume})
        if page.file is not None:
            self._land_file(page)
        elif page.records:
            self.batch.write(page.records, note)
        elif note:
            self.batch.note(note)

    def _land_file(self, page: Page) -> None:
        from petitions.sources.files import export_date

        assert page.file is not None
        day = export_date(page.file.name)
        if day is None:
            raise LaneStopped(
                Said(
                    f"{self.source.name}: expected the export date YYYYMMDD in the name of {page.file.name}, found none; rename it",
                    f"文件名“{page.file.name}”中没有导出日期（YYYYMMDD），请改名",
                )
            )
        self.batch.copy(page.file, export_date=day, origin=page.file.name)

    def _numbers(self, records: Iterable[Raw]) -> set[str]:
        if self.field is None:
            return set()
        return {number for raw in records if (number := ticket_number(raw, self.field))}


def _files_in(landing: Landing, source: Source) -> list[tuple[str, int]]:
    """Name and bytes of the platform's own files that stand in the landing zone."""
    return [(one.name, one.bytes) for landed in landing.batches(source.name) for one in landed.files if one.export_date]


def _asked(source: Source, window: Window, now: datetime, look_back_days: int) -> Window:
    start = window.start.astimezone(BEIJING) - timedelta(days=look_back_days)
    end = min(window.end, now).astimezone(BEIJING).replace(microsecond=0)
    if window.end < window.start:
        raise LaneStopped(
            Said(
                f"{source.name}: expected a last day at or after {window.start:%Y-%m-%d %H:%M:%S}, from where this lane goes on, "
                f"found {window.end:%Y-%m-%d}; give --from too",
                f"截止日 {window.end:%Y-%m-%d} 早于该平台数据已取至的时间，请同时指定起始日",
            )
        )
    if start > end:
        raise LaneStopped(
            Said(
                f"{source.name}: expected a window that has begun, found {window.start:%Y-%m-%d %H:%M:%S} at {now:%Y-%m-%d %H:%M:%S}; "
                "choose an earlier --from",
                f"所选时段（{window.start:%Y-%m-%d} 起）尚未开始，请选择更早的起始日",
            )
        )
    return Window(start, end)
