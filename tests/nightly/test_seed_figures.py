"""The demo year through the whole job gives the seed's figures (metrics.md §6), again and again."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from petitions import Petitions
from tests.nightly.office import CHECKOUT, YEAR, County, Office, county, state, unlike

OCTOBER = ("--from", "2023-01-01", "--to", "2023-10-24")
# What the platforms' defects (platforms/demo) must be called in quarantine.
RULES = {
    "unknown_action": "unknown_code",
    "unknown_type": "unknown_code",
    "unknown_status": "unknown_code",
    "unknown_operation": "unknown_code",
    "no_registered": "missing_field",
    "no_created": "missing_field",
    "no_report_time": "missing_field",
    "no_number": "missing_field",
    "unreadable_time": "unreadable_time",
    "unreadable_limit": "unreadable_limit",
    "future_created": "future_received",
    "lost_digits": "lost_digits",
    "twice": "duplicate_number",
}


def rate(numerator: int, denominator: int, percent: str) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "percent": percent}


@pytest.fixture(scope="module")
def twice(loaded_year: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The same window once more."""
    office = loaded_year.copy(tmp_path_factory.mktemp("twice") / "home")
    ended = office.run(*YEAR)
    assert ended.code == 0, ended.err
    return office


# --- the figures --------------------------------------------------------------------------------------------------------------


def test_appeals_of_the_year_as_acceptance_asks_for_them(loaded_year: Office) -> None:
    told = loaded_year.cold("metrics", "--population", "appeals", *YEAR, "--as-of", "2023-12-31", "--by", "source", "--format", "json").json
    total = told["total"]
    assert (total["received"], total["closed"], total["open"], total["overdue"]) == (197, 162, 35, 0)
    assert total["on_time_rate"] == rate(162, 162, "100.00")
    assert total["closure_rate"] == rate(162, 197, "82.23")
    assert total["reply_rate"]["percent"] == "100.00"
    assert [(group["by"]["source"], group["received"]) for group in told["groups"]] == [
        ("provincial", 3),
        ("smart_city", 3),
        ("online_politics", 18),
        ("hotline_12345", 173),
    ]
    assert {name: told[name] for name in ("population", "from", "to", "as_of")} == {
        "population": "appeals",
        "from": "2023-01-01",
        "to": "2023-12-31",
        "as_of": "2023-12-31T23:59:59+08:00",
    }


def test_cases_until_october(loaded_year: Office) -> None:
    told = loaded_year.metrics("cases", "--as-of", "2023-10-24", "--by", "channel", window=OCTOBER)
    total = told["total"]
    assert (total["received"], total["closed"], total["open"]) == (246, 245, 1)
    assert total["closure_rate"] == rate(245, 246, "99.59")
    assert {group["by"]["channel"]: group["received"] for group in told["groups"]} == {
        "工地扬尘监控": 29,
        "惠民城管通": 17,
        "公众举报": 3,
        "市局巡查": 40,
        "县局巡查": 157,
    }


def test_every_visit_was_received(loaded_year: Office, demo_county: County) -> None:
    visits = sum(life.source == "visits" and life.defect is None for life in demo_county.demo.lives())
    total = loaded_year.metrics("visits")["total"]
    assert total["visit_rate"] == rate(visits, visits, "100.00")


@pytest.mark.parametrize("metric", ["received", "closed", "open", "closed_on_time", "not_due", "replied", "satisfied", "returned"])
def test_as_many_tickets_as_the_figure_says(loaded_year: Office, metric: str) -> None:
    rows = loaded_year.tickets(metric)
    assert len(rows) == loaded_year.metrics("appeals")["total"][metric]
    assert len({row["ticket_id"] for row in rows}) == len(rows)


def test_the_open_tickets_are_35(loaded_year: Office) -> None:
    assert len(loaded_year.tickets("open")) == 35


