"""The metrics, each defined once: as a condition over the ledger.

A figure counts the postings of one (``T``, ``K``) that meet the condition; the list behind the figure is the same rows, not
counted; the dictionary in the report prints the same definition. See metrics.md §5 of the specification; the printed names are
what an office signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

POPULATIONS = {"appeals": "诉求件", "cases": "智慧城管案件", "visits": "群众来访"}
# Calendar days since registration, and to the due (after it: 超期), of open tickets at T: the last day of each bucket, and its name.
AGES = {"7": "7天以内", "15": "8至15天", "30": "16至30天", "60": "31至60天", "90": "61至90天", "more": "超过90天"}
_OVERDUE = {"overdue_7": "超期7天以内", "overdue_30": "超期8至30天", "overdue_more": "超期30天以上"}
_AHEAD = {"due_3": "3天内到期", "due_7": "4至7天到期", "due_15": "8至15天到期", "due_30": "16至30天到期", "due_more": "30天后到期"}
DUE_IN = {
    **dict(reversed(_OVERDUE.items())),
    **_AHEAD,
    "paused": "挂起，时限暂停",
    "not_started": "时限未起算",
    "checking": "已处置，待核查结案",
    "no_deadline": "无时限",
}


def _buckets(days: str, named: Mapping[str, str]) -> str:
    """SQL: the name of the bucket that a number of days falls in; a name ends in the bucket's last day, the last one has no end."""
    *bounded, last = named
    steps = " ".join(f"when {days} <= {name.rpartition('_')[2]} then '{name}'" for name in bounded)
    return f"case {steps} else '{last}' end"


GROUPINGS = {
    "source": "source",
    "channel": "channel",
    "ticket_type": "ticket_type",
    "category": "category",
    "unit": "unit",
    "area": "area",
    "day": "cast(received_at as date)",
    "month": "received_month",
    "year": "cast(date_trunc('year', received_at) as date)",
    "age": f"case when valid and not closed then {_buckets('cast(:as_of as date) - cast(received_at as date)', AGES)} end",
    "due_in": f"""
        case
            when not valid or closed then null
            when close_class in ('on_time', 'late') then 'checking'
            when close_class in ('no_deadline', 'not_started') then close_class
            when close_class = 'overdue' then {_buckets("cast(:as_of as date) - cast(close_due_at as date)", _OVERDUE)}
            when close_due_at < :as_of then 'paused'
            else {_buckets("cast(close_due_at as date) - cast(:as_of as date)", _AHEAD)}
        end
    """,
}
# The values of the groupings that are no names of the platforms, in the order of print.
ORDERS = {"age": tuple(AGES), "due_in": tuple(DUE_IN)}
# Sources that tell replies; the smart-city platform does not.
_TELLS_REPLIES = "source <> 'smart_city'"
_JUDGED = "('on_time', 'late', 'overdue')"


@dataclass(frozen=True)
class Metric:
    """What every metric has: its key and the name that an office prints."""

    key: str
    printed: str


@dataclass(frozen=True)
class Count(Metric):
    """How many tickets meet ``condition`` (SQL over :data:`petitions.kinds.POSTINGS`) among those received in the window."""

    condition: str
    meaning: str
    english: str


@dataclass(frozen=True)
class Rate(Metric):
    """One count over another, both by key."""

    numerator: str
    denominator: str


@dataclass(frozen=True)
class Days(Metric):
    """A percentile of handling days (``done_at − received_at`` of the close clock) over the tickets of a count."""

    share: Fraction
    over: str


