"""The blocks that a section of a report is made of, as plain dictionaries; :mod:`petitions.report.content` tells what each holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from petitions.model import BEIJING
from petitions.report.figures import printed

Block = dict[str, Any]
# A text, or a dict with one of "figure", "text", "time" and perhaps a "mark".
Cell = str | dict[str, Any]
# A text, or {"figure": id}.
Piece = str | dict[str, str]


def section(name: str, title: str, *blocks: Block | None) -> dict[str, Any]:
    """A section of the blocks that are there."""
    return {"id": name, "title": title, "blocks": [block for block in blocks if block is not None]}


def paragraph(name: str, pieces: Sequence[Piece], text: str) -> Block:
    """What a bureau prints and signs."""
    return {"kind": "paragraph", "id": name, "pieces": list(pieces), "text": text}


def note(text: str, *, warning: bool = False) -> Block:
    """How to read what stands above it; a warning is a thing not to be missed."""
    return {"kind": "note", "text": text, "warning": warning}


def headlines(name: str, items: Sequence[tuple[str, Sequence[Mapping[str, str]]]]) -> Block:
    """Figures in large print, each with what it is compared with."""
    return {"kind": "headlines", "id": name, "items": [{"figure": key, "compared": list(compared)} for key, compared in items]}


def table(name: str, title: str, columns: Sequence[dict[str, str]], rows: Sequence[dict[str, Any]]) -> Block:
    """The first column names the row."""
    return {"kind": "table", "id": name, "title": title, "columns": list(columns), "rows": list(rows)}


def column(label: str, kind: str = "text") -> dict[str, str]:
    return {"label": label, "kind": kind}


def metric_column(metric: str) -> dict[str, str]:
    """A column of figures of one metric."""
    return {"label": printed(metric), "kind": "number", "metric": metric}


def row(cells: Sequence[Cell], *, total: bool = False) -> dict[str, Any]:
    return {"cells": list(cells), "total": total}


def figure(key: str, mark: str | None = None) -> dict[str, Any]:
    return {"figure": key} | ({"mark": mark} if mark else {})


def words(text: str, mark: str | None = None) -> dict[str, Any]:
    return {"text": text} | ({"mark": mark} if mark else {})


def time(at: datetime | str | None) -> dict[str, Any]:
    told = datetime.fromisoformat(at) if isinstance(at, str) else at
    return {"time": told.astimezone(BEIJING).isoformat() if told else None}


def chart(
    name: str, title: str, form: str, unit: str, categories: Sequence[str], series: Sequence[Mapping[str, Any]], *, table: str
) -> Block:
    return {
        "kind": "chart",
        "id": name,
        "title": title,
        "form": form,
        "unit": unit,
        "categories": list(categories),
        "series": [dict(one) for one in series],
        "table": table,
    }


def series(name: str, form: str, ids: Sequence[str], *, stack: str | None = None) -> dict[str, Any]:
    return {"name": name, "form": form, "figures": list(ids)} | ({"stack": stack} if stack else {})


def tickets(name: str, title: str, columns: Sequence[str], total: int, shown: int, *, folded: bool = True) -> Block:
    """A list of tickets, whole in its file and in :class:`petitions.report.lists.TicketList`."""
    return {
        "kind": "list",
        "id": name,
        "title": title,
        "columns": list(columns),
        "file": f"tickets/{name}.csv",
        "total": total,
        "shown": min(shown, total),
        "folded": folded,
    }
