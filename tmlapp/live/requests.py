"""What the window asks of a running session, kept until the engine thread takes it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable

from tmlapp.core.event import SessionEvent
from tmlapp.core.turn import TextInput


class Requests:
    """Filled from any thread, emptied by the engine thread alone."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[TextInput | SessionEvent] = queue.SimpleQueue()

    def put(self, request: TextInput | SessionEvent) -> None:
        """Ask for `request`."""
        self._queue.put(request)

    def take(self, publish: Callable[[SessionEvent], None]) -> list[TextInput]:
        """Markers and changes happen now, by `publish`; texts are returned, for the micro-turn that carries them."""
        texts: list[TextInput] = []
        while True:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                return texts
            if isinstance(request, TextInput):
                texts.append(request)
            else:
                publish(request)

    def put_back(self, texts: Iterable[TextInput]) -> None:
        """No micro-turn carried `texts` yet."""
        for text in texts:
            self._queue.put(text)
