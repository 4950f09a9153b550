"""Page, spreadsheet and document say what report.json says, to the digit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from petitions.report import issue
from petitions.report.content import figures_of
from petitions.report.figures import as_number
from petitions.settings import Settings
from tests.report import county, media
from tests.report.test_issue import Page, read


@pytest.fixture(scope="module", params=["full", "forwarded"])
def report(request: pytest.FixtureRequest, year: Path) -> Path:
    """The report of the year in both its editions."""
    if request.param == "full":
        return year
    settings = Settings(home=year.parents[1], config=county.home(year).config)
    return issue(settings, date(2023, 1, 1), date(2023, 12, 31), edition=request.param)


def in_tables(document: media.Document) -> set[str]:
    """The figures that stand outside sentences."""
    sections = [section | {"blocks": [one for one in section["blocks"] if one["kind"] != "paragraph"]} for section in document["sections"]]
    return set(figures_of(sections))


def test_every_figure_is_printed_the_same_in_all_three(report: Path) -> None:
    document = read(report)
    told = {one["id"]: one["text"] for one in document["figures"]}
    prints = {
        "page": Page(report / "index.html").figures,
        "spreadsheet": media.in_spreadsheet(document, report / "report.xlsx"),
        "document": media.in_document(document, report / "report.docx"),
    }
    for where, printed in prints.items():
        assert [(where, key, text) for key, text in printed if told[key] != text] == []
        assert in_tables(document) <= {key for key, _ in printed}, where


def test_sentences_are_the_same_in_all_three(report: Path) -> None:
    document = read(report)
    sentences = [block["text"] for block in media.blocks(document, "paragraph")]
    assert sentences
    written = media.paragraphs(report / "report.docx")
    summary = media.texts(report / "report.xlsx")
    page = Page(report / "index.html").shown
    for sentence in sentences:
        assert sentence in written
        assert f"　　{sentence}" in summary
        assert sentence in page


def test_charts_draw_the_figures(report: Path) -> None:
    document = read(report)
    told = {one["id"]: as_number(one["text"]) for one in document["figures"]}
    for name, folder in (("report.xlsx", "xl"), ("report.docx", "word")):
        drawn = media.in_charts(document, report / name, folder)
        assert drawn
        assert [(key, value) for key, value in drawn if value != (told[key] or (None,))[0]] == [], name
