"""The copy of the embedded warehouse that readers open. It is replaced by rename: a reader sees the old one or the new one, never a half.

A whole copy costs what has piled up. So the copy before the last is kept as a spare: it gets the blocks in which it differs from the
warehouse and becomes the new copy, which costs what a night changed. A reader holds a lock on the copy it reads; a spare that
somebody still reads is left to them, and a whole copy is made.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# DuckDB's file: three headers of 4096 bytes, then blocks that begin with the checksum of what they hold.
HEADERS, BLOCK, CHECKSUM = 3 * 4096, 256 * 1024, 8
# So many checksums of either file are asked for before the first is waited for: a disk answers many questions at once sooner than in turn.
_AHEAD = 256


def path(file: Path) -> Path:
    """Where the copy of a warehouse file is."""
    return file.with_suffix(".published" + file.suffix)


def publish(file: Path) -> int:
    """Put what the file holds before readers. For the writer, whose lock keeps others out, after it has closed the file.

    :returns: how many bytes were written.
    """
    aside = file.with_suffix(f".{os.getpid()}.tmp")
    written = _brought_up_to_date(file, aside)
    if written is None:
        aside.unlink(missing_ok=True)
        shutil.copyfile(file, aside)
        written = file.stat().st_size
    if path(file).exists():
        os.link(path(file), _spare(file))
    aside.replace(path(file))
    return written


def restore(file: Path) -> bool:
    """Where the warehouse is gone, the copy takes its place: all that was loaded until it was published. For the writer, under its lock.

    :returns: whether it was so.
    """
    if file.exists() or not path(file).exists():
        return False
    aside = file.with_suffix(f".{os.getpid()}.tmp")
    shutil.copyfile(path(file), aside)
    aside.replace(file)
    return True


@contextmanager
def held(file: Path) -> Iterator[Path]:
    """The copy to be read, for as long as the block lasts: a path that leads to it even when it is replaced meanwhile.

    :raises FileNotFoundError: where nothing was published yet.
    """
    copy = os.open(path(file), os.O_RDONLY)
    try:
        fcntl.flock(copy, fcntl.LOCK_SH)
        while not _is(copy, path(file)):  # replaced before it was locked
            os.close(copy)
            copy = os.open(path(file), os.O_RDONLY)
            fcntl.flock(copy, fcntl.LOCK_SH)
        yield Path(f"/dev/fd/{copy}")  # Linux and macOS both have it
    finally:
        os.close(copy)


def _spare(file: Path) -> Path:
    return file.with_suffix(".spare" + file.suffix)


def _is(descriptor: int, name: Path) -> bool:
    return os.path.samestat(os.fstat(descriptor), name.stat())


def _brought_up_to_date(file: Path, aside: Path) -> int | None:
    """The spare, moved to ``aside`` and made equal to the file: the bytes written. None where there is none that may be written."""
    with suppress(FileNotFoundError):
        _spare(file).replace(aside)
        # One that was killed between the two renames leaves the spare and the copy one file.
        if not (path(file).exists() and path(file).samefile(aside)):
            with file.open("rb") as now, aside.open("r+b") as then:
                if _is_free(then.fileno()):
                    return _patch(now.fileno(), then.fileno())
    return None


def _is_free(copy: int) -> bool:
    try:
        fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)  # readers of ours
        fcntl.lockf(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)  # other programs: DuckDB's own lock
    except OSError:
        return False
    return True


def _patch(now: int, then: int) -> int:
    size, written = os.fstat(now).st_size, 0
    os.ftruncate(then, size)
    os.pwrite(then, os.pread(now, HEADERS, 0), 0)
    blocks = range(HEADERS, size, BLOCK)
    for first in range(0, len(blocks), _AHEAD):
        some = blocks[first : first + _AHEAD]
        _announce(some, now, then)
        for at in some:
            if os.pread(now, CHECKSUM, at) != os.pread(then, CHECKSUM, at):
                written += os.pwrite(then, os.pread(now, BLOCK, at), at)
    return HEADERS + written


def _announce(blocks: range, *files: int) -> None:
    if hasattr(os, "posix_fadvise"):  # not on macOS
        for file in files:
            for at in blocks:
                os.posix_fadvise(file, at, CHECKSUM, os.POSIX_FADV_WILLNEED)
