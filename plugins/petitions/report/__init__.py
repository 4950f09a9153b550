"""The report of a period: figures asked of the ledger, the page that prints them, and the lists behind them.

``report.json`` is made first and holds every figure; the page prints from it and computes nothing, so that the two cannot disagree.
A report once issued stays as it is: when a later run finds other figures for the same window, it becomes the next issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from petitions import periods, questions, warehouse
from petitions.report import content, official, page, shelf, spreadsheet
from petitions.settings import Settings

if TYPE_CHECKING:
    from petitions.nightly import Lane

__all__ = ["due", "issue"]

# What a report's folder holds beside report.json and the lists, and who writes it.
WRITERS: dict[str, shelf.Writer] = {"index.html": page.write, "report.xlsx": spreadsheet.write, "report.docx": official.write}

# Whole periods whose reports are issued by themselves, and for how long after their end.
_BY_THEMSELVES = ("month", "quarter", "half-year", "year")
_LATEST = timedelta(days=7)


def due(settings: Settings, day: date) -> list[periods.Period]:
    """The month, quarter, half-year and year that ended within the week before a day and of which no report knew all yet.

    A report that was issued before the period was over does not count: it could not know all of it.
    """
    ended = [periods.before(kind, day) for kind in _BY_THEMSELVES]
    return [one for one in ended if day - one.last <= _LATEST and not _reported(settings, one)]


def _reported(settings: Settings, period: periods.Period) -> bool:
    end = questions.moment(period.last)
    last = shelf.last_issue(settings.reports, shelf.folder_name(period.first, period.last, end))
    return last is not None and last["as_known"] is not None and datetime.fromisoformat(last["as_known"]) > end


def issue(
    settings: Settings,
    first: date,
    last: date,
    *,
    as_of: date | datetime | None = None,
    as_known: datetime | None = None,
    lanes: Sequence[Lane] = (),
    edition: str = "full",
    out: Path | None = None,
) -> Path:
    """Issue the report of the tickets received in ``[first, last]``, unless the last issue already says the same.

    :param as_of: the moment the figures are about; default the end of ``last``.
    :param as_known: only batches fetched until then count; default all.
    :param lanes: how the lanes of this run ended; a red one is named on the page. Default: the last run of each.
    :param edition: ``full``, or ``forwarded`` (外发), which hides small counts and has no lists; its issues are counted by themselves.
    :param out: where reports are kept; default ``reports/`` of the home.
    :returns: the folder of the report.
    :raises petitions.questions.WrongQuestion: for a window that ends before it starts.
    :raises petitions.warehouse.NoWarehouse: when nothing was loaded yet.
    """
    told = content.Asked(first, last, questions.moment(as_of if as_of is not None else last), as_known, edition)
    name = shelf.folder_name(first, last, told.as_of, edition)
    with warehouse.reader(settings) as held, shelf.draft(out or settings.reports, name) as draft:
        document, lists = content.gather(held, settings, told, lanes, draft.folder, draft.previous)
        return draft.keep(document, lists, WRITERS)
