"""What the DAG files and the nightly DAG cost on top of Airflow itself, and a second ``make run``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import measure
from bench.results import Result
from petitions.settings import CHECKOUT

TIMES = 5
_IMPORT = "from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, TriggerRule, get_current_context, task, task_group"
_FILES = """
import importlib.util, pathlib, sys
sys.path.insert(0, "plugins")
for path in sorted(pathlib.Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
"""
# Runs a DAG as `make run` does and tells what the run took beyond its tasks: durations are those that Airflow noted.
_RUN = """
import json, sys
sys.path[:0] = ["scripts", "plugins", "dags"]
import airflow_home, os, pathlib
home = pathlib.Path(os.environ["AIRFLOW_HOME"])
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = airflow_home.sqlite(home)
airflow_home.prepare(home, airflow_home.sqlite(home))
from airflow.providers_manager import ProvidersManager
ProvidersManager().initialize_providers_configuration()
{dag}
import time
begun = time.perf_counter()
run = dag.test(run_conf={conf})
took = time.perf_counter() - begun
tasks = [(one.end_date - one.start_date).total_seconds() for one in run.get_task_instances() if one.start_date and one.end_date]
print()
overhead = (took - sum(tasks)) / len(tasks)
print(json.dumps({{"state": str(run.state), "tasks": len(tasks), "run": took, "in_tasks": sum(tasks), "overhead": overhead}}))
"""
_NIGHTLY = "import petition_nightly; dag = petition_nightly.dag"
_EMPTY = """
from airflow.sdk import DAG, task
with DAG("empty_tasks", schedule=None) as dag:
    @task
    def nothing():
        pass
    before = None
    for number in range({amount}):
        one = nothing.override(task_id=f"task_{{number}}")()
        if before is not None:
            before >> one
        before = one
"""


def measured() -> None:
    """Import, overhead of a task, and ``make run`` a second time over a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"AIRFLOW_HOME": f"{folder}/parse", "PYTHONPATH": ""}
        for what, text in (("import of airflow", _IMPORT), ("import of airflow and all DAG files", _IMPORT + _FILES)):
            runs = [_python(text, env) for _ in range(TIMES)]
            Result("airflow", what, runs=sorted(runs, key=lambda run: run.cpu)[:1]).keep().say()
        conf = {"window_start": "2023-01-01", "window_end": "2023-12-31"}
        nightly = _dag(_NIGHTLY, conf, Path(folder, "nightly"))
        Result("airflow", "nightly DAG", amount=nightly.told["tasks"], runs=[nightly]).keep().say()
        empty = _dag(_EMPTY.format(amount=nightly.told["tasks"]), {}, Path(folder, "empty"))
        Result("airflow", "DAG of empty tasks", amount=empty.told["tasks"], runs=[empty]).keep().say()
        again = ["make", "--no-print-directory", "run", f"PETITIONS_HOME={folder}/run"]
        subprocess.run(again, cwd=CHECKOUT, check=True, capture_output=True)
        Result("airflow", "make run again", runs=[measure.run(["sh", "-c", f"{' '.join(again)} >&2"])]).keep().say()


def _python(text: str, env: dict[str, str]) -> measure.Measured:
    return measure.run([sys.executable, "-c", text], env=env)


def _dag(dag: str, conf: dict[str, Any], home: Path) -> measure.Measured:
    text = _RUN.format(dag=dag, conf=json.dumps(conf))
    env = {"PETITIONS_HOME": str(home), "AIRFLOW_HOME": str(home / "airflow"), "PYTHONPATH": str(CHECKOUT), "GX_ANALYTICS_ENABLED": "False"}
    told = measure.run([sys.executable, "-m", "platforms", "exec", "--home", home, "--", sys.executable, "-c", text], env=env)
    if "success" not in told.told["state"]:
        raise measure.Failed(f"the DAG ended as {told.told['state']}, expected success")
    return told
