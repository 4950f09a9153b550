-- The ledger: from when to when a ticket was in which state, and its passages into and out of "open" (metrics.md §4, §5).
-- reads:  changed_ticket, version, life, segment, state, clock_rule
-- writes: core.posting, core.passage, core.clock (rows of the changed tickets are replaced)
-- grain:  version × state
{% from 'macros.sql' import mark_time, of_changed with context %}
{% set clocks = ['accept', 'reply', 'close'] %}

delete from core.posting where {{ of_changed() }};

-- A due that passes while nothing happens cuts the state in two: the second part, `overdue`, may begin in the future.
insert into core.posting
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
left join dispatched d on d.v = l.v and d.unit_no = l.unit_no;

delete from core.passage where {{ of_changed() }};

-- Every ticket enters at `received`; after that a passage is a change of "open", named by the event that made it.
insert into core.passage
with openness as (
    select
        v, ordinal, effect_at, event_type, valid and not closed as is_open,
        lag(valid and not closed) over (partition by v order by ordinal) as was_open
    from life
),
named as (
    select
        v, effect_at,
        case
            when ordinal = 1 then 'received'
            when is_open and event_type = 'reopened' then 'reopened'
            when is_open then 'restored'
            when event_type in ('closed', 'withdrawn') then 'closed'
            else 'excluded'
        end as passage
    from openness
    where was_open is null or was_open <> is_open
)
select n.ticket_id, n.source, n.channel, n.known_from, n.known_to, p.effect_at, p.passage, n.received_month
from named p
join version n on n.v = p.v;

delete from core.clock where {{ of_changed() }};

insert into core.clock
with final as (
    select
        s.*, n.version_id, n.ticket_id, n.received_at, n.received_month,
        {% for clock in clocks %}
        g.{{ clock }}_start, g.{{ clock }}_own_due, g.{{ clock }}_own_provisional{{ ',' if not loop.last }}
        {% endfor %}
    from state s
    join segment g on g.v = s.v and g.ordinal = s.ordinal
    join version n on n.v = s.v
    where s.next_at is null and g.next_at is null
)
{% for clock in clocks %}
select
    f.version_id, f.ticket_id, '{{ clock }}',
    {% if clock == 'close' %}
    case when f.close_due_at is null then null when not f.close_judged_by_rule or f.close_start = 'received' then f.received_at else r.start_at end,
    f.close_due_at,
    case when f.close_due_at is null then null when f.close_judged_by_rule then 'rule' else 'platform' end,
    case when f.close_judged_by_rule then r.rule_id end,
    :calendar_version,
    f.close_judged_provisional,
    {% else %}
    case f.{{ clock }}_start when 'event' then r.start_at when 'received' then f.received_at end,
    f.{{ clock }}_due_at,
    case when f.{{ clock }}_due_at = f.{{ clock }}_own_due then 'rule' when f.{{ clock }}_due_at is not null then 'platform' end,
    r.rule_id,
    :calendar_version,
    coalesce(f.{{ clock }}_due_at = f.{{ clock }}_own_due and f.{{ clock }}_own_provisional, false),
    {% endif %}
    f.{{ clock }}_done_at,
    f.received_month
from final f
left join clock_rule r on r.v = f.v and r.clock = '{{ clock }}' and r.rule_id is not null
{{ 'union all' if not loop.last }}
{% endfor %};
