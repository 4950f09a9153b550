"""Questions to the ledger: figures, the tickets behind them, flow, reconciliation. Every answer is for one (``T``, ``K``).

Answers are plain rows; the command line prints them and :class:`petitions.Petitions` makes data frames of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from petitions import kinds, metrics
from petitions.metrics import Count, Days, Rate
from petitions.model import BEIJING, SOURCES, sources_of
from petitions.said import Said
from petitions.sql_texts import ticket_key
from petitions.warehouse import FOREVER, Warehouse

# The postings that hold at (T, K), and those of tickets received in the window.
STANDING = "known_from <= :as_known and known_to > :as_known and valid_from <= :as_of and valid_to > :as_of"
RECEIVED = "received_at between :start and :end"
# Those whose content is confidential.
_CONFIDENTIAL = """
version_id in (select v.version_id from core.ticket_version v join core.content c on c.content_id = v.content_id where c.restricted)
"""
# How long a ticket took, in seconds.
TOOK = "cast(extract(epoch from done_at) as bigint) - cast(extract(epoch from received_at) as bigint) as seconds"
# One rate in an answer: what it is made of and how it prints.
RateValue = dict[str, Any]


class WrongQuestion(ValueError):
    """A question that cannot be asked; the message says what can."""


@dataclass(frozen=True)
class Scope:
    """What is asked about: a population received in ``[start, end]``, at the moment ``as_of``, as known at ``as_known``."""

    population: str
    start: date
    end: date
    as_of: datetime
    as_known: datetime | None

    @classmethod
    def of(
        cls,
        warehouse: Warehouse,
        population: str,
        start: date,
        end: date,
        as_of: date | datetime | None = None,
        as_known: datetime | None = None,
    ) -> Scope:
        """Fill in what was left open: ``as_of`` is the end of the window, ``as_known`` everything that was loaded so far.

        :raises WrongQuestion: for a population that is none, or a window that ends before it starts.
        """
        if population not in metrics.POPULATIONS:
            raise WrongQuestion(f"population: expected one of {', '.join(metrics.POPULATIONS)}, found {population!r}")
        if end < start:
            raise WrongQuestion(f"window: expected an end at or after {start}, found {end}")
        known = moment(as_known) if as_known else warehouse.value("select max(fetched_at) from control.batch")
        return cls(population, start, end, moment(as_of if as_of is not None else end), known)

    def parameters(self) -> dict[str, Any]:
        return {
            "start": moment(self.start, time.min),
            "end": moment(self.end),
            "as_of": self.as_of,
            "as_known": self.as_known or datetime.fromisoformat(FOREVER) - timedelta(seconds=1),
        }


def moment(told: date | datetime, at: time = time(23, 59, 59)) -> datetime:
    """A moment in Beijing time, whole seconds; a date alone means its end."""
    if not isinstance(told, datetime):
        return datetime.combine(told, at, BEIJING)
    return (told if told.tzinfo else told.replace(tzinfo=BEIJING)).astimezone(BEIJING).replace(microsecond=0)


def latest_fetch(warehouse: Warehouse) -> datetime:
    """When the newest batch was fetched: the latest moment that anything is known of.

    :raises WrongQuestion: where nothing was loaded.
    """
    found = warehouse.value("select max(fetched_at) from control.batch")
    if found is None:
        raise WrongQuestion("nothing was loaded yet; run `petitions run --from D --to D`")
    return moment(found)


def instant(told: date | datetime | str | None) -> datetime | None:
    """What a person wrote as a moment: a day (its end is meant) or an ISO time, Beijing time where no zone is given.

    :raises WrongQuestion: where it is neither.
    """
    if told is None:
        return None
    try:
        read = told if not isinstance(told, str) else date.fromisoformat(told) if len(told) == 10 else datetime.fromisoformat(told)
    except ValueError:
        raise WrongQuestion(
            f"time: expected a day such as 2023-12-31 or a time such as 2023-12-31T18:00:00+08:00, found {told!r}"
        ) from None
    _see_of_our_times("time", read)
    return moment(read)


def day(told: date | str) -> date:
    """What a person wrote as a day.

    :raises WrongQuestion: where it is none.
    """
    try:
        read = date.fromisoformat(told) if isinstance(told, str) else moment(told).date()
    except ValueError:
        raise WrongQuestion(f"day: expected one such as 2023-12-31, found {told!r}") from None
    _see_of_our_times("day", read)
    return read


def names(told: str | Iterable[str]) -> tuple[str, ...]:
    """What a person wrote to group by: ``source,month`` or several names; one that is named twice counts once."""
    several = told.split(",") if isinstance(told, str) else told
    return tuple(dict.fromkeys(name.strip() for name in several if name.strip()))


def _see_of_our_times(what: str, told: date) -> None:
    """The last day of all calendars stands for "still so" in the tables: asked about it, they would answer that nothing is."""
    if not 1900 <= told.year < 3000:
        raise WrongQuestion(f"{what}: expected one from 1900-01-01 to 2999-12-31, found {told}")


def figures(
    warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], by: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All metrics of a population: one row per group (its ``by`` values and the metric keys), and the total.

    Counts are integers; a rate is ``{"numerator", "denominator", "percent"}``; handling days are a Decimal or None.

    :raises WrongQuestion: for a grouping that does not exist.
    """
    groups, total = breakdowns(warehouse, scope, appeal_channels, [by] if by else [])
    return groups[0] if groups else [], total


