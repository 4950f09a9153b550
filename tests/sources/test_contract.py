"""What every source must hold, by being registered and having a sample (``tests/sources/samples/<name>.json``, see ``stand_in.py``).

Nothing here knows a source by name: each is pulled, checked and loaded for real, from a platform of its kind that shows the sample.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from petitions import ledger, questions, warehouse
from petitions.check import check
from petitions.extract import beijing_now, extract
from petitions.landing import Landing, Manifest
from petitions.model import PLATFORMS, SOURCES
from petitions.settings import CHECKOUT, Settings
from petitions.sources import create, source_class
from petitions.sources.base import Ask, LaneDown, LaneStopped, Page, Raw, Source, Window
from tests.sources.stand_in import StandIn, standing_in

#: A platform that is down for good gets at most so many requests (sources.md, common rules); the lane has its patience set to a second.
MOST_REQUESTS, MOST_SECONDS = 60, 15


class Lane:
    """A source at its stand-in, and a home to land in."""

    def __init__(self, platform: StandIn, home: Path) -> None:
        self.platform, self.settings = platform, Settings(home, CHECKOUT / "config")
        self.landing = Landing(self.settings.landing)
        touched = sorted(at for record in platform.records if (at := platform.touched(record)))
        self.first, self.last = touched[0], touched[-1]

    @property
    def source(self) -> Source:
        return create(self.platform.name, self.platform.connection, self.settings)

    def pull(self, first: datetime | None = None, last: datetime | None = None, **changed: Any) -> Manifest:
        asked: dict[str, Any] = {"open_numbers": (), "now": self.last + timedelta(hours=3), "look_back_days": 0} | changed
        return extract(asked.pop("source", self.source), Window(first or self.first, last or self.last), landing=self.landing, **asked)

    def stage(self, manifest: Manifest | None = None) -> dict[str, Any]:
        """The staged batch: its summary, and its three tables as rows."""
        manifest = manifest or self.pull()
        summary = check(manifest, self.landing, self.settings, self.source)
        folder = self.settings.staging / manifest.batch_id
        tables = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in ("tickets", "events", "quarantine")}
        total = summary.get("platform_total", manifest.platform_total)
        return summary | tables | {"platform_total": total, "texts": [message["text"] for message in summary["messages"]]}

    def change(self, place: int, **fields: Any) -> Raw:
        self.platform.records[place].update(fields)
        self.platform.publish()
        return self.platform.records[place]


@pytest.fixture(params=SOURCES)
def lane(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lane]:
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    with standing_in(request.param, tmp_path) as platform:
        yield Lane(platform, tmp_path / "home")


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_registered(name: str) -> None:
    platform = next(one for one in PLATFORMS if one.name == name)
    assert source_class(name).kind in ("http", "database", "files")
    assert platform.population in ("appeals", "cases", "visits"), f"population in config/sources/{name}.toml"
    assert platform.label != name, f"config/sources/{name}.toml: expected a label, found none"
    assert (CHECKOUT / "expectations" / f"{name}.json").exists()


def test_the_sample_says_enough(lane: Lane) -> None:
    platform, fields = lane.platform, lane.platform.told["fields"]
    told = json.dumps(platform.records, ensure_ascii=False)
    assert len({platform.number(record) for record in platform.records}) == len(platform.records) >= 3
    assert lane.first < lane.last
    assert [word for word in platform.sample["personal"] if word not in told] == []
    for attribute in {"petitioner", "phone", "id_number"} & fields.keys():
        kept = [str(record[fields[attribute]]) for record in platform.records if record.get(fields[attribute])]
        assert set(kept) & set(platform.sample["personal"]), f"no record tells {fields[attribute]}, or personal does not list it"
    assert "unknown_code" in platform.sample or not platform.told.get("codes")


def test_the_total_reconciles_and_keys_are_unique(lane: Lane) -> None:
    staged, count = lane.stage(), len(lane.platform.records)
    assert (staged["platform_total"], staged["numbers"], staged["landed"], staged["quarantined"]) == (count, count, count, 0), staged[
        "quarantine"
    ]
    assert sorted(ticket["source_no"] for ticket in staged["tickets"]) == sorted(
        str(lane.platform.number(one)) for one in lane.platform.records
    )
    assert not _repeated((ticket["ticket_id"], ticket["updated_at"], ticket["update_key"]) for ticket in staged["tickets"])
    assert not _repeated(ticket["content_id"] for ticket in staged["tickets"])
    assert not _repeated((event["content_id"], event["seq"]) for event in staged["events"])
    received = Counter(event["content_id"] for event in staged["events"] if event["event_type"] == "received")
    assert received == {ticket["content_id"]: 1 for ticket in staged["tickets"]}
    assert staged["texts"] == []


def test_a_second_run_finds_nothing_new(lane: Lane) -> None:
    told = []
    for _ in range(2):
        manifest = lane.pull()
        lane.stage(manifest)
        told.append(_load(lane, manifest))
    count = len(lane.platform.records)
    assert [(row["landed"], row["new_versions"], row["unchanged"], row["quarantined"]) for row in told] == [
        (count, count, 0, 0),
        (count, 0, count, 0),
    ]
    assert [row["status"] for row in told] == ["green", "green"]


def test_rows_on_the_boundary_come_once_and_are_the_same(lane: Lane) -> None:
    whole = {ticket["source_no"]: ticket["content_id"] for ticket in lane.stage()["tickets"]}
    ends: dict[str, str] = {}
    for at in (lane.first, lane.last):
        at_end = lane.stage(lane.pull(at, at))
        assert {str(lane.platform.number(one)) for one in lane.platform.records if lane.platform.touched(one) == at} == {
            ticket["source_no"] for ticket in at_end["tickets"]
        }
        ends |= {ticket["source_no"]: ticket["content_id"] for ticket in at_end["tickets"]}
        assert at_end["platform_total"] == at_end["landed"] == len(at_end["tickets"])
    assert ends.items() <= whole.items()


def test_a_pull_that_breaks_goes_on_behind_its_last_page(lane: Lane) -> None:
    if lane.source.kind == "files":
        pytest.skip("files lie where they are: a pull that broke reads them again")
    asked = lane.platform.requests
    # A pull that began in the second in which another one was complete may have read what is older: it is not gone on with.
    whole = lane.stage(lane.pull(fetched_at_clock=lambda: beijing_now() - timedelta(minutes=1)))
    asked = lane.platform.requests - asked
    broken, pages = lane.source, lane.source.pages

    def breaking(ask: Ask) -> Iterator[Page]:
        for place, page in enumerate(pages(ask)):
            if place == 2:
                raise LaneDown("away")
            yield page

    broken.pages = breaking  # type: ignore[method-assign]
    last = lane.last + timedelta(seconds=1)  # another window than that of the batch that is complete
    with pytest.raises(LaneDown):
        lane.pull(last=last, source=broken)
    (partial,) = lane.landing.root.rglob("*.partial")
    before = lane.platform.requests
    manifest = lane.pull(last=last)
    assert manifest.batch_id == partial.name.removesuffix(".partial")
    assert lane.platform.requests - before <= asked
    again = lane.stage(manifest)
    assert [again[name] for name in ("platform_total", "numbers", "landed")] == [
        whole[name] for name in ("platform_total", "numbers", "landed")
    ]
    assert again["tickets"] == whole["tickets"]


def test_nothing_is_asked_again_or_left_out_by_number(lane: Lane) -> None:
    if not lane.source.lookup_size:
        pytest.skip("the platform cannot be asked by number")
    numbers = [str(lane.platform.number(record)) for record in lane.platform.records]
    manifest = lane.pull(lane.first, lane.first, open_numbers=[*numbers, "0" * 18])
    staged = lane.stage(manifest)
    assert manifest.not_answered == ("0" * 18,)
    assert (staged["platform_total"], sorted(ticket["source_no"] for ticket in staged["tickets"])) == (len(numbers), sorted(numbers))


def test_an_unknown_code_goes_to_quarantine_alone(lane: Lane) -> None:
    if "unknown_code" not in lane.platform.sample:
        pytest.skip("the map has no code tables")
    changed = lane.change(0, **lane.platform.sample["unknown_code"])
    _expect_bad(lane, "unknown_code", lane.platform.number(changed))


def test_an_empty_required_field_is_a_missing_field(lane: Lane) -> None:
    for field in lane.platform.told["required"]:
        kept = lane.platform.records[0][field]
        changed = lane.change(0, **{field: None})
        _expect_bad(lane, "missing_field", lane.platform.number(changed))
        lane.change(0, **{field: kept})


def test_an_unreadable_time_is_told_without_the_person_in_it(lane: Lane) -> None:
    person = "；".join(lane.platform.sample["personal"])
    lane.change(0, **{lane.platform.told["fields"]["received_at"]: person})
    staged = _expect_bad(lane, "unreadable_time", lane.platform.number(lane.platform.records[0]))
    assert _personal(lane, staged) == []


def test_an_unknown_field_is_told_once_and_everything_loads(lane: Lane) -> None:
    for place in range(len(lane.platform.records)):
        lane.change(place, brand_new="1")
    staged = lane.stage()
    assert staged["landed"] == len(staged["tickets"]) == len(lane.platform.records)
    assert [("brand_new" in message["text"], message["level"]) for message in staged["messages"]] == [(True, "yellow")]


def test_a_changed_contract_stops_the_lane_by_name_and_lands_nothing(lane: Lane) -> None:
    assert lane.platform.contract
    for part in lane.platform.contract:
        lane.platform.broken = part
        lane.platform.publish()
        with pytest.raises(LaneStopped) as stopped:
            lane.pull()
        assert part in str(stopped.value)
        assert "\n" not in str(stopped.value)
        assert _personal(lane, str(stopped.value)) == []
    assert lane.landing.batches() == []
    lane.platform.broken = None
    lane.platform.publish()
    assert lane.stage()["quarantined"] == 0


def test_no_personal_data_goes_out(lane: Lane) -> None:
    manifest = lane.pull()
    staged = lane.stage(manifest)
    assert _personal(lane, staged) == []
    assert _personal(lane, manifest.model_dump_json()) == []


def test_a_platform_that_is_away_stops_the_lane_within_bounds(lane: Lane) -> None:
    for _ in range(2):
        lane.platform.leave()
        began, before = time.monotonic(), lane.platform.requests
        with pytest.raises(LaneStopped) as stopped:
            lane.pull()
        assert time.monotonic() - began < MOST_SECONDS
        assert lane.platform.requests - before <= MOST_REQUESTS
        assert str(stopped.value).startswith(f"{lane.platform.name}: ")
        assert "\n" not in str(stopped.value)
    assert lane.landing.batches() == []


def _expect_bad(lane: Lane, rule: str, number: str | None) -> dict[str, Any]:
    """The first record is in quarantine by the rule, all others are tickets, and the figures add up."""
    staged, count = lane.stage(), len(lane.platform.records)
    assert [(bad["rule"], bad["source_no"]) for bad in staged["quarantine"]] == [(rule, number)]
    others = [str(lane.platform.number(record)) for record in lane.platform.records[1:]]
    assert sorted(ticket["source_no"] for ticket in staged["tickets"]) == sorted(others)
    assert (staged["platform_total"], staged["numbers"], staged["landed"]) == (count, count, count)
    return staged


def _load(lane: Lane, manifest: Manifest) -> dict[str, Any]:
    """The batch in the warehouse: its row of the reconciliation."""
    staged = lane.settings.staging / manifest.batch_id
    with warehouse.writer(lane.settings) as held:
        ledger.load(held, manifest, staged, json.loads((staged / "summary.json").read_text(encoding="utf-8")), lane.settings)
        ledger.refresh(held, lane.settings)
        return questions.reconciliation(held, manifest.batch_id)[0]


def _personal(lane: Lane, told: Any) -> list[str]:
    return [word for word in lane.platform.sample["personal"] if word in repr(told)]


def _repeated(keys: Any) -> list[Any]:
    return [key for key, count in Counter(keys).items() if count > 1]
