"""The files around the code: locks with hashes and without any address, a compose file without default passwords, a kept .env."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bench.lock")
COMPOSE = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")


def names(text: str) -> set[str]:
    """Names of the packages that a requirements file or a lock asks for."""
    return {re.split(r"[\[<>=~; ]", line, maxsplit=1)[0].lower() for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    text = (CHECKOUT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    for pin in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert re.match(r"[a-z0-9.-]+==\S+", pin), pin.partition("\n")[0]
        assert "--hash=sha256:" in pin, pin.partition("\n")[0]


@pytest.mark.parametrize("part", ["requirements", "requirements-dev", "requirements-bench"])
def test_every_direct_dependency_is_locked_and_has_its_reason(part: str) -> None:
    text = (CHECKOUT / f"{part}.txt").read_text(encoding="utf-8")
    assert names(text) <= names((CHECKOUT / f"{part}.lock").read_text(encoding="utf-8"))
    for line in text.splitlines():
        assert not line or line.startswith(("#", "-c ")) or "  # " in line, f"no reason: {line}"


def test_both_locks_agree() -> None:
    pins = [dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (CHECKOUT / lock).read_text(encoding="utf-8"), re.M)) for lock in LOCKS]
    assert {name: (pins[0][name], pins[1][name]) for name in pins[0].keys() & pins[1].keys() if pins[0][name] != pins[1][name]} == {}


def test_the_command_is_installed_as_declared() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"petitions": "petitions.cli:main"}


def test_the_repository_holds_its_own_folders_and_nothing_that_a_run_makes() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout of git")
    files = [name for name in listed.stdout.split("\0") if name]
    ours = {".ci", "bench", "config", "dags", "docs", "expectations", "gx", "platforms", "plugins", "scripts", "sql", "tests"}
    assert {name.partition("/")[0] for name in files if "/" in name} == ours
    assert [name for name in files if name.endswith((".sqlite", ".duckdb", ".db", ".xlsx", ".xls"))] == []


@pytest.mark.parametrize(
    ("told", "home"),
    [("", CHECKOUT / ".petitions"), ("/信访 数据/home", Path("/信访 数据/home")), ("信访 数据", CHECKOUT / "信访 数据")],
)
def test_a_home_may_have_blanks_in_its_path(told: str, home: Path) -> None:
    shown = subprocess.run(["make", "-n", "run", f"PETITIONS_HOME={told}"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert f'--home "{home}" -- ' in shown


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE)["services"])


def compose(*words: str, env: Path) -> subprocess.CompletedProcess[str]:
    """Docker's own reader of compose files; it asks no engine."""
    command = [str(Path(sys.executable).parent / "docker-compose"), "--env-file", str(env), *words]
    return subprocess.run(command, cwd=CHECKOUT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("profile", "worker"), [("office", "worker"), ("demo", "demo-worker")])
def test_docker_reads_the_compose_file(profile: str, worker: str, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(compose_env().complete(""), encoding="utf-8")
    read = compose("--profile", profile, "config", "--format", "json", env=tmp_path / "env")
    assert (read.returncode, read.stderr) == (0, "")
    found = json.loads(read.stdout)["services"]
    lasting = {"postgres", "redis", "api-server", "scheduler", "dag-processor", "triggerer", worker}
    assert set(found) == lasting | {"init"}
    for name, service in found.items():
        needed = service.get("depends_on", {})
        assert set(needed) <= set(found), f"{name} waits for a service that is not there"
        assert all(need["condition"] != "service_started" for need in needed.values()), f"{name} waits for less than health"


def test_docker_refuses_to_start_without_passwords(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("COMPOSE_PROFILES=office\n", encoding="utf-8")
    read = compose("config", env=tmp_path / "env")
    assert read.returncode
    assert "run make env first" in read.stderr


def test_compose_pins_every_image_and_checks_every_service() -> None:
    for name, service in services().items():
        assert re.search(r":\d+\.\d+", service["image"]), f"{name}: {service['image']} is not pinned"
        assert name == "init" or service["healthcheck"]["test"], f"{name} has no health check"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name} is open to the network"


def test_compose_has_no_default_password() -> None:
    secret = re.compile(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|KEY)[A-Z_]*)(:?[-?][^}]*)?\}")
    used = secret.findall(COMPOSE)
    assert used
    assert not [name for name, rest in used if rest.startswith((":-", "-"))]
    made = {line.partition("=")[0] for line in compose_env().complete("").splitlines()}
    assert {name for name, _ in used} <= made
    for name in {name for name, _ in used}:
        assert f"${{{name}:?" in COMPOSE, f"without {name} compose would go on with an empty one"


def test_env_file_keeps_what_it_holds() -> None:
    complete = compose_env().complete
    first = complete("REDIS_PASSWORD=kept\nTZ=Asia/Shanghai")
    assert first.startswith("REDIS_PASSWORD=kept\nTZ=Asia/Shanghai\n")
    assert first.count("REDIS_PASSWORD=") == 1
    assert complete(first) == first
    assert complete("") != complete("")


def compose_env() -> Any:
    spec = importlib.util.spec_from_file_location("compose_env", CHECKOUT / "scripts" / "compose_env.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
