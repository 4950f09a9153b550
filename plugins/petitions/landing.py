"""The landing zone: what a platform sent, unchanged and immutable, before anything looks at it.

``landing/<source>/<day>/<batch_id>/`` holds ``manifest.json`` and the files it lists: ``records.jsonl.gz`` with one raw record per line
in the order received, or the platform's own files as they are. A batch is there completely or not at all: it is written into
``<batch_id>.partial``, synced to disk, and renamed. The folder belongs to the service alone (0700, files 0600): this is raw personal data.
Where the home has a landing key (:mod:`petitions.sealing`) the files are encrypted; what was landed before stays readable. Sizes and
hashes in a manifest are those of the content, so that they are the same either way; the manifest itself names no person.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from petitions.model import BEIJING
from petitions.sealing import SealedReader, SealingWriter, Unsealable, is_sealed, load_key
from petitions.settings import Settings
from petitions.sources.base import LaneStopped, Raw, Window

CONTRACT_VERSION = 1
RECORDS = "records.jsonl.gz"
MANIFEST = "manifest.json"
# Where an encrypted file lies in plain while it is read; what a killed process left of it goes at the next look.
PLAIN = ".plain-"


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
    def open_batch(self, source: str, window: Window, asked: Window, *, started: datetime) -> Iterator[BatchWriter]:
        """A new batch to write into. It lands by :meth:`BatchWriter.complete`; left without that, nothing of it stays."""
        day = self.root / source / f"{started.astimezone(BEIJING):%Y-%m-%d}"
        for folder in (self.root, day.parent, day):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep(source)
        partial, held = _reserve(day, source, started)
        writer = BatchWriter(partial, source, window, asked, self._key)
        try:
            yield writer
        finally:
            writer.abandon()
            os.close(held)

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
        for entry in manifest.files:
            if entry.export_date is None:
                path = self._held_to(manifest, entry)
                with _opened(path, self._key) as content, gzip.open(content) as lines:
                    for number, line in enumerate(lines, 1):
                        yield entry.name, number, json.loads(line)

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
            with _opened(path, self._key) as content, _created(folder / entry.name) as plain:
                shutil.copyfileobj(content, plain, 1 << 20)
            yield folder / entry.name

    def remove(self, manifest: Manifest) -> None:
        """Take a batch out of the landing zone, for good. Killed in between, the next pull of its lane or removal finishes it."""
        folder = self.folder(manifest)
        gone = folder.with_name(f"{manifest.batch_id}.partial")
        folder.rename(gone)
        _sync_folder(gone.parent)
        shutil.rmtree(gone)
        with suppress(OSError):  # the day's last batch; other days' stay
            gone.parent.rmdir()

    def sweep(self, source: str) -> None:
        """Remove what killed runs left half written. A batch that a living process writes is locked and stays."""
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

    def __init__(self, folder: Path, source: str, window: Window, asked: Window, key: bytes | None = None) -> None:
        self.folder, self.source, self.window, self.asked, self._key = folder, source, window, asked, key
        self.batch_id = folder.name.removesuffix(".partial")
        self._lines: IO[bytes] | None = None
        self._raw: _Kept | None = None
        self._records = 0
        self._files: list[LandedFile] = []
        self._done = False

    def write(self, records: Iterable[Raw]) -> None:
        """Append raw records as JSON lines. Memory does not grow with the batch."""
        # Escaped, so that whatever a platform puts into a text stays one line and comes back as it was.
        self.write_lines(json.dumps(record, separators=(",", ":")).encode() for record in records)

    def write_lines(self, lines: Iterable[bytes]) -> None:
        """Append raw records that are JSON already, one to an item, without their line end."""
        if self._lines is None:
            self._raw = _Kept(self.folder / RECORDS, self._key)
            # No time stamp in the file: the same records make the same bytes.
            zipped = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0, compresslevel=6)
            self._lines = io.BufferedWriter(zipped)
        for line in lines:
            self._lines.write(line + b"\n")
            self._records += 1

    def copy(self, file: Path, *, export_date: date, origin: str | None = None) -> LandedFile:
        """Land a platform's own file, byte for byte, under its own name."""
        kept = _Kept(self.folder / file.name, self._key)
        try:
            with file.open("rb") as given:
                while part := given.read(1 << 20):
                    kept.write(part)
            kept.finish()
        finally:
            kept.close()
        entry = LandedFile(name=file.name, sha256=kept.sha256, bytes=kept.size, export_date=export_date, origin=origin)
        self._files.append(entry)
        return entry

    def complete(self, *, fetched_at: datetime, **told: Any) -> Manifest:
        """Write the manifest and make the batch appear. ``told`` are the manifest's remaining fields."""
        self._close_lines()
        manifest = Manifest(
            batch_id=self.batch_id,
            source=self.source,
            window_from=self.window.start,
            window_to=self.window.end,
            asked_from=self.asked.start,
            asked_to=self.asked.end,
            fetched_at=fetched_at,
            records=self._records if self._holds_lines() else None,
            files=tuple(self._files),
            **told,
        )
        with _created(self.folder / MANIFEST) as kept:
            kept.write(manifest.model_dump_json(indent=1).encode())
            _sync(kept)
        _sync_folder(self.folder)
        self.folder.rename(self.folder.with_name(self.batch_id))
        _sync_folder(self.folder.parent)
        self._done = True
        return manifest

    def abandon(self) -> None:
        """Remove what was written, unless the batch is complete."""
        if self._done:
            return
        for opened in (self._lines, self._raw):
            if opened is not None:
                with suppress(OSError, ValueError):
                    opened.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _holds_lines(self) -> bool:
        return all(entry.export_date is None for entry in self._files)

    def _close_lines(self) -> None:
        if self._lines is None or self._raw is None:
            return
        self._lines.close()  # the gzip stream; what it is written into stays open to be finished
        self._raw.finish()
        self._raw.close()
        self._files.insert(0, LandedFile(name=RECORDS, sha256=self._raw.sha256, bytes=self._raw.size, records=self._records))
        self._lines = None


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


# --- bytes on disk: the one place where landed files are opened ----------------------------------------------------------------


class _Kept:
    """A file being landed: sealed where there is a key; size and hash are those of the content."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._file = _created(path)
        self._seal = SealingWriter(self._file, key) if key else None
        self._digest, self.size = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, content: bytes) -> int:
        self._digest.update(content)
        self.size += len(content)
        return (self._seal or self._file).write(content)

    def flush(self) -> None:
        self._file.flush()

    def finish(self) -> None:
        """Nothing more comes; on disk afterwards."""
        if self._seal:
            self._seal.finish()
        _sync(self._file)

    def close(self) -> None:
        self._file.close()


def _created(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _opened(path: Path, key: bytes | None) -> IO[bytes]:
    """The content of a landed file, from its begin."""
    content = path.open("rb")
    if not is_sealed(content):
        return content
    if key is None:
        content.close()
        raise LandingError(
            f"{path.parent.name}: {path.name} is encrypted and this home has no landing key; "
            "restore secrets/landing_key or the connection petitions_landing"
        )
    return io.BufferedReader(SealedReader(content, key, f"{path.parent.name}: {path.name}"), 1 << 20)  # type: ignore[type-var]


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _sha256(path: Path, key: bytes | None) -> str:
    with _opened(path, key) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]


def _hold_to(entry: LandedFile, path: Path, batch_id: str, key: bytes | None) -> None:
    try:
        found = _sha256(path, key)
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
