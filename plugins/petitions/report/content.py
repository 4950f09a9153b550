"""What a report says. The result of :func:`gather` is ``report.json``; page, spreadsheet and document are printed from it alone.

The document, all keys always there:

- ``title``, ``edition`` (``full``, or ``forwarded`` 外发: small cells hidden, no lists of tickets), ``period`` (Chinese, for the heading),
  ``period_kind`` and ``period_name`` (``month``, 2023年10月; null where the window is no such period), ``from``, ``to``, ``as_of``,
  ``as_of_told`` (Chinese), ``as_known``, ``as_known_asked``, ``appeal_channels``, ``organisation`` (who signs; may be empty);
- ``notices``: what is to be read before anything else, ``[{"text", "warning"}]``;
- ``sections``: in the order of print, each ``{"id", "title", "blocks"}``; the title bears its number (一、…);
- ``figures``: every number of the report, once. ``id``, ``metric``, ``printed``, ``population``, ``filters``, ``as_of``, ``as_known``;
  ``value``: an integer, days as a decimal, a rate as ``{"numerator", "denominator", "percent"}``, null where not known or hidden;
  ``text``: how it prints wherever it stands (``197``, ``99.39 %``, ``—`` not known, ``<3`` hidden);
  ``tickets``: the file that lists them, or null; ``where``: the columns and values that pick them out of that file, ``{}`` for all of it;
  ``unlisted``: how many of them are confidential and not picked out so, because that would tell what they are about;
- ``dictionary``: what each printed metric means, ``[{"metric", "printed", "meaning"}]``;
- ``lanes``: the state of each platform's data, for programs; the sections print it;
- ``issue``: ``number``, ``follows`` (folder of the issue before, or null), ``issued_at``, ``says``; added when the report is kept.

A block is a dict with a ``kind``. Whoever prints a report walks sections and blocks in order and prints each by its kind, so that a new
section appears everywhere by itself. Where a figure can stand, a block names its id and holds no number of its own.

- ``paragraph``: ``id``; ``pieces``, texts and ``{"figure": id}`` in order; ``text``, the same in one string. Official wording.
- ``note``: ``text``; ``warning``, whether it must not be missed. Small print below what it explains.
- ``headlines``: ``id``; ``items``, each ``{"figure": id, "compared": [{"label": "同比", "then": id, "change": id}, …]}``; ``compared`` is
  empty where there is nothing to compare with.
- ``table``: ``id``, ``title``; ``columns``, each ``{"label", "kind": "text" | "number" | "time"}``, with ``metric`` where all are of one;
  ``rows``, each ``{"cells", "total"}``. The first column names the row; ``total`` marks the line that sums up. A cell is a text, or a dict
  with one of ``text``, ``figure`` (an id), ``time`` (ISO, or null), and perhaps ``mark``, a word for its look: ``small`` (too few
  tickets to judge by), or the state of a lane (``green``, ``yellow``, ``partial``, ``stale``, ``red``, ``absent``).
- ``chart``: ``id``, ``title``; ``form``, ``column`` (upright) or ``bar`` (lying); ``unit`` of the axis (件, %, 天); ``categories``;
  ``series``, each ``{"name", "form": "column" | "bar" | "line", "figures": [id, …]}`` with one figure per category, and ``stack``,
  a name, where series stand on each other; ``marks``, one mark or null per category, where there are any; ``table``, the id of the
  table with the same numbers.
- ``list``: ``id``, ``title``; ``columns``, keys of :data:`petitions.report.lists.COLUMNS`; ``file``, all of it as CSV; ``total``;
  ``shown``, so many rows at most on a page (a spreadsheet has all); ``folded``. Its rows: ``lists[id].rows()``, values by ``lists.cell``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petitions import metrics, periods
from petitions.model import BEIJING
from petitions.report import changes, sections, small_cells, wording
from petitions.report.data_state import IN_DOUBT
from petitions.report.figures import dictionary
from petitions.report.inquiry import Asked, Inquiry
from petitions.report.lists import COLUMNS, TicketList
from petitions.report.ticket_lists import TicketLists
from petitions.settings import Settings
from petitions.warehouse import Warehouse

if TYPE_CHECKING:
    from petitions.nightly import Lane

Document = dict[str, Any]
# The lists of tickets by name.
Lists = Mapping[str, TicketList]

TITLE = "群众诉求办理情况统计报告"


def gather(
    held: Warehouse, settings: Settings, told: Asked, run: Sequence[Lane], folder: Path, previous: Document | None
) -> tuple[Document, Lists]:
    """Ask everything that the report prints.

    :param folder: where the report is written; its lists go to ``tickets/`` in it.
    :param previous: what the last issue for the same window said.
    """
    asked = Inquiry(held, settings, told, run)
    cards = {population: asked.cards(population) for population in ("appeals", "cases")}
    lists = TicketLists(asked, folder / "tickets")
    for population in metrics.POPULATIONS:
        lists.behind(population)
    for population, several in cards.items():
        for card, rows in several.items():
            lists.add(f"{population}_{card}", rows, (*COLUMNS, "card", "working_days_left"))
    tells_repeats = [source for source, fields in settings.source_maps.items() if "repeat" in fields.get("fields", {})]
    printed = _numbered(
        sections.overview(asked),
        sections.trend(asked, lists),
        sections.indicators(asked),
        sections.kinds(asked),
        sections.units(asked),
        sections.two_dues(asked, lists),
        sections.ageing(asked, cards),
        sections.opinion(asked, tells_repeats),
        sections.cases(asked),
        sections.visits(asked),
        changes.section(asked, lists, previous),
        sections.data(asked),
        sections.whole_lists(asked, lists),
    )
    lists.link(asked.figures)
    kind = periods.kind_of(told.first, told.last)
    document = {
        "title": TITLE,
        "edition": "full",
        "from": told.first.isoformat(),
        "to": told.last.isoformat(),
        "period": wording.period(told.first, told.last),
        "period_kind": kind,
        "period_name": periods.Period(kind, told.first, told.last).name if kind else None,
        "as_of": told.as_of.isoformat(),
        "as_of_told": wording.moment(told.as_of),
        "as_known": _iso(asked.as_known),
        "as_known_asked": _iso(told.as_known),
        "appeal_channels": list(asked.appeal_channels),
        "organisation": settings.options.reports.organisation,
        "notices": _notices(asked, lists, previous),
        "sections": printed,
        "lanes": list(asked.lanes.values()),
    }
    used = {asked.figures.book[key]["metric"] for key in figures_of(printed)}
    for one in asked.figures.book.values():
        one |= {"as_of": one.get("as_of", document["as_of"]), "as_known": one.get("as_known", document["as_known"])}
    document |= {"dictionary": dictionary(used), "figures": list(asked.figures.book.values())}
    if told.edition == "forwarded":
        lists.clear()
        document = small_cells.forwarded(document, settings.options.reports.small_cell)
    return document, lists.all


def figures_of(printed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of the figures that stand in the sections, in the order of print."""
    for block in (block for section in printed for block in section["blocks"]):
        match block["kind"]:
            case "paragraph":
                yield from (piece["figure"] for piece in block["pieces"] if not isinstance(piece, str))
            case "headlines":
                for item in block["items"]:
                    yield item["figure"]
                    for compared in item["compared"]:
                        yield from (compared["then"], compared["change"])
            case "table":
                cells = (cell for row in block["rows"] for cell in row["cells"])
                yield from (cell["figure"] for cell in cells if isinstance(cell, dict) and "figure" in cell)


_NUMERALS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五", "十六")


def _numbered(*sections: dict[str, Any] | None) -> list[dict[str, Any]]:
    there = [section for section in sections if section is not None]
    return [section | {"title": f"{_NUMERALS[place]}、{section['title']}"} for place, section in enumerate(there)]


def _notices(asked: Inquiry, lists: TicketLists, previous: Document | None) -> list[dict[str, Any]]:
    """What a reader must know before any figure."""
    notices = []
    told = [
        f"{lane['label']}：{lane['printed']}" + (f"（{lane['reservation']}）" if lane["reservation"] else "")
        for lane in asked.lanes.values()
        if lane["state"] in IN_DOUBT
    ]
    if told:
        notices.append({"text": f"数据不完整，请谨慎引用。{'；'.join(told)}。", "warning": True})
    if previous is not None:
        number = previous["issue"]["number"]
        changed = f"有{lists.all['changes'].total}件的状态与第{number}期不同" if "changes" in lists.all else f"与第{number}期有差异"
        text = f"本报告为第{number + 1}期，{changed}，见“与上一期的差异”；第{number}期保持不变。"
        notices.append({"text": text, "warning": False})
    return notices


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(BEIJING).isoformat() if at else None
