-- The versions of the changed tickets make room for those of now; what a sighting turned out to be is noted with it.
-- reads:  changed_ticket, sighting_made (temp)
-- writes: core.sighting.made_version, core.ticket_version
{% from 'macros.sql' import of_changed %}

update core.sighting
set made_version = m.made
from sighting_made m
where sighting.received_month in (select distinct received_month from sighting_made)
  and sighting.ticket_key = m.ticket_key and sighting.content_id = m.content_id and sighting.batch_id = m.batch_id;

delete from core.ticket_version where {{ of_changed() }};
