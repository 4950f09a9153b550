-- Versions from sightings (metrics.md §2). The result depends on the set of sightings only, never on the order of loading.
-- reads:  touched_sighting, undated_content, version_before (temp)
-- writes: temp version_now, changed_ticket (whose versions are new or whose time of knowledge moved), gone_version (there no more),
--         sighting_made
-- grain:  ticket × content × time in which it was the newest we knew

create temp table sighted as
select
    s.*,
    -- The winner of one moment of knowledge: later platform update time, then larger content hash.
    row_number() over (
        partition by s.ticket_key, s.known_at
        order by s.updated_at desc, s.update_key desc, s.content_id desc, s.batch_id
    ) as place,
    -- How recent an export is among all exports that show the ticket: an older file read later does not override a newer one, one that was
    -- exported again under its name does.
    dense_rank() over (partition by s.ticket_key order by s.updated_at, s.update_key) as recency,
    row_number() over (partition by s.ticket_key, s.content_id order by s.known_at, s.batch_id) as showing,
    min(s.export_at) over (partition by s.ticket_key, s.content_id order by s.known_at) as first_export_at
from touched_sighting s;

create temp table standing as
with winner as (
    select *, max(recency) over (partition by ticket_key order by known_at) as newest_export
    from sighted
),
fetched as (
    select
        ticket_key, ticket_id, known_at, place, content_id, received_month, showing, batch_id, made_version,
        place = 1 and (export_at is null or recency = newest_export) as stands
    from winner
)
select
    ticket_key, ticket_id, known_at, content_id, received_month, batch_id, made_version, showing, stands, place,
    -- the number of the last standing sighting up to here carries a content over moments at which nothing newer was seen
    count(*) filter (where stands) over (partition by ticket_key order by known_at) as standing_no
from fetched;

create temp table version_point as
with point as (
    select p.ticket_key, s.ticket_id, p.known_at, s.content_id, s.received_month
    from (select distinct ticket_key, known_at, standing_no from standing) p
    join standing s on s.ticket_key = p.ticket_key and s.standing_no = p.standing_no and s.stands
),
undated as (
    select s.ticket_key, s.content_id, s.known_at, s.first_export_at
    from sighted s
    where s.content_id in (select content_id from undated_content)
),
-- A state without a time took effect at the export date of the oldest file that shows this content (sources.md §3).
dated as (
    select p.ticket_key, p.known_at, min(u.first_export_at) as status_at
    from point p
    join undated u on u.ticket_key = p.ticket_key and u.content_id = p.content_id and u.known_at <= p.known_at
    group by p.ticket_key, p.known_at
),
told as (
    select p.ticket_key, p.ticket_id, p.known_at, p.content_id, p.received_month, d.status_at
    from point p
    left join dated d on d.ticket_key = p.ticket_key and d.known_at = p.known_at
),
compared as (
    select
        *,
        lag(content_id) over (partition by ticket_key order by known_at) as content_before,
        lag(status_at) over (partition by ticket_key order by known_at) as status_before
    from told
)
select *
from compared
where content_before is null or content_before <> content_id or status_before is distinct from status_at;

create temp table version_now as
select
    cast(md5(cast(content_id as text) || cast(extract(epoch from known_at) as bigint)) as uuid) as version_id,
    ticket_id,
    content_id,
    known_at as known_from,
    lead(known_at, 1, timestamptz '9999-12-31 00:00:00+08') over (partition by ticket_key order by known_at) as known_to,
    status_at,
    received_month
from version_point;

-- A new version is what the standing content was not before, or what was never seen before (told apart by its update time in one batch).
create temp table sighting_made as
with told as (
    select
        s.ticket_key, s.content_id, s.batch_id, s.received_month, s.made_version,
        (s.stands and p.content_id is not null and p.content_before is distinct from p.content_id) or (not s.stands and s.showing = 1) as made
    from standing s
    left join version_point p
        on p.ticket_key = s.ticket_key and p.known_at = s.known_at and p.content_id = s.content_id
)
select ticket_key, content_id, batch_id, received_month, made from told where made <> made_version;

-- Only tickets whose versions changed go on: a night costs what changed. With all months that their rows may be under.
create temp table changed_ticket as
with changed as (
    select coalesce(n.ticket_id, o.ticket_id) as ticket_id
    from version_now n
    full join version_before o on o.version_id = n.version_id and o.known_to = n.known_to and o.status_at is not distinct from n.status_at
    where n.version_id is null or o.version_id is null
)
select ticket_id, received_month from version_now where ticket_id in (select ticket_id from changed)
union
select ticket_id, received_month from version_before where ticket_id in (select ticket_id from changed);

create temp table gone_version as
select version_id from version_before where version_id not in (select version_id from version_now);

drop table sighted;

drop table standing;

drop table version_point;
