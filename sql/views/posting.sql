-- The ledger for readers who count by themselves: who stands at the moment T is `valid_from <= T and valid_to > T`.
-- Whose a posting is it does not tell, so that confidential tickets count and are not told of.
-- reads:  core.posting
-- grain:  one state of one ticket over [valid_from, valid_to), as known now

create view marts.posting as
select
    source, cast(received_at as date) as received_on, valid_from, valid_to, channel, ticket_type, category, area, unit, repeat,
    valid, closed, suspended, accept_class, reply_class, close_class, close_due_source, provisional,
    first_replied, satisfaction, returned, reopened, extended, urged, supervised
from {{ postings }}
where known_to = timestamptz '9999-12-31 00:00:00+08';
