"""网络问政: files as they come, and what a message's columns say has happened."""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from petitions.connections import Connection
from petitions.export_rows import FileRefused, sheets
from petitions.model import BEIJING
from petitions.record import FieldMap, Record
from petitions.said import printed
from petitions.settings import CHECKOUT, Settings
from petitions.sources.base import Ask, LaneStopped, Page, Window
from petitions.sources.files import export_date
from petitions.sources.online_politics import OnlinePolitics

HEADER = ["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间"]
ROW = ["1001", "A0001", "路灯不亮", "2023/10/2 9:05:03", "文化路路灯不亮", None, None]
ACKNOWLEDGED = "您好！您的留言已收悉，已转县住建局处理。"
ANSWERED = "您好！经核查，路灯已修复。"


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


@pytest.fixture
def source(tmp_path: Path, drop: Path) -> OnlinePolitics:
    connection = Connection("petitions_online_politics", "fs", extra={"path": str(drop)})
    return OnlinePolitics(connection, Settings(home=tmp_path / "home", config=CHECKOUT / "config"))


# --- what an answer is ----------------------------------------------------------------------------------------------------

ACKNOWLEDGEMENTS = [
    "已收悉",
    "已收到。",
    "您的留言已收悉。",
    "您好，您的留言已收悉，感谢您的关注！",
    "网友您好！您反映的问题已收悉。谢谢！",
    "尊敬的网友：您好！您的来信收悉。感谢您对我县工作的关心、理解与支持！",
    "“A0001234”网友，您好！您的诉求我局已收悉。",
    "您好！我们已收到您的留言，感谢您对我们工作的支持。",
    "您好：您反映文化路路灯不亮的问题已收悉，已转县住建局处理。",
    "您好！您的留言已收悉，现转交惠东县交通运输局调查处理，感谢您的监督。",
    "您的留言已收到，并已转交县公安局、县城管局核实处理。",
    "您的留言已收悉。您反映的问题已交由平山街道办事处进行调查核实。谢谢！",
    "网友：\n  您好！\n  您所反映的情况已收悉，我们将尽快转交相关部门调查、核实和处理。\n  感谢您的理解和支持！",
    "您好！您的建议已收悉，我单位已及时转送县教育局办理。特此回复。惠东县信访局2023年10月9日",
    "您的投诉已收悉，已第一时间交办至县市场监管局依法调查处理。",
    "留言已收悉，已转相关单位处理。祝您生活愉快！",
    "尊敬的市民，您的求助已收到，现已移交县人社局跟进处理，感谢您的来信。",
]
ANSWERS = [
    "您好！您的留言已收悉。经核查，路灯已于10月8日修复。",
    "您反映的问题已收悉，现回复如下：该路段已列入明年改造计划。",
    "您的留言已收悉，已转县住建局处理。经县住建局核实，该小区未办理备案，已责令整改。",
    "经核实，工人工资已收到。",
    "经核实，款项您已收到，本件办结。",
    "您好！该问题不属于我局职责范围，请向县自然资源局咨询。您的留言已收悉。",
    "感谢您的留言，路灯已修复。",
    "您好！谢谢！",  # greeting and thanks alone acknowledge nothing
    "已转交县住建局处理。",  # passed on, yet not said to be received
    "您的留言已收悉，我局已安排人员现场处理完毕。",
    "您的留言已收悉，已转县住建局处理完毕。",
    "您的留言已收悉，已转县住建局，该局现已处理。",
    "您的来信收悉，根据《城市道路管理条例》第二十三条，井盖由产权单位负责。",
    "已办结。",
    "您反映的问题已收悉，请拨打12345了解办理进度。",
    "您的留言已收悉。请咨询县住建局。",
]


