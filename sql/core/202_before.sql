-- The versions of the touched tickets as they stand so far. One query; it is brought to where versions are computed.
-- reads:  control.touched, core.ticket_version
-- grain:  version

select * from core.ticket_version where ticket_id in (select ticket_id from control.touched)
