"""What a person reads in the three prints of a report, by figure: taken from the files alone, as their programs show them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docx
import openpyxl
from docx.table import Table
from docx.text.paragraph import Paragraph

from petitions.report import spreadsheet
from petitions.report.content import Document

# A figure's id and the text that stands for it.
Printed = tuple[str, str]
CHART = {"c": "http://schemas.openxmlformats.org/drawingml/2006/chart"}


def blocks(document: Document, *kinds: str) -> Iterator[dict[str, Any]]:
    return (block for section in document["sections"] for block in section["blocks"] if block["kind"] in kinds)


def in_spreadsheet(document: Document, path: Path) -> list[Printed]:
    """Figures of the sheets of tables and of the headlines on the summary."""
    book = openpyxl.load_workbook(path)
    names = spreadsheet.sheet_names(document)
    found: list[Printed] = []
    for block in blocks(document, "table"):
        sheet = book[names[block["id"]]]
        assert [sheet.cell(3, place).value for place in range(1, len(block["columns"]) + 1)] == [one["label"] for one in block["columns"]]
        for row, told in enumerate(block["rows"], 4):
            for column, cell in enumerate(told["cells"], 1):
                if isinstance(cell, Mapping) and "figure" in cell:
                    found.append((cell["figure"], _unmarked(_cell(sheet.cell(row, column)), cell)))
    summary = [list(row) for row in book[spreadsheet.SUMMARY].iter_rows()]
    heads = iter([place for place, row in enumerate(summary) if row[0].value == "指标"])
    for block in blocks(document, "headlines"):
        head = next(heads)
        labels = [cell.value for cell in summary[head]]
        for line, item in zip(summary[head + 1 :], block["items"], strict=False):
            found.append((item["figure"], _cell(line[1])))
            for one in item["compared"]:
                found.append((one["then"], _cell(line[labels.index(f"{one['label']}基数")])))
                found.append((one["change"], _cell(line[labels.index(one["label"])])))
    return found


def in_document(document: Document, path: Path) -> list[Printed]:
    """Figures of the tables, which follow each other as the blocks do."""
    tables = iter([one for one in docx.Document(str(path)).iter_inner_content() if isinstance(one, Table)])
    found: list[Printed] = []
    for section in document["sections"]:
        for block in section["blocks"]:
            if block["kind"] == "table":
                cells = [[cell.text for cell in row.cells] for row in next(tables).rows]
                assert cells[0] == [column["label"] for column in block["columns"]]
                for row, told in zip(cells[1:], block["rows"], strict=True):
                    pairs = [(cell, text) for cell, text in zip(told["cells"], row, strict=True) if "figure" in cell]
                    found += [(cell["figure"], _unmarked(text, cell)) for cell, text in pairs]
            elif block["kind"] == "headlines":
                cells = [[cell.text for cell in row.cells] for row in next(tables).rows]
                for row, item in zip(cells[1:], block["items"], strict=True):
                    found.append((item["figure"], row[1]))
                    for one in item["compared"]:
                        place = cells[0].index(f"{one['label']}基数")
                        found += [(one["then"], row[place]), (one["change"], row[place + 1])]
    assert next(tables, None) is None
    return found


def paragraphs(path: Path) -> list[str]:
    """Texts between the tables; a space that no line ends at is a space."""
    return [one.text.replace("\u00a0", " ") for one in docx.Document(str(path)).iter_inner_content() if isinstance(one, Paragraph)]


def in_charts(document: Document, path: Path, folder: str) -> list[tuple[str, float | None]]:
    """Figures of the charts and the numbers that they draw, None for a gap; for spreadsheet and document alike."""
    with zipfile.ZipFile(path) as parts:
        drawn = sorted((name for name in parts.namelist() if re.fullmatch(rf"{folder}/charts/chart\d+\.xml", name)), key=_number)
        charts = [ElementTree.fromstring(parts.read(name)) for name in drawn]
    found: list[tuple[str, float | None]] = []
    for block, chart in zip(blocks(document, "chart"), charts, strict=True):
        series = {one.findtext("c:tx//c:v", namespaces=CHART): one for one in chart.iterfind(".//c:ser", CHART)}
        assert set(series) == {one["name"] for one in block["series"]}
        for told in block["series"]:
            points = series[told["name"]].findall("c:val//c:pt", CHART)
            values = {int(point.attrib["idx"]): float(point.findtext("c:v", "", CHART)) for point in points}
            found += [(key, values.get(place)) for place, key in enumerate(told["figures"])]
    return found


def shown(value: float, form: str) -> str:
    """A number as a spreadsheet program shows it under one of the formats of the report."""
    form, _, quoted = form.partition('"')
    behind = quoted.rstrip('"')
    signs = form.split(";")
    shape = signs[0] if value > 0 or len(signs) == 1 else signs[1] if value < 0 else signs[2]
    percent = shape.endswith("%")
    places = len(shape.rstrip(" %").partition(".")[2])
    exact = Decimal(repr(value)).copy_abs() * (100 if percent else 1)
    digits = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    assert digits == exact, "the cell holds what is printed, not more"
    return f"{shape[0] if shape[0] in '+-' else ''}{digits}{shape[len(shape.rstrip(' %')) :]}{behind}"


def _unmarked(text: str, cell: Mapping[str, Any]) -> str:
    """The number without the sign of a group that is too small to judge by; it stands behind those numbers and no others."""
    assert text.endswith("※") == (cell.get("mark") == "small"), (cell, text)
    return text.removesuffix("※")


def _cell(cell: Any) -> str:
    return shown(cell.value, cell.number_format) if isinstance(cell.value, int | float) else str(cell.value)


def _number(name: str) -> int:
    (number,) = re.findall(r"(\d+)\.xml", name)
    return int(number)


def texts(path: Path) -> set[str]:
    """All texts of the summary sheet."""
    sheet = openpyxl.load_workbook(path, read_only=True)[spreadsheet.SUMMARY]
    return {str(value) for row in sheet.iter_rows(values_only=True) for value in row if value is not None}
