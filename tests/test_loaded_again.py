"""A batch that is loaded anew, because today's maps read it otherwise: nothing of what it brought before is left, wherever that stood."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from petitions import warehouse
from petitions.settings import Settings
from tests.engines import EmptyWarehouse
from tests.report.county import Made, home, load

TABLES = ("core.sighting", "core.ticket_version", "core.clock", "core.posting", "core.passage", "marts.daily")
BEFORE = [Made("H1", "2023-03-03 09:00:00", [("closed", "2023-03-04 09:00:00")]), Made("H2", "2023-05-05 09:00:00")]
# H1 was registered in another month, H2 is no ticket of ours.
TODAY = [Made("H1", "2023-08-08 09:00:00", [("closed", "2023-08-09 09:00:00")]), Made("H3", "2023-05-05 09:00:00")]
LATER = [Made("H1", "2023-09-08 09:00:00"), Made("H2", "2023-05-06 09:00:00")]


def tables(settings: Settings) -> dict[str, list[str]]:
    with warehouse.reader(settings) as held:
        return {table: sorted(map(str, held.rows(f"select * from {table}"))) for table in TABLES}


def night(settings: Settings, made: list[Made], **told: Any) -> None:
    load(settings, "hotline_12345", made, **told)
    shutil.rmtree(settings.staging)


def test_a_ticket_under_another_month(empty_warehouse: EmptyWarehouse, tmp_path: Path) -> None:
    again, once = home(tmp_path / "again"), home(tmp_path / "once")
    with empty_warehouse("loaded_again"):
        night(again, BEFORE)
        night(again, TODAY)
        left = tables(again)
        night(again, LATER, fetched="2024-02-01 02:30:00")
        at_last = tables(again)
    with empty_warehouse("loaded_once"):
        night(once, TODAY)
        assert left == tables(once)
        night(once, LATER, fetched="2024-02-01 02:30:00")
        assert at_last == tables(once)
    assert [text.count("H1") for text in at_last["core.ticket_version"]].count(1) == 2
