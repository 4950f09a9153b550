"""The paragraphs: one row per case that a bureau meets, with the sentence it would print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest

from petitions.metrics import percent
from petitions.model import BEIJING
from petitions.report import wording
from petitions.report.figures import Figures

FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)
AS_OF = datetime(2023, 12, 31, 23, 59, 59, tzinfo=BEIJING)
SEED = {"provincial": 3, "smart_city": 3, "online_politics": 18, "hotline_12345": 173}
FINE: dict[str, Any] = {source: {"reservation": ""} for source in (*SEED, "visits")}
BEGIN = "2023年1月1日至12月31日，全县共受理群众诉求"
EACH = "其中省一体化信访平台3件、智慧城管平台3件、网络问政18件、12345热线173件"


def rate(numerator: int, denominator: int) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "percent": percent(numerator, denominator)}


def book(by_source: Mapping[str, int | None], **counts: int) -> Figures:
    figures = Figures()
    known = [value for value in by_source.values() if value is not None]
    told = dict.fromkeys(("not_due", "overdue", "not_started", "open_other", "suspended", "closed_late"), 0) | counts
    told |= {"received": sum(known), "open": sum(told[name] for name in ("not_due", "overdue", "not_started", "open_other"))}
    told["closed"] = told["received"] - told["open"]
    on_time = told["closed"] - told["closed_late"]
    values: dict[str, Any] = told | {
        "on_time_rate": rate(on_time, told["closed"] + told["overdue"]),
        "on_time_rate_closed": rate(on_time, told["closed"]),
        "closure_rate": rate(told["closed"], told["received"]),
        "reply_rate": rate(told["closed"], told["closed"]),
    }
    for name, value in values.items():
        figures.add("appeals", name, value if known else None)
        figures.add("cases", name, value if known else None)
    for source, value in by_source.items():
        figures.add("appeals", "received", value, source=source)
    return figures


CASES = [
    pytest.param(
        book(SEED, not_due=35),
        FINE,
        f"{BEGIN}197件，{EACH}；截至2023年12月31日，办结162件，未办结35件（均在办理时限内），按时办结率100.00 %，回复率100.00 %。",
        id="the seed",
    ),
    pytest.param(
        book(SEED, not_due=34, overdue=1),
        FINE,
        f"{BEGIN}197件，{EACH}；截至2023年12月31日，办结162件，未办结35件（在办理时限内34件、超期未办1件），"
        "按时办结率99.39 %（已办结口径100.00 %），回复率100.00 %。",
        id="its negative twin: one of the 35 overdue",
    ),
    pytest.param(
        book(SEED, not_due=30, suspended=2, not_started=3, closed_late=4),
        FINE,
        f"{BEGIN}197件，{EACH}；截至2023年12月31日，办结164件，未办结33件（在办理时限内30件、时限未起算3件，其中挂起2件），"
        "超时办结4件，按时办结率97.56 %，回复率100.00 %。",
        id="late, suspended and not started",
    ),
    pytest.param(
        book({"provincial": 0, "smart_city": 0, "online_politics": 0, "hotline_12345": 3}, not_due=3),
        FINE,
        f"{BEGIN}3件，其中省一体化信访平台0件、智慧城管平台0件、网络问政0件、12345热线3件；截至2023年12月31日，办结0件，"
        "未办结3件（均在办理时限内），按时办结率—（尚无应办结件），回复率—（尚无应答复件）。",
        id="nothing due yet: a dash, not 100 %",
    ),
    pytest.param(
        book(SEED),
        FINE,
        f"{BEGIN}197件，{EACH}；截至2023年12月31日，办结197件，无未办结件，按时办结率100.00 %，回复率100.00 %。",
        id="all closed",
    ),
    pytest.param(book(dict.fromkeys(SEED, 0)), FINE, f"{BEGIN}0件，本期无诉求件，各项比率不作计算。", id="an empty period"),
    pytest.param(
        book(dict.fromkeys(SEED, None)),
        FINE,
        "2023年1月1日至12月31日，各平台数据均未取得，群众诉求件数暂无法统计。",
        id="no lane was ever loaded",
    ),
    pytest.param(
        book(SEED | {"hotline_12345": None}, overdue=1),
        FINE,
        f"{BEGIN}24件（不含未取得数据的12345热线），其中省一体化信访平台3件、智慧城管平台3件、网络问政18件；截至2023年12月31日，"
        "办结23件，未办结1件（均已超过办理时限），按时办结率95.83 %（已办结口径100.00 %），回复率100.00 %。",
        id="one lane was never loaded",
    ),
    pytest.param(
        book(SEED, not_due=35),
        FINE | {"hotline_12345": {"reservation": "2023年12月21日至31日的数据未取得"}},
        f"{BEGIN}197件，{EACH}；截至2023年12月31日，办结162件，未办结35件（均在办理时限内），按时办结率100.00 %，回复率100.00 %。"
        "（说明：12345热线2023年12月21日至31日的数据未取得，以上数字可能不完整。）",
        id="a stale lane",
    ),
]


@pytest.mark.parametrize(("figures", "lanes", "sentence"), CASES)
def test_paragraph_about_appeals(figures: Figures, lanes: dict[str, Any], sentence: str) -> None:
    assert wording.text(wording.appeals(figures, FIRST, LAST, AS_OF, lanes), figures) == sentence


@pytest.mark.parametrize(
    ("channels", "sentence"),
    [
        (
            {"工地扬尘监控": 29, "惠民城管通": 17, "公众举报": 3, "市局巡查": 40, "县局巡查": 157},
            "智慧城管平台共登记案件246件，其中工地扬尘监控29件、惠民城管通17件、公众举报3件、市局巡查40件、县局巡查157件；"
            "截至2023年12月31日，办结245件，未办结1件（均在办理时限内），办结率99.59 %，按时办结率100.00 %。",
        ),
        (
            {None: 2},
            "智慧城管平台共登记案件2件；截至2023年12月31日，办结1件，未办结1件（均在办理时限内），办结率50.00 %，按时办结率100.00 %。",
        ),
    ],
)
def test_paragraph_about_cases(channels: dict[str | None, int], sentence: str) -> None:
    figures = book({"smart_city": sum(channels.values())}, not_due=1)
    for channel, count in channels.items():
        figures.add("cases", "received", count, channel=channel)
    assert wording.text(wording.cases(figures, FIRST, LAST, AS_OF, FINE), figures) == f"2023年1月1日至12月31日，{sentence}"


@pytest.mark.parametrize(
    ("visits", "received", "sentence"),
    [
        (56, 56, "同期登记群众来访56批次，已接访56批次，接访率100.00 %。"),
        (0, 0, "同期登记群众来访0批次。"),
        (None, None, "来访登记数据未取得，群众来访情况暂无法统计。"),
    ],
)
def test_sentence_about_visits(visits: int | None, received: int | None, sentence: str) -> None:
    figures = Figures()
    figures.add("visits", "visits", visits)
    figures.add("visits", "visits_received", received)
    figures.add("visits", "visit_rate", None if visits is None else rate(received or 0, visits))
    assert wording.text(wording.visits(figures, FINE), figures) == sentence


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (date(2023, 1, 1), date(2023, 12, 31), "2023年1月1日至12月31日"),
        (date(2023, 10, 1), date(2023, 10, 24), "2023年10月1日至24日"),
        (date(2022, 12, 1), date(2023, 1, 31), "2022年12月1日至2023年1月31日"),
        (date(2023, 10, 24), date(2023, 10, 24), "2023年10月24日"),
    ],
)
def test_period(first: date, last: date, told: str) -> None:
    assert wording.period(first, last) == told
