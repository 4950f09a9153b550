"""省一体化信访平台: signed JSON over HTTP, numbered pages.

Service:    ``POST {base}/api/xfj/query``, every question signed (``login`` is the app id, ``password`` the app secret)
Asked by:   ``lastmodifytime`` in a closed window, or up to 200 numbers
Pages:      ordered by (``lastmodifytime``, ``xfjbh``), at most 500 records each
Record:     one petition; what was done stands in the list ``blfs``, in time order
Notes:      tickets are touched while we page. One that is touched moves to a later page, and all rows behind its old place come one
            place nearer: whoever goes from page 1 to 2 to 3 misses the row that just came over the edge. So pages are not counted
            through. Each question starts at the second at which the last answer ended, and a ticket only ever moves to later seconds:
            whatever is touched before our place was seen, whatever is touched behind it will be. Only a second that holds more than
            a page is read by page numbers, from its last page to its first, against the direction in which rows move.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import compress
from typing import TYPE_CHECKING, Any

from petitions.model import BEIJING, Happened
from petitions.said import Said
from petitions.sources import steps, ticket_number
from petitions.sources.base import Ask, Page, Raw, Source, Window
from petitions.sources.http import REMEDIES, Fault, HttpLane, told_in_words, wait_asked_for

if TYPE_CHECKING:
    from petitions.columns import Column, Rows

QUERY = "/api/xfj/query"
# How often a window is gone over that holds more than was seen. What is still missing then turns the batch red.
ROUNDS = 4
SECOND = timedelta(seconds=1)
_COLUMN_WORDS = {"accepted": "受理", "replied": "答复", "closed": "办结", "rated": "评价"}


class Provincial(Source):
    name = "provincial"
    kind = "http"
    lookup_size = 200

    def pages(self, ask: Ask) -> Iterator[Page]:
        if ask.window:
            yield from self._window(ask.window, ask)
        yield from self._lookup(ask.numbers)

    def happened(self, records: Rows) -> Iterable[Happened]:
        """By ``blfs`` where a record has it, else by its columns."""
        received = records.time(self._columns["received"])
        yield Happened(records.places, "received", received)
        ratings = records.code("satisfaction", "mydpj")
        flow = records.rows(self._flow["list"])
        columns = list(self._by_columns(records, ratings))
        told = self._by_flow(flow, ratings)
        listed = set(flow.places)
        beside = [one.where([place in listed for place in one.places]) for one in columns]
        _compare(records, beside, told, received)
        _compare_ratings(records, beside, told, {place for place in listed if ratings[place]})
        yield from (one.where([place not in listed for place in one.places]) for one in columns)
        yield told.where([kind != "received" for kind in told.event_type])

    # --- events -------------------------------------------------------------------------------------------------------------

    @cached_property
    def _map(self) -> dict[str, Any]:
        return self.settings.source_maps[self.name]

    @cached_property
    def _flow(self) -> dict[str, str]:
        return self._map["flow"]

    @cached_property
    def _columns(self) -> dict[str, str]:
        return self._map["columns"]

    def _by_columns(self, records: Rows, ratings: Column) -> Iterator[Happened]:
        units = records.text(self._map["fields"]["unit"])
        for event_type, field in self._columns.items():
            if event_type != "received":
                at = records.time(field)
                yield Happened(records.places, event_type, at, units).where([one is not None for one in at])
        closed = records.time(self._columns["closed"])
        dated = [rating and at is not None for rating, at in zip(ratings, closed, strict=True)]
        yield Happened(records.places, "rated", closed, satisfaction=ratings).where(dated)
        for place, (rating, one, listed) in enumerate(zip(ratings, dated, records.raw(self._flow["list"]), strict=True)):
            if rating and not one and not listed:
                told = f"mydpj without {self._columns['closed']}: a rating of unknown time is left out"
                records.record(place).remark(Said(told, "有评价而无办结时间，评价不计"))

    def _by_flow(self, flow: Rows, ratings: Column) -> Happened:
        kinds = steps.kinds_of(flow, self._flow, "a code")
        rows = flow.where(kinds)
        told = steps.happened(rows, list(filter(None, kinds)), self._flow)
        told.satisfaction = [ratings[place] if kind == "rated" else None for place, kind in zip(told.places, told.event_type, strict=True)]
        left_out = [kind == "rated" and not rating for kind, rating in zip(told.event_type, told.satisfaction, strict=True)]
        for row in compress(range(len(rows)), left_out):
            rows.record(row).remark(
                Said("a rating in blfs without a value in mydpj is left out", "办理方式中有评价而没有评价结果，评价不计")
            )
        return told.where([not one for one in left_out])

    # --- the window ---------------------------------------------------------------------------------------------------------

    def _window(self, window: Window, ask: Ask) -> Iterator[Page]:
        start, end = (_whole_second(moment) for moment in (window.start, window.end))
        seen = {self._key(row) for row in ask.landed()}
        total, place = 0, datetime.fromisoformat(ask.resume) if ask.resume else start
        for turn in range(ROUNDS):
            walk = _Walk(self, place, end, jump=turn < 2)
            for rows in walk.rows():
                seen.update(self._key(row) for row in rows)
                yield Page(records=rows, resume=walk.place.isoformat())
            total = walk.total if walk.in_one_answer and place == start else self._count(start, end)
            if total <= len(seen):
                break
            # Something came while we read: behind our place, most likely. If not, everything is read again, page by page.
            place = walk.place if turn == 0 else start
        yield Page(total=total)

    def _count(self, start: datetime, end: datetime) -> int:
        return int(self.question(_between(start, end), 1, page_size=1)["total"])

    def _key(self, row: Raw) -> str:
        return ticket_number(row, self._map["fields"]["source_no"]) or digest(row).hex()

    def time_of(self, row: Raw) -> datetime | None:
        """The platform update time of a raw row, None where it cannot be read."""
        from petitions.record import Record

        return Record(row, {}).time(self._map["fields"]["updated_at"])

    # --- the look-up --------------------------------------------------------------------------------------------------------

    def _lookup(self, numbers: tuple[str, ...]) -> Iterator[Page]:
        size, place = min(self.lookup_size, self._lane.extra.page_size if numbers else self.lookup_size), 0
        while place < len(numbers):
            asked = numbers[place : place + size]
            data = self.question({"xfjbhList": list(asked)}, 1)
            if data["total"] > len(data["list"]) and data["pageSize"] < len(asked):
                size = data["pageSize"]  # smaller pages than asked for: ask for fewer, one page each
                continue
            yield Page(records=data["list"], total=data["total"])
            place += len(asked)

    # --- the wire -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _lane(self) -> HttpLane:
        return HttpLane(self.name, self.connection)

    def question(self, asked: dict[str, Any], page_no: int, *, page_size: int | None = None) -> dict[str, Any]:
        """The ``data`` of the answer, checked: envelope, page number, and as many rows as its total says.

        :raises LaneStopped: as the table of remedies says.
        """
        lane = self._lane
        app_id, secret = lane.secret()
        data = {**asked, "pageNo": page_no, "pageSize": page_size or lane.extra.page_size}

        def once() -> Raw:
            # Signed anew each time: a nonce is taken once only, and a time stamp grows old.
            answer = lane.request(
                "POST", QUERY, data=_signed(app_id, secret, data), headers={"Content-Type": "application/json; charset=utf-8"}
            )
            _refuse_code(lane.checked(answer, {"code": "whole number"}))
            page = lane.checked(answer, self._map["envelope"])["data"]
            _refuse_page(page, page_no)
            return page

        return lane.ask(once)


class _Walk:
    """One way through a window. ``place`` is the second reached, ``total`` what the last answer said."""

    def __init__(self, source: Provincial, start: datetime, end: datetime, *, jump: bool) -> None:
        self.source, self.place, self.end, self.jump = source, start, end, jump
        self.total = 0
        self.in_one_answer = False

    def rows(self) -> Iterator[list[Raw]]:
        """The rows page by page; a row that comes again because questions overlap is given once."""
        page_no, held, answers = 1, set[bytes](), 0
        while True:
            page = self.source.question(_between(self.place, self.end), page_no)
            rows, self.total, answers = page["list"], page["total"], answers + 1
            digests = [digest(row) for row in rows]
            new = [row for row, name in zip(rows, digests, strict=True) if name not in held]
            if not rows or page_no * page["pageSize"] >= self.total:
                self.in_one_answer = answers == 1
                yield new
                return
            last = self._last(rows) if self.jump else None
            if last is not None and last > self.place:
                self.place, page_no, held = last, 1, set(digests)
                yield new
            elif last is None:
                page_no, held = page_no + 1, held | set(digests)
                yield new
            else:
                yield new
                yield from self._second(held | set(digests))
                self.place, page_no, held = self.place + SECOND, 1, set()

    def _second(self, held: set[bytes]) -> Iterator[list[Raw]]:
        """All rows of a second that holds more than a page, last page first: rows only leave it, so they come towards us."""
        asked = _between(self.place, self.place)
        for _ in range(ROUNDS):
            first = page = self.source.question(asked, 1)
            for page_no in range(-(-first["total"] // first["pageSize"]), 0, -1):
                page = self.source.question(asked, page_no)
                new = [row for row in page["list"] if digest(row) not in held]
                held.update(map(digest, new))
                yield new
            if page["total"] <= first["total"]:
                return

    def _last(self, rows: list[Raw]) -> datetime | None:
        """The second at which the rows end; None where their times cannot be relied on (bad records are not ours to judge here)."""
        readable = [at for row in rows if (at := self.source.time_of(row)) and self.place <= at <= self.end]
        return readable[-1] if readable and readable == sorted(readable) else None


def digest(row: Raw) -> bytes:
    return sha256(json.dumps(row, sort_keys=True).encode()).digest()[:16]


def sign(app_id: str, secret: str, timestamp: str, nonce: str, data: dict[str, Any]) -> str:
    """Lowercase hex HMAC-SHA256 over app id, time stamp, nonce and the data as canonical JSON, one line each."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(secret.encode(), "\n".join((app_id, timestamp, nonce, canonical)).encode(), sha256).hexdigest()


