"""Prepare the Airflow of one home and print nothing: ``$PETITIONS_HOME/airflow`` with its settings, metadata and pools.

Every Airflow command that has AIRFLOW_HOME set to that folder then works as it is. Keys are made once, at random, and stay in the
home, readable by their owner alone. Called again it takes no time, unless Airflow or the settings below changed.

Metadata are in an SQLite file for a run without services (``make run``), and in a PostgreSQL server of the home for services that
write at the same time (``make up``): there SQLite answers `database is locked`.
"""

from __future__ import annotations

import base64
import configparser
import importlib.metadata
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import IO

from petitions.model import SOURCES

CHECKOUT = Path(__file__).resolve().parents[1]
#: What the tasks of a night import, Airflow's own part of it first.
PRELOADED = (
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.task_runner",
    "petitions.nightly",
    "petitions.extract",
    "petitions.check",
    "petitions.report",
    "petitions.sources.files",
    "petitions.sources.http",
    "chinese_calendar",
    "duckdb",
    "great_expectations",
)


def settings(home: Path) -> dict[str, dict[str, str]]:
    """What differs from Airflow's own defaults, for one small machine without any service."""
    return {
        "core": {
            "dags_folder": str(CHECKOUT / "dags"),
            "plugins_folder": str(CHECKOUT / "plugins"),
            "load_examples": "False",
            "default_timezone": "Asia/Shanghai",
            "executor": "LocalExecutor",
            "parallelism": "4",  # two cores; the default forks 32 workers
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": str(home / "admin-password.json"),
        },
        "logging": {"base_log_folder": str(home / "logs")},
        "dag_processor": {"refresh_interval": "60"},
        "scheduler": {
            "scheduler_idle_sleep_time": "0.1",  # halves the wait between tasks
            # What tasks import is imported once, and shared: half of a night's processor time were imports.
            "mp_start_method": "forkserver",
            "mp_forkserver_preload": ",".join(PRELOADED),
        },
        # A supervisor that looks in the moment before its task's process is gone looks again only then; the default is 5 s.
        "workers": {"min_heartbeat_interval": "1"},
        "api": {"host": "127.0.0.1", "port": "8080", "workers": "1"},
        "usage_data_collection": {"enabled": "False"},
    }


def sqlite(home: Path) -> str:
    """The metadata of runs without services."""
    return f"sqlite:///{home / 'airflow.db'}"


def prepare(home: Path, metadata: str, lasting: bool = False) -> None:
    """``metadata`` is the URL of the database to prepare; ``lasting`` makes it the one that Airflow commands find in this home.

    :raises SystemExit: when Airflow refuses, with the log to read.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / "logs").mkdir(exist_ok=True)
    write_settings(home / "airflow.cfg", settings(home), metadata, lasting)
    kind = metadata.partition(":")[0].partition("+")[0]
    stamp = home / f"prepared-{kind}"
    state = json.dumps({"airflow": importlib.metadata.version("apache-airflow-core"), "pools": pools()})
    if stamp.exists() and stamp.read_text() == state:
        return
    with (home / "logs" / "prepare.log").open("w") as log:
        airflow(home, metadata, log, "db", "migrate")
        (home / "pools.json").write_text(json.dumps(pools()))
        airflow(home, metadata, log, "pools", "import", str(home / "pools.json"))
    stamp.write_text(state)


def pools() -> dict[str, dict[str, object]]:
    """One call at a time to each platform, one writer at a time to the warehouse."""
    slots = {f"petitions_{source}": f"pulls from {source}" for source in SOURCES} | {"petitions_writer": "writers of the warehouse"}
    return {name: {"slots": 1, "description": what, "include_deferred": True} for name, what in slots.items()}


def write_settings(path: Path, wanted: dict[str, dict[str, str]], metadata: str, lasting: bool) -> None:
    present = configparser.ConfigParser(interpolation=None)
    present.read(path)
    standing = None if lasting else present.get("database", "sql_alchemy_conn", fallback=None)
    wanted = wanted | {"database": {"sql_alchemy_conn": standing or metadata}}
    keys = {
        "core": {"fernet_key": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode()},
        "api": {"secret_key": lambda: secrets.token_urlsafe(32)},
        "api_auth": {"jwt_secret": lambda: secrets.token_urlsafe(48)},
    }
    config = configparser.ConfigParser(interpolation=None)
    config.read_dict(wanted)
    for section, made in keys.items():
        for key, make in made.items():
            config.read_dict({section: {key: present.get(section, key, fallback=None) or make()}})
    if {s: dict(config[s]) for s in config.sections()} == {s: dict(present[s]) for s in present.sections()}:
        return
    aside = path.with_suffix(".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        config.write(out)
    aside.replace(path)


def airflow(home: Path, metadata: str, log: IO[str], *arguments: str) -> None:
    command = [sys.executable, "-m", "airflow", *arguments]
    environment = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata}
    done = subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(
            f"airflow {' '.join(arguments[:2])} failed with {done.returncode}; its words are in {home / 'logs' / 'prepare.log'}"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["--pools"]:  # for an Airflow that others prepared: airflow pools import
        print(json.dumps(pools()))
        sys.exit()
    here = Path(os.environ.get("PETITIONS_HOME") or CHECKOUT / ".petitions").absolute() / "airflow"
    prepare(here, sqlite(here))
