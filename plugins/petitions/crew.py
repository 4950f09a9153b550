"""Several processes at work on the parts of batches.

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
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, Queue, SimpleQueue
from threading import Lock, Thread
from typing import IO, Any

from petitions.examine import Examined, Examiner, Part
from petitions.settings import Settings
from petitions.sources.base import LaneStopped

# Each holds a part and what checks it: more of them would gain little beside the one that reads the batch.
MOST = 4
# Parts that are done wait for whoever asked, so many for each process.
_AHEAD = 4
# Batches that follow one another are at work together for a moment.
_EXAMINERS = 3


@dataclass(frozen=True)
class Task:
    """What all parts of a batch have in common."""

    source: str
    settings: Settings
    folder: Path
    fetched_at: datetime

    def examiner(self) -> Examiner:
        from petitions import privacy
        from petitions.normalise import Normaliser
        from petitions.sources import unasked

        field_map, key = self.settings.source_maps[self.source], privacy.load_key(self.settings.secrets)
        normaliser = Normaliser(unasked(self.source, self.settings), field_map, key)
        return Examiner(normaliser, self.folder, self.fetched_at)


def size() -> int:
    """As many processes as there are processors for us."""
    return min(len(os.sched_getaffinity(0)), MOST)


def examined(parts: Iterator[tuple[Task, Part]], meanwhile: Callable[[], Any]) -> Iterator[tuple[Task, Part, Examined | LaneStopped]]:
    """The parts of one batch after the other as they are done, in any order; what could not be examined comes back as what is wrong.

    While whoever asked is busy with what came, the crew goes on, a few parts ahead. ``parts`` are read in threads, one at a time and few
    ahead. What comes back of a part holds no records any more.

    :param meanwhile: called once, when all of the crew have something to do.
    """
    crew = _Crew(parts)
    try:
        meanwhile()
        yield from crew
    finally:
        crew.dismiss()


class _Crew:
    """The processes, and twice as many threads that read parts and ask: while a process is at work, its next part is made ready."""

    def __init__(self, parts: Iterator[tuple[Task, Part]]) -> None:
        self._parts, self._reading = parts, Lock()
        self._workers = [_started() for _ in range(size())]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._done: Queue[tuple[Task, Part, Examined | LaneStopped] | BaseException | None] = Queue(_AHEAD * len(self._workers))
        self._dismissed = False
        self._threads = [Thread(target=self._ask, daemon=True) for _ in range(2 * len(self._workers))]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[tuple[Task, Part, Examined | LaneStopped]]:
        at_work = len(self._threads)
        while at_work:
            done = self._done.get()
            if isinstance(done, BaseException):
                raise done
            if done is None:
                at_work -= 1
            else:
                yield done

    def dismiss(self) -> None:
        """They stop at once: whoever asked may begin anew in the same folder."""
        self._dismissed = True
        for worker in list(self._workers):
            worker.kill()
        for thread in self._threads:
            while thread.is_alive():  # it may wait for room
                with suppress(Empty):
                    self._done.get(timeout=0.01)
        for worker in self._workers:
            _end(worker)

    def _ask(self) -> None:
        try:
            while not self._dismissed and (asked := self._next()):
                task, part = asked
                worker = self._idle.get()
                try:
                    answer = _asked(worker, task, part)
                finally:
                    self._idle.put(self._fit(worker))  # whatever its answer was: the parts behind wait for it
                self._done.put((task, part.bare(), answer))
            self._done.put(None)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._done.put(error)

    def _next(self) -> tuple[Task, Part] | None:
        with self._reading:
            return next(self._parts, None)

    def _fit(self, worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """The process, or another in place of one that ended."""
        if self._dismissed or worker.poll() is None:
            return worker
        self._workers.remove(worker)
        _end(worker)
        fresh = _started()
        self._workers.append(fresh)
        return fresh


def _started() -> subprocess.Popen[bytes]:
    library = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", "from petitions.crew import work; work()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path})


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()


def _asked(worker: subprocess.Popen[bytes], task: Task, part: Part) -> Examined | LaneStopped:
    assert worker.stdin and worker.stdout
    try:
        _send(worker.stdin, (task, part))
        answer = pickle.load(worker.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        worker.kill()
        return LaneStopped(f"a process that checks records ended by itself (status {worker.wait()}), perhaps for want of memory; run again")
    return answer if isinstance(answer, Examined) else LaneStopped(str(answer))


def _send(pipe: IO[bytes], told: Any) -> None:
    pickle.dump(told, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


# --- the other side -----------------------------------------------------------------------------------------------------


def work() -> None:
    """One process of the crew: part after part, each with its task, until nothing more comes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between
    given: SimpleQueue[tuple[Task, Part]] = SimpleQueue()
    Thread(target=_listen, args=(given,), daemon=True).start()
    known: dict[Path, Examiner] = {}
    while True:
        task, part = given.get()
        try:
            if task.folder not in known:
                if len(known) >= _EXAMINERS:
                    known.clear()
                known[task.folder] = task.examiner()
            answer: Any = known[task.folder](part)
        except LaneStopped as stopped:
            answer = str(stopped)
        except Exception as error:  # noqa: BLE001 - told by kind and place
            answer = _where(error)
        _send(answers, answer)


def _listen(given: SimpleQueue[tuple[Task, Part]]) -> None:
    """Whoever asked may be killed at any moment. A retry then works in the same folder, so that nothing may be written there any more."""
    with suppress(EOFError, OSError, pickle.UnpicklingError, KeyboardInterrupt):
        while True:
            given.put(pickle.load(sys.stdin.buffer))
    os._exit(1)


def _where(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "petitions" in frame.filename]
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__}{place}; this is a fault of the program, report it with this line"
