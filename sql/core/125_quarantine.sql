-- The bad records of a batch. One query; its rows go to control.quarantine_sighting.
-- reads:  stage_quarantine (temp), :batch_id, :source, :fetched_at
-- grain:  bad record × batch

select record_id, :batch_id, :source, source_no, rule, reason, :fetched_at, file, line
from stage_quarantine
