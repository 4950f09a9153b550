"""来访登记: the visit register as spreadsheets in a folder (sources page, section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from pathlib import Path
from typing import Any

from platforms.life import Life
from platforms.online_politics import EXPORT_DATES, sheet, write_aside

HEADERS = ("来访编号", "来访时间", "来访人数", "来访人", "诉求", "接访人", "接访时间", "关联信访件编号")


def write_registers(folder: Path, lives: Iterable[Life], now: datetime) -> None:
    """The registers exported up to ``now``; each shows all visits since January."""
    own = [life for life in lives if life.source == "visits"]
    for day in EXPORT_DATES:
        moment = datetime.combine(day, time(23, 59, 59))
        path = folder / f"来访登记_{day:%Y%m%d}.xlsx"
        if moment > now:
            path.unlink(missing_ok=True)
        elif not path.exists():
            write_aside(path, sheet(HEADERS, [_row(cut) for life in own if (cut := life.at(moment))]))


def _row(life: Life) -> list[Any]:
    about, received = life.about, life.time("received")
    arrived: Any = life.received_at if life.serial % 2 else f"{life.received_at:%Y-%m-%d %H:%M}"
    row = [life.number, arrived, about["persons"], about["name"], about["content"], about["officer"] if received else None]
    row += [received, about["related"] or None]
    if life.defect == "no_number":
        row[0] = None
    elif life.defect == "unreadable_time":
        row[1] = "上午十点左右"
    return row
