"""The figures of one report, each once: what was asked, what the ledger answered, how it prints."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from petitions import metrics

NOT_KNOWN = "—"

# What a report prints beside the metrics: the passages of the flow, and the rest of the open ones.
TERMS = {
    "open_other": ("无时限或待核查", "未办结，减去时限内未办结、超期未办与未起算：无办理时限，或已处置完成、待核查结案"),
    "flow_opening": ("期初未办结", "时段开始前一秒未办结的件，不论何时登记"),
    "flow_received": ("登记", "时段内登记的全部件（含其后退出统计的）"),
    "flow_reopened": ("重办", "时段内由办结转为未办结的件次"),
    "flow_restored": ("恢复", "时段内退单后重新受理或派单的件次"),
    "flow_closed": ("办结（当期）", "时段内办结的件次，不论何时登记"),
    "flow_excluded": ("退出", "未办结时退单、不予受理或并案的件次"),
    "flow_closing": ("期末未办结", "时段末未办结的件：期初＋登记＋重办＋恢复－办结－退出"),
    "quarantined": ("隔离记录", "未通过检查、未计入任何数字的记录，待处理"),
    "provisional": ("暂定时限", "未办结件中，时限落在尚未公布工作日历的年份、按平常周推算的"),
}


def figure_id(population: str, metric: str, filters: Mapping[str, str | None]) -> str:
    """``appeals.received`` or ``appeals.received[source=hotline_12345]``."""
    told = ",".join(f"{name}={value if value is not None else ''}" for name, value in filters.items())
    return f"{population}.{metric}[{told}]" if told else f"{population}.{metric}"


class Figures:
    """A growing book of figures. A figure whose value is None is not known (a lane without data), which is not 0."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, Any]] = {}

    def add(self, population: str, metric: str, value: Any, *, window: Mapping[str, str] | None = None, **filters: str | None) -> str:
        """Keep a figure; its id.

        :param window: the figure's own ``from`` and ``to`` where it is not about the whole window of the report.
        """
        key = figure_id(population, metric, filters)
        value = float(value) if isinstance(value, Decimal) else value
        self.book[key] = {
            "id": key,
            "metric": metric,
            "printed": printed(metric),
            "population": population,
            "filters": dict(filters) | dict(window or {}),
            "value": value,
            "text": as_text(value),
            "tickets": None,
            "where": {},
        }
        return key

    def value(self, population: str, metric: str, **filters: str | None) -> Any:
        return self.book[figure_id(population, metric, filters)]["value"]

    def count(self, population: str, metric: str) -> int:
        return int(self.value(population, metric) or 0)

    def known(self, population: str, metric: str, **filters: str | None) -> bool:
        return self.value(population, metric, **filters) is not None

    def text(self, key: str) -> str:
        return str(self.book[key]["text"])

    def groups(self, population: str, metric: str, grouping: str) -> list[str | None]:
        """The values of a grouping under which a metric was added, in that order."""
        return [
            one["filters"][grouping]
            for one in self.book.values()
            if one["population"] == population and one["metric"] == metric and grouping in one["filters"]
        ]

    def differ(self, population: str, one: str, other: str) -> bool:
        """Whether two rates print differently."""
        return as_text(self.value(population, one)) != as_text(self.value(population, other))


def as_text(value: Any) -> str:
    """A figure as an office prints it: 197, 99.39 %, 3.5, or a dash where there is none."""
    if isinstance(value, Mapping):
        return NOT_KNOWN if value["percent"] is None else f"{value['percent']} %"
    if isinstance(value, float):
        return f"{value:.1f}"
    return NOT_KNOWN if value is None else str(value)


def printed(metric: str) -> str:
    return _terms()[metric][0]


def dictionary(used: set[str]) -> list[dict[str, str]]:
    """What each figure of a report means, in the order of the metric page."""
    return [{"metric": key, "printed": name, "meaning": meaning} for key, (name, meaning) in _terms().items() if key in used]


def _terms() -> dict[str, tuple[str, str]]:
    counts = (*metrics.COUNTS, *metrics.VISIT_COUNTS)
    names = {count.key: count.printed for count in counts}
    terms = {count.key: (count.printed, count.meaning) for count in counts}
    for rate in (*metrics.RATES, *metrics.VISIT_RATES):
        terms[rate.key] = (rate.printed, f"{names[rate.numerator]} ÷ {names[rate.denominator]}；分母为0时不作计算，印“{NOT_KNOWN}”")
    for duration in metrics.DAYS:
        terms[duration.key] = (duration.printed, f"{names[duration.over]}的件从登记到办结（处置完成）的天数，保留一位小数")
    return terms | TERMS
