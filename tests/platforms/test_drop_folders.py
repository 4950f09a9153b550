"""Export files and registers against the sources page, sections 3 and 5, read with the usual libraries."""

from __future__ import annotations

import csv
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from platforms.home import DemoHome
from platforms.life import Life
from platforms.online_politics import write_exports
from platforms.visits import write_registers
from tests.platforms.conftest import END_OF_YEAR, OCTOBER


def sheet(path: Path) -> list[dict[str, Any]]:
    rows = list(openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True))
    return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]]


def text(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="gb18030", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("now", "files"),
    [
        (datetime(2023, 10, 24, 12), []),
        (OCTOBER, ["网络问政_20231024.csv", "网络问政_20231024.xlsx", "网络问政_20231024.xlsx.ok"]),
        (datetime(2023, 12, 31, 12), ["网络问政_20231024.csv", "网络问政_20231024.xlsx", "网络问政_20231024.xlsx.ok"]),
    ],
)
def test_only_exports_made_by_now_are_there(year: list[Life], tmp_path: Path, now: datetime, files: list[str]) -> None:
    write_exports(tmp_path, year, [], END_OF_YEAR)
    (tmp_path / "网络问政_20200131.xlsx").write_bytes(b"somebody else's")
    write_exports(tmp_path, year, [], now)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["网络问政_20200131.xlsx", *files]


def test_spreadsheet_and_text_hold_messages_of_their_own(demo_home: DemoHome) -> None:
    one, other = sheet(demo_home.messages / "网络问政_20231231.xlsx"), text(demo_home.messages / "网络问政_20231231.csv")
    numbers = [row["留言编号"] for row in one] + [row["留言ID"] for row in other]
    good = [number for number in numbers if isinstance(number, str) and number]
    assert len(numbers) == 18 + 4 + 5 + 1  # one row stands there twice
    assert len(good) - len(set(good)) == 1 and len(one) > 8 and len(other) > 8
    assert {type(row["留言时间"]) for row in one} == {datetime, str, float}, "date cells, texts and serial numbers in one column"


@pytest.mark.parametrize("day", ["20231024", "20231231"])
def test_the_sidecar_holds(demo_home: DemoHome, day: str) -> None:
    path = demo_home.messages / f"网络问政_{day}.xlsx"
    told = dict(line.split("=") for line in path.with_name(path.name + ".ok").read_text().split())
    assert told == {"rows": str(len(sheet(path))), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_faults_of_rows(demo_home: DemoHome) -> None:
    one, other = sheet(demo_home.messages / "网络问政_20231231.xlsx"), text(demo_home.messages / "网络问政_20231231.csv")
    lost = [row["留言编号"] for row in one if not isinstance(row["留言编号"], str)]
    assert len(lost) == 1 and lost[0] >= 1e15
    assert sum(row["留言时间"] == "2023年2月30日 上午" for row in one) == 1
    assert sum(not row["留言ID"] for row in other) == 1
    assert sum(row["留言状态"] == "研究研究" for row in other) == 1


def test_october_shows_less(demo_home: DemoHome) -> None:
    then = sheet(demo_home.messages / "网络问政_20231024.xlsx") + text(demo_home.messages / "网络问政_20231024.csv")
    now = sheet(demo_home.messages / "网络问政_20231231.xlsx") + text(demo_home.messages / "网络问政_20231231.csv")
    assert len(then) < len(now)


def test_the_register(demo_home: DemoHome) -> None:
    rows = sheet(demo_home.registers / "来访登记_20231231.xlsx")
    assert list(rows[0]) == ["来访编号", "来访时间", "来访人数", "来访人", "诉求", "接访人", "接访时间", "关联信访件编号"]
    assert len(rows) == 42 and all(row["接访人"] and row["接访时间"] for row in rows)


def test_the_same_rows_give_the_same_bytes(year: list[Life], tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write_exports(folder, year, [], END_OF_YEAR)
        write_registers(folder, year, END_OF_YEAR)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())])
    assert digests[0] == digests[1] and len(digests[0]) == 8
