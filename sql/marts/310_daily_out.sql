-- What the changed tickets contributed to the daily figures so far, taken out. Runs before their postings are replaced.
-- reads:  changed_ticket, core.posting
-- writes: temp daily_change
-- grain:  one contribution
{% from 'macros.sql' import daily_contributions with context %}

create temp table daily_change as
{{ daily_contributions(-1) }};