@pytest.mark.parametrize("answer", ACKNOWLEDGEMENTS)
def test_answers_that_only_acknowledge(source: OnlinePolitics, answer: str) -> None:
    assert source.acknowledges(answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_that_answer(source: OnlinePolitics, answer: str) -> None:
    assert not source.acknowledges(answer)


def test_a_long_answer_costs_nothing(source: OnlinePolitics) -> None:
    started = datetime.now()
    for near in ("您好感谢您的留言" * 45, "您的留言问题情况" * 49 + "已收", "已收悉已转" + "县住建局处理调查" * 48, "，" * 399 + "。路"):
        assert not source.acknowledges(near)
    assert datetime.now() - started < timedelta(seconds=2)


# --- what a message's columns say -------------------------------------------------------------------------------------------

POSTED, ASKED, REPLIED, CLOSED = "2023-10-02 09:05", "2023-10-03 10:00:00", "2023-10-08 15:00:00", "2023-10-10 16:00:00"


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING) if text else None


# columns beside number and time → (event, time) after `received`; None is the time of the oldest file
LIVES: list[tuple[dict[str, Any], list[tuple[str, str | None]]]] = [
    ({}, []),
    ({"答复意见": ANSWERED, "答复时间": REPLIED}, [("replied", REPLIED), ("closed", REPLIED)]),
    ({"答复时间": REPLIED}, [("replied", REPLIED), ("closed", REPLIED)]),
    ({"答复意见": ANSWERED}, []),
    ({"答复意见": ANSWERED, "答复时间": REPLIED, "办结时间": CLOSED}, [("replied", REPLIED), ("closed", CLOSED)]),
    ({"答复意见": ACKNOWLEDGED, "答复时间": REPLIED}, [("first_reply", REPLIED)]),
    ({"答复意见": ACKNOWLEDGED, "答复时间": REPLIED, "办结时间": CLOSED}, [("first_reply", REPLIED), ("closed", CLOSED)]),
    ({"答复意见": ACKNOWLEDGED, "答复时间": REPLIED, "留言状态": "已回复"}, [("first_reply", REPLIED)]),
    (
        {"答复意见": ACKNOWLEDGED, "答复时间": REPLIED, "留言状态": "已办结", "办结时间": CLOSED},
        [("first_reply", REPLIED), ("closed", CLOSED)],
    ),
    ({"答复意见": ACKNOWLEDGED, "留言状态": "已回复"}, []),
    ({"答复意见": ACKNOWLEDGED, "留言状态": "已办结", "办结时间": CLOSED}, [("closed", CLOSED)]),
    ({"答复意见": ANSWERED, "留言状态": "已回复"}, [("closed", None)]),
    ({"答复意见": ANSWERED, "答复时间": REPLIED, "留言状态": "处理中"}, [("replied", REPLIED)]),
    ({"留言状态": "待回复"}, []),
    ({"留言状态": "已受理"}, []),
    ({"答复意见": ANSWERED, "答复时间": REPLIED, "留言状态": "已办理"}, [("replied", REPLIED), ("closed", REPLIED)]),
    (
        {"答复意见": ANSWERED, "答复时间": REPLIED, "留言状态": "已办理", "办结时间": CLOSED},
        [("replied", REPLIED), ("closed", CLOSED)],
    ),
    ({"留言状态": "已解决"}, [("closed", None)]),
    ({"留言状态": "办结", "办结时间": CLOSED}, [("closed", CLOSED)]),
    ({"留言状态": "撤单"}, [("withdrawn", None)]),
    ({"留言状态": "撤单", "答复意见": ACKNOWLEDGED, "答复时间": REPLIED}, [("first_reply", REPLIED), ("withdrawn", REPLIED)]),
    ({"留言状态": "无效", "办结时间": CLOSED}, [("not_accepted", CLOSED)]),
    ({"留言状态": "删除"}, [("not_accepted", None)]),
    ({"留言状态": "退回"}, [("returned", None)]),
    ({"留言状态": "重复", "答复意见": ANSWERED, "答复时间": REPLIED}, [("replied", REPLIED), ("duplicate", REPLIED)]),
    ({"转办时间": ASKED, "承办单位": "县住建局"}, [("dispatched", ASKED)]),
    (
        {"答复意见": ANSWERED, "答复时间": REPLIED, "满意情况": "满意"},
        [("replied", REPLIED), ("closed", REPLIED), ("rated", REPLIED)],
    ),
    (
        {"留言状态": "已办结", "答复意见": ANSWERED, "答复时间": REPLIED, "办结时间": CLOSED, "满意情况": "不满意"},
        [("replied", REPLIED), ("closed", CLOSED), ("rated", CLOSED)],
    ),
    ({"留言状态": "已办结", "满意情况": "满意"}, [("closed", None)]),
    ({"答复意见": ANSWERED, "答复时间": REPLIED, "满意情况": "未评价"}, [("replied", REPLIED), ("closed", REPLIED)]),
]


