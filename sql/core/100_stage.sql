-- The contents of a batch by id and month of registration, and views of its checked records.
-- reads:  the Parquet files of the staged batch, and of a replay stage_replayed (temp)
-- writes: temp views stage_ticket, stage_event, stage_quarantine; temp stage_content

{% macro rows(of) -%}
select * from read_parquet('{{ files[of] }}')
{%- endmacro %}

create or replace temp view stage_ticket as
{{ rows('tickets') }}
{%- if replayed %} where content_id in (select content_id from stage_replayed){% endif %};

create or replace temp view stage_event as
{{ rows('events') }};

create or replace temp view stage_quarantine as
{{ rows('quarantine') }}
{%- if replayed %} where record_id in (select now_id from stage_replayed){% endif %};

create or replace temp table stage_content as
select distinct cast(content_id as uuid) as content_id, cast(date_trunc('month', received_at) as date) as received_month
from stage_ticket;
