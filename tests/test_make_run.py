"""A newcomer's first command: `make run` in a fresh clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_make_run_in_a_fresh_clone_and_again(tmp_path: Path) -> None:
    clone = tmp_path / "信访 clone"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PETITIONS_", "AIRFLOW_"))}
    for word in ("573 new versions", "Nothing new: all unchanged"):
        done = subprocess.run(["make", "run"], cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "受理量 197, 办结 162, 未办结 35" in done.stdout
        assert word in done.stdout
        (page,) = [line.removeprefix("Report: ") for line in done.stdout.splitlines() if line.startswith("Report: ")]
        assert Path(page).exists()
