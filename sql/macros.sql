{#- Pieces of SQL that more than one step needs. -#}
{#- The rows of the changed tickets; the months are few, and by them most of a table is left unread. -#}
{% macro of_changed() -%}
ticket_id in (select ticket_id from changed_ticket) and received_month in (select distinct received_month from changed_ticket)
{%- endmacro %}
{#- The rows of the versions that these tickets have now, and of those that they have no more: numbers are found sooner than names. -#}
{% macro of_versions() -%}
version_id in (select version_id from version union all select version_id from gone_version)
    and received_month in (select distinct received_month from changed_ticket)
{%- endmacro %}
{#- Whole division: `/` of whole numbers is a fraction on one engine and whole on the other. -#}
{% macro div(number, by) -%}
cast(({{ number }} - {{ number }} % {{ by }}) / {{ by }} as bigint)
{%- endmacro %}
{#- Seconds since 1970 of an instant, which is whole seconds. -#}
{% macro seconds(at) -%}
(epoch_us({{ at }}) // 1000000)
{%- endmacro %}
{% macro second_after(at) -%}
to_timestamp({{ seconds(at) }} + 1)
{%- endmacro %}
{#- The day of an instant in Beijing, which has been eight hours ahead of UTC ever since 1992; of earlier ones the engine looks up the zone. -#}
{% macro day_of(at) -%}
case
    when {{ at }} >= timestamptz '1992-01-01 00:00:00+08' then date '1970-01-01' + cast(({{ seconds(at) }} + 28800) // 86400 as integer)
    else cast({{ at }} as date)
end
{%- endmacro %}
{#- The event's own time that a mark (see 222_life.sql) carries. -#}
{% macro mark_time(mark) -%}
to_timestamp({{ mark }} % 1000000000000 - 100000000000)
{%- endmacro %}
{#- From where a rule's clock runs at an ordinal: its start event, or `received` where it was done before that event ever occurred. -#}
{% macro start_kind(start_ordinal, ordinal, done_mark) -%}
case
    when {{ start_ordinal }} * 1000000000000 <= coalesce({{ done_mark }}, {{ ordinal }} * 1000000000000 + 999999999999)
        and {{ start_ordinal }} <= {{ ordinal }} then 'event'
    when {{ done_mark }} is not null then 'received'
end
{%- endmacro %}
{#- The instant so many seconds into a day in Beijing. -#}
{% macro into_day(day, second) -%}
case
    when {{ day }} >= date '1992-01-01' then to_timestamp(({{ day }} - date '1970-01-01') * 86400 - 28800 + {{ second }})
    else cast({{ day }} as timestamptz) + interval '1 second' * ({{ second }})
end
{%- endmacro %}
{% macro second_of_day(at) -%}
case
    when {{ at }} >= timestamptz '1992-01-01 00:00:00+08' then ({{ seconds(at) }} + 28800) % 86400
    else {{ seconds(at) }} - {{ seconds('cast(cast(' ~ at ~ ' as date) as timestamptz)') }}
end
{%- endmacro %}
{% macro within_office(second) -%}
({% for session in office_hours %}{% if not loop.first %} + {% endif %}greatest(0, least({{ second }}, {{ session.ends }}) - {{ session.begins }}){% endfor %})
{%- endmacro %}
{# The place of an instant on the scale: what has passed up to and including it. #}
{% macro passed(unit, at, day) -%}
case {{ unit }}
    when 'hour' then {{ seconds(at) }}
    when 'calendar_day' then {{ day }}.day - date '1970-01-01'
    when 'working_day' then {{ day }}.workday_no
    when 'working_hour' then
        ({{ day }}.workday_no - cast({{ day }}.is_working as integer)) * {{ office_seconds }}
        + cast({{ day }}.is_working as integer) * {{ within_office('(' ~ second_of_day(at) ~ ')') }}
end
{%- endmacro %}
{# An instant is in time for a due where its reach is at or below the due's place on the scale. #}
{% macro reach(unit, roll, at, day) -%}
case {{ unit }}
    when 'hour' then {{ seconds(at) }}
    when 'calendar_day' then
        case {{ roll }} when 'next_workday' then {{ day }}.previous_workday - date '1970-01-01' + 1 else {{ day }}.day - date '1970-01-01' end
    when 'working_day' then {{ day }}.workday_no - cast({{ day }}.is_working as integer) + 1
    when 'working_hour' then
        ({{ day }}.workday_no - cast({{ day }}.is_working as integer)) * {{ office_seconds }}
        + cast({{ day }}.is_working as integer) * {{ within_office('(' ~ second_of_day(at) ~ ') - 1') }} + 1
end
{%- endmacro %}
{#- The states with their cuts: a due that passes while nothing happens cuts the state in two; the second part, `overdue`, may begin in the
    future. -#}
{% macro parts() -%}
{% set clocks = ['accept', 'reply', 'close'] %}
select *, effect_at as begins from state
{% for clock in clocks %}
union all
select *, {{ clock }}_cut_at
from state
where {{ clock }}_cut_at is not null
  {% for earlier in clocks[:loop.index0] %}and {{ clock }}_cut_at is distinct from {{ earlier }}_cut_at {% endfor +%}
{% endfor %}
{%- endmacro %}
{% macro part_ends() -%}
least(
    {% for clock in ['accept', 'reply', 'close'] %}
    case when p.{{ clock }}_cut_at > p.begins then p.{{ clock }}_cut_at end,
    {% endfor %}
    p.next_at, timestamptz '9999-12-31 00:00:00+08'
)
{%- endmacro %}
{% macro part_class(clock) -%}
case when p.{{ clock }}_cut_at <= p.begins then 'overdue' else p.{{ clock }}_class end
{%- endmacro %}
