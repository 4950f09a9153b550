"""A PostgreSQL server of our own: from the system's binaries or from those of the package; stopped, started again, and killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_server import Cluster, NoPostgres, installed, packaged

from tests.airflow_services import open_folder, wait_for


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("cluster") as found:
        yield found / "postgres"


@pytest.mark.parametrize("programs", [installed, packaged])
def test_what_was_written_is_there_after_a_stop_and_after_a_kill(
    folder: Path, programs: Callable[[], Iterable[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(programs())
    monkeypatch.setattr("postgres_server.installed", lambda: found)
    cluster = Cluster(folder, "airflow")
    cluster.start()
    try:
        said(cluster, "create table noted (night int)", "insert into noted values (1)")
        port = cluster.port
        Cluster(folder, "airflow").start()  # it runs already
        assert cluster.port == port
        cluster.stop()
        cluster.stop()
        cluster.start()
        said(cluster, "insert into noted values (2)", "checkpoint")
        os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        wait_for(lambda: not cluster.is_running(), "the end of the server")
        cluster.start()
        assert said(cluster, "select array_agg(night order by night) from noted") == [1, 2]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(cluster.url("postgres", "postgresql").replace(cluster.password, "a-guess"))
    finally:
        cluster.stop()


def said(cluster: Cluster, *statements: str) -> object:
    with psycopg.connect(cluster.url("postgres", "postgresql"), autocommit=True) as session:
        for statement in statements:
            found = session.execute(statement.encode())
        return found.fetchone()[0] if found.description else None  # type: ignore[index]


def test_the_programs_that_made_it_are_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Cluster(folder, "airflow")
    monkeypatch.setattr("postgres_server.installed", lambda: packaged()[:1])
    made.start()
    made.stop()
    monkeypatch.setattr("postgres_server.installed", lambda: packaged()[1:])
    with pytest.raises(NoPostgres, match=r"was made by PostgreSQL 18, which is gone: install it"):
        Cluster(folder, "airflow").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_a_folder_that_the_servers_user_cannot_reach_is_told(folder: Path) -> None:
    folder.parent.chmod(0o700)
    with pytest.raises(NoPostgres, match=rf"may not pass through {folder.parent}: chmod o\+x"):
        Cluster(folder, "airflow").start()
