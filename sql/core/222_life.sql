-- The fold of a version's events, one row per event: what is true from this event on until the next (metrics.md §2).
-- reads:  version, event, core.event_type
-- writes: temp kind, unit_name, life
-- grain:  version × event, in order of effect
{% from 'macros.sql' import seconds %}

-- What an event of a type does to the folds: 1 begins, 0 ends, null leaves as it is.
create temp table kind as
select
    event_type, rank,
    case when event_type in ('closed', 'withdrawn') then 1 when event_type = 'reopened' then 0 end as closes,
    case when event_type = 'withdrawn' then 1 when event_type = 'reopened' then 0 end as withdraws,
    case when event_type = 'suspended' then 1 when event_type in ('resumed', 'handled', 'closed', 'withdrawn') then 0 end as pauses,
    case when event_type = 'returned' then 1 when event_type in ('accepted', 'dispatched') then 0 end as takes_away,
    case when event_type in ('not_accepted', 'duplicate') then 1 end as takes_out,
    case when event_type = 'accepted' then 1 end as accepts,
    case when event_type = 'replied' then 1 end as replies,
    case when event_type in ('first_reply', 'replied', 'accepted') then 1 end as answers,
    case when event_type = 'returned' then 1 end as returns,
    case when event_type = 'extended' then 1 end as extends,
    event_type = 'handled' as handles, event_type = 'rated' as rates, event_type = 'urged' as urges, event_type = 'supervised' as supervises,
    event_type in ('extended', 'reopened') as may_move_due
from core.event_type;

-- Units by number, as a fold carries a number sooner than a name.
create temp table unit_name as
select row_number() over () as unit_no, unit
from (select unit from version union select unit from event where event_type = 'dispatched') u
where unit is not null;

