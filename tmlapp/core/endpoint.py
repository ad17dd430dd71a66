"""The contract between a session and an interaction model (docs/endpoints/index.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tmlapp.core.clock import Clock
from tmlapp.core.event import EndpointEvent, Granted
from tmlapp.core.media import AudioClip
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import MicroTurn

EventSink = Callable[[EndpointEvent], None]
"""Takes one event, from any thread, at once; the session queues it for its own thread."""

Synthesizer = Callable[[str], AudioClip]
"""Turns a text into speech."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSetup:
    """What a session asks of an endpoint.

    Attributes:
        instruction: what the operator typed before the start; empty if it will be spoken.
        clock: the session's clock; `origin_ns` is its reading at session time 0 and is None until the
            first sample was captured (then events carry `t_rx_ns` relative to it).
        virtual_time: a run from files as fast as possible: `t_rx_ns` of an answer to micro-turn k is exactly
            its `end_ns` (plus the measured compute time if `honest_clock`), whatever it cost.
        synthesize: the app's voice for texts that have no recording; None where there is none.
        session_now_ns: current session time (used where `virtual_time` is False).
        tools: what the model may call; an endpoint that cannot announce them says so in `Granted.rejections`.
        history: the conversation that lies before the session; an endpoint that cannot take it raises in `open`.
        abandoned: True once nobody wants the session any more: an `open` that still waits gives up.
    """

    instruction: str
    clock: Clock
    session_now_ns: Callable[[], int]
    virtual_time: bool = False
    honest_clock: bool = False
    synthesize: Synthesizer | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] = ()
    history: tuple[HistoryTurn, ...] = ()
    abandoned: Callable[[], bool] = field(default=lambda: False)


class Duplex(Protocol):
    """One open conversation. Events go to the sink given to `Endpoint.open`, in order of `seq`."""

    @property
    def granted(self) -> Granted:
        """What the endpoint agreed to."""
        ...

    def push(self, turn: MicroTurn) -> None:
        """Hand over one micro-turn; returns in microseconds and never waits for the model or a network."""
        ...

    def drain(self, timeout_s: float) -> None:
        """No more input: wait until everything pushed is answered, or `timeout_s` has passed."""
        ...

    def close(self) -> None:
        """Release everything; idempotent; emits exactly one `Closed`."""
        ...


class Endpoint(Protocol):
    """A kind of interaction model, not yet in conversation."""

    @property
    def address(self) -> str:
        """How settings and recordings name it, e.g. `onnx:tiny`."""
        ...

    @property
    def local(self) -> bool:
        """True if nothing leaves this machine."""
        ...

    @property
    def host(self) -> str:
        """Where the data would go; empty for a local endpoint."""
        ...

    def check(self, instruction: str) -> None:
        """Everything that can be checked before the start: files, hashes, the instruction.

        Raises:
            AppError: with the fix.
        """
        ...

    def open(self, setup: EndpointSetup, sink: EventSink) -> Duplex:
        """Start the conversation; `SessionOpened` is the first event but for those of the connection.

        Raises:
            AppError: the endpoint cannot be opened.
        """
        ...
