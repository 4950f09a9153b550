"""The landing zone: what a platform sent, unchanged and immutable, before anything looks at it.

``landing/<source>/<day>/<batch_id>/`` holds ``manifest.json`` and the files it lists: ``records.jsonl.gz`` with one raw record per line
in the order received, or the platform's own files as they are. A batch is there completely or not at all: it is written into
``<batch_id>.partial``, synced to disk, and renamed. A pull that broke is gone on with by the next one of its question
(:mod:`petitions.journal`). The folder belongs to the service alone (0700, files 0600): this is raw personal data.
Where the home has a landing key (:mod:`petitions.sealing`) the files are encrypted; what was landed before stays readable. Sizes and
hashes in a manifest are those of the content, so that they are the same either way; the manifest itself names no person.
"""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Literal

from isal import igzip
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from petitions.journal import JOURNAL, PAGES, QUESTION, Journal, Note, Question, question_of
from petitions.landed_bytes import Kept, created, opened, sha256, sync, sync_folder
from petitions.model import BEIJING
from petitions.said import printed
from petitions.sealing import Unsealable, is_sealed, load_key
from petitions.settings import Settings
from petitions.sources.base import LaneDown, LaneStopped, Raw, Window

log = logging.getLogger("petitions.landing")

CONTRACT_VERSION = 1
RECORDS = "records.jsonl.gz"
MANIFEST = "manifest.json"
# Where an encrypted file lies in plain while it is read; what a killed process left of it goes at the next look.
PLAIN = ".plain-"
# A pull that broke is gone on with for so long after its last page; what was read earlier than that is read anew.
RESUMABLE = timedelta(hours=3)


class LandingError(LaneStopped):
    """A landed batch is not what its manifest says; the message names the batch and what differs."""


class LandedFile(BaseModel):
    """One file of a batch. ``export_date`` is set for the platform's own files; their records are counted by the checks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    bytes: int
    records: int | None = None
    export_date: date | None = None
    origin: str | None = None


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["yellow", "red"]
    text: str
    printed: str | None = None

    @classmethod
    def of(cls, level: Literal["yellow", "red"], text: str) -> Message:
        return cls(level=level, text=text, printed=printed(text))


class Manifest(BaseModel):
    """What a batch holds and how it came about. Times are Beijing time, whole seconds.

    ``window_from``/``window_to`` is what the run was asked for, ``asked_from``/``asked_to`` what the platform was asked for (with the
    look-back, and no further than the moment of the pull). ``platform_total`` is null where only the checks can tell it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    source: str
    window_from: datetime
    window_to: datetime
    asked_from: datetime
    asked_to: datetime
    fetched_at: datetime
    contract_version: int = CONTRACT_VERSION
    platform_total: int | None = None
    numbers_asked: int = 0
    numbers_answered: int = 0
    not_answered: tuple[str, ...] = ()
    records: int | None = None
    files: tuple[LandedFile, ...] = ()
    messages: tuple[Message, ...] = Field(default=())


