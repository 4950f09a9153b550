"""Is this home fit for the night? One finding per thing that a night needs, with the cure. Nothing is changed, no secret is told."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Literal

from petitions import calendar, connections, time_limits, views, warehouse
from petitions.freshness import Reach, reaches
from petitions.migrations import WrongSchema
from petitions.model import BEIJING, SOURCES
from petitions.settings import CHECKOUT, Settings, SettingsError
from petitions.sources.base import Ask, LaneStopped, Window

Level = Literal["ok", "warn", "fail"]

GIB = 1 << 30
#: Below the first a night may not end, below the second somebody should look.
DISK_FAIL, DISK_WARN = 1 * GIB, 5 * GIB
#: A night that was left out, and half a day for it to be made up.
STALE = timedelta(hours=36)
# A question that every platform answers with nothing, by its full way in: address, secret, form of the answer.
NOTHING = Window(datetime(2000, 1, 1, tzinfo=BEIJING), datetime(2000, 1, 1, 0, 0, 1, tzinfo=BEIJING))
IMPATIENT = {"max_attempts": 1, "timeout_s": 10, "patience_s": 15}


@dataclass(frozen=True)
class Finding:
    """``what`` was looked at and found, and the ``cure`` where it is not ``ok``."""

    level: Level
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.what}" + (f"  — {self.cure}" if self.cure else "")


def examine(settings: Settings, today: date) -> Iterator[Finding]:
    """All findings, one after the other. A look that fails itself is a finding too."""
    looks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("home", lambda: _home(settings)),
        ("disk", lambda: _disk(settings)),
        ("versions", _versions),
        ("settings", lambda: _settings(settings)),
        ("time limits", lambda: _rules(settings)),
        ("calendar", lambda: _calendar(settings, today)),
        ("landing key", lambda: _landing_key(settings)),
        ("alert", _alert),
        ("warehouse", lambda: _warehouse(settings)),
        *((f"platform {source}", lambda source=source: _platform(settings, source)) for source in SOURCES),
    ]
    for name, look in looks:
        try:
            yield from look()
        except (SettingsError, LaneStopped) as error:
            what, _, cure = str(error).rpartition("; ")
            yield Finding("fail", f"{name}: {what or cure}", cure if what else "")
        except Exception as error:  # noqa: BLE001 - its words might tell a secret
            yield Finding("fail", f"{name}: {type(error).__name__}", "see the service that is named, and its connection")


# --- this machine -------------------------------------------------------------------------------------------------------


def _home(settings: Settings) -> Iterator[Finding]:
    if not settings.home.exists():
        yield Finding("warn", f"home: {settings.home} is not there yet", "`petitions run` makes it; or correct PETITIONS_HOME")
        return
    probe = settings.home / f".doctor-{datetime.now(BEIJING):%H%M%S%f}"
    try:
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        yield Finding("fail", f"home: {settings.home} cannot be written ({type(error).__name__})", "give it to the user of the service")
        return
    yield Finding("ok", f"home: {settings.home}")
    for folder in (settings.landing, settings.secrets):
        if folder.exists() and folder.stat().st_mode & 0o077:
            yield Finding("fail", f"home: {folder} is open to others", f"chmod 700 {folder}")


def _disk(settings: Settings) -> Iterator[Finding]:
    place = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    level: Level = "fail" if free < DISK_FAIL else "warn" if free < DISK_WARN else "ok"
    cure = "" if level == "ok" else "make room; old landed batches go by [retention] landing_days of petitions.toml"
    yield Finding(level, f"disk: {free / GIB:.1f} GiB free at {place}", cure)


def _versions() -> Iterator[Finding]:
    lock = CHECKOUT / "requirements.lock"
    if not lock.exists():
        yield Finding("warn", "versions: no requirements.lock beside the library", "install from a whole checkout")
        return
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"^([A-Za-z0-9._-]+)", (CHECKOUT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    other = []
    for name in named:
        found = _installed(name)
        if name in locked and found != locked[name]:
            other.append(f"{name} {found or 'missing'}, locked {locked[name]}")
    python = ".".join(map(str, sys.version_info[:3]))
    if other:
        yield Finding("warn", f"versions: Python {python}; {'; '.join(other)}", "make setup")
    else:
        yield Finding("ok", f"versions: Python {python}, {len(named)} packages as locked")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


# --- what the office set ------------------------------------------------------------------------------------------------


def _settings(settings: Settings) -> Iterator[Finding]:
    from petitions import source_maps

    assert settings.options
    source_maps.check(settings, settings.source_maps)
    yield Finding("ok", f"settings: {settings.config_file('petitions.toml')} and the maps of {len(settings.source_maps)} platforms")


def _rules(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"time limits: {len(time_limits.rules(settings))} rules, version {time_limits.version(settings)}")


def _calendar(settings: Settings, today: date) -> Iterator[Finding]:
    published, version = calendar.published_years(), calendar.version(settings)
    told = f"calendar: published up to {max(published)}, version {version}"
    if today.year > max(published):
        cure = "upgrade chinesecalendar, or write the notice of the State Council into closures.csv; then `petitions calendar update`"
        yield Finding("fail", f"{told}; {today.year} is not published here", cure)
    elif today.year == max(published):
        late = today.month == 12  # the notice of a year comes in autumn of the year before
        cure = "upgrade chinesecalendar when it knows the notice; until then dues of next year are provisional"
        yield Finding("warn" if late else "ok", told, cure if late else "")
    else:
        yield Finding("ok", told)
    try:
        with warehouse.reader(settings) as held:
            provisional = held.value("select count(*) from core.clock where provisional")
    except (warehouse.NoWarehouse, WrongSchema):  # the look at the warehouse says it
        return
    if provisional:
        yield Finding("warn", f"calendar: {provisional} dues are provisional", "`petitions calendar update` once the year is published")


def _landing_key(settings: Settings) -> Iterator[Finding]:
    from petitions.sealing import load_key

    if load_key(settings):
        yield Finding("ok", "landing key: what is landed is encrypted")
    else:
        cure = "put a key into secrets/landing_key or the password of the connection petitions_landing, and into your backup"
        yield Finding("warn", "landing key: none, raw records are kept in plain", cure)


def _alert() -> Iterator[Finding]:
    """Who is told of a night that failed."""
    ways = []
    if _airflow_setting("petitions", "alert_email"):
        ways.append("by e-mail")
    with suppress(connections.ConnectionMissing):
        ways.append(f"by the bot at {connections.get('petitions_alert_webhook').host}")
    if ways:
        yield Finding("ok", f"alert: a failed run is told {' and '.join(ways)}")
    else:
        cure = "set AIRFLOW__PETITIONS__ALERT_EMAIL, or the connection petitions_alert_webhook (docs/runbook.md)"
        yield Finding("warn", "alert: nobody is told of a failed run", cure)


def _airflow_setting(section: str, key: str) -> str | None:
    """As Airflow reads it: the environment first, then the file in its home."""
    told = os.environ.get(f"AIRFLOW__{section.upper()}__{key.upper()}")
    if told is None and "AIRFLOW_HOME" in os.environ:
        file = ConfigParser(interpolation=None)
        file.read(Path(os.environ["AIRFLOW_HOME"]) / "airflow.cfg")
        told = file.get(section, key, fallback=None)
    return told or None


# --- what is elsewhere --------------------------------------------------------------------------------------------------


def _warehouse(settings: Settings) -> Iterator[Finding]:
    try:
        with warehouse.reader(settings) as held:
            reached = reaches(held)
            readers = views.reader_role(held) if held.has_roles else True
    except warehouse.NoWarehouse as error:
        yield Finding("warn", f"warehouse: {str(error).partition(';')[0]}", "`petitions run --from D --to D`")
        return
    yield Finding("ok", "warehouse: answers")
    if readers is None:
        cure = f"as an administrator of the server `create role {views.READER} nologin`, then `petitions migrate`"
        yield Finding("warn", f"warehouse: no role {views.READER} for readers of its marts", cure)
    elif not readers:
        yield Finding("warn", f"warehouse: the role {views.READER} may not read all of its marts", "`petitions migrate`")
    if warehouse.is_being_written(settings):
        yield Finding("warn", "warehouse: somebody writes it at this moment", "wait, or look for a run that hangs")
    else:
        yield Finding("ok", "warehouse: free to be written")
    yield from map(_freshness, reached)


def _freshness(reach: Reach) -> Finding:
    """Whether the last nights brought the platform's data."""
    behind = reach.behind(datetime.now(BEIJING))
    if reach.until is None or behind is None:
        return Finding("warn", f"freshness {reach.source}: nothing loaded yet", f"`petitions run --source {reach.source}`")
    told = f"freshness {reach.source}: complete up to {reach.until.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    if behind <= STALE:
        return Finding("ok", told)
    return Finding("warn", f"{told}, {behind.days} days ago", "see `petitions reconcile` for red nights, and whether the nightly job runs")


def _platform(settings: Settings, source: str) -> Iterator[Finding]:
    """The platform is asked one question as the night would ask it."""
    from petitions.nightly import platform_connection
    from petitions.sources import create, source_class

    try:
        told = platform_connection(source, settings)
    except (connections.ConnectionMissing, ValueError) as error:
        yield Finding(
            "fail", f"platform {source}: {str(error).partition(': export')[0]}", f"export AIRFLOW_CONN_PETITIONS_{source.upper()}"
        )
        return
    if source_class(source).kind == "http":
        told = replace(told, extra=told.extra | IMPATIENT)
    remarks = [text for page in create(source, told, settings).pages(Ask(window=NOTHING)) for text in (*page.errors, *page.messages)]
    for remark in remarks:
        yield Finding("warn", f"platform {source}: {remark}")
    yield Finding("ok", f"platform {source}: answers")
