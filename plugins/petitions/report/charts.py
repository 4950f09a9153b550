"""Charts as spreadsheet and document carry them: native ones, drawn by the reader's program with the reader's fonts.

No picture is made here, so no glyph can be missing, print is sharp at any size, and the numbers in a chart can be read back. A chart of the
document is the very chart of a spreadsheet: the document embeds it with the small workbook that holds its numbers.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from xlsxwriter.chart import Chart

from petitions.report.figures import as_number

Block = Mapping[str, Any]
Figures = Mapping[str, Mapping[str, Any]]

# Apart in grey print and for the colour-blind (Okabe and Ito, darkened); lines have markers beside.
COLOURS = ("#1F4E79", "#7FA7C9", "#B3541E", "#5B8C5A", "#8C6BB1", "#6B6B6B")
# A group too small to judge by.
FAINT = "#BFBFBF"
FONT = "宋体"
_AXIS = {"%": "0%", "件": "0", "天": "0"}
# A spreadsheet takes what is not told for no, a document for yes.
_VALUE_ALONE = "".join(
    f'<c:{what} val="{int(what == "showVal")}"/>'
    for what in ("showLegendKey", "showVal", "showCatName", "showSerName", "showPercent", "showBubbleSize")
)
# Beyond so many columns numbers over them would run into each other.
_LABELLED = 16


@dataclass(frozen=True)
class Range:
    """Where the numbers of a chart stand: sheet and first row; one column of names, one column per series."""

    sheet: str
    row: int
    column: int


def values(block: Block, figures: Figures) -> list[list[float | None]]:
    """One list per series; None where a figure is not known or hidden, which is drawn as a gap and not as 0."""
    return [[number[0] if (number := as_number(figures[key]["text"])) else None for key in one["figures"]] for one in block["series"]]


def write_numbers(sheet: Any, at: Range, block: Block, figures: Figures, number_format: Any = lambda text: None) -> None:
    """The numbers of a chart as cells, with a line of names above them. Writes row by row."""
    for place, one in enumerate(block["series"], 1):
        sheet.write_string(at.row, at.column + place, one["name"])
    for step, name in enumerate(block["categories"]):
        sheet.write_string(at.row + 1 + step, at.column, name)
        for place, one in enumerate(block["series"], 1):
            told = figures[one["figures"][step]]["text"]
            if number := as_number(told):
                sheet.write_number(at.row + 1 + step, at.column + place, number[0], number_format(number[1]))


def draw(workbook: xlsxwriter.Workbook, block: Block, figures: Figures, at: Range) -> Chart:
    """The chart of a block over the numbers that :func:`write_numbers` wrote at ``at``."""
    lying = block["form"] == "bar"
    numbers = values(block, figures)
    forms = list(dict.fromkeys(one["form"] for one in block["series"]))
    charts = {form: _chart(workbook, form, block) for form in forms}
    for place, one in enumerate(block["series"]):
        charts[one["form"]].add_series(_series(block, place, numbers[place], at))
    # Columns first: lines are drawn over them.
    first, *rest = sorted(charts.values(), key=lambda chart: "line" in type(chart).__name__.lower())
    for chart in rest:
        first.combine(chart)
    small, plain = {"name": FONT, "size": 9}, {"visible": True, "color": "#D9D9D9", "width": 0.5}
    names = {"num_font": small, "line": {"color": "#7F7F7F"}, "major_tick_mark": "none", "reverse": lying, "label_position": "low"}
    amounts = {
        "num_font": small,
        "num_format": _AXIS.get(block["unit"], "General"),
        "name": None if lying else block["unit"],
        "name_font": {"name": FONT, "size": 9, "bold": False, "rotation": 0 if lying else 360},
        "major_gridlines": {"visible": not lying, "line": plain},
        "line": {"none": True},
        "visible": not lying,
        "min": 0 if _all_positive(numbers) else None,
    }
    first.set_x_axis(amounts if lying else names)
    first.set_y_axis(names if lying else amounts)
    first.set_title({"name": block["title"], "name_font": {"name": FONT, "size": 11, "bold": True}, "overlay": False})
    first.set_legend({"none": True} if len(block["series"]) == 1 else {"position": "bottom", "font": {"name": FONT, "size": 9}})
    first.set_chartarea({"border": {"none": True}})
    first.show_blanks_as("gap")
    return first


def size(block: Block) -> tuple[int, int]:
    """Width and height in pixels at 96 to the inch; a lying chart grows with its bars, as far as a page goes."""
    if block["form"] != "bar":
        return 580, 300
    stacks = len({one.get("stack") or one["name"] for one in block["series"]})
    return 580, min(720, 110 + 26 * len(block["categories"]) * stacks)


@dataclass(frozen=True)
class Embedded:
    """A chart for a document: its part, and the workbook with its numbers, which the reader's program opens to edit them."""

    chart: bytes
    workbook: bytes


