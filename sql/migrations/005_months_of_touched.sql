-- The tickets that wait for a refresh tell their months of registration: by them their versions are found without reading those of all.
-- reads:  core.ticket_version · writes: control.touched

alter table control.touched add column received_month date;

insert into control.touched
select distinct ticket_id, received_month from core.ticket_version where ticket_id in (select ticket_id from control.touched);

delete from control.touched
where received_month is null and ticket_id in (select ticket_id from control.touched where received_month is not null);
