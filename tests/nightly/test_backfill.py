"""Days one by one, in any order, twice and overlapping, or all in one run: the tables are equal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.nightly.office import CHECKOUT, County, Office, figures, known_now, state


def test_windows_in_any_order_overlapping_and_twice(demo_county: County, tmp_path: Path) -> None:
    at_once, one_by_one = (demo_county.office(tmp_path / name) for name in ("at_once", "one_by_one"))
    assert at_once.run("--from", "2023-06-12", "--to", "2023-06-15").code == 0
    for first, last in (("15", "15"), ("12", "13"), ("14", "14"), ("13", "15"), ("15", "15")):
        assert one_by_one.run("--from", f"2023-06-{first}", "--to", f"2023-06-{last}").code == 0
    assert state(one_by_one) == state(at_once)
    assert figures(one_by_one) == figures(at_once)


def test_one_lane_only(demo_county: County, tmp_path: Path) -> None:
    """A lane alone leaves the others as they are, and all lanes one after the other are as good as all at once."""
    at_once, lane_by_lane = (demo_county.office(tmp_path / name) for name in ("at_once", "lane_by_lane"))
    days = ("--from", "2023-06-12", "--to", "2023-06-15")
    assert at_once.run(*days).code == 0
    for source in ("visits", "smart_city", "provincial"):
        assert lane_by_lane.run(*days, "--source", source).code == 0
    assert {batch["source"] for batch in lane_by_lane.batches()} == {"visits", "smart_city", "provincial"}
    assert lane_by_lane.run(*days, "--source", "hotline_12345", "--source", "online_politics").code == 0
    assert state(lane_by_lane) == state(at_once)


@pytest.mark.slow
def test_the_demo_year_day_by_day_and_in_an_order_by_chance(demo_county: County, loaded_year: Office, tmp_path: Path) -> None:
    in_order, by_chance = (demo_county.office(tmp_path / name) for name in ("in_order", "by_chance"))
    started = [day_by_day(in_order), day_by_day(by_chance, "--shuffle", "20231231")]
    for process in started:
        said, _ = process.communicate(timeout=4 * 3600)
        print(said)
        assert process.returncode == 0, said
    for office in (in_order, by_chance):
        assert known_now(office) == known_now(loaded_year)
        assert figures(office) == figures(loaded_year)


def day_by_day(office: Office, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.nightly.daily", "2023-01-01", "2023-12-31", *words]
    with (office.home / "said").open("w") as told:
        return subprocess.Popen(command, cwd=CHECKOUT, env=office.environment, stdout=subprocess.PIPE, stderr=told, text=True)
