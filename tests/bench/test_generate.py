"""Generated batches load like a platform's: they reconcile, and the figures are those that the generator counted by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.generate import MADE, generate, night
from bench.records import export
from petitions.landing import Landing
from petitions.settings import CHECKOUT, Settings

TICKETS = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("generated") / "home"
    generate(home, TICKETS, windows=2, jobs=1)
    return home


def _records(home: Path) -> dict[str, str]:
    """Batch → sha256 of what it holds."""
    landing = Landing.of(Settings(home, CHECKOUT / "config"))
    return {manifest.batch_id: file.sha256 for manifest in landing.batches() for file in manifest.files}


def test_every_ticket_is_there_and_tickets_that_moved_come_again(made):
    told = json.loads((made / MADE).read_text(encoding="utf-8"))
    bad = sum(batch["quarantined"] for batch in told["batches"])
    assert TICKETS - bad <= sum(one["tickets"] for one in told["figures"].values()) <= TICKETS
    assert {batch["source"] for batch in told["batches"]} == {"hotline_12345", "smart_city", "provincial", "online_politics"}
    assert told["records"] == sum(batch["new_versions"] + batch["unchanged"] + batch["quarantined"] for batch in told["batches"])
    assert told["records"] > TICKETS
    assert sum(batch["unchanged"] for batch in told["batches"]) > 0


def test_the_same_seed_makes_the_same_bytes(made, tmp_path):
    generate(tmp_path / "again", TICKETS, windows=2, jobs=2)
    generate(tmp_path / "other", TICKETS, windows=2, seed=2, jobs=1)
    assert _records(tmp_path / "again") == _records(made)
    assert set(_records(tmp_path / "other").values()).isdisjoint(_records(made).values())


def test_a_filled_home_is_not_filled_again(made):
    with pytest.raises(FileExistsError, match="take a fresh folder"):
        generate(made, TICKETS)


def test_it_loads_as_the_generator_counted_and_so_does_the_night_after(made):
    _load(made)
    before = json.loads((made / MADE).read_text(encoding="utf-8"))
    after = night(made, 40, jobs=1)
    assert after["records"] - before["records"] == 40
    assert after["until"] > before["until"]
    _load(made)


def _load(home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")} | {
        "PETITIONS_HOME": str(home)
    }
    for command in ("load", "compare"):
        ended = subprocess.run(
            [sys.executable, "-m", "bench", command, "--home", str(home)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]


def test_a_sample_of_the_records_holds_some_of_every_batch(made, tmp_path):
    batches = json.loads((made / MADE).read_text(encoding="utf-8"))["batches"]
    count = export(made, tmp_path / "records", most=TICKETS // 2)
    written = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in (tmp_path / "records").glob("*/*.jsonl")}
    assert count == sum(map(len, written.values())) <= TICKETS // 2
    assert all(0 < len(written[batch["batch_id"]]) <= batch["landed"] for batch in batches)
    assert all(isinstance(json.loads(line), dict) for lines in written.values() for line in lines)
