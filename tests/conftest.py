"""What many tests share: the stand-in platforms of the demo county, and a home that holds its year."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import empty_warehouse, postgres_server  # noqa: F401 - fixtures
from tests.nightly.office import YEAR, County, Office, county


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