def breakdowns(
    warehouse: Warehouse,
    scope: Scope,
    appeal_channels: Sequence[str],
    groupings: Sequence[Sequence[str]] = (),
    *,
    confidential: bool = False,
) -> tuple[list[list[dict[str, Any]]], dict[str, Any]]:
    """The answers of :func:`figures` for several groupings in one pass over the ledger: the groups of each, and the total.

    :param confidential: count the confidential tickets only.
    :raises WrongQuestion: for a grouping that does not exist.
    """
    names = list(dict.fromkeys(name for by in groupings for name in by))
    for name in names:
        if name not in metrics.GROUPINGS:
            raise WrongQuestion(f"--by: expected some of {', '.join(metrics.GROUPINGS)}, found {name!r}")
    counts, rates, durations = metrics.definitions(scope.population)
    groups = [f"{metrics.GROUPINGS[name]} as by_{name}" for name in names]
    rows = warehouse.rows(
        f"""
        with standing as (
            select {_listed(*groups, "source", "kind", TOOK if durations else "")}
            from {kinds.POSTINGS}
            where {STANDING} and {RECEIVED} and {of_population(scope, appeal_channels)} {f"and {_CONFIDENTIAL}" if confidential else ""}
        )
        {_counted(names, groupings, counts, durations)}
        """,
        scope.parameters() | channel_parameters(appeal_channels),
    )
    of_set = {frozenset(by): _merged(rows, frozenset(by), names) for by in (*groupings, ())}
    total = (of_set[frozenset()] or [{}])[0]
    if groupings:
        total |= {count.key: sum(row[count.key] for row in of_set[frozenset(groupings[0])]) for count in counts}
    told = [_told([_answer(row, by, counts, rates, durations) for row in of_set[frozenset(by)]], counts) for by in groupings]
    answer = _answer(total, (), counts, rates, durations)
    del answer["by"]
    return told, answer


