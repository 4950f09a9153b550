"""The page: prints ``report.json`` with the templates beside this module, as one file that needs no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from petitions import periods
from petitions.model import BEIJING
from petitions.report import embedded
from petitions.report.content import Document, Lists
from petitions.report.lists import cell, label
from petitions.settings import SettingsError

_SECONDS = re.compile(r"(?<=^\d{4}-\d\d-\d\d \d\d:\d\d):\d\d$")
_ECHARTS = re.compile(r"/echarts@[\d.]+/dist/echarts\.min\.js$")


def write(document: Document, lists: Lists, path: Path) -> None:
    """Write the report page. Numbers are those of ``document["figures"]``."""
    figures = {figure["id"]: figure for figure in document["figures"]}
    packed = embedded.pack(lists, document["figures"])
    page = (
        _environment()
        .get_template("report.html")
        .stream(
            report=document,
            figures=figures,
            lists=lists,
            packed=packed,
            picks=embedded.picks(document["figures"], packed),
            echarts=Markup(echarts()),
            checked=(path.parents[1] / "checks" / "index.html").exists(),
        )
    )
    page.enable_buffering(200)
    page.dump(str(path), encoding="utf-8")


def render_index(rows: Sequence[dict[str, Any]], checked: bool) -> str:
    """The page that lists all reports, by kind of period; ``checked``: whether the checks of the newest batches stand beside."""
    kinds = [(kind, label) for kind, (label, _) in reversed(periods.KINDS.items())]
    groups = [(label, [row for row in rows if row["kind"] == kind]) for kind, label in [*kinds, (None, "其他时段")]]
    return _environment().get_template("index.html").render(groups=[(label, told) for label, told in groups if told], checked=checked)


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


def _drawn(chart: dict[str, Any], figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A chart with the values of its figures, for the script of the page."""
    series = [{**one, "values": [_plain(figures[key]["value"]) for key in one["figures"]]} for one in chart["series"]]
    return {"form": chart["form"], "unit": chart["unit"], "categories": chart["categories"], "series": series}


def _plain(value: Any) -> Any:
    """A rate is drawn as its percent."""
    if isinstance(value, dict):
        return None if value["percent"] is None else float(value["percent"])
    return value


def _shown(block: dict[str, Any], lists: Lists) -> list[list[str]]:
    """The first rows of a list, times to the minute."""
    return [
        [_SECONDS.sub("", cell(row, column)) for column in block["columns"]] for row in islice(lists[block["id"]].rows(), block["shown"])
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("petitions.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"minute": _minute, "drawn": _drawn, "shown": _shown, "column": label}
    return environment


def _minute(told: str | None) -> str:
    return f"{datetime.fromisoformat(told).astimezone(BEIJING):%Y-%m-%d %H:%M}" if told else "—"
