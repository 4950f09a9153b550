-- What a batch brought is known from now on. One query; its rows go to core.sighting.
-- reads:  stage_ticket (temp), :batch_id, :source, :fetched_at
-- grain:  ticket × content × batch

select
    ticket_id, :source, cast(content_id as uuid), :batch_id, :fetched_at, updated_at, update_key, export_at,
    true,  -- most make a version; the next refresh finds those that say what was known
    cast(date_trunc('month', received_at) as date),
    {{ ticket_key('ticket_id') }}
from stage_ticket
