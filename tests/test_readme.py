"""What the README tells people to type works: each of its commands is run, or is run by a test that is named here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from petitions import connections
from tests.nightly.office import Office

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line.strip()]
QUESTIONS = [line for line in SHELL if line.startswith(".venv/bin/petitions ") and " run " not in line]
EXPORTS = [line for line in SHELL if line.startswith("export AIRFLOW_CONN_")]
# Commands that set up, change or serve something, and what runs them.
ELSEWHERE = {
    "make run": "tests/test_make_run.py",
    "make test": "this run",
    ".venv/bin/python -m platforms change": "tests/nightly/test_seed_figures.py",
    "export PETITIONS_HOME=": "every test",
    ".venv/bin/petitions run": "tests/nightly",
}


def test_every_command_is_run_somewhere() -> None:
    told = [*QUESTIONS, *EXPORTS]
    assert [line for line in SHELL if line not in told and not line.startswith(tuple(ELSEWHERE))] == []


@pytest.mark.parametrize("line", QUESTIONS)
def test_a_question_is_answered(loaded_year: Office, line: str) -> None:
    ended = loaded_year.command(*shlex.split(line)[1:])
    assert ended.code == 0, ended.err
    assert ended.out.strip()


@pytest.mark.parametrize("line", EXPORTS)
def test_a_connection_is_one(line: str) -> None:
    name, _, told = shlex.split(line)[1].partition("=")
    found = connections.parse(name.removeprefix("AIRFLOW_CONN_").lower(), told)
    assert found.conn_type in ("http", "mysql", "fs")


def test_python_from_the_readme(loaded_year: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.setenv("PETITIONS_HOME", str(loaded_year.home))
    monkeypatch.delenv("AIRFLOW_CONN_PETITIONS_WAREHOUSE", raising=False)
    names: dict[str, object] = {}
    exec(block, names)
    asked = names["p"]
    assert len(asked.tickets("open", population="appeals", start="2023-01-01", end="2023-12-31")) == 35  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", README))))
def test_a_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_a_link_leads_somewhere(path: str) -> None:
    assert (CHECKOUT / path).exists()
