-- The contents of a batch that were never seen before.
-- reads:  stage_content, known_content (temp)
-- writes: temp new_content

create or replace temp table new_content as
select content_id, received_month from stage_content
except
select content_id, received_month from known_content;
