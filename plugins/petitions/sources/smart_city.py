"""智慧城管平台: the exchange database (前置库) of the smart-city platform.

Service:    read-only tables ``case_info``, ``case_flow_record``, ``case_adjustment_apply``, see ``database.py``
Asked by:   ``update_time`` of the case, or newer flow rows and applications of it; or case numbers
Pages:      key-set on (``update_time``, ``id``); a case brings all its flow rows and applications along
Record:     the columns of the case, and the lists ``flow`` and ``adjustments``
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from petitions.model import EVENT_TYPES, Happened
from petitions.record import Record
from petitions.said import Said
from petitions.sources.base import Raw, Window
from petitions.sources.database import DatabaseSource, bound, plain, within

if TYPE_CHECKING:
    from petitions.columns import Column, Rows

CASES, FLOW, ADJUSTMENTS = "case_info", "case_flow_record", "case_adjustment_apply"


class SmartCity(DatabaseSource):
    name = "smart_city"
    table = CASES
    words: ClassVar = {
        "case_status": ("not_accepted",),
        "operate_type": (*EVENT_TYPES, "by_result"),
        "operate_result": EVENT_TYPES,
        "apply_status": ("approved",),
        "apply_type": ("extended", "suspended"),
        "visit_satisfaction": ("satisfied", "basically_satisfied", "dissatisfied"),
    }

    def happened(self, records: Rows) -> Iterable[Happened]:
        columns = list(_by_columns(records))
        flow = _by_flow(records.rows("flow"))
        yield from _without_echoes(columns, flow, records.text("handle_dept_name"))
        yield flow
        yield _by_adjustments(records.rows("adjustments"))

    def changed(self, window: Window) -> sa.ColumnElement[bool]:
        """Cases touched in the window: by their own update time, by a flow row, or by an application that came later."""
        flow, adjustments, cases = self.tables[FLOW], self.tables[ADJUSTMENTS], self.tables[CASES]
        return sa.or_(
            super().changed(window),
            cases.c.id.in_(sa.select(flow.c.case_id).where(within(flow.c.operate_time, window))),
            cases.c.id.in_(sa.select(adjustments.c.case_id).where(within(adjustments.c.update_time, window))),
        )

    def records_of(self, rows: list[Raw]) -> list[Raw]:
        ids = [case["id"] for case in rows]
        flow = self._of_cases(FLOW, ids, "operate_time")
        adjustments = self._of_cases(ADJUSTMENTS, ids, "review_time")
        return [plain(case) | {"flow": flow[case["id"]], "adjustments": adjustments[case["id"]]} for case in rows]

    def _of_cases(self, name: str, ids: Sequence[Any], order: str) -> dict[Any, list[Raw]]:
        table = self.tables[name]
        found: dict[Any, list[Raw]] = defaultdict(list)
        if ids:
            for row in self.ask(
                sa.select(table).where(table.c.case_id.in_([bound(number) for number in ids])).order_by(table.c[order], table.c.id)
            ):
                found[row["case_id"]].append(plain(row))
        return found


# --- events ---------------------------------------------------------------------------------------------------------------


def _by_columns(records: Rows) -> Iterator[Happened]:
    received, updated, closed = records.time("report_time"), records.time("update_time"), records.time("close_time")
    yield _where_told(records, "received", received)
    for column, event_type in _table(records, "event_columns").items():
        yield _where_told(records, event_type, records.time(column))
    refused = [outcome == "not_accepted" for outcome in records.code("case_status", "case_status")]
    ended = [updated[place] if at is None else at for place, at in enumerate(closed)]
    yield Happened(records.places, "not_accepted", ended).where(refused)
    yield Happened(records.places, "closed", closed).where(at is not None and not no for at, no in zip(closed, refused, strict=True))
    yield Happened(records.places, "not_accepted", updated).where(records.read("is_deleted", Record.flag))
    rated = records.code("visit_satisfaction", "visit_satisfaction")
    dated = [bool(one) and at is not None for one, at in zip(rated, closed, strict=True)]
    yield Happened(records.places, "rated", closed, satisfaction=rated).where(dated)
    for place, (one, told) in enumerate(zip(rated, dated, strict=True)):
        if one and not told:
            text = "visit_satisfaction without close_time is no rating: its time is not told"
            records.record(place).remark(Said(text, "有回访满意度而无结案时间，不计为评价"))


def _by_flow(flow: Rows) -> Happened:
    kinds = _kinds(flow, "operate_type")
    by_result = [kind == "by_result" for kind in kinds]
    results = iter(_kinds(flow.where(by_result), "operate_result"))
    kinds = [next(results) if one else kind for kind, one in zip(kinds, by_result, strict=True)]
    rows, kinds = flow.where(kinds), list(filter(None, kinds))
    units = zip(kinds, rows.text("receiver_dept_name"), rows.text("operator_dept_name"), strict=True)
    unit = [receiver if kind == "dispatched" else operator for kind, receiver, operator in units]
    return Happened(rows.places, kinds, rows.time("operate_time"), unit, note=rows.text("operate_opinion"))


def _by_adjustments(rows: Rows) -> Happened:
    """A suspension tells its end as well."""
    rows = rows.where([not deleted for deleted in rows.read("is_deleted", Record.flag)])
    rows = rows.where([status == "approved" for status in _kinds(rows, "apply_status")])
    kinds, at = _kinds(rows, "apply_type"), rows.time("review_time")
    extended, suspended = [kind == "extended" for kind in kinds], [kind == "suspended" for kind in kinds]
    old, new = rows.due("old_deadline_time", extended), rows.due("new_deadline_time", extended)
    until = iter(rows.where(suspended).time("suspend_until"))
    told: list[tuple[int, str, int | None, int | None, int | None]] = []
    for place, kind, *times in zip(rows.places, kinds, at, old, new, strict=True):
        if kind:
            told.append((place, kind, *times))
        if kind == "suspended" and (end := next(until)) is not None:
            told.append((place, "resumed", end, None, None))
    places, types, occurred_at, old_due, new_due = map(list, zip(*told, strict=True)) if told else ([], [], [], [], [])
    return Happened(places, types, occurred_at, old_due=old_due, new_due=new_due)


def _without_echoes(columns: list[Happened], flow: Happened, departments: Column) -> Iterator[Happened]:
    """The events of the columns that the flow does not tell at the same second; ``dispatch_time`` is the last dispatch, so its
    unit is the one that the case names."""
    told: dict[tuple[int, str, int | None], tuple[list[str | None], int]] = {}
    last: dict[int, int] = {}
    flow.unit = units = list(flow.column("unit"))
    for row, (place, kind, at) in enumerate(zip(flow.places, flow.event_type, flow.occurred_at, strict=True)):
        told.setdefault((place, kind, at), (units, row))
        if kind == "dispatched" and at is not None:
            last[place] = max(at, last.get(place, at))
    fresh: list[list[bool]] = []
    for one in columns:
        one.unit = units = list(one.column("unit"))
        fresh.append([])
        for row, (place, kind, at) in enumerate(zip(one.places, one.column("event_type"), one.occurred_at, strict=True)):
            named, which = told.setdefault((place, kind, at), (units, row))
            fresh[-1].append(named is units)
            if kind == "dispatched" and at is not None and at >= last.get(place, at):
                named[which] = named[which] or departments[place]
    yield from map(Happened.where, columns, fresh)


def _table(records: Rows, name: str) -> dict[str, str]:
    return records.record(0).table(name) if len(records) else {}


def _where_told(records: Rows, event_type: str, at: Column) -> Happened:
    return Happened(records.places, event_type, at).where(one is not None for one in at)


def _kinds(rows: Rows, field: str) -> Column:
    """What a code means, from the table of the field's name. A flow row or application without its kind is not guessed."""
    kinds = rows.code(field, field)
    rows.see_told(field, kinds, "unknown_code")
    return kinds
