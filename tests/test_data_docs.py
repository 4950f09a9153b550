"""What the checks found, as pages: counts of every check of every lane, no value, and nothing fetched from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from petitions.model import SOURCES
from tests.nightly.office import Office


@pytest.fixture(scope="module")
def site(loaded_year: Office) -> Path:
    return loaded_year.home / "reports" / "checks"


def test_every_lane_has_its_pages_and_each_says_how_many_records_it_looked_at(loaded_year: Office, site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="(validations/[^"]+)"', index)
    assert len(linked) == 2 * len(SOURCES)
    landed = {batch["source"]: batch["landed"] for batch in loaded_year.batches()}
    for place, link in enumerate(linked):
        page, result = site / link, loaded_year.home / "checks" / Path(link).relative_to("validations").with_suffix(".json")
        told: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        most = max(one["result"]["element_count"] for one in told["results"])
        assert most >= landed[SOURCES[place // 2]] > 0
        assert "must never be null" in page.read_text(encoding="utf-8") or told["suite_name"] == "ticket"


def test_bad_records_are_counted_by_the_check_that_refused_them(loaded_year: Office) -> None:
    refused: dict[str, int] = {}
    for file in loaded_year.home.glob("checks/*/*/*/*.json"):
        for one in json.loads(file.read_text(encoding="utf-8"))["results"]:
            meta = one["expectation_config"]["meta"]
            assert one["success"] == (one["result"]["unexpected_count"] == 0) or meta["level"] == "yellow"
            if meta["level"] == "red":
                refused[meta["rule"]] = refused.get(meta["rule"], 0) + one["result"]["unexpected_count"]
    expected = {row["rule"] for row in loaded_year.quarantine()}
    assert expected and expected <= {rule for rule, count in refused.items() if count}


def test_pages_open_without_a_network_and_hold_no_value(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 2 * len(SOURCES)
    for page in pages:
        told = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*https?:", told) == [], page
        assert "partial_unexpected" not in told


def test_report_and_list_of_reports_lead_to_them(loaded_year: Office) -> None:
    (report,) = loaded_year.home.glob("reports/*_asof_*/index.html")
    for page, link in ((report, "../checks/index.html"), (loaded_year.home / "reports" / "index.html", "checks/index.html")):
        assert f'href="{link}"' in page.read_text(encoding="utf-8")
        assert (page.parent / link).resolve().exists()
