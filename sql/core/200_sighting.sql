-- When and with which content the touched tickets were seen. One query; it is brought to where versions are computed.
-- reads:  control.touched, core.sighting
-- grain:  sighting

select * from core.sighting where ticket_key in (select {{ ticket_key('ticket_id') }} from control.touched)
