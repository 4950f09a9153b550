"""What docker-compose.yml makes in PostgreSQL: two databases whose owners do not meet, and the readers' role."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.airflow_services import open_folder
from tests.sources.loopback import Loopback
from tests.stack.services import Metrics, Stack


@pytest.fixture
def stack() -> Iterator[Stack]:
    with open_folder("databases") as folder:
        made = Stack(folder, {}, Loopback(0), Metrics(0))
        made.start_postgres()
        try:
            yield made
        finally:
            made.cluster.stop()


def test_the_script_of_the_compose_file(stack: Stack) -> None:
    def session(login: str, password: str, database: str) -> psycopg.Connection[tuple[str, ...]]:
        return psycopg.connect(host="127.0.0.1", port=stack.cluster.port, user=login, password=password, dbname=database)

    passwords = {"airflow": stack.secrets["AIRFLOW_DB_PASSWORD"], "petitions": stack.secrets["WAREHOUSE_DB_PASSWORD"]}
    for login, password in passwords.items():
        with session(login, password, login) as held:
            held.execute("create table of_its_own ()")
            (other,) = passwords.keys() - {login}
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            session(login, password, other)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            session(login, "a-guess", login)
    with session("petitions", passwords["petitions"], "petitions") as held:
        assert held.execute("select rolcanlogin from pg_roles where rolname = 'petitions_reader'").fetchone() == (False,)
        assert held.execute("select rolcreaterole, rolsuper from pg_roles where rolname = 'petitions'").fetchone() == (False, False)
