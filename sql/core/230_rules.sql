-- Which due each clock of a version goes by: the platform's, else the limit in the record, else the rule table's (metrics.md §4).
-- reads:  version, life, core.rule
-- writes: temp clock_rule
-- grain:  version × clock that has a rule or a platform due
{% from 'macros.sql' import day_of %}

create temp table clock_rule as
with numbered as materialized (
    select *, row_number() over () as rule_no from core.rule
),
matching as (
    select n.v, r.clock, r.rule_no, r.specificity
    from version n
    join numbered r
        on r.source in (n.source, '*')
       and (r.channel = '*' or r.channel = n.channel)
       and (r.ticket_type = '*' or r.ticket_type = n.ticket_type)
       and (r.urgency = '*' or r.urgency = n.urgency)
       and (r.category = '*' or r.category = n.category or left(n.category, length(r.category) + 1) = r.category || '/')
       -- The row in force on the day of received_at applies, never simply the newest.
       and {{ day_of('n.received_at') }} >= r.effective_from
       and (r.effective_to is null or {{ day_of('n.received_at') }} <= r.effective_to)
       -- A limit told in the record itself is a rule before any rule of the table.
       and (r.clock <> 'close' or n.limit_amount is null)
),
chosen as (
    select c.v, c.clock, r.rule_id, r.start_event, r.amount, r.unit, r.roll, r.pausable
    from (select v, clock, arg_max(rule_no, specificity) as rule_no from matching group by v, clock) c
    join numbered r on r.rule_no = c.rule_no
    union all
    select v, 'close', source || ':' || 'time_limit', 'dispatched', limit_amount, limit_unit, 'none', true
    from version
    where limit_amount is not null
),
-- The initial due: the platform has overwritten its own field since, so the first old due that a due change tells comes first.
old_due as (
    select v, old_due, row_number() over (partition by v order by ordinal) as place
    from life
    where event_type in ('extended', 'reopened') and new_due is not null and old_due is not null
),
platform as (
    select n.v, coalesce(o.old_due, n.due_at) as platform_due
    from version n
    left join old_due o on o.v = n.v and o.place = 1
),
started as (
    select c.v, c.clock, min(l.ordinal) as start_ordinal, min(l.effect_at) as start_at
    from chosen c
    join life l on l.v = c.v and l.event_type = c.start_event
    group by c.v, c.clock
)
select
    k.v, k.clock, c.rule_id, c.start_event, c.amount, c.unit, c.roll, c.pausable,
    s.start_ordinal, s.start_at, n.received_at,
    case when k.clock = 'close' then p.platform_due end as platform_due
from (
    select v, clock from chosen
    union
    select v, 'close' from platform where platform_due is not null
) k
join version n on n.v = k.v
join platform p on p.v = k.v
left join chosen c on c.v = k.v and c.clock = k.clock
left join started s on s.v = k.v and s.clock = k.clock;
