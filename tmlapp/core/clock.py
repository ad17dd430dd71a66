"""Clocks. Whatever waits takes one, so that tests and batch runs never sleep."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock in integer nanoseconds that threads can wait on."""

    def now_ns(self) -> int:
        """Monotonic time; only differences mean anything."""
        ...

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        """Block until `event` is set (True) or `now_ns()` reaches `until_ns` (False); None waits for ever."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        if until_ns is None:
            return event.wait()
        return event.wait(max(0, until_ns - time.monotonic_ns()) / 1e9)


class ManualClock:
    """A clock that stands still until `advance` moves it; waiters wake exactly when their time has come."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._moved = threading.Condition()
        self._waiting = 0

    def now_ns(self) -> int:
        with self._moved:
            return self._now_ns

    def advance(self, by_ns: int) -> None:
        """Move time forward by `by_ns` and wake everyone who waits.

        Raises:
            ValueError: `by_ns` is negative; a monotonic clock never goes back.
        """
        if by_ns < 0:
            raise ValueError(f"a monotonic clock cannot go back by {-by_ns} ns")
        with self._moved:
            self._now_ns += by_ns
            self._moved.notify_all()

    def await_waiters(self, count: int = 1) -> None:
        """Block until `count` threads wait on this clock, so that a test advances it at a known point."""
        with self._moved:
            self._moved.wait_for(lambda: self._waiting >= count)

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        with self._moved:
            self._waiting += 1
            self._moved.notify_all()
            try:
                while not event.is_set() and (until_ns is None or self._now_ns < until_ns):
                    # The event is set by others without our condition, hence the short real wait.
                    self._moved.wait(0.002)
                return event.is_set()
            finally:
                self._waiting -= 1
