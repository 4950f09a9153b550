-- The large tables tell the month of registration: by it a step finds the rows of a few tickets without reading those of all, and the
-- figures by month need no calendar.
-- writes: core.content, core.content_event, core.sighting, core.ticket_version, core.clock, core.posting, core.passage

alter table core.content add column received_month date;

alter table core.content_event add column received_month date;

alter table core.sighting add column received_month date;

alter table core.ticket_version add column received_month date;

alter table core.clock add column received_month date;

alter table core.posting add column received_month date;

alter table core.passage add column received_month date;

update core.content set received_month = cast(date_trunc('month', received_at at time zone 'Asia/Shanghai') as date);

update core.content_event set received_month = c.received_month from core.content c where c.content_id = content_event.content_id;

update core.sighting set received_month = c.received_month from core.content c where c.content_id = sighting.content_id;

update core.ticket_version set received_month = c.received_month from core.content c where c.content_id = ticket_version.content_id;

update core.clock set received_month = v.received_month from core.ticket_version v where v.version_id = clock.version_id;

update core.posting set received_month = cast(date_trunc('month', received_at at time zone 'Asia/Shanghai') as date);

update core.passage set received_month = v.received_month
from core.ticket_version v where v.ticket_id = passage.ticket_id and v.known_from = passage.known_from;
