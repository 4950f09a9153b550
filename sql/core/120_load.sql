-- What a batch brought is known from now on.
-- reads:  stage_ticket, stage_event, stage_quarantine (temp, from staging), :batch_id, :source, :fetched_at
-- writes: core.content, core.content_event, core.sighting, control.quarantine_sighting
-- grain:  sighting = ticket × content × batch

create temp table new_content as
select distinct cast(s.content_id as uuid) as content_id, cast(date_trunc('month', s.received_at) as date) as received_month
from stage_ticket s
where not exists (
    select 1 from core.content c
    where c.content_id = cast(s.content_id as uuid) and c.received_month = cast(date_trunc('month', s.received_at) as date)
);

insert into core.content
select
    n.content_id, s.ticket_id, :source, s.source_no, s.received_at, s.channel, s.ticket_type, s.urgency, s.category, s.area, s.unit,
    s.title, s.content, s.address, s.petitioner, s.phone, s.id_number, s.person_key, s.persons, s.repeat, s.restricted,
    s.due_at, s.due_upper_at, s.limit_amount, s.limit_unit, s.out_of_order, n.received_month
from stage_ticket s
join new_content n on n.content_id = cast(s.content_id as uuid);

insert into core.content_event
select n.content_id, e.seq, e.event_type, e.occurred_at, e.unit, e.old_due, e.new_due, e.satisfaction, e.note, n.received_month
from stage_event e
join new_content n on n.content_id = cast(e.content_id as uuid);

insert into core.sighting
select
    ticket_id, :source, cast(content_id as uuid), :batch_id, :fetched_at, updated_at, update_key, export_at,
    true,  -- so it is with most; the next refresh finds those that say what was known
    cast(date_trunc('month', received_at) as date)
from stage_ticket;

insert into control.quarantine_sighting
select record_id, :batch_id, :source, source_no, rule, reason, :fetched_at, file, line
from stage_quarantine;

drop table new_content;
