-- Postings and clocks are found by version: the server's indexes by ticket go, those by version come with the next refresh.
-- writes: indexes of core.posting and core.clock

drop index if exists core.posting_ticket_id;

drop index if exists core.clock_ticket_id;