class Landing:
    """The landing zone of one home."""

    def __init__(self, folder: Path, key: bytes | None = None) -> None:
        self.root, self._key = folder, key

    @classmethod
    def of(cls, settings: Settings) -> Landing:
        """:raises SettingsError: where the home's landing key is none."""
        return cls(settings.landing, load_key(settings))

    @contextmanager
    def open_batch(self, source: str, window: Window, asked: Window, *, started: datetime, afresh: bool = False) -> Iterator[BatchWriter]:
        """A batch to write into: that of a pull of this question that broke, else a new one (always where ``afresh``).

        It lands by :meth:`BatchWriter.complete`. Left without that, the pull can be gone on with where it has told how (:class:`LaneDown`,
        or the process ended); after any other :class:`LaneStopped`, or without a note, nothing of it stays.
        """
        day = self.root / source / f"{started.astimezone(BEIJING):%Y-%m-%d}"
        for folder in (self.root, day.parent, day):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        question = Question(
            contract_version=CONTRACT_VERSION,
            window_from=window.start,
            window_to=window.end,
            asked_from=asked.start,
            asked_to=asked.end,
            started=started,
        )
        broken = None if afresh else self._take_up(source, question)
        self.sweep(source)
        partial, held = broken or _reserve(day, source, started)
        writer = BatchWriter(partial, source, question, self._key, goes_on=broken is not None)
        try:
            yield writer
        except LaneStopped as stopped:
            if not isinstance(stopped, LaneDown):
                writer.abandon()
            raise
        finally:
            writer.leave()
            os.close(held)

    def broken(self, source: str, now: datetime) -> list[tuple[Path, Question]]:
        """The pulls of a lane that broke and can be gone on with at ``now``, the newest first.

        Not one whose last page is older than :data:`RESUMABLE`, nor one that began before a batch of the lane that is complete by now:
        what it has read could be older than what that batch holds, and would be known later.
        """
        found = []
        for partial in sorted(self.root.glob(f"{source}/*/*.partial"), reverse=True):
            question = question_of(partial)
            with suppress(OSError):
                last = datetime.fromtimestamp((partial / JOURNAL).stat().st_mtime, BEIJING)
                if question and now - last <= RESUMABLE and not _is_held(partial):
                    found.append((partial, question))
        newest = max((batch.fetched_at for batch in self.batches(source)), default=None) if found else None
        return [one for one in found if newest is None or newest < one[1].started.replace(microsecond=0)]

    def _take_up(self, source: str, question: Question) -> tuple[Path, int] | None:
        """The folder of a pull of this question that broke, locked by us."""
        for partial, asked in self.broken(source, question.started):
            if asked.is_that_of(question) and asked.asked_to <= question.asked_to:
                with suppress(OSError):
                    held = os.open(partial, os.O_RDONLY)
                    try:
                        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        if os.path.samestat(os.fstat(held), partial.stat()):
                            return partial, held
                    except OSError:
                        pass  # another pull was quicker
                    os.close(held)
        return None

    def batches(self, source: str | None = None) -> list[Manifest]:
        """The manifests of all complete batches, in the order of (``fetched_at``, ``batch_id``)."""
        found = self.root.glob(f"{source or '*'}/*/*/{MANIFEST}")
        manifests = [_read_manifest(path) for path in found if not path.parent.name.endswith(".partial")]
        return sorted(manifests, key=lambda manifest: (manifest.fetched_at, manifest.batch_id))

    def batch(self, batch_id: str) -> Manifest:
        """:raises LandingError: where no such batch landed."""
        return _read_manifest(self._folder(batch_id) / MANIFEST)

    def folder(self, manifest: Manifest) -> Path:
        return self._folder(manifest.batch_id)

    def lines(self, manifest: Manifest) -> Iterator[tuple[str, int, Raw]]:
        """(file, line from 1, raw record) of the batch's JSON lines. The platform's own files are read by their source.

        :raises LandingError: where a file is not what was landed.
        """
        for name, first, block, _ in self.blocks(manifest, 1_000):
            for number, line in enumerate(io.BytesIO(block), first):
                yield name, number, json.loads(line)

    def blocks(self, manifest: Manifest, size: int) -> Iterator[tuple[str, int, bytes, int]]:
        """(file, first line, at most ``size`` lines as they were landed, how many) of the batch's JSON lines.

        :raises LandingError: where a file is not what was landed.
        """
        for entry in manifest.files:
            if entry.export_date is None:
                path, first = self._held_to(manifest, entry), 1
                with opened(path, self._key) as content, igzip.open(content) as lines:
                    for block, count in _blocks(lines, size):
                        yield entry.name, first, block, count
                        first += count

    @contextmanager
    def file(self, manifest: Manifest, entry: LandedFile) -> Iterator[Path]:
        """A platform's own file under its own name, as long as the block lasts: where it is encrypted, a private copy in plain.

        :raises LandingError: where the file is not what was landed.
        """
        path = self._held_to(manifest, entry)
        with path.open("rb") as content:
            sealed = is_sealed(content)
        if not sealed:
            yield path
            return
        self._sweep(f"{PLAIN}*")
        with _own_folder(self.root) as folder:
            with opened(path, self._key) as content, created(folder / entry.name) as plain:
                shutil.copyfileobj(content, plain, 1 << 20)
            yield folder / entry.name

    def remove(self, manifest: Manifest) -> None:
        """Take a batch out of the landing zone, for good. Killed in between, the next pull of its lane or removal finishes it."""
        folder = self.folder(manifest)
        gone = folder.with_name(f"{manifest.batch_id}.partial")
        folder.rename(gone)
        sync_folder(gone.parent)
        shutil.rmtree(gone)
        with suppress(OSError):  # the day's last batch; other days' stay
            gone.parent.rmdir()

    def sweep(self, source: str) -> None:
        """Remove what broken pulls left. A batch that a living process writes is locked and stays."""
        self._sweep(f"{source}/*/*.partial")

    def _sweep(self, pattern: str) -> None:
        for partial in self.root.glob(pattern):
            with suppress(OSError):
                held = os.open(partial, os.O_RDONLY)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(partial)
                finally:
                    os.close(held)

    def _held_to(self, manifest: Manifest, entry: LandedFile) -> Path:
        path = self.folder(manifest) / entry.name
        _hold_to(entry, path, manifest.batch_id, self._key)
        return path

    def _folder(self, batch_id: str) -> Path:
        source = batch_id.rpartition("-")[0]
        found = [path for path in self.root.glob(f"{source}/*/{batch_id}") if (path / MANIFEST).exists()] if source else []
        if not found:
            raise LandingError(f"batch {batch_id}: expected a folder {source or '<source>'}/<day>/{batch_id} in {self.root}, found none")
        return found[0]


