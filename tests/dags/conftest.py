"""Airflow for the tests: a home of its own inside the checkout; never the home of the person who runs them."""

from __future__ import annotations

import os
from pathlib import Path

# Before the first import of Airflow in this process: it reads these once.
os.environ["AIRFLOW_HOME"] = str(Path(__file__).resolve().parents[2] / ".cache" / "test-airflow")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