-- The events are sorted once, version after version. Windows without an order of their own then see the rows as they come, which costs a
-- quarter of a window that looks for its partition; so that nothing comes over from the version before, each fold starts anew where one begins.
{% macro kept(value, at_first) -%}
last_value(coalesce({{ value }}, case when begins then {{ at_first }} end) ignore nulls) over past
{%- endmacro %}
{#- Of what is counted over all rows, what came since the version began; own is what the row itself counts. -#}
{% macro since_begin(count, own) -%}
{{ count }} - {{ kept('null', count ~ ' - ' ~ own) }}
{%- endmacro %}
{% macro was(state) -%}
not begins and lag({{ state }}) over () = 1
{%- endmacro %}
{% set switches = ['closes', 'withdraws', 'pauses', 'takes_away', 'takes_out', 'accepts', 'replies', 'answers', 'returns', 'extends'] %}
create temp table life as
with placed as (
    select
        n.v, k.event_type, e.old_due, e.new_due, u.unit_no, coalesce(r.unit_no, 0) as unit_of_record, k.{{ switches | join(', k.') }}, k.handles, k.urges, k.supervises,
        k.may_move_due and e.new_due is not null as moves_due,
        case when k.rates then
            case e.satisfaction when 'satisfied' then 1 when 'basically_satisfied' then 2 when 'dissatisfied' then 3 end
        end as rating,
        {{ seconds('coalesce(e.occurred_at, n.status_at)') }} as occurred,
        -- Events before `received` take effect at it.
        greatest(coalesce(e.occurred_at, n.status_at), n.received_at) as effect_at
    from version n
    join event e on e.v = n.v
    join kind k on k.event_type = e.event_type
    left join unit_name u on u.unit = e.unit and e.event_type = 'dispatched'
    left join unit_name r on r.unit = n.unit
    -- The order of effect: second, rank, the platform's order.
    order by n.v, effect_at, k.rank, e.seq
),
numbered as (
    select
        *,
        row_number() over () as row_no, v is distinct from lag(v) over () as begins,
        lead(v) over () as next_v, lead(effect_at) over () as next_effect_at
    from placed
),
switched as (
    select
        v, event_type, old_due, new_due, effect_at, occurred, begins, moves_due, handles, pauses, closes, withdraws, accepts, replies, urges, supervises,
        {{ since_begin('row_no', '1') }} as ordinal,
        case when next_v = v then next_effect_at end as next_at,
        {% for switch in switches %}
        {{ kept(switch, 0) }} as {{ switch }}_on,
        {% endfor %}
        {{ kept('rating', 0) }} as rating, {{ kept('unit_no', 'unit_of_record') }} as unit_no,
        count(*) filter (where urges) over past as urged, count(*) filter (where supervises) over past as supervised
    from numbered
    window past as (rows unbounded preceding)
),
-- A mark is an event's place and its own time in one number, so that the time comes along without a join:
-- mark = ordinal × 10^12 + seconds since 1970 + 10^11.
turned as (
    select
        * replace (
            {{ since_begin('urged', 'cast(urges as integer)') }} as urged,
            {{ since_begin('supervised', 'cast(supervises as integer)') }} as supervised
        ),
        ordinal * 1000000000000 + occurred + 100000000000 as mark,
        {{ was('closes_on') }} as was_closed, {{ was('withdraws_on') }} as was_withdrawn, {{ was('pauses_on') }} as was_paused,
        {{ was('takes_away_on') }} as was_away, {{ was('takes_out_on') }} as was_gone,
        case when begins then 0 else lag(unit_no) over () end as was_unit_no,
        {{ was('accepts_on') }} as was_accepted, {{ was('replies_on') }} as was_replied
    from switched
    window past as (rows unbounded preceding)
),
paused as (
    select
        *,
        coalesce(pauses = 1 and not was_paused, false) as pause_begins,
        coalesce(pauses = 0 and was_paused, false) as pause_ends
    from turned
),
marked as (
    select
        *,
        -- Only these events can move a due or judge by it; the due in force is constant between them.
        pause_begins or pause_ends or moves_due as steps,
        {{ kept('case when accepts = 1 and not was_accepted then mark end', 0) }} as accept_mark,
        {{ kept('case when replies = 1 and not was_replied then mark end', 0) }} as reply_mark,
        -- of these the last, and the first of its kind, since the last reopening
        {{ kept('case when handles then mark when closes = 0 then 0 end', 0) }} as handle_mark,
        {{ kept('case when closes = 1 and not was_closed then mark when closes = 0 then 0 end', 0) }} as closed_mark,
        {{ kept('case when withdraws = 1 and not was_withdrawn then mark when closes = 0 then 0 end', 0) }} as withdrawn_mark,
        {{ kept('case when closes = 0 then 1 end', 0) }} as reopens_on
    from paused
    window past as (rows unbounded preceding)
),
stepped as (
    select *, count(*) filter (where steps) over (rows unbounded preceding) as steps_so_far
    from marked
)
select
    v, ordinal, event_type, old_due, new_due, effect_at, next_at,
    {{ since_begin('steps_so_far', 'cast(steps as integer)') }} as step_no,
    pause_begins, pause_ends,
    takes_out_on = 1 as gone, takes_away_on = 1 as away, takes_out_on = 0 and takes_away_on = 0 as valid,
    closed_mark > 0 as closed,
    not begins and not was_gone and not was_away and not was_closed as was_open,
    pauses_on = 1 as paused,
    reopens_on = 1 as reopened,
    answers_on = 1 as first_replied, returns_on = 1 as returned, extends_on = 1 as extended,
    urged, supervised,
    nullif(rating, 0) as rating, nullif(unit_no, 0) as unit_no, nullif(was_unit_no, 0) as was_unit_no,
    nullif(accept_mark, 0) as accept_mark, nullif(reply_mark, 0) as reply_mark,
    nullif(handle_mark, 0) as handle_mark,
    nullif(closed_mark, 0) as closed_mark,
    case when handle_mark > 0 then handle_mark else nullif(closed_mark, 0) end as close_mark,
    nullif(withdrawn_mark, 0) as withdrawn_mark
from stepped
window past as (rows unbounded preceding);