class BatchWriter:
    """A batch being written."""

    def __init__(self, folder: Path, source: str, question: Question, key: bytes | None = None, *, goes_on: bool = False) -> None:
        self.folder, self.source, self._key = folder, source, key
        self.batch_id = folder.name.removesuffix(".partial")
        self._journal = Journal.resume(folder, key) if goes_on else Journal.begin(folder, key, question)
        # What was asked for once is asked for to its end, also where the window could be asked for further by now.
        self._question = (question_of(folder) if goes_on else None) or question
        self._files: list[LandedFile] = []
        self._done = False
        if goes_on:
            log.info("%s: goes on with batch %s behind %d records", source, self.batch_id, self._journal.records)

    @property
    def asked(self) -> Window:
        """What the platform is asked for."""
        return Window(self._question.asked_from, self._question.asked_to)

    @property
    def notes(self) -> list[Note]:
        """What a pull that broke had told, in order; none in a new batch."""
        return self._journal.notes

    def landed(self) -> Iterator[Raw]:
        """The raw records written so far, in the order received."""
        return self._journal.landed()

    def write(self, records: Iterable[Raw], note: Note | None = None) -> None:
        """Append a page of raw records. Memory does not grow with the batch. With ``note`` a pull that breaks can go on behind it."""
        self.write_lines(map(_line, records), note)

    def write_lines(self, lines: Iterable[bytes], note: Note | None = None) -> None:
        """Append a page of raw records that are JSON already, one to an item, without their line end."""
        self._journal.write(lines, note)

    def note(self, note: Note) -> None:
        """Append a note without records."""
        self._journal.note(note)

    def copy(self, file: Path, *, export_date: date, origin: str | None = None) -> LandedFile:
        """Land a platform's own file, byte for byte, under its own name."""
        kept = Kept(self.folder / file.name, self._key)
        try:
            with file.open("rb") as given:
                kept.copy(given)
            kept.finish()
        finally:
            kept.close()
        entry = LandedFile(name=file.name, sha256=kept.sha256, bytes=kept.size, export_date=export_date, origin=origin)
        self._files.append(entry)
        return entry

    def complete(self, *, fetched_at: datetime, **told: Any) -> Manifest:
        """Write the manifest and make the batch appear. ``told`` are the manifest's remaining fields."""
        self._join_pages()
        manifest = Manifest(
            batch_id=self.batch_id,
            source=self.source,
            window_from=self._question.window_from,
            window_to=self._question.window_to,
            asked_from=self._question.asked_from,
            asked_to=self._question.asked_to,
            fetched_at=fetched_at,
            records=self._journal.records if self._holds_lines() else None,
            files=tuple(self._files),
            **told,
        )
        with created(self.folder / MANIFEST) as kept:
            kept.write(manifest.model_dump_json(indent=1).encode())
            sync(kept)
        sync_folder(self.folder)
        self.folder.rename(self.folder.with_name(self.batch_id))
        sync_folder(self.folder.parent)
        self._done = True
        return manifest

    def abandon(self) -> None:
        """Remove what was written, unless the batch is complete."""
        self._journal.close()
        if not self._done:
            shutil.rmtree(self.folder, ignore_errors=True)

    def leave(self) -> None:
        """Nothing more comes from this process: what is not complete stays only where a pull can go on with it."""
        self._journal.close()
        if not self._done and not self._journal.notes:
            self.abandon()

    def _holds_lines(self) -> bool:
        return all(entry.export_date is None for entry in self._files)

    def _join_pages(self) -> None:
        """One file of records in place of the pages; the journal goes first, so that a kill in between leaves nothing to go on with."""
        self._journal.close()
        if self._journal.pages:
            whole = self._journal.join(self.folder / RECORDS)
            self._files.insert(0, LandedFile(name=RECORDS, sha256=whole.sha256, bytes=whole.size, records=self._journal.records))
        for name in (JOURNAL, QUESTION):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / PAGES)