@pytest.mark.parametrize(("columns", "expected"), LIVES)
def test_events(source: OnlinePolitics, columns: dict[str, Any], expected: list[tuple[str, str | None]]) -> None:
    record = _record(source, columns)
    events = list(source.events(record))
    assert [(event.event_type, event.occurred_at) for event in events] == [
        ("received", _at(POSTED)),
        *((event_type, _at(at)) for event_type, at in expected),
    ]
    assert record.faults == []


def test_an_answer_without_the_setting_does_not_close(tmp_path: Path, source: OnlinePolitics) -> None:
    (tmp_path / "petitions.toml").write_text("[replies]\nreplied_is_closed = false\n", encoding="utf-8")
    source.settings = Settings(home=tmp_path / "home", config=tmp_path)
    events = list(source.events(_record(source, {"答复意见": ANSWERED, "答复时间": REPLIED})))
    assert [event.event_type for event in events] == ["received", "replied"]


def test_a_word_that_no_table_knows_is_a_fault(source: OnlinePolitics) -> None:
    record = _record(source, {"留言状态": "搁置"})
    list(source.events(record))
    assert [rule for rule, _ in record.faults] == ["unknown_code"]


def test_what_cannot_be_placed_is_remarked(source: OnlinePolitics) -> None:
    for columns in ({"答复意见": ANSWERED}, {"留言状态": "处理中", "办结时间": CLOSED}, {"留言状态": "已办结", "满意情况": "满意"}):
        record = _record(source, columns)
        list(source.events(record))
        assert len(record.remarks) == 1


# --- files --------------------------------------------------------------------------------------------------------------------


def test_an_xlsx_keeps_the_types_of_its_cells(source: OnlinePolitics, drop: Path) -> None:
    other = ["1002", "B", "t", datetime(2023, 10, 3), "x", "", None]
    file = _xlsx(drop / "网络问政_20231024.xlsx", HEADER, [188006, *ROW[1:]], other, [None] * 7)
    rows = list(source.records(file))
    assert [row["留言编号"] for row in rows] == [188006, "1002"]
    assert rows[1]["留言时间"] == datetime(2023, 10, 3)
    assert set(rows[0]) == set(HEADER)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_every_encoding(source: OnlinePolitics, drop: Path, encoding: str) -> None:
    file = _csv(drop / "a_20231024.csv", HEADER, ROW, encoding=encoding)
    assert list(source.records(file)) == [dict(zip(HEADER, ROW, strict=True))]


def test_synonyms_a_title_above_and_unknown_columns(source: OnlinePolitics, drop: Path) -> None:
    header = ["\ufeff留言ID ", "用户昵称", "留言主题", "留言时间*", "留言内容", "回复 内容", "回复时间", "点击量", None]
    file = _xlsx(drop / "a_20231024.xlsx", ["网络问政留言导出"], header, [*ROW, 3, "beyond"])
    assert list(source.records(file)) == [dict(zip(HEADER, ROW, strict=True)) | {"点击量": 3, "column 9": "beyond"}]


