-- A ticket's passages into and out of "open" (metrics.md §5). Every ticket enters at `received`; after that a passage is a change of "open",
-- named by the event that made it. One query; its rows go to core.passage.
-- reads:  version, life
-- grain:  version × passage

with named as (
    select
        v, effect_at,
        case
            when ordinal = 1 then 'received'
            when not was_open and event_type = 'reopened' then 'reopened'
            when not was_open then 'restored'
            when event_type in ('closed', 'withdrawn') then 'closed'
            else 'excluded'
        end as passage
    from life
    where ordinal = 1 or was_open <> (valid and not closed)
)
select n.ticket_id, n.source, n.channel, n.known_from, n.known_to, p.effect_at, p.passage, n.received_month
from named p
join version n on n.v = p.v
