"""Work that may hang (a key ring that waits for a password, a network): on threads that never hold up the program."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from tmlapp.core.errors import AppError
from tmlapp.ui.controller import fault


class Aside(QObject):
    """Runs jobs and brings their results back to the thread on which it was made, until `shut`."""

    _ended = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._running = 0
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """A job has not ended yet."""
        return self._running > 0

    def run(self, job: Callable[[], Any], done: Callable[[Any], object], failed: Callable[[AppError], object]) -> None:
        """Run `job` on a thread of its own, then `done` with its result, or `failed`."""
        self._running += 1

        def work() -> None:
            try:
                result, error = job(), None
            except AppError as known:
                result, error = None, known
            except Exception as unknown:  # Shown and logged: a person waits for an answer.
                logging.getLogger(__name__).error("work aside failed", exc_info=unknown)
                result, error = None, fault(unknown)
            with suppress(RuntimeError):  # The window has gone meanwhile: nobody waits for this any more.
                self._ended.emit(result if error is None else error, done, failed)

        # A daemon: a key ring that never answers must not keep the program from ending.
        threading.Thread(target=work, name="tmlapp-aside", daemon=True).start()

    def shut(self) -> None:
        """Nothing comes back any more."""
        self._open = False

    def _on_ended(self, result: Any, done: Callable[[Any], object], failed: Callable[[AppError], object]) -> None:
        self._running -= 1
        if not self._open:
            return
        if isinstance(result, AppError):
            failed(result)
        else:
            done(result)
