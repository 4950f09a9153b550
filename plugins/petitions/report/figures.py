"""The figures of one report, each once: what was asked, what the ledger answered, how it prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from petitions import metrics

NOT_KNOWN = "—"

# What a report prints beside the metrics: the passages of the flow, and the rest of the open ones.
TERMS = {
    "year_change": ("同比", "（本期－上年同期）÷上年同期；比率为与上年同期相差的百分点。上年同期为0或数据不全时不作计算"),
    "period_change": ("环比", "（本期－上期）÷上期；比率为与上期相差的百分点。上期为0或数据不全时不作计算"),
    "flow_opening": ("期初未办结", "时段开始前一秒未办结的件，不论何时登记"),
    "flow_received": ("登记", "时段内登记的全部件（含其后退出统计的）"),
    "flow_reopened": ("重办", "时段内由办结转为未办结的件次"),
    "flow_restored": ("恢复", "时段内退单后重新受理或派单的件次"),
    "flow_closed": ("办结（当期）", "时段内办结的件次，不论何时登记"),
    "flow_excluded": ("退出", "未办结时退单、不予受理或并案的件次"),
    "flow_closing": ("期末未办结", "时段末未办结的件：期初＋登记＋重办＋恢复－办结－退出"),
    "quarantined": ("隔离记录", "未通过检查、未计入任何数字的记录，待处理"),
    "red_card": ("红牌", "未办结且已超过办结时限的件，不论何时登记"),
    "yellow_card": ("黄牌", "未办结且即将到达办结时限的件，不论何时登记"),
}


def figure_id(population: str, metric: str, filters: Mapping[str, str | None]) -> str:
    """``appeals.received`` or ``appeals.received[source=hotline_12345]``."""
    told = ",".join(f"{name}={value if value is not None else ''}" for name, value in filters.items())
    return f"{population}.{metric}[{told}]" if told else f"{population}.{metric}"


class Figures:
    """A growing book of figures. A figure whose value is None is not known (a lane without data), which is not 0."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, Any]] = {}

    def add(
        self,
        population: str,
        metric: str,
        value: Any,
        *,
        text: str | None = None,
        window: tuple[date, date] | None = None,
        **filters: str | None,
    ) -> str:
        """Keep a figure, once; its id.

        :param text: how it prints, where :func:`as_text` does not know.
        :param window: the first and last day it is about, where that is not the window of the report; it is then as of the end of the last.
        """
        key = figure_id(population, metric, filters)
        if key in self.book:
            return key
        value = float(value) if isinstance(value, Decimal) else value
        one = {
            "id": key,
            "metric": metric,
            "printed": printed(metric),
            "population": population,
            "filters": dict(filters) | ({"from": window[0].isoformat(), "to": window[1].isoformat()} if window else {}),
            "value": value,
            "text": as_text(value) if text is None else text,
            "tickets": None,
            "where": {},
            "unlisted": 0,
        }
        self.book[key] = one
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


_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d+)(?:\.(?P<decimals>\d+))?(?P<percent> ?%)?")


def as_number(text: str) -> tuple[float, str] | None:
    """The number that a printed figure says, and the spreadsheet format under which it prints so again; None for ``—`` and ``<3``.

    ``99.39 %`` is 0.9939 under ``0.00 %``: what is printed is what was rounded, never another rounding of what lies behind it.
    """
    told = _NUMBER.fullmatch(text)
    if told is None:
        return None
    decimals, percent = told["decimals"] or "", told["percent"] or ""
    number = Decimal(f"{told['sign']}{told['digits']}.{decimals}") / (100 if percent else 1)
    shape = "0" + ("." + "0" * len(decimals) if decimals else "") + percent
    return float(number), f"+{shape};-{shape};{shape}" if told["sign"] else shape


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
        share = "一半" if duration.share * 2 == 1 else f"{float(duration.share) * 10:g}成"
        terms[duration.key] = (
            duration.printed,
            f"{share}的件（{names[duration.over]}者）从登记到办结（处置完成）不超过的天数，保留一位小数",
        )
    return terms | TERMS
