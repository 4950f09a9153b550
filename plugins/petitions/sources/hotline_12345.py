"""县12345热线: JSON over HTTP, token, cursor, rate limit.

Service:    ``POST {base}/oauth/token`` (``login`` is the client id, ``password`` the client secret), ``GET {base}/v1/workorders``
Asked by:   ``updatedAt`` in a closed window of whole seconds, or up to 100 numbers
Pages:      by cursor, at most 500 items each; gone over again where fewer tickets came than any page said there are
Record:     one work order; what was done stands in the list ``flow``, the rating in ``visit``
Notes:      tokens live minutes, so a 401 in mid-pull is no error: a new token is fetched once and the same cursor asked again
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any

from petitions.model import BEIJING, Happened
from petitions.sources import steps, ticket_number
from petitions.sources.base import Ask, LaneDown, LaneStopped, Page, Raw, Source, Window
from petitions.sources.http import Fault, HttpLane
from petitions.values import plain

if TYPE_CHECKING:
    from petitions.columns import Rows

TOKEN, WORK_ORDERS = "/oauth/token", "/v1/workorders"
# How often a window is gone over that holds more than was seen. What is still missing then turns the batch red.
ROUNDS = 3
# Pages one after the other that bring nothing: a platform that hands out cursors for ever.
MOST_EMPTY_PAGES = 10


class Hotline12345(Source):
    name = "hotline_12345"
    kind = "http"
    lookup_size = 100

    def pages(self, ask: Ask) -> Iterator[Page]:
        if ask.window:
            yield from self._window(ask.window, ask)
        for start in range(0, len(ask.numbers), self.lookup_size):
            yield from self._cursor_pages({"orderNos": ",".join(ask.numbers[start : start + self.lookup_size])})

    def happened(self, records: Rows) -> Iterable[Happened]:
        yield Happened(records.places, "received", records.time(self._map["fields"]["received_at"]))
        flow = self._in_order(records.rows(self._flow["list"]))
        kinds = steps.kinds_of(flow, self._flow, "an action")
        told = [kind and kind != "rated" for kind in kinds]
        yield steps.happened(flow.where(told), list(compress(kinds, told)), self._flow)
        visits = flow.where([kind == "rated" for kind in kinds])
        visited_at = {place: at for place, at in zip(visits.places, visits.time(self._flow["at"]), strict=True) if at is not None}
        yield self._ratings(records.row(self._map["visit"]["row"]), visited_at)

    # --- events -------------------------------------------------------------------------------------------------------------

    @cached_property
    def _map(self) -> dict[str, Any]:
        return self.settings.source_maps[self.name]

    @cached_property
    def _flow(self) -> dict[str, str]:
        return self._map["flow"]

    def _in_order(self, flow: Rows) -> Rows:
        """The rows of each record by ``seq``, or as they came where one of them has none."""
        numbers = list(map(_whole, flow.raw(self._flow["order"])))
        unordered = {place for place, number in zip(flow.places, numbers, strict=True) if number is None}
        return flow.ordered([0 if place in unordered else number for place, number in zip(flow.places, numbers, strict=True)])

    def _ratings(self, visits: Rows, visited_at: dict[int, int]) -> Happened:
        """The ratings of the call-backs, as ``visit`` tells them; 未评价 is none."""
        named, told = self._map["visit"], visits.code("satisfaction", self._map["visit"]["result"])
        rated = visits.where(told)
        at = [visited_at.get(place) if time is None else time for place, time in zip(rated.places, rated.time(named["at"]), strict=True)]
        rated.see_told(named["at"], at, "unreadable_time", "a time")
        return Happened(rated.places, "rated", at, satisfaction=[one for one in told if one])

    # --- pages --------------------------------------------------------------------------------------------------------------

    def _window(self, window: Window, ask: Ask) -> Iterator[Page]:
        start, end = (moment.astimezone(BEIJING).isoformat(timespec="seconds") for moment in (window.start, window.end))
        asked = {"updatedFrom": start, "updatedTo": end, "limit": self._lane.extra.page_size}
        seen = {self._key(row) for row in ask.landed()}
        cursor: str | None = ask.resume
        for _ in range(ROUNDS):
            most = 0  # tickets that left the window while we paged are missed in the total of the last page, not in this
            for page in self._cursor_pages(asked, cursor):
                seen.update(self._key(row) for row in page.records)
                most = max(most, page.total or 0)
                yield page
            cursor = None
            if most <= len(seen):
                break

    def _cursor_pages(self, asked: dict[str, Any], cursor: str | None = None) -> Iterator[Page]:
        """The pages from ``cursor`` on; from the first, where the platform does not know a cursor of an earlier pull any more."""
        cursors: set[str] = set()
        empty = 0
        while True:
            try:
                answer = self._get(asked if cursor is None else {**asked, "cursor": cursor})
            except LaneDown:
                raise
            except LaneStopped:
                if cursor is None or cursors:
                    raise
                cursor = None
                continue
            if answer["total"] < 0:
                raise self._lane.stopped(Fault("envelope", f"a total of {answer['total']}"))
            cursor = answer["nextCursor"] or None
            yield Page(records=answer["items"], total=answer["total"], resume=cursor)
            empty = 0 if answer["items"] else empty + 1
            if cursor is None:
                return
            if cursor in cursors:
                raise self._lane.stopped(Fault("page_loop", "a cursor that was handed out before"))
            if empty > MOST_EMPTY_PAGES:
                raise self._lane.stopped(Fault("page_loop", f"cursor after cursor and no items on {empty} pages"))
            cursors.add(cursor)

    def _key(self, row: Raw) -> str:
        number = ticket_number(row, self._map["fields"]["source_no"])
        return number or repr(sorted(row.items(), key=lambda item: item[0]))

    # --- the wire -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _lane(self) -> HttpLane:
        return HttpLane(self.name, self.connection)

    def _get(self, asked: dict[str, Any]) -> Raw:
        def once() -> Raw:
            try:
                return self._get_once(asked)
            except Fault as fault:
                if fault.key != "http_401":
                    raise
            self._token = None
            try:
                return self._get_once(asked)
            except Fault as fault:
                if fault.key != "http_401":
                    raise
                raise Fault("token_short_lived", fault.found) from None

        return self._lane.checked(self._lane.ask(once), self._map["envelope"])

    _token: str | None = None

    def _get_once(self, asked: dict[str, Any]) -> Raw:
        if self._token is None:
            self._token = self._new_token()
        return self._lane.request("GET", WORK_ORDERS, params=asked, headers={"Authorization": f"Bearer {self._token}"})

    def _new_token(self) -> str:
        client_id, client_secret = self._lane.secret()
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}

        def once() -> Raw:
            try:
                return self._lane.request("POST", TOKEN, data=form)
            except Fault as fault:
                if fault.key in ("http_400", "http_401", "http_403"):
                    raise Fault("token_refused", fault.found) from None
                raise

        return str(self._lane.checked(self._lane.ask(once), self._map["token_envelope"])["access_token"])


def _whole(value: Any) -> int | None:
    """A number of order, of whatever type it is."""
    if value.__class__ is int:
        return value if value >= 0 else None
    told = plain(value) or ""
    return int(told) if told.isdecimal() else None
