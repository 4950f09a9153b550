"""The page: prints ``report.json`` with the templates beside this module, as one file that needs no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from petitions.model import BEIJING
from petitions.report.content import Document, Lists
from petitions.report.lists import COLUMNS, cell
from petitions.settings import SettingsError

# Longer lists stand in the folder tickets/ only, so that the page stays small.
ROWS_ON_PAGE = 100
_ECHARTS = re.compile(r"/echarts@[\d.]+/dist/echarts\.min\.js$")
_LIST_COLUMNS = ("ticket_id", "title", "unit", "received_at", "due_at", "class")


def render(document: Document, lists: Lists) -> str:
    """The report page. Numbers are those of ``document["figures"]``; ``lists`` are printed up to a hundred rows each."""
    figures = {figure["id"]: figure for figure in document["figures"]}
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=document,
            figures=figures,
            tables={table["id"]: table for table in document["tables"]},
            paragraphs={paragraph["population"]: paragraph["pieces"] for paragraph in document["paragraphs"]},
            chart=_chart(document, figures),
            lists=[
                _list(name, title, lists)
                for name, title in (("appeals_overdue", "超期未办件"), ("appeals_open", "未办结件"))
                if name in lists
            ],
            echarts=Markup(echarts()),
        )
    )


def render_index(rows: Sequence[dict[str, Any]]) -> str:
    """The page that lists all reports."""
    return _environment().get_template("index.html").render(reports=rows)


@cache
def echarts() -> str:
    """The text of Apache ECharts, as the package ``panel`` brings it.

    :raises SettingsError: where it is not installed.
    """
    try:
        found = [file for file in files("panel") or () if _ECHARTS.search(file.as_posix())]
    except PackageNotFoundError:
        found = []
    if not found:
        raise SettingsError(
            "report: expected Apache ECharts (dist/bundled/echarts) in the installed package panel, found none; run `make setup`"
        )
    text = found[-1].read_text(encoding="utf-8")
    if "</script" in text.lower():
        raise SettingsError(f"report: {found[-1]} cannot stand inside a page: it holds an end of script")
    return text


def _chart(document: Document, figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Labels and series of the trend, by metric."""
    trend = document["trend"]
    values = {
        column["metric"]: [figures[row["figures"][place]]["value"] for row in trend["rows"]]
        for place, column in enumerate(trend["columns"])
    }
    return {"labels": [row["label"] for row in trend["rows"]], "series": values}


def _list(name: str, title: str, lists: Lists) -> dict[str, Any]:
    rows = lists[name]
    return {
        "title": title,
        "file": f"tickets/{name}.csv",
        "total": len(rows),
        "columns": [COLUMNS[column] for column in _LIST_COLUMNS],
        "rows": [[cell(row, column) for column in _LIST_COLUMNS] for row in rows[:ROWS_ON_PAGE]],
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("petitions.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["minute"] = _minute
    return environment


def _minute(told: str | None) -> str:
    return f"{datetime.fromisoformat(told).astimezone(BEIJING):%Y-%m-%d %H:%M}" if told else "—"
