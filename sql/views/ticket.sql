-- The tickets as they stand at the last fetch. A confidential one shows its number only; names, telephones, addresses and texts of
-- petitions are not here, a title is masked as it is everywhere.
-- reads:  core.posting, core.ticket_version, core.content, control.batch
-- grain:  ticket

create view marts.ticket as
select
    p.ticket_id, c.restricted
    {%- for name, told in [
        ('source', 'p.source'), ('source_no', 'c.source_no'), ('channel', 'p.channel'), ('ticket_type', 'p.ticket_type'),
        ('urgency', 'c.urgency'), ('category', 'c.category'), ('area', 'p.area'), ('unit', 'p.unit'), ('title', 'c.title'),
        ('repeat', 'p.repeat'), ('received_at', 'p.received_at'), ('accepted_at', 'p.accepted_at'), ('replied_at', 'p.replied_at'),
        ('done_at', 'p.done_at'), ('closed_at', 'p.closed_at'), ('valid', 'p.valid'), ('closed', 'p.closed'),
        ('suspended', 'p.suspended'), ('due_at', 'p.close_due_at'), ('due_source', 'p.close_due_source'),
        ('provisional', 'p.provisional'), ('class', 'p.close_class'), ('reply_class', 'p.reply_class'),
        ('accept_class', 'p.accept_class'), ('satisfaction', 'p.satisfaction'), ('returned', 'p.returned'),
        ('reopened', 'p.reopened'), ('extended', 'p.extended'), ('urged', 'p.urged'), ('supervised', 'p.supervised'),
    ] %},
    case when not c.restricted then {{ told }} end as {{ name }}
    {%- endfor +%}
from {{ postings }}
join core.ticket_version v on v.version_id = p.version_id
join core.content c on c.content_id = v.content_id
where p.known_to = timestamptz '9999-12-31 00:00:00+08'
  and p.valid_from <= (select max(fetched_at) from control.batch)
  and p.valid_to > (select max(fetched_at) from control.batch);
