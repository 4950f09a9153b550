"""``report.docx``: the report as an official document after GB/T 9704-2012 (党政机关公文格式), ready to be signed.

Printed from ``report.json`` section by section and block by block. Clauses of the standard stand beside what rests on them. Lists of
tickets stay in the spreadsheet, which the document names as its attachment: what is signed and passed round carries no tickets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import docx
from docx.document import Document as Word
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Emu, Length, Mm, Pt, RGBColor, Twips
from docx.styles.style import ParagraphStyle

from petitions.model import BEIJING
from petitions.report import charts
from petitions.report.content import Document, Lists
from petitions.report.wording import SMALL, breadth

# 5.2.2: the typeface of the text is 仿宋 of size 3 (三号, 16 pt), 22 lines a page and 28 characters a line.
FANGSONG, HEI, KAI, SONG, TITLE_FONT, LATIN = "仿宋", "黑体", "楷体", "宋体", "方正小标宋简体", "Times New Roman"
SIZE_2, SIZE_3, SIZE_4, SIZE_5 = Pt(22), Pt(16), Pt(14), Pt(10.5)
# 5.1, 5.2.1: A4, 37 mm above, 28 mm at the binding, and a text area of 156 by 225 mm.
PAGE, ABOVE, BINDING, AREA = (Mm(210), Mm(297)), Mm(37), Mm(28), (Mm(156), Mm(225))
LINES, CHARACTERS = 22, 28
# Distances of lines are told in twentieths of a point; a little less than the 22nd part, or the last line would not fit.
PITCH = Twips(math.floor(AREA[1].pt * 20 / LINES))
# Characters stand a little closer than their size, in twentieths of a point, so that 28 fit in a line; a grid of characters would say the
# same, but not every program sets characters that are wider than its cells side by side.
_CLOSER = math.floor((AREA[0].pt / CHARACTERS - SIZE_3.pt) * 20)
# 7.2.3, 7.3.5.1: where the office has set no name.
PLACEHOLDER = "（署名单位）"
# A table of so many rows is not spread over two pages.
_WHOLE = 18
# Fonts that not every machine has, and what stands in for them there.
_STAND_INS = {TITLE_FONT: SONG, FANGSONG: "仿宋_GB2312", KAI: "楷体_GB2312"}
_CELL_MARGINS = '<w:tblCellMar><w:left w:w="50" w:type="dxa"/><w:right w:w="50" w:type="dxa"/></w:tblCellMar>'
_RED = RGBColor(0xB0, 0x00, 0x20)
_GREY = RGBColor(0x7F, 0x7F, 0x7F)
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_IN_DOUBT = ("red", "absent", "stale", "partial")


def write(document: Document, lists: Lists, path: Path) -> None:
    """Write the document."""
    paper = _Paper(document)
    paper.print()
    paper.word.save(str(path))


# The picture that folders show of the library's empty document.
THUMBNAIL = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail"


class _Paper:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.figures = {figure["id"]: figure for figure in document["figures"]}
        self.word: Word = docx.Document()
        self.issued = datetime.fromisoformat(document["issue"]["issued_at"]).astimezone(BEIJING)
        self.drawn = 0
        _styles(self.word)
        _page(self.word)
        told = self.word.core_properties
        told.title, told.author, told.language = document["title"], document["organisation"] or "", "zh-CN"
        told.created = told.modified = self.issued.astimezone(UTC).replace(tzinfo=None)  # the file format tells it as UTC
        told.comments, told.last_modified_by = "", ""
        parts = self.word.part.package.rels
        for key in [key for key, part in parts.items() if part.reltype == THUMBNAIL]:
            del parts[key]

    def print(self) -> None:
        told = self.document
        self.word.add_paragraph(told["title"], "Title")
        self.word.add_paragraph(f"（{told['period_name'] or told['period']}）", "Subtitle")
        known = f"统计截至{told['as_of_told']}，数据取至{_minute(told['as_known'])}，第{told['issue']['number']}期"
        self.word.add_paragraph(known, "Note").alignment = WD_ALIGN_PARAGRAPH.CENTER
        for notice in told["notices"]:
            self._note(notice)
        for section in told["sections"]:
            printed = [block for block in section["blocks"] if block["kind"] != "list"]
            if any(block["kind"] != "note" for block in printed):
                self.word.add_paragraph(section["title"], "Heading 1")
                for block in printed:
                    getattr(self, f"_{block['kind']}")(block)
        self._attachment()
        self._signature()

    def _paragraph(self, block: Mapping[str, Any]) -> None:
        self.word.add_paragraph("".join(self._piece(piece) for piece in block["pieces"]), "Body Text")

    def _note(self, block: Mapping[str, Any]) -> None:
        run = self.word.add_paragraph(style="Note").add_run(block["text"])
        if block["warning"]:
            run.bold, run.font.color.rgb = True, _RED

    def _headlines(self, block: Mapping[str, Any]) -> None:
        """One row per figure; what it is compared with beside it."""
        labels = list(dict.fromkeys(one["label"] for item in block["items"] for one in item.get("compared", ())))
        header = ["指标", "数值", *(f"{label}{what}" for label in labels for what in ("基数", ""))]
        rows = []
        for item in block["items"]:
            told = {one["label"]: one for one in item.get("compared", ())}
            keys = [item["figure"], *(told[label][key] if label in told else None for label in labels for key in ("then", "change"))]
            rows.append([self.figures[item["figure"]]["printed"], *({"figure": key} if key else "" for key in keys)])
        self._grid(header, ["text", *["number"] * (len(header) - 1)], rows)

    def _table(self, block: Mapping[str, Any]) -> None:
        self.word.add_paragraph(block["title"], "Caption")
        columns, rows = block["columns"], block["rows"]
        totals = [row["total"] for row in rows]
        self._grid([column["label"] for column in columns], [column["kind"] for column in columns], [row["cells"] for row in rows], totals)

    def _chart(self, block: Mapping[str, Any]) -> None:
        """A native chart with its workbook inside the document."""
        self.drawn += 1
        package = self.word.part.package
        made = charts.embedded(block, self.figures, "rId1")
        chart = Part(PackURI(f"/word/charts/chart{self.drawn}.xml"), CONTENT_TYPE.DML_CHART, made.chart, package)
        numbers = Part(PackURI(f"/word/embeddings/chart{self.drawn}.xlsx"), CONTENT_TYPE.SML_SHEET, made.workbook, package)
        related = chart.relate_to(numbers, RELATIONSHIP_TYPE.PACKAGE)
        assert related == "rId1", "the first relationship of a part"
        width, height = charts.size(block)
        extent = (AREA[0], Emu(AREA[0] * height // width))
        paragraph = self.word.add_paragraph(style="Figure")
        paragraph.add_run()._r.append(
            _drawing(self.word.part.relate_to(chart, RELATIONSHIP_TYPE.CHART), self.drawn, block["title"], extent)
        )

    def _grid(self, header: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[Any]], totals: Sequence[bool] = ()) -> None:
        """A table whose head is repeated on every page and whose rows are not broken; a short one stays on one page."""
        size = SIZE_5 if len(header) <= 8 else Pt(9)
        texts = [[self._text(cell) for cell in row] for row in rows]
        widths = [round(width.pt * 20) for width in _widths(header, texts, size)]
        font = f'<w:sz w:val="{round(size.pt * 2)}"/>'
        whole = len(rows) <= _WHOLE
        head = f'<w:rFonts w:eastAsia="{HEI}"/>{font}'
        lines = [_row([_cell(text, width, "center", head, True) for text, width in zip(header, widths, strict=True)], "<w:tblHeader/>")]
        for place, (row, told) in enumerate(zip(rows, texts, strict=True)):
            bold = "<w:b/>" if place < len(totals) and totals[place] else ""
            sides = ["right" if kind == "number" else "left" for kind in kinds]
            cells = [
                _cell(text, width, side, (_look(cell) or bold) + font, whole and place < len(rows) - 1)
                for cell, text, width, side in zip(row, told, widths, sides, strict=True)
            ]
            lines.append(_row(cells))
        grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
        table = parse_xml(
            f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
            f'<w:jc w:val="center"/><w:tblLayout w:type="fixed"/>{_CELL_MARGINS}</w:tblPr>'
            f"<w:tblGrid>{grid}</w:tblGrid>{''.join(lines)}</w:tbl>"
        )
        self.word.add_paragraph(style="Gap")._p.addprevious(table)

    def _attachment(self) -> None:
        """7.3.4: 附件说明 below the text, one line apart, two characters in."""
        listed = [block for section in self.document["sections"] for block in section["blocks"] if block["kind"] == "list"]
        told = f"{self.document['title']}数据表" + ("及件清单" if listed else "")
        self.word.paragraphs[-1].paragraph_format.keep_with_next = True
        self.word.add_paragraph().paragraph_format.keep_with_next = True
        paragraph = self.word.add_paragraph(f"附件：{told}（report.xlsx）", "Body Text")
        # The signature never stands on a page without text.
        paragraph.alignment, paragraph.paragraph_format.keep_with_next = WD_ALIGN_PARAGRAPH.LEFT, True

    def _signature(self) -> None:
        """7.3.5.1, 7.3.5.4: the date four characters from the right, the office centred over it, with room for the seal."""
        office = self.document["organisation"] or PLACEHOLDER
        date = f"{self.issued.year}年{self.issued.month}月{self.issued.day}日"
        wider = (breadth(office) - breadth(date)) / 4
        for _ in range(2):
            self.word.add_paragraph().paragraph_format.keep_with_next = True
        # A name too long to be centred over the date goes two characters from the right, and the date moves in under it.
        from_right = max(2.0, 4 - wider)
        for text, indent in ((office, from_right), (date, from_right + wider)):
            paragraph = self.word.add_paragraph(text, "Signature")
            paragraph.paragraph_format.right_indent = Length(int(SIZE_3 * indent))
            paragraph.paragraph_format.keep_with_next = text == office

    def _piece(self, piece: Any) -> str:
        """A piece of a sentence; no line ends between a number and its %."""
        return _clean(piece) if isinstance(piece, str) else str(self.figures[piece["figure"]]["text"]).replace(" ", "\u00a0")

    def _text(self, cell: Any) -> str:
        if not isinstance(cell, Mapping):
            return str(cell)
        if "figure" in cell:
            return str(self.figures[cell["figure"]]["text"]) + (SMALL if cell.get("mark") == "small" else "")
        return _minute(cell["time"]) if "time" in cell else str(cell["text"])


def _page(word: Word) -> None:
    section = word.sections[0]
    section.page_width, section.page_height = PAGE
    section.top_margin, section.left_margin = ABOVE, BINDING
    section.bottom_margin = Emu(PAGE[1] - ABOVE - AREA[1])
    section.right_margin = Emu(PAGE[0] - BINDING - AREA[0])
    for old in section._sectPr.findall(qn("w:docGrid")):
        section._sectPr.remove(old)
    section._sectPr.append(parse_xml(f'<w:docGrid {nsdecls("w")} w:type="lines" w:linePitch="{round(PITCH.pt * 20)}"/>'))
    _page_numbers(word)


def _page_numbers(word: Word) -> None:
    """7.5: size 4 宋体 between two lines, 7 mm below the text; odd pages at the right, even ones at the left, one character in."""
    word.settings.odd_and_even_pages_header_footer = True
    section = word.sections[0]
    section.footer_distance = Emu(PAGE[1] - ABOVE - AREA[1] - Mm(7) - SIZE_4)
    for footer, side in ((section.footer, WD_ALIGN_PARAGRAPH.RIGHT), (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT)):
        footer.is_linked_to_previous = False
        paragraph = footer.paragraphs[0]
        paragraph.style = word.styles["Footer"]
        paragraph.alignment = side
        indent = "right_indent" if side == WD_ALIGN_PARAGRAPH.RIGHT else "left_indent"
        setattr(paragraph.paragraph_format, indent, SIZE_4)
        paragraph.add_run("— ")
        for part in ('<w:fldChar w:fldCharType="begin"/>', "<w:instrText>PAGE</w:instrText>", '<w:fldChar w:fldCharType="end"/>'):
            paragraph.add_run()._r.append(
                parse_xml(part.replace(">", f" {nsdecls('w')}>", 1).replace(f"/ {nsdecls('w')}>", f" {nsdecls('w')}/>"))
            )
        paragraph.add_run(" —")


def _styles(word: Word) -> None:
    """7.3.1, 7.3.3: the title 小标宋 of size 2; headings 一、 黑体, （一） 楷体, 1. 仿宋; paragraphs two characters in."""
    _style(word, "Normal", FANGSONG, SIZE_3)
    _style(word, "Body Text", FANGSONG, SIZE_3, indented=True).paragraph_format.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
    _style(word, "Title", TITLE_FONT, SIZE_2).paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _style(word, "Subtitle", KAI, SIZE_3).paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for level, font in enumerate((HEI, KAI, FANGSONG), 1):
        _style(word, f"Heading {level}", font, SIZE_3, indented=True).paragraph_format.keep_with_next = True
    caption = _style(word, "Caption", HEI, Pt(12))
    caption.paragraph_format.alignment, caption.paragraph_format.keep_with_next = WD_ALIGN_PARAGRAPH.CENTER, True
    _style(word, "Note", FANGSONG, Pt(10.5), pitch=Pt(16))
    _style(word, "Table Text", FANGSONG, SIZE_5, pitch=None)
    _style(word, "Figure", FANGSONG, SIZE_5, pitch=None).paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _style(word, "Gap", FANGSONG, Pt(6), pitch=Pt(8))
    _style(word, "Signature", FANGSONG, SIZE_3).paragraph_format.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _style(word, "Footer", SONG, SIZE_4, pitch=None)
    _stand_ins(word)


def _style(word: Word, name: str, font: str, size: Length, *, indented: bool = False, pitch: Length | None = PITCH) -> ParagraphStyle:
    """A paragraph style as the standard has it; ``pitch`` is the distance of its lines, None: as high as its contents."""
    try:
        style = word.styles[name]
    except KeyError:
        style = word.styles.add_style(name, 1)
    assert isinstance(style, ParagraphStyle)
    style.font.size, style.font.bold, style.font.italic, style.font.color.rgb = size, False, False, RGBColor(0, 0, 0)
    properties = style.element.get_or_add_rPr()
    _typeface(properties, font)
    for old in properties.findall(qn("w:spacing")) + properties.findall(qn("w:kern")):
        properties.remove(old)
    if size == SIZE_3:
        closer = parse_xml(f'<w:spacing {nsdecls("w")} w:val="{_CLOSER}"/>')
        properties.insert_element_before(closer, *("w:w", "w:kern", "w:position", "w:sz", "w:szCs", "w:highlight", "w:u"), *("w:lang",))
    told = style.paragraph_format
    told.space_before = told.space_after = Pt(0)
    told.line_spacing_rule = WD_LINE_SPACING.SINGLE if pitch is None else WD_LINE_SPACING.EXACTLY
    if pitch is not None:
        told.line_spacing = pitch
    told.first_line_indent = Length(2 * size) if indented else None
    properties = style.element.get_or_add_pPr()
    for name in ("pBdr", "snapToGrid", "autoSpaceDE", "autoSpaceDN"):
        for old in properties.findall(qn(f"w:{name}")):
            properties.remove(old)
    # No gap of its own between Chinese characters and digits, which would be more than 28 characters in a line.
    switches = ["autoSpaceDE", "autoSpaceDN"] if pitch == PITCH else ["autoSpaceDE", "autoSpaceDN", "snapToGrid"]
    for name in switches:
        off = parse_xml(f'<w:{name} {nsdecls("w")} w:val="0"/>')
        following = (
            "adjustRightInd",
            "snapToGrid",
            "spacing",
            "ind",
            "contextualSpacing",
            "mirrorIndents",
            "jc",
            "textAlignment",
            "outlineLvl",
        )
        properties.insert_element_before(off, *(f"w:{one}" for one in following if one != name))
    return style


def _typeface(properties: Any, font: str) -> None:
    """Chinese characters in ``font``, digits and letters in Times New Roman."""
    fonts = properties.find(qn("w:rFonts"))
    if fonts is None:
        fonts = parse_xml(f"<w:rFonts {nsdecls('w')}/>")
        properties.insert(0, fonts)
    fonts.attrib.clear()
    for script, name in (("ascii", LATIN), ("hAnsi", LATIN), ("cs", LATIN), ("eastAsia", font)):
        fonts.set(qn(f"w:{script}"), name)


def _stand_ins(word: Word) -> None:
    """Tell programs which font to take where one is not installed."""
    (part,) = [related.target_part for related in word.part.rels.values() if related.reltype == RELATIONSHIP_TYPE.FONT_TABLE]
    told = "".join(f'<w:font w:name="{font}"><w:altName w:val="{other}"/></w:font>' for font, other in _STAND_INS.items())
    part._blob = re.sub(rb"</w:fonts>", told.encode() + b"</w:fonts>", part.blob)


def _drawing(relation: str, number: int, title: str, extent: tuple[int, int]) -> Any:
    spaces = nsdecls("w", "wp", "a", "r")
    chart = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    drawing = parse_xml(
        f'<w:drawing {spaces}><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="{extent[0]}" cy="{extent[1]}"/>'
        f'<wp:docPr id="{number}" name="chart{number}"/><wp:cNvGraphicFramePr/><a:graphic><a:graphicData '
        f'uri="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart {chart} r:id="{relation}"/></a:graphicData></a:graphic>'
        "</wp:inline></w:drawing>"
    )
    drawing.find(f".//{qn('wp:docPr')}").set("descr", title)
    return drawing


def _row(cells: Sequence[str], head: str = "") -> str:
    return f"<w:tr><w:trPr><w:cantSplit/>{head}</w:trPr>{''.join(cells)}</w:tr>"


def _cell(text: str, width: int, side: str, look: str, with_next: bool) -> str:
    """A cell as XML: a paragraph and a run of one look."""
    keep = "<w:keepNext/>" if with_next else ""
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/><w:vAlign w:val="center"/></w:tcPr>'
        f'<w:p><w:pPr><w:pStyle w:val="TableText"/>{keep}<w:jc w:val="{side}"/></w:pPr>'
        f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{escape(_clean(text))}</w:t></w:r></w:p></w:tc>'
    )


def _clean(text: str) -> str:
    """Without the control characters that no XML may hold."""
    return _NOT_XML.sub("", text)


def _look(cell: Any) -> str:
    mark = cell.get("mark") if isinstance(cell, Mapping) else None
    if mark in _IN_DOUBT:
        return f'<w:b/><w:color w:val="{_RED}"/>'
    return f'<w:i/><w:color w:val="{_GREY}"/>' if mark == "small" else ""


def _widths(header: Sequence[str], rows: Sequence[Sequence[str]], size: Length) -> list[Length]:
    """Widths of columns by what stands in them, at most as wide as the text; heads may break into two or three lines."""
    wants = [max(breadth(name) / 4, *(min(breadth(row[place]) / 2, 16) for row in rows), 2) + 1 for place, name in enumerate(header)]
    whole = min(AREA[0], max(AREA[0] * 2 / 3, size * sum(wants) * 1.25))
    return [Length(int(whole * want / sum(wants))) for want in wants]


def _minute(told: str | None) -> str:
    return f"{datetime.fromisoformat(told).astimezone(BEIJING):%Y-%m-%d %H:%M}" if told else "—"
