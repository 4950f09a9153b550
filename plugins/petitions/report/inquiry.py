"""The questions of one report: each is asked of the ledger once, and gives figures that the sections refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from petitions import comparison, early_warning, metrics, questions
from petitions.model import BEIJING, sources_of
from petitions.questions import Scope, moment
from petitions.report import data_state
from petitions.report.data_state import Period
from petitions.report.figures import Figures, figure_id
from petitions.settings import Settings
from petitions.warehouse import Warehouse

if TYPE_CHECKING:
    from petitions.nightly import Lane

# The groupings of each population that some table prints.
GROUPINGS = {
    "appeals": ("source", "channel", "ticket_type", "category", "unit", "area", "age", "due_in"),
    "cases": ("source", "channel", "category"),
    "visits": ("source",),
}
# What is compared with the year before and the period before.
COMPARED = {
    "appeals": ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate", "reply_rate", "satisfaction_rate"),
    "cases": ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate"),
    "visits": ("visits", "visits_received", "visit_rate"),
}
APPEAL_SOURCES = sources_of("appeals", "cases")
FLOW = ("opening", "received", "reopened", "restored", "closed", "excluded", "closing")
# Up to so many days a trend goes by day, up to so many months by month, beyond by year.
_BY_DAY = 45
_BY_MONTH = 36


@dataclass(frozen=True)
class Asked:
    """Tickets received in ``[first, last]``, at ``as_of``, as known at ``as_known`` (None: all that is loaded)."""

    first: date
    last: date
    as_of: datetime
    as_known: datetime | None = None
    edition: str = "full"


class Inquiry:
    """The questions of one report, and the figures they gave so far.

    ``figures`` holds all metrics of each population at once; those of groups are added as :meth:`group` is asked for them.
    """

    def __init__(self, held: Warehouse, settings: Settings, asked: Asked, run: Sequence[Lane]) -> None:
        self.held, self.asked, self.options = held, asked, settings.options
        self.appeal_channels = settings.options.population.appeal_channels
        self.figures = Figures()
        self.as_known = self.scope("appeals").as_known
        self.batches = [one for one in questions.reconciliation(held) if self.as_known and one["fetched_at"] <= self.as_known]
        answers = {population: self._ask_groups(population) for population in metrics.POPULATIONS}
        period = Period(asked.first, asked.as_of, self.as_known, asked.as_known is not None)
        seen = frozenset(source for groups, _ in answers.values() for source in groups["source"] if source is not None)
        self.lanes = {row["source"]: row for row in data_state.lanes(held, period, run, seen, self.batches)}
        self._groups = {population: groups for population, (groups, _) in answers.items()}
        self._totals = {population: total for population, (_, total) in answers.items()}
        for population, total in self._totals.items():
            for key, value in total.items():
                self.figures.add(population, key, value if self.loaded(population) else None)

    def scope(self, population: str, first: date | None = None, last: date | None = None, as_of: datetime | None = None) -> Scope:
        asked = self.asked
        return Scope.of(self.held, population, first or asked.first, last or asked.last, as_of or asked.as_of, asked.as_known)

    def loaded(self, population: str) -> bool:
        """Whether some lane of the population brought data; without any, a 0 would be a guess."""
        return any(self.lanes[source]["state"] != "absent" for source in self.sources(population))

    def in_doubt(self, population: str) -> bool:
        """Whether some lane of the population is known to be short of data."""
        return any(self.lanes[source]["state"] in data_state.IN_DOUBT for source in self.sources(population))

    def sources(self, population: str) -> tuple[str, ...]:
        return APPEAL_SOURCES if population == "appeals" else sources_of(population)

    @property
    def step(self) -> str:
        """``day``, ``month`` or ``year``: by what the trend goes."""
        first, last = self.asked.first, self.asked.last
        if (last - first).days < _BY_DAY:
            return "day"
        return "month" if (last.year - first.year) * 12 + last.month - first.month < _BY_MONTH else "year"

    def total(self, population: str, key: str) -> str:
        """The figure of the whole population; its id."""
        return figure_id(population, key, {})

    def values(self, population: str, grouping: str) -> list[str | None]:
        """The groups that hold tickets: of sources and buckets in their order, of names the one with most tickets first."""
        groups = self._groups[population][grouping]
        if grouping in ("source", *metrics.ORDERS):
            return list(groups)
        return sorted(groups, key=lambda value: (value is None, -groups[value]["received"], value))

    def answer(self, population: str, grouping: str, value: str | None) -> Mapping[str, Any]:
        """All metrics of a group; those of a group without tickets are 0."""
        return self._groups[population][grouping].get(value) or {key: _nothing(told) for key, told in self._totals[population].items()}

    def group(self, population: str, key: str, grouping: str, value: str | None) -> str:
        """The figure of a group; its id. Not known where the group is a platform without data, or none of the population has any."""
        absent = self.lanes[str(value)]["state"] == "absent" if grouping == "source" else not self.loaded(population)
        told = self.answer(population, grouping, value)[key]
        filters: dict[str, Any] = {grouping: value}
        return self.figures.add(population, key, None if absent else told, **filters)

    def comparisons(self, population: str) -> dict[str, list[dict[str, str]]]:
        """Beside each compared metric the value and the change on the year and on the period before, as blocks print them.

        Empty where no earlier window is covered by every lane that has data now: a change on half a year would mislead.
        """
        told: dict[str, list[dict[str, str]]] = {key: [] for key in COMPARED[population]}
        first, last = self.asked.first, self.asked.last
        windows = {"year": comparison.a_year_before(first, last), "period": comparison.the_period_before(first, last)}
        present = [source for source in self.sources(population) if self.lanes[source]["state"] != "absent"]
        for name, window in windows.items():
            if not present or not data_state.covered(self.batches, present, *window):
                continue
            _, then = questions.breakdowns(self.held, self.scope(population, *window, moment(window[1])), self.appeal_channels)
            for key, compared in told.items():
                compared.append(self._change(population, key, name, then[key], window))
        return told

    def steps(self) -> list[tuple[str, dict[str, str]]]:
        """Label of each step of the trend, and its figures by metric: appeals received, and their passages into and out of "open"."""
        step = self.step
        known_until = self.as_known.astimezone(BEIJING).date() if self.as_known else date.min
        last = min(self.asked.last, self.asked.as_of.astimezone(BEIJING).date(), known_until)
        if not self.loaded("appeals") or last < self.asked.first:
            return []
        scope = self.scope("appeals", last=last)
        (received,), _ = questions.breakdowns(self.held, scope, self.appeal_channels, [(step,)])
        counts = {row["by"][step]: row["received"] for row in received}
        passages = questions.flow_steps(self.held, scope, self.appeal_channels, step)
        is_open = questions.opening(self.held, scope, self.appeal_channels)
        rows = []
        for label, begins, ends in _buckets(step, self.asked.first, last):
            passed = dict.fromkeys(FLOW, 0) | passages.get(label, {}) | {"opening": is_open}
            inward = passed["received"] + passed["reopened"] + passed["restored"]
            is_open = passed["closing"] = is_open + inward - passed["closed"] - passed["excluded"]
            told = {"received": counts.get(label, 0)} | {f"flow_{name}": passed[name] for name in FLOW}
            filters: dict[str, Any] = {step: label}
            ids = {key: self.figures.add("appeals", key, value, window=(begins, ends), **filters) for key, value in told.items()}
            rows.append((label, ids))
        return rows

    def cards(self, population: str) -> dict[str, list[dict[str, Any]]]:
        """The overdue (red) and the due soon (yellow), whenever received; also their figures."""
        rows = early_warning.due(self.held, self.scope(population), self.appeal_channels, self.options.reports.due_soon_days)
        told = {card: [row for row in rows if row["card"] == card] for card in early_warning.CARDS}
        for card, held in told.items():
            self.figures.add(population, f"{card}_card", len(held) if self.loaded(population) else None)
        return told

    def _ask_groups(self, population: str) -> tuple[dict[str, dict[str | None, dict[str, Any]]], dict[str, Any]]:
        names = GROUPINGS[population]
        found, total = questions.breakdowns(self.held, self.scope(population), self.appeal_channels, [(name,) for name in names])
        return {name: {row["by"][name]: row for row in rows} for name, rows in zip(names, found, strict=True)}, total

    def _change(self, population: str, key: str, name: str, then: Any, window: tuple[date, date]) -> dict[str, str]:
        now = self.figures.value(population, key)
        before = self.figures.add(population, key, then, window=window, compared=name)
        if isinstance(then, Mapping):
            told = comparison.points(now, then) if now else None
            unit = "个百分点"
        else:
            told = None if now is None else comparison.change(now, then)
            told, unit = (None if told is None else told * 100), " %"
        value = None if told is None else comparison.rounded(told)
        change = self.figures.add(population, f"{name}_change", value, text=_change_text(value, unit), of=key)
        return {"label": comparison.PERIODS[name], "then": before, "change": change}


def _change_text(value: Any, unit: str) -> str | None:
    if value is None:
        return None
    return "持平" if value == 0 else f"{'上升' if value > 0 else '下降'}{abs(value):.2f}{unit}"


def _buckets(by: str, first: date, last: date) -> Iterator[tuple[str, date, date]]:
    """Label, first and last day of each step of a trend; the first and the last may be cut by the window."""
    begins = first
    while begins <= last:
        if by == "day":
            following = begins + timedelta(days=1)
        elif by == "month":
            following = (begins.replace(day=1) + timedelta(days=31)).replace(day=1)
        else:
            following = date(begins.year + 1, 1, 1)
        label = {"day": f"{begins:%Y-%m-%d}", "month": f"{begins:%Y-%m}", "year": f"{begins:%Y}"}[by]
        yield label, begins, min(following - timedelta(days=1), last)
        begins = following


def _nothing(like: Any) -> Any:
    """The answer of a group without tickets, of the same kind as ``like``."""
    if isinstance(like, Mapping):
        return {"numerator": 0, "denominator": 0, "percent": None}
    return 0 if isinstance(like, int) else None
