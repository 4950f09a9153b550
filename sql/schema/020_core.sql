-- The warehouse proper: contents as the platforms told them, versions, clocks and the ledger.
-- writes: core.*

create schema if not exists core;

-- grain: one event type; rank is the order of effect at one instant (metrics.md §2)
create table if not exists core.event_type (
    event_type text not null,
    rank integer not null
);

-- grain: one day; workday_no counts working days up to and including it
create table if not exists core.calendar (
    day date not null,
    is_working boolean not null,
    published boolean not null,
    workday_no integer not null,
    next_workday date not null,
    previous_workday date
);

-- grain: one row of the time-limit table; specificity counts the fields that are given
create table if not exists core.rule (
    rule_id text not null,
    source text not null,
    channel text not null,
    ticket_type text not null,
    urgency text not null,
    category text not null,
    clock text not null,
    start_event text not null,
    amount integer not null,
    unit text not null,
    roll text not null,
    pausable boolean not null,
    effective_from date not null,
    effective_to date,
    basis text,
    specificity integer not null
);

-- grain: one distinct content of one ticket (attributes and events together have one content_id)
create table if not exists core.content (
    content_id uuid not null,
    ticket_id text not null,
    source text not null,
    source_no text not null,
    received_at timestamptz not null,
    channel text,
    ticket_type text,
    urgency text,
    category text,
    area text,
    unit text,
    title text,
    content text,
    address text,
    petitioner text,
    phone text,
    id_number text,
    person_key text,
    persons integer,
    repeat boolean not null,
    restricted boolean not null,
    due_at timestamptz,
    due_upper_at timestamptz,
    limit_amount integer,
    limit_unit text,
    out_of_order boolean not null
);

-- grain: one event of one content; occurred_at is null where an export tells a state and no time for it
create table if not exists core.content_event (
    content_id uuid not null,
    seq integer not null,
    event_type text not null,
    occurred_at timestamptz,
    unit text,
    old_due timestamptz,
    new_due timestamptz,
    satisfaction text,
    note text
);

-- grain: one ticket seen in one batch with one content
create table if not exists core.sighting (
    ticket_id text not null,
    source text not null,
    content_id uuid not null,
    batch_id text not null,
    known_at timestamptz not null,
    updated_at timestamptz not null,
    update_key text not null,
    export_at timestamptz,
    made_version boolean not null
);

-- grain: one content of one ticket over the time in which it was the newest we knew; known_to is exclusive
create table if not exists core.ticket_version (
    version_id uuid not null,
    ticket_id text not null,
    content_id uuid not null,
    known_from timestamptz not null,
    known_to timestamptz not null,
    status_at timestamptz
);

-- grain: version × clock, as it stands when everything told so far has happened
create table if not exists core.clock (
    version_id uuid not null,
    ticket_id text not null,
    clock text not null,
    started_at timestamptz,
    due_at timestamptz,
    due_source text,
    rule_id text,
    calendar_version text,
    provisional boolean not null,
    done_at timestamptz
);

-- grain: one state of one version over [valid_from, valid_to) as known over [known_from, known_to):
-- the ticket enters the state (+1) at valid_from and leaves it (-1) at valid_to. A figure is a count of these rows.
create table if not exists core.posting (
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
    repeat boolean not null,
    valid boolean not null,
    closed boolean not null,
    suspended boolean not null,
    accept_class text not null,
    reply_class text not null,
    close_class text not null,
    accept_due_at timestamptz,
    reply_due_at timestamptz,
    close_due_at timestamptz,
    close_due_source text,
    provisional boolean not null,
    accepted_at timestamptz,
    replied_at timestamptz,
    done_at timestamptz,
    closed_at timestamptz,
    first_replied boolean not null,
    satisfaction text,
    returned boolean not null,
    reopened boolean not null,
    extended boolean not null,
    urged integer not null,
    supervised integer not null
);

-- grain: one passage of one version's ticket into or out of "open"
create table if not exists core.passage (
    ticket_id text not null,
    source text not null,
    channel text,
    known_from timestamptz not null,
    known_to timestamptz not null,
    passed_at timestamptz not null,
    passage text not null
);
