"""What a measurement tells is what happened, and the page says what the results hold."""

from __future__ import annotations

import sys

import psutil
import psycopg
import pytest

from bench import document, results
from bench.load import engines
from bench.measure import Failed, Measured, run
from bench.results import Result

CHILD = "import time; held = bytearray(80 << 20); time.sleep(0.6)"


def test_memory_and_processor_time_of_all_that_a_command_starts_are_seen():
    text = f"""
import json, subprocess, sys
subprocess.run([sys.executable, "-c", {CHILD!r}])
print("some words before")
print(json.dumps({{"steps": {{"one": sum(range(3_000_000))}}}}))
"""
    told = run([sys.executable, "-c", text])
    assert told.peak_mib > 80
    assert told.seconds > 0.6
    assert told.cpu > 0.02
    assert told.told == {"steps": {"one": 4499998500000}}


def test_a_command_that_fails_is_no_result():
    with pytest.raises(Failed, match="ended 3: no such thing"):
        run([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"])


def test_the_page_tells_ratios_by_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(document, "DOCUMENT", tmp_path / "benchmarks.md")
    ours = Measured(10.0, 16.0, 900.0, {"steps": {"check": 5.0, "load": 2.0, "refresh": 3.0}})
    Result("load", "ours", "duckdb", 100_000, 100_000, [ours]).keep()
    Result("load", "dlt, steps as rows", "duckdb", 100_000, 50_000, [Measured(100.0, 120.0, 700.0)], note="options").keep()
    Result("load", "bare arrow", "duckdb", 100_000, 100_000, [Measured(1.5, 1.0, 300.0, {"steps": {"insert": 1.0}})]).keep()
    Result("load", "written arrow", "duckdb", 100_000, 100_000, [Measured(4.5, 4.0, 300.0, {"steps": {"insert": 3.0}})]).keep()
    Result("load", "decoded", "duckdb", 100_000, 50_000, [Measured(0.5, 0.5, 30.0, {"steps": {"decode": 0.5}})]).keep()
    night = [Measured(seconds, 4.0, 300.0, {"steps": {"check": 1.0}}) for seconds in (5.0, 4.0, 6.0)]
    Result("night", "ours", "duckdb", 100_000, 2_000, night).keep()
    page = document.write().read_text(encoding="utf-8")
    assert "| dlt, steps as rows | 15.0 | 20.0 | 50,000 | 500 |" in page
    assert "2.0 times the fastest;" in page
    # read 1 s, written 3 s, beside 10 s of ours and 200 s of dlt
    assert "40 % of our time" in page
    assert "50.0 times as fast as the fastest of dlt's ways" in page
    assert "| written" not in page
    assert "| DuckDB | 100,000 | 2,000 | 1.00 | 4.0 | 5.0 |" in page
    assert "`dlt, steps as rows`: options" in page
    assert "nan" not in page


def test_the_page_tells_the_rate_of_a_sample_of_days_and_what_airflow_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(document, "DOCUMENT", tmp_path / "benchmarks.md")
    tables = {"postings": [["visits", "1"]]}
    for what, amount, cpu, held in (("the year in one run", 1, 7.3, {}), ("one run", 1, 3.0, tables), ("daily runs", 10, 20.0, tables)):
        Result("backfill", what, amount=amount, runs=[Measured(30.0, 25.0, 300.0, {"seconds": 21.0, "cpu": cpu, "tables": held})]).keep()
    for what, amount, cpu in (("empty_nightly", 10, 36.0), ("workless_nightly", 10, 37.8), ("petition_nightly", 10, 200.0)):
        Result("airflow", what, amount=amount, runs=[Measured(100.0, cpu, 0.0, {"tasks": 180})]).keep()
    Result("airflow", "the year in one run", amount=1, runs=[Measured(20.0, 73.0, 0.0, {"tasks": 18})]).keep()
    page = document.write().read_text(encoding="utf-8")
    assert "365 daily runs take **100 times** the processor time of one run over the year, at the rate of 10." in page
    assert "Equal tables after 10 daily runs and one run over the same days: yes." in page
    assert "0.210 s of processor; of a task in a DAG of as many empty tasks: 0.200 s; ratio 1.05." in page
    assert "takes 100 times the processor time of one run over it, at the rate of 10 days (20.0 s of processor a day)." in page


def test_each_engine_is_given_empty_and_the_server_is_known_by_its_process():
    with engines(("duckdb", "postgres")) as found:
        assert found["duckdb"]("bench").connection is None
        engine = found["postgres"]("bench")
        told = engine.connection or {}
        with psycopg.connect(host=told["host"], port=told["port"], user=told["login"], dbname=told["schema"]) as session:
            assert session.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)
        assert "postgres" in psutil.Process(engine.server).name()
