"""A small thread that looks after a device."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tmlapp.core.clock import Clock


class Watch:
    """Calls `tick(now_ns)` on a thread of its own, again at the monotonic time that `tick` returns."""

    def __init__(self, name: str, clock: Clock, tick: Callable[[int], int]) -> None:
        self._clock = clock
        self._tick = tick
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; idempotent, and harmless before `start`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._clock.wait(self._stop, self._tick(self._clock.now_ns()))