def _counted(names: Sequence[str], groupings: Sequence[Sequence[str]], counts: Sequence[Count], durations: Sequence[Days]) -> str:
    """The tickets are counted once for every kind, of which there are few; the conditions are asked of the kinds.

    Two kinds of rows for each group: its counts, and where there are durations its percentiles.
    """
    groups = _listed(*(f"by_{name}, has_{name}" for name in names))
    has = [f"by_{name}, grouping(by_{name}) = 0 as has_{name}" for name in names]
    text = f"""
        , counted as (
            select {_listed(*has, "source", "kind", "count(*) as tickets")} from standing
            group by grouping sets ({_sets(groupings or [()], ("source", "kind"))})
        ),
        told as (
            select *, {_listed(*kinds.unpacked())} from counted
        )
        select {
        _listed(
            groups,
            *(f"coalesce(sum(tickets) filter (where {one.condition}), 0) as {one.key}" for one in counts),
            *(f"cast(null as double precision) as {one.key}" for one in durations),
        )
    }
        from told {f"group by {groups}" if names else ""}
    """
    if not durations:
        return text
    shares = (f"percentile_cont({float(one.share)}) within group (order by seconds) as {one.key}" for one in durations)
    (over,) = {one.over for one in durations}
    (condition,) = (count.condition for count in counts if count.key == over)
    return f"""{text}
        union all
        select {_listed(*has, *(f"0 as {one.key}" for one in counts), *shares)}
        from (select *, {_listed(*kinds.unpacked())} from standing) t where {condition}
        group by grouping sets ({_sets((*groupings, ()))})
    """


def _sets(groupings: Sequence[Sequence[str]], also: Sequence[str] = ()) -> str:
    return ", ".join(f"({_listed(*(f'by_{name}' for name in by), *also)})" for by in groupings)


