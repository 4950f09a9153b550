"""The lists of a report, as CSV files that spreadsheet programs open: one row per ticket, as many rows as the figure says.

They are written and read row by row, so that a list of any length costs no memory.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from petitions import metrics
from petitions.model import BEIJING, CLASSES, SOURCE_LABELS

# What a list of tickets tells of each.
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
}
# What some lists tell beside.
FURTHER = {
    "card": "预警",
    "working_days_left": "剩余工作日",
    "passage": "进出",
    "passed_at": "进出时间",
    "period": "时段",
    "was": "上一期状态",
    "now": "本期状态",
    "learned_at": "得知时间",
    "due_upper_at": "市交办时限",
    "done_at": "办结或处置完成",
    "met": "达到的时限",
    "by_category": "类别（一级）",
    "by_age": "已登记天数",
    "by_due_in": "距办结时限",
    "by_day": "登记日期",
    "by_month": "登记月份",
    "by_year": "登记年份",
}
TYPES = {"consult": "咨询", "help": "求助", "complaint": "投诉", "report": "举报", "suggestion": "建议", "praise": "表扬"}
CHANNELS = {"letter": "来信", "visit": "来访", "online": "网上", "mobile": "手机", "phone": "电话"} | {
    "wechat": "微信",
    "web": "网站",
    "app": "手机客户端",
    "transfer": "转办",
    "board": "留言板",
}
SATISFACTION = {"satisfied": "满意", "basically_satisfied": "基本满意", "dissatisfied": "不满意"}
CONFIDENTIAL = "（保密件，不列内容）"
_WORDS: dict[str, Mapping[str, str]] = {
    "class": CLASSES,
    "ticket_type": TYPES,
    "channel": CHANNELS,
    "satisfaction": SATISFACTION,
    "source": SOURCE_LABELS,
    "card": {"red": "红牌", "yellow": "黄牌"},
    "met": {"due": "区县交办时限", "due_upper": "市交办时限"},
    "passage": {
        "opening": "期初未办结",
        "received": "登记",
        "reopened": "重办",
        "restored": "恢复",
        "closed": "办结",
        "excluded": "退出",
    },
    "by_age": metrics.AGES,
    "by_due_in": metrics.DUE_IN,
}
# Columns that tell what a ticket is about; one without a value there is another thing than one that must not tell it.
_TELLING = ("source", "channel", "ticket_type", "area", "unit")
# A cell that begins so would be taken for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class TicketList:
    """One list in its file. ``rows()`` gives one row after the other by column: times as times, all else as people read it."""

    path: Path
    columns: tuple[str, ...]
    total: int

    def rows(self) -> Iterator[dict[str, Any]]:
        for told in self.texts():
            yield {column: _read(column, text) for column, text in zip(self.columns, told, strict=True)}

    def texts(self) -> Iterator[list[str]]:
        """The rows as they stand in the file, in the order of the columns."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            next(reader)
            yield from reader


def write(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = tuple(COLUMNS)) -> TicketList:
    """Write a list with Chinese headers, behind a byte order mark so that spreadsheet programs read it as UTF-8."""
    total = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(map(label, columns))
        # Decided by column, not by cell: a year has a hundred thousand rows of fifty.
        tellers = [(name, _teller(name)) for name in columns]
        for row in rows:
            if row.get("restricted"):
                writer.writerow([_guarded(cell(row, name)) for name in columns])
            else:
                writer.writerow([tell(row.get(name)) for name, tell in tellers])
            total += 1
    return TicketList(path, tuple(columns), total)


def label(column: str) -> str:
    """The header of a column; ``in_<count>`` says whether that count counts the ticket."""
    if column.startswith("in_"):
        return _COUNTS[column.removeprefix("in_")]
    told = COLUMNS.get(column) or FURTHER.get(column)
    return told if told else COLUMNS[column.removeprefix("by_")]


def cell(row: Mapping[str, Any], column: str) -> str:
    """One value of a ticket as people read it; a confidential ticket shows its number and that it is confidential."""
    value = row.get(column)
    if row.get("restricted"):
        if column == "title":
            return CONFIDENTIAL
        if value is None and (column in _TELLING or column.startswith("by_")):
            return "保密"
    return words(column, value)


def words(column: str, value: Any) -> str:
    """A value of a column as people read it; a missing one is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else ""
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).isoformat(" ", "seconds")[:19]
    return _WORDS.get(column, {}).get(str(value), str(value))


def _teller(column: str) -> Callable[[Any], str]:
    """What :func:`words` says of the values of a column, guarded; of names that come again and again it is remembered."""
    if column.startswith("in_"):
        return lambda value: "是" if value else ""
    if column in ("ticket_id", "title") or column.endswith("_at"):
        return lambda value: _guarded(words(column, value))
    return cache(lambda value: _guarded(words(column, value)))


_COUNTS = {count.key: count.printed for count in (*metrics.COUNTS, *metrics.VISIT_COUNTS)}


def _read(column: str, text: str) -> Any:
    if column.endswith("_at"):
        return datetime.fromisoformat(text).replace(tzinfo=BEIJING) if text else None
    return plain(text)


def plain(text: str) -> str:
    """A text of a list without what keeps a spreadsheet from taking it for a formula."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _guarded(text: str) -> str:
    # A number below zero is no formula.
    return f"'{text}" if text.startswith(_FORMULA) and not text[1:].isdigit() else text
