"""A pool of processes on this machine.

Each worker has one task at a time, over a pipe of its own: a worker that dies (killed, out of memory, a fault in a
library) takes exactly that task with it, and nobody else can have been given it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from tmlapp.bench.drive_item import ItemDriver, ItemTask, Outcome, failed
from tmlapp.bench.engines import OnOutcome, StoppedError
from tmlapp.bench.engines.interrupt import interruptions
from tmlapp.capture.video_file import quiet_decoder
from tmlapp.core.errors import AppError

TRIES = 2
"""How often an item is begun before a worker that dies of it is taken for the item's fault."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
_JOIN_S = 5.0
_NOTICE_S = 0.5
_ORPHAN = 3

Work = Callable[[ItemTask], Outcome]
MakeWork = Callable[[], Work]
"""Called once in each worker; travels there by its name."""


def make_engine(*, jobs: int, address: str = "") -> PoolEngine:  # noqa: ARG001 - the form of every engine
    """The pool of this machine with `jobs` workers."""
    return PoolEngine(jobs)


@dataclass(frozen=True, slots=True)
class _Unkept:
    """A worker's word that not even a failure could be kept (a full disk): the three sentences of an `AppError`."""

    what: str
    why: str
    fix: str


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: ItemTask | None = None


class PoolEngine:
    """An engine over processes of this machine (see `tmlapp.bench.engines.Engine`).

    Args:
        jobs: workers at once.
        make_work: what each of them does with a task.
    """

    def __init__(self, jobs: int, make_work: MakeWork = ItemDriver) -> None:
        if jobs < 1:
            raise ValueError("a pool has at least one worker")
        self._jobs = jobs
        self._make_work = make_work
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome) -> None:
        """See `Engine.run`."""
        waiting = deque(tasks)
        tries: dict[str, int] = {}
        try:
            with interruptions() as asked:
                while (waiting and not asked) or self._busy():
                    if not asked:
                        self._hand_out(waiting)
                    elif len(asked) > 1:
                        self._drop_running(on_outcome)
                    self._take(waiting, tries, on_outcome)
                if asked and (waiting or len(asked) > 1):
                    raise StoppedError
        finally:
            self._end_all()

    def _busy(self) -> list[_Worker]:
        return [w for w in self._workers if w.task is not None]

    def _hand_out(self, waiting: deque[ItemTask]) -> None:
        free = [w for w in self._workers if w.task is None]
        while waiting and (free or len(self._workers) < self._jobs):
            worker = free.pop() if free else self._started()
            task = waiting.popleft()
            worker.task = task
            try:
                worker.pipe.send(task)
            except OSError:
                # It died between two tasks: `_take` finds that out and gives the task to another one.
                continue

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        with _few_threads(max(1, (os.cpu_count() or 1) // self._jobs)), _no_interrupt():
            process = self._context.Process(target=_work, args=(theirs, self._make_work), name="tmlapp-worker")
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _take(self, waiting: deque[ItemTask], tries: dict[str, int], on_outcome: OnOutcome) -> None:
        """Wait until a worker has done something, or has died."""
        busy = self._busy()
        # The timeout lets a Ctrl-C be noticed while nothing happens.
        ready = wait([w.pipe for w in busy], _NOTICE_S) if busy else []
        for worker in busy:
            if worker.pipe not in ready or worker.task is None:
                continue
            task = worker.task
            try:
                outcome: Outcome | _Unkept = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker, waiting, tries, on_outcome)
                continue
            worker.task = None
            if isinstance(outcome, _Unkept):
                raise AppError(outcome.what, outcome.why, outcome.fix)
            assert outcome.result.id == task.item.id
            on_outcome(outcome)

    def _bury(self, worker: _Worker, waiting: deque[ItemTask], tries: dict[str, int], on_outcome: OnOutcome) -> None:
        """A worker has died: its task goes to another one, or is given up."""
        task = worker.task
        reason = self._end(worker)
        if task is None:
            return
        begun = tries[task.item.id] = tries.get(task.item.id, 0) + 1
        outcome = failed(task, f"The worker died: {reason}.")
        if begun < TRIES:
            waiting.appendleft(task)
        else:
            on_outcome(outcome)

    def _drop_running(self, on_outcome: OnOutcome) -> None:
        for worker in self._busy():
            task = worker.task
            worker.process.kill()
            self._end(worker)
            if task is not None:
                on_outcome(failed(task, "It was interrupted."))

    def _end(self, worker: _Worker) -> str:
        """Let a worker go; how it ended."""
        self._workers.remove(worker)
        worker.task = None
        worker.pipe.close()
        worker.process.join(_JOIN_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        code = worker.process.exitcode or 0
        worker.process.close()
        return _how_ended(code)

    def _end_all(self) -> None:
        for worker in list(self._workers):
            if worker.task is not None:
                worker.process.kill()
            self._end(worker)


def _how_ended(code: int) -> str:
    if code >= 0:
        return f"it ended with status {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"


@contextmanager
def _few_threads(count: int) -> Iterator[None]:
    """Processes that are started inside compute with `count` threads; libraries read this when they are loaded."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes that are started inside never see Ctrl-C; here it comes when this has ended.

    A worker can ignore it by itself only once everything is imported, which takes seconds.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started inside, it would let the signal through.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, make_work: MakeWork) -> None:
    """The life of a worker: task in, outcome out, until the other end is closed."""
    # Ctrl-C reaches everybody at the terminal; the pool decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    quiet_decoder()
    work = make_work()
    while True:
        try:
            task: Any = pipe.recv()
        except (EOFError, OSError):
            return
        outcome: Outcome | _Unkept
        try:
            outcome = work(task)
        except AppError as error:
            outcome = _Unkept(error.what, error.why, error.fix)
        try:
            pipe.send(outcome)
        except OSError:
            return


def _die_with_parent() -> None:
    """End this process at once when the pool's process has ended: its items may be begun again by then."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(_ORPHAN)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
