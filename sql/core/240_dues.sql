-- The due in force after every step of a version's life (metrics.md §4).
-- A due by rule is a whole number on the scale of its unit: the n-th working day, the n-th day, a second of the clock or of the
-- office. Instants are put on the scale once, the fold is plain arithmetic, and the result is read back as an instant.
-- reads:  version, life, clock_rule, core.calendar, {{ office_seconds }} office seconds a day
-- writes: temp scaled_rule, due_fold, rule_due
-- grain:  due_fold = version × step; rule_due = version × step × clock × start ('event' or 'received')

{% from 'macros.sql' import day_of, div, into_day, passed, reach, start_kind with context %}
create temp table scaled_rule as
select
    r.*,
    -- The start day is never counted: a due is the start's place plus the amount.
    {{ passed('r.unit', 'r.start_at', 's') }} + a.scale_amount as base_event,
    {{ passed('r.unit', 'r.received_at', 'g') }} + a.scale_amount as base_received
from clock_rule r
left join core.calendar g on g.day = {{ day_of('r.received_at') }}
left join core.calendar s on s.day = {{ day_of('r.start_at') }}
cross join lateral (
    select case when r.unit in ('hour', 'working_hour') then r.amount * 3600 else r.amount end as scale_amount
) a;

-- grain: version × step, with what each clock needs to judge it
create temp table due_step as
with step as (
    select
        l.v, l.step_no, l.ordinal, l.effect_at, l.new_due, l.accept_mark, l.reply_mark, l.close_mark,
        case when l.pause_begins then 'pause_begins' when l.pause_ends then 'pause_ends' else l.event_type end as kind,
        max(l.effect_at) filter (where l.pause_begins) over (partition by l.v order by l.ordinal rows unbounded preceding) as paused_at
    from life l
    where l.pause_begins or l.pause_ends or (l.event_type in ('extended', 'reopened') and l.new_due is not null)
),
judged as (
    select
        s.v, s.step_no, s.kind, s.effect_at, s.new_due, r.clock, r.platform_due, r.rule_id, r.base_event, r.base_received,
        {{ start_kind('r.start_ordinal', 's.ordinal', "case r.clock when 'accept' then s.accept_mark when 'reply' then s.reply_mark else s.close_mark end") }} as start_kind,
        {{ reach('r.unit', 'r.roll', 's.effect_at', 'd') }} as reach,
        case when s.kind = 'pause_ends' and r.pausable then
            {{ passed('r.unit', 's.effect_at', 'd') }} - {{ passed('r.unit', 's.paused_at', 'p') }}
        end as paused_received,
        case when s.kind = 'pause_ends' and r.pausable and r.start_at < s.effect_at then
            {{ passed('r.unit', 's.effect_at', 'd') }} - greatest({{ passed('r.unit', 's.paused_at', 'p') }}, {{ passed('r.unit', 'r.start_at', 'b') }})
        end as paused_event
    from step s
    left join scaled_rule r on r.v = s.v
    left join core.calendar d on d.day = {{ day_of('s.effect_at') }}
    left join core.calendar p on p.day = {{ day_of('s.paused_at') }}
    left join core.calendar b on b.day = {{ day_of('r.start_at') }}
)
select
    v, step_no, kind, effect_at, new_due,
    max(platform_due) filter (where clock = 'close') as platform_due,
    {% for clock in ['accept', 'reply', 'close'] %}
    max(start_kind) filter (where clock = '{{ clock }}' and rule_id is not null) as {{ clock }}_start,
    max(reach) filter (where clock = '{{ clock }}') as {{ clock }}_reach,
    max(base_event) filter (where clock = '{{ clock }}') as {{ clock }}_base_event,
    max(base_received) filter (where clock = '{{ clock }}') as {{ clock }}_base_received,
    coalesce(max(paused_event) filter (where clock = '{{ clock }}'), 0) as {{ clock }}_paused_event,
    coalesce(max(paused_received) filter (where clock = '{{ clock }}'), 0) as {{ clock }}_paused_received{{ ',' if not loop.last }}
    {% endfor %}
from judged
group by v, step_no, kind, effect_at, new_due;

-- Where no due is in force every pause counts and every extension is in time.
{% macro in_time_by_rule(clock) -%}
case e.{{ clock }}_start
    when 'event' then e.{{ clock }}_reach <= e.{{ clock }}_base_event{% if clock != 'accept' %} + f.{{ clock }}_shift_event{% endif %}
    when 'received' then e.{{ clock }}_reach <= e.{{ clock }}_base_received{% if clock != 'accept' %} + f.{{ clock }}_shift_received{% endif %}
    else true
