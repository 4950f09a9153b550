"""What many tests share: Airflow's home, the stand-in platforms of the demo county, and a home that holds its year.

`make test` has one worker for each core. Whatever is made once a session (platforms, a PostgreSQL server, Airflow's home) is made once a
worker, so that no worker sees another's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.engines import empty_warehouse, postgres_server  # noqa: F401 - fixtures
from tests.nightly.office import YEAR, County, Office, county

# Before the first import of Airflow in this process, which reads these once: never the home of the person who runs the tests.
_AIRFLOW_HOMES = Path(__file__).resolve().parents[1] / ".cache" / "test-airflow"
os.environ["AIRFLOW_HOME"] = str(_AIRFLOW_HOMES / os.environ.get("PYTEST_XDIST_WORKER", "alone"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

# No test is about how fast the machine is: an example may take longer where much else is at work.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def demo_county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """The platforms at the end of the demo year. For tests that change nothing there."""
    with county(tmp_path_factory.mktemp("county")) as up:
        yield up


@pytest.fixture(scope="session")
def loaded_year(demo_county: County, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A home into which the demo year was loaded by one run. To be asked only; who writes takes ``loaded_year.copy(...)``."""
    office = demo_county.office(tmp_path_factory.mktemp("year") / "home")
    ended = office.cold("run", *YEAR)
    assert ended.code == 0, ended.err
    (office.home.with_name("said")).write_text(ended.err, encoding="utf-8")
    return office


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a fresh home may be made."""
    return tmp_path / "home"
