"""The sentences that a bureau prints, composed from figures: what is not known is said so, never printed as 0 or as 100 %.

A paragraph is a list of pieces: plain text, or ``{"figure": id}`` where a number stands. The page and the text of the paragraph
both take the number from the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from petitions.model import BEIJING, SOURCE_LABELS, sources_of
from petitions.report.figures import Figures, figure_id

Piece = str | dict[str, str]

APPEAL_SOURCES = sources_of("appeals", "cases")
# More channels than this are not told one by one in a sentence; the table below it has them all.
_CHANNELS_TOLD = 8


# Behind a number that is too small to judge by.
SMALL = "※"


def breadth(text: str) -> int:
    """How many narrow characters a text is wide: a Chinese one is two, as it is two bytes in GB 18030."""
    return len(text.encode("gb18030"))


def text(pieces: Sequence[Piece], figures: Figures) -> str:
    """The paragraph as plain text."""
    return "".join(piece if isinstance(piece, str) else figures.text(piece["figure"]) for piece in pieces)


def period(first: date, last: date) -> str:
    """``2023年1月1日至12月31日``; a year or a month that both ends share is told once."""
    if first == last:
        return day(first)
    if first.year != last.year:
        return f"{day(first)}至{day(last)}"
    if first.month != last.month:
        return f"{day(first)}至{last.month}月{last.day}日"
    return f"{day(first)}至{last.day}日"


def day(moment: date) -> str:
    return f"{moment.year}年{moment.month}月{moment.day}日"


def moment(at: datetime) -> str:
    """A moment for people; the end of a day is the day."""
    at = at.astimezone(BEIJING)
    return day(at.date()) if at.time() == time(23, 59, 59) else f"{day(at.date())}{at:%H时%M分}"


def appeals(figures: Figures, first: date, last: date, as_of: datetime, lanes: Mapping[str, Mapping[str, Any]]) -> list[Piece]:
    """The paragraph about 诉求件, all platforms."""
    known = [source for source in APPEAL_SOURCES if figures.known("appeals", "received", source=source)]
    opening = f"{period(first, last)}，"
    if not known:
        return [f"{opening}各平台数据均未取得，群众诉求件数暂无法统计。"]
    absent = [SOURCE_LABELS[source] for source in APPEAL_SOURCES if source not in known]
    without = f"（不含未取得数据的{'、'.join(absent)}）" if absent else ""
    pieces: list[Piece] = [f"{opening}全县共受理群众诉求", _ref("appeals", "received"), f"件{without}"]
    if figures.count("appeals", "received") == 0:
        return [*pieces, "，本期无诉求件，各项比率不作计算。", *_reservations(lanes, APPEAL_SOURCES)]
    if len(known) > 1:
        pieces += ["，其中", *_listing([(SOURCE_LABELS[source], _ref("appeals", "received", source=source)) for source in known])]
    elif absent:
        pieces += [f"，均来自{SOURCE_LABELS[known[0]]}"]
    pieces += [f"；截至{moment(as_of)}，", *_closing(figures, "appeals"), *_on_time(figures, "appeals")]
    pieces += ["，回复率", *_rate(figures, "appeals", "reply_rate", "尚无应答复件"), "。"]
    return [*pieces, *_reservations(lanes, APPEAL_SOURCES)]


def cases(figures: Figures, first: date, last: date, as_of: datetime, lanes: Mapping[str, Mapping[str, Any]]) -> list[Piece]:
    """The paragraph about the smart-city platform's own cases."""
    opening = f"{period(first, last)}，智慧城管平台"
    if not figures.known("cases", "received"):
        return [f"{opening}数据未取得，案件数暂无法统计。"]
    pieces: list[Piece] = [f"{opening}共登记案件", _ref("cases", "received"), "件"]
    if figures.count("cases", "received") == 0:
        return [*pieces, "。", *_reservations(lanes, sources_of("cases"))]
    channels = figures.groups("cases", "received", "channel")
    if 1 < len(channels) <= _CHANNELS_TOLD:
        pieces += ["，其中", *_listing([(channel or "未注明来源", _ref("cases", "received", channel=channel)) for channel in channels])]
    pieces += [f"；截至{moment(as_of)}，", *_closing(figures, "cases")]
    pieces += ["，办结率", *_rate(figures, "cases", "closure_rate", ""), *_on_time(figures, "cases"), "。"]
    return [*pieces, *_reservations(lanes, sources_of("cases"))]


