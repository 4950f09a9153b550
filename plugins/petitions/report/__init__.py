"""The report of a period: figures asked of the ledger, the page that prints them, and the lists behind them.

``report.json`` is made first and holds every figure; the page prints from it and computes nothing, so that the two cannot disagree.
A report once issued stays as it is: when a later run finds other figures for the same window, it becomes the next issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from petitions import questions, warehouse
from petitions.report import content, official, page, shelf, spreadsheet
from petitions.settings import Settings

if TYPE_CHECKING:
    from petitions.nightly import Lane

__all__ = ["issue"]

# What a report's folder holds beside report.json and the lists, and who writes it.
WRITERS: dict[str, shelf.Writer] = {"index.html": page.write, "report.xlsx": spreadsheet.write, "report.docx": official.write}


def issue(
    settings: Settings,
    first: date,
    last: date,
    *,
    as_of: date | datetime | None = None,
    as_known: datetime | None = None,
    lanes: Sequence[Lane] = (),
    out: Path | None = None,
) -> Path:
    """Issue the report of the tickets received in ``[first, last]``, unless the last issue already says the same.

    :param as_of: the moment the figures are about; default the end of ``last``.
    :param as_known: only batches fetched until then count; default all.
    :param lanes: how the lanes of this run ended; a red one is named on the page. Default: the last run of each.
    :param out: where reports are kept; default ``reports/`` of the home.
    :returns: the folder of the report.
    :raises petitions.questions.WrongQuestion: for a window that ends before it starts.
    :raises petitions.warehouse.NoWarehouse: when nothing was loaded yet.
    """
    told = content.Asked(first, last, questions.moment(as_of if as_of is not None else last), as_known)
    name = shelf.folder_name(first, last, told.as_of)
    with warehouse.reader(settings) as held, shelf.draft(out or settings.reports, name) as draft:
        document, lists = content.gather(held, settings, told, lanes, draft.folder, draft.previous)
        return draft.keep(document, lists, WRITERS)
