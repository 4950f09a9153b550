"""``petitions new-source``: what it writes is clean and passes the contract suite in a copy of the checkout; docs/new-source.md holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from petitions.cli import main
from petitions.scaffold import KINDS, CannotBegin, new_source
from petitions.settings import CHECKOUT

PARTS = ("plugins", "config", "expectations", "gx", "sql", "platforms", "scripts", "tests")
NAMES = [f"county_{kind}" for kind in KINDS]
DOC = (CHECKOUT / "docs" / "new-source.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout to write into, complete."""
    copy = tmp_path / "checkout"
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", copy)
    return copy


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """No more than the folders that are written into."""
    for place in ("plugins/petitions/sources", "config/sources", "expectations", "tests/sources/samples"):
        (tmp_path / place).mkdir(parents=True)
    return tmp_path


def run(checkout: Path, *command: str) -> str:
    """A command in a checkout, with that checkout's library; what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PETITIONS_", "PYTEST"))}
    home = {"PYTHONPATH": str(checkout / "plugins"), "PETITIONS_HOME": str(checkout / ".petitions"), "PYTHONUTF8": "1"}
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=checkout, env=kept | home | path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_what_is_written_is_clean_and_keeps_the_core_of_the_contract(checkout: Path) -> None:
    written = [path for kind, name in zip(KINDS, NAMES, strict=True) for path in new_source(name, kind, checkout)]
    python = [str(path) for path in written if path.suffix == ".py"]
    run(checkout, "ruff", "check", *python)
    run(checkout, "ruff", "format", "--check", *python)
    core = "registered or says_enough or reconciles or events"
    told = run(checkout, "python", "-m", "pytest", "-q", "tests/sources", "-k", f"({' or '.join(NAMES)}) and ({core})")
    assert f"{3 * len(NAMES) + 3 * len(NAMES)} passed" in told


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), list(zip(KINDS, NAMES, strict=True)))
def test_what_is_written_passes_mypy_and_the_whole_contract(checkout: Path, kind: str, name: str) -> None:
    python = [str(path) for path in new_source(name, kind, checkout) if path.suffix == ".py"]
    run(checkout, "mypy", *python)
    run(checkout, "python", "-m", "pytest", "-q", "tests/sources", "tests/test_quality.py", "-k", name)


@pytest.mark.slow
def test_every_command_of_the_walk_works_as_it_stands(checkout: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", DOC, re.DOTALL)
    printed = [run(checkout, "bash", "-e", "-c", block) for block in blocks]
    files = re.findall(r"^\| `(\S+county_app\S*)` \|", DOC, re.MULTILINE)
    assert printed[0].split() == files
    assert any("县民生应用" in told and "green" in told for told in printed)


@pytest.mark.parametrize("name", ["County", "1st", "a", "class", "county-app", "../x", "x" * 41, ""])
def test_a_name_that_cannot_be_one_is_refused(folders: Path, name: str) -> None:
    with pytest.raises(CannotBegin, match="NAME: expected"):
        new_source(name, "http", folders)


def test_nothing_is_overwritten_and_nothing_written_beside_it(folders: Path) -> None:
    held = folders / "expectations" / "county_app.json"
    held.write_text("mine", encoding="utf-8")
    with pytest.raises(CannotBegin, match=r"found expectations/county_app\.json; choose another name"):
        new_source("county_app", "files", folders)
    assert held.read_text(encoding="utf-8") == "mine"
    assert [path for path in folders.rglob("*") if path.is_file()] == [held]


def test_the_command_says_what_is_wrong_and_what_it_wrote(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    def asked(*arguments: str) -> tuple[int, str]:
        ended = CliRunner().invoke(main, ["new-source", *arguments])
        return ended.exit_code, ended.output

    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    refusals = [
        (("county_app", "--kind", "http", "--dir", elsewhere), "expected a checkout"),
        (("county_app", "--kind", "ftp", "--dir", str(folders)), "ftp"),
        (("county_app", "--kind", "http", "--dir", str(folders), "--label", 'a"b'), "--label"),
        (("provincial", "--kind", "http", "--dir", str(CHECKOUT)), "plugins/petitions/sources/provincial.py"),
        (("base", "--kind", "http", "--dir", str(CHECKOUT)), "plugins/petitions/sources/base.py"),
    ]
    for arguments, words in refusals:
        code, told = asked(*arguments)
        assert (code, words in told) == (2, True), told
    code, told = asked("county_app", "--kind", "http", "--dir", str(folders), "--label", "县民生应用")
    assert code == 0
    assert all((folders / line).is_file() for line in told.splitlines() if line.endswith((".py", ".toml", ".json")))
    assert 'label = "县民生应用"\n' in (folders / "config/sources/county_app.toml").read_text(encoding="utf-8")
