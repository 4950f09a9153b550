"""Encryption of landed files at rest: AES-256-GCM in blocks, so that a file of any size is written and read in flat memory.

A sealed file begins with a mark and a salt. Its key comes from the home's key and the salt (HKDF-SHA256); each block has its number and
"last or not" in its nonce, so that no block can be changed, moved, left out or cut off unnoticed (the STREAM construction).
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
from typing import IO, TYPE_CHECKING

from petitions.settings import Settings, SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: No file that a platform sends begins like this.
MARK = b"\x93petitions sealed 1\n"
BLOCK = 1 << 18
_SALT_BYTES, _TAG_BYTES = 16, 16
_CURE = "a key is made with `python -c 'import base64,os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'`"


class Unsealable(Exception):
    """Sealed content that cannot be read; the message says why and what to do."""


def load_key(settings: Settings) -> bytes | None:
    """The key of a home's landing zone: ``secrets/landing_key``, else the password of the connection ``petitions_landing``, else None.

    :raises SettingsError: where it is there and is no key.
    """
    path = settings.secrets / "landing_key"
    if path.exists():
        return read_key(path.read_text(encoding="utf-8", errors="replace"), str(path))
    from petitions import connections

    try:
        told = connections.get("petitions_landing")
    except connections.ConnectionMissing:
        return None
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return read_key(told.password or "", "connection petitions_landing, password")


def read_key(told: str, where: str) -> bytes:
    """32 bytes, written as 64 hex digits or as Fernet keys are; ``where`` it stands, for the message.

    :raises SettingsError: for anything else.
    """
    text = told.strip()
    try:
        key = bytes.fromhex(text) if re.fullmatch(r"[0-9a-fA-F]{64}", text) else base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise SettingsError(f"{where}: expected a key of 32 bytes as base64 or 64 hex digits, found {len(text)} characters; {_CURE}")
    return key


class SealingWriter(io.RawIOBase):
    """Seals what is written into ``out``, which stays open. Only :meth:`finish` makes it whole."""

    def __init__(self, out: IO[bytes], key: bytes) -> None:
        salt = os.urandom(_SALT_BYTES)
        self._out, self._cipher, self._count, self._held = out, _cipher(key, salt), 0, bytearray()
        out.write(MARK + salt)

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._held += content
        while len(self._held) > BLOCK:
            self._seal(bytes(self._held[:BLOCK]), last=False)
            del self._held[:BLOCK]
        return len(content)

    def finish(self) -> None:
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, block: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._count, last), block, None))
        self._count += 1


class SealedReader(io.RawIOBase):
    """Reads a sealed file from its begin; wrap it in a BufferedReader.

    :raises Unsealable: where the key is another, or the file was changed or cut off.
    """

    def __init__(self, content: IO[bytes], key: bytes, name: str) -> None:
        self._content, self._name, self._count = content, name, 0
        content.seek(len(MARK))
        self._cipher = _cipher(key, content.read(_SALT_BYTES))
        self._block = memoryview(b"")
        self._ahead = content.read(BLOCK + _TAG_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray) -> int:  # type: ignore[override]
        while not self._block and (self._ahead or not self._count):
            self._open()
        size = min(len(target), len(self._block))
        target[:size], self._block = self._block[:size], self._block[size:]
        return size

    def close(self) -> None:
        self._content.close()
        super().close()

    def _open(self) -> None:
        from cryptography.exceptions import InvalidTag

        sealed, self._ahead = self._ahead, self._content.read(BLOCK + _TAG_BYTES)
        try:
            self._block = memoryview(self._cipher.decrypt(_nonce(self._count, not self._ahead), sealed, None))
        except (InvalidTag, ValueError):
            raise Unsealable(
                f"{self._name}: expected a whole file sealed with this home's landing key, found another key or a changed file; "
                "restore the key or the file from the backup"
            ) from None
        self._count += 1


def is_sealed(content: IO[bytes]) -> bool:
    """Whether a file, open at its begin, is sealed. It stands at its begin afterwards."""
    found = content.read(len(MARK)) == MARK
    content.seek(0)
    return found


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    # Imported here: a home without a key does without.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), 32, salt, b"petitions landing zone").derive(key))


def _nonce(count: int, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])
