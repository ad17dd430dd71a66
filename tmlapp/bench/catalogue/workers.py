"""Processes that read recordings for the catalogue, so that neither the window nor a live session waits for them.

Each has one task at a time over a pipe of its own. A file that kills its reader costs that reader and that file.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from tmlapp.core.errors import AppError

_JOIN_S = 5.0
_NOTICE_S = 0.25
_ORPHAN = 3
_WORTH_ONE = 12
_NICE = 10


@dataclass(frozen=True, slots=True)
class Failed:
    """Instead of a result: why there is none."""

    error: AppError


@dataclass(frozen=True, slots=True)
class _Told:
    """The three sentences of an error on their way through a pipe."""

    what: str
    why: str
    fix: str


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    number: int | None = None

    def end(self) -> None:
        self.pipe.close()
        if self.number is not None:
            self.process.kill()
        self.process.join(_JOIN_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class Workers:
    """Up to `count` processes; they start with the first task and end with `close`. One caller at a time."""

    def __init__(self, count: int) -> None:
        self._count = max(1, count)
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._busy = threading.Lock()
        self._closed = False

    def run(
        self,
        function: str,
        arguments: Sequence[Any],
        on_result: Callable[[int, Any], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Call `module:function` with each of `arguments`; `on_result` gets its number and the result or `Failed`.

        Args:
            cancelled: asked often; tasks that are in work are then dropped, and it returns.
        """
        with self._busy:
            waiting = deque(enumerate(arguments))
            try:
                while (waiting or any(w.number is not None for w in self._workers)) and not cancelled():
                    if self._closed:
                        return
                    self._hand_out(function, waiting)
                    self._take(on_result)
            finally:
                for worker in [w for w in self._workers if w.number is not None]:
                    self._drop(worker)

    def call(self, function: str, argument: Any) -> Any:
        """One call.

        Raises:
            AppError: the function raised it, or its process died.
        """
        results: list[Any] = []
        self.run(function, [argument], lambda _number, result: results.append(result))
        if not results:
            raise AppError("The work was not done.", "The window closed meanwhile.", "Try again.")
        if isinstance(results[0], Failed):
            raise results[0].error
        return results[0]

    def close(self) -> None:
        """End every process; a call that is in work returns without a result. Idempotent."""
        self._closed = True
        with self._busy:
            for worker in list(self._workers):
                self._drop(worker)

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def _hand_out(self, function: str, waiting: deque[tuple[int, Any]]) -> None:
        free = [w for w in self._workers if w.number is None]
        # A process costs more to start than a few files to read.
        wanted = min(self._count, 1 + len(waiting) // _WORTH_ONE)
        while waiting and (free or len(self._workers) < wanted):
            worker = free.pop() if free else self._started()
            number, argument = waiting.popleft()
            worker.number = number
            # One that died between two tasks is found by `_take`.
            with suppress(OSError):
                worker.pipe.send((function, argument))

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs,), name="tmlapp-reader", daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _take(self, on_result: Callable[[int, Any], None]) -> None:
        busy = [w for w in self._workers if w.number is not None]
        ready: Iterable[Any] = wait([w.pipe for w in busy], _NOTICE_S)
        for worker in busy:
            if worker.pipe not in ready or worker.number is None:
                continue
            number = worker.number
            try:
                result = worker.pipe.recv()
            except (EOFError, OSError):
                self._drop(worker)
                result = _Told("It could not be read.", "The process that read it died.", "Check the file.")
            worker.number = None
            if isinstance(result, _Told):
                result = Failed(AppError(result.what, result.why, result.fix))
            on_result(number, result)


def _work(pipe: Connection) -> None:
    """The life of a worker: a function's name and its argument in, a result out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        # A live session on the same machine comes first.
        os.nice(_NICE)
    _die_with_parent()
    while True:
        try:
            function, argument = pipe.recv()
        except (EOFError, OSError):
            return
        module, _, name = function.partition(":")
        try:
            result: Any = getattr(import_module(module), name)(argument)
        except AppError as error:
            result = _Told(error.what, error.why, error.fix)
        except Exception as error:  # noqa: BLE001 - it is the caller's to tell; one bad file must not end the reader
            result = _Told("It could not be read.", f"{type(error).__name__}: {error}.", "Check the file.")
        try:
            pipe.send(result)
        except OSError:
            return


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(_ORPHAN)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
