"""The tickets behind the figures: one list per population with a mark for every count, from which each figure picks its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from petitions import metrics, questions
from petitions.report import lists
from petitions.report.figures import Figures
from petitions.report.inquiry import GROUPINGS, Inquiry
from petitions.report.lists import COLUMNS, TicketList

# Groupings that a list tells under a name of its own, because the ticket's own column tells it otherwise or not at all.
_OWN_COLUMN = ("category", "age", "due_in", "day", "month", "year")


class TicketLists:
    """The lists of one report, written into a folder as they are asked for."""

    def __init__(self, asked: Inquiry, folder: Path) -> None:
        self.asked, self.folder = asked, folder
        self.all: dict[str, TicketList] = {}
        self._groupings: dict[str, tuple[str, ...]] = {}
        self._confidential: dict[str, dict[str, dict[str | None, Mapping[str, Any]]]] = {}

    def add(self, name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """A list of its own, where there are rows."""
        if rows:
            self._write(name, rows, columns)

    def behind(self, population: str) -> None:
        """Every ticket of the population, marked by the counts that count it."""
        counts, _, _ = metrics.definitions(population)
        asked, total = self.asked, [count.key for count in counts]
        if not any(asked.figures.count(population, key) for key in total):
            return
        groupings = (*GROUPINGS[population], asked.step) if population == "appeals" else GROUPINGS[population]
        rows = questions.marked(asked.held, asked.scope(population), asked.appeal_channels, groupings)
        own = [f"by_{name}" for name in groupings if name in _OWN_COLUMN]
        self._write(population, rows, (*COLUMNS, *own, *(f"in_{key}" for key in total)))
        self._groupings[population] = groupings
        self._confidential[population] = self._confidential_groups(population, groupings)

    def flow(self, printed: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """The passages behind the trend.

        :param printed: the steps of the trend, with their figures by metric. What is open at the end of a step, or at the beginning of a
            later one, follows from the lines above it and has no list of its own.
        """
        if not printed:
            return
        asked = self.asked
        rows = questions.passages(asked.held, asked.scope("appeals"), asked.appeal_channels, asked.step)
        columns = ("ticket_id", "title", "unit", "received_at", "passage", "passed_at", "period")
        self._write("appeals_flow", rows, columns)
        for place, (label, ids) in enumerate(printed):
            for metric, key in ids.items():
                passage = metric.removeprefix("flow_")
                if not metric.startswith("flow_") or passage == "closing" or (passage == "opening" and place):
                    continue
                one = asked.figures.book[key]
                if one["value"]:
                    one["tickets"] = "tickets/appeals_flow.csv"
                    one["where"] = {lists.label("passage"): lists.words("passage", passage), lists.label("period"): label}

    def clear(self) -> None:
        """Leave no list in the folder."""
        for told in self.all.values():
            told.path.unlink()
        self.all.clear()

    def link(self, figures: Figures) -> None:
        """Tell each figure which rows of which list are the tickets behind it."""
        for one in figures.book.values():
            population, metric = one["population"], one["metric"]
            card = f"{population}_{metric.removesuffix('_card')}"
            if metric.endswith("_card") and card in self.all:
                one["tickets"] = f"tickets/{card}.csv"
            filters = {name: value for name, value in one["filters"].items() if name not in ("from", "to")}
            groupings = self._groupings.get(population)
            if groupings is None or not one["value"] or not isinstance(one["value"], int) or not set(filters) <= set(groupings):
                continue
            if f"in_{metric}" not in self.all[population].columns:
                continue
            where = {_column(name): lists.words(_key(name), value) for name, value in filters.items()}
            one["tickets"] = f"tickets/{population}.csv"
            one["where"] = {lists.label(f"in_{metric}"): "是"} | where
            one["unlisted"] = sum(
                self._confidential[population].get(name, {}).get(value, {}).get(metric, 0) for name, value in filters.items()
            )

    def _write(self, name: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        self.all[name] = lists.write(self.folder / f"{name}.csv", rows, columns)

    def _confidential_groups(self, population: str, groupings: Sequence[str]) -> dict[str, dict[str | None, Mapping[str, Any]]]:
        """How many confidential tickets each count has in each group."""
        asked = self.asked
        found, _ = questions.breakdowns(
            asked.held, asked.scope(population), asked.appeal_channels, [(name,) for name in groupings], confidential=True
        )
        return {name: {row["by"][name]: row for row in rows} for name, rows in zip(groupings, found, strict=True)}


def _key(grouping: str) -> str:
    """The column that tells a ticket's group."""
    return f"by_{grouping}" if grouping in _OWN_COLUMN else grouping


def _column(grouping: str) -> str:
    return lists.label(_key(grouping))