def _signed(app_id: str, secret: str, data: dict[str, Any]) -> bytes:
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    body = {"appId": app_id, "timestamp": timestamp, "nonce": nonce, "sign": sign(app_id, secret, timestamp, nonce, data), "data": data}
    return json.dumps(body, ensure_ascii=False).encode()


def _refuse_code(answer: Raw) -> None:
    code = answer["code"]
    if code == 0:
        return
    told = told_in_words(answer.get("msg"))
    data = answer.get("data")
    wait_s = wait_asked_for(data.get("retryAfter")) if isinstance(data, dict) else None
    key = f"code_{code}" if f"code_{code}" in REMEDIES else "code_unknown"
    raise Fault(key, f"code {code}" + (f" ({told})" if told else ""), wait_s=wait_s)


def _refuse_page(page: dict[str, Any], page_no: int) -> None:
    size, total, rows = page["pageSize"], page["total"], page["list"]
    if size < 1 or total < 0:
        raise Fault("envelope", f"pageSize {size} and total {total}")
    if page["pageNo"] != page_no:
        raise Fault("page_loop", f"page {page['pageNo']} in place of page {page_no}")
    due = min(size, total - (page_no - 1) * size)
    if len(rows) < due:
        raise Fault("short_page", f"{len(rows)} records on page {page_no} where {due} should be")


