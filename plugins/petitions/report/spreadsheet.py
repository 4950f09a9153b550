"""``report.xlsx``: the report to count on with. A summary, then one sheet per table and per list of tickets, with real numbers and dates.

Printed from ``report.json`` section by section and block by block; a number is what the figure prints (99.39 % is 0.9939), so that it
reads the same as on the page. Texts are written as texts: nothing that a citizen wrote becomes a formula or a link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from petitions.model import BEIJING
from petitions.report import charts
from petitions.report.content import Document, Lists
from petitions.report.figures import as_number
from petitions.report.lists import label as column_name
from petitions.report.wording import SMALL, breadth

SUMMARY, DICTIONARY, CHART_DATA = "概要", "指标解释", "图表数据"
# A list goes so far in a sheet; who needs more of it takes its file. It costs a minute, and a sheet ends at a million rows.
ROWS_IN_SHEET = 200_000
MINUTE = "yyyy-mm-dd hh:mm"
_A4 = 9
# A page of A4 upright holds about so many narrow characters of 11 points, and a page so many rows above a chart without looking small.
_UPRIGHT, _ROWS_WITH_CHART = 105, 60
_LIST_WIDTHS = {
    "ticket_id": 21,
    "source": 11,
    "ticket_type": 7,
    "channel": 8,
    "category": 12,
    "area": 11,
    "title": 30,
    "unit": 16,
    "provisional": 7,
}
_ROW_LINES, _LINE = 2, 13.5
_WRAPPED = ("ticket_id", "title", "unit", "category")
_SUMMARY_WIDTHS = (22, 10, 10, 10, 10, 10, 10, 10)
_TITLE, _SUBTITLE, _HEADER = 0, 1, 2
_MARKS: dict[str, dict[str, Any]] = {
    "small": {"font_color": "#7F7F7F", "italic": True},
    "red": {"font_color": "#B00020", "bold": True},
    "absent": {"font_color": "#B00020", "bold": True},
    "stale": {"font_color": "#B00020", "bold": True},
    "partial": {"font_color": "#B00020", "bold": True},
    "yellow": {"font_color": "#8A5A00"},
}


def write(document: Document, lists: Lists, path: Path) -> None:
    """Write the spreadsheet. Memory does not grow with the lists: rows go to disk as they come, into the folder of ``path``."""
    how = {"constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, how) as workbook:
        _Book(workbook, document, lists).write()


class _Book:
    def __init__(self, workbook: xlsxwriter.Workbook, document: Document, lists: Lists) -> None:
        self.workbook, self.document, self.lists = workbook, document, lists
        self.figures = {figure["id"]: figure for figure in document["figures"]}
        self.blocks = [block for section in document["sections"] for block in section["blocks"]]
        self.names = sheet_names(document)
        self.format = cache(self._format)
        issue = document["issue"]
        self.told = f"统计时段：{document['period']}　统计截至：{document['as_of_told']}　第{issue['number']}期"
        workbook.set_properties(
            {
                "title": f"{document['title']}（{document['period']}）",
                "author": document["organisation"],
                "created": datetime.fromisoformat(issue["issued_at"]).astimezone(UTC).replace(tzinfo=None),
            }
        )

    def write(self) -> None:
        self._summary()
        after: Sequence[Mapping[str, Any]] = ()
        for place, block in enumerate(self.blocks):
            after = self.blocks[place + 1 :]
            if block["kind"] == "table":
                self._table(block, _notes(after))
            elif block["kind"] == "list":
                self._list(block)
        self._dictionary()
        self._chart_data()

    def _summary(self) -> None:
        """What a chief reads first: sentences, headline figures, notes, and where each table is."""
        sheet = self._sheet(SUMMARY, _SUMMARY_WIDTHS)
        last = len(_SUMMARY_WIDTHS) - 1
        lines = _Lines(sheet, sum(_SUMMARY_WIDTHS), last)
        lines.text(self.document["title"], self.format(bold=True, font_size=18, align="center", valign="vcenter"), height=36)
        lines.text(self.told, self.format(align="center"))
        known = self.document["as_known"]
        issued = f"制发：{_minute(self.document['issue']['issued_at'])}"
        lines.text(f"数据取至：{_minute(known) if known else '—'}　{issued}", self.format(align="center"))
        for notice in self.document["notices"]:
            lines.text(notice["text"], self._note(notice))
        for section in self.document["sections"]:
            lines.skip()
            lines.text(section["title"], self.format(bold=True, font_size=13), height=22)
            for block in section["blocks"]:
                self._summary_block(lines, block)
        lines.skip()
        lines.link(DICTIONARY, "本报告所印数字的含义", self.format(font_color="#1F4E79", underline=1))

    def _summary_block(self, lines: _Lines, block: Mapping[str, Any]) -> None:
        if block["kind"] == "paragraph":
            lines.text(f"　　{block['text']}", self.format(text_wrap=True, valign="top", font_size=12), per_line=18)
        elif block["kind"] == "note":
            lines.text(block["text"], self._note(block))
        elif block["kind"] == "headlines":
            self._headlines(lines, block)
        elif block["kind"] in ("table", "list"):
            told = f"{block['title']}（{block['total']}件）" if block["kind"] == "list" else block["title"]
            lines.link(self.names[block["id"]], f"表：{told}", self.format(font_color="#1F4E79", underline=1))

    def _headlines(self, lines: _Lines, block: Mapping[str, Any]) -> None:
        """One row per figure: value, what a rate is made of, and the periods it is compared with."""
        items = block["items"]
        compared = list(dict.fromkeys(one["label"] for item in items for one in item.get("compared", ())))
        header = ["指标", "数值", "分子", "分母", *(f"{label}{what}" for label in compared for what in ("基数", ""))]
        lines.cells([(name, self._head()) for name in header])
        for item in items:
            figure = self.figures[item["figure"]]
            made_of = figure["value"] if isinstance(figure["value"], Mapping) else {}
            parts = [made_of.get("numerator"), made_of.get("denominator")]
            row: list[tuple[Any, Format]] = [(figure["printed"], self.format(border=1, indent=1)), self._number(figure["text"])]
            row += [(part, self.format(border=1, num_format="0")) for part in parts]
            told = {one["label"]: one for one in item.get("compared", ())}
            for label in compared:
                keys = [told[label][key] for key in ("then", "change")] if label in told else []
                row += [self._number(self.figures[key]["text"]) for key in keys] or [(None, self.format(border=1))] * 2
            lines.cells(row)

    def _table(self, block: Mapping[str, Any], notes: Sequence[Mapping[str, Any]]) -> None:
        kinds = [column["kind"] for column in block["columns"]]
        rows = [[self._cell(one, kind, row["total"]) for one, kind in zip(row["cells"], kinds, strict=True)] for row in block["rows"]]
        texts = [[self._text(one) for one in row["cells"]] for row in block["rows"]]
        widths = [_width(column, [row[place] for row in texts]) for place, column in enumerate(block["columns"])]
        sheet = self._sheet(self.names[block["id"]], widths)
        self._head_lines(sheet, block["title"], [column["label"] for column in block["columns"]], 34)
        for at, row in enumerate(rows, _HEADER + 1):
            for column, (value, form) in enumerate(row):
                _put(sheet, at, column, value, form)
        reached = _HEADER + 1 + len(rows)
        counted = len(rows) - sum(row["total"] for row in block["rows"])
        if counted:
            sheet.autofilter(_HEADER, 0, _HEADER + counted, len(widths) - 1)
        lines = _Lines(sheet, sum(widths), len(widths) - 1, reached + 1)
        for note in notes:
            lines.text(note["text"], self._note(note))
        if drawn := [one for one in self.blocks if one["kind"] == "chart" and one["table"] == block["id"]]:
            self._charts(sheet, drawn, lines.row + 1)

    def _charts(self, sheet: Worksheet, drawn: Sequence[Mapping[str, Any]], row: int) -> None:
        """Charts below their table and on one page with it; of a long table on a sheet of their own. A chart is never cut in two."""
        if row > _ROWS_WITH_CHART:
            sheet, row = self._sheet(f"{sheet.get_name()}图", [11] * 9), 0
        sheet.set_portrait()
        sheet.fit_to_pages(1, 1)
        for chart in drawn:
            width, height = charts.size(chart)
            made = charts.draw(self.workbook, chart, self.figures, self._chart_range(chart))
            made.set_size({"width": width, "height": height})
            sheet.insert_chart(row, 0, made, {"description": chart["title"], "object_position": 3})
            row += height // 20 + 2

    def _list(self, block: Mapping[str, Any]) -> None:
        """The tickets of a list with all their columns. Paper gets what a ticket is; what it counts for is there to filter by."""
        told = self.lists[block["id"]]
        widths = [_LIST_WIDTHS.get(column, 16 if column.endswith("_at") else 10) for column in told.columns]
        printed = [width for column, width in zip(told.columns, widths, strict=True) if not column.startswith(("in_", "by_"))]
        sheet = self._sheet(self.names[block["id"]], widths, landscape=sum(printed) > _UPRIGHT)
        cut = f"，此处列前{ROWS_IN_SHEET}件，全部列于{block['file']}" if told.total > ROWS_IN_SHEET else ""
        self._head_lines(sheet, f"{block['title']}（共{told.total}件{cut}）", [column_name(column) for column in told.columns], 34)
        text = self.format(border=1, num_format="@", text_wrap=True, valign="top", font_size=10)
        when = self.format(border=1, num_format=MINUTE, align="left", valign="top", font_size=10)
        # A ticket's number takes two lines; a row of another height is kept in memory, so only those that need one have one.
        sheet.set_default_row(_LINE * _ROW_LINES)
        wraps = {column: wide for column, wide in zip(told.columns, widths, strict=True) if column in _WRAPPED}
        at = _HEADER
        for row in islice(told.rows(), ROWS_IN_SHEET):
            at += 1
            if (high := max(_lines(row[column], wide) for column, wide in wraps.items())) > _ROW_LINES:
                sheet.set_row(at, _LINE * high)
            for place, column in enumerate(told.columns):
                value = row[column]
                if isinstance(value, datetime):
                    sheet.write_datetime(at, place, _wall(value), when)
                elif value:
                    sheet.write_string(at, place, value, text)
                elif place < len(printed):
                    sheet.write_blank(at, place, None, text)
        sheet.autofilter(_HEADER, 0, max(at, _HEADER + 1), len(widths) - 1)
        sheet.print_area(0, 0, at, len(printed) - 1)

    def _dictionary(self) -> None:
        widths = [26, 90]
        sheet = self._sheet(DICTIONARY, widths)
        self._head_lines(sheet, "本报告所印数字的含义", ["指标", "含义"], 20)
        wrapped = self.format(border=1, text_wrap=True, valign="top")
        for at, term in enumerate(self.document["dictionary"], _HEADER + 1):
            sheet.set_row(at, 15 * _lines(term["meaning"], widths[1]))
            sheet.write_string(at, 0, term["printed"], wrapped)
            sheet.write_string(at, 1, term["meaning"], wrapped)

    def _chart_data(self) -> None:
        """The numbers of all charts, one block below the other."""
        drawn = [block for block in self.blocks if block["kind"] == "chart"]
        if not drawn:
            return
        sheet = self._sheet(CHART_DATA, [24, 11, 11, 11, 11, 11])
        for chart in drawn:
            at = self._chart_range(chart)
            sheet.write_string(at.row - 1, 0, chart["title"], self.format(bold=True))
            charts.write_numbers(sheet, at, chart, self.figures, lambda told: self.format(num_format=told))

    def _chart_range(self, wanted: Mapping[str, Any]) -> charts.Range:
        row = 1
        for chart in (block for block in self.blocks if block["kind"] == "chart"):
            if chart is wanted:
                return charts.Range(CHART_DATA, row, 0)
            row += len(chart["categories"]) + 3
        raise LookupError(wanted["id"])

    def _sheet(self, name: str, widths: Sequence[float], landscape: bool | None = None) -> Worksheet:
        """A sheet whose columns fit on the width of a page."""
        sheet = self.workbook.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.set_paper(_A4)
        if sum(widths) > _UPRIGHT if landscape is None else landscape:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.6, right=0.6, top=0.7, bottom=0.8)
        sheet.set_footer(f"&L&9{self.document['title']}&C&9第 &P 页，共 &N 页&R&9 {self.document['period']}")
        sheet.hide_gridlines(2)
        return sheet

    def _head_lines(self, sheet: Worksheet, title: str, columns: Sequence[str], height: int) -> None:
        """Title, period and the line of column names, which stay in sight and are printed on every page."""
        sheet.set_row(_TITLE, 26)
        sheet.write_string(_TITLE, 0, title, self.format(bold=True, font_size=14, valign="vcenter"))
        sheet.write_string(_SUBTITLE, 0, self.told, self.format(font_color="#595959"))
        sheet.set_row(_HEADER, height)
        for column, name in enumerate(columns):
            sheet.write_string(_HEADER, column, name, self._head())
        sheet.freeze_panes(_HEADER + 1, 1)
        sheet.repeat_rows(_TITLE, _HEADER)

    def _cell(self, told: Any, kind: str, total: bool) -> tuple[Any, Format]:
        """Value and look of a table's cell."""
        look: dict[str, Any] = {"border": 1, "valign": "vcenter"} | ({"bold": True, "bg_color": "#F2F2F2"} if total else {})
        if not isinstance(told, Mapping):
            return told, self.format(**look, text_wrap=True, num_format="@", indent=1)
        look |= _MARKS.get(told.get("mark", ""), {})
        if "figure" in told:
            return self._number(self.figures[told["figure"]]["text"], SMALL if told.get("mark") == "small" else "", **look)
        if "time" in told:
            at = told["time"]
            return _wall(datetime.fromisoformat(at)) if at else "—", self.format(**look, num_format=MINUTE, align="left", indent=1)
        return told["text"], self.format(**look, text_wrap=True, num_format="@", indent=1, align="right" if kind == "number" else "left")

    def _number(self, text: str, behind: str = "", **look: Any) -> tuple[Any, Format]:
        """A figure as a number, where it is one; a sign behind it is in the format alone."""
        number = as_number(text)
        look = {"border": 1, "align": "right"} | look
        if number is None:
            return text + behind, self.format(**look)
        return number[0], self.format(**look, num_format=number[1] + (f'"{behind}"' if behind else ""))

    def _text(self, told: Any) -> str:
        if not isinstance(told, Mapping):
            return str(told)
        if "figure" in told:
            return str(self.figures[told["figure"]]["text"])
        return _minute(told["time"]) if told.get("time") else str(told.get("text", "—"))

    def _head(self) -> Format:
        return self.format(bold=True, border=1, bg_color="#DCE6F1", text_wrap=True, align="center", valign="vcenter")

    def _note(self, note: Mapping[str, Any]) -> Format:
        colour = {"font_color": "#B00020", "bold": True} if note["warning"] else {"font_color": "#595959"}
        return self.format(**colour, text_wrap=True, valign="top", font_size=10)

    def _format(self, **look: Any) -> Format:
        return self.workbook.add_format({"font_name": "宋体", "font_size": 11} | look)


