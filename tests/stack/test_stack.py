"""The services of docker-compose.yml as processes: a nightly run through two workers, one of which is killed in mid-task; then a backfill.

A run with the loss of a worker, the same days again as a backfill in any order, and one run of everything on the embedded engine: the
tables are equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from petitions import warehouse
from petitions.model import SOURCES
from petitions.settings import Settings
from tests.airflow_services import NIGHTLY, Api, ended_at_last, family, kill, open_folder, wait_for
from tests.nightly.office import Office, figures, state
from tests.sources.loopback import Reply, serving
from tests.stack.services import CHECKOUT, MARK, Stack, listening, missing

WORKERS = ("worker-1", "worker-2")
PERSON_KEY = "5e" * 32  # as tests/nightly/office.py gives every home, so that hashes of persons can be compared

pytestmark = pytest.mark.slow


@pytest.fixture
def stack() -> Iterator[Stack]:
    if lacking := missing():
        pytest.fail(lacking)
    with open_folder("stack") as folder, serving(lambda _asked: Reply({"errcode": 0})) as bot, listening() as metrics:
        address = {"host": "127.0.0.1", "port": bot.port, "schema": "http", "password": "key"}
        told = {
            "AIRFLOW_CONN_PETITIONS_ALERT_WEBHOOK": json.dumps({"conn_type": "http", **address, "extra": {"bot": "wecom"}}),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(metrics.port),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(folder / "lineage.jsonl"), "append": True}),
        }
        yield from services(Stack(folder, told, bot, metrics))


def services(stack: Stack) -> Iterator[Stack]:
    key = stack.home / "secrets" / "person_key"
    key.parent.mkdir(parents=True, mode=0o700)
    key.write_text(PERSON_KEY, encoding="ascii")
    with ended_at_last(MARK, str(stack.folder), lambda: [process.pid for process in stack.running.values()]):
        stack.start_postgres()
        try:
            stack.start_redis()
            stack.run("init")
            for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
                stack.start(name)
            for name in WORKERS:
                stack.start(name, "demo-worker", "--celery-hostname", name)
            yield stack
        finally:
            stack.cluster.stop()


@pytest.fixture
def api(stack: Stack) -> Api:
    found = Api(stack.url, "admin", stack.secrets["ADMIN_PASSWORD"])
    wait_for(lambda: found.healthy("scheduler", "dag_processor", "triggerer"), "the health of Airflow")
    wait_for(lambda: found.knows(NIGHTLY), "the DAG")
    return found


@pytest.fixture
def office(stack: Stack) -> Office:
    """The home of the services, for questions."""
    return Office(stack.home, {"AIRFLOW_CONN_PETITIONS_WAREHOUSE": stack.environment("scheduler")["AIRFLOW_CONN_PETITIONS_WAREHOUSE"]})


def test_a_night_through_two_workers(stack: Stack, api: Api, office: Office, loaded_year: Office) -> None:
    """One test, since the services are started once and each step goes on where the one before ended."""
    every_health_check_passes(stack)
    a_killed_worker_delays_the_night_and_changes_nothing(stack, api, office, loaded_year)
    a_backfill_over_the_same_days_changes_nothing(stack, api, office, loaded_year)
    metrics_and_lineage_tell_of_the_night(stack, api)
    a_failed_run_is_told_once(stack, api)


def every_health_check_passes(stack: Stack) -> None:
    for name in ("redis", "api-server", "scheduler", "dag-processor", "triggerer"):
        checked = stack.check(name)
        assert checked.returncode == 0, f"{name}: {checked.stdout}{checked.stderr}"
    wait_for(lambda: all(stack.check(name, "demo-worker").returncode == 0 for name in WORKERS), "the health of the workers")


def a_killed_worker_delays_the_night_and_changes_nothing(stack: Stack, api: Api, office: Office, loaded_year: Office) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", office.connections["AIRFLOW_CONN_PETITIONS_WAREHOUSE"])
        with warehouse.writer(Settings(stack.home, CHECKOUT / "config")):  # whoever loads now waits for us, in mid-task
            api.unpause(NIGHTLY)  # it makes up for its last night by itself
            run_id = wait_for(lambda: [run["dag_run_id"] for run in api.runs(NIGHTLY)], "the first run")[0]
            waiting = wait_for(lambda: _loading(api, run_id), "a load")
            (victim,) = [name for name in WORKERS if waiting["pid"] in {one.pid for one in family(stack.running[name].pid)}]
            kill(family(stack.running[victim].pid))
    assert api.ended(NIGHTLY, run_id) == "success"
    again = {task["task_id"]: task for task in api.tasks(NIGHTLY, run_id)}
    assert again[waiting["task_id"]]["try_number"] > waiting["try_number"]
    for name in WORKERS:
        assert re.search(r"Task execute_workload\S* succeeded", stack.said(name)), f"{name} did no task"
    assert state(office) == state(loaded_year)
    assert figures(office) == figures(loaded_year)


def a_backfill_over_the_same_days_changes_nothing(stack: Stack, api: Api, office: Office, loaded_year: Office) -> None:
    days = ("2023-10-22", "2023-10-25")  # midnights: the day before the last one is the last that runs
    told = json.dumps({"sources": ["smart_city", "visits"]})
    words = [
        "--dag-id",
        NIGHTLY,
        "--from-date",
        days[0],
        "--to-date",
        days[1],
        "--max-active-runs",
        "2",
        "--run-backwards",
        "--dag-run-conf",
        told,
    ]
    stack.airflow("backfill", "create", *words)
    assert api.backfilled(NIGHTLY) == {"success": 3, "failed": 0}
    assert state(office) == state(loaded_year)


def metrics_and_lineage_tell_of_the_night(stack: Stack, api: Api) -> None:
    for name in ("airflow.dagrun.duration.success.petition_nightly", *(f"airflow.petitions.hours_behind.{source}" for source in SOURCES)):
        assert name in stack.metrics.names, f"{name} is not among {len(stack.metrics.names)} metrics"
    lineage = [json.loads(line) for line in (stack.folder / "lineage.jsonl").read_text(encoding="utf-8").splitlines()]
    ended = {event["job"]["name"] for event in lineage if event["eventType"] == "COMPLETE"}
    assert {"petition_nightly.visits.load", "petition_nightly.refresh", "petition_nightly.report"} <= ended
    (event, *_) = [one for one in api.get("/assets/events?order_by=timestamp")["asset_events"] if one["source_dag_id"] == NIGHTLY]
    assert event["extra"].keys() >= {f"{source}_until" for source in SOURCES}


def a_failed_run_is_told_once(stack: Stack, api: Api) -> None:
    assert not stack.bot.asked
    run_id = api.trigger(NIGHTLY, window_start="2023-12-31", window_end="2023-01-01", sources=["visits"])
    assert api.ended(NIGHTLY, run_id) == "failed"
    (asked,) = wait_for(lambda: list(stack.bot.asked), "the alert")
    told = json.loads(asked.body)["text"]["content"]
    assert run_id in told and "来访登记" in told
    assert "原因 cause: window_end: expected a day at or after 2023-12-31, found 2023-01-01" in told
    assert "截止日 2023-01-01 早于起始日 2023-12-31" in told
    assert "处置 cure: trigger it again with other days" in told


def _loading(api: Api, run_id: str) -> dict[str, Any] | None:
    found = [
        task for task in api.tasks(NIGHTLY, run_id) if task["task_id"].endswith(".load") and task["state"] == "running" and task["pid"]
    ]
    return found[0] if found else None
