-- The ledger: from when to when a ticket was in which state, and its passages into and out of "open" (metrics.md §4, §5).
-- reads:  changed_ticket, version, life, state
-- writes: core.posting, core.passage, core.clock (rows of the changed tickets are replaced)
-- grain:  version × state
{% from 'macros.sql' import mark_time with context %}
{% set clocks = ['accept', 'reply', 'close'] %}

delete from core.posting where ticket_id in (select ticket_id from changed_ticket);

-- A due that passes while nothing happens cuts the state in two: the second part, `overdue`, may begin in the future.
insert into core.posting
with cut as (
    select v, effect_at, effect_at as begins from state
    {% for clock in clocks %}
    union
    select v, effect_at, {{ clock }}_due_at + interval '1 second'
    from state
    where {{ clock }}_class = 'not_due' and not (paused and {{ clock }}_held)
      {% if clock != 'close' %}and withdrawn_at is null{% endif %}
      and {{ clock }}_due_at >= effect_at and (next_at is null or {{ clock }}_due_at + interval '1 second' < next_at)
    {% endfor %}
),
part as (
    select c.begins, lead(c.begins) over (partition by c.v order by c.begins) as ends, s.*
    from cut c
    join state s on s.v = c.v and s.effect_at = c.effect_at
)
select
    n.ticket_id, n.version_id, n.source, n.received_at, n.known_from, n.known_to,
    p.begins, coalesce(p.ends, timestamptz '9999-12-31 00:00:00+08'),
    n.channel, n.ticket_type, split_part(n.category, '/', 1), n.area, p.unit_then, n.repeat,
    p.valid, p.closed, p.valid and not p.closed and p.paused and p.close_held,
    {% for clock in clocks %}
    case
        when p.{{ clock }}_class = 'not_due' and p.{{ clock }}_due_at < p.begins and not (p.paused and p.{{ clock }}_held)
            {% if clock != 'close' %}and p.withdrawn_at is null{% endif %} then 'overdue'
        else p.{{ clock }}_class
    end,
    {% endfor %}
    p.accept_judged_due_at, p.reply_judged_due_at, p.close_judged_due_at,
    case when p.close_due_at is null then null when p.close_judged_by_rule then 'rule' else 'platform' end,
    p.close_judged_provisional,
    p.accept_done_at, p.reply_done_at, p.close_done_at,
    case when p.closed then {{ mark_time('p.closed_mark') }} end,
    p.first_replied,
    case p.rating when 1 then 'satisfied' when 2 then 'basically_satisfied' when 3 then 'dissatisfied' end,
    p.returned, p.reopened, p.extended, cast(p.urged as integer), cast(p.supervised as integer)
from part p
join version n on n.v = p.v;

delete from core.passage where ticket_id in (select ticket_id from changed_ticket);

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
select n.ticket_id, n.source, n.channel, n.known_from, n.known_to, p.effect_at, p.passage
from named p
join version n on n.v = p.v;

delete from core.clock where ticket_id in (select ticket_id from changed_ticket);

insert into core.clock
{% for clock in clocks %}
select
    n.version_id, n.ticket_id, '{{ clock }}',
    {% if clock == 'close' %}
    case when s.close_due_at is null then null when not s.close_judged_by_rule or s.close_start = 'received' then n.received_at else s.close_start_at end,
    s.close_due_at,
    case when s.close_due_at is null then null when s.close_judged_by_rule then 'rule' else 'platform' end,
    case when s.close_judged_by_rule then s.close_rule_id end,
    :calendar_version,
    s.close_judged_provisional,
    {% else %}
    case s.{{ clock }}_start when 'event' then s.{{ clock }}_start_at when 'received' then n.received_at end,
    s.{{ clock }}_judged_due_at,
    case when s.{{ clock }}_judged_due_at = s.{{ clock }}_own_due then 'rule' when s.{{ clock }}_judged_due_at is not null then 'platform' end,
    s.{{ clock }}_rule_id,
    :calendar_version,
    coalesce(s.{{ clock }}_judged_due_at = s.{{ clock }}_own_due and s.{{ clock }}_own_provisional, false),
    {% endif %}
    s.{{ clock }}_done_at
from state s
join version n on n.v = s.v
where s.next_at is null
{{ 'union all' if not loop.last }}
{% endfor %};
