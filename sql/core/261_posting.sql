-- The ledger: from when to when a ticket was in which state (metrics.md §4, §5). One query; its rows go to core.posting.
-- reads:  version, life, state
-- grain:  version × state
{% from 'macros.sql' import mark_time %}
{% set clocks = ['accept', 'reply', 'close'] %}

-- A due that passes while nothing happens cuts the state in two: the second part, `overdue`, may begin in the future.
with part as (
    select *, effect_at as begins from state
    {% for clock in clocks %}
    union all
    select *, {{ clock }}_cut_at
    from state
    where {{ clock }}_cut_at is not null
      {% for earlier in clocks[:loop.index0] %}and {{ clock }}_cut_at is distinct from {{ earlier }}_cut_at {% endfor +%}
    {% endfor %}
),
dispatched as (
    select v, unit_no, unit from life where event_type = 'dispatched' and unit is not null
)
select
    n.ticket_id, n.version_id, n.source, n.received_at, n.known_from, n.known_to, p.begins,
    least(
        {% for clock in clocks %}
        case when p.{{ clock }}_cut_at > p.begins then p.{{ clock }}_cut_at end,
        {% endfor %}
        p.next_at, timestamptz '9999-12-31 00:00:00+08'
    ),
    n.channel, n.ticket_type, split_part(n.category, '/', 1), n.area, coalesce(d.unit, n.unit), n.repeat,
    l.valid, l.closed, l.valid and not l.closed and p.close_held,
    {% for clock in clocks %}
    case when p.{{ clock }}_cut_at <= p.begins then 'overdue' else p.{{ clock }}_class end,
    {% endfor %}
    p.accept_due_at, p.reply_due_at, p.close_due_at,
    case when p.close_due_at is null then null when p.close_judged_by_rule then 'rule' else 'platform' end,
    p.close_judged_provisional,
    p.accept_done_at, p.reply_done_at, p.close_done_at,
    {{ mark_time('l.closed_mark') }},
    l.first_replied,
    case l.rating when 1 then 'satisfied' when 2 then 'basically_satisfied' when 3 then 'dissatisfied' end,
    l.returned, l.reopened, l.extended, cast(l.urged as integer), cast(l.supervised as integer),
    n.received_month
from part p
join life l on l.v = p.v and l.ordinal = p.ordinal
join version n on n.v = p.v
left join dispatched d on d.v = l.v and d.unit_no = l.unit_no
