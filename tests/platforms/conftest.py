"""A home with the demo year, and the two HTTP platforms listening on loopback ports."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from platforms.demo import demo_year
from platforms.home import DemoHome
from platforms.http_service import Server
from platforms.life import Life
from platforms.processes import platform

END_OF_YEAR = datetime(2023, 12, 31, 23, 59, 59)
OCTOBER = datetime(2023, 10, 24, 23, 59, 59)


@pytest.fixture(scope="session")
def year() -> list[Life]:
    return demo_year()


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """Shared by the tests that only read."""
    home = DemoHome(tmp_path_factory.mktemp("home"))
    home.build(END_OF_YEAR)
    return home


@pytest.fixture
def own_home(demo_home: DemoHome, tmp_path: Path) -> DemoHome:
    """A copy to write in."""
    shutil.copytree(demo_home.root, tmp_path, dirs_exist_ok=True)
    return DemoHome(tmp_path)


@pytest.fixture
def provincial(demo_home: DemoHome) -> Iterator[str]:
    yield from _listening("provincial", demo_home)


@pytest.fixture
def hotline(demo_home: DemoHome) -> Iterator[str]:
    yield from _listening("hotline_12345", demo_home)


def _listening(name: str, home: DemoHome) -> Iterator[str]:
    server = Server(platform(name, home))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join()
