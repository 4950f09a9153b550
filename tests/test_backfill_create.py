"""`airflow backfill create` over the first days of the demo year, each a run of its own in the services of `make up`: the tables are those
of one run over all of them.

PETITIONS_TEST_BACKFILL_DAYS says how many days; 365 is the whole year, which takes an hour where there are two processors.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.airflow_services import NIGHTLY, make_up, open_folder
from tests.nightly.office import County, figures, known_now

DAYS = int(os.environ.get("PETITIONS_TEST_BACKFILL_DAYS", "4"))
FIRST = date(2023, 1, 1)
#: Of a day's run on a machine that many share.
PATIENCE_S = 300


@pytest.mark.slow
def test_days_one_by_one_and_some_again_and_backwards(demo_county: County, tmp_path: Path) -> None:
    after = FIRST + timedelta(days=DAYS)
    at_once = demo_county.office(tmp_path / "at_once")
    assert at_once.run("--from", str(FIRST), "--to", str(after - timedelta(days=1))).code == 0
    # Without its schedule: a DAG that is unpaused makes up for its last night, which would bring the whole year.
    with open_folder("backfill") as folder, make_up(folder / "home", told={"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}) as services:
        one_by_one = demo_county.office(services.home)
        api = services.ready()
        api.unpause(NIGHTLY)
        services.backfill(NIGHTLY, str(FIRST), str(after), "--max-active-runs", "2")
        assert api.backfilled(NIGHTLY, DAYS * PATIENCE_S) == {"success": DAYS, "failed": 0}
        assert known_now(one_by_one) == known_now(at_once)
        again = ("--run-backwards", "--reprocess-behavior", "completed", "--dag-run-conf", '{"refetch": true}')
        services.backfill(NIGHTLY, str(after - timedelta(days=2)), str(after), *again)
        assert api.backfilled(NIGHTLY, DAYS * PATIENCE_S) == {"success": DAYS, "failed": 0}
        assert len(one_by_one.batches()) == 5 * (DAYS + 2)
        assert known_now(one_by_one) == known_now(at_once)
        assert figures(one_by_one) == figures(at_once)
        services.interrupt()
