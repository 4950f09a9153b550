"""The DAG as Airflow's users expect it: owner, tags, retries, time-outs, pools, parameters that explain themselves, and a quick import."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from petitions.model import SOURCES

CHECKOUT = Path(__file__).resolve().parents[2]
DAG_FILES = sorted((CHECKOUT / "dags").glob("*.py"))
HEAVY = ("pandas", "great_expectations", "duckdb", "pyarrow", "openpyxl", "sqlglot")
STEPS = ("extract", "check", "load")


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def module() -> Any:
    return load(CHECKOUT / "dags" / "petition_nightly.py")


@pytest.fixture(scope="module")
def dag(module: Any) -> Any:
    return module.dag


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_every_dag_is_well_kept(path: Path) -> None:
    dag = load(path).dag
    dag.validate()
    assert dag.dag_id == path.stem
    assert dag.owner == "petitions"
    assert {"petitions"} < set(dag.tags)
    assert dag.doc_md and dag.description
    assert dag.on_failure_callback, "one message per failed run"
    assert not dag.catchup
    for task in dag.tasks:
        assert task.doc_md, f"{task.task_id} has no description"
        assert task.execution_timeout, f"{task.task_id} may run for ever"
        assert task.retry_exponential_backoff, task.task_id
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.schema.get("title"), f"parameter {name} has no title"
        assert param.description, f"parameter {name} has no description"


def test_each_lane_is_extract_check_load(dag: Any) -> None:
    for source in SOURCES:
        assert {f"{source}.{step}" for step in STEPS} == {t.task_id for t in dag.tasks if t.task_id.startswith(f"{source}.")}
        assert dag.get_task(f"{source}.extract").upstream_task_ids == set(), "no lane waits for another"
        assert dag.get_task(f"{source}.check").upstream_task_ids == {f"{source}.extract"}
        assert dag.get_task(f"{source}.load").upstream_task_ids == {f"{source}.extract", f"{source}.check"}
        assert dag.get_task(f"{source}.load").downstream_task_ids == {"refresh"}
    assert len(dag.tasks) == 3 * len(SOURCES) + 3


def test_a_red_lane_stops_neither_refresh_nor_report_but_fails_the_run(dag: Any) -> None:
    refresh, report, verdict = (dag.get_task(name) for name in ("refresh", "report", "verdict"))
    assert refresh.upstream_task_ids == {f"{source}.load" for source in SOURCES}
    assert refresh.trigger_rule == "all_done"
    assert report.upstream_task_ids == {"refresh"}
    assert verdict.upstream_task_ids == {"refresh"}
    assert verdict.trigger_rule == "all_done"
    assert report.trigger_rule == "all_success", "a refresh that failed leaves the report out and, as a leaf, fails the run"
    assert {t.task_id for t in dag.tasks if not t.downstream_task_ids} == {"report", "verdict"}


def test_pools_and_retries(dag: Any) -> None:
    for source in SOURCES:
        assert dag.get_task(f"{source}.extract").pool == f"petitions_{source}"
        assert dag.get_task(f"{source}.load").pool == "petitions_writer"
        assert all(dag.get_task(f"{source}.{step}").retries == 2 for step in STEPS)
    assert dag.get_task("refresh").pool == "petitions_writer"


def test_all_that_is_imported_ahead_is_there() -> None:
    """A module that is not there would be passed over in silence, and every task would be slower."""
    ahead = load(CHECKOUT / "scripts" / "airflow_home.py").PRELOADED
    assert [name for name in ahead if importlib.util.find_spec(name) is None] == []


def test_every_pool_is_made(dag: Any) -> None:
    made = load(CHECKOUT / "scripts" / "airflow_home.py").pools()
    assert {task.pool for task in dag.tasks} - {"default_pool"} == set(made)
    assert made["petitions_writer"]["slots"] == 1


def test_schedule_is_half_past_two_in_beijing(dag: Any) -> None:
    assert dag.timetable.expression == "30 2 * * *"
    assert str(dag.timetable.timezone) in ("Asia/Shanghai", "Timezone('Asia/Shanghai')")


BEIJING = ZoneInfo("Asia/Shanghai")
NIGHT = datetime(2023, 10, 24, 2, 30, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("run_type", "start", "end", "expected"),
    [
        ("manual", "2023-01-01", "2023-12-31", (date(2023, 1, 1), date(2023, 12, 31))),  # as asked
        ("backfill", "2023-01-01", "2023-12-31", (date(2023, 1, 1), date(2023, 12, 31))),  # asked for goes first
        ("manual", "2023-01-05", None, (date(2023, 1, 5), date(2023, 1, 5))),  # one day
        ("manual", None, "2023-01-05", (date(2023, 1, 5), date(2023, 1, 5))),  # one day
        ("backfill", None, None, (date(2023, 10, 24), date(2023, 10, 24))),  # the run's own day
        ("scheduled", None, None, (None, None)),  # from where each lane stands until now
        ("manual", None, None, (None, None)),
    ],
)
def test_window(module: Any, run_type: str, start: str | None, end: str | None, expected: tuple[date | None, date | None]) -> None:
    context = {
        "params": {"window_start": start, "window_end": end},
        "dag_run": SimpleNamespace(run_type=run_type),
        "data_interval_start": NIGHT.astimezone(ZoneInfo("UTC")),
        "data_interval_end": (NIGHT + timedelta(days=1)).astimezone(ZoneInfo("UTC")),
    }
    assert module.window(context) == expected


def test_a_window_that_ends_before_it_begins_is_refused(module: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    context = {"params": {"window_start": "2023-12-31", "window_end": "2023-01-01"}}
    with pytest.raises(AirflowFailException, match="expected a day at or after 2023-12-31, found 2023-01-01; trigger"):
        module.window(context)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sources", ["provincial", "weibo"]),  # no such platform
        ("sources", []),  # no platform at all
        ("window_start", "24.10.2023"),  # not written as a date
        ("window_end", "2023-02-30"),  # no such day
        ("refetch", "yes"),  # not a boolean
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused(dag: Any, name: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


def test_import_is_light() -> None:
    """On top of Airflow a DAG file costs well under a second, because nothing heavy comes with it."""
    program = (
        "import sys, time, importlib.util, json\n"
        "import airflow.sdk as sdk; [getattr(sdk, name) for name in ('DAG', 'task', 'Param', 'Asset', 'CronDataIntervalTimetable')]\n"
        "before, start = set(sys.modules), time.process_time()\n"
        "for path in sys.argv[1:]:\n"
        "    spec = importlib.util.spec_from_file_location('dag_file', path)\n"
        "    spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
        "print(json.dumps([time.process_time() - start, sorted({m.partition('.')[0] for m in set(sys.modules) - before})]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, DAG_FILES)], env=_environment(), capture_output=True, text=True, check=True
    )
    seconds, brought = json.loads(done.stdout.splitlines()[-1])
    assert not set(brought) & set(HEAVY)
    assert seconds < 1


def test_airflow_loads_the_plugin_and_leaves_the_library_alone() -> None:
    """Airflow loads what lies in plugins/ under its bare name; without .airflowignore our calendar.py would become `calendar`."""
    program = (
        "import calendar, json; from airflow.plugins_manager import _get_plugins\n"
        "plugins, errors = _get_plugins()\n"
        "views = [v['href'] for p in plugins if p.name == 'petitions' for v in p.external_views]\n"
        "import sys; ours = [name in sys.modules for name in ('normalise', 'petitions_web', 'airflow.api_fastapi.core_api.security')]\n"
        "print(json.dumps([errors, views, hasattr(sys.modules['calendar'], 'monthrange'), ours]))\n"
    )
    environment = _environment() | {"AIRFLOW__API__BASE_URL": "https://county.example/airflow/"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [{}, ["/airflow/petition-reports/"], True, [False] * 3]


def _environment() -> dict[str, str]:
    return dict(os.environ) | {
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "PYTHONPATH": str(CHECKOUT / "plugins"),
    }
