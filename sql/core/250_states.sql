-- The state of a version between two instants at which something was told, with the class of each clock (metrics.md §4).
-- reads:  version, life, clock_rule, due_fold, rule_due
-- writes: temp segment (the dues in force), temp state (the class of each clock by the due that judges it)
-- grain:  version × instant; valid over [effect_at, next_at), but for a due that passes in between: there is a cut, and `not_due` before it
--         is `overdue` from it on
{% from 'macros.sql' import mark_time, start_kind with context %}
{% set clocks = ['accept', 'reply', 'close'] %}

-- Narrow: what else is told of the instant is in `life`, under the same (v, ordinal).
create temp table segment as
with ruled as (
    select
        l.v, l.ordinal, l.step_no, l.effect_at, l.next_at, l.withdrawn_at, n.received_at, f.change_due, k.platform_due,
        {% for clock in clocks %}
        l.paused and f.{{ clock }}_held as {{ clock }}_held, {{ clock }}_rule.v is not null as {{ clock }}_ruled,
        {{ mark_time('l.' ~ clock ~ '_mark') }} as {{ clock }}_done_at,
        {{ start_kind(clock ~ '_rule.start_ordinal', 'l.ordinal', 'l.' ~ clock ~ '_mark') }} as {{ clock }}_start{{ ',' if not loop.last }}
        {% endfor %}
    from life l
    join version n on n.v = l.v
    join due_fold f on f.v = l.v and f.step_no = l.step_no
    left join clock_rule k on k.v = l.v and k.clock = 'close' and k.platform_due is not null
    {% for clock in clocks %}
    left join clock_rule {{ clock }}_rule
        on {{ clock }}_rule.v = l.v and {{ clock }}_rule.clock = '{{ clock }}' and {{ clock }}_rule.rule_id is not null
    {% endfor %}
    -- of several events at one instant the last one tells the state
    where l.next_at is null or l.next_at > l.effect_at
),
timed as (
    select
        r.*,
        {% for clock in clocks %}
        {{ clock }}_own.due_at as {{ clock }}_own_due, {{ clock }}_own.provisional as {{ clock }}_own_provisional{{ ',' if not loop.last }}
        {% endfor %}
    from ruled r
    {% for clock in clocks %}
    left join rule_due {{ clock }}_own
        on {{ clock }}_own.v = r.v and {{ clock }}_own.clock = '{{ clock }}' and {{ clock }}_own.start_kind = r.{{ clock }}_start
       and {{ clock }}_own.step_no = {{ '0' if clock == 'accept' else 'r.step_no' }}
    {% endfor %}
)
select
    t.*,
    accept_own_due as accept_due,
    -- A reply may be given as late as an extension of the whole ticket allows, where the ticket has a reply clock running at all.
    case when reply_own_due is not null then greatest(reply_own_due, change_due) end as reply_due,
    coalesce(change_due, platform_due, close_own_due) as close_due,
    change_due is null and platform_due is null as close_by_rule,
    change_due is null and platform_due is null and coalesce(close_own_provisional, false) as close_provisional
from timed t;

create temp table state as
with dued as (
    select
        s.v, s.ordinal, s.effect_at, s.next_at, s.withdrawn_at,
        -- A clock that is done is judged by the due in force when it was done.
        {% for clock in clocks %}
        s.{{ clock }}_done_at, s.{{ clock }}_held, s.{{ clock }}_ruled,
        case when s.{{ clock }}_done_at is null then s.{{ clock }}_due else {{ clock }}_done.{{ clock }}_due end as {{ clock }}_due_at,
        {% endfor %}
        case when s.close_done_at is null then s.close_by_rule else close_done.close_by_rule end as close_judged_by_rule,
        case when s.close_done_at is null then s.close_provisional else close_done.close_provisional end as close_judged_provisional
    from segment s
    {% for clock in clocks %}
    left join segment {{ clock }}_done
        on {{ clock }}_done.v = s.v and {{ clock }}_done.effect_at = greatest(s.{{ clock }}_done_at, s.received_at)
       and {{ clock }}_done.effect_at = greatest({{ clock }}_done.{{ clock }}_done_at, {{ clock }}_done.received_at)
    {% endfor %}
),
classed as (
    select
        *,
        {% for clock in clocks %}
        case
            when {{ clock }}_due_at is null and {{ clock }}_ruled and {{ clock }}_done_at is null then 'not_started'
            when {{ clock }}_due_at is null then 'no_deadline'
            when {{ clock }}_done_at <= {{ clock }}_due_at then 'on_time'
            when {{ clock }}_done_at > {{ clock }}_due_at then 'late'
            when {{ clock }}_due_at < effect_at and not {{ clock }}_held then 'overdue'
            else 'not_due'
        end as {{ clock }}_class{{ ',' if not loop.last }}
        {% endfor %}
    from dued
),
-- `withdrawn` freezes accept and reply: their class stays what it was at that moment.
frozen as (
    select v, effect_at, accept_class, reply_class, accept_due_at, reply_due_at
    from classed
    where effect_at = withdrawn_at
)
select
    c.v, c.ordinal, c.effect_at, c.next_at, c.close_held,
    c.close_judged_by_rule, c.close_judged_provisional,
    {% for clock in clocks %}
    c.{{ clock }}_done_at,
    {% if clock == 'close' %}
    c.close_class, c.close_due_at,
    {% else %}
    coalesce(w.{{ clock }}_class, c.{{ clock }}_class) as {{ clock }}_class,
    case when w.v is null then c.{{ clock }}_due_at else w.{{ clock }}_due_at end as {{ clock }}_due_at,
    {% endif %}
    case
        when c.{{ clock }}_class = 'not_due' and not c.{{ clock }}_held and c.{{ clock }}_due_at + interval '1 second' < coalesce(c.next_at, timestamptz '9999-12-31 00:00:00+08')
            {% if clock != 'close' %}and w.v is null{% endif %} then c.{{ clock }}_due_at + interval '1 second'
    end as {{ clock }}_cut_at{{ ',' if not loop.last }}
    {% endfor %}
from classed c
left join frozen w on w.v = c.v and w.effect_at = c.withdrawn_at;
