"""The table of time limits, ``time-limits.csv``, and limits written as text in category standards.

The table is read as a whole or not at all: :func:`rules` names every line at fault and every pair of lines between which a
ticket could not be decided. Which row applies to a ticket is decided in SQL: of the rows in force on the day of
``received_at`` that match, the one with most fields given.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date
from itertools import combinations
from pathlib import Path

from petitions.model import EVENT_TYPES, SOURCES
from petitions.settings import Settings, SettingsError

ANY = "*"
CLOCKS = ("accept", "reply", "close")
UNITS = ("calendar_day", "working_day", "hour", "working_hour")
ROLLS = ("none", "next_workday")
# The fields that say which tickets a row is for; their number decides which row wins.
MATCHED = ("source", "channel", "ticket_type", "urgency", "category")
COLUMNS = (*MATCHED, "clock", "start_event", "amount", "unit", "roll", "pausable", "effective_from", "effective_to", "basis")

# What a column may hold. Channel and category are words of the platforms and stay open.
_CHOICES: dict[str, tuple[str, ...]] = {
    "source": (*(source for source in SOURCES if source != "visits"), ANY),
    "ticket_type": ("consult", "help", "complaint", "report", "suggestion", "praise", ANY),
    "urgency": ("normal", "urgent", "extra_urgent", ANY),
    "clock": CLOCKS,
    "start_event": EVENT_TYPES,
    "unit": UNITS,
    "roll": ROLLS,
    "pausable": ("yes", "no"),
}


class RuleError(SettingsError):
    """``time-limits.csv`` cannot be used; the message names every line at fault."""


@dataclass(frozen=True)
class Rule:
    """One row of the table. ``effective_to`` is inclusive; None means still in force."""

    rule_id: str
    source: str
    channel: str
    ticket_type: str
    urgency: str
    category: str
    clock: str
    start_event: str
    amount: int
    unit: str
    roll: str
    pausable: bool
    effective_from: date
    effective_to: date | None
    basis: str
    specificity: int
    line: int


@dataclass(frozen=True)
class Limit:
    """A limit as a category standard tells it; ``unit`` is one of :data:`UNITS`."""

    amount: int
    unit: str


def rules(settings: Settings) -> list[Rule]:
    """The rows of ``time-limits.csv`` in the order of the file.

    :raises RuleError: naming all lines that cannot be read, or else all pairs of lines that one ticket could match alike.
    """
    return read(settings.config_file("time-limits.csv"), default_roll=settings.options.calendar.holiday_roll)


def read(path: Path, default_roll: str = "none") -> list[Rule]:
    """The rules of one file; ``default_roll`` stands where the column ``roll`` is blank."""
    found: list[Rule] = []
    faults: list[str] = []
    for line, told in _lines(path):
        wrong = list(_faults(told))
        if wrong:
            faults.extend(f"line {line}: {fault}" for fault in wrong)
        else:
            found.append(_rule(line, told, default_roll))
    faults = faults or list(_conflicts(found))
    if faults:
        raise RuleError(f"{path}: " + "; ".join(faults))
    return found


def version(settings: Settings) -> str:
    """A short hash of the rules, whatever their order in the file; clocks are recomputed when it changes."""
    told = sorted(repr(astuple(rule)[:-1]) for rule in rules(settings))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def matches(category: str, other: str) -> bool:
    """Whether a rule's category takes in the ticket category ``other``: all, the same, or a leading path of it."""
    return category in (ANY, other) or other.startswith(category + "/")


#: The largest amount that a limit is believed to have, in any unit: 9999 working days are forty years. What is larger is a slip of the
#: pen, or stands for "none" on the platform; no calendar reaches there.
MOST_AMOUNT = 9999

# --- limits written as text ---------------------------------------------------------------------------------------------

# 紧急工作时 runs around the clock, 工作时 in office hours only (数字化城市管理信息系统 立案、处置和结案).
_UNIT_WORDS = {
    "紧急工作时": "hour",
    "紧急工作小时": "hour",
    "小时": "hour",
    "工作时": "working_hour",
    "工作小时": "working_hour",
    "工作日": "working_day",
    "天": "calendar_day",
    "日": "calendar_day",
    "自然日": "calendar_day",
    "日历日": "calendar_day",
}
# Words around a limit that do not change it: the season in which it holds, and what is to be reached within it.
_LIMIT = re.compile(
    r"(?P<season>种植季节)?(?P<amount>[0-9]+|[〇零一二两三四五六七八九十百]+)个?"
    rf"(?P<unit>{'|'.join(sorted(_UNIT_WORDS, key=len, reverse=True))})(?:以?内)?(?P<aim>制止|完成|修复|恢复)?"
)
_DIGITS = {"〇": 0, "零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_CHINESE_NUMBER = re.compile(
    r"(?:(?P<hundreds>[一二两三四五六七八九])百[零〇]?)?(?:(?P<tens>[一二三四五六七八九])?(?P<ten>十))?(?P<ones>[一二两三四五六七八九])?"
)