def embedded(block: Block, figures: Figures, workbook_rel: str) -> Embedded:
    """The chart as a part that refers to its workbook by the relationship ``workbook_rel``."""
    kept = io.BytesIO()
    with xlsxwriter.Workbook(kept, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("数据")
        at = Range("数据", 0, 0)
        write_numbers(sheet, at, block, figures, lambda told: workbook.add_format({"num_format": told}))
        sheet.insert_chart(0, len(block["series"]) + 2, draw(workbook, block, figures, at))
    with zipfile.ZipFile(kept) as parts:
        told = parts.read("xl/charts/chart1.xml").decode()
    told = told.replace('<c:showVal val="1"/>', _VALUE_ALONE)
    outside = f'<c:externalData r:id="{workbook_rel}"><c:autoUpdate val="0"/></c:externalData>'
    told, found = re.subn(r"<c:printSettings>.*?</c:printSettings>", outside, told, flags=re.DOTALL)
    assert found == 1, "the chart ends with its print settings, which a document has of its own"
    return Embedded(told.encode(), kept.getvalue())


def _chart(workbook: xlsxwriter.Workbook, form: str, block: Block) -> Chart:
    stacked = any(one.get("stack") for one in block["series"] if one["form"] == form)
    return workbook.add_chart({"type": form} | ({"subtype": "stacked"} if stacked else {}))


def _series(block: Block, place: int, numbers: Sequence[float | None], at: Range) -> dict[str, Any]:
    one, last = block["series"][place], at.row + len(block["categories"])
    colour = COLOURS[place % len(COLOURS)]
    told: dict[str, Any] = {
        "name": one["name"],
        "categories": [at.sheet, at.row + 1, at.column, last, at.column],
        "values": [at.sheet, at.row + 1, at.column + 1 + place, last, at.column + 1 + place],
        # What the cells hold, for programs that draw without computing.
        "categories_data": block["categories"],
        "values_data": numbers,
    }
    if one["form"] == "line":
        return told | {
            "line": {"color": colour, "width": 2.25},
            "marker": {"type": "circle", "size": 6, "fill": {"color": colour}, "border": {"color": colour}},
        }
    told |= {"fill": {"color": colour}, "gap": 60}
    marks = block.get("marks") or ()
    if "small" in marks:
        told["points"] = [{"fill": {"color": FAINT}} if mark == "small" else None for mark in marks]
    if block["form"] == "bar" or (len(block["series"]) == 1 and len(block["categories"]) <= _LABELLED):
        inside = {"position": "center", "font": {"name": FONT, "size": 8, "color": "#FFFFFF"}} if one.get("stack") else {}
        told["data_labels"] = {
            "value": True,
            "num_format": "0.00 %" if block["unit"] == "%" else "0;;" if one.get("stack") else "General",
            "font": {"name": FONT, "size": 9},
        }
        told["data_labels"] |= inside
    return told


def _all_positive(numbers: Sequence[Sequence[float | None]]) -> bool:
    return all(number is None or number >= 0 for one in numbers for number in one)
