-- The first schema: what every step leaves behind for people and for the next step (control), the warehouse proper (core), and
-- small tables for readers who count by themselves (marts).
-- writes: control.*, core.*, marts.*
-- `if not exists`: warehouses were filled before their version was kept.

create schema if not exists control;

-- grain: one version of the schema that this warehouse was brought to
create table control.migration (
    version integer not null,
    name text not null
);

-- grain: one run of one lane, also where it brought no batch
create table if not exists control.lane_run (
    run_id text not null,
    source text not null,
    batch_id text,
    ended_at timestamptz not null,
    error text
);

-- grain: one loaded batch; asked_to is where the platform was really asked to (a night ends at the pull); the equation's changing side (new, unchanged) is counted from core.sighting
create table if not exists control.batch (
    batch_id text not null,
    source text not null,
    window_from timestamptz not null,
    window_to timestamptz not null,
    asked_to timestamptz not null,
    fetched_at timestamptz not null,
    platform_total bigint not null,
    numbers bigint not null,
    landed bigint not null
);

-- grain: one remark about a batch; level is 'yellow' or 'red'
create table if not exists control.batch_message (
    batch_id text not null,
    level text not null,
    message text not null
);

-- grain: one file that a batch read
create table if not exists control.batch_file (
    batch_id text not null,
    source text not null,
    name text not null,
    sha256 text not null
);

-- grain: one bad record in one batch; record_id is the same wherever the same bad content comes again
create table if not exists control.quarantine_sighting (
    record_id text not null,
    batch_id text not null,
    source text not null,
    source_no text,
    rule text not null,
    reason text not null,
    seen_at timestamptz not null,
    file text,
    line bigint
);

-- grain: one bad record of one batch that was loaded after all, because today's maps can read it; it no longer counts as quarantined there
create table if not exists control.quarantine_replay (
    record_id text not null,
    batch_id text not null
);

-- grain: one decision of a person about a bad record; the last one counts
create table if not exists control.quarantine_decision (
    record_id text not null,
    status text not null,
    note text,
    decided_at timestamptz not null
);

-- grain: one input of the clocks (rules, calendar, office hours); a changed value means: recompute every clock
create table if not exists control.fingerprint (
    name text not null,
    value text not null
);

-- grain: one ticket whose versions, clocks and postings are to be made anew by the next refresh
create table if not exists control.touched (
    ticket_id text not null
);

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
