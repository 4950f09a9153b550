"""网络问政: export files of the county's message board, in a drop folder.

Service:    files, see ``files.py``
Record:     one message: number, text, time, and what became of it
Notes:      the board tells a state and often no time for it; such an event has no time of its own, and the warehouse takes the
            end of the export date of the oldest file that shows the same content
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from petitions.model import EVENT_TYPES, Event
from petitions.said import Said
from petitions.settings import Replies
from petitions.sources.base import LaneStopped
from petitions.sources.files import FileSource

if TYPE_CHECKING:
    from petitions.record import Record

ANSWER, ANSWERED_AT = "答复意见", "答复时间"
# An acknowledgement is short; a longer text is not searched for one.
_SHORT = 400
_MARKS = r"[，,。.！!；;：:、~～…“”\"]+"


class OnlinePolitics(FileSource):
    name = "online_politics"
    words: ClassVar = {"status": EVENT_TYPES}

    def check_header(self, file: str, columns: set[str]) -> list[str]:
        missing = [column for column in (ANSWER, ANSWERED_AT) if column not in columns]
        if len(missing) == 1:
            raise LaneStopped(
                Said(
                    f"{self.name}: expected both columns {ANSWER} and {ANSWERED_AT} in {file} or neither, found no {missing[0]}; "
                    f"export it with both, or add its new name to [headers] of config/sources/{self.name}.toml",
                    f"文件“{file}”只有{ANSWER}、{ANSWERED_AT}两列中的一列，缺少“{missing[0]}”，请补齐后重新导出",
                )
            )
        if missing:
            text = f"{file}: no columns {ANSWER} and {ANSWERED_AT}, all its messages count as unanswered"
            return [Said(text, f"文件“{file}”没有{ANSWER}和{ANSWERED_AT}两列，其中留言均按未答复统计")]
        return []

    def events(self, record: Record) -> Iterable[Event]:
        yield Event("received", record.time("留言时间"))
        dispatched = record.time("转办时间")
        if dispatched:
            yield Event("dispatched", dispatched, unit=record.text("承办单位"))
        answer, answered_at, closed_at = record.text(ANSWER), record.time(ANSWERED_AT), record.time("办结时间")
        acknowledged = bool(answer and self.acknowledges(answer))
        if answered_at:
            yield Event("first_reply" if acknowledged else "replied", answered_at, unit=record.text("承办单位"), note=answer)
        elif answer:
            told = f"{ANSWER} without {ANSWERED_AT} is no reply: its time is not told"
            record.remark(Said(told, f"有{ANSWER}而无{ANSWERED_AT}，不计为答复"))
        yield from self._outcome(record, answered_at, closed_at, acknowledged)
        satisfaction = record.code("satisfaction", "满意情况")
        if satisfaction and (closed_at or answered_at):
            yield Event("rated", closed_at or answered_at, satisfaction=satisfaction)
        elif satisfaction:
            told = f"满意情况 without 办结时间 and {ANSWERED_AT} is no rating: its time is not told"
            record.remark(Said(told, f"有满意情况而无办结时间和{ANSWERED_AT}，不计为评价"))

    def acknowledges(self, answer: str) -> bool:
        """Whether an answer only acknowledges: after greeting and thanks, 已收悉 or 已收到, and at most that it was passed on."""
        return self._acknowledgement.holds(answer)

    def _outcome(self, record: Record, answered_at: datetime | None, closed_at: datetime | None, acknowledged: bool) -> Iterator[Event]:
        """What 留言状态 says. Its time is 办结时间, else 答复时间, else that of the oldest file."""
        told = record.text("留言状态")
        state = record.code("status", "留言状态")
        if told is None:
            answered = answered_at and not acknowledged and self.settings.options.replies.replied_is_closed
            at = closed_at or (answered_at if answered else None)
            if at:
                yield Event("closed", at)
        elif state == "closed":
            # An acknowledgement closes nothing, whatever the board makes of it, unless it tells when the message was closed.
            if closed_at or not acknowledged:
                yield Event("closed", closed_at or answered_at)
        elif state:
            yield Event(state, closed_at or answered_at)
        elif closed_at:
            record.remark(Said("办结时间 beside a state that is open: not closed", "有办结时间而状态为未办结，按未办结统计"))

    @cached_property
    def _acknowledgement(self) -> Acknowledgement:
        return Acknowledgement(self.settings.options.replies)


class Acknowledgement:
    """The office's lists of courtesies and acknowledgements, as one question to a text.

    Courtesies are taken off step by step, not by one large pattern: their repetition would cost exponential time on some texts.
    """

    def __init__(self, replies: Replies) -> None:
        self._courtesies = [re.compile(pattern) for pattern in (*replies.courtesies, _MARKS)]
        self._only = [re.compile(pattern) for pattern in replies.acknowledgements]

    def holds(self, answer: str) -> bool:
        plain = re.sub(r"\s+", "", answer)
        if len(plain) > _SHORT:
            return False
        starts = self._after_courtesies(plain, 0)
        marks = {found.start() for found in re.finditer(_MARKS, plain)} | {len(plain)}
        ends = [end for end in marks if len(plain) in self._after_courtesies(plain, end)]
        return any(only.fullmatch(plain, start, end) for only in self._only for start in starts for end in ends)

    def _after_courtesies(self, plain: str, start: int) -> set[int]:
        """Every place that courtesies alone lead to from ``start``."""
        reached, fresh = {start}, [start]
        while fresh:
            at = fresh.pop()
            for courtesy in self._courtesies:
                found = courtesy.match(plain, at)
                if found and found.end() not in reached:
                    reached.add(found.end())
                    fresh.append(found.end())
        return reached