def _merged(rows: Sequence[Mapping[str, Any]], by: Set[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one grouping, its two kinds as one."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        if by == {name for name in names if row[f"has_{name}"]}:
            group = found.setdefault(tuple(row[f"by_{name}"] for name in by), {})
            for key, value in row.items():
                group[key] = group.get(key) or value
    return list(found.values())


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _told(answers: Sequence[dict[str, Any]], counts: Sequence[Count]) -> list[dict[str, Any]]:
    """The groups that count anything, in order."""
    told = [answer for answer in answers if any(answer[count.key] for count in counts)]
    return sorted(told, key=lambda answer: [_order(name, value) for name, value in answer["by"].items()])


#: The columns of :func:`tickets`, in order.
TICKET_COLUMNS = (
    *("ticket_id", "source", "source_no", "channel", "ticket_type", "category", "area", "title", "unit", "received_at", "due_at"),
    *("due_source", "provisional", "done_at", "closed_at", "class", "reply_class", "accept_class", "replied_at", "satisfaction"),
    *("due_upper_at", "restricted"),
)


def tickets(
    warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], metric: str, limit: int | None = None
) -> list[dict[str, Any]]:
    """The tickets that a count counts, in order of registration. Confidential tickets show their number only.

    :raises WrongQuestion: for a rate, naming its two counts, and for a name that is no metric.
    """
    count = _count(scope.population, metric)
    rows = warehouse.rows(
        f"""
        with behind as (
            select * from {kinds.POSTINGS}
            where {STANDING} and {RECEIVED} and {of_population(scope, appeal_channels)} and {count.condition}
        )
        select b.ticket_id, b.source, c.source_no, b.channel, b.ticket_type, c.category, b.area, c.title, b.unit, b.received_at,
               b.close_due_at as due_at, b.close_due_source as due_source, b.provisional, b.done_at, b.closed_at,
               b.close_class as class, b.reply_class, b.accept_class, b.replied_at, b.satisfaction, c.due_upper_at, c.restricted
        from behind b
        join core.ticket_version v on v.version_id = b.version_id
        join core.content c on c.content_id = v.content_id
        order by b.received_at, b.ticket_id
        {f"limit {int(limit)}" if limit is not None else ""}
        """,
        scope.parameters() | channel_parameters(appeal_channels),
    )
    return [_confidential(row) if row["restricted"] else row for row in rows]


def marked(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], groupings: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every ticket that some count of the population counts, one after the other in order of registration.

    Beside what :func:`tickets` tells, a row has ``in_<count>`` (whether that count counts it) and ``by_<grouping>`` (the group it is
    in). Filtering by these gives the tickets behind any count of any group. Confidential tickets show their number and counts only.
    """
    counts, _, _ = metrics.definitions(scope.population)
    groups = [f"{metrics.GROUPINGS[name]} as by_{name}" for name in groupings]
    marks = [f"{count.condition} as in_{count.key}" for count in counts]
    told = ", ".join([*(f"b.by_{name}" for name in groupings), *(f"b.in_{count.key}" for count in counts)])
    rows = warehouse.stream(
        f"""
        with standing as (
            select *, {", ".join([*groups, *marks])} from {kinds.POSTINGS}
            where {STANDING} and {RECEIVED} and {of_population(scope, appeal_channels)}
        )
        select b.ticket_id, b.source, c.source_no, b.channel, b.ticket_type, c.category, b.area, c.title, b.unit, b.received_at,
               b.close_due_at as due_at, b.close_due_source as due_source, b.provisional, b.closed_at, b.close_class as class,
               b.satisfaction, c.restricted, {told}
        from standing b
        join core.ticket_version v on v.version_id = b.version_id
        join core.content c on c.content_id = v.content_id
        where {" or ".join(f"b.in_{count.key}" for count in counts)}
        order by b.received_at, b.ticket_id
        """,
        scope.parameters() | channel_parameters(appeal_channels),
    )
    for row in rows:
        row |= {f"by_{name}": _printed(name, row[f"by_{name}"]) for name in groupings}
        yield _confidential(row, {f"in_{count.key}" for count in counts}) if row["restricted"] else row


def met_one_due(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str]) -> list[dict[str, Any]]:
    """The tickets that were done within one of their two dues and after the other, in order of registration.

    One is the due of the close clock, the other the one that the platform keeps beside it (``due_upper_at``; sources.md §4). ``met`` is
    ``due`` or ``due_upper``. Confidential tickets show their number only.
    """
    rows = warehouse.rows(
        f"""
        with done as (
            select * from {kinds.POSTINGS}
            where {STANDING} and {RECEIVED} and {of_population(scope, appeal_channels)} and valid and close_class in ('on_time', 'late')
        )
        select d.ticket_id, c.title, d.unit, d.received_at, d.close_due_at as due_at, c.due_upper_at, d.done_at,
               case d.close_class when 'on_time' then 'due' else 'due_upper' end as met, c.restricted
        from done d
        join core.ticket_version v on v.version_id = d.version_id
        join core.content c on c.content_id = v.content_id
        where c.due_upper_at is not null and (d.close_class = 'on_time') <> (d.done_at <= c.due_upper_at)
        order by d.received_at, d.ticket_id
        """,
        scope.parameters() | channel_parameters(appeal_channels),
    )
    return [_confidential(row) if row["restricted"] else row for row in rows]


def changed(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], then: datetime) -> list[dict[str, Any]]:
    """The tickets that some count counts otherwise than it did by what was known at ``then``, in order of registration.

    ``was`` and ``now`` are the keys of the counts that count the ticket, None where it was (is) none of the population and window.
    """
    counts, _, _ = metrics.definitions(scope.population)
    marks = " || ".join(f"case when {count.condition} then '1' else '0' end" for count in counts)
    asked = f"{RECEIVED} and {of_population(scope, appeal_channels)}"
    rows = warehouse.rows(
        f"""
        with now as (
            select ticket_id, version_id, known_from, received_at, unit, {marks} as marks
            from {kinds.POSTINGS} where {STANDING} and {asked}
        ),
        before as (
            select ticket_id, version_id, known_from, received_at, unit, {marks} as marks
            from {kinds.POSTINGS} where {STANDING.replace(":as_known", ":then")} and {asked}
        )
        select coalesce(n.ticket_id, b.ticket_id) as ticket_id, coalesce(n.received_at, b.received_at) as received_at,
               coalesce(n.unit, b.unit) as unit, n.known_from as learned_at, b.marks as was, n.marks as now, c.title, c.restricted
        from now n
        full outer join before b on b.ticket_id = n.ticket_id
        join core.ticket_version v on v.version_id = coalesce(n.version_id, b.version_id)
        join core.content c on c.content_id = v.content_id
        where n.marks is distinct from b.marks
        order by 2, 1
        """,
        scope.parameters() | channel_parameters(appeal_channels) | {"then": then},
    )

    def counted(told: str | None) -> frozenset[str] | None:
        return None if told is None else frozenset(count.key for count, mark in zip(counts, told, strict=True) if mark == "1")

    answers = [row | {"was": counted(row["was"]), "now": counted(row["now"])} for row in rows]
    return [_confidential(row, {"was", "now"}) if row["restricted"] else row for row in answers]


def flow(
    warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], by: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Passages of tickets into and out of "open" in a period; opening and closing are the open ones at its two ends.

    :raises WrongQuestion: for a grouping other than ``source``.
    """
    if set(by) - {"source"}:
        raise WrongQuestion(f"flow --by: expected source, found {', '.join(by)}")
    opening = _open_at(warehouse, scope, appeal_channels, moment(scope.start, time.min) - timedelta(seconds=1))
    closing = _open_at(warehouse, scope, appeal_channels, moment(scope.end))
    passed = warehouse.rows(
        f"""
        select source, passage, count(*) as passages
        from core.passage
        where known_from <= :as_known and known_to > :as_known and passed_at between :start and :end
          and {of_population(scope, appeal_channels)}
        group by source, passage
        """,
        scope.parameters() | channel_parameters(appeal_channels),
    )
    per_source = {
        source: {"opening": opening.get(source, 0)}
        | {
            name: sum(row["passages"] for row in passed if row["source"] == source and row["passage"] == name)
            for name in ("received", "reopened", "restored", "closed", "excluded")
        }
        | {"closing": closing.get(source, 0)}
        for source in SOURCES
        if source in opening or source in closing or any(row["source"] == source for row in passed)
    }
    keys = ("opening", "received", "reopened", "restored", "closed", "excluded", "closing")
    total = {key: sum(row[key] for row in per_source.values()) for key in keys}
    return [{"by": {"source": source}} | row for source, row in per_source.items()] if by else [], total


def opening(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str]) -> int:
    """How many are open one second before the period begins, whenever received."""
    return sum(_open_at(warehouse, scope, appeal_channels, moment(scope.start, time.min) - timedelta(seconds=1)).values())


