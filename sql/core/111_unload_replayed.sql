-- Room for what a replay brings into a batch that is loaded: only formerly bad records are staged, all else is untouched.
-- reads:  stage_replayed (temp; record_id = as it is in quarantine; content_id where it is good now, now_id where it is still bad),
--         stage_content (temp), :batch_id
-- writes: core.sighting, control.quarantine_sighting, control.quarantine_replay

-- A record with the same content may be there already: the two are one, as the staged row says.
delete from core.sighting
where batch_id = :batch_id and content_id in (select content_id from stage_content);

insert into control.quarantine_replay
select record_id, :batch_id from stage_replayed where content_id is not null;

delete from control.quarantine_sighting
where batch_id = :batch_id and exists (
    select 1 from stage_replayed r
    where r.now_id is not null and (r.record_id = quarantine_sighting.record_id or r.now_id = quarantine_sighting.record_id)
);
