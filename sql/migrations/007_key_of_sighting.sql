-- Sightings tell their ticket as a key too: to look for a few tickets among all that was ever seen, a night reads numbers in place of texts.
-- writes: core.sighting, its index

alter table core.sighting add column ticket_key uuid;

update core.sighting set ticket_key = cast(md5(ticket_id) as uuid);

drop index if exists core.sighting_ticket_id;
