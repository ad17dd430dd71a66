"""Answers as in a recording: the same events at the same micro-turns, without the model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    Closed,
    ConnectionChanged,
    EndpointEvent,
    Granted,
    InputLost,
    Limit,
    ResumeHandle,
    RoundTrip,
    SessionOpened,
    SessionUpdated,
    UnitDone,
    Unrecognized,
    WireFrame,
)
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.emitter import Emitter

_OF_THE_CONNECTION = (
    SessionOpened, Closed, ConnectionChanged, WireFrame, RoundTrip, InputLost, Unrecognized, ResumeHandle, Limit,
)  # fmt: skip
"""What happened between that machine and the model then, and does not happen again."""


class RecordedEndpoint:
    """Plays `events` back, which the caller read from a recording, in the order in which they stand there.

    Tools are called as they were then, whatever is announced now; turns before the session change nothing. Connection,
    wire and limits of a remote model are not played: nothing is connected.

    Args:
        events: what an endpoint sent, with its receive times.
        granted: what was granted then.
        address: of the recording, e.g. `recorded:monday.mcap`.
    """

    def __init__(self, events: Sequence[EndpointEvent], granted: Granted, *, address: str = "recorded:") -> None:
        self._address = address
        self._events = tuple(e for e in events if not isinstance(e, _OF_THE_CONNECTION))
        self._granted = granted

    @property
    def address(self) -> str:
        return self._address

    @property
    def local(self) -> bool:
        return True

    @property
    def host(self) -> str:
        return ""

    def check(self, instruction: str) -> None:  # noqa: ARG002 - a recording answers any
        """Raises AppError where the recording holds no answers at all."""
        if not self._events:
            raise AppError(
                f"{self._address} holds no answers of a model.",
                "Not one event of an endpoint stands in it.",
                "Choose another recording.",
            )

    def open(self, setup: EndpointSetup, sink: EventSink) -> RecordedDuplex:
        return RecordedDuplex(self._events, _here(self._granted, self._address), setup, sink)


def _here(granted: Granted, address: str) -> Granted:
    return replace(granted, endpoint=address, local=True, provider="recording")


def home_turns(events: Sequence[EndpointEvent]) -> list[int]:
    """The micro-turn with which each event is played.

    Where the endpoint acknowledged micro-turns, everything up to the `UnitDone` of k belongs to k; otherwise an event
    belongs to the micro-turn that had just ended when it came. The order of the recording is kept.
    """
    homes: list[int] = []
    acknowledged = any(isinstance(e, UnitDone) for e in events)
    for event in reversed(events):
        later = homes[-1] if homes else None
        if isinstance(event, UnitDone):
            home = event.micro_turn
        elif acknowledged and later is not None:
            home = later
        else:
            home = max(0, event.t_rx_ns // TURN_NS - 1)
        homes.append(home if later is None else min(home, later))
    return homes[::-1]


class RecordedDuplex:
    """Answers inside `push`. In virtual time events keep the receive times of the recording."""

    def __init__(
        self, events: Sequence[EndpointEvent], granted: Granted, setup: EndpointSetup, sink: EventSink
    ) -> None:
        self._setup = setup
        self._granted = granted
        self._emitter = Emitter(sink)
        self._script = list(zip(home_turns(events), events, strict=True))
        self._next = 0
        self._answered = -1
        self._end_ns = 0
        self._lock = threading.Lock()
        self._emitter.emit(SessionOpened(granted=granted, t_rx_ns=self._now_ns(0)))

    @property
    def granted(self) -> Granted:
        return self._granted

    def push(self, turn: MicroTurn) -> None:
        with self._lock:
            if self._emitter.closed:
                return
            self._end_ns = turn.end_ns
            self._play(turn.index)
            if self._granted.acknowledges_units and self._answered < turn.index:
                # The recording is shorter than what is shown now, or lost this answer: the session still waits for one.
                self._send(UnitDone(micro_turn=turn.index, latency_ns=0, t_rx_ns=turn.end_ns))

    def drain(self, timeout_s: float) -> None:
        """Everything that belongs to what was pushed is sent already."""

    def close(self) -> None:
        self._emitter.close("normal", "closed", self._now_ns(self._end_ns))

    def _play(self, index: int) -> None:
        while self._next < len(self._script) and self._script[self._next][0] <= index:
            event = self._script[self._next][1]
            self._next += 1
            self._send(event)

    def _send(self, event: EndpointEvent) -> None:
        now_ns = self._now_ns(event.t_rx_ns)
        if isinstance(event, SessionUpdated):
            event = replace(event, granted=_here(event.granted, self._granted.endpoint))
        if isinstance(event, UnitDone):
            self._answered = max(self._answered, event.micro_turn)
            event = replace(event, latency_ns=now_ns - (event.micro_turn + 1) * TURN_NS)
        self._emitter.emit(replace(event, t_rx_ns=now_ns))

    def _now_ns(self, recorded_ns: int) -> int:
        return recorded_ns if self._setup.virtual_time else self._setup.session_now_ns()
