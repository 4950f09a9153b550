-- What a batch brought before goes, so that it can be loaded anew. Bad records that are bad no more stay as history, and a rebuilt
-- warehouse begins with that history.
-- reads:  stage_quarantine (temp, from staging), core.sighting, :batch_id
-- writes: core.sighting, control.quarantine_sighting, control.quarantine_replay, control.touched

{% if loaded %}
insert into control.touched
select distinct ticket_id, received_month from core.sighting where batch_id = :batch_id;

delete from core.sighting where batch_id = :batch_id;
{% endif %}

delete from control.quarantine_replay
where batch_id = :batch_id and record_id in (select record_id from stage_quarantine);

-- A record that is bad for another reason now may have another id (its content can be read): it is known by its place too.
insert into control.quarantine_replay
select distinct q.record_id, q.batch_id
from control.quarantine_sighting q
where q.batch_id = :batch_id
    and not exists (select 1 from stage_quarantine s where s.record_id = q.record_id or s.file = q.file and s.line = q.line)
    and not exists (select 1 from control.quarantine_replay r where r.batch_id = q.batch_id and r.record_id = q.record_id);

delete from control.quarantine_sighting
where batch_id = :batch_id and not exists (
    select 1 from control.quarantine_replay r
    where r.batch_id = quarantine_sighting.batch_id and r.record_id = quarantine_sighting.record_id
);
