"""The landing zone with a key: nothing readable on disk, everything readable with the key, nothing changed unnoticed."""

from __future__ import annotations

import base64
import io
import json
import os
from datetime import date, datetime
from pathlib import Path

import pytest

from petitions.landing import PLAIN, Landing, LandingError, Manifest
from petitions.model import BEIJING
from petitions.sealing import BLOCK, MARK, SealedReader, SealingWriter, Unsealable, load_key
from petitions.settings import CHECKOUT, Settings, SettingsError
from petitions.sources.base import Window
from tests.nightly.office import YEAR, County, state

KEY = bytes(range(32))
NOW = datetime(2023, 10, 25, 2, 30, tzinfo=BEIJING)
WINDOW = Window(NOW, NOW)
RAW = {"name": "李小明", "phone": "13800000001"}


def sealed(content: bytes) -> bytes:
    out = io.BytesIO()
    writer = SealingWriter(out, KEY)
    for start in range(0, len(content), 99_991):
        writer.write(content[start : start + 99_991])
    writer.finish()
    return out.getvalue()


def opened(content: bytes, key: bytes = KEY) -> bytes:
    return io.BufferedReader(SealedReader(io.BytesIO(content), key, "file")).read()  # type: ignore[type-var]


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_what_was_sealed_is_what_is_opened(size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content)) == content
    assert sealed(content) != sealed(content)  # a salt of its own


HEAD = len(MARK) + 16


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda whole: whole[:-1], id="cut off in a block"),
        pytest.param(lambda whole: whole[: HEAD + BLOCK + 16], id="cut off between blocks"),
        pytest.param(lambda whole: whole[:HEAD], id="nothing but the head"),
        pytest.param(lambda whole: whole + b"x", id="longer"),
        pytest.param(lambda whole: whole[:HEAD] + whole[HEAD + BLOCK + 16 :], id="a block left out"),
        pytest.param(lambda whole: whole[: HEAD + 5] + bytes([whole[HEAD + 5] ^ 1]) + whole[HEAD + 6 :], id="one bit"),
    ],
)
def test_a_change_is_noticed(change: object) -> None:
    whole = sealed(os.urandom(2 * BLOCK + 100))
    with pytest.raises(Unsealable, match="restore the key or the file"):
        opened(change(whole))  # type: ignore[operator]


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Unsealable):
        opened(sealed(b"x"), bytes(32))


@pytest.mark.parametrize(
    "told", [KEY.hex(), KEY.hex().upper() + "\n", base64.urlsafe_b64encode(KEY).decode(), " " + base64.b64encode(KEY).decode()]
)
def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    settings = Settings(tmp_path / "home", CHECKOUT / "config")
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    monkeypatch.setenv("AIRFLOW_CONN_PETITIONS_LANDING", json.dumps({"conn_type": "generic", "password": told}))
    assert load_key(settings) == KEY
    settings.secrets.mkdir(parents=True)
    (settings.secrets / "landing_key").write_text(bytes(32).hex(), encoding="ascii")
    assert load_key(settings) == bytes(32)  # the file goes first


@pytest.mark.parametrize("told", ["", "s3cr3t", KEY.hex()[:-2], base64.b64encode(bytes(31)).decode()])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, told: str) -> None:
    settings = Settings(tmp_path, CHECKOUT / "config")
    settings.secrets.mkdir()
    (settings.secrets / "landing_key").write_text(told, encoding="ascii")
    with pytest.raises(SettingsError, match="landing_key: expected a key of 32 bytes") as refused:
        load_key(settings)
    assert not told or told not in str(refused.value)


def land(landing: Landing, folder: Path) -> tuple[Manifest, Manifest]:
    """A batch of JSON lines and one of a file."""
    file = folder / "留言_20231024.csv"
    file.write_text("留言编号,留言用户\n1,李小明\n", encoding="utf-8")
    with landing.open_batch("provincial", WINDOW, WINDOW, started=NOW) as batch:
        batch.write([RAW] * 10_000)
        lines = batch.complete(fetched_at=NOW, platform_total=1)
    with landing.open_batch("online_politics", WINDOW, WINDOW, started=NOW) as batch:
        batch.copy(file, export_date=date(2023, 10, 24))
        return lines, batch.complete(fetched_at=NOW)


def test_a_landing_zone_with_a_key(tmp_path: Path) -> None:
    (plain_lines, plain_file), (lines, file) = (land(Landing(tmp_path / str(key), key), tmp_path) for key in (None, KEY))
    # The same content has the same hash, so that what was read stays known.
    assert (lines.files, file.files) == (plain_lines.files, plain_file.files)
    landing = Landing(tmp_path / str(KEY), KEY)
    assert [raw for _, _, raw in landing.lines(lines)] == [RAW] * 10_000
    for manifest in (lines, file):
        assert (landing.folder(manifest) / manifest.files[0].name).read_bytes().startswith(MARK)
    with landing.file(file, file.files[0]) as path:
        assert path.name == "留言_20231024.csv" and "李小明" in path.read_text(encoding="utf-8")
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(landing.root.glob(f"{PLAIN}*")) == []


def test_a_key_that_comes_later_and_one_that_is_lost(tmp_path: Path) -> None:
    before, _ = land(Landing(tmp_path / "zone"), tmp_path)
    after, _ = land(Landing(tmp_path / "zone", KEY), tmp_path)
    assert len([*Landing(tmp_path / "zone", KEY).lines(before), *Landing(tmp_path / "zone", KEY).lines(after)]) == 20_000
    with pytest.raises(LandingError, match="no landing key"):
        list(Landing(tmp_path / "zone").lines(after))
    with pytest.raises(LandingError, match="another key"):
        list(Landing(tmp_path / "zone", bytes(32)).lines(after))


def test_what_a_killed_look_left_in_plain_goes(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "zone", KEY)
    _, manifest = land(landing, tmp_path)
    left = landing.root / f"{PLAIN}killed"
    left.mkdir()
    (left / "x.csv").write_text("李小明", encoding="utf-8")
    with landing.file(manifest, manifest.files[0]) as path, landing.file(manifest, manifest.files[0]) as other:
        assert path != other and path.exists() and other.exists()  # who is at work is left alone
        assert not left.exists()


def test_a_year_with_a_key(demo_county: County, home: Path, loaded_year: object) -> None:
    office = demo_county.office(home)
    (home / "secrets" / "landing_key").write_text(KEY.hex(), encoding="ascii")
    assert office.run(*YEAR).code == 0
    landed = [path for path in (home / "landing").rglob("*") if path.is_file() and path.name != "manifest.json"]
    assert landed and all(path.read_bytes().startswith(MARK) for path in landed)
    assert state(office) == state(loaded_year)  # type: ignore[arg-type]
    before = state(office, knowledge=True)
    assert office.command("rebuild").code == 0
    assert state(office, knowledge=True) == before
    shown = office.command("quarantine", "show", office.quarantine()[0]["id"], "--format", "json").json
    assert shown["record"]
