"""Each command of docs/runbook.md is one that its program takes: names, options, JSON, and settings that Airflow knows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from postgres_server import binaries

from petitions import connections
from petitions.cli import main

CHECKOUT = Path(__file__).resolve().parents[1]
TEXT = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
BLOCKS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if line.strip()]
INLINE = [re.sub(r"\s+", " ", told) for told in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))]
PROGRAMS = ("petitions ", "airflow ", "make ", "docker compose ")
COMMANDS = sorted({line for line in [*BLOCKS, *INLINE] if line.startswith(PROGRAMS) and "…" not in line})
SETTINGS = [line for line in BLOCKS if line.startswith("export ")]
SERVICES = set(yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8"))["services"])


def of(program: str) -> list[str]:
    return [line for line in COMMANDS if line.startswith(program)]


def test_every_line_is_checked_here() -> None:
    assert [line for line in BLOCKS if not line.startswith((*PROGRAMS, "export "))] == []
    assert all(of(program) for program in PROGRAMS)


@pytest.mark.parametrize("line", of("petitions "))
def test_petitions_takes_it(line: str, tmp_path: Path) -> None:
    words = shlex.split(line)[1:]
    (tmp_path / "file").touch()  # in the place of files that the line names
    parse(main, [str(tmp_path / "file") if word.startswith("/") else word for word in words])


def parse(command: click.Command, words: list[str]) -> None:
    """Down to the last sub-command, whose options and arguments are read and not run."""
    if isinstance(command, click.Group) and words:
        name, *rest = words
        found = command.get_command(click.Context(command), name)
        assert found, f"{command.name} has no {name}"
        parse(found, rest)
        return
    command.make_context(command.name, words)


@pytest.mark.parametrize("line", of("airflow "))
def test_airflow_takes_it(line: str) -> None:
    words = shlex.split(line)[1:]
    airflow_parser().parse_args(words)
    for option in ("--conf", "--dag-run-conf"):
        if option in words:
            told = json.loads(words[words.index(option) + 1])
            assert set(told) <= set(nightly_params())


@cache
def airflow_parser() -> Any:
    os.environ.setdefault("AIRFLOW_HOME", str(CHECKOUT / ".cache" / "test-airflow"))
    from airflow.cli import cli_parser

    return cli_parser.get_parser()


@cache
def nightly_params() -> tuple[str, ...]:
    from tests.dags.test_petition_nightly import load

    return tuple(load(CHECKOUT / "dags" / "petition_nightly.py").dag.params)


@pytest.mark.parametrize("line", of("make "))
def test_make_has_the_target(line: str) -> None:
    done = subprocess.run(["make", "--dry-run", *shlex.split(line)[1:]], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", of("docker compose "))
def test_compose_takes_it(line: str) -> None:
    """The sub-command and its options are Compose's, the service is in the file, and what runs in it is a command of its own."""
    words = shlex.split(line.partition(" > ")[0].partition(" < ")[0])[2:]
    told = subprocess.run(
        [str(Path(sys.executable).parent / "docker-compose"), words[0], "--help"], capture_output=True, text=True, check=True
    )
    for option in (word.partition("=")[0] for word in words[1 : index_of_service(words)] if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told.stdout), f"compose {words[0]} has no {option}"
    if words[0] in ("exec", "run"):
        inner = words[index_of_service(words) + 1 :]
        assert not inner or inner[0] in ("petitions", "pg_dump", "pg_restore", "psql", "tar"), inner
        if inner and inner[0].startswith("pg_"):
            options([str(binaries() / inner[0])], inner[1:])
        elif inner and inner[0] == "petitions":
            parse(main, inner[1:])
    for scaled in re.findall(r"--scale (\w+)=", line):
        assert scaled in SERVICES


def index_of_service(words: list[str]) -> int:
    return next((place for place, word in enumerate(words) if place and word in SERVICES), len(words))


def options(program: list[str], words: list[str]) -> None:
    told = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True).stdout
    for option in (word.partition("=")[0] for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told), f"{program[-1]} has no {option}"


@pytest.mark.parametrize("line", SETTINGS)
def test_settings_are_ones_that_are_read(line: str) -> None:
    from airflow.configuration import conf

    for word in shlex.split(line)[1:]:
        name, _, told = word.partition("=")
        if name.startswith("AIRFLOW_CONN_"):
            found = connections.parse(name.removeprefix("AIRFLOW_CONN_").lower(), told)
            assert found.host
            assert found.conn_type in ("smtp", "http")
        elif name.startswith("AIRFLOW__"):
            _, section, key = name.split("__")
            known = section == "PETITIONS" or conf.configuration_description.get(section.lower(), {}).get("options", {}).get(key.lower())
            assert known or section == "OPENLINEAGE", f"Airflow has no [{section.lower()}] {key.lower()}"
        else:
            assert name in ("PATH", "PETITIONS_HOME", "AIRFLOW_HOME") or name.startswith("OTEL_EXPORTER_OTLP_")
