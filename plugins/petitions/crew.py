"""Several processes at work on the parts of one batch.

They are started afresh and spoken to through pipes: no process with threads is forked, nothing of the parent's main module is imported
again, and it works inside a worker of Airflow or Celery, whose own processes may have no children of :mod:`multiprocessing`.
What goes wrong in one is told by kind and place alone: its words might quote a record.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

from petitions.examine import Examined, Examiner, Part
from petitions.settings import Settings
from petitions.sources.base import LaneStopped

# Each holds a part and what checks it: more of them would gain little beside the one that reads the batch.
MOST = 4


@dataclass(frozen=True)
class Task:
    """What all parts of a batch have in common."""

    source: str
    settings: Settings
    folder: Path
    fetched_at: datetime

    def examiner(self) -> Examiner:
        from petitions import privacy
        from petitions.connections import Connection
        from petitions.normalise import Normaliser
        from petitions.sources import create

        source = create(self.source, Connection(f"petitions_{self.source}", ""), self.settings)
        normaliser = Normaliser(source, self.settings.source_maps[self.source], privacy.load_key(self.settings.secrets))
        return Examiner(normaliser, self.folder, self.fetched_at)


def size() -> int:
    """As many processes as there are processors for us."""
    return min(len(os.sched_getaffinity(0)), MOST)


@contextmanager
def kept() -> Iterator[None]:
    """For who checks several batches: within this block the processes outlast a batch, so that their start, which takes seconds, is
    paid once."""
    global _resting
    if _resting is not None:  # kept already, by a block around this one
        yield
        return
    _resting = []
    try:
        yield
    finally:
        _dismiss(_resting)
        _resting = None


# The processes that wait for the next batch; None where nobody keeps them.
_resting: list[subprocess.Popen[bytes]] | None = None


def examined(task: Task, parts: Iterable[Part], meanwhile: Callable[[], Any]) -> Iterator[tuple[Part, Examined]]:
    """The parts as they are done, in any order; few of them are in memory at once.

    :param meanwhile: called once, when all of the crew have something to do.
    :raises LaneStopped: where a part cannot be examined, or a process ended.
    """
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    workers = [_begun(task) for _ in range(size())]
    for worker in workers:
        idle.put(worker)

    def ask(part: Part) -> tuple[Part, Examined]:
        worker = idle.get()
        try:
            return part, _asked(worker, part)
        finally:
            idle.put(worker)  # whatever its answer was: the parts behind wait for it

    try:
        with ThreadPoolExecutor(len(workers)) as threads:
            waiting: set[Future[tuple[Part, Examined]]] = set()
            for part in parts:
                waiting.add(threads.submit(ask, part))
                if part.number == len(workers):
                    meanwhile()
                if len(waiting) > len(workers):
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            yield from (one.result() for one in waiting)
        if _resting is not None:
            _resting.extend(workers)
            workers = []
    finally:
        _dismiss(workers)  # after an error each may still be at work in the folder of the batch


def _begun(task: Task) -> subprocess.Popen[bytes]:
    """A process that knows the task: one that rests, or a new one."""
    worker = _resting.pop() if _resting else _started()
    assert worker.stdin
    with suppress(OSError):  # it ended while it rested: told by whoever asks it for something
        _send(worker.stdin, task)
    return worker


def _started() -> subprocess.Popen[bytes]:
    library = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", "from petitions.crew import work; work()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path})


def _dismiss(workers: Iterable[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


def _asked(worker: subprocess.Popen[bytes], part: Part) -> Examined:
    assert worker.stdin and worker.stdout
    try:
        _send(worker.stdin, part)
        answer = pickle.load(worker.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        raise LaneStopped(
            f"a process that checks records ended by itself (status {worker.wait()}), perhaps for want of memory; run again"
        ) from None
    if isinstance(answer, Examined):
        return answer
    raise LaneStopped(str(answer))


def _send(pipe: IO[bytes], told: Any) -> None:
    pickle.dump(told, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


# --- the other side -----------------------------------------------------------------------------------------------------


def work() -> None:
    """One process of the crew: for each batch the task first, then part after part until nothing more comes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between
    given: SimpleQueue[Task | Part] = SimpleQueue()
    Thread(target=_listen, args=(given,), daemon=True).start()
    task = examiner = None
    while True:
        told: Task | Part = given.get()
        if isinstance(told, Task):
            task, examiner = told, None
            continue
        assert task
        try:
            examiner = examiner or task.examiner()
            answer: Any = examiner(told)
        except LaneStopped as stopped:
            answer = str(stopped)
        except Exception as error:  # noqa: BLE001 - told by kind and place
            answer = _where(error)
        _send(answers, answer)


def _listen(given: SimpleQueue[Task | Part]) -> None:
    """Whoever asked may be killed at any moment. A retry then works in the same folder, so that nothing may be written there any more."""
    with suppress(EOFError, OSError, pickle.UnpicklingError, KeyboardInterrupt):
        while True:
            given.put(pickle.load(sys.stdin.buffer))
    os._exit(1)


def _where(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "petitions" in frame.filename]
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__}{place}; this is a fault of the program, report it with this line"
