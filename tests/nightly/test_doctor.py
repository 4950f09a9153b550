"""`petitions doctor`: what is wrong is named with its cure, and no secret is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from petitions import doctor
from petitions.settings import CHECKOUT, Settings
from tests.nightly.office import County, Office
from tests.sources.loopback import free_port


def findings(office: Office) -> tuple[int, list[dict[str, Any]]]:
    ended = office.command("doctor", "--format", "json")
    return ended.code, json.loads(ended.out)


def of(told: list[dict[str, Any]], what: str) -> list[str]:
    return [one["level"] for one in told if one["what"].startswith(what)]


def test_a_home_that_is_well(loaded_year: Office, home: Path) -> None:
    code, told = findings(loaded_year.copy(home))
    assert code == 0
    assert [one for one in told if one["level"] == "fail"] == []
    assert {one["what"].partition(":")[0] for one in told} >= {
        "home",
        "disk",
        "versions",
        "settings",
        "time limits",
        "calendar",
        "warehouse",
    }
    assert of(told, "platform") == ["ok"] * 5
    assert all(one["cure"] for one in told if one["level"] != "ok")


def test_what_is_wrong_is_named(demo_county: County, home: Path, tmp_path: Path) -> None:
    wrong = demo_county.office(home).told(
        provincial=demo_county.connection("provincial") | {"password": "s3cr3t-of-nobody"},
        hotline_12345=demo_county.connection("hotline_12345") | {"port": free_port()},
        smart_city=None,
        visits={"conn_type": "fs", "extra": {"path": str(tmp_path / "nowhere")}},
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "petitions.toml").write_text("[pull]\nlook_back = 3\n", encoding="utf-8")
    (home / "secrets" / "landing_key").write_text("short", encoding="ascii")
    ended = replace(wrong, config=tmp_path / "config").command("doctor")
    assert ended.code == 1
    failing = [line for line in ended.out.splitlines() if line.startswith("fail")]
    for name in ("settings", "landing key", "platform provincial", "platform smart_city", "platform hotline_12345", "platform visits"):
        (line,) = [line for line in failing if line[6:].startswith(f"{name}: ")]
        assert "  — " in line, line
    assert "look_back" in ended.out and "AIRFLOW_CONN_PETITIONS_SMART_CITY" in ended.out
    assert "s3cr3t" not in ended.out + ended.err
    assert "ok    platform online_politics: answers" in ended.out
    assert "Traceback" not in ended.err


def test_a_writer_at_work_is_told(loaded_year: Office, home: Path) -> None:
    office = loaded_year.copy(home)
    with FileLock(home / "warehouse" / "petitions.duckdb.lock"):
        code, told = findings(office)
    assert code == 0
    assert of(told, "warehouse: somebody") == ["warn"]


@pytest.mark.parametrize(
    ("today", "level"),
    [
        (date(2025, 12, 31), "ok"),
        (date(2026, 11, 23), "ok"),
        (date(2026, 12, 1), "warn"),  # the notice for 2027 is due
        (date(2027, 1, 1), "fail"),
    ],
)
def test_the_calendar_of_next_year(tmp_path: Path, today: date, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petitions.calendar.published_years", lambda: range(2004, 2027))
    told = [one for one in doctor.examine(Settings(tmp_path, CHECKOUT / "config"), today) if one.what.startswith("calendar")]
    assert [one.level for one in told] == [level]
    assert level == "ok" or told[0].cure


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((100 * doctor.GIB, "ok"), (2 * doctor.GIB, "warn"), (doctor.GIB // 2, "fail")):
        monkeypatch.setattr("shutil.disk_usage", lambda place, free=free: type("Usage", (), {"free": free})())
        told = [one for one in doctor.examine(Settings(tmp_path, CHECKOUT / "config"), date(2026, 1, 1)) if one.what.startswith("disk")]
        assert [one.level for one in told] == [level]
