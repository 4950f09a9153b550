-- What the clocks go by: order of events, working days, time limits. Replaced whole where their fingerprint changed.
-- reads:  stage_event_type, stage_calendar, stage_rule (temp)
-- writes: core.event_type, core.calendar, core.rule

delete from core.event_type;

insert into core.event_type select event_type, rank from stage_event_type;

delete from core.calendar;

insert into core.calendar
select
    day, is_working, published, workday_no, next_workday,
    max(case when is_working then day end) over (order by day rows between unbounded preceding and 1 preceding)
from stage_calendar;

delete from core.rule;

insert into core.rule
select
    rule_id, source, channel, ticket_type, urgency, category, clock, start_event, amount, unit, roll, pausable,
    effective_from, effective_to, basis, specificity
from stage_rule;
