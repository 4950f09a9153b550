from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from petitions.report import issue
from tests.report import county
from tests.report.conftest import year  # noqa: F401 - a fixture
from tests.web import airflow_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[airflow_server.Server]:
    """Airflow's web server on a home that holds the report of the county's 2023."""
    settings = county.home(tmp_path_factory.mktemp("web"))
    county.a_year(settings)
    issue(settings, date(2023, 1, 1), date(2023, 12, 31))
    with airflow_server.running(settings.home) as up:
        yield up
