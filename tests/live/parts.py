"""Small real parts for session tests: a feed that is stepped by hand, an endpoint that answers at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tmlapp.core.cue import Cue
from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, Closed, EndpointEvent, Event, Granted, SessionOpened, TextOutDone, UnitDone
from tmlapp.core.feed import Captured, Feed, FeedInfo, TrackInfo
from tmlapp.core.media import Pcm, Picture
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS, TURN_SAMPLES


def captured(index: int, **changes: object) -> Captured:
    """Micro-turn `index` with a ramp of its own, ready exactly when its window ends."""
    base = Captured(
        index=index,
        pcm=np.arange(index, index + TURN_SAMPLES, dtype=np.int16),
        frames=(),
        mono_ns=1_000 + index * TURN_NS,
        ready_ns=1_000 + (index + 1) * TURN_NS,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


class ListFeed:
    """Gives the micro-turns it was made with; `more` adds some while it runs."""

    def __init__(self, turns: Sequence[Captured], *, ends: bool = True, fails: AppError | None = None) -> None:
        self._turns = list(turns)
        self._ends = ends
        self._fails = fails
        self._wake: Callable[[], None] = lambda: None
        self.closed = 0
        self.paused: list[bool] = []

    @property
    def info(self) -> FeedInfo:
        none = TrackInfo(kind="none", name="none")
        return FeedInfo(mic=none, camera=none, realtime=False)

    @property
    def finished(self) -> bool:
        return self._ends and not self._turns

    def open(self, wake: Callable[[], None]) -> None:
        if self._fails is not None:
            raise self._fails
        self._wake = wake

    def poll(self) -> Captured | None:
        return self._turns.pop(0) if self._turns else None

    def more(self, *turns: Captured) -> None:
        self._turns.extend(turns)
        self._wake()

    def end(self) -> None:
        self._ends = True
        self._wake()

    def preview(self) -> Picture | None:
        return None

    def level_dbfs(self) -> float:
        return -20.0

    def pause(self, paused: bool) -> None:
        self.paused.append(paused)

    def close(self) -> None:
        self.closed += 1


class AnsweringDuplex:
    def __init__(self, endpoint: AnsweringEndpoint, setup: EndpointSetup, sink: EventSink) -> None:
        self._endpoint = endpoint
        self._sink = sink
        self._closed = False
        self.granted = Granted(endpoint=endpoint.address, name="answering", local=True, acknowledges_units=True)
        sink(SessionOpened(granted=self.granted))

    def push(self, turn: MicroTurn) -> None:
        self._endpoint.pushed.append(turn)
        for event in self._endpoint.script.get(turn.index, ()):
            self._sink(event)
        if turn.index not in self._endpoint.mute_on:
            self._sink(UnitDone(micro_turn=turn.index, latency_ns=7_000_000, t_rx_ns=turn.end_ns))

    def drain(self, timeout_s: float) -> None:
        for event in self._endpoint.on_drain:
            self._sink(event)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._sink(Closed(code="1000", reason="", initiated_by="us"))


class AnsweringEndpoint:
    """Answers each micro-turn at once, with the events scripted for it."""

    address = "answering:test"
    local = True
    host = ""

    def __init__(self, script: dict[int, Sequence[EndpointEvent]] | None = None) -> None:
        self.script = script or {}
        self.mute_on: set[int] = set()
        self.on_drain: Sequence[EndpointEvent] = ()
        self.pushed: list[MicroTurn] = []
        self.refuses: AppError | None = None
        self.duplex: AnsweringDuplex | None = None

    def check(self, instruction: str) -> None:
        if self.refuses is not None:
            raise self.refuses

    def open(self, setup: EndpointSetup, sink: EventSink) -> AnsweringDuplex:
        self.duplex = AnsweringDuplex(self, setup, sink)
        return self.duplex


class MemoryLog:
    """Keeps in memory what a recording would hold."""

    def __init__(self) -> None:
        self.path = Path("session.mcap.part")
        self.bytes_written = 0
        self.turns: list[MicroTurn] = []
        self.raw: list[Pcm | None] = []
        self.events: list[Event] = []
        self.cues: list[Cue] = []
        self.heard_pieces: list[tuple[int, int, int]] = []
        self.fails_on_close: AppError | None = None

    def start(self) -> None:
        pass

    def turn(
        self, turn: MicroTurn, *, ready_ns: int, pushed_ns: int, drift_ppm: float | None, raw: Pcm | None = None
    ) -> None:
        self.turns.append(turn)
        self.raw.append(raw)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def cue(self, cue: Cue) -> None:
        self.cues.append(cue)

    def await_room(self) -> None: ...

    def heard(self, t_ns: int, pcm: np.ndarray[tuple[int], np.dtype[np.int16]], rate_hz: int) -> None:
        self.heard_pieces.append((t_ns, len(pcm), rate_hz))

    def close(self) -> Path:
        if self.fails_on_close is not None:
            raise self.fails_on_close
        return Path("session.mcap")


class Watcher:
    """An observer that remembers, and can be waited on."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.events: list[Event] = []
        self.cues: list[Cue] = []
        self.states: list[str] = []
        self._changed = threading.Condition()

    def _note(self, where: list[object], what: object) -> None:
        with self._changed:
            where.append(what)
            self._changed.notify_all()

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        self._note(self.turns, turn.index)  # type: ignore[arg-type]

    def on_event(self, event: Event) -> None:
        self._note(self.events, event)  # type: ignore[arg-type]

    def on_cue(self, cue: Cue) -> None:
        self._note(self.cues, cue)  # type: ignore[arg-type]

    def on_state(self, state: str, reason: str) -> None:
        self._note(self.states, state)  # type: ignore[arg-type]

    def until(self, condition: Callable[[], bool]) -> None:
        """Block until `condition` holds; the test's own time limit bounds it."""
        with self._changed:
            self._changed.wait_for(condition)


def session_info(feed: Feed) -> SessionInfo:
    return SessionInfo(
        session_id="s", name="test", created_utc="2026-01-01T00:00:00+00:00", instruction="", endpoint="answering:test",
        clock="fast", feed=feed.info, versions={},
    )  # fmt: skip


def said(turn: int, text: str, **fields: object) -> TextOutDone:
    """The model finished saying `text` in answer to micro-turn `turn`."""
    return TextOutDone(text=text, t_rx_ns=(turn + 1) * TURN_NS, **fields)  # type: ignore[arg-type]


def sound(turn: int, samples: int, text: str = "one", rate: int = 24_000) -> AudioOut:
    pcm = np.full(samples, 1000, "<i2").tobytes()
    return AudioOut(pcm16=pcm, rate=rate, text=text, t_rx_ns=(turn + 1) * TURN_NS)
