"""Work that a person may end in the middle (Ctrl-C) without losing what it has paid for."""

from __future__ import annotations

import logging
import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from tmlapp.bench.engines import StoppedError
from tmlapp.bench.judges.base import Judge, Question, Ruling

T_ = TypeVar("T_")
_POLL_S = 0.2
_log = logging.getLogger(__name__)


class Stopping:
    """While inside, the first Ctrl-C asks the work to end: waits are closed, nothing new is begun.

    The second one is raised as usual. In another thread than the main one no signal arrives, and nothing changes.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._closers: list[Callable[[], None]] = []
        self._before: Any = None

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @property
    def asked(self) -> bool:
        """The person wants to stop."""
        return self._asked.is_set()

    def closes(self, close: Callable[[], None]) -> None:
        """Call `close`, on a thread of its own, when the person wants to stop: it ends somebody's waiting."""
        self._closers.append(close)

    def check(self) -> None:
        """Raises `StoppedError` where the person wants to stop."""
        if self._asked.is_set():
            raise StoppedError

    def run(self, work: Callable[[], T_]) -> T_:
        """What `work` gives; it is waited for only until the person wants to stop.

        It is done on a thread of its own: a call that waits for a service cannot be ended from outside.

        Raises:
            StoppedError: the person wants to stop; what came of `work` is lost.
        """
        self.check()
        made: queue.SimpleQueue[tuple[list[T_], BaseException | None]] = queue.SimpleQueue()

        def worker() -> None:
            try:
                made.put(([work()], None))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                made.put(([], error))

        threading.Thread(target=worker, name="stoppable", daemon=True).start()
        while True:
            try:
                values, error = made.get(timeout=_POLL_S)
            except queue.Empty:
                self.check()
                continue
            if error is not None:
                # Whoever was closed in the middle of a call says so as an error.
                self.check()
                raise error
            return values[0]

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()
        # Not here: the main thread may stand inside a lock that closing needs.
        threading.Thread(target=self._close, name="stopping", daemon=True).start()

    def _close(self) -> None:
        for close in self._closers:
            try:
                close()
            except Exception:  # noqa: BLE001 - the others have to be closed all the same
                _log.exception("something could not be closed")


class StoppableJudge:
    """`judge`, of which nothing is asked any more once the person wants to stop."""

    def __init__(self, judge: Judge, stopping: Stopping) -> None:
        self._judge = judge
        self._stopping = stopping

    @property
    def name(self) -> str:
        """That of the judge behind."""
        return self._judge.name

    @property
    def parallel(self) -> int:
        """That of the judge behind."""
        return self._judge.parallel

    def ask(self, question: Question) -> Ruling:
        """The ruling of the judge behind.

        Raises:
            StoppedError: the person wants to stop.
            AppError: as the judge behind.
        """
        if not hasattr(self._judge, "close"):
            self._stopping.check()
            return self._judge.ask(question)
        return self._stopping.run(lambda: self._judge.ask(question))

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """That of the judge behind."""
        return self._judge.provenance()