def parse_limit(text: str) -> Limit:
    """Read a limit such as ``4工作时``, ``2紧急工作时`` or ``种植季节15工作日``.

    :raises ValueError: where the text says anything else, or no limit from one to :data:`MOST_AMOUNT`.
    """
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    found = _LIMIT.fullmatch(plain)
    amount = _number(found["amount"]) if found else None
    if not found or not amount or amount > MOST_AMOUNT:
        words = "、".join(_UNIT_WORDS)
        raise ValueError(f"time limit: expected a whole number from 1 to {MOST_AMOUNT} and a unit ({words}), found {text[:40]!r}")
    return Limit(amount, _UNIT_WORDS[found["unit"]])


def _number(text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    found = _CHINESE_NUMBER.fullmatch(text)
    if not found:
        return None
    tens = _DIGITS[found["tens"] or "一"] if found["ten"] else 0
    return _DIGITS.get(found["hundreds"] or "零", 0) * 100 + tens * 10 + _DIGITS[found["ones"] or "零"]


# --- the table ----------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and stripped fields of every row that is not blank."""
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    header = [name.strip() for name in next(reader, [])]
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in COLUMNS if name not in header]
    if unknown or missing or len(set(header)) != len(header):
        faults = [f"unknown column {name}" for name in unknown] + [f"missing column {name}" for name in missing]
        raise RuleError(f"{path}: line 1: {'; '.join(faults) or 'a column stands twice'}; expected the columns {','.join(COLUMNS)}")
    for row in reader:
        fields = [value.strip() for value in row]
        if not any(fields):
            continue
        if len(fields) != len(header):
            told = f"expected {len(header)} fields, found {len(fields)}; put a field that holds a comma in double quotes"
            raise RuleError(f"{path}: line {reader.line_num}: {told}")
        yield reader.line_num, dict(zip(header, fields, strict=True))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RuleError(f"{path}: not found; copy the default table of the project") from None
    except UnicodeDecodeError:
        raise RuleError(f"{path}: expected UTF-8, found another encoding; save it as CSV UTF-8") from None


def _faults(told: dict[str, str]) -> Iterator[str]:
    for column, choices in _CHOICES.items():
        if told[column] not in choices and not (column == "roll" and not told[column]):
            yield f"{column}: expected {', '.join(choices)}, found {told[column]!r}"
    for column in ("channel", "category"):
        if not told[column]:
            yield f"{column}: expected a name or {ANY}, found nothing"
    if told["category"].strip("/") != told["category"]:
        yield f"category: expected names joined by single /, found {told['category']!r}"
    if not re.fullmatch(r"0*[1-9][0-9]{0,3}", told["amount"]):
        yield f"amount: expected a whole number from 1 to {MOST_AMOUNT}, found {told['amount']!r}"
    days = {column: _day(told[column]) for column in ("effective_from", "effective_to")}
    for column, day in days.items():
        if day is None and (told[column] or column == "effective_from"):
            yield f"{column}: expected a day such as 2024-01-31, found {told[column]!r}"
    if days["effective_from"] and days["effective_to"] and days["effective_to"] < days["effective_from"]:
        yield f"effective_to {days['effective_to']} is before effective_from {days['effective_from']}"


def _rule(line: int, told: dict[str, str], default_roll: str) -> Rule:
    effective_from = _day(told["effective_from"])
    assert effective_from is not None  # _faults has seen to it
    return Rule(
        rule_id="/".join(told[column] for column in (*MATCHED, "clock")) + f"@{effective_from}",
        source=told["source"],
        channel=told["channel"],
        ticket_type=told["ticket_type"],
        urgency=told["urgency"],
        category=told["category"],
        clock=told["clock"],
        start_event=told["start_event"],
        amount=int(told["amount"]),
        unit=told["unit"],
        roll=told["roll"] or default_roll,
        pausable=told["pausable"] == "yes",
        effective_from=effective_from,
        effective_to=_day(told["effective_to"]),
        basis=told["basis"],
        specificity=sum(told[column] != ANY for column in MATCHED),
        line=line,
    )


def _conflicts(found: list[Rule]) -> Iterator[str]:
    """Pairs of rows with as many fields given that one ticket could match on one day (metrics §4, Rules)."""
    for one, other in combinations(found, 2):
        alike = one.clock == other.clock and one.specificity == other.specificity
        if alike and _overlap(one, other) and _one_ticket(one, other):
            yield (
                f"lines {one.line} and {other.line}: one ticket could match both on one day ({one.rule_id} and {other.rule_id}); "
                "give one of them a further field, or end one before the other begins"
            )


def _overlap(one: Rule, other: Rule) -> bool:
    return one.effective_from <= (other.effective_to or date.max) and other.effective_from <= (one.effective_to or date.max)


def _one_ticket(one: Rule, other: Rule) -> bool:
    for column in MATCHED[:-1]:
        here, there = getattr(one, column), getattr(other, column)
        if ANY not in (here, there) and here != there:
            return False
    return other.category == ANY or matches(one.category, other.category) or matches(other.category, one.category)


def _day(text: str) -> date | None:
    """A day as ISO, or as a spreadsheet program rewrites it: ``2022/5/1``."""
    found = re.fullmatch(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})", text)
    if not found:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
