"""An event loop that another thread may borrow while it has nothing to do."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LendingSelector(selectors.DefaultSelector):
    """Waits like any selector; while it waits, and only then, `loan` is free.

    Whoever holds `loan` is alone with everything that belongs to the loop, as a callback of the loop is. It must not
    await, must not keep it for long, and must wake the loop afterwards (`call_soon_threadsafe`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.loan = threading.Lock()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.loan.release()
        try:
            return super().select(timeout)
        finally:
            self.loan.acquire()


class Lender:
    """Makes the loop of one thread, and lends it to others."""

    def __init__(self) -> None:
        self._selector = LendingSelector()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; called once, on the thread that will run it."""
        self._selector.loan.acquire()
        return asyncio.SelectorEventLoop(self._selector)

    @contextmanager
    def borrowed(self) -> Iterator[bool]:
        """Whether the loop was idle and is the caller's now; it never waits for it."""
        got = self._selector.loan.acquire(blocking=False)
        try:
            yield got
        finally:
            if got:
                self._selector.loan.release()
