"""The pages of a pull under way, kept one by one, so that a pull that breaks goes on where it broke and not from the start.

A batch that is not complete yet (``<batch_id>.partial``) holds::

    question.json     what is asked for, and when the pull began
    pages/000001      the records of one page: a gzip file of JSON lines (several in a row are one such file again)
    journal.jsonl     one line per page: its size in records, its hash, and the pull's own note

A page counts from its line on. A line may carry a note: what the pull must know to go on behind this page. A pull that goes on is cut back
to the last note; what a kill left half written (a page without a line, half a line) is cut off. Nothing here is synced to disk: a page that
a power failure lost does not match its hash, and is cut off likewise.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from petitions.landed_bytes import Kept, created, opened
from petitions.sealing import Unsealable
from petitions.sources.base import Raw

QUESTION, JOURNAL, PAGES = "question.json", "journal.jsonl", "pages"
Note = dict[str, Any]


class Question(BaseModel):
    """What a pull asks its platform for: the window of the run, what of it and of the days before is asked, and when the pull began."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract_version: int
    window_from: datetime
    window_to: datetime
    asked_from: datetime
    asked_to: datetime
    started: datetime

    def is_that_of(self, other: Question) -> bool:
        """The same window with the same look-back. How far a window that still runs could be asked for is not compared."""
        keys = ("contract_version", "window_from", "window_to", "asked_from")
        return all(getattr(self, key) == getattr(other, key) for key in keys)

    @property
    def ends_with_its_pull(self) -> bool:
        """Whether the window was asked for until now, and not to the end of a day."""
        return abs(self.started - self.window_to) < timedelta(minutes=1)


@dataclass(frozen=True)
class _Page:
    name: str | None
    records: int
    sha256: str | None
    note: Note | None


class Journal:
    """The pages of one pull, in the order received."""

    def __init__(self, folder: Path, key: bytes | None, pages: list[_Page]) -> None:
        self.folder, self._key, self._pages = folder, key, pages
        self._lines: IO[bytes] | None = None

    @classmethod
    def begin(cls, folder: Path, key: bytes | None, question: Question) -> Journal:
        (folder / PAGES).mkdir(mode=0o700)
        with created(folder / QUESTION) as kept:
            kept.write(question.model_dump_json().encode())
        return cls(folder, key, [])

    @classmethod
    def resume(cls, folder: Path, key: bytes | None) -> Journal:
        """The journal of a pull that broke, cut back to its last note. Without one it is empty, and nothing can be gone on with."""
        pages, end, upto = list[_Page](), 0, 0
        for place, (page, reached) in enumerate(_intact(folder, key), 1):
            pages.append(page)
            if page.note is not None:
                end, upto = reached, place
        pages = pages[:upto]
        with suppress(FileNotFoundError):
            os.truncate(folder / JOURNAL, end)
        kept = {page.name for page in pages}
        for path in (*folder.glob("*"), *(folder / PAGES).glob("*")):
            if path.name not in kept | {QUESTION, JOURNAL, PAGES}:
                path.unlink()
        return cls(folder, key, pages)

    @property
    def pages(self) -> int:
        return sum(page.name is not None for page in self._pages)

    @property
    def records(self) -> int:
        return sum(page.records for page in self._pages)

    @property
    def notes(self) -> list[Note]:
        return [page.note for page in self._pages if page.note is not None]

    def write(self, records: Iterable[bytes], note: Note | None = None) -> None:
        """Keep a page of records, each one line of JSON, in flat memory. With a note the pull can go on behind it."""
        name = f"{len(self._pages) + 1:06}"
        kept = Kept(self.folder / PAGES / name, self._key)
        count = 0
        try:
            # No time stamp in the file: the same records make the same bytes. Level 6 takes three times as long for a quarter less.
            zipped = gzip.GzipFile(filename="", mode="wb", fileobj=kept, mtime=0, compresslevel=3)
            with zipped, io.BufferedWriter(zipped) as lines:
                for record in records:
                    lines.write(record + b"\n")
                    count += 1
            kept.seal()
        finally:
            kept.close()
        self._add(_Page(name, count, kept.sha256, note))

    def note(self, note: Note) -> None:
        """Keep a note where there is no page for it."""
        self._add(_Page(None, 0, None, note))

    def landed(self) -> Iterator[Raw]:
        """The records kept so far."""
        for page in self._pages:
            if page.name:
                with opened(self.folder / PAGES / page.name, self._key) as content, gzip.open(content) as lines:
                    yield from map(json.loads, lines)

    def join(self, path: Path) -> Kept:
        """All pages as one file of JSON lines, on disk afterwards."""
        whole = Kept(path, self._key)
        try:
            for page in self._pages:
                if page.name:
                    with opened(self.folder / PAGES / page.name, self._key) as content:
                        whole.copy(content)
            whole.finish()
        finally:
            whole.close()
        return whole

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _add(self, page: _Page) -> None:
        if self._lines is None:
            self._lines = os.fdopen(os.open(self.folder / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
        self._lines.write(json.dumps(vars(page)).encode() + b"\n")
        self._lines.flush()
        self._pages.append(page)


def question_of(folder: Path) -> Question | None:
    """What the pull that left this folder asked for; None where that cannot be read any more."""
    with suppress(OSError, ValidationError):
        return Question.model_validate_json((folder / QUESTION).read_bytes())
    return None


def _intact(folder: Path, key: bytes | None) -> Iterator[tuple[_Page, int]]:
    """The pages up to the first that is not what its line says, each with the place where its line ends."""
    end = 0
    with suppress(OSError, ValueError, TypeError, Unsealable), (folder / JOURNAL).open("rb") as lines:
        for line in lines:
            end += len(line)
            page = _Page(**json.loads(line[: line.index(b"\n")]))
            if page.name is not None:
                with opened(folder / PAGES / page.name, key) as content:
                    if hashlib.file_digest(content, "sha256").hexdigest() != page.sha256:  # type: ignore[arg-type]
                        return
            yield page, end
