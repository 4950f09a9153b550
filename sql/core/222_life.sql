-- The fold of a version's events, one row per event: what is true from this event on until the next (metrics.md §2).
-- reads:  version, event, core.event_type
-- writes: temp life
-- grain:  version × event, in order of effect
{% from 'macros.sql' import mark_time %}

-- Sorted twice and no more: what a fold needs of another fold comes from the first pass.
create temp table life as
with placed as (
    select
        n.v, n.received_at, e.event_type, k.rank, e.seq, e.unit, e.old_due, e.new_due, e.satisfaction,
        coalesce(e.occurred_at, n.status_at) as occurred_at,
        -- Events before `received` take effect at it.
        greatest(coalesce(e.occurred_at, n.status_at), n.received_at) as effect_at
    from version n
    join event e on e.v = n.v
    join core.event_type k on k.event_type = e.event_type
),
-- The order of effect in one number: second, rank, the platform's order. Twice the place and one more tells which of two kinds came last.
ordered as (
    select *, (cast(extract(epoch from effect_at) as bigint) + 100000000000) * 2097152 + rank * 65536 + seq as place
    from placed
),
running as (
    select
        v, received_at, event_type, unit, old_due, new_due, occurred_at, effect_at,
        row_number() over past as ordinal,
        lead(effect_at) over past as next_at,
        bool_or(event_type in ('not_accepted', 'duplicate')) over past as gone,
        coalesce(max(case
            when event_type = 'returned' then place * 2 + 1
            when event_type in ('accepted', 'dispatched') then place * 2
        end) over past, 0) % 2 = 1 as away,
        coalesce(max(case
            when event_type in ('closed', 'withdrawn') then place * 2 + 1
            when event_type = 'reopened' then place * 2
        end) over before, 0) % 2 = 1 as was_closed,
        coalesce(max(case
            when event_type = 'withdrawn' then place * 2 + 1
            when event_type = 'reopened' then place * 2
        end) over before, 0) % 2 = 1 as was_withdrawn,
        coalesce(max(case
            when event_type = 'suspended' then place * 2 + 1
            when event_type in ('resumed', 'handled', 'closed', 'withdrawn') then place * 2
        end) over before, 0) % 2 = 1 as was_paused,
        bool_or(event_type in ('first_reply', 'replied', 'accepted')) over past as first_replied,
        bool_or(event_type = 'returned') over past as returned,
        bool_or(event_type = 'extended') over past as extended,
        count(*) filter (where event_type = 'urged') over past as urged,
        count(*) filter (where event_type = 'supervised') over past as supervised,
        max(case when event_type = 'rated' then place * 4 + case satisfaction
            when 'satisfied' then 1
            when 'basically_satisfied' then 2
            when 'dissatisfied' then 3
        end end) over past % 4 as rating,
        count(*) filter (where event_type = 'dispatched' and unit is not null) over past as unit_no
    from ordered
    window
        past as (partition by v order by place rows unbounded preceding),
        before as (partition by v order by place rows between unbounded preceding and 1 preceding)
),
-- A mark is an event's place and its own time in one number: the smallest mark is the first event, the greatest the last, and
-- the time comes along without a join. mark = ordinal × 10^12 + seconds since 1970 + 10^11.
marked as (
    select
        *,
        ordinal * 1000000000000 + cast(extract(epoch from occurred_at) as bigint) + 100000000000 as mark,
        event_type = 'suspended' and not was_paused as pause_begins,
        event_type in ('resumed', 'handled', 'closed', 'withdrawn') and was_paused as pause_ends
    from running
),
latest as (
    select
        *,
        min(mark) filter (where event_type = 'accepted') over past as accept_mark,
        min(mark) filter (where event_type = 'replied') over past as reply_mark,
        coalesce(max(mark) filter (where event_type = 'reopened') over past, 0) as reopen_mark,
        max(mark) filter (where event_type = 'handled') over past as last_handle_mark,
        -- the first of its kind since the last reopening
        max(mark) filter (where event_type in ('closed', 'withdrawn') and not was_closed) over past as last_closed_mark,
        max(mark) filter (where event_type = 'withdrawn' and not was_withdrawn) over past as last_withdrawn_mark,
        -- Only these events can move a due or judge by it; the due in force is constant between them.
        count(*) filter (where pause_begins or pause_ends or (event_type in ('extended', 'reopened') and new_due is not null))
            over past as step_no
    from marked
    window past as (partition by v order by ordinal rows unbounded preceding)
)
select
    v, ordinal, event_type, unit, unit_no, old_due, new_due, effect_at, next_at, step_no, pause_begins, pause_ends,
    gone, away, not gone and not away as valid,
    coalesce(last_closed_mark > reopen_mark, false) as closed,
    event_type = 'suspended' or was_paused and not pause_ends as paused,
    reopen_mark > 0 as reopened,
    first_replied, returned, extended, urged, supervised, rating, accept_mark, reply_mark,
    case when last_handle_mark > reopen_mark then last_handle_mark end as handle_mark,
    case when last_closed_mark > reopen_mark then last_closed_mark end as closed_mark,
    case when last_handle_mark > reopen_mark then last_handle_mark when last_closed_mark > reopen_mark then last_closed_mark end as close_mark,
    case when last_withdrawn_mark > reopen_mark then greatest({{ mark_time('last_withdrawn_mark') }}, received_at) end as withdrawn_at
from latest;
