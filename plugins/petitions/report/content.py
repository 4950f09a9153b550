"""What a report says: every figure asked of the ledger, the paragraphs, tables and trend that refer to them, and the lists behind them.

The result is ``report.json``. Tables and paragraphs hold ids of figures, never numbers of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from petitions import metrics, questions
from petitions.model import BEIJING, SOURCE_LABELS, sources_of
from petitions.questions import Scope
from petitions.report import data_state, wording
from petitions.report.data_state import Period
from petitions.report.figures import Figures, dictionary, figure_id, printed
from petitions.settings import Settings
from petitions.warehouse import Warehouse

if TYPE_CHECKING:
    from petitions.nightly import Lane

Document = dict[str, Any]
# Rows of tickets by name of the list.
Lists = dict[str, list[dict[str, Any]]]

TITLE = "群众诉求办理情况统计报告"
HEADLINES = {
    "appeals": ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate", "reply_rate", "satisfaction_rate"),
    "cases": ("received", "closed", "open", "overdue", "closure_rate", "on_time_rate"),
    "visits": ("visits", "visits_received", "visit_rate"),
}
BY_PLATFORM = ("received", "closed", "open", "overdue", "closed_late", "closure_rate", "on_time_rate", "on_time_rate_closed", "reply_rate")
BY_CHANNEL = ("received", "closed", "open", "overdue", "closed_late", "closure_rate", "on_time_rate", "on_time_rate_closed")
INDICATORS = (
    *("closure_rate", "on_time_rate", "on_time_rate_closed", "reply_rate", "first_reply_rate", "on_time_reply_rate"),
    *("acceptance_rate", "satisfaction_rate", "rating_rate", "repeat_rate"),
    *("suspended", "not_started", "no_deadline", "returned", "reworked", "extended", "handling_days_median", "handling_days_p90"),
    "negative_durations",
)
# Columns that are printed only where some row differs from the rate beside it, or is not zero.
_ONLY_WHERE_IT_DIFFERS = {"on_time_rate_closed": "on_time_rate"}
LISTED = {
    "appeals": (
        *("received", "closed", "open", "overdue", "not_due", "not_started", "closed_on_time", "closed_late", "due"),
        *("replied", "reply_due", "rated", "satisfied", "suspended", "no_deadline", "returned", "reworked", "extended"),
        "negative_durations",
    ),
    "cases": ("received", "closed", "open", "overdue", "not_due", "not_started", "closed_on_time", "closed_late", "due", "suspended"),
    "visits": ("visits", "visits_received"),
}
FLOW = ("opening", "received", "reopened", "restored", "closed", "excluded", "closing")
# Up to so many days a trend goes by day, up to so many months by month, beyond by year.
_BY_DAY = 45
_BY_MONTH = 36


def gather(
    held: Warehouse,
    settings: Settings,
    first: date,
    last: date,
    as_of: datetime,
    as_known: datetime | None,
    run: Sequence[Lane],
) -> tuple[Document, Lists]:
    """Ask everything that the report prints."""
    asked = _Asked(held, settings, first, last, as_of, as_known, run)
    for population in metrics.POPULATIONS:
        asked.totals(population)
    asked.groups("appeals", "source", wording.APPEAL_SOURCES)
    asked.groups("cases", "channel")
    lists = asked.lists()
    trend = asked.trend()
    waiting = data_state.quarantine(held, asked.scope("appeals").as_known)
    for row in waiting:
        row["figure"] = asked.figures.add("records", "quarantined", row.pop("count"), source=row["source"], rule=row["rule"])
    document = {
        "title": TITLE,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "period": wording.period(first, last),
        "as_of": as_of.isoformat(),
        "as_of_told": wording.moment(as_of),
        "as_known": _iso(asked.scope("appeals").as_known),
        "as_known_asked": _iso(as_known),
        "appeal_channels": list(settings.options.population.appeal_channels),
        "headlines": {population: [figure_id(population, key, {}) for key in keys] for population, keys in HEADLINES.items()},
        "paragraphs": asked.paragraphs(),
        "tables": [asked.platforms(), asked.channels(), asked.indicators()],
        "trend": trend,
        "lanes": list(asked.lanes.values()),
        "quarantine": waiting,
        "provisional": [figure_id(population, "provisional", {}) for population in ("appeals", "cases")],
    }
    used = {asked.figures.book[key]["metric"] for key in _printed_ids(document)}
    for one in asked.figures.book.values():
        one |= {"as_of": one.get("as_of", document["as_of"]), "as_known": document["as_known"]}
    return document | {"dictionary": dictionary(used), "figures": list(asked.figures.book.values())}, lists


class _Asked:
    """The questions of one report, and the figures they gave so far."""

    def __init__(
        self,
        held: Warehouse,
        settings: Settings,
        first: date,
        last: date,
        as_of: datetime,
        as_known: datetime | None,
        run: Sequence[Lane],
    ) -> None:
        self.held, self.first, self.last, self.as_of, self.as_known = held, first, last, as_of, as_known
        self.appeal_channels = settings.options.population.appeal_channels
        self.figures = Figures()
        known = self.scope("appeals").as_known
        rows = data_state.lanes(held, Period(first, as_of, known, as_known is not None), run, self._sources_seen())
        self.lanes = {row["source"]: row for row in rows}

    def scope(self, population: str, first: date | None = None, last: date | None = None) -> Scope:
        return Scope.of(self.held, population, first or self.first, last or self.last, self.as_of, self.as_known)

    def ask(self, scope: Scope, by: Sequence[str] = ()) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        return questions.figures(self.held, scope, self.appeal_channels, by)

    def loaded(self, population: str) -> bool:
        """Whether some lane of the population brought data; without any, a 0 would be a guess."""
        sources = wording.APPEAL_SOURCES if population == "appeals" else sources_of(population)
        return any(self.lanes[source]["state"] != "absent" for source in sources)

    def _sources_seen(self) -> frozenset[str]:
        """Sources with tickets in the window, whatever their lanes say of it."""
        appeals, _ = self.ask(self.scope("appeals"), ("source",))
        cases, _ = self.ask(self.scope("cases"), ("source",))
        visits, _ = self.ask(self.scope("visits"), ("source",))
        return frozenset(str(row["by"]["source"]) for row in (*appeals, *cases, *visits) if row.get("received") or row.get("visits"))

    def totals(self, population: str) -> None:
        _, total = self.ask(self.scope(population))
        for key, value in total.items():
            self.figures.add(population, key, value if self.loaded(population) else None)
        if population != "visits":
            rest = total["open"] - total["not_due"] - total["overdue"] - total["not_started"]
            self.figures.add(population, "open_other", rest if self.loaded(population) else None)

    def groups(self, population: str, grouping: str, wanted: Sequence[str] = ()) -> None:
        """One figure per metric and group; groups of ``wanted`` that the answer lacks are 0, or not known where their lane is absent."""
        rows, total = self.ask(self.scope(population), (grouping,))
        answers = {row["by"][grouping]: row for row in rows}
        for value in wanted or answers:
            answer = answers.get(value)
            absent = grouping == "source" and self.lanes[str(value)]["state"] == "absent"
            for key in total:
                found = answer[key] if answer else _nothing(total[key])
                self.figures.add(population, key, None if absent else found, window=None, **{grouping: value})

    def paragraphs(self) -> list[dict[str, Any]]:
        appeals = wording.appeals(self.figures, self.first, self.last, self.as_of, self.lanes)
        cases = wording.cases(self.figures, self.first, self.last, self.as_of, self.lanes)
        visits = wording.visits(self.figures, self.lanes)
        return [
            {"population": population, "pieces": pieces, "text": wording.text(pieces, self.figures)}
            for population, pieces in (("appeals", appeals), ("visits", visits), ("cases", cases))
        ]

    def platforms(self) -> dict[str, Any]:
        labels = [(SOURCE_LABELS[source], source) for source in wording.APPEAL_SOURCES]
        table = self._table("platforms", "各平台办理情况", "appeals", "source", labels, BY_PLATFORM)
        absent = [label for label, source in labels if self.lanes[source]["state"] == "absent"]
        table["rows"][-1]["label"] = f"合计（不含{'、'.join(absent)}）" if absent else "合计"
        return table

    def channels(self) -> dict[str, Any]:
        labels = [(channel or "未注明来源", channel) for channel in self.figures.groups("cases", "received", "channel")]
        return self._table("channels", "智慧城管平台案件来源", "cases", "channel", labels, BY_CHANNEL)

    def indicators(self) -> dict[str, Any]:
        """One row per metric: its figure, and numerator and denominator where it is a rate."""
        rates = {rate.key: rate for rate in metrics.RATES}
        meanings = {term["metric"]: term["meaning"] for term in dictionary(set(INDICATORS))}
        rows: list[dict[str, Any]] = []
        for key in INDICATORS:
            if key in _ONLY_WHERE_IT_DIFFERS and not self.figures.differ("appeals", key, _ONLY_WHERE_IT_DIFFERS[key]):
                continue
            made_of = (rates[key].numerator, rates[key].denominator) if key in rates else ()
            rows.append(
                {
                    "label": printed(key),
                    "figures": [figure_id("appeals", one, {}) for one in (key, *made_of)],
                    "parts": [*map(printed, made_of)],
                    "meaning": meanings[key],
                }
            )
        return {"id": "indicators", "title": "主要指标", "population": "appeals", "columns": [], "rows": rows}

    def trend(self) -> dict[str, Any]:
        """Received, closed and open per day, month or year, as far as the data goes."""
        buckets = list(_buckets(self.first, min(self.last, self.as_of.date(), self._known_until())))
        table: dict[str, Any] = {"title": "受理、办结与未办结趋势", "by": _step(self.first, self.last), "columns": [], "rows": []}
        if not self.loaded("appeals"):
            return table
        table["columns"] = [{"metric": key, "printed": printed(key)} for key in ("received", *(f"flow_{name}" for name in FLOW))]
        for label, begins, ends in buckets:
            scope = self.scope("appeals", begins, ends)
            window = {"from": begins.isoformat(), "to": ends.isoformat()}
            _, total = self.ask(scope)
            _, flow = questions.flow(self.held, scope, self.appeal_channels)
            ids = [self.figures.add("appeals", "received", total["received"], window=window, period=label)]
            ids += [self.figures.add("appeals", f"flow_{name}", flow[name], window=window, period=label) for name in FLOW]
            table["rows"].append({"label": label, "figures": ids})
        return table

    def lists(self) -> Lists:
        """The tickets behind the counts; a figure names its list. Also counts the provisional dues of the open ones."""
        lists: Lists = {}
        for population, keys in LISTED.items():
            for key in keys:
                count = self.figures.value(population, key)
                if not count and (population, key) not in {("appeals", "open"), ("cases", "open")}:
                    continue
                rows = questions.tickets(self.held, self.scope(population), self.appeal_channels, key)
                if key == "open":
                    self.figures.add(
                        population, "provisional", sum(bool(row["provisional"]) for row in rows) if count is not None else None
                    )
                if count:
                    lists[f"{population}_{key}"] = rows
                    self.figures.book[figure_id(population, key, {})]["tickets"] = f"tickets/{population}_{key}.csv"
        return lists

    def _table(
        self, name: str, title: str, population: str, grouping: str, groups: Sequence[tuple[str, str | None]], keys: Sequence[str]
    ) -> dict[str, Any]:
        filters: list[dict[str, str | None]] = [*({grouping: value} for _, value in groups), {}]
        keys = [key for key in keys if self._worth_a_column(population, key, filters)]
        rows = [
            {"label": label, "figures": [figure_id(population, key, one) for key in keys]}
            for label, one in zip([*(label for label, _ in groups), "合计"], filters, strict=True)
        ]
        columns = [{"metric": key, "printed": printed(key)} for key in keys]
        return {"id": name, "title": title, "population": population, "columns": columns, "rows": rows}

    def _worth_a_column(self, population: str, key: str, filters: Sequence[Mapping[str, str | None]]) -> bool:
        if key not in _ONLY_WHERE_IT_DIFFERS:
            return True
        other = _ONLY_WHERE_IT_DIFFERS[key]
        texts = self.figures.text
        return any(texts(figure_id(population, key, one)) != texts(figure_id(population, other, one)) for one in filters)

    def _known_until(self) -> date:
        known = self.scope("appeals").as_known
        return known.astimezone(BEIJING).date() if known else date.min


def _printed_ids(document: Document) -> Iterator[str]:
    """The figures that paragraphs, headlines, tables and lists of the document refer to."""
    for keys in document["headlines"].values():
        yield from keys
    for paragraph in document["paragraphs"]:
        yield from (piece["figure"] for piece in paragraph["pieces"] if not isinstance(piece, str))
    for table in (*document["tables"], document["trend"]):
        for row in table["rows"]:
            yield from row["figures"]
    yield from (row["figure"] for row in document["quarantine"])
    yield from document["provisional"]


def _step(first: date, last: date) -> str:
    if (last - first).days < _BY_DAY:
        return "day"
    return "month" if (last.year - first.year) * 12 + last.month - first.month < _BY_MONTH else "year"


def _buckets(first: date, last: date) -> Iterator[tuple[str, date, date]]:
    """Label, first and last day of each step of a trend; the first and the last may be cut by the window."""
    by = _step(first, last)
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


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(BEIJING).isoformat() if at else None
