-- What the changed tickets contribute to the daily figures now. One query; its rows go to daily_change.
-- reads:  version, state, unit_name
-- grain:  day × source × channel × category × area × unit
{% from 'macros.sql' import mark_time, part_class, part_ends, parts %}

with part as (
    {{ parts() }}
),
held as (
    select
        p.v, p.unit_no, p.begins, {{ part_ends() }} as ends, {{ mark_time('p.closed_mark') }} as closed_at,
        p.valid, p.closed, cast(p.valid and not p.closed as integer) as is_open,
        cast(p.valid and {{ part_class('close') }} = 'overdue' as integer) as is_overdue
    from part p
    where p.valid
),
-- A state counts from the instant it is entered (+1) to the instant it is left (-1).
passed as (
    select v, unit_no, begins as passed_at, is_open, is_overdue from held where is_open + is_overdue > 0
    union all
    select v, unit_no, ends, -is_open, -is_overdue
    from held where is_open + is_overdue > 0 and ends < timestamptz '9999-12-31 00:00:00+08'
),
contribution as (
    -- Most states are left for another one that counts the same: what cancels out is gone before days and names are looked for.
    select v, unit_no, passed_at, 0 as received, 0 as closed, sum(is_open) as open_change, sum(is_overdue) as overdue_change
    from passed
    group by v, unit_no, passed_at
    having sum(is_open) <> 0 or sum(is_overdue) <> 0
    union all
    select h.v, h.unit_no, n.received_at, 1, 0, 0, 0
    from held h
    join version n on n.v = h.v
    where h.ends = timestamptz '9999-12-31 00:00:00+08'
    union all
    select v, unit_no, closed_at, 0, 1, 0, 0
    from held where closed and ends = timestamptz '9999-12-31 00:00:00+08'
),
told as (
    select
        cast(c.passed_at as date) as day, n.source, n.channel, n.top_category as category, n.area, u.unit,
        c.received, c.closed, c.open_change, c.overdue_change
    from contribution c
    join version n on n.v = c.v
    left join unit_name u on u.unit_no = c.unit_no
    where n.known_to = timestamptz '9999-12-31 00:00:00+08'
)
select
    day, source, coalesce(channel, '—'), coalesce(category, '—'), coalesce(area, '—'), coalesce(unit, '—'),
    sum(received), sum(closed), sum(open_change), sum(overdue_change)
from told
group by all
