-- Small tables for readers who count by themselves: dashboards, spreadsheets, other systems.
-- writes: marts.*

create schema if not exists marts;

-- grain: day × source × channel × category × area × unit, as known now; a missing name is '—'.
-- received and closed are by day of registration and of closing, of tickets that are valid (closed) when all told has happened.
-- open_change and overdue_change add up over the days: their sum up to a day is what is open (overdue) at its end, by what is
-- known; days to come tell what falls overdue if nothing happens.
create table if not exists marts.daily (
    day date not null,
    source text not null,
    channel text not null,
    category text not null,
    area text not null,
    unit text not null,
    received bigint not null,
    closed bigint not null,
    open_change bigint not null,
    overdue_change bigint not null
);