def flow_steps(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], step: str) -> dict[str, dict[str, int]]:
    """The passages of a period by ``day``, ``month`` or ``year`` of passing: ``2023-05`` → received, reopened, restored, closed, excluded.

    Steps in which nothing passed are not there. What is open at the end of a step follows from :func:`opening` and these.
    """
    rows = warehouse.rows(
        f"""
        select cast(date_trunc('{step}', passed_at) as date) as begins, passage, count(*) as passages
        from core.passage
        where known_from <= :as_known and known_to > :as_known and passed_at between :start and :end
          and {of_population(scope, appeal_channels)}
        group by 1, 2
        order by 1, 2
        """,
        scope.parameters() | channel_parameters(appeal_channels),
    )
    steps: dict[str, dict[str, int]] = {}
    for row in rows:
        steps.setdefault(_printed(step, row["begins"]), {})[row["passage"]] = row["passages"]
    return steps


def passages(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], step: str) -> Iterator[dict[str, Any]]:
    """The passages that :func:`flow_steps` counts, one after the other, and before them the tickets that :func:`opening` counts.

    A row has ``passage`` (``opening``, ``received``, …), ``passed_at`` and ``period``, its step; a ticket that passed twice is there twice.
    """
    rows = warehouse.stream(
        f"""
        with passed as (
            select ticket_id, cast(:start as timestamptz) as passed_at, 'opening' as passage, version_id, received_at
            from {kinds.POSTINGS}
            where {STANDING.replace(":as_of", ":before")} and {of_population(scope, appeal_channels)} and valid and not closed
            union all
            select p.ticket_id, p.passed_at, p.passage, v.version_id, c.received_at
            from (select * from core.passage where {of_population(scope, appeal_channels)}) p
            join core.ticket_version v on v.ticket_id = p.ticket_id and v.known_from = p.known_from
            join core.content c on c.content_id = v.content_id
            where p.known_from <= :as_known and p.known_to > :as_known and p.passed_at between :start and :end
        )
        select p.ticket_id, p.passage, p.passed_at, p.received_at, c.title, c.unit, c.restricted,
               cast(date_trunc('{step}', p.passed_at) as date) as period
        from passed p
        join core.ticket_version v on v.version_id = p.version_id
        join core.content c on c.content_id = v.content_id
        order by p.passed_at, p.ticket_id, p.passage
        """,
        scope.parameters() | channel_parameters(appeal_channels) | {"before": moment(scope.start, time.min) - timedelta(seconds=1)},
    )
    for row in rows:
        row["period"] = _printed(step, row["period"])
        yield _confidential(row, {"passage", "period"}) if row["restricted"] else row


