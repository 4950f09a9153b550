"""The two HTTP lanes against the stand-in platforms: each fault alone, and mixed at random, lands what a quiet night lands."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from petitions.connections import parse
from petitions.extract import extract
from petitions.landing import Landing, Manifest
from petitions.model import BEIJING
from petitions.normalise import Normaliser
from petitions.settings import CHECKOUT, Settings
from petitions.sources import create, ticket_number
from petitions.sources.base import LaneStopped, Window
from platforms.home import DemoHome
from platforms.http_service import Server
from platforms.processes import platform

LANES = ("provincial", "hotline_12345")
YEAR = Window(datetime(2023, 1, 1, tzinfo=BEIJING), datetime(2023, 12, 31, 23, 59, 59, tzinfo=BEIJING))
NOW = YEAR.end + timedelta(hours=3)
CONFIG = Settings(home=Path("/nowhere"), config=CHECKOUT / "config")
PASSING = ["busy", "retry_after", "html502", "html503", "empty200", "break_body", "new_field", "move"]
OF_HOTLINE = ["expire_token", "retry_after_date"]
LASTING = [
    # lane, fault, words of the message
    ("provincial", "not_authorised", "not authorised"),
    ("provincial", "wrong_signature", "app secret"),
    ("provincial", "clock_skew", "clock"),
    ("provincial", "envelope", "data.total"),
    ("hotline_12345", "envelope", "items"),
    ("hotline_12345", "bad_request", "status 400"),
    ("hotline_12345", "cursor_loop", "cursor"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    built = DemoHome(tmp_path_factory.mktemp("home"))
    built.build(datetime(2023, 12, 31, 23, 59, 59))
    return built


class Lane:
    def __init__(self, name: str, home: DemoHome, port: int) -> None:
        self.name, self.url = name, f"http://127.0.0.1:{port}"
        self.told = home.connections(dict.fromkeys(LANES, port))[f"petitions_{name}"]

    def fault(self, *faults: Any) -> None:
        assert requests.post(f"{self.url}/control/faults", json={"faults": list(faults)}, timeout=5).ok

    def requests(self) -> int:
        return int(requests.get(f"{self.url}/control/state", timeout=5).json()["requests"])

    def pull(self, folder: Path, *, password: str | None = None, **extra: Any) -> Manifest:
        changed = {
            **self.told,
            "extra": {"page_size": {"provincial": 3, "hotline_12345": 60}[self.name], "requests_per_second": 1000, **extra},
        }
        connection = parse(f"petitions_{self.name}", json.dumps(changed | ({"password": password} if password else {})))
        return extract(
            create(self.name, connection, CONFIG), YEAR, landing=Landing(folder), open_numbers=["0" * 18], now=NOW, look_back_days=3
        )

    def contents(self, folder: Path, manifest: Manifest) -> dict[str, str]:
        """Number → what the newest record of it comes to."""
        normaliser = Normaliser(create(self.name, parse("petitions_x", "{}"), CONFIG), CONFIG.source_maps[self.name], b"k" * 32)
        field = CONFIG.source_maps[self.name]["fields"]["source_no"]
        return {str(ticket_number(raw, field)): normaliser(raw).content_id or "bad" for _, _, raw in Landing(folder).lines(manifest)}


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest, home: DemoHome) -> Iterator[Lane]:
    yield from _listening(request.param, home)


def _listening(name: str, home: DemoHome) -> Iterator[Lane]:
    server = Server(platform(name, home))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield Lane(name, home, server.port)
    server.shutdown()
    server.server_close()
    thread.join()


def passing(lane: Lane) -> list[str]:
    return PASSING + (OF_HOTLINE if lane.name == "hotline_12345" else [])


def test_each_passing_fault_alone_lands_what_a_quiet_night_lands(lane: Lane, tmp_path: Path) -> None:
    quiet = lane.pull(tmp_path / "quiet")
    expected = lane.contents(tmp_path / "quiet", quiet)
    assert quiet.platform_total == len(expected) > 0
    assert quiet.not_answered == ("0" * 18,)
    for fault in passing(lane):
        lane.fault("ok", fault)
        manifest = lane.pull(tmp_path / fault)
        assert lane.contents(tmp_path / fault, manifest) == expected, fault
        assert (manifest.platform_total or 0) <= len(expected), fault


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_mixed_passing_faults_land_what_a_quiet_night_lands(lane: Lane, tmp_path: Path, seed: int) -> None:
    """Or the lane is red, and the next pull heals it."""
    expected = lane.contents(tmp_path / "quiet", lane.pull(tmp_path / "quiet"))
    dice = random.Random(seed)
    lane.fault(*(dice.choice([*passing(lane), *["ok"] * 6]) for _ in range(9)))
    try:
        mixed = lane.pull(tmp_path / "mixed")
    except LaneStopped:
        lane.fault()
        mixed = lane.pull(tmp_path / "mixed")
    assert lane.contents(tmp_path / "mixed", mixed) == expected


@pytest.mark.parametrize(("name", "fault", "words"), LASTING)
def test_a_lasting_fault_stops_the_lane_and_the_next_pull_heals_it(
    home: DemoHome, tmp_path: Path, name: str, fault: str, words: str
) -> None:
    for lane in _listening(name, home):
        lane.fault("ok", "ok", {"fault": fault, "times": -1})
        with pytest.raises(LaneStopped, match=words):
            lane.pull(tmp_path)
        assert Landing(tmp_path).batches() == []
        lane.fault()
        assert lane.pull(tmp_path).records


def test_a_wrong_secret_is_told_in_two_requests(lane: Lane, tmp_path: Path) -> None:
    before = lane.requests()
    with pytest.raises(LaneStopped, match="password"):
        lane.pull(tmp_path, password="guessed")
    assert lane.requests() - before <= 2


@pytest.mark.parametrize("fault", ["busy", "retry_after", "html502", "empty200", "break_body"])
def test_a_platform_that_is_down_for_good_gets_at_most_60_requests(lane: Lane, tmp_path: Path, fault: str) -> None:
    before = lane.requests()
    lane.fault({"fault": fault, "times": -1})
    with pytest.raises(LaneStopped):
        lane.pull(tmp_path, patience_s=1)
    assert lane.requests() - before <= 60
