"""Another landing key: all files open with the new one and not with the old one, whenever it was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from petitions import resealing
from petitions.landing import LandingError
from petitions.sealing import MARK
from tests.nightly.office import YEAR, County, Office, state

OLD, NEW = "11" * 32, "22" * 32


def with_key(office: Office, key: str) -> None:
    path = office.home / "secrets" / "landing_key"
    path.write_text(key, encoding="ascii")
    path.chmod(0o600)


def landed(office: Office) -> list[Path]:
    return [
        path for path in (office.home / "landing").rglob("*") if path.is_file() and path.name != "manifest.json" and path.suffix != ".lock"
    ]


def key_file(folder: Path, key: str) -> str:
    (folder / "key.old").write_text(key, encoding="ascii")
    return str(folder / "key.old")


def test_another_key_interrupted_and_again(loaded_year: Office, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = loaded_year.copy(home)
    files = len(landed(office))
    with_key(office, OLD)
    assert office.command("reseal").out == f"{files} files sealed, 0 had the key already\n"  # what was landed in plain
    assert all(path.read_bytes().startswith(MARK) for path in landed(office))
    before = {path: path.read_bytes() for path in landed(office)}

    with_key(office, NEW)
    half = landed(office)[: files // 2]
    stop_after(monkeypatch, len(half))
    with pytest.raises(KeyboardInterrupt):
        resealing.reseal(office.settings, Path(key_file(tmp_path, OLD)))
    monkeypatch.undo()
    ended = office.command("reseal", "--old-key", key_file(tmp_path, OLD))
    assert ended.out == f"{files - len(half)} files sealed, {len(half)} had the key already\n"
    assert {path.name for path in landed(office)} == {path.name for path in before}
    assert not [path for path, content in before.items() if path.read_bytes() == content]
    was = state(office)
    assert office.command("rebuild").code == 0
    assert state(office) == was


def stop_after(monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """The power fails in the middle of the next file."""
    finish, done = resealing.Kept.finish, []

    def some(kept: resealing.Kept) -> None:
        done.append(kept)
        if len(done) > files:
            raise KeyboardInterrupt
        finish(kept)

    monkeypatch.setattr(resealing.Kept, "finish", some)


def test_a_file_that_neither_key_opens_is_named(demo_county: County, home: Path, tmp_path: Path) -> None:
    office = demo_county.office(home)
    with_key(office, OLD)
    assert office.run(*YEAR, "--source", "visits").code == 0
    with_key(office, NEW)
    with pytest.raises(LandingError, match=r"visits-\d+T\d+: expected .*; give the key that it was sealed with"):
        resealing.reseal(office.settings, Path(key_file(tmp_path, "33" * 32)))


def test_a_home_without_a_key(loaded_year: Office) -> None:
    ended = loaded_year.command("reseal")
    assert ended.code == 2
    assert "landing key: expected one in secrets/landing_key" in ended.err
