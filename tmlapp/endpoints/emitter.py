"""Numbers the events of one conversation and hands them to the session in order."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from tmlapp.core.endpoint import EventSink
from tmlapp.core.event import Closed, EndpointEvent


class Emitter:
    """Gives `seq`, keeps the order over threads, and lets nothing through after the one `Closed`.

    Attributes:
        lock: held while events are sent; who holds it can read the time and send as one, so that receive times never
            run backwards.
    """

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        # A sink may close the conversation from inside its call, hence re-entrant.
        self.lock = threading.RLock()
        self._seq = 0
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def emit(self, *events: EndpointEvent) -> None:
        """Send `events` one after the other, with nothing of another thread in between."""
        self.emit_all(events)

    def emit_all(self, events: Iterable[EndpointEvent]) -> None:
        with self.lock:
            for event in events:
                if self._closed:
                    return
                self._send(event)

    def close(self, code: str, reason: str, t_rx_ns: int, by: Literal["us", "server", "network"] = "us") -> None:
        """Send `Closed`, once."""
        with self.lock:
            if not self._closed:
                self._send(Closed(t_rx_ns=t_rx_ns, code=code, reason=reason, initiated_by=by))
                self._closed = True

    def _send(self, event: EndpointEvent) -> None:
        numbered = replace(event, seq=self._seq)
        self._seq += 1
        self._sink(numbered)
