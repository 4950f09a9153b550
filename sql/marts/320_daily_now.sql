-- What the changed tickets contribute to the daily figures now, and before with the other sign. One query; its rows are daily_change.
-- reads:  version, life, state, unit_name, daily_before
-- grain:  day × source × channel × category × area × unit
{% from 'macros.sql' import day_of, mark_time %}

with opened as (
    select v, effect_at, unit_no, was_unit_no, cast(valid and not closed as integer) as is_open, cast(was_open as integer) as was_open
    from life
),
held as (
    select v, unit_no, effect_at, next_at, close_cut_at, closed_mark, closed, close_class = 'overdue' as is_overdue
    from state
    where valid
),
-- An event that opens a ticket, closes it or hands it to another unit counts; a state that is overdue does from the instant it is entered, or
-- its due passes, to the instant it is left.
passed as (
    select v, unit_no, effect_at as passed_at, is_open, 0 as is_overdue
    from opened where is_open > 0 and (was_open = 0 or unit_no is distinct from was_unit_no)
    union all
    select v, was_unit_no, effect_at, -was_open, 0
    from opened where was_open > 0 and (is_open = 0 or unit_no is distinct from was_unit_no)
    union all
    select v, unit_no, case when is_overdue then effect_at else close_cut_at end, 0, 1 from held where is_overdue or close_cut_at is not null
    union all
    select v, unit_no, next_at, 0, -1 from held where next_at is not null and (is_overdue or close_cut_at is not null)
),
contribution as (
    select v, unit_no, passed_at, 0 as received, 0 as closed, is_open as open_change, is_overdue as overdue_change from passed
    union all
    select h.v, h.unit_no, n.received_at, 1, 0, 0, 0
    from held h
    join version n on n.v = h.v
    where h.next_at is null
    union all
    select v, unit_no, {{ mark_time('closed_mark') }}, 0, 1, 0, 0
    from held where closed and next_at is null
),
-- Groups by number, then by name.
kind_of as materialized (
    select row_number() over () as kind_no, *
    from (select distinct source, channel, top_category, area from version)
),
placed as materialized (
    select n.v, k.kind_no
    from version n
    join kind_of k
        on k.source = n.source and k.channel is not distinct from n.channel
       and k.top_category is not distinct from n.top_category and k.area is not distinct from n.area
    where n.known_to = timestamptz '9999-12-31 00:00:00+08'
),
counted as (
    select
        {{ day_of('c.passed_at') }} as day, p.kind_no, c.unit_no,
        sum(c.received) as received, sum(c.closed) as closed, sum(c.open_change) as open_change, sum(c.overdue_change) as overdue_change
    from contribution c
    join placed p on p.v = c.v
    group by 1, 2, 3
    having sum(c.received) <> 0 or sum(c.closed) <> 0 or sum(c.open_change) <> 0 or sum(c.overdue_change) <> 0
)
select
    c.day, k.source, coalesce(k.channel, '—') as channel, coalesce(k.top_category, '—') as category, coalesce(k.area, '—') as area,
    coalesce(u.unit, '—') as unit,
    cast(c.received as bigint) as received, cast(c.closed as bigint) as closed, cast(c.open_change as bigint) as open_change,
    cast(c.overdue_change as bigint) as overdue_change
from counted c
join kind_of k on k.kind_no = c.kind_no
left join unit_name u on u.unit_no = c.unit_no
union all
select * from daily_before
