-- A ticket's passages into and out of "open" (metrics.md §5). Every ticket enters at `received`; after that a passage is a change of "open",
-- named by the event that made it. One query; its rows go to core.passage.
-- reads:  version, life
-- grain:  version × passage

with openness as (
    select
        v, ordinal, effect_at, event_type, valid and not closed as is_open,
        lag(valid and not closed) over (partition by v order by ordinal) as was_open
    from life
),
named as (
    select
        v, effect_at,
        case
            when ordinal = 1 then 'received'
            when is_open and event_type = 'reopened' then 'reopened'
            when is_open then 'restored'
            when event_type in ('closed', 'withdrawn') then 'closed'
            else 'excluded'
        end as passage
    from openness
    where was_open is null or was_open <> is_open
)
select n.ticket_id, n.source, n.channel, n.known_from, n.known_to, p.effect_at, p.passage, n.received_month
from named p
join version n on n.v = p.v
