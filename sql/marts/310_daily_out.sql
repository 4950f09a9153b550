-- What the changed tickets contributed to the daily figures so far, taken out. One query: it is asked before their postings are replaced.
-- reads:  changed_ticket, version, gone_version, core.posting; of a fresh ledger nothing
-- grain:  day × source × channel × category × area × unit; a state counts from the day it is entered (+1) to the day it is left (-1)
{% from 'macros.sql' import of_versions %}

with held as (
    select
        p.*, coalesce(channel, '—') as channel_name, coalesce(category, '—') as category_name, coalesce(area, '—') as area_name,
        coalesce(unit, '—') as unit_name,
        -cast(valid and not closed as integer) as is_open,
        -cast(valid and close_class = 'overdue' as integer) as is_overdue
    from {{ postings }}
    where known_to = timestamptz '9999-12-31 00:00:00+08' and {{ 'false' if fresh else of_versions() }}
),
contribution as (
    select *, cast(valid_from as date) as day, 0 as received_count, 0 as closed_count, is_open as open_change, is_overdue as overdue_change
    from held where is_open <> 0 or is_overdue <> 0
    union all
    select *, cast(valid_to as date), 0, 0, -is_open, -is_overdue
    from held where (is_open <> 0 or is_overdue <> 0) and valid_to < timestamptz '9999-12-31 00:00:00+08'
    union all
    select *, cast(received_at as date), -1, 0, 0, 0
    from held where valid and valid_to = timestamptz '9999-12-31 00:00:00+08'
    union all
    select *, cast(closed_at as date), 0, -1, 0, 0
    from held where valid and closed and valid_to = timestamptz '9999-12-31 00:00:00+08'
)
select
    day, source, channel_name as channel, category_name as category, area_name as area, unit_name as unit,
    cast(sum(received_count) as bigint) as received, cast(sum(closed_count) as bigint) as closed,
    cast(sum(open_change) as bigint) as open_change, cast(sum(overdue_change) as bigint) as overdue_change
from contribution
group by day, source, channel_name, category_name, area_name, unit_name
