"""The spreadsheet, read back as people's programs read it."""

from __future__ import annotations

import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from petitions.report import lists, spreadsheet
from petitions.report.figures import as_number, as_text
from petitions.report.lists import COLUMNS
from tests.report import media
from tests.report.county import at
from tests.report.test_issue import read


@pytest.fixture(scope="module")
def book(year: Path) -> Workbook:
    return openpyxl.load_workbook(year / "report.xlsx")


def sheets(year: Path, book: Workbook, kind: str) -> Iterator[tuple[dict[str, Any], Worksheet]]:
    document = read(year)
    names = spreadsheet.sheet_names(document)
    for block in media.blocks(document, kind):
        yield block, book[names[block["id"]]]


def test_numbers_are_numbers_and_times_are_times(year: Path, book: Workbook) -> None:
    for block, sheet in sheets(year, book, "table"):
        for row, told in enumerate(block["rows"], 4):
            for column, cell in enumerate(told["cells"], 1):
                value = sheet.cell(row, column).value
                if isinstance(cell, Mapping) and "figure" in cell and value not in ("—", "<3"):
                    assert isinstance(value, int | float), (block["id"], row, column)
                if isinstance(cell, Mapping) and cell.get("time"):
                    assert value == datetime.fromisoformat(cell["time"]).replace(tzinfo=None), "Beijing's clock"


def test_lists_have_every_ticket_with_its_number_as_text_and_its_times_as_dates(year: Path, book: Workbook) -> None:
    listed = list(sheets(year, book, "list"))
    assert listed
    for block, sheet in listed:
        rows = list(sheet.iter_rows(min_row=4))
        assert len(rows) == block["total"]
        for row in rows:
            told = dict(zip((cell.value for cell in sheet[3]), row, strict=True))
            assert (told["件编号"].data_type, told["件编号"].number_format) == ("s", "@")
            assert told["登记时间"].value is None or told["登记时间"].is_date


def test_confidential_tickets_show_their_number_and_nothing_else(year: Path, book: Workbook) -> None:
    rows = [row for _, sheet in sheets(year, book, "list") for row in sheet.iter_rows(min_row=4, values_only=True)]
    told = [row for row in rows if row[0] == "hotline_12345:H0035"]
    assert told
    texts = {value for row in told for value in row if value and value not in ("是", "2023-12")}
    assert texts == {"hotline_12345:H0035", "（保密件，不列内容）", "保密"}


def test_what_a_citizen_wrote_becomes_neither_formula_nor_link(tmp_path: Path, year: Path) -> None:
    titles = ["=1+1", "+8613", "-1", "@SUM(A1)", "http://example.org/", "{=A1}", "internal:Sheet1!A1", "\t=2"]
    rows = [ticket(number) | {"title": title} for number, title in enumerate(titles)]
    (path,) = written(tmp_path, year, rows)
    sheet = openpyxl.load_workbook(path)["测试清单"]
    assert [row[list(COLUMNS).index("title")].value for row in sheet.iter_rows(min_row=4)] == titles
    assert {cell.data_type for row in sheet.iter_rows(min_row=4) for cell in row} <= {"s", "inlineStr", "n", "d"}
    with zipfile.ZipFile(path) as parts:
        told = "".join(parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/worksheets/"))
    assert "<f>" not in told and "example.org" not in "".join(name for name in parts.namelist() if "_rels" in name)


def test_every_sheet_prints_on_a4_and_says_what_it_is(year: Path, book: Workbook) -> None:
    document = read(year)
    for one in book.worksheets:
        told: Any = one
        assert told.page_setup.paperSize == 9 and told.sheet_properties.pageSetUpPr.fitToPage
        assert "&P" in told.oddFooter.center.text and "&N" in told.oddFooter.center.text
        assert document["title"] in told.oddFooter.left.text
    for kind in ("table", "list"):
        for block, sheet in sheets(year, book, kind):
            assert sheet["A1"].value.startswith(block["title"])
            assert (sheet.freeze_panes, sheet.print_title_rows) == ("B4", "$1:$3")
            if len(block.get("rows", ())) > 1 or block.get("total"):
                assert sheet.auto_filter.ref.startswith("A3:")
    (wide,) = [sheet for block, sheet in sheets(year, book, "list") if block["id"] == "appeals"]
    assert wide.page_setup.orientation == "landscape"
    assert wide.print_area == f"'{wide.title}'!$A$1:$N${3 + 54}", "paper has what a ticket is, not every mark of it"


def test_a_list_too_long_for_a_sheet_says_where_all_of_it_is(tmp_path: Path, year: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "ROWS_IN_SHEET", 4)
    (path,) = written(tmp_path, year, [ticket(number) for number in range(10)])
    sheet = openpyxl.load_workbook(path)["测试清单"]
    assert [row[0].value for row in sheet.iter_rows(min_row=4)] == [f"hotline_12345:{number:020d}" for number in range(4)]
    assert sheet["A1"].value == "测试清单（共10件，此处列前4件，全部列于tickets/made.csv）"


def test_memory_does_not_grow_with_a_list(tmp_path: Path, year: Path) -> None:
    peaks = []
    for count in (500, 500, 5000):  # the first warms up
        tracemalloc.start()
        written(tmp_path, year, Tickets(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
    assert [path.name for path in tmp_path.iterdir()] == ["report.xlsx"], "nothing is left beside it"


@given(st.integers(0, 10**9))
def test_a_count_reads_back_as_it_prints(value: int) -> None:
    assert as_number(as_text(value)) == (value, "0")


@given(st.integers(0, 10_000))
def test_a_rate_reads_back_as_it_prints(hundredths: int) -> None:
    text = as_text({"numerator": 1, "denominator": 1, "percent": f"{hundredths // 100}.{hundredths % 100:02d}"})
    number = as_number(text)
    assert number is not None and media.shown(*number) == text


@pytest.mark.parametrize("text", ["—", "<3", "", "12 件"])
def test_what_is_no_number_stays_text(text: str) -> None:
    assert as_number(text) is None


@pytest.mark.parametrize("text", ["+12.50 %", "-3.07 %", "+4", "-1", "+0.00 %"])
def test_a_change_keeps_its_sign(text: str) -> None:
    number = as_number(text)
    assert number is not None
    assert media.shown(*number) == text.replace("+0.00", "0.00")


class Tickets(list[Mapping[str, Any]]):
    """So many tickets, made as they are asked for."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.made = count

    def __len__(self) -> int:
        return self.made

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return map(ticket, range(self.made))


def ticket(number: int) -> dict[str, Any]:
    began = at("2023-01-01 08:00:00") + timedelta(minutes=number)
    return {
        "ticket_id": f"hotline_12345:{number:020d}",
        "source": "hotline_12345",
        "title": f"小区第{number}号楼停水",
        "unit": "住建局",
        "received_at": began,
        "due_at": began + timedelta(days=15),
        "class": "overdue",
        "restricted": False,
    }


def written(folder: Path, year: Path, rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """The spreadsheet of a report that is nothing but one list."""
    with tempfile.TemporaryDirectory() as aside:
        made = lists.write(Path(aside) / "made.csv", rows)
        block = {
            "kind": "list",
            "id": "made",
            "title": "测试清单",
            "columns": ["ticket_id"],
            "file": "tickets/made.csv",
            "total": made.total,
            "shown": 0,
        }
        document = read(year) | {"sections": [{"id": "lists", "title": "一、清单", "blocks": [block]}]}
        spreadsheet.write(document, {"made": made}, folder / "report.xlsx")
    return [folder / "report.xlsx"]
