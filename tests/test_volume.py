"""The volume of a night beside the same kind of day, on both engines."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from petitions import volume, warehouse
from petitions.settings import CHECKOUT, Settings
from tests.engines import EmptyWarehouse
from tests.report.county import Made, at, load

FIRST, LAST = date(2026, 10, 12), date(2026, 11, 2)  # from a Monday on, three weeks; a working day brings 20, a day off 8
NIGHTS = [
    # day, tickets, what is said
    ("2026-11-03", 20, None),
    (
        "2026-11-04",
        5,
        "5 tickets registered on 2026-11-04 (Wednesday, working day); the last 17 working days had 20 in the middle; below 0.3 times",
    ),
    (
        "2026-11-05",
        61,
        "61 tickets registered on 2026-11-05 (Thursday, working day); the last 18 working days had 20 in the middle; above 3 times",
    ),
    ("2026-11-06", 6, None),  # 0.3 times is not below
    ("2026-11-07", 7, None),
    (
        "2026-11-08",
        2,
        "2 tickets registered on 2026-11-08 (Sunday, day off); the last 7 days off had 8 in the middle; below 0.3 times",
    ),
    (
        "2026-11-09",
        0,
        "0 tickets registered on 2026-11-09 (Monday, working day); the last 20 working days had 20 in the middle; below 0.3 times",
    ),
]


def tickets(day: date, count: int) -> list[Made]:
    return [Made(f"T{day:%Y%m%d}{number:04}", f"{day} 09:{number % 60:02}:00") for number in range(count)]


def night(settings: Settings, source: str, day: date, count: int) -> None:
    load(
        settings, source, tickets(day, count), window=(f"{day} 00:00:00", f"{day} 23:59:59"), fetched=f"{day + timedelta(days=1)} 02:30:00"
    )


def told(settings: Settings) -> dict[str, str]:
    """Night → what is said of its volume."""
    with warehouse.reader(settings) as held:
        rows = held.rows("select batch_id, level, message from control.batch_message where message like '%tickets registered on%'")
    assert {row["level"] for row in rows} <= {"yellow"}
    return {row["batch_id"].partition("-")[2]: row["message"] for row in rows}


def test_nights_beside_the_same_kind_of_day(empty_warehouse: EmptyWarehouse, tmp_path: Path) -> None:
    settings = Settings(tmp_path, CHECKOUT / "config")
    days = [FIRST + timedelta(days=ahead) for ahead in range((LAST - FIRST).days + 1)]
    history = [one for day in days for one in tickets(day, 20 if day.weekday() < 5 else 8)]
    with empty_warehouse("volume"):
        load(settings, "hotline_12345", history, window=(f"{FIRST} 00:00:00", f"{LAST} 23:59:59"), fetched=f"{LAST} 23:59:59")
        for day, count, _ in NIGHTS:
            night(settings, "hotline_12345", date.fromisoformat(day), count)
        expected = {f"{date.fromisoformat(day) + timedelta(days=1)} 02:30:00": f"12345热线: {words}" for day, _, words in NIGHTS if words}
        assert told(settings) == expected


def test_too_few_days_and_small_differences_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    settings = Settings(tmp_path, CHECKOUT / "config")
    for place, count in enumerate([30, 30, 30, 30, 0]):  # Monday to Friday: four days before the last
        night(settings, "provincial", FIRST + timedelta(days=place), count)
    for place, count in enumerate([1, 1, 1, 1, 1, 0, 4]):  # a small platform, days off left out
        night(settings, "smart_city", [FIRST + timedelta(days=ahead) for ahead in (0, 1, 2, 3, 4, 7, 8)][place], count)
    assert told(settings) == {}


JUDGED: list[tuple[str, dict[str, Any], date | None]] = [
    # source, of the manifest, the day
    ("provincial", {"asked_to": "2026-11-04 02:30:00"}, date(2026, 11, 3)),
    ("provincial", {"asked_to": "2026-11-03 23:59:59"}, date(2026, 11, 3)),
    ("provincial", {"asked_to": "2026-11-03 18:00:00"}, None),  # no day ended in the window
    ("visits", {"exports": [date(2026, 11, 1), date(2026, 11, 2)]}, date(2026, 11, 1)),
    ("visits", {"exports": []}, None),  # nothing was exported: nothing to judge
]


@pytest.mark.parametrize(("source", "of_manifest", "day"), JUDGED)
def test_the_day_that_is_judged(source: str, of_manifest: dict[str, Any], day: date | None) -> None:
    manifest: Any = SimpleNamespace(
        source=source,
        window_from=at("2026-11-03 02:30:00"),
        asked_to=at(of_manifest.get("asked_to", "2026-11-04 02:30:00")),
        files=[SimpleNamespace(export_date=exported) for exported in of_manifest.get("exports", [])],
    )
    assert volume.judged_day(manifest) == day