def test_an_xlsx_under_the_name_of_an_xls(source: OnlinePolitics, drop: Path) -> None:
    _xlsx(drop / "a_20231024.xlsx", HEADER, ROW).rename(drop / "a_20231024.xls")
    assert len(list(source.records(drop / "a_20231024.xls"))) == 1


TWO_ROWS: list[list[list[Any]]] = [
    # a cell that spans the two answers; the others span both rows
    [[*HEADER[:5], "答复", None, "留言状态"], [*[None] * 5, "答复意见", "答复时间", None]],
    # the same, and the name stands at the lower of the two
    [[None, None, None, None, None, "答复", None, "留言状态"], [*HEADER[:5], "回复内容", "回复时间", None]],
    # groups above a header that is whole
    [["留言", None, None, None, None, "答复", None, None], [*HEADER, "留言状态"]],
]


@pytest.mark.parametrize("header", TWO_ROWS)
def test_a_header_of_two_rows_is_read_as_one(source: OnlinePolitics, drop: Path, header: list[list[Any]]) -> None:
    file = _xlsx(drop / "a_20231024.xlsx", ["网络问政导出"], *header, [*ROW, "已办结"])
    assert list(source.records(file)) == [dict(zip([*HEADER, "留言状态"], [*ROW, "已办结"], strict=True))]


@pytest.mark.parametrize("kind", ["xls", "xlsx"])
def test_all_sheets_of_records_are_read(source: OnlinePolitics, drop: Path, kind: str) -> None:
    other, third = ["1002", *ROW[1:]], ["1003", *ROW[1:]]
    laid: dict[str, list[list[Any]]] = {
        "说明13800000001": [["本表由系统导出"]],
        "一": [HEADER, ROW],
        "空": [],
        "二": [["网络问政导出"], HEADER, other],
        "旧": [HEADER, third],
    }
    file = _workbook(drop / f"a_20231024.{kind}", laid, hidden="旧")
    assert [row["留言编号"] for row in source.records(file)] == ["1001", "1002"]
    (page,) = _files(_pages(source))
    assert page.total == 2
    assert page.messages == [f"{file.name}: the sheet 说明138****0001 has no column 留言编号: it is not read"]


def test_a_sheet_of_records_without_a_required_column_stops_the_lane(source: OnlinePolitics, drop: Path) -> None:
    laid: dict[str, list[list[Any]]] = {"一": [HEADER, ROW], "二": [HEADER[:3], ["1002", *ROW[1:3]]]}
    _workbook(drop / "a_20231024.xlsx", laid)
    with pytest.raises(LaneStopped, match="expected the column 留言时间"):
        _pages(source)


@pytest.mark.parametrize(("delimiter", "title"), [("\t", "网络问政导出表"), (";", ""), (",", "网络问政导出表,,,,")])
def test_what_parts_the_cells_of_a_text(source: OnlinePolitics, drop: Path, delimiter: str, title: str) -> None:
    lines = [title, *(delimiter.join(cell or "" for cell in row) for row in (HEADER, ROW))]
    (drop / "a_20231024.csv").write_text("\r\n".join(lines), encoding="gb18030")
    assert list(source.records(drop / "a_20231024.csv")) == [dict(zip(HEADER, ROW, strict=True))]


@pytest.mark.parametrize("guarded", ['="441322000000000001"', "'441322000000000001", "\t441322000000000001"])
def test_numbers_that_exporters_guard_from_spreadsheets(source: OnlinePolitics, drop: Path, guarded: str) -> None:
    file = _csv(drop / "a_20231024.csv", HEADER, [guarded, *ROW[1:]])
    (row,) = source.records(file)
    assert Record(row, source.map, export_at=source.export_at(file.name)).number("留言编号") == "441322000000000001"