def reconciliation(warehouse: Warehouse, batch_id: str | None = None) -> list[dict[str, Any]]:
    """The equation of every batch (sources.md, common rules), newest last; ``status`` is red where it does not hold."""
    rows = warehouse.rows(
        f"""
        select b.*,
               (select count(*) from core.sighting s where s.batch_id = b.batch_id and s.made_version) as new_versions,
               (select count(*) from core.sighting s where s.batch_id = b.batch_id and not s.made_version) as unchanged,
               (select count(*) from control.quarantine_sighting q
                where q.batch_id = b.batch_id and not exists (
                    select 1 from control.quarantine_replay r where r.batch_id = q.batch_id and r.record_id = q.record_id
                )) as quarantined
        from control.batch b
        {"where b.batch_id = :batch_id" if batch_id else ""}
        order by b.fetched_at, b.batch_id
        """,
        {"batch_id": batch_id},
    )
    told = warehouse.rows("select batch_id, level, message, printed from control.batch_message order by batch_id, level, message")
    return [_equation(row, [message for message in told if message["batch_id"] == row["batch_id"]]) for row in rows]


def quarantine(warehouse: Warehouse, record_id: str | None = None) -> list[dict[str, Any]]:
    """Bad records, one row each however often they came. One is ``replayed`` where all of it was loaded after all, or a good version of
    the number came later; ``dismissed`` where a person said so."""
    return warehouse.rows(
        f"""
        with seen as (
            select q.*,
                   row_number() over (partition by q.record_id order by q.seen_at, q.batch_id) as showing,
                   min(q.seen_at) over (partition by q.record_id) as first_seen,
                   max(q.seen_at) over (partition by q.record_id) as last_seen,
                   max({_dated("q.file")}) over (partition by q.record_id) as last_file,
                   count(*) filter (where r.record_id is null) over (partition by q.record_id) as still_bad
            from control.quarantine_sighting q
            left join control.quarantine_replay r on r.record_id = q.record_id and r.batch_id = q.batch_id
        ),
        decided as (
            select *, row_number() over (partition by record_id order by decided_at desc) as place from control.quarantine_decision
        )
        select s.record_id as id, s.batch_id, s.source, s.source_no, s.rule, s.reason, s.first_seen, s.last_seen, s.file, s.line,
               case
                   when s.still_bad = 0 then 'replayed'
                   when d.status is not null then d.status
                   when exists (
                       select 1 from core.sighting g
                       where g.ticket_key = {ticket_key("s.source || ':' || s.source_no")}
                         -- in a later batch, or of files that were read together in a later one
                         and (g.known_at > s.last_seen or (g.known_at = s.last_seen and {_dated("g.update_key")} > s.last_file))
                   ) then 'replayed'
                   else 'open'
               end as status,
               d.note
        from seen s
        left join decided d on d.record_id = s.record_id and d.place = 1
        where s.showing = 1 {"and s.record_id = :record_id" if record_id else ""}
        order by s.first_seen, s.source, s.record_id
        """,
        {"record_id": record_id},
    )


def _dated(file: str) -> str:
    """SQL: a file's name behind its export date. So files are ordered as their rows are updated (sources.md, common rules)."""
    return rf"(regexp_replace({file}, '^.*(20[0-9]{{6}}).*$', '\1') || {file})"


