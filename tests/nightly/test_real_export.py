"""An export as a real message board writes it, in a fresh home that knows one connection: 4326 messages, none of them lost."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from tests.nightly.office import CHECKOUT, Ended, Office, unlike

NAME = "网络问政_20200131.xlsx"
DECADE = ("--from", "2010-01-01", "--to", "2020-12-31")


@dataclass(frozen=True)
class Loaded:
    office: Office
    messages: int
    ended: Ended


def exported(folder: Path) -> int:
    """The real export where it is at hand, else one of its kind. Returns the number of its messages."""
    real = CHECKOUT.parent / "shared" / "data" / NAME
    if real.exists():
        shutil.copyfile(real, folder / NAME)
        return 4326
    return _made_up(folder / NAME, 400)


def _made_up(path: Path, messages: int) -> int:
    chance = random.Random(20200131)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "反对数", "点赞数"])
    at = datetime(2011, 3, 1, 9)
    for number in range(messages):
        at += timedelta(days=chance.randint(1, 14), seconds=chance.randint(1, 80_000))
        told = at.replace(microsecond=0) if number % 3 else f"{at.year}/{at.month}/{at.day} {at.hour}:{at:%M:%S}"
        text = f"\n\t\t\t\t第{number}号路灯不亮，请处理。_x000D_\n\t\t"
        sheet.append([182_000 + number, f"U{number:06d}", f"第{number}号路灯", told, text, chance.randint(0, 3), chance.randint(0, 9)])
    book.save(path)
    return messages


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("export")
    (folder / "drop").mkdir()
    messages = exported(folder / "drop")
    office = Office(folder / "home").told(online_politics={"conn_type": "fs", "extra": {"path": str(folder / "drop")}})
    return Loaded(office, messages, office.run("--source", "online_politics"))


def test_every_message_is_landed(loaded: Loaded) -> None:
    assert loaded.ended.code == 0, loaded.ended.err
    (batch,) = loaded.office.batches()
    assert (batch["platform_total"], batch["numbers"], batch["landed"]) == (loaded.messages,) * 3
    assert batch["new_versions"] + batch["quarantined"] == loaded.messages
    assert unlike([batch]) == []


def test_yellow_for_the_columns(loaded: Loaded) -> None:
    (batch,) = loaded.office.batches()
    assert batch["status"] == "yellow"
    missing = [told for told in batch["messages"] if "答复意见" in told and "答复时间" in told]
    assert len(missing) == 1
    for column in ("反对数", "点赞数"):
        assert len([told for told in batch["messages"] if column in told]) == 1, batch["messages"]


def test_all_of_them_are_open(loaded: Loaded) -> None:
    total = loaded.office.metrics("appeals", window=DECADE)["total"]
    quarantined = len(loaded.office.quarantine())
    assert (total["received"], total["open"], total["closed"], total["replied"]) == (
        loaded.messages - quarantined,
        loaded.messages - quarantined,
        0,
        0,
    )
    assert quarantined == 0, loaded.office.quarantine()[:3]


def test_numbers_are_text(loaded: Loaded) -> None:
    rows = loaded.office.command("tickets", "open", "--population", "appeals", *DECADE, "--limit", "50", "--format", "json").json
    assert len(rows) == 50
    for row in rows:
        assert isinstance(row["source_no"], str) and row["source_no"].isalnum(), row
        assert row["title"] == row["title"].strip()


def test_again_reads_no_file(loaded: Loaded) -> None:
    ended = loaded.office.run("--source", "online_politics")
    assert ended.code == 0, ended.err
    again = loaded.office.batches()[-1]
    assert (again["landed"], again["platform_total"], again["status"]) == (0, 0, "green")
    assert loaded.office.metrics("appeals", window=DECADE)["total"]["open"] == loaded.messages
