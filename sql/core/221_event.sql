-- What happened in these versions, in no order yet. One query: it is brought to where the clocks are computed.
-- reads:  version, changed_ticket, core.content_event
-- grain:  version × event

select n.v, e.seq, e.event_type, e.occurred_at, e.unit, e.old_due, e.new_due, e.satisfaction
from version n
join core.content_event e on e.content_id = n.content_id
where e.received_month in (select distinct received_month from changed_ticket)
