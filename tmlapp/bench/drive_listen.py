"""Knows when a model is quiet, by what comes out of its session."""

from __future__ import annotations

from tmlapp.core.event import (
    AudioOut,
    DelegationReturned,
    Event,
    Interrupted,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    ToolReturned,
)
from tmlapp.core.units import samples_to_ns
from tmlapp.live.observer import BlankObserver


class Listener(BlankObserver):
    """The director of a programme.

    Sound counts as long as it takes to be heard (piece after piece, as the loudspeaker plays them); text without sound
    counts at the moment it was received; thoughts do not count. While a tool runs the model is not quiet.

    Attributes:
        ended_why: why the session ended, once it does.
    """

    def __init__(self) -> None:
        self._until_ns = 0
        self._spans: list[tuple[int, int]] = []
        self._open_calls: set[str] = set()
        self.ended_why = "no reason was given"

    def quiet_since_ns(self, after_ns: int) -> int | None:
        """See `tmlapp.capture.program_feed.Director`."""
        if self._open_calls:
            return None
        ends = [end for _, end in self._spans if end > after_ns]
        return max(ends) if ends else None

    def on_event(self, event: Event) -> None:
        match event:
            case AudioOut():
                begin_ns = max(self._until_ns, event.t_rx_ns)
                self._until_ns = begin_ns + samples_to_ns(len(event.pcm16) // 2, event.rate)
                self._spans.append((begin_ns, self._until_ns))
            case Interrupted():
                self._until_ns = min(self._until_ns, event.t_rx_ns)
                self._spans = [(a, min(b, event.t_rx_ns)) for a, b in self._spans if a < event.t_rx_ns]
            case TextOut(channel="say" | "transcript") | TextOutDone(channel="say" | "transcript"):
                self._spans.append((event.t_rx_ns, event.t_rx_ns))
            case ToolCall():
                self._open_calls.add(event.call_id)
            case ToolCancelled() | ToolReturned():
                self._closed(event.call_id)
            case DelegationReturned(final=True):
                self._closed(event.id)
            case _:
                pass

    def on_state(self, state: str, reason: str) -> None:
        if state == "draining" and reason:
            self.ended_why = reason

    def _closed(self, call_id: str) -> None:
        self._open_calls.discard(call_id)
