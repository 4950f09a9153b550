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

from petitions.model import EVENT_TYPES, Event
from petitions.said import Said
from petitions.sources.base import Raw, Window
from petitions.sources.database import DatabaseSource, bound, plain, within

if TYPE_CHECKING:
    from petitions.record import Record

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

    def events(self, record: Record) -> Iterable[Event]:
        columns, flow = list(_column_events(record)), list(_flow_events(record))
        yield from _without_echoes(record, columns, flow)
        yield from flow
        yield from _adjustment_events(record)

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


def _column_events(record: Record) -> Iterator[Event]:
    received, updated, closed = record.time("report_time"), record.time("update_time"), record.time("close_time")
    if received:
        yield Event("received", received)
    for column, event_type in record.map.table("event_columns").items():
        at = record.time(column)
        if at:
            yield Event(event_type, at)
    outcome = record.code("case_status", "case_status")
    if outcome == "not_accepted":
        yield Event("not_accepted", closed or updated)
    elif closed:
        yield Event("closed", closed)
    if record.flag("is_deleted"):
        yield Event("not_accepted", updated)
    satisfaction = record.code("visit_satisfaction", "visit_satisfaction")
    if satisfaction and closed:
        yield Event("rated", closed, satisfaction=satisfaction)
    elif satisfaction:
        told = "visit_satisfaction without close_time is no rating: its time is not told"
        record.remark(Said(told, "有回访满意度而无结案时间，不计为评价"))


def _flow_events(record: Record) -> Iterator[Event]:
    for row in record.rows("flow"):
        event_type = _kind(row, "operate_type")
        if event_type == "by_result":
            event_type = _kind(row, "operate_result")
        if event_type:
            unit = row.text("receiver_dept_name" if event_type == "dispatched" else "operator_dept_name")
            yield Event(event_type, row.time("operate_time"), unit=unit, note=row.text("operate_opinion"))


def _adjustment_events(record: Record) -> Iterator[Event]:
    for row in record.rows("adjustments"):
        if row.flag("is_deleted") or _kind(row, "apply_status") != "approved":
            continue
        event_type, at = _kind(row, "apply_type"), row.time("review_time")
        if event_type == "extended":
            yield Event("extended", at, old_due=row.due("old_deadline_time"), new_due=row.due("new_deadline_time"))
        elif event_type == "suspended":
            yield Event("suspended", at)
            until = row.time("suspend_until")
            if until:
                yield Event("resumed", until)


def _without_echoes(record: Record, columns: list[Event], flow: list[Event]) -> Iterator[Event]:
    """The events of the columns that the flow does not tell at the same second; ``dispatch_time`` is the last dispatch, so its
    unit is the one that the case names."""
    told = {(event.event_type, event.occurred_at): event for event in reversed(flow)}
    last = max((event.occurred_at for event in flow if event.event_type == "dispatched" and event.occurred_at), default=None)
    for event in columns:
        echo = told.get((event.event_type, event.occurred_at))
        if event.event_type == "dispatched" and event.occurred_at and (last is None or event.occurred_at >= last):
            (echo or event).unit = (echo or event).unit or record.text("handle_dept_name")
        if echo is None:
            yield event
            told[event.event_type, event.occurred_at] = event


def _kind(row: Record, field: str) -> str | None:
    """What a code means, from the table of the field's name. A flow row or application without its kind is not guessed."""
    kind = row.code(field, field)
    if kind is None and row.text(field) is None:
        row.fault("unknown_code", f"{field} is empty")
    return kind