def _line(record: Raw) -> bytes:
    """One line of JSON that comes back as it was. Half a pair of surrogates is no text in UTF-8: then everything is escaped."""
    try:
        return _JSON(record).encode()
    except UnicodeEncodeError:
        return _ESCAPED(record).encode()


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_ESCAPED = json.JSONEncoder(separators=(",", ":")).encode


def _blocks(lines: IO[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    """Blocks of at most ``size`` lines, and how many; they are counted and not taken apart, which costs more than to unpack them."""
    held: list[bytes] = []
    count = 0
    while piece := lines.read(1 << 20):
        ends = piece.count(b"\n")
        while count + ends >= size:
            place = 0
            for _ in range(size - count):
                place = piece.index(b"\n", place) + 1
            yield b"".join([*held, piece[:place]]), size
            held, count, ends, piece = [], 0, ends - (size - count), piece[place:]
        held.append(piece)
        count += ends
    if rest := b"".join(held):
        yield rest, count + (not rest.endswith(b"\n"))


def _is_held(partial: Path) -> bool:
    """Whether a living process writes the batch."""
    held = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(held)
    return False


def _reserve(day: Path, source: str, started: datetime) -> tuple[Path, int]:
    """A partial folder that is ours: named by the moment, moved on where that is taken, and locked as long as we live."""
    moment = started.astimezone(UTC)
    while True:
        batch_id = f"{source}-{moment:%Y%m%dT%H%M%S%f}"
        partial = day / f"{batch_id}.partial"
        moment += timedelta(microseconds=1)
        if (day / batch_id).exists():
            continue
        try:
            partial.mkdir(mode=0o700)
            held = os.open(partial, os.O_RDONLY)
        except (FileExistsError, FileNotFoundError):
            continue
        fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(held), partial.stat()):
                return partial, held
        os.close(held)  # somebody swept it away before it was locked


@contextmanager
def _own_folder(root: Path) -> Iterator[Path]:
    """A folder for content in plain, locked as long as we live and gone afterwards."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PLAIN, dir=root))  # 0700
        with suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists():
                break
            os.close(held)  # somebody swept it away before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _hold_to(entry: LandedFile, path: Path, batch_id: str, key: bytes | None) -> None:
    try:
        found = sha256(path, key)
    except FileNotFoundError:
        raise LandingError(f"batch {batch_id}: expected {entry.name}, found no such file; restore it, or fetch the window again") from None
    except Unsealable as error:
        raise LandingError(str(error)) from None
    if found != entry.sha256:
        raise LandingError(
            f"batch {batch_id}: expected {entry.name} with sha256 {entry.sha256[:12]}…, found {found[:12]}…; "
            "restore the file, or fetch the window again (--refetch)"
        )


def _read_manifest(path: Path) -> Manifest:
    try:
        with path.open("rb") as content:
            return Manifest.model_validate_json(content.read())
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False, include_input=False)
        )
        raise LandingError(f"{path}: not a manifest of contract version {CONTRACT_VERSION}: {told}") from None
