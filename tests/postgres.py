"""A throw-away PostgreSQL server for the tests; whoever comes is let in, under any name that it has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from postgres_server import LOOPBACK, Cluster


@dataclass(frozen=True)
class Server:
    """Where the server listens; databases are made and dropped by name."""

    host: str
    port: int
    login: str

    def database(self, name: str) -> dict[str, str | int]:
        """A fresh, empty database, as the fields of an Airflow connection."""
        with psycopg.connect(host=self.host, port=self.port, user=self.login, dbname="postgres", autocommit=True) as session:
            session.execute(f'drop database if exists "{name}" with (force)'.encode())
            session.execute(f'create database "{name}"'.encode())
        return {"conn_type": "postgres", "host": self.host, "port": self.port, "login": self.login, "schema": name}


@contextmanager
def server() -> Iterator[Server]:
    """A server that lives as long as the block; its data are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="petitions-pg-") as folder:
        cluster = Cluster(Path(folder), "petitions", durable=False, trusting=True)
        cluster.start()
        try:
            yield Server(LOOPBACK, cluster.port, cluster.login)
        finally:
            cluster.stop()
