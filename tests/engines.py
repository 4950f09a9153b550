"""Both engines for one test: a block in which the warehouse is a DuckDB file of the home, or a fresh PostgreSQL database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests import postgres

ENGINES = ("duckdb", "postgres")
# Called with a name, gives a block in which `petitions_warehouse` is an empty warehouse of the engine.
EmptyWarehouse = Callable[[str], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as running:
        yield running


@pytest.fixture(scope="module", params=ENGINES)
def empty_warehouse(request: pytest.FixtureRequest) -> EmptyWarehouse:
    @contextmanager
    def at(name: str) -> Iterator[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
            if request.param == "postgres":
                server: postgres.Server = request.getfixturevalue("postgres_server")
                patch.setenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", json.dumps(server.database(name)))
            yield request.param

    return at
