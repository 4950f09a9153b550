-- The kind of a posting tells all that fourteen columns told: they go, as to write them took a third of a refresh. It says too by what a
-- close is due. The clocks leave the ticket to their version.
-- reads, writes: core.posting, core.clock

create table core.posting_by_kind (
    ticket_id text not null,
    version_id uuid not null,
    source text not null,
    received_at timestamptz not null,
    known_from timestamptz not null,
    known_to timestamptz not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    channel text,
    ticket_type text,
    category text,
    area text,
    unit text,
    accept_due_at timestamptz,
    reply_due_at timestamptz,
    close_due_at timestamptz,
    accepted_at timestamptz,
    replied_at timestamptz,
    done_at timestamptz,
    closed_at timestamptz,
    urged integer not null,
    supervised integer not null,
    received_month date,
    kind integer not null
);

insert into core.posting_by_kind
select
    ticket_id, version_id, source, received_at, known_from, known_to, valid_from, valid_to, channel, ticket_type, category, area, unit,
    accept_due_at, reply_due_at, close_due_at, accepted_at, replied_at, done_at, closed_at, urged, supervised, received_month,
    kind + case when close_due_source = 'rule' then 8388608 when close_due_source = 'platform' then 16777216 else 0 end
from core.posting;

drop table core.posting;

alter table core.posting_by_kind rename to posting;

alter table core.clock drop column ticket_id;
