"""What our DAG files add to Airflow's import, and what a nightly run takes in Airflow's services beside one of as many empty tasks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bench import measure
from bench.results import Result
from petitions.settings import CHECKOUT

if TYPE_CHECKING:
    from tests.airflow_services import Api, Up

TIMES = 5
FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)
#: Runs of each DAG, and seconds at rest.
RUNS, REST = 10, 30
OVERHEAD = ("empty_nightly", "workless_nightly")
_IMPORT = "from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, TriggerRule, get_current_context, task, task_group"
_FILES = """
import importlib.util, pathlib, sys
sys.path.insert(0, "plugins")
for path in sorted(pathlib.Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
"""


def measured() -> None:
    """Import, runs in the services, and ``make run`` a second time over a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"AIRFLOW_HOME": f"{folder}/parse", "PYTHONPATH": ""}
        texts = {"import of airflow": _IMPORT, "import of airflow and all DAG files": _IMPORT + _FILES}
        runs = [(what, measure.run([sys.executable, "-c", text], env=env)) for _ in range(TIMES) for what, text in texts.items()]
        for what in texts:
            least = min((run for name, run in runs if name == what), key=lambda run: run.cpu)
            Result("airflow", what, runs=[least]).keep().say()
        again = ["make", "--no-print-directory", "run", f"PETITIONS_HOME={folder}/run"]
        subprocess.run(again, cwd=CHECKOUT, check=True, capture_output=True)
        Result("airflow", "make run again", runs=[measure.run(["sh", "-c", f"{' '.join(again)} >&2"])]).keep().say()
    with services() as at_work:
        for dag_id in (*OVERHEAD, "petition_nightly"):
            Result("airflow", dag_id, amount=RUNS, runs=[at_work.days(dag_id)]).keep().say()
        Result("airflow", "the year in one run", amount=1, runs=[at_work.year()]).keep().say()


@dataclass(frozen=True)
class Services:
    """Airflow's services at work, and what they use of a processor, in seconds a second, when there is nothing to do."""

    up: Up
    api: Api
    at_rest: float

    def days(self, dag_id: str) -> measure.Measured:
        """The first days of the demo year by ``airflow backfill create``, one run each."""

        def backfill() -> list[str]:
            self.up.backfill(dag_id, str(FIRST), str(FIRST + timedelta(days=RUNS)), "--max-active-runs", "1")
            ended = self.api.backfilled(dag_id)
            if ended != {"success": RUNS, "failed": 0}:
                raise measure.Failed(f"{dag_id}: expected {RUNS} runs that succeed, found {ended}")
            return [run["dag_run_id"] for run in self.api.runs(dag_id)]

        return self._measured(dag_id, backfill)

    def year(self) -> measure.Measured:
        """The demo year in one nightly run, on top of the days that are loaded."""

        def run() -> list[str]:
            run_id = self.api.trigger("petition_nightly", window_start=str(FIRST), window_end=str(LAST))
            if (ended := self.api.ended("petition_nightly", run_id)) != "success":
                raise measure.Failed(f"expected a run that succeeds, found {ended}")
            return [run_id]

        return self._measured("petition_nightly", run)

    def _measured(self, dag_id: str, work: Callable[[], list[str]]) -> measure.Measured:
        """Wall time from the start of the first run to the end of the last; processor time less what the services use at rest."""
        begun, used = time.perf_counter(), _used(self.up)
        run_ids = work()
        took, used = time.perf_counter() - begun, _used(self.up) - used
        runs = [run for run in self.api.runs(dag_id) if run["dag_run_id"] in run_ids]
        first, last = (sorted(datetime.fromisoformat(run[end]) for run in runs)[at] for end, at in (("start_date", 0), ("end_date", -1)))
        tasks = sum(len(self.api.tasks(dag_id, run_id)) for run_id in run_ids)
        told = {"runs": len(runs), "tasks": tasks, "used": round(used, 3), "at_rest": round(self.at_rest, 3)}
        return measure.Measured((last - first).total_seconds(), round(used - self.at_rest * took, 3), 0.0, told)


@contextmanager
def services() -> Iterator[Services]:
    """`make up` of an empty home at the stand-in platforms, with our nightly DAG and those that it is compared with, and no schedule."""
    from tests.airflow_services import make_up, open_folder, wait_for

    with open_folder("bench") as folder:
        dags = folder / "dags"
        shutil.copytree(CHECKOUT / "bench" / "dags", dags)
        shutil.copy(CHECKOUT / "dags" / "petition_nightly.py", dags)
        told = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}
        with make_up(folder / "home", told=told) as up:
            api = up.ready()
            for dag_id in (*OVERHEAD, "petition_nightly"):
                wait_for(partial(api.knows, dag_id), f"the DAG {dag_id}")
                api.unpause(dag_id)
            yield Services(up, api, _at_rest(up))
            up.interrupt()


def _at_rest(up: Up) -> float:
    time.sleep(REST)  # what the start leaves to do
    used = _used(up)
    time.sleep(REST)
    return (_used(up) - used) / REST


def _used(up: Up) -> float:
    """Seconds of processor of all services, and of the server that holds their metadata."""
    from tests.airflow_services import parts

    metadata = up.home / "airflow" / "postgres" / "data" / "postmaster.pid"
    return sum(map(measure.used, [*parts(up.home), int(metadata.read_text().splitlines()[0])]))
