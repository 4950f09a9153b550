-- The fold of a version's events, one row per event: what is true from this event on until the next (metrics.md §2).
-- reads:  changed_ticket, core.ticket_version, core.content, core.content_event, core.event_type
-- writes: temp version (v is a small key for the joins of this refresh), temp life
-- grain:  version × event, in order of effect

create temp table version as
select
    row_number() over () as v,
    t.version_id, t.ticket_id, t.content_id, t.known_from, t.known_to, t.status_at,
    c.source, c.received_at, c.channel, c.ticket_type, c.urgency, c.category, c.area, c.unit, c.repeat,
    c.due_at, c.limit_amount, c.limit_unit
from core.ticket_version t
join core.content c on c.content_id = t.content_id
where t.ticket_id in (select ticket_id from changed_ticket);

create temp table life as
with placed as (
    select
        n.v, e.seq, e.event_type, k.rank, e.unit, e.old_due, e.new_due, e.satisfaction,
        coalesce(e.occurred_at, n.status_at) as occurred_at,
        -- Events before `received` take effect at it.
        greatest(coalesce(e.occurred_at, n.status_at), n.received_at) as effect_at
    from version n
    join core.content_event e on e.content_id = n.content_id
    join core.event_type k on k.event_type = e.event_type
),
ordered as (
    select *, row_number() over (partition by v order by effect_at, rank, seq) as ordinal
    from placed
),
-- A mark is an event's place and its own time in one number: the smallest mark is the first event, the greatest the last, and
-- the time comes along without a join. mark = ordinal × 10^12 + seconds since 1970 + 10^11.
marked as (
    select *, ordinal * 1000000000000 + cast(extract(epoch from occurred_at) as bigint) + 100000000000 as mark
    from ordered
),
running as (
    select
        *,
        count(*) filter (where event_type = 'reopened') over past as life_no,
        bool_or(event_type in ('not_accepted', 'duplicate')) over past as gone,
        coalesce(max(case
            when event_type = 'returned' then ordinal * 2 + 1
            when event_type in ('accepted', 'dispatched') then ordinal * 2
        end) over past, 0) % 2 = 1 as away,
        coalesce(max(case
            when event_type in ('closed', 'withdrawn') then ordinal * 2 + 1
            when event_type = 'reopened' then ordinal * 2
        end) over past, 0) % 2 = 1 as closed,
        coalesce(max(case
            when event_type = 'suspended' then ordinal * 2 + 1
            when event_type in ('resumed', 'handled', 'closed', 'withdrawn') then ordinal * 2
        end) over past, 0) % 2 = 1 as paused,
        min(mark) filter (where event_type = 'accepted') over past as accept_mark,
        min(mark) filter (where event_type = 'replied') over past as reply_mark,
        coalesce(bool_or(event_type in ('first_reply', 'replied', 'accepted')) over past, false) as first_replied,
        bool_or(event_type = 'returned') over past as returned,
        bool_or(event_type = 'reopened') over past as reopened,
        bool_or(event_type = 'extended') over past as extended,
        count(*) filter (where event_type = 'urged') over past as urged,
        count(*) filter (where event_type = 'supervised') over past as supervised,
        max(case when event_type = 'rated' then ordinal * 10 + case satisfaction
            when 'satisfied' then 1
            when 'basically_satisfied' then 2
            when 'dissatisfied' then 3
        end end) over past % 10 as rating,
        max(ordinal) filter (where event_type = 'dispatched' and unit is not null) over past as unit_ordinal
    from marked
    window past as (partition by v order by ordinal rows unbounded preceding)
),
-- `reopened` undoes closed and handled: they are looked for since the last reopening only.
since_reopened as (
    select
        *,
        max(mark) filter (where event_type = 'handled') over past as handle_mark,
        min(mark) filter (where event_type in ('closed', 'withdrawn')) over past as closed_mark,
        min(effect_at) filter (where event_type = 'withdrawn') over past as withdrawn_at
    from running
    window past as (partition by v, life_no order by ordinal rows unbounded preceding)
),
pauses as (
    select
        *,
        paused and not coalesce(lag(paused) over past, false) as pause_begins,
        not paused and coalesce(lag(paused) over past, false) as pause_ends,
        not gone and not away as valid,
        lead(effect_at) over past as next_at
    from since_reopened
    window past as (partition by v order by ordinal)
)
select
    *,
    -- Only these events can move a due or judge by it; the due in force is constant between them.
    count(*) filter (where pause_begins or pause_ends or (event_type in ('extended', 'reopened') and new_due is not null))
        over (partition by v order by ordinal rows unbounded preceding) as step_no,
    coalesce(handle_mark, closed_mark) as close_mark
from pauses;
