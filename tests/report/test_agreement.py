"""Page, spreadsheet and document say what report.json says, to the digit."""

from __future__ import annotations

from pathlib import Path

from petitions.report.content import figures_of
from petitions.report.figures import as_number
from tests.report import media
from tests.report.test_issue import Page, read


def in_tables(document: media.Document) -> set[str]:
    """The figures that stand outside sentences."""
    sections = [section | {"blocks": [one for one in section["blocks"] if one["kind"] != "paragraph"]} for section in document["sections"]]
    return set(figures_of(sections))


def test_every_figure_is_printed_the_same_in_all_three(year: Path) -> None:
    document = read(year)
    told = {one["id"]: one["text"] for one in document["figures"]}
    prints = {
        "page": Page(year / "index.html").figures,
        "spreadsheet": media.in_spreadsheet(document, year / "report.xlsx"),
        "document": media.in_document(document, year / "report.docx"),
    }
    for where, printed in prints.items():
        assert [(where, key, text) for key, text in printed if told[key] != text] == []
        assert in_tables(document) <= {key for key, _ in printed}, where


def test_sentences_are_the_same_in_all_three(year: Path) -> None:
    document = read(year)
    sentences = [block["text"] for block in media.blocks(document, "paragraph")]
    assert sentences
    written = media.paragraphs(year / "report.docx")
    summary = media.texts(year / "report.xlsx")
    page = Page(year / "index.html").shown
    for sentence in sentences:
        assert sentence in written
        assert f"　　{sentence}" in summary
        assert sentence in page


def test_charts_draw_the_figures(year: Path) -> None:
    document = read(year)
    told = {one["id"]: as_number(one["text"]) for one in document["figures"]}
    for name, folder in (("report.xlsx", "xl"), ("report.docx", "word")):
        drawn = media.in_charts(document, year / name, folder)
        assert drawn
        assert [(key, value) for key, value in drawn if value != (told[key] or (None,))[0]] == [], name