def test_files_that_are_no_export_are_told(source: OnlinePolitics, drop: Path) -> None:
    (drop / "a_20231024.xls").write_text("<html><table><tr><td>留言编号</td></tr></table></html>")
    for name in ("说明.txt", "b_20231024.et", "b_20231020.et", "b_20231024.csv.ok", ".b_20231024.tmp"):
        (drop / name).write_text("x")
    pages = _pages(source)
    (error,) = (error for page in pages for error in page.errors)
    assert "a_20231024.xls" in error and "save it as xlsx" in error
    (message,) = (message for page in pages for message in page.messages)
    assert ": b_20231024.et;" in message


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ([name for name in HEADER if name != "留言编号"], "expected the column 留言编号"),
        ([name for name in HEADER if name != "留言时间"], "expected the column 留言时间"),
        ([name for name in HEADER if name != "答复时间"], "found no 答复时间"),
        ([name for name in HEADER if name != "答复意见"], "found no 答复意见"),
    ],
)
def test_a_header_that_stops_the_lane(source: OnlinePolitics, drop: Path, header: list[str], told: str) -> None:
    _csv(drop / "网络问政_20231024.csv", header, ROW[: len(header)])
    with pytest.raises(LaneStopped, match=told):
        _pages(source)


def test_without_both_answer_columns_is_yellow(source: OnlinePolitics, drop: Path) -> None:
    _csv(drop / "网络问政_20231024.csv", HEADER[:5], ROW[:5])
    (page,) = _files(_pages(source))
    assert "答复意见" in page.messages[0]
    assert "答复时间" in page.messages[0]
    assert page.errors == []


def test_the_window_goes_by_the_export_date(source: OnlinePolitics, drop: Path) -> None:
    laid = ("a_20231024.csv", "b_20231024.csv", "c_20231021.csv", "d_20231020.csv", "e_20231025.csv")
    for name in reversed(laid):
        _csv(drop / name, HEADER, [name, *ROW[1:]])
    (drop / "~$a_20231024.xlsx").write_bytes(b"lock")
    (drop / "notes.txt").write_text("x")
    pages = _pages(source)
    assert [page.file.name for page in pages if page.file] == ["c_20231021.csv", "a_20231024.csv", "b_20231024.csv"]
    assert pages[-1].total == 3
    assert sorted(file.name for file in drop.glob("*.csv")) == list(laid)


def test_a_link_to_a_file_is_read_and_folders_alone_are_told(source: OnlinePolitics, drop: Path, tmp_path: Path) -> None:
    (drop / "2023-10").mkdir()
    (page,) = _pages(source)
    assert len(page.messages) == 1 and str(drop) in page.messages[0] and "folders" in page.messages[0]
    (drop / "a_20231024.csv").symlink_to(_csv(tmp_path / "elsewhere.csv", HEADER, ROW))
    (drop / "b_20231024.csv").symlink_to(tmp_path / "nowhere.csv")
    pages = _pages(source)
    assert [page.file.name for page in pages if page.file] == ["a_20231024.csv"]
    assert pages[-1].messages == []


def test_a_name_in_the_encoding_of_windows_is_read(source: OnlinePolitics, drop: Path) -> None:
    """As archives unpack it."""
    name = "网络问政_20231024.csv"
    laid = _csv(drop / "laid", HEADER, ROW)
    laid.rename(drop / os.fsdecode(name.encode("gb18030")))
    (page,) = _files(_pages(source))
    assert page.file is not None and page.file.name == name
    assert (page.total, page.errors) == (1, [])


def test_a_file_is_read_once(source: OnlinePolitics, drop: Path) -> None:
    read = _csv(drop / "a_20231024.csv", HEADER, ROW).read_bytes()
    (drop / "a_copy_20231024.csv").write_bytes(read)
    assert len(_files(_pages(source))) == 1
    assert _files(_pages(source, read=[hashlib.sha256(read).hexdigest()])) == []


