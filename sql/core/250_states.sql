-- The state of a version between two instants at which something was told, with the class of each clock (metrics.md §4).
-- reads:  version, life, clock_rule, due_fold, rule_due
-- writes: temp due (the dues of a version after each step), view segment (the dues in force), temp state (the class of each clock by the due
--         that judges it)
-- grain:  version × instant; valid over [effect_at, next_at), but for a due that passes in between: there is a cut, and `not_due` before it
--         is `overdue` from it on
{% from 'macros.sql' import mark_time, second_after, start_kind with context %}
{% set clocks = ['accept', 'reply', 'close'] %}

-- grain: version × step; all that a state needs of rules and dues comes with one join
create temp table due as
with ruled as (
    select
        v, max(platform_due) as platform_due,
        {% for clock in clocks %}
        coalesce(bool_or(clock = '{{ clock }}' and rule_id is not null), false) as {{ clock }}_ruled,
        max(start_ordinal) filter (where clock = '{{ clock }}' and rule_id is not null) as {{ clock }}_start_ordinal{{ ',' if not loop.last }}
        {% endfor %}
    from clock_rule
    group by v
),
own as (
    select
        v, step_no
        {%- for clock in clocks %}{% for start in ['event', 'received'] %},
        max(due_at) filter (where clock = '{{ clock }}' and start_kind = '{{ start }}') as {{ clock }}_{{ start }}_due,
        bool_or(provisional) filter (where clock = '{{ clock }}' and start_kind = '{{ start }}') as {{ clock }}_{{ start }}_provisional
        {%- endfor %}{% endfor +%}
    from rule_due
    group by v, step_no
),
moved as (
    select distinct v from life where step_no > 0 or withdrawn_mark is not null
)
select
    f.v, f.step_no, m.v is not null as moved, n.received_at, f.change_due, f.accept_held, f.reply_held, f.close_held, r.platform_due,
    {% for clock in clocks %}
    coalesce(r.{{ clock }}_ruled, false) as {{ clock }}_ruled, r.{{ clock }}_start_ordinal,
    {% for start in ['event', 'received'] %}
    {% set told = 'first' if clock == 'accept' else 'o' %}
    {{ told }}.{{ clock }}_{{ start }}_due, {{ told }}.{{ clock }}_{{ start }}_provisional{{ ',' if not loop.last }}
    {% endfor %}{{ ',' if not loop.last }}
    {% endfor %}
from due_fold f
join version n on n.v = f.v
left join ruled r on r.v = f.v
left join own o on o.v = f.v and o.step_no = f.step_no
-- a due to accept is never moved
left join own first on first.v = f.v and first.step_no = 0
left join moved m on m.v = f.v;

-- With all that is told of the instant in `life`.
create or replace temp view segment as
with started as (
    select
        l.*, d.moved, d.received_at, d.change_due, d.platform_due,
        case when l.withdrawn_mark is not null then greatest({{ mark_time('l.withdrawn_mark') }}, d.received_at) end as withdrawn_at,
        {% for clock in clocks %}
        l.paused and d.{{ clock }}_held as {{ clock }}_held, d.{{ clock }}_ruled,
        d.{{ clock }}_event_due, d.{{ clock }}_event_provisional, d.{{ clock }}_received_due, d.{{ clock }}_received_provisional,
        {{ mark_time('l.' ~ clock ~ '_mark') }} as {{ clock }}_done_at,
        {{ start_kind('d.' ~ clock ~ '_start_ordinal', 'l.ordinal', 'l.' ~ clock ~ '_mark') }} as {{ clock }}_start{{ ',' if not loop.last }}
        {% endfor %}
    from life l
    join due d on d.v = l.v and d.step_no = l.step_no
    -- of several events at one instant the last one tells the state
    where l.next_at is null or l.next_at > l.effect_at
),
timed as (
    select
        *,
        {% for clock in clocks %}
        case {{ clock }}_start when 'event' then {{ clock }}_event_due when 'received' then {{ clock }}_received_due end as {{ clock }}_own_due,
        case {{ clock }}_start
            when 'event' then {{ clock }}_event_provisional
            when 'received' then {{ clock }}_received_provisional
        end as {{ clock }}_own_provisional{{ ',' if not loop.last }}
        {% endfor %}
    from started
)
select
    *,
    accept_own_due as accept_due,
    -- A reply may be given as late as an extension of the whole ticket allows, where the ticket has a reply clock running at all.
    case when reply_own_due is not null then greatest(reply_own_due, change_due) end as reply_due,
    coalesce(change_due, platform_due, close_own_due) as close_due,
    change_due is null and platform_due is null as close_by_rule,
    change_due is null and platform_due is null and coalesce(close_own_provisional, false) as close_provisional
