-- The versions of the changed tickets with their contents; v is a small key for the joins of this refresh.
-- reads:  changed_ticket, core.ticket_version, core.content
-- writes: temp version
-- grain:  version
{% from 'macros.sql' import of_changed %}

create temp table version as
select
    row_number() over () as v,
    t.version_id, t.ticket_id, t.content_id, t.known_from, t.known_to, t.status_at,
    c.source, c.received_at, c.channel, c.ticket_type, c.urgency, c.category, split_part(c.category, '/', 1) as top_category, c.area, c.unit, c.repeat,
    c.due_at, c.limit_amount, c.limit_unit, c.received_month
from (select * from core.ticket_version where {{ of_changed() }}) t
join core.content c on c.content_id = t.content_id
where c.received_month in (select distinct received_month from changed_ticket);
