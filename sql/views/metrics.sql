-- Every count of docs/metrics.md at the last fetch, by month of registration and all that tickets are grouped by. A rate is the sum of one
-- count over the sum of another: never an average of rates.
-- reads:  core.posting, control.batch
-- grain:  month × source × channel × ticket_type × category × area × unit, as known now

create view marts.metrics as
select
    received_month as month, source, channel, ticket_type, category, area, unit
    {%- for key, condition in counts %},
    count(*) filter (where {{ condition }}) as {{ key }}
    {%- endfor +%}
from {{ postings }}
where known_to = timestamptz '9999-12-31 00:00:00+08'
  and valid_from <= (select max(fetched_at) from control.batch)
  and valid_to > (select max(fetched_at) from control.batch)
group by received_month, source, channel, ticket_type, category, area, unit;
