-- Contents that tell a state without a time. One query; it is brought to where versions are computed.
-- reads:  touched_content, core.content_event
-- grain:  content

select distinct content_id
from core.content_event
where occurred_at is null
  and content_id in (select content_id from touched_content) and received_month in (select distinct received_month from touched_content)
