"""What is said otherwise than in the issue before: figure by figure, and ticket by ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from petitions import metrics, questions
from petitions.report import blocks
from petitions.report.figures import as_text, figure_id, printed
from petitions.report.inquiry import Inquiry
from petitions.report.ticket_lists import TicketLists

COLUMNS = ("ticket_id", "title", "unit", "received_at", "was", "now", "learned_at")
# The state of a ticket, told by the first count that counts it.
_STATES = {
    "closed_on_time": "按时办结",
    "closed_late": "超时办结",
    "closed": "办结（无时限）",
    "overdue": "超期未办",
    "not_due": "未办结（时限内）",
    "not_started": "未办结（时限未起算）",
    "open_other": "未办结（无时限或待核查）",
    "open": "未办结",
    "visits_received": "已接访",
    "visits": "未接访",
}
# What is told beside the state where it differs: with the count, and without.
_BESIDE = {
    "suspended": ("挂起", "未挂起"),
    "replied": ("已答复", "未答复"),
    "first_replied": ("已首次回复", "未首次回复"),
    "reply_on_time": ("答复按时", "答复不按时"),
    "accept_on_time": ("受理按时", "受理不按时"),
    "rated": ("已评价", "未评价"),
    "satisfied": ("满意", "不满意或未评价"),
    "repeat": ("重复件", "非重复件"),
    "returned": ("有退单", "无退单"),
    "reworked": ("有返工", "无返工"),
    "extended": ("有延期", "无延期"),
}


def section(asked: Inquiry, lists: TicketLists, previous: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The section; None for a first issue."""
    if previous is None:
        return None
    issue = previous["issue"]
    then = datetime.fromisoformat(previous["as_known"]) if previous["as_known"] else None
    figures = _figures(asked, previous)
    rows = [row for population in metrics.POPULATIONS for row in _tickets(asked, population, then)] if then else []
    lists.add("changes", rows, COLUMNS)
    told = f"与第{issue['number']}期（{datetime.fromisoformat(issue['issued_at']):%Y年%-m月%-d日%H时%M分}制发）相比。"
    if not figures and not rows:
        told += "统计数字与各件状态均无变化，变化仅在件的其他内容或数据状况。"
    elif not rows:
        told += "无逐件变化，数字的变化出自时限规则、工作日历或数据范围的变动。"
    else:
        told += "逐件变化因平台后来补报、更正或延迟取得数据所致；上一期报告保持不变。"
    columns = [blocks.column("统计口径"), blocks.column("指标"), blocks.column("上一期", "number"), blocks.column("本期", "number")]
    return blocks.section(
        "changes",
        "与上一期的差异",
        blocks.note(told),
        blocks.table("changed_figures", "有变化的数字", columns, figures) if figures else None,
        blocks.tickets("changes", "状态有变化的件", COLUMNS, len(rows), 100, folded=False) if rows else None,
    )


def state(counted: frozenset[str] | None, other: frozenset[str] | None) -> str:
    """A ticket's state in words, and beside it what else differs from the other issue's."""
    if counted is None:
        return "未计入"
    if "received" not in counted and "visits" not in counted:
        told = ["退出统计"]
    else:
        told = [next(words for key, words in _STATES.items() if key in counted)]
    told += [
        there if key in counted else without for key, (there, without) in _BESIDE.items() if other and (key in counted) != (key in other)
    ]
    return "；".join(told)


def _tickets(asked: Inquiry, population: str, then: datetime) -> Sequence[dict[str, Any]]:
    """Cases that are appeals too are told with the appeals."""
    rows = questions.changed(asked.held, asked.scope(population), asked.appeal_channels, then)
    if population == "cases":
        appeals = {row["ticket_id"] for row in questions.changed(asked.held, asked.scope("appeals"), asked.appeal_channels, then)}
        rows = [row for row in rows if row["ticket_id"] not in appeals]
    return [row | {"was": state(row["was"], row["now"]), "now": state(row["now"], row["was"])} for row in rows]


def _figures(asked: Inquiry, previous: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The figures of whole populations that print otherwise than they did."""
    before = {one["id"]: one for one in previous["figures"]}
    rows = []
    for population, label in metrics.POPULATIONS.items():
        counts, rates, durations = metrics.definitions(population)
        for key in (one.key for one in (*counts, *rates, *durations)):
            was, now = before.get(figure_id(population, key, {})), asked.figures.value(population, key)
            if was is None or was["text"] == as_text(now):
                continue
            then = asked.figures.add("previous", key, was["value"], text=was["text"], of=population)
            asked.figures.book[then]["as_known"] = previous["as_known"]
            rows.append(blocks.row([label, printed(key), blocks.figure(then), blocks.figure(asked.total(population, key))]))
    return rows
