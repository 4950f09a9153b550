"""Bytes of the landing zone on disk: the one place where landed files are made and opened, sealed where the home has a landing key."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import IO

from petitions.sealing import SealedReader, SealingWriter, Unsealable, is_sealed


class Kept:
    """A file being landed: sealed where there is a key; size and hash are those of the content."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._file = created(path)
        self._seal = SealingWriter(self._file, key) if key else None
        self._digest, self.size = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, content: bytes) -> int:
        self._digest.update(content)
        self.size += len(content)
        return (self._seal or self._file).write(content)

    def copy(self, content: IO[bytes]) -> None:
        """Take over what another file holds, in flat memory."""
        while part := content.read(1 << 20):
            self.write(part)

    def flush(self) -> None:
        self._file.flush()

    def finish(self) -> None:
        """Nothing more comes; on disk afterwards."""
        self.seal()
        sync(self._file)
        self._file.close()

    def seal(self) -> None:
        """Nothing more comes; whole for whoever reads it, on disk when the system gets to it."""
        if self._seal:
            self._seal.finish()
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def created(path: Path) -> IO[bytes]:
    """A new file for the service alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def opened(path: Path, key: bytes | None) -> IO[bytes]:
    """The content of a landed file, from its begin.

    :raises Unsealable: where it is encrypted and there is no key; on reading, where the key is another or the file was changed.
    """
    content = path.open("rb")
    if not is_sealed(content):
        return content
    if key is None:
        content.close()
        raise Unsealable(
            f"{path.parent.name}: {path.name} is encrypted and this home has no landing key; "
            "restore secrets/landing_key or the connection petitions_landing"
        )
    return io.BufferedReader(SealedReader(content, key, f"{path.parent.name}: {path.name}"), 1 << 20)  # type: ignore[type-var]


def sha256(path: Path, key: bytes | None) -> str:
    with opened(path, key) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]


def sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
