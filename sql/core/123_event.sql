-- What happened, of contents that were never told before. One query; its rows go to core.content_event.
-- reads:  stage_event, new_content (temp)
-- grain:  content × event

select n.content_id, e.seq, e.event_type, e.occurred_at, e.unit, e.old_due, e.new_due, e.satisfaction, e.note, n.received_month
from stage_event e
join new_content n on n.content_id = cast(e.content_id as uuid)