def test_python_tells_the_same(loaded_year: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETITIONS_HOME", str(loaded_year.home))
    monkeypatch.delenv("PETITIONS_CONFIG", raising=False)
    asked = Petitions.open()
    window: dict[str, Any] = {"start": "2023-01-01", "end": "2023-12-31"}
    total = asked.metrics(population="appeals", **window).iloc[0]
    assert (total["received"], total["open"], total["on_time_rate_num"], total["on_time_rate_den"]) == (197, 35, 162, 162)
    assert total["on_time_rate"] == "100.00"
    by_source = asked.metrics(population="appeals", **window, by=("source",)).set_index("source")["received"].to_dict()
    assert by_source == {"provincial": 3, "smart_city": 3, "online_politics": 18, "hotline_12345": 173}
    assert len(asked.tickets("open", population="appeals", **window)) == 35
    flow = asked.flow(population="appeals", **window).iloc[0]
    assert flow["closing"] == 35


def test_the_flow_adds_up(loaded_year: Office) -> None:
    told = loaded_year.command("flow", "--population", "appeals", *YEAR, "--by", "source", "--format", "json").json
    for flow in [told["total"], *told["groups"]]:
        entered = flow["opening"] + flow["received"] + flow["reopened"] + flow["restored"]
        assert entered - flow["closed"] - flow["excluded"] == flow["closing"], flow
    assert told["total"]["closing"] == 35


def test_every_batch_reconciles(loaded_year: Office) -> None:
    batches = loaded_year.batches()
    assert Counter(batch["source"] for batch in batches) == dict.fromkeys(
        ("provincial", "smart_city", "online_politics", "hotline_12345", "visits"), 1
    )
    assert unlike(batches) == []


def test_a_run_leaves_the_checkout_alone(loaded_year: Office, demo_county: County, home: Path) -> None:
    settings = CHECKOUT / "gx" / "great_expectations.yml"
    before = settings.read_bytes()
    assert demo_county.office(home).run(*YEAR, "--source", "visits").code == 0
    assert settings.read_bytes() == before


def test_a_run_says_what_it_landed_and_nothing_else(loaded_year: Office) -> None:
    said = loaded_year.home.with_name("said").read_text(encoding="utf-8").splitlines()
    assert [line for line in said if not re.fullmatch(r"(\w+): landed batch \1-\d{8}T\d{12}", line)] == []


def test_a_run_leaves_nothing_outside_its_home(loaded_year: Office) -> None:
    assert list(loaded_year.scratch.iterdir()) == []


# --- the same window again ----------------------------------------------------------------------------------------------------


def test_again_brings_nothing_new(twice: Office, loaded_year: Office) -> None:
    first = {batch["batch_id"] for batch in loaded_year.batches()}
    batches = twice.batches()
    assert unlike(batches) == []
    again = [batch for batch in batches if batch["batch_id"] not in first]
    assert len(again) == 5
    assert [batch["new_versions"] for batch in again] == [0] * 5
    assert sum(batch["unchanged"] for batch in again) > 500


def test_again_changes_no_table_and_no_figure(twice: Office, loaded_year: Office) -> None:
    assert state(twice, knowledge=True) == state(loaded_year, knowledge=True)
    asked = {"as_known"}  # the default is the last knowledge, which moved
    for population in ("appeals", "cases", "visits"):
        told, before = (office.metrics(population, "--by", "source") for office in (twice, loaded_year))
        assert {key: value for key, value in told.items() if key not in asked} == {
            key: value for key, value in before.items() if key not in asked
        }


# --- one ticket overdue -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["hotline_12345", "online_politics"])
def test_one_of_the_35_overdue(loaded_year: Office, demo_county: County, tmp_path: Path, source: str) -> None:
    shutil.copytree(demo_county.demo.root, tmp_path / "county")
    with county(tmp_path / "county") as own:
        office = own.office(loaded_year.copy(tmp_path / "home").home)
        known = office.latest()
        ticket = next(row["ticket_id"] for row in office.tickets("not_due") if row["source"] == source)
        own.change(ticket, "due", "2023-12-29T18:00:00")
        assert office.run(*YEAR, "--source", source).code == 0
    total = office.metrics("appeals")["total"]
    assert (total["received"], total["open"], total["overdue"]) == (197, 35, 1)
    assert total["on_time_rate"] == rate(162, 163, "99.39")
    assert total["on_time_rate_closed"] == rate(162, 162, "100.00")
    assert [row["ticket_id"] for row in office.tickets("overdue")] == [ticket]
    before = office.metrics("appeals", "--as-known", known)["total"]
    assert before["on_time_rate"] == rate(162, 162, "100.00")
    assert before == loaded_year.metrics("appeals")["total"]
    assert unlike(office.batches()) == []


# --- quarantine ---------------------------------------------------------------------------------------------------------------


def test_every_bad_record_is_listed_with_its_rule(loaded_year: Office, demo_county: County) -> None:
    bad = [life for life in demo_county.demo.lives() if life.defect]
    # The one that stands twice is two records; of the two without a number none can be told.
    expected = Counter((life.source, RULES[str(life.defect)]) for life in bad for _ in range(1 + (life.defect == "twice")))
    listed = loaded_year.quarantine()
    assert Counter((row["source"], row["rule"]) for row in listed) == expected
    assert {row["status"] for row in listed} == {"open"}
    assert len({row["id"] for row in listed}) == len(listed)
    numbers = {(life.source, life.number) for life in bad if life.defect not in ("no_number", "lost_digits")}
    assert {(row["source"], row["source_no"]) for row in listed if row["source_no"]} == numbers


def test_a_reason_is_a_sentence_for_people(loaded_year: Office) -> None:
    for row in loaded_year.quarantine():
        assert re.fullmatch(r"[A-Z][^\n]{15,300}", row["reason"]), row


def test_bad_records_that_come_again_stay_one_row(twice: Office, loaded_year: Office) -> None:
    before = {row["id"]: row for row in loaded_year.quarantine()}
    after = {row["id"]: row for row in twice.quarantine()}
    assert after.keys() == before.keys()
    for record_id, row in after.items():
        was = before[record_id]
        assert row["first_seen"] == was["first_seen"]
        moved = datetime.fromisoformat(row["last_seen"]) > datetime.fromisoformat(was["last_seen"])
        # Files that were read are not read again.
        assert moved == (row["source"] not in ("online_politics", "visits")), row
