-- The versions of the touched tickets as they stand so far. One query; it is brought to where versions are computed.
-- Their months are those of the sightings, and of sightings that a batch loaded anew has taken back.
-- reads:  control.touched, touched_content, core.ticket_version
-- grain:  version

select * from core.ticket_version
where ticket_id in (select ticket_id from control.touched)
  and received_month in (select received_month from touched_content union select received_month from control.touched)