def test_the_total_is_of_distinct_numbers(source: OnlinePolitics, drop: Path) -> None:
    _csv(drop / "a_20231024.csv", HEADER, ROW, ["1002", *ROW[1:]], [None, *ROW[1:]], ["1.88E+15", *ROW[1:]])
    _xlsx(drop / "b_20231024.xlsx", HEADER, [1001, *ROW[1:]], [1003.0, *ROW[1:]], [1.88e15, *ROW[1:]])
    assert [page.total for page in _files(_pages(source))] == [4, 6]  # 1001, 1002 and two without; then 1003 and one without


def test_a_file_without_a_date_is_red_and_the_others_go_on(source: OnlinePolitics, drop: Path) -> None:
    _csv(drop / "网络问政.csv", HEADER, ROW)
    _csv(drop / "网络问政_20231024.csv", HEADER, ROW)
    pages = _pages(source)
    told = "网络问政.csv: expected the export date YYYYMMDD in the name, found none; rename the file"
    assert [error for page in pages for error in page.errors] == [told]
    assert len(_files(pages)) == 1


@pytest.mark.parametrize(
    ("sidecar", "told"),
    [
        ("rows=1\nsha256={sha}\n", None),
        ("rows=1 sha256={SHA}", None),
        ("rows=2\nsha256={sha}\n", "rows=2, found 1"),
        ("rows=1\nsha256=00\n", "sha256=00, found"),
        ("rows=1\n", r"sha256=\(nothing\)"),
        ("", r"rows=\(nothing\)"),
    ],
)
def test_a_sidecar_must_hold(source: OnlinePolitics, drop: Path, sidecar: str, told: str | None) -> None:
    digest = hashlib.sha256(_csv(drop / "a_20231024.csv", HEADER, ROW).read_bytes()).hexdigest()
    (drop / "a_20231024.csv.ok").write_text(sidecar.format(sha=digest, SHA=digest.upper()))
    _csv(drop / "b_20231024.csv", HEADER, ["1002", *ROW[1:]])
    pages = _pages(source)
    errors = [error for page in pages for error in page.errors]
    assert [page.file.name for page in pages if page.file] == (["b_20231024.csv"] if told else ["a_20231024.csv", "b_20231024.csv"])
    assert pages[-1].total == len(_files(pages))
    if told:
        assert re.search(told, errors[0])
        assert errors[0].startswith("a_20231024.csv: ")
    else:
        assert errors == []


CELLS: list[list[Any]] = [
    [188006, "A0001", "题目_x000D_", datetime(2019, 1, 2, 9, 5, 3), "说明", None, None],
    ["441322000000000001", "A0002", "题目", "2019/1/2 9:05:03", "说明", "已答复", datetime(2019, 1, 3)],
    [441322000000000001, "A0003", "题目", 43467.37850694444, "说明", None, None],
    [None, None, None, None, None, None, None],
    [188007.0, "A0004", "题目", date(2019, 1, 2), "说明", None, None],
]


def _xls(file: Path, *rows: list[Any]) -> Path:
    return _workbook(file, {"导出": list(rows)})


def _workbook(file: Path, sheets: dict[str, list[list[Any]]], hidden: str = "") -> Path:
    """An xlsx, or a true workbook of Excel 97–2003, with sheets by name."""
    import xlwt

    if file.suffix == ".xlsx":
        new = Workbook(write_only=True)
        for name, rows in sheets.items():
            written = new.create_sheet(name)
            written.sheet_state = "hidden" if name == hidden else "visible"
            for row in rows:
                written.append(row)
        new.save(file)
        return file
    book = xlwt.Workbook(encoding="utf-8")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        sheet.visibility = int(name == hidden)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                style = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss" if isinstance(cell, date) else "General")
                sheet.write(at, column, cell, style)
    book.save(file)
    return file


