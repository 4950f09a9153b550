"""Results on disk: one JSON file per measured case under ``.cache/bench/results``, so that a page can be written from runs made apart."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from bench.measure import Measured
from petitions.settings import CHECKOUT

CACHE = CHECKOUT / ".cache" / "bench"
RESULTS = CACHE / "results"


@dataclass
class Result:
    """One case. ``runs`` are its repetitions; ``amount`` is what a rate is told in (records, tickets, pages or runs); ``busy`` is the
    load average of the quarter of an hour before it was over."""

    part: str
    what: str
    engine: str = ""
    tickets: int = 0
    amount: int = 0
    runs: list[Measured] = field(default_factory=list)
    at: str = ""
    commit: str = ""
    note: str = ""
    busy: float = 0.0

    @property
    def best(self) -> Measured:
        return min(self.runs, key=lambda run: run.seconds)

    @property
    def median(self) -> float:
        seconds = sorted(run.seconds for run in self.runs)
        return seconds[len(seconds) // 2] if len(seconds) % 2 else sum(seconds[len(seconds) // 2 - 1 : len(seconds) // 2 + 1]) / 2

    @property
    def peak_mib(self) -> float:
        return max(run.peak_mib for run in self.runs)

    def say(self) -> None:
        """One line for who waits."""
        what = " ".join(part for part in (self.part, self.what, self.engine, f"{self.tickets:,} tickets" if self.tickets else "") if part)
        best = self.best
        print(
            f"{what}: {best.seconds:.2f} s, {best.cpu:.2f} s of processor, {self.peak_mib:,.0f} MiB {best.told.get('steps', '')}",
            file=sys.stderr,
        )

    def keep(self) -> Result:
        self.at, self.commit, self.busy = f"{datetime.now():%Y-%m-%d %H:%M}", _commit(), round(os.getloadavg()[2], 1)
        RESULTS.mkdir(parents=True, exist_ok=True)
        name = (
            "-".join(part for part in (self.part, self.what, self.engine, str(self.tickets or "")) if part)
            .replace("/", "_")
            .replace(" ", "_")
        )
        (RESULTS / f"{name}.json").write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), encoding="utf-8")
        return self


def kept() -> list[Result]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    return [Result(**{**told, "runs": [Measured(**run) for run in told["runs"]]}) for told in found]


def machine() -> dict[str, str]:
    """What it was measured on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _read("/proc/meminfo").splitlines() if line.startswith("MemTotal")), 0)
    return {
        "processor": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}",
    }


def versions() -> dict[str, str]:
    """Of the packages on both sides, as the locks pin them."""
    ours = {name: version(name) for name in ("apache-airflow", "duckdb", "pyarrow", "pandas", "great-expectations", "psycopg")}
    pins = dict(line.partition(" ")[0].split("==") for line in _read(CHECKOUT / "requirements-bench.lock").splitlines() if "==" in line)
    return ours | {name: pins[name] for name in ("dlt", "adbc-driver-postgresql", "duckdb-engine", "sqlalchemy") if name in pins}


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _commit() -> str:
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return told.stdout.strip()
