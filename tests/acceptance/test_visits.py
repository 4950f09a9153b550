"""sources.md §5: the register of visits, asked through the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import Desk, Row, folder, reconciled, text, xlsx
from tests.nightly.office import Ended

COLUMNS = ("来访编号", "来访时间", "来访人数", "来访人", "诉求", "接访人", "接访时间", "关联信访件编号")
PHONE, NAME = "13912345678", "欧阳晓明"
RECEIVED = {"接访人": "王主任", "接访时间": "2023-11-02 10:00"}

# fields, and whether the visit counts as received on 30 November
VISITS: tuple[tuple[Row, bool], ...] = (
    (RECEIVED, True),
    ({"接访人": "王主任"}, False),
    ({"接访时间": "2023-11-02 10:00"}, False),
    ({"接访人": " ", "接访时间": "2023-11-02 10:00"}, False),
    ({"接访人": "王主任", "接访时间": "2023-12-01 00:00:00"}, False),
    ({"接访人": "王主任", "接访时间": "2023-11-30 23:59:59"}, True),
    ({"来访时间": "2023/11/30 23:59:59"}, False),
    ({"来访时间": datetime(2023, 11, 1, 0, 0, 0)} | RECEIVED, True),
    ({"来访时间": "2023-11-03"} | RECEIVED, True),  # received before it came: kept as told
    ({"来访人数": "3人", "来访人": NAME, "诉求": f"{NAME}，电话{PHONE}", "关联信访件编号": "44132300001"} | RECEIVED, True),
    ({"来访人数": "若干"} | RECEIVED, True),
)
OUTSIDE: tuple[Row, ...] = ({"来访时间": "2023-10-31 23:59:59"} | RECEIVED, {"来访时间": "2023-12-01 00:00:00"} | RECEIVED)
BAD: tuple[tuple[Row, str], ...] = (
    ({"来访编号": None}, "missing_field"),
    ({"来访编号": None, "来访时间": "2023-11-05"}, "missing_field"),
    ({"来访时间": None}, "missing_field"),
    ({"来访时间": "上周"}, "unreadable_time"),
    ({"接访时间": "下午", "来访人": NAME, "接访人": PHONE}, "unreadable_time"),
    ({"来访编号": 1.5e15}, "lost_digits"),
)


def visit(number: Any, told: Row) -> Row:
    return {"来访编号": number, "来访时间": "2023-11-02 9:00"} | told


def table(rows: Iterable[Row]) -> list[list[Any]]:
    return [list(COLUMNS), *([row.get(column) for column in COLUMNS] for row in rows)]


@dataclass
class Register:
    desk: Desk
    drop: Path
    ended: Ended


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    home = tmp_path_factory.mktemp("visits")
    drop = home / "drop"
    desk = Desk(home / "home", {"visits": folder(drop)})
    good = [visit(1000 + number, told) for number, (told, _) in enumerate(VISITS)]
    bad = [visit(f"B{number}", told) for number, (told, _) in enumerate(BAD)]
    xlsx(drop / "来访登记_20231130.xlsx", *table([*good, *bad]))
    text(drop / "来访登记_20231129.csv", *table(visit(f"O{number}", told) for number, told in enumerate(OUTSIDE)), encoding="gb18030")
    return Register(desk, drop, desk.run())


def test_visits_and_those_received(register: Register) -> None:
    assert register.ended.code == 0, register.ended.err
    total = register.desk.metrics("visits")["total"]
    received = sum(counts for _, counts in VISITS)
    assert (total["visits"], total["visits_received"]) == (len(VISITS), received)
    assert total["visit_rate"] == {"numerator": received, "denominator": len(VISITS), "percent": "54.55"}
    later = register.desk.metrics("visits", "--as-of", "2023-12-01")["total"]
    assert (later["visits"], later["visits_received"]) == (len(VISITS), received + 1)
    earlier = register.desk.metrics("visits", "--as-of", "2023-11-02T09:59:59")["total"]
    assert (earlier["visits"], earlier["visits_received"]) == (len(VISITS) - 2, 0)
    rows = register.desk.tickets("visits_received", "visits")
    assert set(rows) == {str(1000 + number) for number, (_, counts) in enumerate(VISITS) if counts}


def test_no_visits_make_no_rate(register: Register) -> None:
    total = register.desk.metrics("visits", window=("--from", "2022-01-01", "--to", "2022-12-31"))["total"]
    assert (total["visits"], total["visit_rate"]) == (0, {"numerator": 0, "denominator": 0, "percent": None})
    assert register.desk.metrics("appeals")["total"]["received"] == 0


def test_bad_rows_and_the_equation(register: Register) -> None:
    rows = register.desk.quarantine()
    assert sorted((row["source_no"], row["rule"]) for row in rows if row["source_no"]) == [
        (f"B{number}", rule) for number, (told, rule) in enumerate(BAD) if "来访编号" not in told
    ]
    assert sorted(row["rule"] for row in rows) == sorted(rule for _, rule in BAD)
    (batch,) = register.desk.batches()
    count = len(VISITS) + len(OUTSIDE) + len(BAD)
    assert (batch["platform_total"], batch["numbers"], batch["landed"], batch["quarantined"]) == (count, count, count, len(BAD))
    assert reconciled(batch) and batch["status"] == "yellow", batch


def test_nobody_is_named(register: Register) -> None:
    desk = register.desk
    files = [path for path in desk.home.rglob("*") if path.is_file() and "landing" not in path.relative_to(desk.home).parts]
    for secret in (PHONE, NAME):
        assert secret not in register.ended.out + register.ended.err
        assert not [path.name for path in files if secret.encode() in path.read_bytes()]
        assert not [row for row in desk.quarantine() if secret in row["reason"]]


def test_a_visit_received_later_is_received_in_the_next_export(register: Register) -> None:
    known = register.desk.batches()[-1]["fetched_at"]
    xlsx(register.drop / "来访登记_20231201.xlsx", *table([visit(1001, {"接访人": "王主任", "接访时间": datetime(2023, 11, 20, 9)})]))
    ended = register.desk.run(window=("--from", "2023-11-01", "--to", "2023-12-01"))
    assert ended.code == 0, ended.err
    before = register.desk.metrics("visits", "--as-known", known)["total"]["visits_received"]
    assert register.desk.metrics("visits")["total"]["visits_received"] == before + 1
