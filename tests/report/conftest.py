from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from petitions.report import issue
from petitions.settings import Settings
from tests.report import county


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return county.home(tmp_path)


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the county's 2023."""
    settings = county.home(tmp_path_factory.mktemp("year"))
    county.a_year(settings)
    return issue(settings, date(2023, 1, 1), date(2023, 12, 31))
