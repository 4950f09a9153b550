{#- Pieces of SQL that more than one step needs. -#}
{#- The rows of the changed tickets; the months are few, and by them most of a table is left unread. -#}
{% macro of_changed() -%}
ticket_id in (select ticket_id from changed_ticket) and received_month in (select distinct received_month from changed_ticket)
{%- endmacro %}
{#- Whole division: `/` of whole numbers is a fraction on one engine and whole on the other. -#}
{% macro div(number, by) -%}
cast(({{ number }} - {{ number }} % {{ by }}) / {{ by }} as bigint)
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
{% macro second_of_day(at) -%}
(cast(extract(epoch from {{ at }}) as bigint) - cast(extract(epoch from cast(cast({{ at }} as date) as timestamptz)) as bigint))
{%- endmacro %}
{% macro within_office(second) -%}
({% for session in office_hours %}{% if not loop.first %} + {% endif %}greatest(0, least({{ second }}, {{ session.ends }}) - {{ session.begins }}){% endfor %})
{%- endmacro %}
{# The place of an instant on the scale: what has passed up to and including it. #}
{% macro passed(unit, at, day) -%}
case {{ unit }}
    when 'hour' then cast(extract(epoch from {{ at }}) as bigint)
    when 'calendar_day' then {{ day }}.day - date '1970-01-01'
    when 'working_day' then {{ day }}.workday_no
    when 'working_hour' then
        ({{ day }}.workday_no - cast({{ day }}.is_working as integer)) * {{ office_seconds }}
        + cast({{ day }}.is_working as integer) * {{ within_office(second_of_day(at)) }}
end
{%- endmacro %}
{# An instant is in time for a due where its reach is at or below the due's place on the scale. #}
{% macro reach(unit, roll, at, day) -%}
case {{ unit }}
    when 'hour' then cast(extract(epoch from {{ at }}) as bigint)
    when 'calendar_day' then
        case {{ roll }} when 'next_workday' then {{ day }}.previous_workday - date '1970-01-01' + 1 else {{ day }}.day - date '1970-01-01' end
    when 'working_day' then {{ day }}.workday_no - cast({{ day }}.is_working as integer) + 1
    when 'working_hour' then
        ({{ day }}.workday_no - cast({{ day }}.is_working as integer)) * {{ office_seconds }}
        + cast({{ day }}.is_working as integer) * {{ within_office(second_of_day(at) ~ ' - 1') }} + 1
end
{%- endmacro %}
{#- The daily figures (marts.daily) that the changed tickets make up, as known now: a state counts from the day it is entered (+1)
    to the day it is left (-1). -#}
{% macro daily_contributions(sign) -%}
with held as (
    select
        p.*, coalesce(channel, '—') as channel_name, coalesce(category, '—') as category_name, coalesce(area, '—') as area_name,
        coalesce(unit, '—') as unit_name,
        cast(valid and not closed as integer) * {{ sign }} as is_open,
        cast(valid and close_class = 'overdue' as integer) * {{ sign }} as is_overdue
    from core.posting p
    where known_to = timestamptz '9999-12-31 00:00:00+08' and {{ of_changed() }}
),
contribution as (
    select *, cast(valid_from as date) as day, 0 as received_count, 0 as closed_count, is_open as open_change, is_overdue as overdue_change
    from held where is_open <> 0 or is_overdue <> 0
    union all
    select *, cast(valid_to as date), 0, 0, -is_open, -is_overdue
    from held where (is_open <> 0 or is_overdue <> 0) and valid_to < timestamptz '9999-12-31 00:00:00+08'
    union all
    select *, cast(received_at as date), {{ sign }}, 0, 0, 0
    from held where valid and valid_to = timestamptz '9999-12-31 00:00:00+08'
    union all
    select *, cast(closed_at as date), 0, {{ sign }}, 0, 0
    from held where valid and closed and valid_to = timestamptz '9999-12-31 00:00:00+08'
)
select
    day, source, channel_name as channel, category_name as category, area_name as area, unit_name as unit,
    cast(sum(received_count) as bigint) as received, cast(sum(closed_count) as bigint) as closed,
    cast(sum(open_change) as bigint) as open_change, cast(sum(overdue_change) as bigint) as overdue_change
from contribution
group by day, source, channel_name, category_name, area_name, unit_name
{%- endmacro %}
