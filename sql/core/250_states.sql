-- The state of a version between two instants at which something was told, with the class of each clock (metrics.md §4).
-- reads:  version, life, clock_rule, due_fold, rule_due
-- writes: temp state
-- grain:  version × instant; valid over [at, next_at), but for a due that passes in between (260_postings.sql cuts there)
{% from 'macros.sql' import mark_time, start_kind with context %}
{% set clocks = ['accept', 'reply', 'close'] %}

create temp table segment as
with moment as (
    select l.*, coalesce(u.unit, n.unit) as unit_then, n.received_at
    from life l
    join version n on n.v = l.v
    left join life u on u.v = l.v and u.ordinal = l.unit_ordinal
    -- of several events at one instant the last one tells the state
    where l.next_at is null or l.next_at > l.effect_at
),
ruled as (
    select
        m.*, f.change_due, k.platform_due,
        {% for clock in clocks %}
        f.{{ clock }}_held, {{ clock }}_rule.rule_id as {{ clock }}_rule_id, {{ clock }}_rule.start_at as {{ clock }}_start_at,
        {{ mark_time('m.' ~ clock ~ '_mark') }} as {{ clock }}_done_at,
        {{ start_kind(clock ~ '_rule.start_ordinal', 'm.ordinal', 'm.' ~ clock ~ '_mark') }} as {{ clock }}_start{{ ',' if not loop.last }}
        {% endfor %}
    from moment m
    join due_fold f on f.v = m.v and f.step_no = m.step_no
    left join clock_rule k on k.v = m.v and k.clock = 'close' and k.platform_due is not null
    {% for clock in clocks %}
    left join clock_rule {{ clock }}_rule
        on {{ clock }}_rule.v = m.v and {{ clock }}_rule.clock = '{{ clock }}' and {{ clock }}_rule.rule_id is not null
    {% endfor %}
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
        s.*,
        -- A clock that is done is judged by the due in force when it was done.
        {% for clock in clocks %}
        case when s.{{ clock }}_done_at is null then s.{{ clock }}_due else {{ clock }}_done.{{ clock }}_due end as {{ clock }}_due_at,
        {% endfor %}
        case when s.close_done_at is null then s.close_by_rule else close_done.close_by_rule end as close_judged_by_rule,
        case when s.close_done_at is null then s.close_provisional else close_done.close_provisional end as close_judged_provisional
    from segment s
    {% for clock in clocks %}
    left join segment {{ clock }}_done
        on {{ clock }}_done.v = s.v and {{ clock }}_done.effect_at = greatest(s.{{ clock }}_done_at, s.received_at)
    {% endfor %}
),
classed as (
    select
        d.*,
        {% for clock in clocks %}
        case
            when {{ clock }}_due_at is null and {{ clock }}_rule_id is not null and {{ clock }}_done_at is null then 'not_started'
            when {{ clock }}_due_at is null then 'no_deadline'
            when {{ clock }}_done_at <= {{ clock }}_due_at then 'on_time'
            when {{ clock }}_done_at > {{ clock }}_due_at then 'late'
            when {{ clock }}_due_at < effect_at and not (paused and {{ clock }}_held) then 'overdue'
            else 'not_due'
        end as {{ clock }}_class_now{{ ',' if not loop.last }}
        {% endfor %}
    from dued d
)
select
    c.*,
    -- `withdrawn` freezes accept and reply: their class stays what it was at that moment.
    {% for clock in ['accept', 'reply'] %}
    case when c.withdrawn_at is null then c.{{ clock }}_class_now else w.{{ clock }}_class_now end as {{ clock }}_class,
    case when c.withdrawn_at is null then c.{{ clock }}_due_at else w.{{ clock }}_due_at end as {{ clock }}_judged_due_at,
    {% endfor %}
    c.close_class_now as close_class,
    c.close_due_at as close_judged_due_at
from classed c
left join classed w on w.v = c.v and w.effect_at = c.withdrawn_at;
