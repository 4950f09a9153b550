-- Room for what a replay brings into a batch that is loaded: of the staged batch only formerly bad records stay, all else is untouched.
-- reads:  stage_replayed (temp; record_id = as it is in quarantine; content_id where it is good now, now_id where it is still bad), :batch_id
-- writes: stage_ticket, stage_quarantine (temp), core.sighting, control.quarantine_sighting, control.quarantine_replay, control.touched

delete from stage_ticket
where not exists (select 1 from stage_replayed r where r.content_id = stage_ticket.content_id);

delete from stage_quarantine
where not exists (select 1 from stage_replayed r where r.now_id = stage_quarantine.record_id);

insert into control.touched (ticket_id) select ticket_id from stage_ticket;

-- A record with the same content may be there already: the two are one, as the staged row says.
delete from core.sighting
where batch_id = :batch_id and content_id in (select cast(content_id as uuid) from stage_ticket);

insert into control.quarantine_replay
select record_id, :batch_id from stage_replayed where content_id is not null;

delete from control.quarantine_sighting
where batch_id = :batch_id and exists (
    select 1 from stage_replayed r
    where r.now_id is not null and (r.record_id = quarantine_sighting.record_id or r.now_id = quarantine_sighting.record_id)
);
