-- The tickets that the next refresh has to look at. One query; its rows go to control.touched.
-- reads:  stage_ticket (temp)
-- grain:  ticket × month of registration it is told under

select distinct ticket_id, cast(date_trunc('month', received_at) as date) from stage_ticket
