"""The folds of many tickets' events hold against windows that name their partition and order: they rest on rows that come in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from petitions.model import EVENT_TYPES
from petitions.warehouse import DuckDB

# More rows than one block of the engine's, come in disorder, with two events at one instant now and then.
VERSIONS, EVENTS = 40_000, 7
MADE = f"""
create schema core;
create table core.event_type (event_type text, rank integer);
create temp table version as
select v, timestamptz '2023-01-01 08:00:00+08' + interval '1 hour' * (v % 9000) as received_at, cast(null as timestamptz) as status_at,
       case when v % 11 > 0 then 'unit ' || (v % 11) end as unit
from range({VERSIONS}) r (v);
create temp table event as
select n.v, e.seq,
       case e.seq when 0 then 'received' else list_extract($types, 1 + cast(hash(n.v, e.seq) % $kinds as integer)) end as event_type,
       n.received_at + interval '1 minute' * (e.seq // 2 * 90 + cast(hash(e.seq, n.v) % 80 as integer)) as occurred_at,
       'unit ' || (n.v % 5) as unit,
       cast(null as timestamptz) as old_due, cast(null as timestamptz) as new_due, cast(null as text) as satisfaction
from version n, range({EVENTS}) e (seq)
order by hash(n.v, e.seq, 1)
"""
DIFFERENT = """
with placed as (
    select e.*, case when e.event_type in ('closed', 'withdrawn') then 1 when e.event_type = 'reopened' then 0 end as closes,
           greatest(e.occurred_at, n.received_at) as effect_at, n.unit as unit_of_record,
           row_number() over (partition by e.v order by greatest(e.occurred_at, n.received_at), k.rank, e.seq) as ordinal
    from event e
    join version n on n.v = e.v
    join core.event_type k on k.event_type = e.event_type
),
told as (
    select v, ordinal, event_type, effect_at,
           lead(effect_at) over (partition by v order by ordinal) as next_at,
           count(*) filter (where event_type = 'urged') over past as urged,
           min(ordinal) filter (where event_type = 'accepted') over past as accepted,
           coalesce(last_value(closes ignore nulls) over past, 0) = 1 as closed,
           coalesce(last_value(case when event_type = 'dispatched' then unit end ignore nulls) over past, unit_of_record) as unit
    from placed
    window past as (partition by v order by ordinal rows unbounded preceding)
),
found as (
    select l.v, l.ordinal, l.event_type, l.effect_at, l.next_at, l.urged, l.accept_mark // 1000000000000 as accepted, l.closed, u.unit
    from life l
    left join unit_name u on u.unit_no = l.unit_no
)
select (select count(*) from (select * from told except all select * from found)) as missing, (select count(*) from found) as rows
"""


@pytest.fixture
def session() -> Iterator[DuckDB]:
    opened = DuckDB(Path(":memory:"), read_only=False)
    yield opened
    opened.close()


def test_each_fold_is_of_one_version_in_order_of_effect(session: DuckDB) -> None:
    types = [name for name in EVENT_TYPES if name != "received"]
    *before, events = MADE.strip().split(";\n")
    for statement in before:
        session.execute(statement)
    session.insert("core.event_type", [(name, rank) for rank, name in enumerate(EVENT_TYPES)])
    told = ", ".join(f"'{name}'" for name in types)
    session.execute(events.replace("$types", f"[{told}]").replace("$kinds", str(len(types))))
    session.run("core/222_life.sql")
    assert session.rows(DIFFERENT) == [{"missing": 0, "rows": VERSIONS * EVENTS}]
