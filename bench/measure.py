"""One measured run: a command in a process of its own, its wall time, and the processor time and memory of it and all it started.

Where a database server works for the command its processes count too. Memory is the peak of the sum of proportional set sizes
(``Pss``: pages that several processes share count once), looked at twice a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

LOOK_EVERY = 0.5


class Failed(RuntimeError):
    """A measured command ended with an error; the message is the end of what it said."""


@dataclass
class Measured:
    """Seconds, seconds of processor, MiB at the peak; ``told`` is the JSON object that the command printed last."""

    seconds: float
    cpu: float
    peak_mib: float
    told: dict[str, Any] = field(default_factory=dict)


def run(command: Sequence[str | Path], *, env: dict[str, str] | None = None, server: int | None = None, timeout: float = 7200) -> Measured:
    """Run and measure ``command``; ``server`` is the process of a database server that works for it.

    :raises Failed: where the command does not end with 0.
    """
    before = used(server) if server else 0.0
    with _scratch() as (out, err):
        begun = time.perf_counter()
        # A session of its own: what it starts and leaves behind is still its.
        process = subprocess.Popen(list(map(str, command)), env=os.environ | (env or {}), stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        with _watched(process.pid, server) as seen:
            _, status, usage = _wait(process, timeout)
        seconds = time.perf_counter() - begun
        if status:
            err.seek(0)
            raise Failed(f"{' '.join(map(str, command))[:200]} ended {status}: {err.read()[-3000:]}")
        out.seek(0)
        lines = out.read().strip().splitlines()
    # What ended without being waited for is not in the kernel's sum; then what was seen of all of them is nearer.
    cpu = max(usage.ru_utime + usage.ru_stime, sum(seen.used.values())) + (used(server) - before if server else 0.0)
    return Measured(round(seconds, 3), round(cpu, 3), round(seen.peak / 2**20, 1), json.loads(lines[-1]) if lines else {})


def _wait(process: subprocess.Popen[bytes], timeout: float) -> tuple[int, int, Any]:
    """As ``wait``, with what the process and its ended children used."""
    stop = threading.Timer(timeout, process.kill)
    stop.start()
    try:
        pid, status, usage = os.wait4(process.pid, 0)
    finally:
        stop.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return pid, process.returncode, usage


class _Seen:
    """The peak of memory, and the processor time of each process when it was looked at last."""

    def __init__(self) -> None:
        self.peak, self.used = 0, dict[int, float]()


@contextmanager
def _watched(pid: int, server: int | None) -> Iterator[_Seen]:
    seen, ended = _Seen(), threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY):
            seen.peak = max(seen.peak, _memory(pid) + (_memory(server) if server else 0))
            for process in _tree(pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    seen.used[process.pid] = times.user + times.system

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(pid: int) -> int:
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            total += 1024 * int(text.partition("\nPss:")[2].split()[0])
    return total


def used(root: int) -> float:
    """Seconds of processor of a process and all that it started; what ended counts with the one that waited for it."""
    total = 0.0
    for process in _tree(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


@contextmanager
def _scratch() -> Iterator[tuple[Any, Any]]:
    import tempfile

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        yield out, err
