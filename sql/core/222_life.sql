-- The fold of a version's events, one row per event: what is true from this event on until the next (metrics.md §2).
-- reads:  version, event, core.event_type
-- writes: temp kind, unit_name, life
-- grain:  version × event, in order of effect

-- What an event of a type does to the folds: 1 begins, 0 ends, null leaves as it is. Counts are twenty bits each of two sums, since a fold
-- costs more than taking its result apart.
create temp table kind as
select
    event_type, cast(rank as integer) as rank,
    cast(case when event_type in ('closed', 'withdrawn') then 1 when event_type = 'reopened' then 0 end as tinyint) as closes,
    cast(case when event_type = 'withdrawn' then 1 when event_type = 'reopened' then 0 end as tinyint) as withdraws,
    cast(case when event_type = 'suspended' then 1 when event_type in ('resumed', 'handled', 'closed', 'withdrawn') then 0 end as tinyint) as pauses,
    cast(case when event_type = 'returned' then 1 when event_type in ('accepted', 'dispatched') then 0 end as tinyint) as takes_away,
    case
        when event_type in ('not_accepted', 'duplicate') then 1
        when event_type in ('first_reply', 'replied', 'accepted') then 1048576
        when event_type = 'returned' then 1099511627776
        else 0
    end as first_counts,
    case when event_type = 'extended' then 1 when event_type = 'urged' then 1048576 when event_type = 'supervised' then 1099511627776 else 0 end
        as other_counts,
    event_type = 'accepted' as accepts, event_type = 'replied' as replies, event_type = 'handled' as handles, event_type = 'rated' as rates,
    event_type in ('extended', 'reopened') as may_move_due
from core.event_type;

-- Units by number, for the same reason.
create temp table unit_name as
select row_number() over () as unit_no, unit
from (select unit from version union select unit from event where event_type = 'dispatched') u
where unit is not null;

-- Sorted twice and no more. The first pass finds what the second one's folds go by; all else comes from the second, so that little is
-- carried from one to the other.
create temp table life as
with placed as (
    select
        n.v, k.rank, e.old_due, e.new_due, u.unit_no,
        k.closes, k.withdraws, k.pauses, k.takes_away, k.first_counts, k.other_counts, k.accepts, k.replies, k.handles,
        k.may_move_due and e.new_due is not null as moves_due,
        case when k.rates then
            case e.satisfaction when 'satisfied' then 1 when 'basically_satisfied' then 2 when 'dissatisfied' then 3 end
        end as rating,
        cast(extract(epoch from coalesce(e.occurred_at, n.status_at)) as bigint) as occurred,
        -- Events before `received` take effect at it.
        greatest(coalesce(e.occurred_at, n.status_at), n.received_at) as effect_at,
        e.seq
    from version n
    join event e on e.v = n.v
    join kind k on k.event_type = e.event_type
    left join unit_name u on u.unit = e.unit and e.event_type = 'dispatched'
),
-- The order of effect in one number: second, rank, the platform's order. Twice the place and one more tells which of two kinds came last.
ordered as (
    select *, (cast(extract(epoch from effect_at) as bigint) + 100000000000) * 2097152 + rank * 65536 + seq as place
    from placed
),
begun as (
    select
        * exclude (seq, place),
        row_number() over past as ordinal,
        lead(effect_at) over past as next_at,
        coalesce(max(place * 2 + closes) over before, 0) % 2 = 1 as was_closed,
        coalesce(max(place * 2 + withdraws) over before, 0) % 2 = 1 as was_withdrawn,
        coalesce(max(place * 2 + pauses) over before, 0) % 2 = 1 as was_paused
    from ordered
    window
        past as (partition by v order by place rows unbounded preceding),
        before as (partition by v order by place rows between unbounded preceding and 1 preceding)
),
-- A mark is an event's place and its own time in one number: the smallest mark is the first event, the greatest the last, and
-- the time comes along without a join. mark = ordinal × 10^12 + seconds since 1970 + 10^11.
marked as (
    select
        * exclude (occurred),
        ordinal * 1000000000000 + occurred + 100000000000 as mark,
        coalesce(pauses = 1 and not was_paused, false) as pause_begins,
        coalesce(pauses = 0 and was_paused, false) as pause_ends
    from begun
),
folded as (
    select
        v, ordinal, rank, old_due, new_due, effect_at, next_at, pauses, takes_away, was_closed, was_paused, pause_begins, pause_ends,
        first_counts % 1048576 as is_gone,
        cast(sum(first_counts) over past as bigint) as first_counts,
        cast(sum(other_counts) over past as bigint) as other_counts,
        coalesce(max(ordinal * 2 + takes_away) over before, 0) % 2 = 1 as was_away,
        max(ordinal * 4 + rating) over past % 4 as rating,
        max(ordinal * 1048576 + unit_no) over past % 1048576 as unit_no,
        min(case when accepts then mark end) over past as accept_mark,
        min(case when replies then mark end) over past as reply_mark,
        coalesce(max(case when closes = 0 then mark end) over past, 0) as reopen_mark,
        max(case when handles then mark end) over past as last_handle_mark,
        -- the first of its kind since the last reopening
        max(case when closes = 1 and not was_closed then mark end) over past as last_closed_mark,
        max(case when withdraws = 1 and not was_withdrawn then mark end) over past as last_withdrawn_mark,
        -- Only these events can move a due or judge by it; the due in force is constant between them.
        count(*) filter (where pause_begins or pause_ends or moves_due) over past as step_no
    from marked
    window
        past as (partition by v order by ordinal rows unbounded preceding),
        before as (partition by v order by ordinal rows between unbounded preceding and 1 preceding)
),
counted as (
    select
        *,
        coalesce(takes_away = 1, was_away) as away,
        first_counts % 1048576 as times_gone, first_counts // 1048576 % 1048576 as times_replied, first_counts // 1099511627776 as times_returned,
        other_counts % 1048576 as times_extended, other_counts // 1048576 % 1048576 as urged, other_counts // 1099511627776 as supervised
    from folded
)
select
    f.v, f.ordinal, k.event_type, f.old_due, f.new_due, f.effect_at, f.next_at, f.step_no, f.pause_begins, f.pause_ends,
    f.times_gone > 0 as gone, f.away, f.times_gone = 0 and not f.away as valid,
    coalesce(f.last_closed_mark > f.reopen_mark, false) as closed,
    f.ordinal > 1 and f.times_gone = f.is_gone and not f.was_away and not f.was_closed as was_open,
    coalesce(f.pauses = 1, false) or f.was_paused and not f.pause_ends as paused,
    f.reopen_mark > 0 as reopened,
    f.times_replied > 0 as first_replied, f.times_returned > 0 as returned, f.times_extended > 0 as extended,
    f.urged, f.supervised, f.rating, f.unit_no,
    f.accept_mark, f.reply_mark,
    case when f.last_handle_mark > f.reopen_mark then f.last_handle_mark end as handle_mark,
    case when f.last_closed_mark > f.reopen_mark then f.last_closed_mark end as closed_mark,
    case
        when f.last_handle_mark > f.reopen_mark then f.last_handle_mark
        when f.last_closed_mark > f.reopen_mark then f.last_closed_mark
    end as close_mark,
    case when f.last_withdrawn_mark > f.reopen_mark then f.last_withdrawn_mark end as withdrawn_mark
from counted f
join kind k on k.rank = f.rank;
