-- The daily figures with what has changed.
-- reads:  daily_change
-- writes: marts.daily
-- grain:  day × source × channel × category × area × unit
{% set names = 'day, source, channel, category, area, unit' %}

create temp table daily_sum as
select {{ names }}, sum(received) as received, sum(closed) as closed, sum(open_change) as open_change, sum(overdue_change) as overdue_change
from daily_change
group by {{ names }}
having sum(received) <> 0 or sum(closed) <> 0 or sum(open_change) <> 0 or sum(overdue_change) <> 0;

create temp table daily_new as
select
    s.day, s.source, s.channel, s.category, s.area, s.unit,
    s.received + coalesce(d.received, 0) as received,
    s.closed + coalesce(d.closed, 0) as closed,
    s.open_change + coalesce(d.open_change, 0) as open_change,
    s.overdue_change + coalesce(d.overdue_change, 0) as overdue_change
from daily_sum s
left join marts.daily d
    on d.day = s.day and d.source = s.source and d.channel = s.channel and d.category = s.category and d.area = s.area and d.unit = s.unit;

delete from marts.daily
where exists (
    select 1 from daily_sum s
    where daily.day = s.day and daily.source = s.source and daily.channel = s.channel
      and daily.category = s.category and daily.area = s.area and daily.unit = s.unit
);

insert into marts.daily
select {{ names }}, received, closed, open_change, overdue_change
from daily_new
where received <> 0 or closed <> 0 or open_change <> 0 or overdue_change <> 0;

drop table daily_change;

drop table daily_sum;

drop table daily_new;