def test_a_workbook_of_excel_97_is_read_as_an_xlsx_is(source: OnlinePolitics, drop: Path) -> None:
    old, new = _xls(drop / "a_20190110.xls", HEADER, *CELLS), _xlsx(drop / "a_20190110.xlsx", HEADER, *CELLS)
    assert list(source.records(old)) == list(source.records(new))
    at = source.export_at(old.name)
    read = [Record(raw, source.map, export_at=at) for raw in source.records(old)]
    assert [record.number("留言编号") for record in read] == ["188006", "441322000000000001", None, "188007"]
    assert read[2].faults[0][0] == "lost_digits"
    assert [f"{record.time('留言时间'):%F %T}" for record in read] == [*["2019-01-02 09:05:03"] * 3, "2019-01-02 00:00:00"]


def test_an_xls_lands_beside_other_files(source: OnlinePolitics, drop: Path) -> None:
    _xls(drop / "网络问政_20231024.xls", HEADER, ROW, ["1002", *ROW[1:]])
    _csv(drop / "网络问政_20231024.csv", HEADER, ["1003", *ROW[1:]])
    pages = _pages(source)
    assert [error for page in pages for error in page.errors] == []
    assert pages[-1].total == 3


@pytest.mark.parametrize("kind", ["xls", "xlsx"])
def test_a_damaged_workbook_is_refused_whatever_its_reader_says(drop: Path, kind: str) -> None:
    """The page of one file; nothing of what a reader may raise goes further."""
    chance = random.Random(kind)
    write = _xls if kind == "xls" else _xlsx
    whole = write(drop / f"whole_20231024.{kind}", HEADER, *[ROW] * 20).read_bytes()
    damaged, refused = drop / f"damaged_20231024.{kind}", 0
    for _ in range(150):
        content = bytearray(whole[: chance.randrange(600, len(whole))] if chance.random() < 0.4 else whole)
        for _ in range(chance.randrange(1, 12)):
            content[chance.randrange(8, len(content))] = chance.randrange(256)
        damaged.write_bytes(content)
        try:
            _ = [list(rows) for _, rows in sheets(damaged)]
        except FileRefused as told:
            refused += 1
            assert str(told).startswith(damaged.name) and "\n" not in str(told)
    assert refused > 20


