"""来访登记: the register of visits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from petitions.connections import Connection
from petitions.model import BEIJING
from petitions.normalise import normalise
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import Ask, LaneStopped, Window
from petitions.sources.visits import Visits

CAME, MET = "2023-03-01 09:00:00", "2023-03-01 09:30:00"


@pytest.fixture
def source(tmp_path: Path) -> Visits:
    connection = Connection("petitions_visits", "fs", extra={"path": str(tmp_path)})
    return Visits(connection, Settings(home=tmp_path / "home", config=CHECKOUT / "config"))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, [("received", CAME)]),
        ({"接访人": "王局", "接访时间": MET}, [("received", CAME), ("accepted", MET)]),
        ({"接访人": "王局"}, [("received", CAME)]),  # no time, so not received yet
        ({"接访时间": MET}, [("received", CAME)]),  # nobody named
        ({"接访人": "  ", "接访时间": MET}, [("received", CAME)]),
    ],
)
def test_events(source: Visits, columns: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    raw = {"来访编号": "LF2023030001", "来访时间": CAME, "来访人数": 5, "来访人": "李四", "诉求": "欠薪", "关联信访件编号": "1"} | columns
    found = normalise(source, raw, export_at=datetime(2023, 3, 2, 23, 59, 59, tzinfo=BEIJING), file="来访登记_20230302.xlsx", key=b"k" * 32)
    assert found.faults == []
    assert found.unknown == set()
    assert found.ticket is not None
    assert [(event.event_type, f"{event.occurred_at:%Y-%m-%d %H:%M:%S}") for event in found.ticket.events] == expected
    assert (found.ticket.persons, found.ticket.unit, found.ticket.petitioner) == (5, None, "李**")


def test_a_register_in_the_folder(source: Visits, tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["来访编号", "来访时间", "来访人数"])
    book.active.append(["LF1", datetime(2023, 3, 1, 9), 2])
    book.save(tmp_path / "来访登记_20230302.xlsx")
    window = Window(datetime(2023, 3, 2, tzinfo=BEIJING), datetime(2023, 3, 2, 23, 59, 59, tzinfo=BEIJING))
    pages = list(source.pages(Ask(window=window)))
    assert [page.file.name if page.file else None for page in pages] == ["来访登记_20230302.xlsx", None]
    assert pages[-1].total == 1
    book.active.delete_cols(2)
    book.save(tmp_path / "来访登记_20230302.xlsx")
    with pytest.raises(LaneStopped, match="visits: expected the column 来访时间"):
        list(source.pages(Ask(window=window)))