from timed;

{% macro class(clock, due) -%}
case
    when {{ due }} is null and {{ clock }}_ruled and {{ clock }}_done_at is null then 'not_started'
    when {{ due }} is null then 'no_deadline'
    when {{ clock }}_done_at <= {{ due }} then 'on_time'
    when {{ clock }}_done_at > {{ due }} then 'late'
    when {{ due }} < effect_at and not {{ clock }}_held then 'overdue'
    else 'not_due'
end
{%- endmacro %}
{% set kept = [
    'v', 'ordinal', 'effect_at', 'unit_no', 'valid', 'closed', 'closed_mark', 'accept_held', 'reply_held', 'close_held',
    'accept_done_at', 'reply_done_at', 'close_done_at', 'first_replied', 'rating', 'returned', 'reopened', 'extended', 'urged', 'supervised',
] %}
create temp table state as
with in_moved as materialized (
    select * from segment where moved
),
judged as (
    select
        s.*,
        -- A clock that is done is judged by the due in force when it was done.
        {% for clock in clocks %}
        case when s.{{ clock }}_done_at is null then s.{{ clock }}_due else {{ clock }}_done.{{ clock }}_due end as {{ clock }}_due_at,
        {% endfor %}
        case when s.close_done_at is null then s.close_by_rule else close_done.close_by_rule end as judged_by_rule,
        case when s.close_done_at is null then s.close_provisional else close_done.close_provisional end as judged_provisional
    from in_moved s
    {% for clock in clocks %}
    left join in_moved {{ clock }}_done
        on {{ clock }}_done.v = s.v and {{ clock }}_done.effect_at = greatest(s.{{ clock }}_done_at, s.received_at)
       and {{ clock }}_done.effect_at = greatest({{ clock }}_done.{{ clock }}_done_at, {{ clock }}_done.received_at)
    {% endfor %}
),
classed as materialized (
    select
        *
        {%- for clock in clocks %},
        {{ class(clock, clock ~ '_due_at') }} as {{ clock }}_class
        {%- endfor +%}
    from judged
),
told as (
    -- Where no due was ever moved and nothing withdrawn, the due in force is the one that judges, and nothing is frozen.
    select
        {{ kept | join(', ') }}, next_at, false as frozen, close_by_rule as judged_by_rule, close_provisional as judged_provisional
        {%- for clock in clocks %},
        {{ clock }}_due as {{ clock }}_due_at, {{ class(clock, clock ~ '_due') }} as {{ clock }}_class
        {%- endfor +%}
    from segment
    where not moved
    union all
    -- `withdrawn` freezes accept and reply: their class stays what it was at that moment.
    select
        c.{{ kept | join(', c.') }}, c.next_at, w.v is not null, c.judged_by_rule, c.judged_provisional,
        {% for clock in ['accept', 'reply'] %}
        case when w.v is null then c.{{ clock }}_due_at else w.{{ clock }}_due_at end, coalesce(w.{{ clock }}_class, c.{{ clock }}_class),
        {% endfor %}
        c.close_due_at, c.close_class
    from classed c
    left join classed w on w.v = c.v and w.effect_at = c.withdrawn_at and w.effect_at = w.withdrawn_at
)
select
    * exclude (frozen, accept_held, reply_held)
    {%- for clock in clocks %},
    case
        when {{ clock }}_class = 'not_due' and not {{ clock }}_held {% if clock != 'close' %}and not frozen {% endif -%}
            and {{ second_after(clock ~ '_due_at') }} < coalesce(next_at, timestamptz '9999-12-31 00:00:00+08')
            then {{ second_after(clock ~ '_due_at') }}
    end as {{ clock }}_cut_at
    {%- endfor +%}
from told;
