"""The ``petitions`` command: a thin face on the library. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from petitions import metrics as definitions
from petitions import migrations, periods, questions, warehouse
from petitions.model import BEIJING, SOURCE_LABELS, SOURCES
from petitions.progress import watch
from petitions.questions import Scope
from petitions.settings import CHECKOUT, Settings, SettingsError

RED = 3
# What a table by groups shows; a terminal is not wide enough for all.
HEADLINES = {
    "received",
    "closed",
    "open",
    "overdue",
    "closure_rate",
    "on_time_rate",
    "reply_rate",
    "satisfaction_rate",
    "visits",
    "visits_received",
    "visit_rate",
}
# A file that cannot be read or written, for reasons that lie outside the program.
NO_PLACE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT})

CHANGE_COLUMNS = ("ticket_id", "clock", "old_class", "new_class", "old_due_at", "new_due_at")


class Command(click.Group):
    """Settings and questions that cannot be used end with one line and exit code 2, not with a traceback. Long work can be watched."""

    def invoke(self, context: click.Context) -> Any:
        try:
            with watch():
                return super().invoke(context)
        except (SettingsError, questions.WrongQuestion) as error:
            raise click.UsageError(str(error)) from None
        except OSError as error:
            if error.errno not in NO_PLACE or not error.filename:
                raise
            told = f"{error.filename}: {os.strerror(error.errno)}; see whose folder it is and whether its disk is full (`petitions doctor`)"
            raise click.UsageError(told) from None


class Lines(logging.Handler):
    """A line on standard error as it is now: above the progress that stands there, where people watch."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


class Day(click.ParamType[date]):
    name = "D"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> date:
        return questions.day(value)


class Moment(click.ParamType[datetime]):
    name = "D|TIME"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        told = questions.instant(value)
        assert told is not None  # click asks no type about an option that was not given
        return told


class Names(click.ParamType[tuple[str, ...]]):
    name = "NAME[,NAME…]"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        return questions.names(value)


