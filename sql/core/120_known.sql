-- Which of a batch's contents were seen before. One query; it is brought to where the batch is staged.
-- reads:  stage_content (temp), core.content
-- grain:  content

select c.content_id, c.received_month
from core.content c
join stage_content s on s.content_id = c.content_id and s.received_month = c.received_month