def visits(figures: Figures, lanes: Mapping[str, Mapping[str, Any]]) -> list[Piece]:
    """The sentence about the visit register; it follows the paragraph about 诉求件."""
    if not figures.known("visits", "visits"):
        return ["来访登记数据未取得，群众来访情况暂无法统计。"]
    if figures.count("visits", "visits") == 0:
        return ["同期登记群众来访", _ref("visits", "visits"), "批次。", *_reservations(lanes, sources_of("visits"))]
    return [
        "同期登记群众来访",
        _ref("visits", "visits"),
        "批次，已接访",
        _ref("visits", "visits_received"),
        "批次，接访率",
        *_rate(figures, "visits", "visit_rate", ""),
        "。",
        *_reservations(lanes, sources_of("visits")),
    ]


def with_changes(pieces: Sequence[Piece], figures: Figures, compared: Sequence[Mapping[str, str]]) -> list[Piece]:
    """The paragraph about 诉求件 with the change of what was received, behind its number: （同比上升12.50 %，环比持平）."""
    told = [one for one in compared if figures.book[one["change"]]["value"] is not None]
    received = _ref("appeals", "received")
    if not told or received not in pieces:
        return list(pieces)
    place = pieces.index(received)
    unit = pieces[place + 1]
    assert isinstance(unit, str)  # a number is followed by its unit
    changes: list[Piece] = []
    for number, one in enumerate(told):
        changes += [("，" if number else "件（") + one["label"], {"figure": one["change"]}]
    return [*pieces[: place + 1], *changes, "）" + unit.removeprefix("件"), *pieces[place + 2 :]]


def _closing(figures: Figures, population: str) -> list[Piece]:
    if figures.count(population, "open") == 0:
        pieces: list[Piece] = ["办结", _ref(population, "closed"), "件，无未办结件"]
    else:
        pieces = ["办结", _ref(population, "closed"), "件，未办结", _ref(population, "open"), "件（", *_open(figures, population), "）"]
    if figures.count(population, "closed_late"):
        pieces += ["，超时办结", _ref(population, "closed_late"), "件"]
    return pieces


def _open(figures: Figures, population: str) -> list[Piece]:
    """How the open ones stand to their time limit; the parts add up to them."""
    parts = (
        ("not_due", "均在办理时限内", "在办理时限内"),
        ("overdue", "均已超过办理时限", "超期未办"),
        ("not_started", "办理时限均未起算", "时限未起算"),
        ("open_other", "均无办理时限或已处置待核查", "无办理时限或已处置待核查"),
    )
    held = [(metric, whole, part) for metric, whole, part in parts if figures.count(population, metric)]
    if len(held) == 1:
        pieces: list[Piece] = [held[0][1]]
    else:
        pieces = _listing([(part, _ref(population, metric)) for metric, _, part in held])
    if figures.count(population, "suspended"):
        pieces += ["，其中挂起", _ref(population, "suspended"), "件"]
    return pieces


def _on_time(figures: Figures, population: str) -> list[Piece]:
    pieces: list[Piece] = ["，按时办结率", *_rate(figures, population, "on_time_rate", "尚无应办结件")]
    if figures.differ(population, "on_time_rate", "on_time_rate_closed"):
        pieces += ["（已办结口径", _ref(population, "on_time_rate_closed"), "）"]
    return pieces


def _rate(figures: Figures, population: str, metric: str, where_none: str) -> list[Piece]:
    value = figures.value(population, metric)
    none = value is None or value["percent"] is None
    return [_ref(population, metric), f"（{where_none}）"] if none and where_none else [_ref(population, metric)]


def _listing(items: Sequence[tuple[str, dict[str, str]]]) -> list[Piece]:
    pieces: list[Piece] = []
    for place, (label, number) in enumerate(items):
        pieces += [("、" if place else "") + label, number, "件"]
    return pieces


def _reservations(lanes: Mapping[str, Mapping[str, Any]], sources: Sequence[str]) -> list[Piece]:
    """What the reader must know of lanes whose figures may be short."""
    told = [
        f"{SOURCE_LABELS[source]}{lanes[source]['reservation']}" for source in sources if source in lanes and lanes[source]["reservation"]
    ]
    return [f"（说明：{'；'.join(told)}，以上数字可能不完整。）"] if told else []


def _ref(population: str, metric: str, **filters: str | None) -> dict[str, str]:
    return {"figure": figure_id(population, metric, filters)}
