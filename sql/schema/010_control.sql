-- What every step leaves behind for people and for the next step: runs of lanes, batches, quarantine, fingerprints.
-- writes: control.*

create schema if not exists control;

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
