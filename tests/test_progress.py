"""Who watches a long command sees how far it is; what is read by programs, and what goes into a file, holds nothing of it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from petitions import warehouse
from petitions.progress import counted, watch
from petitions.settings import Settings
from tests.nightly.office import YEAR, County, program


def test_nothing_changes_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with watch():
        assert list(counted(iter("abc"), "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_a_run_in_a_terminal_shows_how_far_it_is(demo_county: County, tmp_path: Path) -> None:
    office = demo_county.office(tmp_path / "home")
    shown, terminal = pty.openpty()
    with (tmp_path / "out").open("w") as out:
        command = [*program(), "run", *YEAR, "--source", "hotline_12345"]
        process = subprocess.Popen(command, env=dict(office.environment) | {"TERM": "xterm", "COLUMNS": "120"}, stdout=out, stderr=terminal)
        os.close(terminal)
        told = _read(shown)
        assert process.wait(60) == 0
    for what in (
        "lanes 0/1",
        "hotline_12345: records fetched",
        "hotline_12345: records checked",
        "clocks and ledger",
        "files of the report",
    ):
        assert what in told, what
    printed = (tmp_path / "out").read_text(encoding="utf-8")
    assert "Every lane reconciled" in printed
    assert "\x1b" not in printed


def test_the_embedded_engine_shows_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bar would stand on standard output, among the results, wherever Python was started without a file."""
    monkeypatch.setenv("PETITIONS_HOME", str(tmp_path))
    with warehouse.writer(Settings.from_environment()) as held:
        assert held.value("select current_setting('enable_progress_bar')") is False


def _read(terminal: int) -> str:
    told = b""
    try:
        while some := os.read(terminal, 65536):
            told += some
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(terminal)
    return re.sub(r"\x1b\[[0-9?]*[a-zA-Z]", "", told.decode(errors="replace"))
