"""Events of the endpoint on their way to the engine thread."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator

from tmlapp.core.event import ConnectionChanged, EndpointEvent

AT_ONCE = 200
"""So many events are taken before somebody looks after the micro-turns again."""


class Inbox:
    """An `EventSink`: filled from any thread, emptied by the engine thread alone.

    Attributes:
        connection: the newest state of the connection, also before anybody empties the box.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._queue: queue.SimpleQueue[EndpointEvent] = queue.SimpleQueue()
        self._wake = wake
        self.connection: ConnectionChanged | None = None

    def __call__(self, event: EndpointEvent) -> None:
        if isinstance(event, ConnectionChanged):
            # Here and not on the engine thread, which does not run yet while a session waits for its connection.
            self.connection = event
        self._queue.put(event)
        self._wake()

    def take(self) -> Iterator[EndpointEvent]:
        """What has come, `AT_ONCE` of it at most: whoever sends faster than it is taken must not stop the clock."""
        for _ in range(AT_ONCE):
            try:
                yield self._queue.get_nowait()
            except queue.Empty:
                return
        # There may be more: whoever waits for it is not to wait.
        self._wake()

    def take_all(self) -> Iterator[EndpointEvent]:
        """Everything that has come by now; only once there are no more micro-turns that could wait for it."""
        for _ in range(self._queue.qsize()):
            yield self._queue.get_nowait()

    def wait(self, timeout_s: float) -> EndpointEvent | None:
        """The next event, or None if none comes within `timeout_s`."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