def test_files_that_cannot_be_read_are_refused_by_name(source: OnlinePolitics, drop: Path) -> None:
    whole = _xlsx(drop / "whole_20231024.xlsx", HEADER, *([f"{n}", *ROW[1:]] for n in range(300))).read_bytes()
    (drop / "cut_20231024.xlsx").write_bytes(whole[: len(whole) // 2])
    (drop / "old_20231024.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100)
    (drop / "empty_20231024.csv").write_bytes(b"")
    (drop / "noise_20231024.csv").write_bytes(bytes(range(256)))
    (drop / "quote_20231024.csv").write_text(",".join(HEADER) + '\n1,"A,B\n', encoding="utf-8")
    pages = _pages(source)
    assert [page.file.name for page in _files(pages) if page.file] == ["whole_20231024.xlsx"]
    refused = {error.split("_")[0] for page in pages for error in page.errors}
    assert refused == {"cut", "old", "empty", "noise", "quote"}


def test_a_telephone_number_in_the_name_of_a_file_is_told_to_nobody(source: OnlinePolitics, drop: Path) -> None:
    _csv(drop / "无日期13800000001.csv", HEADER, ROW)
    _csv(drop / "张三13800000001_20231024.csv", HEADER, ROW)
    (drop / "张三13800000001_20231024.csv.ok").write_text("rows=9")
    _csv(drop / "李四13800000001_20231024.csv", HEADER[:5], ["1002", *ROW[1:5]])
    told = [text for page in _pages(source) for text in (*page.errors, *map(printed, page.errors), *page.messages)]
    assert len(told) == 5
    assert all("138****0001" in text and "13800000001" not in text for text in told)
    _csv(drop / "王五13800000001_20231024.csv", HEADER[1:], ROW[1:])
    with pytest.raises(LaneStopped, match=r"王五138\*\*\*\*0001_20231024\.csv") as stopped:
        _pages(source)
    assert "13800000001" not in str(stopped.value) + printed(stopped.value.args[0])


@pytest.mark.parametrize("extra", [{}, {"path": "/nowhere/at/all"}, {"path": "nosuchprotocol://bucket/x"}])
def test_a_folder_that_is_not_there(tmp_path: Path, extra: dict[str, str]) -> None:
    source = OnlinePolitics(Connection("c", "fs", extra=extra), Settings(home=tmp_path, config=CHECKOUT / "config"))
    with pytest.raises(LaneStopped, match="AIRFLOW_CONN_PETITIONS_ONLINE_POLITICS"):
        _pages(source)


def test_a_folder_that_cannot_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    from tests.sources.loopback import free_port

    extra = {"path": f"ftp://wang:geheim@127.0.0.1:{free_port()}/drop"}
    source = OnlinePolitics(Connection("c", "fs", extra=extra), Settings(home=tmp_path, config=CHECKOUT / "config"))
    with pytest.raises(LaneStopped, match=r"ftp://…@127\.0\.0\.1:\d+/drop cannot be opened \(ConnectionRefusedError\)") as stopped:
        _pages(source)
    assert "geheim" not in str(stopped.value) and "wang" not in str(stopped.value)


def test_a_folder_behind_a_url(tmp_path: Path) -> None:
    import fsspec

    with fsspec.open("memory://board/网络问政_20231024.csv", "wb") as file:
        file.write((",".join(HEADER) + "\n1,a,b,2023/1/2 9:05:03,c,,\n").encode())
    source = OnlinePolitics(Connection("c", "fs", extra={"path": "memory://board"}), Settings(home=tmp_path, config=CHECKOUT / "config"))
    assert [page.total for page in _files(_pages(source))] == [1]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("网络问政_20231024.xlsx", date(2023, 10, 24)),
        ("20231024-2.csv", date(2023, 10, 24)),
        ("20230101-20231024.csv", date(2023, 10, 24)),
        ("网络问政_20231024153000.csv", date(2023, 10, 24)),
        ("网络问政202310241530.xls", date(2023, 10, 24)),
        ("export20231024153000123.xlsx", date(2023, 10, 24)),
        ("网络问政_20231024993000.csv", None),
        ("网络问政_2023102415.csv", None),
        ("网络问政_20231324.csv", None),
        ("网络问政_120231024.csv", None),
        ("网络问政.csv", None),
    ],
)
def test_export_dates(name: str, day: date | None) -> None:
    assert export_date(name) == day


def _record(source: OnlinePolitics, columns: dict[str, Any]) -> Record:
    raw = {"留言编号": "1001", "留言时间": POSTED} | columns
    return Record(raw, FieldMap(source.name, source.settings.source_maps[source.name]), export_at=_at("2023-10-24 23:59:59"))


def _pages(source: OnlinePolitics, read: Iterable[str] = ()) -> list[Page]:
    window = Window(datetime(2023, 10, 21, tzinfo=BEIJING), datetime(2023, 10, 24, 23, 59, 59, tzinfo=BEIJING))
    pages = []
    for page in source.pages(Ask(window=window, read_files=frozenset(read))):
        assert page.file is None or page.file.stat().st_size
        pages.append(page)
    return pages


def _files(pages: list[Page]) -> list[Page]:
    return [page for page in pages if page.file]


def _xlsx(file: Path, *rows: list[Any]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(file)
    return file


def _csv(file: Path, *rows: list[Any], encoding: str = "utf-8") -> Path:
    file.write_text("".join(",".join(cell or "" for cell in row) + "\r\n" for row in rows), encoding=encoding, newline="")
    return file
