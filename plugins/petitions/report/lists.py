"""The lists behind the figures, as CSV that spreadsheet programs open: one row per ticket, as many rows as the figure says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from petitions.model import BEIJING, CLASSES, SOURCE_LABELS

COLUMNS = {
    "ticket_id": "件编号",
    "source": "平台",
    "channel": "渠道",
    "ticket_type": "类型",
    "category": "类别",
    "area": "地区",
    "title": "标题",
    "unit": "承办单位",
    "received_at": "登记时间",
    "due_at": "办结时限",
    "provisional": "暂定时限",
    "closed_at": "办结时间",
    "class": "时限状态",
    "satisfaction": "评价",
    "card": "预警",
    "working_days_left": "剩余工作日",
}
TYPES = {"consult": "咨询", "help": "求助", "complaint": "投诉", "report": "举报", "suggestion": "建议", "praise": "表扬"}
CHANNELS = {"letter": "来信", "visit": "来访", "online": "网上", "mobile": "手机", "phone": "电话"}
SATISFACTION = {"satisfied": "满意", "basically_satisfied": "基本满意", "dissatisfied": "不满意"}
_WORDS = {"class": CLASSES, "ticket_type": TYPES, "channel": CHANNELS, "satisfaction": SATISFACTION, "source": SOURCE_LABELS}
# A cell that begins so would be taken for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class TicketList:
    """The tickets behind a figure, in order; ``rows()`` gives them one after the other, :func:`cell` reads a value of one."""

    held: Sequence[Mapping[str, Any]]

    @property
    def total(self) -> int:
        return len(self.held)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.held)


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows with Chinese headers, behind a byte order mark so that spreadsheet programs read them as UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS.values())
    for row in rows:
        writer.writerow([_guarded(cell(row, name)) for name in COLUMNS])
    return "\ufeff" + text.getvalue()


def cell(row: Mapping[str, Any], column: str) -> str:
    """One value of a ticket as people read it; a confidential ticket shows its number and that it is confidential."""
    value = row.get(column)
    if column == "title" and row.get("restricted"):
        return "（保密件，不列内容）"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else ""
    if isinstance(value, datetime):
        return f"{value.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    return _WORDS.get(column, {}).get(str(value), str(value))


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