def options(*given: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several click options as one decorator, in the order given."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(given):
            command = option(command)
        return command

    return decorate


POPULATION = click.option(
    "--population",
    required=True,
    type=click.Choice(list(definitions.POPULATIONS)),
    help="诉求件 appeals, 智慧城管案件 cases, 群众来访 visits; never added together.",
)
WINDOW = options(
    click.option("--from", "start", type=Day(), required=True, help="First day of registration, inclusive."),
    click.option("--to", "end", type=Day(), required=True, help="Last day of registration, inclusive."),
)
AS_OF = click.option("--as-of", type=Moment(), help="The moment asked about; a day means its end. Default: --to.")
AS_KNOWN = click.option("--as-known", type=Moment(), help="Only what was fetched until then counts. Default: everything.")
BY = click.option("--by", type=Names(), default=(), help=f"Group by some of: {', '.join(definitions.GROUPINGS)}.")
FORMAT = click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="petitions")
def main() -> None:
    """Petitions ETL: fetch, check and load four petition platforms; figures that can be signed, explained and asked again.

    Settings come from PETITIONS_HOME and PETITIONS_CONFIG, platforms and warehouse from Airflow connections
    (AIRFLOW_CONN_PETITIONS_WAREHOUSE, …_PROVINCIAL, …_SMART_CITY, …_ONLINE_POLITICS, …_HOTLINE_12345, …_VISITS).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of GBK has not all characters that citizens write
            stream.reconfigure(errors="replace")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, handlers=[Lines()])
    logging.getLogger("petitions").setLevel(logging.INFO)


@main.command()
@click.option("--from", "start", type=Day(), help="First day of the window. Default: each lane goes on from where it stands.")
@click.option("--to", "end", type=Day(), help="Last day of the window. Default: now.")
@click.option("--source", "sources", multiple=True, type=click.Choice(SOURCES), help="Only this lane; may be given again. Default: all.")
@click.option("--refetch", is_flag=True, help="Fetch again what a complete batch already holds, and read files again that were read.")
def run(start: date | None, end: date | None, sources: Sequence[str], refetch: bool) -> None:
    """The nightly job for one window of days, in this process. Ends 0, or 3 where a lane is red."""
    if start and end and end < start:
        raise questions.WrongQuestion(f"--to: expected a day at or after {start}, found {end}")
    from petitions import nightly

    _print_run(nightly.run(tuple(sources) or SOURCES, start, end, refetch))


@main.command()
@click.option("--run", "run_id", help="The run to tell of. Default: the last one.")
def summary(run_id: str | None) -> None:
    """How a run ended: its lanes, the headline figures, the report. Ends 0, or 3 where a lane is red."""
    from petitions import nightly

    last = run_id or nightly.last_run()
    if last is None:
        raise questions.WrongQuestion("nothing was run in this home yet; run `petitions run --from D --to D`")
    if not nightly.lanes(last):
        raise questions.WrongQuestion(f"--run: expected a run whose lanes have ended, such as {nightly.last_run()}, found {last!r}")
    _print_run(last)


@main.command()
@options(POPULATION, WINDOW, AS_OF, AS_KNOWN, BY, FORMAT)
@click.option("--compare", "compared", is_flag=True, help="Beside the year before (同比) and the period before (环比); not with --by.")
def metrics(
    population: str,
    start: date,
    end: date,
    as_of: datetime | None,
    as_known: datetime | None,
    by: tuple[str, ...],
    form: str,
    compared: bool,
) -> None:
    """The figures of a population."""
    if compared:
        if by:
            raise questions.WrongQuestion(f"--compare: expected no --by beside it, found {','.join(by)}")
        _print_comparison(population, start, end, as_of, as_known, form)
        return
    with _asked(population, start, end, as_of, as_known) as (held, scope, channels):
        groups, total = questions.figures(held, scope, channels, by)
    if form == "json":
        _json(_scope(scope) | {"groups": groups, "total": total})
        return
    rows = [*groups, {"by": dict.fromkeys(by, "合计")} | total] if by else [{"by": {}} | total]
    counts, rates, durations = definitions.definitions(population)
    printed = {metric.key: metric.printed for metric in (*counts, *rates, *durations)}
    if form == "csv":
        _csv([dict(row["by"]) | {key: _cell(row[key]) for key in printed} for row in rows])
    elif by:
        shown = [key for key in printed if key in HEADLINES]
        _table(
            [*by, *(printed[key] for key in shown)],
            [[*map(_label, row["by"].values()), *(_cell(row[key]) for key in shown)] for row in rows],
        )
        click.echo("Headline metrics; --format json or csv has all of them.", err=True)
    else:
        beside = definitions.ONLY_WHERE_IT_DIFFERS
        shown = [key for key in printed if key not in beside or _cell(total[key]) != _cell(total[beside[key]])]
        _table(["指标", "数值"], [[printed[key], _cell(total[key])] for key in shown])


@main.command()
@click.argument("metric")
@options(POPULATION, WINDOW, AS_OF, AS_KNOWN, FORMAT)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
def tickets(
    metric: str,
    population: str,
    start: date,
    end: date,
    as_of: datetime | None,
    as_known: datetime | None,
    form: str,
    limit: int | None,
) -> None:
    """The tickets behind the count METRIC (反查): as many rows as the figure says."""
    with _asked(population, start, end, as_of, as_known) as (held, scope, channels):
        rows = questions.tickets(held, scope, channels, metric, limit)
    shown = ("ticket_id", "channel", "title", "unit", "received_at", "due_at", "closed_at", "class")
    _print(rows, form, shown, questions.TICKET_COLUMNS)


@main.command()
@click.argument("ticket_id")
@click.option("--as-of", type=Moment(), help="The moment asked about; a day means its end. Default: the latest fetch that counts.")
@AS_KNOWN
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def explain(ticket_id: str, as_of: datetime | None, as_known: datetime | None, form: str) -> None:
    """Why TICKET_ID (such as hotline_12345:44139920231215006438) has its verdicts: each clock step by step, and its versions."""
    from petitions import explain as steps

    settings = Settings.from_environment()
    with warehouse.reader(settings) as held:
        explanation = steps.explain(held, settings, ticket_id, as_of, as_known)
    if form == "json":
        _json(explanation.plain())
    else:
        click.echo(str(explanation))


@main.command()
@click.option("--within", type=click.IntRange(min=0), required=True, help="Working days after --as-of.")
@click.option("--population", type=click.Choice(["appeals", "cases"]), default="appeals", show_default=True)
@click.option("--as-of", type=Moment(), help="The moment asked about; a day means its end. Default: the latest fetch that counts.")
@options(AS_KNOWN, FORMAT)
def due(within: int, population: str, as_of: datetime | None, as_known: datetime | None, form: str) -> None:
    """Open tickets that fall due within so many working days (黄牌 yellow), and those overdue already (红牌 red)."""
    from petitions import early_warning

    settings = Settings.from_environment()
    with warehouse.reader(settings) as held:
        scope = early_warning.scope(held, population, as_of, as_known)
        rows = early_warning.due(held, scope, settings.options.population.appeal_channels, within)
    shown = ("card", "ticket_id", "ticket_type", "unit", "due_at", "working_days_left", "suspended")
    _print(rows, form, shown, early_warning.DUE_COLUMNS)
    cards = ", ".join(f"{sum(row['card'] == card for row in rows)} {card} {label}" for card, label in early_warning.CARDS.items())
    click.echo(f"as of {_cell(scope.as_of)}: {cards}", err=True)


@main.command()
@options(POPULATION, WINDOW, AS_KNOWN, BY, FORMAT)
def flow(population: str, start: date, end: date, as_known: datetime | None, by: tuple[str, ...], form: str) -> None:
    """Passages into and out of "open" in a period: opening + received + reopened + restored − closed − excluded = closing."""
    with _asked(population, start, end, None, as_known) as (held, scope, channels):
        groups, total = questions.flow(held, scope, channels, by)
    if form == "json":
        _json({"groups": groups, "total": total})
        return
    rows = [*groups, {"by": dict.fromkeys(by, "合计")} | total] if by else [{"by": {}} | total]
    _print([row["by"] | {key: value for key, value in row.items() if key != "by"} for row in rows], form)


@main.command()
@click.option("--batch", "batch_id", help="Only this batch.")
@FORMAT
def reconcile(batch_id: str | None, form: str) -> None:
    """The equation of every batch: landed = new versions + unchanged + quarantined, and nothing missed."""
    with warehouse.reader(Settings.from_environment()) as held:
        rows = questions.reconciliation(held, batch_id)
    if batch_id and not rows:
        raise questions.WrongQuestion(f"--batch: expected the id of a loaded batch (`petitions reconcile` lists them), found {batch_id!r}")
    _print(rows, form, ("batch_id", "platform_total", "numbers", "landed", "new_versions", "unchanged", "quarantined", "status"))


@main.group()
def quarantine() -> None:
    """Records that could not be loaded, with the rule they fail and the reason."""


@quarantine.command("list")
@FORMAT
def quarantine_list(form: str) -> None:
    """All of them, one row each."""
    with warehouse.reader(Settings.from_environment()) as held:
        rows = questions.quarantine(held)
    told = ("id", "batch_id", "source", "source_no", "rule", "reason", "first_seen", "last_seen", "status")
    _print([{key: row[key] for key in told} for row in rows], form, ("id", "source", "source_no", "rule", "reason", "status"), told)


@quarantine.command("show")
@click.argument("record_id", metavar="ID")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def quarantine_show(record_id: str, form: str) -> None:
    """One of them: rule, reason, where it stands in the landing zone, what to do, and its fields with personal data masked."""
    from petitions import quarantine as bad_records

    row = bad_records.show(Settings.from_environment(), record_id)
    if form == "json":
        _json(row)
        return
    record = row.pop("record")
    for key, value in row.items():
        click.echo(f"{key:<11} {_cell(value)}")
    if record is not None:
        click.echo("record      as received, personal data masked:")
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))


@quarantine.command("replay")
@click.argument("record_ids", metavar="[ID]…", nargs=-1)
@FORMAT
def quarantine_replay(record_ids: Sequence[str], form: str) -> None:
    """After a map or code table was corrected: check them again (all open ones without ID) and load what is good now."""
    from petitions import quarantine as bad_records

    outcomes = bad_records.replay(Settings.from_environment(), record_ids)
    columns = [field.name for field in fields(bad_records.Outcome)]
    _print([vars(one) for one in outcomes], form, ("id", "batch_id", "source_no", "status", "reason"), columns)
    # One line for each batch that shows a record; what is counted are records.
    still = {one.id for one in outcomes if one.status == "open"}
    loaded = {one.id for one in outcomes} - still
    told = f"{len(loaded)} loaded, {len(still)} still bad and open" if outcomes else "nothing to replay"
    click.echo(told, err=True)


@quarantine.command("dismiss")
@click.argument("record_id", metavar="ID")
@click.option("--note", required=True, metavar="TEXT", help="Why; one sentence without personal data.")
def quarantine_dismiss(record_id: str, note: str) -> None:
    """Set one aside for good, with a note that says why."""
    from petitions import quarantine as bad_records

    bad_records.dismiss(Settings.from_environment(), record_id, note)
    click.echo(f"{record_id}: dismissed", err=True)


@main.command()
@click.option("--from", "start", type=Day(), help="First day of registration, inclusive.")
@click.option("--to", "end", type=Day(), help="Last day of registration, inclusive.")
@click.option("--period", type=click.Choice(list(periods.KINDS)), help="In place of --from and --to: the kind of period.")
@click.option(
    "--of", "told", metavar="PERIOD", help="Which: 2023, 2023-H2, 2023-Q4, 2023-10, 2023-W40, or a day in it. Default: the last whole one."
)
@options(AS_OF, AS_KNOWN)
@click.option(
    "--edition",
    type=click.Choice(["full", "forwarded"]),
    default="full",
    show_default=True,
    help="forwarded (外发): counts below 3 by town and category are hidden, no lists of tickets.",
)
@click.option("--out", type=click.Path(file_okay=False), help="Folder to write into. Default: reports/ of the home.")
def report(
    start: date | None,
    end: date | None,
    period: str | None,
    told: str | None,
    as_of: datetime | None,
    as_known: datetime | None,
    edition: str,
    out: str | None,
) -> None:
    """Issue the report of a window or of a period; prints its folder."""
    from petitions.report import issue

    if period and (start or end):
        raise questions.WrongQuestion("--period: expected no --from and --to beside it")
    if told and not period:
        raise questions.WrongQuestion(f"--of: expected --period beside it, found {told!r} alone")
    if period:
        asked = periods.written(period, told) if told else periods.before(period, datetime.now(BEIJING).date())
        start, end = asked.first, asked.last
    if start is None or end is None:
        raise questions.WrongQuestion("expected --from and --to, or --period")
    kept = Path(out) if out else None
    click.echo(issue(Settings.from_environment(), start, end, as_of=as_of, as_known=as_known, edition=edition, out=kept))


@main.command()
@click.option("--without-removed", is_flag=True, help="Go on where landed batches were removed; what only they brought is lost.")
def rebuild(without_removed: bool) -> None:
    """A fresh warehouse from landing zone and rules, swapped in when it is complete. Interrupted it changes nothing."""
    from petitions import rebuild as anew
    from petitions.sources.base import LaneStopped

    try:
        told = anew.rebuild(Settings.from_environment(), without_removed=without_removed)
    except LaneStopped as stopped:
        raise click.ClickException(f"{stopped}; the warehouse is as it was") from None
    click.echo(f"{told.batches} batches loaded, {told.tickets} tickets computed")
    for batch_id in told.left_out:
        click.echo(f"left out: {batch_id}, which was never loaded and cannot be checked today either", err=True)


@main.command()
@click.option("--old-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with the key of before.")
def reseal(old_key: Path | None) -> None:
    """Seal all landed files with the landing key that the home has now; without --old-key those in plain. Interrupted, do it again."""
    from petitions import resealing
    from petitions.landing import LandingError

    try:
        told = resealing.reseal(Settings.from_environment(), old_key)
    except LandingError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{told.files} files sealed, {told.as_they_were} had the key already")


@main.command()
def migrate() -> None:
    """Bring the warehouse to the schema of this program, as the next run would: tables, views, who may read them; after a restore too."""
    settings = Settings.from_environment()
    warehouse.bring_up_to_date(settings)
    with warehouse.reader(settings):
        pass  # where nothing was loaded it says so, instead of making an empty warehouse
    with warehouse.writer(settings) as held:
        click.echo(f"schema version {migrations.version(held)}")


@main.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(form: str) -> None:
    """Home, disk, versions, settings, calendar, warehouse and platforms: one line each, with the cure. Ends 0, or 1 where one fails."""
    from petitions import doctor as look

    findings = []
    for one in look.examine(Settings.from_environment(), datetime.now(BEIJING).date()):
        findings.append(one)
        if form == "table":
            click.echo(str(one))
    if form == "json":
        _json([vars(one) for one in findings])
    if any(one.level == "fail" for one in findings):
        sys.exit(1)


@main.command()
@FORMAT
def recompute(form: str) -> None:
    """All clocks anew after a change of time limits, calendar or office hours; lists the tickets whose verdict or due changed."""
    _recompute(Settings.from_environment(), form)


@main.command("new-source")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(["http", "database", "files"]), help="How the platform hands over its records.")
@click.option("--label", help="Its name in reports and tables.")
@click.option("--dir", "checkout", type=click.Path(file_okay=False, path_type=Path), help="The checkout to write into. Default: this one.")
def new_source(name: str, kind: str, label: str | None, checkout: Path | None) -> None:
    """Begin a new platform: module, map, suite, sample and test, which pass the contract suite as written (docs/new-source.md)."""
    from petitions import scaffold

    try:
        written = scaffold.new_source(name, kind, checkout or CHECKOUT, label)
    except scaffold.CannotBegin as error:
        raise click.UsageError(str(error)) from None
    for path in written:
        click.echo(path)
    click.echo(f"next: python -m pytest tests/sources -k {name}; docs/new-source.md says what to change where", err=True)


@main.group(invoke_without_command=True)
@click.pass_context
def calendar(context: click.Context) -> None:
    """The years whose working days are published, and how many dues run beyond them."""
    if context.invoked_subcommand:
        return
    from petitions import calendar as days

    settings = Settings.from_environment()
    published = days.published_years()
    click.echo(f"published years: {min(published)}–{max(published)}; version {days.version(settings)}")
    with warehouse.reader(settings) as held:
        provisional = held.value("select count(*) from core.clock where provisional")
    click.echo(f"provisional dues: {provisional}")


@calendar.command("update")
@FORMAT
def calendar_update(form: str) -> None:
    """After an upgrade of chinesecalendar or a change of closures.csv: all clocks anew, and the tickets whose verdict or due changed."""
    from petitions import ledger

    settings = Settings.from_environment()
    with warehouse.reader(settings) as held:
        changed = "calendar" in ledger.stale(held, settings)
    if changed:
        _recompute(settings, form)
    else:
        click.echo("calendar: unchanged since the last refresh, nothing to recompute", err=True)
        _print([], form, CHANGE_COLUMNS)


@main.group()
def rules() -> None:
    """The table of time limits."""


@rules.command("check")
def rules_check() -> None:
    """Read the table of time limits and say what is wrong with it; ends 2 where something is."""
    from petitions import time_limits

    settings = Settings.from_environment()
    found = time_limits.rules(settings)
    click.echo(f"{len(found)} rules, no error; version {time_limits.version(settings)}")


@contextmanager
def _asked(
    population: str, start: date, end: date, as_of: datetime | None, as_known: datetime | None
) -> Iterator[tuple[warehouse.Warehouse, Scope, Sequence[str]]]:
    settings = Settings.from_environment()
    with warehouse.reader(settings) as held:
        scope = Scope.of(held, population, start, end, as_of, as_known)
        if as_known and not held.value("select count(*) from control.batch where fetched_at <= :as_known", {"as_known": as_known}):
            click.echo(f"--as-known {as_known.isoformat()}: nothing had been fetched by then", err=True)
        yield held, scope, settings.options.population.appeal_channels


def _scope(scope: Scope) -> dict[str, Any]:
    return {"population": scope.population, "from": scope.start, "to": scope.end, "as_of": scope.as_of, "as_known": scope.as_known}


def _print_run(run_id: str) -> None:
    from petitions import nightly

    lanes = nightly.lanes(run_id)
    rows = [
        [SOURCE_LABELS[lane.source], str(lane.fetched), str(lane.new), str(lane.unchanged), str(lane.quarantined), lane.status]
        for lane in lanes
    ]
    _table(["平台", "fetched", "new", "unchanged", "quarantined", "lane"], rows)
    for lane in lanes:
        remarks = [message for message in lane.messages if message not in lane.causes]
        if remarks:
            click.echo(f"yellow {lane.source}: {'; '.join(remarks)}")
        for cause in lane.causes:
            click.echo(f"red {lane.source}: {cause}", err=True)
    red = [lane.source for lane in lanes if lane.status == "red"]
    if not red:
        new = sum(lane.new for lane in lanes)
        click.echo(f"Every lane reconciled. {f'{new} new versions.' if new else 'Nothing new: all unchanged.'}")
    reported = nightly.reported(run_id)
    if reported:
        _print_headlines(*reported)
    if red:
        sys.exit(RED)


def _recompute(settings: Settings, form: str) -> None:
    from petitions import recompute as anew

    # A home without a warehouse is told so, instead of being given an empty one.
    with warehouse.reader(settings):
        pass
    with warehouse.writer(settings) as held:
        told = anew.recompute(held, settings)
    what = f"changed: {', '.join(told.changed)}; {told.tickets} tickets recomputed" if told.changed else "rules, calendar, hours unchanged"
    click.echo(f"{what}; {len(told.changes)} verdicts or dues changed", err=True)
    _print(told.changes, form, CHANGE_COLUMNS)


def _print_comparison(population: str, start: date, end: date, as_of: datetime | None, as_known: datetime | None, form: str) -> None:
    from petitions import comparison

    with _asked(population, start, end, as_of, as_known) as (held, scope, channels):
        rows = comparison.compare(held, scope, channels)
    if form == "json":
        _json(_scope(scope) | {"metrics": rows})
    elif form == "csv":
        _csv([{key: _cell(value) for key, value in row.items()} for row in rows])
    else:
        counts, rates, _ = definitions.definitions(population)
        printed = {metric.key: metric.printed for metric in (*counts, *rates)}
        told = [f"{label}{what}" for label in comparison.PERIODS.values() for what in ("基数", " %")]
        _table(
            ["指标", "数值", *told],
            [[printed[row["metric"]], *(_cell(value) for name, value in row.items() if name != "metric")] for row in rows],
        )


def _print_headlines(start: date, end: date, folder: Path) -> None:
    click.echo(f"{start} – {end}")
    for population, label in definitions.POPULATIONS.items():
        with _asked(population, start, end, None, None) as (held, scope, channels):
            _, total = questions.figures(held, scope, channels)
        counts, rates, _ = definitions.definitions(population)
        told = ", ".join(f"{metric.printed} {_cell(total[metric.key])}" for metric in (*counts, *rates) if metric.key in HEADLINES)
        click.echo(f"  {label}: {told}")
    click.echo(f"Report: {folder / 'index.html'}")


def _print(rows: Sequence[dict[str, Any]], form: str, shown: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
    """Rows as they are in JSON and CSV, where a list without rows has its ``columns`` all the same; a table has those ``shown``."""
    if form == "json":
        _json(rows)
    elif form == "csv":
        _csv([{key: _cell(value) for key, value in row.items()} for row in rows], columns or shown)
    else:
        names = shown or list(rows[0]) if rows else shown
        _table(names, [[_label(row[name]) for name in names] for row in rows])


def _json(content: Any) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _csv(rows: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    click.echo(text.getvalue(), nl=False)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*names)
    for row in rows:
        table.add_row(*row)
    # A table that goes into a file or a pipe is not cut at the width of a terminal that is not there.
    wide = None if sys.stdout.isatty() else 1000
    Console(width=wide, markup=False).print(table)


def _cell(value: Any) -> str:
    """One value as an office prints it: a missing one is a dash, a rate is its percent."""
    if isinstance(value, dict):
        return "—" if value["percent"] is None else f"{value['percent']} %"
    if isinstance(value, datetime):
        return f"{value.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "—" if value is None else str(value)


def _label(value: Any) -> str:
    return SOURCE_LABELS.get(value, value) if isinstance(value, str) else _cell(value)
