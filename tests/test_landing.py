"""The landing zone: complete or not at all, unchanged, unreadable for others."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petitions import landing as landing_module
from petitions.journal import Note
from petitions.landing import RECORDS, Landing, LandingError, Manifest
from petitions.model import BEIJING
from petitions.settings import CHECKOUT
from petitions.sources.base import LaneDown, Raw, Window

NOW = datetime(2023, 10, 25, 2, 30, 0, 123456, tzinfo=BEIJING)
WINDOW = Window(datetime(2023, 10, 24, tzinfo=BEIJING), datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING))
ODD: list[Raw] = [
    {"no": "1", "text": "行一\n行二\u2028\x00\r\t", "nested": {"a": [1, 2.5, None, True]}},
    {"no": "2", "text": "\ud800 alone", "big": 12345678901234567890},
    {},
]


def land(
    landing: Landing, records: list[Raw], *, started: datetime = NOW, fetched_at: datetime = NOW, source: str = "provincial"
) -> Manifest:
    with landing.open_batch(source, WINDOW, WINDOW, started=started) as batch:
        for record in records:
            batch.write([record])
        return batch.complete(fetched_at=fetched_at, platform_total=len(records))


def test_records_come_back_as_they_were_sent(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    manifest = land(landing, ODD)
    assert [raw for _, _, raw in landing.lines(manifest)] == ODD
    assert [(name, line) for name, line, _ in landing.lines(manifest)] == [(RECORDS, 1), (RECORDS, 2), (RECORDS, 3)]
    assert (manifest.records, manifest.files[0].records) == (3, 3)
    assert landing.folder(manifest) == tmp_path / "landing/provincial/2023-10-25" / manifest.batch_id
    assert landing.batch(manifest.batch_id) == manifest


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = (land(Landing(tmp_path / name), ODD, started=NOW + timedelta(hours=hours)) for hours, name in enumerate("ab"))
    assert first.files == second.files


def test_an_empty_batch_is_a_batch(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    manifest = land(landing, [])
    assert (manifest.records, manifest.files, list(landing.lines(manifest))) == (0, (), [])


def test_a_file_is_landed_byte_for_byte(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    given = tmp_path / "网络问政_20231024.xlsx"
    given.write_bytes(content)
    landing = Landing(tmp_path / "landing")
    with landing.open_batch("online_politics", WINDOW, WINDOW, started=NOW) as batch:
        batch.copy(given, export_date=date(2023, 10, 24))
        manifest = batch.complete(fetched_at=NOW)
    entry = manifest.files[0]
    assert (landing.folder(manifest) / given.name).read_bytes() == content
    assert (entry.sha256, entry.bytes, entry.export_date) == (hashlib.sha256(content).hexdigest(), len(content), date(2023, 10, 24))
    assert manifest.records is None and manifest.platform_total is None
    assert list(landing.lines(manifest)) == []


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        land(Landing(tmp_path / "landing"), ODD)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "landing", *(tmp_path / "landing").rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_pull_that_fails_leaves_nothing(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    with pytest.raises(RuntimeError), landing.open_batch("provincial", WINDOW, WINDOW, started=NOW) as batch:
        batch.write(ODD)
        raise RuntimeError
    assert landing.batches() == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_killed_pull_leaves_nothing_that_counts_and_the_next_one_sweeps_it_away(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from datetime import datetime; from petitions.landing import Landing\n"
        "from petitions.model import BEIJING; from petitions.sources.base import Window\n"
        "now = datetime(2023, 10, 25, tzinfo=BEIJING)\n"
        "with Landing(Path(sys.argv[1])).open_batch('provincial', Window(now, now), Window(now, now), started=now) as batch:\n"
        "    batch.write([{'no': '1'}]); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")}, check=False
    )
    landing = Landing(tmp_path)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob("*.partial"))) == 1
    assert landing.batches() == []
    land(landing, ODD)
    assert list(tmp_path.rglob("*.partial")) == []
    assert len(landing.batches()) == 1


NOTED = {"resume": "behind the first"}


def broken(landing: Landing, *, records: int = 3, window: Window = WINDOW, started: datetime = NOW) -> Path:
    """The folder of a pull that wrote some pages of one record with notes, and one without, and then lost its platform."""
    with pytest.raises(LaneDown), landing.open_batch("provincial", window, window, started=started) as batch:
        for place in range(records):
            batch.write([{"no": str(place)}], NOTED | {"place": place})
        batch.write([{"no": "without a note"}])
        raise LaneDown("away")
    (partial,) = landing.root.rglob("*.partial")
    return partial


def gone_on(landing: Landing, *, window: Window = WINDOW, started: datetime = NOW + timedelta(hours=1)) -> tuple[list[str], list[Note]]:
    """What the next pull finds landed, with what notes. It lands one record more."""
    with landing.open_batch("provincial", window, window, started=started) as batch:
        found, notes = [raw["no"] for raw in batch.landed()], batch.notes
        batch.write([{"no": "last"}])
        manifest = batch.complete(fetched_at=started)
    assert [raw["no"] for _, _, raw in landing.lines(manifest)] == [*found, "last"]
    assert manifest.records == len(found) + 1
    assert {path.name for path in landing.folder(manifest).iterdir()} == {"manifest.json", RECORDS}
    assert list(landing.root.rglob("*.partial")) == []
    return found, notes


@pytest.mark.parametrize("key", [None, bytes(32)])
def test_a_pull_that_broke_is_gone_on_with_behind_its_last_note(tmp_path: Path, key: bytes | None) -> None:
    landing = Landing(tmp_path, key)
    partial = broken(landing)
    assert landing.batches() == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in partial.rglob("*") if path.is_file()} == {0o600}
    found, notes = gone_on(landing)
    assert found == ["0", "1", "2"]
    assert notes[-1] == NOTED | {"place": 2}
    assert landing.batches()[0].batch_id == partial.name.removesuffix(".partial")


def cut_line(partial: Path) -> None:
    """In the third of four lines."""
    journal = partial / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:-1])


def cut_page(partial: Path) -> None:
    page = partial / "pages" / "000003"
    page.write_bytes(page.read_bytes()[:-3])


def lose_page(partial: Path) -> None:
    (partial / "pages" / "000003").unlink()


def half_joined(partial: Path) -> None:
    """Killed when the batch was nearly complete."""
    (partial / RECORDS).write_bytes(b"half")
    (partial / "pages" / "000005").write_bytes(b"half")


@pytest.mark.parametrize(
    ("harm", "stays"), [(cut_line, 2), (cut_page, 2), (lose_page, 2), (half_joined, 3)], ids=lambda told: getattr(told, "__name__", "")
)
def test_what_a_kill_left_half_written_is_cut_off(tmp_path: Path, harm: Callable[[Path], None], stays: int) -> None:
    landing = Landing(tmp_path)
    harm(broken(landing, records=3))
    found, _ = gone_on(landing)
    assert found == ["0", "1", "2"][:stays]


LATER = Window(WINDOW.start, WINDOW.end + timedelta(days=1))


def test_a_pull_of_another_question_or_of_long_ago_begins_anew(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    broken(landing)
    assert gone_on(landing, window=LATER) == ([], [])
    old = broken(landing, started=NOW + timedelta(days=1))
    os.utime(old / "journal.jsonl", (0, 0))
    assert gone_on(landing, started=NOW + timedelta(days=1, hours=1)) == ([], [])


def test_what_was_read_before_a_batch_that_is_complete_is_read_anew(tmp_path: Path) -> None:
    """Else an older state would be known later than the newer one that the other batch holds."""
    landing = Landing(tmp_path)
    partial = broken(landing)
    aside = tmp_path / "aside"
    partial.rename(aside)
    land(landing, ODD, started=NOW + timedelta(minutes=1), fetched_at=NOW + timedelta(minutes=2))
    aside.rename(partial)
    assert gone_on(landing) == ([], [])


def test_fetched_afresh_where_that_is_asked(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    broken(landing)
    with landing.open_batch("provincial", WINDOW, WINDOW, started=NOW, afresh=True) as batch:
        assert (list(batch.landed()), batch.notes) == ([], [])


def test_a_pull_that_another_process_goes_on_with_is_left_alone(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    broken(landing)
    with landing.open_batch("provincial", WINDOW, WINDOW, started=NOW) as first:
        assert len(list(first.landed())) == 3
        with landing.open_batch("provincial", WINDOW, WINDOW, started=NOW) as second:
            assert list(second.landed()) == []
            second.complete(fetched_at=NOW)
        first.complete(fetched_at=NOW)
    assert [batch.records for batch in landing.batches()] == [3, 0]


def test_two_pulls_at_one_moment_are_two_batches_and_do_not_sweep_each_other(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    with landing.open_batch("provincial", WINDOW, WINDOW, started=NOW) as outer:
        outer.write([{"no": "outer"}])
        inner = land(landing, [{"no": "inner"}])
        kept = outer.complete(fetched_at=NOW)
    third = land(landing, [{"no": "third"}])
    assert len({inner.batch_id, kept.batch_id, third.batch_id}) == 3
    assert [raw["no"] for manifest in (inner, kept, third) for _, _, raw in landing.lines(manifest)] == ["inner", "outer", "third"]


def test_batches_come_in_the_order_in_which_they_were_fetched(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    late = land(landing, [], fetched_at=NOW + timedelta(hours=1))
    early = land(landing, [], started=NOW + timedelta(minutes=1))
    other = land(landing, [], source="smart_city", fetched_at=NOW + timedelta(minutes=30))
    assert landing.batches() == [early, other, late]
    assert landing.batches("provincial") == [early, late]


def test_a_changed_or_lost_file_is_noticed(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    manifest = land(landing, ODD)
    path = landing.folder(manifest) / RECORDS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LandingError, match=manifest.batch_id):
        list(landing.lines(manifest))
    path.unlink()
    with pytest.raises(LandingError, match="no such file"):
        list(landing.lines(manifest))


@pytest.mark.parametrize("batch_id", ["", "provincial", "provincial-20231025T000000000000", "../etc-1"])
def test_an_unknown_batch_is_named(tmp_path: Path, batch_id: str) -> None:
    with pytest.raises(LandingError, match="expected a folder"):
        Landing(tmp_path).batch(batch_id)


@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.integers(1, 8),
    st.integers(1, 12),
    st.booleans(),
)
def test_blocks_of_lines(lines: list[bytes], size: int, piece: int, ended: bool) -> None:
    """However the pieces come that are unpacked: as many lines to a block as asked, nothing lost, a last line without its end included."""

    class Pieces(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(piece)

    content = b"\n".join(lines) + b"\n" * ended
    whole = io.BytesIO(content).readlines()
    blocks = list(landing_module._blocks(Pieces(content), size))
    assert [block for block, _ in blocks] == [b"".join(whole[start : start + size]) for start in range(0, len(whole), size)]
    assert [count for _, count in blocks] == [len(io.BytesIO(block).readlines()) for block, _ in blocks]
