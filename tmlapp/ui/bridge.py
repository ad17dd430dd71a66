"""The one way from a running session to the window: an observer that rings, and snapshots at most 60 times a second."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from tmlapp.core.cue import Cue
from tmlapp.core.event import AudioOut, Event, InputAccepted, Listen, RoundTrip, UnitDone, WireFrame
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.live.history import History

if TYPE_CHECKING:
    from pathlib import Path

    from tmlapp.core.errors import AppError
    from tmlapp.core.media import Picture
    from tmlapp.core.session import SessionState
    from tmlapp.live.observer import Observer
    from tmlapp.live.state import Snapshot

MIN_INTERVAL_MS = 16
"""No more than 60 refreshes a second, however much happens."""

_QUIET = (UnitDone, AudioOut, Listen, InputAccepted, RoundTrip)

MOST_FRAMES = 40_000
"""So many frames of the wire wait for a window that does not fetch them; then the oldest go."""


class Session(Protocol):
    """What the window uses of `tmlapp.live.session.LiveSession`."""

    state: SessionState
    error: AppError | None
    recording_path: Path | None

    def add_observer(self, observer: Observer) -> None: ...
    def start(self) -> None: ...
    def stop(self, reason: str = ...) -> None: ...
    def wait(self, timeout_s: float | None = None) -> bool: ...
    def send_text(self, text: str) -> None: ...
    def marker(self, label: str, note: str = "") -> object: ...
    def set_muted(self, muted: bool) -> None: ...
    def set_paused(self, paused: bool) -> None: ...
    def interrupt(self) -> None: ...
    def snapshot(self) -> Snapshot: ...
    def preview(self) -> Picture | None: ...
    def level_dbfs(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Happening:
    """Something for the event list: an event, or a text that was typed to the model."""

    what: Event | TextInput
    arrived_ns: int


class SessionBridge(QObject):
    """Watches one session. The observer methods run on the engine thread, everything else in the window.

    Signals:
        refreshed: something visible happened; take a snapshot and paint. At once, but at most 60 times a second.
        state_changed: the session moved on (state, reason).
    """

    refreshed = Signal()
    state_changed = Signal(str, str)
    _rung = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.history = History()
        self._happenings: deque[Happening] = deque()
        self._frames: deque[WireFrame] = deque(maxlen=MOST_FRAMES)
        self._ringing = False
        self._let_go = False
        self._last_ns = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setTimerType(Qt.TimerType.PreciseTimer)
        self._later.timeout.connect(self._refresh)
        self._rung.connect(self._on_rung, Qt.ConnectionType.QueuedConnection)
        session.add_observer(self)

    # ------------------------------------------------------------------ engine thread

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        self.history.on_turn(turn, captured)
        for text in turn.texts:
            self._happenings.append(Happening(text, time.monotonic_ns()))
        self._ring()

    def on_event(self, event: Event) -> None:
        if isinstance(event, WireFrame):
            # Dozens a second: they wait until the inspector fetches them, and ring for nobody.
            self._frames.append(event)
            return
        self.history.on_event(event)
        self._happenings.append(Happening(event, time.monotonic_ns()))
        if not isinstance(event, _QUIET):
            self._ring()

    def on_cue(self, cue: Cue) -> None:
        self.history.on_cue(cue)
        self._ring()

    def on_state(self, state: str, reason: str) -> None:
        if not self._let_go:
            self.state_changed.emit(state, reason)

    def _ring(self) -> None:
        # One queued call is enough until the window has answered it.
        if not self._ringing and not self._let_go:
            self._ringing = True
            self._rung.emit()

    # ------------------------------------------------------------------ window

    def take(self) -> list[Happening]:
        """What happened since the last call, in order."""
        taken: list[Happening] = []
        while self._happenings:
            taken.append(self._happenings.popleft())
        return taken

    def take_frames(self) -> list[WireFrame]:
        """Frames of the wire since the last call, in order."""
        taken: list[WireFrame] = []
        while self._frames:
            taken.append(self._frames.popleft())
        return taken

    def close(self) -> None:
        """Let go of the window: nothing is delivered any more."""
        self._let_go = True
        self._later.stop()

    @Slot()
    def _on_rung(self) -> None:
        self._ringing = False
        wait_ms = MIN_INTERVAL_MS - (time.monotonic_ns() - self._last_ns) // 1_000_000
        if wait_ms <= 0:
            self._refresh()
        elif not self._later.isActive():
            self._later.start(int(wait_ms))

    @Slot()
    def _refresh(self) -> None:
        self._last_ns = time.monotonic_ns()
        self.refreshed.emit()
