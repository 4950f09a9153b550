-- What a batch tells that was never told before. One query; its rows go to core.content.
-- reads:  stage_ticket, new_content (temp), :source
-- grain:  content

select
    n.content_id, s.ticket_id, :source, s.source_no, s.received_at, s.channel, s.ticket_type, s.urgency, s.category, s.area, s.unit,
    s.title, s.content, s.address, s.petitioner, s.phone, s.id_number, s.person_key, s.persons, s.repeat, s.restricted,
    s.due_at, s.due_upper_at, s.limit_amount, s.limit_unit, s.out_of_order, n.received_month
from stage_ticket s
join new_content n on n.content_id = cast(s.content_id as uuid)
