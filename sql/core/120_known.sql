-- Which of a batch's contents were seen before. One query; it is brought to where the batch is staged.
-- A lane's first batch looks for none: nothing of it can be known.
-- reads:  stage_content (temp), core.content, control.batch
-- grain:  content

select c.content_id, c.received_month
from core.content c
join stage_content s on s.content_id = c.content_id and s.received_month = c.received_month
where exists (select 1 from control.batch where source = '{{ source }}')
