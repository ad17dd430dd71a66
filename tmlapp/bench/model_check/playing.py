"""Micro-turns played to an endpoint in virtual time: as `tmlapp run --clock fast`, without a recording."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tmlapp.capture.file_feed import FileFeed
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import Cue, Overlay, fold
from tmlapp.core.endpoint import Duplex, Endpoint, EndpointSetup
from tmlapp.core.event import Closed, EndpointError, EndpointEvent, Granted, InputLost, UnitDone
from tmlapp.core.turn import MicroTurn
from tmlapp.live.failures import endpoint_failed, endpoint_silent, no_virtual_time

ANSWER_TIMEOUT_S = 60
"""How long one micro-turn may stay unanswered."""

_APP = "app."
_HEARING_MS = "app.hear_ms"


@dataclass(frozen=True, slots=True)
class Signal:
    """A number that the model gave with every micro-turn: session time of its end in seconds, and the value."""

    times_s: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Played:
    """One conversation from its opening to its last answer; times of events are exact multiples of a micro-turn."""

    granted: Granted
    events: tuple[EndpointEvent, ...]

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        """What was said, as the window shows it."""
        overlay, found = Overlay(), []
        for event in self.events:
            overlay, cue = fold(overlay, event)
            if cue is not None:
                found.append(cue)
        return tuple(found)

    @property
    def compute_ms(self) -> tuple[float, ...]:
        """Of every micro-turn, by the model's own stopwatch: sound heard, pictures decoded, graph run."""
        return tuple(e.compute_ns / 1e6 for e in self.events if isinstance(e, UnitDone))

    @property
    def seeing_ms(self) -> tuple[float, ...]:
        """The same without hearing, where the model says what that took."""
        done = [e for e in self.events if isinstance(e, UnitDone)]
        return tuple(e.compute_ns / 1e6 - sum(e.diagnostics.get(_HEARING_MS, ())) for e in done)

    @property
    def signals(self) -> dict[str, Signal]:
        """The model's own diagnostics of one value; those of the app are left out."""
        found: dict[str, list[tuple[float, float]]] = {}
        for event in self.events:
            if isinstance(event, UnitDone):
                for name, values in event.diagnostics.items():
                    if len(values) == 1 and not name.startswith(_APP):
                        found.setdefault(name, []).append(((event.micro_turn + 1) / 5, values[0]))
        return {
            name: Signal(tuple(t for t, _ in pairs), tuple(v for _, v in pairs)) for name, pairs in found.items()
        }  # fmt: skip


def turns_of(path: Path, *, pad_before_s: float = 0.0, pad_after_s: float = 0.0, seed: int = 0) -> list[MicroTurn]:
    """All micro-turns of a file with its pictures and its sound, by the very feed of a session.

    They are made before anything is played, so that decoding takes no time from the model that is measured.

    Raises:
        AppError: the file cannot be played.
    """
    more = threading.Event()
    feed = FileFeed(
        path,
        None,
        realtime=False,
        clock=MonotonicClock(),
        pad_before_s=pad_before_s,
        pad_after_s=pad_after_s,
        seed=seed,
    )
    turns: list[MicroTurn] = []
    feed.open(more.set)
    try:
        while True:
            more.clear()
            while (captured := feed.poll()) is not None:
                turns.append(MicroTurn(captured.index, captured.pcm, captured.frames, captured.texts))
            if feed.finished:
                return turns
            more.wait()
    finally:
        feed.close()


def play(
    endpoint: Endpoint, instruction: str, turns: Iterable[MicroTurn], options: Mapping[str, str] | None = None
) -> Played:
    """Show `turns` to `endpoint`, each after the one before was answered.

    Raises:
        AppError: it cannot be opened, does not acknowledge micro-turns, fails, or falls silent.
    """
    arrived: queue.SimpleQueue[EndpointEvent] = queue.SimpleQueue()
    setup = EndpointSetup(
        instruction=instruction,
        clock=MonotonicClock(),
        session_now_ns=lambda: 0,
        virtual_time=True,
        options=dict(options or {}),
    )
    endpoint.check(instruction)
    duplex = endpoint.open(setup, arrived.put)
    try:
        if not duplex.granted.acknowledges_units:
            raise no_virtual_time(endpoint.address)
        events = [event for turn in turns for event in _answer(endpoint.address, duplex, turn, arrived)]
    finally:
        duplex.close()
    while not arrived.empty():
        events.append(arrived.get())
    return Played(duplex.granted, tuple(events))


def _answer(
    address: str, duplex: Duplex, turn: MicroTurn, arrived: queue.SimpleQueue[EndpointEvent]
) -> Iterable[EndpointEvent]:
    duplex.push(turn)
    while True:
        try:
            event = arrived.get(timeout=ANSWER_TIMEOUT_S)
        except queue.Empty:
            raise endpoint_silent(address, turn.index, ANSWER_TIMEOUT_S) from None
        yield event
        match event:
            case EndpointError(fatal=True):
                raise endpoint_failed(address, event)
            case Closed():
                raise endpoint_silent(address, turn.index, 0)
            case UnitDone() | InputLost(what="turn"):
                if event.micro_turn >= turn.index:
                    return
            case _:
                continue
