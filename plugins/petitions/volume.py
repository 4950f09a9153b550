"""Is the volume of a day what the same kind of day brings? (Yellow: it informs, nothing stops.)

A lane whose platform silently sends half of its tickets still reconciles. So the tickets registered on the last whole day of a batch are
compared with the working days, or the days off, of the four weeks before, by ``[checks]`` of ``petitions.toml``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import TYPE_CHECKING

from petitions import calendar
from petitions.model import BEIJING, SOURCE_LABELS
from petitions.said import Said
from petitions.settings import Settings
from petitions.sources import source_class

if TYPE_CHECKING:
    from petitions.landing import Manifest
    from petitions.warehouse import Warehouse

LOOK_BACK = timedelta(weeks=4)
# On fewer days a middle says nothing.
LEAST_DAYS = 5
# A difference of fewer tickets says nothing either: a small platform has days with none.
LEAST_DIFFERENCE = 5
_DAY = timedelta(days=1)
_LAST_SECOND = time(23, 59, 59)


def remark(warehouse: Warehouse, manifest: Manifest, settings: Settings) -> str | None:
    """What is to be said of the volume of a batch that is loaded, as known when it was fetched; None where nothing is."""
    day = judged_day(manifest)
    if day is None:
        return None
    is_working = calendar.working(settings)
    counts, compared = _counts(warehouse, manifest, day), _comparable_days(warehouse, manifest.source, day, is_working)
    if len(compared) < LEAST_DAYS:
        return None
    found, middle, checks = counts.get(day, 0), median(counts.get(one, 0) for one in compared), settings.options.checks
    if abs(found - middle) < LEAST_DIFFERENCE or checks.volume_low * middle <= found <= checks.volume_high * middle:
        return None
    off = f"below {checks.volume_low:g} times" if found < middle else f"above {checks.volume_high:g} times"
    kind, days, kinds = ("working day", "working days", "工作日") if is_working(day) else ("day off", "days off", "休息日")
    low = found < middle
    return Said(
        f"{SOURCE_LABELS[manifest.source]}: {found} tickets registered on {day} ({day:%A}, {kind}); "
        f"the last {len(compared)} {days} had {middle:g} in the middle; {off}",
        f"{day:%Y年%-m月%-d日}（{kinds}）登记 {found} 件，此前 {len(compared)} 个{kinds}的中位数为 {middle:g} 件，"
        + (f"不足其 {checks.volume_low:g} 倍" if low else f"超过其 {checks.volume_high:g} 倍"),
    )


def judged_day(manifest: Manifest) -> date | None:
    """The last whole day that the batch tells of: the day before the last export, or the last that ended in the window."""
    if source_class(manifest.source).kind == "files":
        exported = [entry.export_date for entry in manifest.files if entry.export_date]
        return max(exported) - _DAY if exported else None
    asked_to = manifest.asked_to.astimezone(BEIJING)
    day = asked_to.date() if asked_to.time() >= _LAST_SECOND else asked_to.date() - _DAY
    return day if datetime.combine(day, _LAST_SECOND, BEIJING) >= manifest.window_from else None


def _counts(warehouse: Warehouse, manifest: Manifest, day: date) -> dict[date, int]:
    """Tickets by day of registration, up to the day."""
    rows = warehouse.rows(
        """
        select cast(c.received_at as date) as day, count(distinct c.ticket_id) as tickets
        from core.content c
        join core.sighting s on s.content_id = c.content_id and s.source = c.source and s.received_month = c.received_month
        where c.source = :source and c.received_at >= :start and c.received_at < :end and s.known_at <= :known_at
          and c.received_month between :first_month and :last_month and s.received_month between :first_month and :last_month
        group by cast(c.received_at as date)
        """,
        {
            "source": manifest.source,
            "start": _midnight(day - LOOK_BACK),
            "end": _midnight(day + _DAY),
            "first_month": (day - LOOK_BACK).replace(day=1),
            "last_month": day.replace(day=1),
            "known_at": manifest.fetched_at,
        },
    )
    return {row["day"]: row["tickets"] for row in rows}


def _comparable_days(warehouse: Warehouse, source: str, day: date, is_working: Callable[[date], bool]) -> list[date]:
    """The days before of the same kind, from the first that the lane ever asked for as a whole."""
    first = warehouse.value("select min(window_from) from control.batch where source = :source", {"source": source})
    before = [day - LOOK_BACK + place * _DAY for place in range(LOOK_BACK.days)]
    return [one for one in before if _midnight(one) >= first and is_working(one) == is_working(day)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)