end
{%- endmacro %}
{% macro in_time_for_close() -%}
case
    when f.change_due is not null then e.effect_at <= f.change_due
    when e.platform_due is not null then e.effect_at <= e.platform_due
    else {{ in_time_by_rule('close') }}
end
{%- endmacro %}
create temp table due_fold as
with recursive fold as (
    select
        v, cast(0 as bigint) as step_no, cast(null as timestamptz) as change_due,
        false as accept_held, false as reply_held, false as close_held,
        cast(0 as bigint) as reply_shift_event, cast(0 as bigint) as reply_shift_received,
        cast(0 as bigint) as close_shift_event, cast(0 as bigint) as close_shift_received
    from version
    union all
    select
        f.v, e.step_no,
        case
            when e.kind = 'reopened' then e.new_due
            when e.kind = 'extended' and {{ in_time_for_close() }} then e.new_due
            else f.change_due
        end,
        case e.kind when 'pause_begins' then {{ in_time_by_rule('accept') }} when 'pause_ends' then false else f.accept_held end,
        case e.kind
            when 'pause_begins' then {{ in_time_by_rule('reply') }} or coalesce(e.effect_at <= f.change_due, false)
            when 'pause_ends' then false
            else f.reply_held
        end,
        case e.kind when 'pause_begins' then {{ in_time_for_close() }} when 'pause_ends' then false else f.close_held end,
        {% for clock in ['reply', 'close'] %}
        f.{{ clock }}_shift_event + case when e.kind = 'pause_ends' and f.{{ clock }}_held then e.{{ clock }}_paused_event else 0 end,
        f.{{ clock }}_shift_received + case when e.kind = 'pause_ends' and f.{{ clock }}_held then e.{{ clock }}_paused_received else 0 end{{ ',' if not loop.last }}
        {% endfor %}
    from fold f
    join due_step e on e.v = f.v and e.step_no = f.step_no + 1
)
select * from fold;

{% set second_in_office -%}
case
    {% for session in office_hours %}
    when d.office_second <= {{ session.passed_at_end }} then d.office_second + {{ session.begins - session.passed_at_begin }}
    {% endfor %}
end
{%- endset %}
create temp table rule_due as
with place as (
    select r.v, f.step_no, r.clock, k.start_kind, r.rule_id, r.unit, r.roll,
        case k.start_kind when 'event' then r.base_event else r.base_received end
        + case r.clock
            when 'reply' then case k.start_kind when 'event' then f.reply_shift_event else f.reply_shift_received end
            when 'close' then case k.start_kind when 'event' then f.close_shift_event else f.close_shift_received end
            else 0
          end as place
    from scaled_rule r
    join due_fold f on f.v = r.v and (r.clock <> 'accept' or f.step_no = 0)
    cross join (values ('event'), ('received')) k (start_kind)
    where r.rule_id is not null and r.platform_due is null
      and (k.start_kind = 'received' or r.start_ordinal is not null)
),
-- An office second belongs to the working day in which it falls; the last one of a session is due at the session's end.
dated as (
    select
        p.*,
        case p.unit when 'working_day' then p.place when 'working_hour' then {{ div('(p.place - 1)', office_seconds) }} + 1 end as workday_no,
        case p.unit when 'working_hour' then (p.place - 1) % {{ office_seconds }} + 1 end as office_second,
        case p.unit when 'calendar_day' then date '1970-01-01' + cast(p.place as integer) end as plain_day
    from place p
)
select
    d.v, d.step_no, d.clock, d.start_kind, d.rule_id,
    case d.unit
        when 'hour' then to_timestamp(d.place)
        when 'working_day' then {{ into_day('w.day', '86399') }}
        when 'calendar_day' then {{ into_day("case d.roll when 'next_workday' then c.next_workday else d.plain_day end", '86399') }}
        when 'working_hour' then {{ into_day('w.day', second_in_office) }}
    end as due_at,
    case
        when d.unit in ('working_day', 'working_hour') then not w.published
        when d.unit = 'calendar_day' and d.roll = 'next_workday' then not y.published
        else false
    end as provisional
from dated d
left join core.calendar w on w.workday_no = d.workday_no and w.is_working
left join core.calendar c on c.day = d.plain_day
left join core.calendar y on y.day = c.next_workday;