def _answer(
    row: Mapping[str, Any], by: Sequence[str], counts: Sequence[Count], rates: Sequence[Rate], durations: Sequence[Days]
) -> dict[str, Any]:
    answer: dict[str, Any] = {"by": {name: _printed(name, row[f"by_{name}"]) for name in by}}
    answer |= {count.key: int(row[count.key]) for count in counts}
    for rate in rates:
        numerator, denominator = answer[rate.numerator], answer[rate.denominator]
        answer[rate.key] = {"numerator": numerator, "denominator": denominator, "percent": metrics.percent(numerator, denominator)}
    for duration in durations:
        answer[duration.key] = None if row[duration.key] is None else metrics.days(row[duration.key])
    return answer


def _open_at(warehouse: Warehouse, scope: Scope, appeal_channels: Sequence[str], at: datetime) -> dict[str, int]:
    rows = warehouse.rows(
        f"""
        select source, count(*) as tickets
        from {kinds.POSTINGS}
        where {STANDING} and {of_population(scope, appeal_channels)} and valid and not closed
        group by source
        """,
        scope.parameters() | channel_parameters(appeal_channels) | {"as_of": at},
    )
    return {row["source"]: row["tickets"] for row in rows}


def _equation(row: dict[str, Any], told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    causes = [Said(message["message"], message["printed"]) for message in told if message["level"] == "red"]
    remarks = [Said(message["message"], message["printed"]) for message in told if message["level"] != "red"]
    lost = row["landed"] - row["new_versions"] - row["unchanged"] - row["quarantined"]
    if lost:
        text = f"landed {row['landed']} records but {lost} of them are neither loaded nor in quarantine; load the batch again"
        causes.append(Said(text, f"接收 {row['landed']} 条记录，其中 {lost} 条既未载入也未隔离，请重新载入本批"))
    missed = row["platform_total"] - row["numbers"]
    if missed > 0:
        text = f"the platform tells {row['platform_total']} tickets, {missed} of them did not arrive; run this window again"
        causes.append(Said(text, f"平台报数 {row['platform_total']} 件，其中 {missed} 件未取到，请重新取该时段"))
    status = "red" if causes else "yellow" if remarks else "green"
    return row | {"status": status, "messages": [*causes, *remarks], "causes": causes}


def _count(population: str, metric: str) -> Count:
    counts, rates, durations = metrics.definitions(population)
    for count in counts:
        if count.key == metric:
            return count
    for rate in rates:
        if rate.key == metric:
            raise WrongQuestion(f"{metric} is a rate: ask for the tickets of {rate.numerator} or of {rate.denominator}")
    for duration in durations:
        if duration.key == metric:
            raise WrongQuestion(f"{metric} is a duration: ask for the tickets of {duration.over}")
    raise WrongQuestion(f"metric: expected one of {', '.join(count.key for count in counts)}, found {metric!r}")


def of_population(scope: Scope, appeal_channels: Sequence[str]) -> str:
    """The condition over postings that says which tickets belong to the population; its parameters: :func:`channel_parameters`."""
    if scope.population != "appeals":
        return _among(scope.population)
    names = ", ".join(f":{name}" for name in channel_parameters(appeal_channels)) or "null"
    return f"({_among('appeals')} or {_among('cases')} and channel in ({names}))"


def channel_parameters(appeal_channels: Sequence[str]) -> dict[str, str]:
    return {f"channel_{place}": channel for place, channel in enumerate(appeal_channels)}


def _among(population: str) -> str:
    return f"source in ({', '.join(repr(name) for name in sources_of(population)) or 'null'})"


def _confidential(row: Mapping[str, Any], kept: Set[str] = frozenset()) -> dict[str, Any]:
    return dict.fromkeys(row) | {"ticket_id": row["ticket_id"], "restricted": True} | {name: row[name] for name in kept}


def _printed(name: str, value: Any) -> Any:
    form = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}.get(name)
    return value.strftime(form) if form and value is not None else value


def _order(name: str, value: Any) -> tuple[Any, ...]:
    if value is None:
        return (1, "")
    order = SOURCES if name == "source" else metrics.ORDERS.get(name)
    return (0, order.index(value) if order else value)
