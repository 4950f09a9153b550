"""Another landing key: every landed file is sealed anew with the key that the home has now.

Files are replaced one by one, by rename: interrupted, or with pulls at work meanwhile, each file is whole under the one key or the other,
and doing it again does what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from petitions.landed_bytes import Kept, opened, sha256, sync_folder
from petitions.landing import Landing, LandingError
from petitions.progress import counted
from petitions.sealing import Unsealable, is_sealed, load_key, read_key
from petitions.settings import Settings, SettingsError

_ASIDE = ".reseal"


@dataclass(frozen=True)
class Resealed:
    """How many files were sealed anew, and how many had the home's key already."""

    files: int
    as_they_were: int


def reseal(settings: Settings, old_key: Path | None) -> Resealed:
    """
    :param old_key: a file with the key of before; None: only files in plain are sealed.
    :raises SettingsError: where a key is none, or the home has none.
    :raises LandingError: for the first file that neither key opens; those before it are done.
    """
    new = load_key(settings)
    if new is None:
        raise SettingsError(
            "landing key: expected one in secrets/landing_key or the connection petitions_landing, found none; put it there"
        )
    old = read_key(old_key.read_text(encoding="utf-8", errors="replace"), str(old_key)) if old_key else None
    landing, done, kept = Landing.of(settings), 0, 0
    batches = landing.batches()
    for manifest in counted(batches, "batches", len(batches)):
        folder = landing.folder(manifest)
        for left in folder.glob(f"*{_ASIDE}"):
            left.unlink()
        for entry in manifest.files:
            if _seal(folder / entry.name, entry.sha256, old, new):
                done += 1
            else:
                kept += 1
        sync_folder(folder)
    return Resealed(done, kept)


def _seal(path: Path, wanted: str, old: bytes | None, new: bytes) -> bool:
    """Whether the file had to be sealed anew. ``wanted`` is the sha256 of its content."""
    with path.open("rb") as content:
        in_plain = not is_sealed(content)
    if not in_plain and _opens(path, wanted, new):
        return False
    if not _opens(path, wanted, old):
        raise LandingError(
            f"{path.parent.name}: expected {path.name} in plain or sealed with the key given; give the key that it was sealed with"
        )
    aside = Kept(path.with_name(path.name + _ASIDE), new)
    with opened(path, old) as content:
        aside.copy(content)
    aside.finish()
    path.with_name(path.name + _ASIDE).replace(path)
    return True


def _opens(path: Path, wanted: str, key: bytes | None) -> bool:
    try:
        return sha256(path, key) == wanted
    except Unsealable:
        return False
