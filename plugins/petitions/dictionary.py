"""The metric dictionary, ``docs/metrics.md``: what every figure means, in Chinese and English, from the one definition of each.

``python -m petitions.dictionary > docs/metrics.md`` writes it anew (``make docs``); a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from petitions.metrics import Count, Days, Rate, definitions

_TITLES = {"appeals": "诉求件与智慧城管案件 / appeals and cases", "visits": "群众来访 / visits"}
_HEAD = """\
# 指标字典 / Metric dictionary

Generated from `plugins/petitions/metrics.py` by `make docs`: the figure, the list of tickets behind it (`petitions tickets METRIC`)
and this page come from one definition. The condition is over the postings that hold at (`as_of`, `as_known`) of the tickets
received in the window; populations (诉求件 `appeals`, 智慧城管案件 `cases`, 群众来访 `visits`) overlap and are never added together.

A rate is exact and rounded once, half up, to two decimals of a percent; where the denominator is 0 it is printed `—`. A rate below 1
never prints as 100.00 %, nor one above 0 as 0.00 %. 比率按四舍五入保留两位小数；分母为 0 时印“—”。
"""


def text() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_section("appeals"), *_section("visits")]).rstrip() + "\n"


def _section(population: str) -> Iterator[str]:
    counts, rates, durations = definitions(population)
    printed = {count.key: count.printed for count in counts}
    yield f"## {_TITLES[population]}\n"
    yield "### 件数 / Counts\n"
    yield from _table(("key", "指标", "含义", "meaning", "condition"), (_count(count) for count in counts))
    yield "### 比率 / Rates\n"
    yield from _table(("key", "指标", "分子 ÷ 分母", "numerator / denominator"), (_rate(rate, printed) for rate in rates))
    if durations:
        yield "### 天数 / Days\n"
        yield from _table(("key", "指标", "含义", "meaning"), (_days(one, printed) for one in durations))


def _count(count: Count) -> tuple[str, ...]:
    return f"`{count.key}`", count.printed, count.meaning, count.english, f"`{count.condition}`"


def _rate(rate: Rate, printed: dict[str, str]) -> tuple[str, ...]:
    return (
        f"`{rate.key}`",
        rate.printed,
        f"{printed[rate.numerator]} ÷ {printed[rate.denominator]}",
        f"`{rate.numerator}` / `{rate.denominator}`",
    )


def _days(one: Days, printed: dict[str, str]) -> tuple[str, ...]:
    share = f"{float(one.share):g}"
    return (
        f"`{one.key}`",
        one.printed,
        f"“{printed[one.over]}”各件从登记到办结（处置完成）天数的 {share} 分位数，线性内插，保留一位小数",
        f"the {share} quantile over `{one.over}` of the days from registration to closing, interpolated, one decimal",
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    print(text(), end="")
