"""Knows when a model is quiet, by what comes out of its session."""

from __future__ import annotations

import numpy as np

from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    Delegation,
    DelegationReturned,
    EndpointEvent,
    Event,
    InputLost,
    Interrupted,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    ToolReturned,
    TurnDone,
    TurnStarted,
)
from tmlapp.core.units import NS_PER_S, TURN_NS, samples_to_ns
from tmlapp.live.observer import BlankObserver
from tmlapp.live.playout import LateSound, first_audible

_ONCE = "the connection was made again"


class Listener(BlankObserver):
    """The director of a programme.

    Sound that can be heard counts as long as it takes (piece after piece, as the loudspeaker plays them); text without
    sound counts at the moment it was received; thoughts do not count. While a tool runs, or a turn of the model is
    open, it is not quiet.

    Attributes:
        ended_why: why the session ended, once it does.
        lost_turns: micro-turns that did not reach the endpoint. epochs: connections that there were after the first.
    """

    def __init__(self) -> None:
        self._until_ns = 0
        self._spans: list[tuple[int, int]] = []
        self._open_calls: set[str] = set()
        self._open_turns: set[str] = set()
        self._late = LateSound()
        self.lost_turns: list[int] = []
        self.epochs = 0
        self.ended_why = "no reason was given"

    def quiet_since_ns(self, after_ns: int) -> int | None:
        """See `tmlapp.capture.program_feed.Director`."""
        if self._open_calls or self._open_turns:
            return None
        ends = [end for _, end in self._spans if end > after_ns]
        return max(ends) if ends else None

    def on_event(self, event: Event) -> None:
        late = self._late.late(event)
        if isinstance(event, EndpointEvent):
            self.epochs = max(self.epochs, event.epoch)
        match event:
            case AudioOut():
                if not late:
                    self._sound(event)
            case InputLost(what="turn"):
                self.lost_turns.append(event.micro_turn)
            case TurnStarted():
                self._open_turns.add(event.response_id or "")
            case TurnDone():
                self._open_turns.discard(event.response_id or "")
            case ConnectionChanged(state="reconnecting") | Closed():
                # Whatever was begun on that connection has no end.
                self._open_turns.clear()
            case Interrupted():
                self._until_ns = min(self._until_ns, event.t_rx_ns)
                self._spans = [(a, min(b, event.t_rx_ns)) for a, b in self._spans if a < event.t_rx_ns]
            case TextOut(channel="say" | "transcript") | TextOutDone(channel="say" | "transcript"):
                self._spans.append((event.t_rx_ns, event.t_rx_ns))
            case ToolCall():
                self._open_calls.add(event.call_id)
            case Delegation(state="created"):
                self._open_calls.add(event.id)
            case Delegation(state="done" | "failed"):
                self._closed(event.id)
            case ToolCancelled() | ToolReturned():
                self._closed(event.call_id)
            case DelegationReturned(final=True):
                self._closed(event.id)
            case _:
                pass

    @property
    def interruption(self) -> str:
        """Why the run is no whole one: input was lost, or the connection was made again; empty where it is whole."""
        told = []
        if self.lost_turns:
            first_s, count = self.lost_turns[0] * TURN_NS / NS_PER_S, len(self.lost_turns)
            told.append(f"{count} micro-turns did not reach the model, the first at {first_s:.1f} s")
        if self.epochs:
            told.append(f"the connection was made again {self.epochs} times" if self.epochs > 1 else _ONCE)
        return "; ".join(told)

    def _sound(self, event: AudioOut) -> None:
        begin_ns = max(self._until_ns, event.t_rx_ns)
        self._until_ns = begin_ns + samples_to_ns(len(event.pcm16) // 2, event.rate)
        if first_audible(np.frombuffer(event.pcm16, "<i2")) is not None:
            self._spans.append((begin_ns, self._until_ns))

    def on_state(self, state: str, reason: str) -> None:
        if state == "draining" and reason:
            self.ended_why = reason

    def _closed(self, call_id: str) -> None:
        self._open_calls.discard(call_id)