class _Lines:
    """Lines of text across a sheet, one below the other, each as high as its text needs."""

    def __init__(self, sheet: Worksheet, width: float, last: int, row: int = 0) -> None:
        self.sheet, self.width, self.last, self.row = sheet, width, last, row

    def text(self, text: str, form: Format, *, height: float | None = None, per_line: float = 15) -> None:
        self.sheet.set_row(self.row, height or per_line * _lines(text, self.width) + 3)
        if self.last:
            self.sheet.merge_range(self.row, 0, self.row, self.last, "", form)
        self.sheet.write_string(self.row, 0, text, form)
        self.row += 1

    def link(self, sheet_name: str, text: str, form: Format) -> None:
        self.sheet.write_url(self.row, 0, f"internal:'{sheet_name}'!A1", form, text)
        self.row += 1

    def cells(self, row: Sequence[tuple[Any, Format]]) -> None:
        for column, (value, form) in enumerate(row):
            _put(self.sheet, self.row, column, value, form)
        self.row += 1

    def skip(self) -> None:
        self.row += 1


def sheet_names(document: Document) -> dict[str, str]:
    """The sheet of each table and list by its id: its title, as spreadsheets ask (31 characters, none of ``[]:*?/\\``, no twins)."""
    names: dict[str, str] = {}
    taken = {SUMMARY, DICTIONARY, CHART_DATA}
    for block in (block for section in document["sections"] for block in section["blocks"]):
        if block["kind"] not in ("table", "list"):
            continue
        title = re.sub(r"[\[\]:*?/\\']", "", block["title"])[:26]
        name, number = title, 1
        while name in taken:
            number += 1
            name = f"{title}_{number}"
        taken.add(name)
        names[block["id"]] = name
    return names


def _notes(after: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The notes that stand right below a block."""
    notes = []
    for block in after:
        if block["kind"] != "note":
            break
        notes.append(block)
    return notes


def _put(sheet: Worksheet, row: int, column: int, value: Any, form: Format) -> None:
    if value is None or value == "":
        sheet.write_blank(row, column, None, form)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, column, value, form)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, form)
    else:
        sheet.write_string(row, column, value, form)


def _width(column: Mapping[str, Any], texts: Sequence[str]) -> float:
    """A column as wide as its widest value; heads and long texts break into lines."""
    widest = max(map(breadth, texts), default=0)
    head = breadth(column["label"])
    return min(max(widest + 3, min(head + 4, 14), 9), 60)


def _lines(text: str, columns: float) -> int:
    """Into how many lines a text breaks; a little early, since fonts differ."""
    return sum(max(1, -(-breadth(line) // max(1, int(columns) - 1))) for line in text.split("\n"))


def _wall(at: datetime) -> datetime:
    """What a clock in Beijing shows; spreadsheets know no time zones."""
    return at.astimezone(BEIJING).replace(tzinfo=None)


def _minute(told: str) -> str:
    return f"{datetime.fromisoformat(told).astimezone(BEIJING):%Y-%m-%d %H:%M}"