def _compare(records: Rows, columns: list[Happened], told: Happened, received: Column) -> None:
    """What the columns say and ``blfs`` does not is reported; ``blfs`` wins."""
    seen = set(zip(told.places, told.event_type, told.occurred_at, strict=True))
    seen |= {(place, "closed", at) for place, kind, at in seen if kind in ("withdrawn", "duplicate", "not_accepted")}
    for one in columns:
        kind = str(one.event_type)
        for place, at in zip(one.places, one.occurred_at, strict=True):
            if kind != "rated" and (place, kind, at) not in seen:
                _remark_otherwise(records, place, kind)
    for place, kind, at in seen:
        if kind == "received" and received[place] is not None and at != received[place]:
            text = "blfs tells received otherwise than djsj does: djsj is taken"
            records.record(place).remark(Said(text, "登记时间在字段与办理方式中不一致，以字段为准"))


def _compare_ratings(records: Rows, columns: list[Happened], told: Happened, rated: set[int]) -> None:
    """The same of the records that are ``rated``; the column tells no time of it."""
    in_flow = {place for place, kind in zip(told.places, told.event_type, strict=True) if kind == "rated"}
    dated = {place for one in columns if one.event_type == "rated" for place in one.places}
    for place in rated - in_flow:
        if place in dated:
            _remark_otherwise(records, place, "rated")
        else:
            text = "mydpj tells a rating and blfs does not: blfs is taken"
            records.record(place).remark(Said(text, "满意度字段有评价而办理方式中没有，以办理方式为准"))


def _remark_otherwise(records: Rows, place: int, kind: str) -> None:
    text = f"the columns tell {kind} otherwise than blfs does: blfs is taken"
    records.record(place).remark(Said(text, f"{_COLUMN_WORDS[kind]}在字段与办理方式中不一致，以办理方式为准"))


def _between(start: datetime, end: datetime) -> dict[str, str]:
    return {"lastmodifytimeBegin": f"{start:%Y-%m-%d %H:%M:%S}", "lastmodifytimeEnd": f"{end:%Y-%m-%d %H:%M:%S}"}


def _whole_second(moment: datetime) -> datetime:
    return moment.astimezone(BEIJING).replace(microsecond=0)
