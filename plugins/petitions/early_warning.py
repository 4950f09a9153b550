"""Early warning (临期): open tickets that fall due in the next working days, and those that are overdue already.

Both are postings of the ledger: a yellow card (黄牌) is a ticket not done whose due lies ahead, a red card (红牌) one whose due
has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from petitions import kinds
from petitions.questions import STANDING, Scope, WrongQuestion, channel_parameters, latest_fetch, moment, of_population
from petitions.warehouse import Warehouse

CARDS = {"red": "红牌", "yellow": "黄牌"}
#: The columns of :func:`due`, in order.
DUE_COLUMNS = (
    *("ticket_id", "source", "source_no", "channel", "ticket_type", "category", "area", "title", "unit", "received_at", "due_at"),
    *("due_source", "provisional", "suspended", "urged", "supervised", "working_days_left", "card", "restricted"),
)


def scope(warehouse: Warehouse, population: str, as_of: datetime | None = None, as_known: datetime | None = None) -> Scope:
    """The open tickets of a population, whenever received; without ``as_of`` at the latest fetch that counts."""
    known = moment(as_known) if as_known else latest_fetch(warehouse)
    at = moment(as_of) if as_of else min(known, latest_fetch(warehouse))
    return Scope.of(warehouse, population, at.date(), at.date(), at, known)


def due(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], within: int) -> list[dict[str, Any]]:
    """Tickets open at ``T`` that are overdue, and those due at or before the end of the ``within``-th working day after ``T``.

    The window of the scope is not asked: a ticket counts whenever it was received. ``working_days_left`` is 0 on the day of the due
    and negative after it. Most overdue first. Confidential tickets show number, due and card only.

    :raises WrongQuestion: for visits, which have no due, and for fewer than 0 days.
    """
    if scope.population == "visits":
        raise WrongQuestion("population: expected appeals or cases, found visits, which have no due")
    if within < 0:
        raise WrongQuestion(f"--within: expected a number of working days from 0, found {within}")
    rows = warehouse.rows(
        f"""
        with today as (
            select workday_no from core.calendar where day = cast(:as_of as date)
        ),
        horizon as (
            -- the n-th working day after T; never before T's own day, which may be a day off
            select greatest(min(day), cast(:as_of as date)) as last_day
            from core.calendar where workday_no = (select workday_no from today) + :within
        ),
        carded as (
            select p.*, case p.close_class when 'overdue' then 'red' else 'yellow' end as card
            from {kinds.POSTINGS}
            where {STANDING} and {of_population(scope, appeal_channels)} and valid and not closed
              and (close_class = 'overdue'
                   or close_class = 'not_due' and cast(close_due_at as date) <= (select last_day from horizon))
        )
        select w.ticket_id, w.source, c.source_no, w.channel, w.ticket_type, w.category, w.area, c.title, w.unit, w.received_at,
               w.close_due_at as due_at, w.close_due_source as due_source, w.provisional, w.suspended, w.urged, w.supervised,
               d.workday_no - (select workday_no from today) as working_days_left, w.card, c.restricted
        from carded w
        join core.ticket_version v on v.version_id = w.version_id
        join core.content c on c.content_id = v.content_id
        left join core.calendar d on d.day = cast(w.close_due_at as date)
        order by w.close_due_at, w.ticket_id
        """,
        scope.parameters() | channel_parameters(appeal_channels) | {"within": within},
    )
    return [_confidential(row) if row["restricted"] else row for row in rows]


def _confidential(row: dict[str, Any]) -> dict[str, Any]:
    shown = ("ticket_id", "source", "due_at", "due_source", "provisional", "suspended", "working_days_left", "card", "restricted")
    return {name: value if name in shown else None for name, value in row.items()}
