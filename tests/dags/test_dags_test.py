"""`airflow dags test petition_nightly`, as Airflow's users try a DAG, with OpenTelemetry switched on by settings alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import airflow_home
import pytest

from tests.nightly.office import County
from tests.sources.loopback import Reply, serving

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_airflow_dags_test(demo_county: County, home: Path) -> None:
    office = demo_county.office(home)
    airflow = home / "airflow"
    airflow_home.prepare(airflow, airflow_home.sqlite(airflow))
    conf = {"window_start": "2023-10-01", "window_end": "2023-10-31", "sources": ["visits", "online_politics"]}
    with serving(lambda _asked: Reply(b"", headers={"Content-Type": "application/x-protobuf"})) as collector:
        told = {
            "AIRFLOW_HOME": str(airflow),
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["airflow", "dags", "test", "petition_nightly", "--conf", json.dumps(conf)],
            env=office.environment | told,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "great_expectations._docs_decorators" not in done.stdout + done.stderr  # nor other talk of its inside
    assert list((home / "reports").glob("2023-10-01_2023-10-31*/index.html"))
    assert {asked.path for asked in collector.asked} == {"/v1/metrics"}
    sent = b"".join(asked.body for asked in collector.asked)
    assert b"airflow.petitions.hours_behind.visits" in sent
