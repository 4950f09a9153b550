"""The document after GB/T 9704-2012, measured."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from openpyxl import load_workbook

from petitions.report import official
from petitions.report.wording import breadth
from tests.report import media
from tests.report.test_issue import read


@pytest.fixture(scope="module")
def word(year: Path) -> Any:
    return docx.Document(str(year / "report.docx"))


def test_what_the_files_tell_of_themselves(year: Path, word: Any) -> None:
    """When they were issued, which the format says in UTC; and no picture of another document."""
    issued = datetime.fromisoformat(read(year)["issue"]["issued_at"]).astimezone(UTC)
    book = load_workbook(year / "report.xlsx").properties
    assert {one.replace(tzinfo=UTC) for one in (word.core_properties.created, book.created)} == {issued}
    with zipfile.ZipFile(year / "report.docx") as archive:
        assert [name for name in archive.namelist() if "thumbnail" in name] == []


def test_page_and_text_area(word: Any) -> None:
    (section,) = word.sections
    measured = [
        section.page_width,
        section.page_height,
        section.top_margin,
        section.bottom_margin,
        section.left_margin,
        section.right_margin,
    ]
    assert [round(one.mm) for one in measured] == [210, 297, 37, 35, 28, 26]


def test_twenty_two_lines_of_twenty_eight_characters(word: Any) -> None:
    body = word.styles["Body Text"]
    assert 22 * body.paragraph_format.line_spacing <= Mm(225) < 22.1 * body.paragraph_format.line_spacing
    closer = int(body.element.rPr.find(qn("w:spacing")).get(qn("w:val"))) / 20
    assert 28 * (16 + closer) <= Mm(156).pt < 28.2 * (16 + closer)


@pytest.mark.parametrize(
    ("style", "font", "size"),
    [
        ("Title", "方正小标宋简体", 22),
        ("Heading 1", "黑体", 16),
        ("Heading 2", "楷体", 16),
        ("Heading 3", "仿宋", 16),
        ("Body Text", "仿宋", 16),
        ("Footer", "宋体", 14),
    ],
)
def test_typefaces_and_sizes(word: Any, style: str, font: str, size: int) -> None:
    told = word.styles[style]
    assert (told.element.rPr.rFonts.get(qn("w:eastAsia")), told.font.size, told.font.bold) == (font, Pt(size), False)
    assert told.element.rPr.rFonts.get(qn("w:eastAsiaTheme")) is None, "a theme's font would win"


def test_paragraphs_begin_two_characters_in(word: Any) -> None:
    for name in ("Body Text", "Heading 1", "Heading 2", "Heading 3"):
        assert word.styles[name].paragraph_format.first_line_indent == Pt(32)


def test_page_numbers_stand_outside(word: Any) -> None:
    (section,) = word.sections
    assert word.settings.odd_and_even_pages_header_footer
    for footer, side, indent in ((section.footer, "right", "right_indent"), (section.even_page_footer, "left", "left_indent")):
        (paragraph,) = footer.paragraphs
        assert paragraph.alignment.name.lower() == side and getattr(paragraph.paragraph_format, indent) == Pt(14)
        assert re.sub(r"<[^>]+>", "", paragraph._p.xml).split() == ["—", "PAGE", "—"]
    assert round((Mm(35) - section.footer_distance - Pt(14)) / Mm(1)) == 7


def test_headings_are_numbered_as_the_report_is(year: Path, word: Any) -> None:
    told = [
        section["title"] for section in read(year)["sections"] if any(block["kind"] not in ("note", "list") for block in section["blocks"])
    ]
    assert [one.text for one in word.paragraphs if one.style.name == "Heading 1"] == told
    assert told[0].startswith("一、")


def test_tables_repeat_their_head_and_break_no_row(word: Any) -> None:
    assert word.tables
    for table in word.tables:
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
        assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in table.rows)
        assert sum(column.width for column in table.columns) <= Mm(156)


@pytest.mark.parametrize("office", ["", "某县信访局", "某某市某某县人民政府信访工作联席会议办公室"])
def test_the_signature_is_centred_over_the_date(year: Path, tmp_path: Path, office: str) -> None:
    document = read(year) | {"organisation": office}
    document["issue"] = document["issue"] | {"issued_at": "2024-01-02T03:00:00+08:00"}
    official.write(document, {}, tmp_path / "report.docx")
    name, date = docx.Document(str(tmp_path / "report.docx")).paragraphs[-2:]
    assert (name.text, date.text) == (office or official.PLACEHOLDER, "2024年1月2日")
    middles = [one.paragraph_format.right_indent.pt + 16 * breadth(one.text) / 4 for one in (name, date)]
    assert abs(middles[0] - middles[1]) < 1
    assert name.paragraph_format.keep_with_next and name.paragraph_format.right_indent >= Pt(31)


def test_charts_can_be_opened_and_need_no_picture(year: Path) -> None:
    with zipfile.ZipFile(year / "report.docx") as parts:
        names = parts.namelist()
        drawn = [name for name in names if name.startswith("word/charts/chart")]
        assert len(drawn) == len(list(media.blocks(read(year), "chart"))) > 1
        assert len([name for name in names if name.startswith("word/embeddings/")]) == len(drawn)
        assert not [name for name in names if name.startswith("word/media/")]
        assert all(b"externalData" in parts.read(name) for name in drawn)


def test_no_ticket_stands_in_what_is_signed_and_passed_round(year: Path) -> None:
    with zipfile.ZipFile(year / "report.docx") as parts:
        told = parts.read("word/document.xml").decode()
    assert "hotline_12345:" not in told and "路灯不亮" not in told
    assert "report.xlsx" in told
