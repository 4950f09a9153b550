"""Run the nightly DAG once, in this process, without a scheduler: ``nightly.py --from 2023-01-01 --to 2023-12-31``.

Airflow's own words go to a log file in the home. Printed are the summary of the run and, where the run failed, where to read on.
Exit: 0 every lane green or yellow, 3 some lane red, 1 the run failed for another reason.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import airflow_home

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> int:
    asked = arguments()
    home = Path(os.environ.get("PETITIONS_HOME") or CHECKOUT / ".petitions").absolute() / "airflow"
    os.environ["AIRFLOW_HOME"] = str(home)
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = airflow_home.sqlite(home)
    airflow_home.prepare(home, airflow_home.sqlite(home))
    log = home / "logs" / f"nightly-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    print(f"petition_nightly {asked.start} to {asked.end}; Airflow's log: {log}", file=sys.stderr, flush=True)
    with output_to(log):
        run_id, passed = run_dag({key: value for key, value in conf(asked).items() if value is not None})
    shown = subprocess.run([Path(sys.executable).parent / "petitions", "summary", "--run", run_id]).returncode
    if not passed:
        print(f"The run failed. Its log: {log}", file=sys.stderr)
    return shown or (0 if passed else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day of the window")
    parser.add_argument("--to", dest="end", type=date.fromisoformat, help="last day of the window")
    parser.add_argument("--source", dest="sources", action="append", help="this lane only; may be given again")
    parser.add_argument("--refetch", action="store_true", help="fetch again what a complete batch already holds")
    return parser.parse_args()


def conf(asked: argparse.Namespace) -> dict[str, Any]:
    days = {"window_start": asked.start, "window_end": asked.end}
    return {key: day and day.isoformat() for key, day in days.items()} | {"sources": asked.sources, "refetch": asked.refetch}


def run_dag(run_conf: dict[str, Any]) -> tuple[str, bool]:
    """As ``airflow dags test`` does, less the seconds that its command line takes. Returns the run id, and whether it succeeded."""
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()
    spec = importlib.util.spec_from_file_location("petition_nightly", CHECKOUT / "dags" / "petition_nightly.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for task in module.dag.tasks:
        task.retry_delay = timedelta(seconds=1)  # somebody waits for this run
    run = module.dag.test(run_conf=run_conf)
    return run.run_id, run.state == "success"


@contextlib.contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Both outputs of this process, and of what it starts, into a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, fd in zip(kept, (1, 2), strict=True):
            os.dup2(number, fd)
            os.close(number)


if __name__ == "__main__":
    sys.exit(main())