COUNTS = (
    Count("received", "受理量", "valid", "窗口内登记且有效的件", "received in the window and still valid"),
    Count("closed", "办结", "valid and closed", "已办结（含撤单）", "closed, withdrawals by the petitioner included"),
    Count("open", "未办结", "valid and not closed", "有效且未办结", "valid and not closed"),
    Count("suspended", "挂起", "suspended", "未办结且处于计入的挂起期", "open and in a pause that counts"),
    Count(
        "closed_on_time",
        "按时办结",
        "valid and close_class = 'on_time'",
        "在办结时限内办结或处置完成",
        "closed, or disposal finished, within the due of the close clock",
    ),
    Count(
        "closed_late",
        "超时办结",
        "valid and close_class = 'late'",
        "超过办结时限才办结或处置完成",
        "closed, or disposal finished, after the due of the close clock",
    ),
    Count(
        "overdue",
        "超期未办",
        "valid and close_class = 'overdue'",
        "未办结、已过时限且不在挂起期",
        "not closed, the due has passed, not in a pause that counts",
    ),
    Count(
        "not_due",
        "时限内未办结",
        "valid and close_class = 'not_due'",
        "未办结、时限未到或在挂起期",
        "not closed, the due lies ahead or a pause counts",
    ),
    Count(
        "no_deadline",
        "无时限",
        "valid and close_class = 'no_deadline'",
        "平台未给时限且无适用规则",
        "the platform supplies no due and no rule matches",
    ),
    Count(
        "not_started",
        "未起算",
        "valid and close_class = 'not_started'",
        "适用规则的起算事件尚未发生",
        "the start event of the matching rule has not occurred",
    ),
    Count(
        "open_other",
        "无时限或待核查",
        "valid and not closed and close_class in ('on_time', 'late', 'no_deadline')",
        "未办结，无办理时限，或已处置完成、待核查结案",
        "open without a due, or disposed of and under check",
    ),
    Count(
        "provisional",
        "暂定时限未办结",
        "valid and not closed and provisional",
        "未办结，时限落在尚未公布工作日历的年份，按平常周推算",
        "open, with a due that runs into a year whose calendar is not published",
    ),
    Count(
        "due",
        "应办结",
        f"valid and close_class in {_JUDGED}",
        "按时办结、超时办结与超期未办之和",
        "closed on time, closed late and overdue together",
    ),
    Count(
        "replied",
        "已答复",
        f"valid and {_TELLS_REPLIES} and replied",
        "已有实质答复",
        "has a substantive reply; over sources that tell replies",
    ),
    Count(
        "reply_due",
        "应答复",
        f"valid and {_TELLS_REPLIES} and (replied or closed or reply_class = 'overdue')",
        "已答复，或未答复而已办结或答复超期",
        "replied, or not replied and closed or overdue for reply",
    ),
    Count(
        "first_replied",
        "已首次回复",
        "valid and first_replied",
        "已有首次回复、答复或受理告知",
        "has a first reply, a substantive reply or an acceptance",
    ),
    Count(
        "reply_on_time", "按时答复", "valid and reply_class = 'on_time'", "在答复时限内答复", "replied within the due of the reply clock"
    ),
    Count(
        "reply_judged",
        "答复应计",
        f"valid and reply_class in {_JUDGED}",
        "答复时钟已有结论的件",
        "the reply clock is on time, late or overdue",
    ),
    Count(
        "accept_on_time",
        "及时受理",
        "valid and accept_class = 'on_time'",
        "在受理告知时限内受理",
        "accepted within the due of the accept clock",
    ),
    Count(
        "accept_judged",
        "受理应计",
        f"valid and accept_class in {_JUDGED}",
        "受理时钟已有结论的件",
        "the accept clock is on time, late or overdue",
    ),
    Count(
        "closed_judged",
        "已办结应计",
        "valid and close_class in ('on_time', 'late')",
        "按时办结与超时办结之和",
        "closed on time and closed late together",
    ),
    Count("rated", "已评价", "valid and satisfaction is not null", "最后一次评价有效", "the last rating tells a satisfaction"),
    Count(
        "satisfied",
        "满意",
        "valid and satisfaction in ('satisfied', 'basically_satisfied')",
        "满意与基本满意",
        "satisfied and basically satisfied",
    ),
    Count("rated_closed", "已办结已评价", "valid and closed and satisfaction is not null", "已办结且已评价", "closed and rated"),
    Count("repeat", "重复信访", "valid and repeat", "平台标记为重复", "marked as a repeat by the platform itself"),
    Count("returned", "退单", "returned", "发生过退单，不论是否有效", "was returned at least once, valid now or not"),
    Count("reworked", "返工", "valid and reopened", "发生过重办或返工", "was reopened at least once"),
    Count("extended", "延期", "valid and extended", "发生过延期", "was extended at least once"),
    Count(
        "negative_durations",
        "时间倒置",
        "valid and closed and backwards",
        "办结早于登记，不计办理天数",
        "closed before registration by the platform's clock; kept out of the handling days",
    ),
    Count("timed", "计办理天数", "valid and closed and not backwards", "已办结且时间不倒置", "closed, and not before registration"),
)
RATES = (
    Rate("closure_rate", "办结率", "closed", "received"),
    Rate("on_time_rate", "按时办结率", "closed_on_time", "due"),
    Rate("on_time_rate_closed", "按时办结率（已办结口径）", "closed_on_time", "closed_judged"),
    Rate("reply_rate", "回复率", "replied", "reply_due"),
    Rate("first_reply_rate", "首次回复率", "first_replied", "received"),
    Rate("on_time_reply_rate", "按时回复率", "reply_on_time", "reply_judged"),
    Rate("acceptance_rate", "及时受理率", "accept_on_time", "accept_judged"),
    Rate("satisfaction_rate", "满意率", "satisfied", "rated"),
    Rate("rating_rate", "参评率", "rated_closed", "closed"),
    Rate("repeat_rate", "重复率", "repeat", "received"),
)
# Rates that are printed only where they differ from the one beside them.
ONLY_WHERE_IT_DIFFERS = {"on_time_rate_closed": "on_time_rate"}
DAYS = (
    Days("handling_days_median", "办理天数（中位数）", Fraction(1, 2), "timed"),
    Days("handling_days_p90", "办理天数（九成）", Fraction(9, 10), "timed"),
)
VISIT_COUNTS = (
    Count("visits", "来访", "valid", "来访时间在窗口内的登记", "rows of the visit register with the time of visit in the window"),
    Count(
        "visits_received",
        "已接访",
        "valid and accepted",
        "有接访人且已接访",
        "visits with a receiving official and a time of reception",
    ),
)
VISIT_RATES = (Rate("visit_rate", "接访率", "visits_received", "visits"),)


def definitions(population: str) -> tuple[tuple[Count, ...], tuple[Rate, ...], tuple[Days, ...]]:
    """The counts, rates and durations that are asked of a population."""
    if population == "visits":
        return VISIT_COUNTS, VISIT_RATES, ()
    return COUNTS, RATES, DAYS


def percent(numerator: int, denominator: int) -> str | None:
    """A rate in percent, two decimals, rounded once and half up; None where there is nothing to divide by.

    A rate below 1 never prints as 100.00, nor one above 0 as 0.00 (metrics.md §5).
    """
    if denominator == 0:
        return None
    hundredths = (numerator * 20_000 + denominator) // (2 * denominator)
    if hundredths == 10_000 and numerator < denominator:
        hundredths = 9_999
    if hundredths == 0 and numerator > 0:
        hundredths = 1
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def days(seconds: float) -> Decimal:
    """Seconds as days with one decimal, half up; a whole number of days has it too: ``7.0``.

    A percentile between whole seconds lies on a tenth of a second; what the engine's fractions add to that is taken off first.
    """
    exact = Fraction(round(seconds * 10), 10)
    return Decimal(int(exact * 10 / 86400 + Fraction(1, 2))).scaleb(-1)
