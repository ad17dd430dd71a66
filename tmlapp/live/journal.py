"""Everything that happens in a session goes the same way: log, vital signs, overlay, observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tmlapp.core.cue import Overlay, fold
from tmlapp.core.event import Event, Gap, Health, SessionEvent
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS
from tmlapp.live.health import TURNS_PER_SAMPLE, HealthMeter
from tmlapp.live.observer import Observer
from tmlapp.live.playout import HeardPiece
from tmlapp.live.state import SessionLog


class Journal:
    """Written by the engine thread alone; `overlay` and `health` may be read from any thread.

    An observer that raises is not asked again, and its exception goes on to the engine: a fault of ours ends the
    session, but the rest of it is still written down.
    """

    def __init__(self, folder: Path | None, action: str = "") -> None:
        self._meter = HealthMeter(folder)
        self._observers: list[Observer] = []
        self.log: SessionLog | None = None
        self.overlay = Overlay(action=action)
        self.health: Health | None = None
        self.last_turn = -1
        self._echo_loss_db: float | None = None

    @property
    def end_ns(self) -> int:
        """Session time at which the newest micro-turn ended."""
        return (self.last_turn + 1) * TURN_NS

    def add_observer(self, observer: Observer) -> None:
        self._observers.append(observer)

    def turn(
        self,
        turn: MicroTurn,
        captured: Captured,
        pushed_ns: int,
        raw: Pcm | None = None,
        echo_loss_db: float | None = None,
    ) -> None:
        """The endpoint has had `turn` since the monotonic time `pushed_ns`; `raw`: its sound where it was processed."""
        self.last_turn = turn.index
        self._echo_loss_db = echo_loss_db
        self._opened().turn(
            turn, ready_ns=captured.ready_ns, pushed_ns=pushed_ns, drift_ppm=captured.drift_ppm, raw=raw
        )
        self._meter.turn(turn, captured, pushed_ns)
        for event in captured.events:
            self.publish(event)
        self._tell(lambda observer: observer.on_turn(turn, captured))
        if (turn.index + 1) % TURNS_PER_SAMPLE == 0:
            self.take_health()

    def publish(self, event: Event) -> None:
        """`event` has happened."""
        log = self._opened()
        log.event(event)
        self._meter.event(event)
        self.overlay, cue = fold(self.overlay, event)
        self._tell(lambda observer: observer.on_event(event))
        if cue is not None:
            log.cue(cue)
            self._tell(lambda observer: observer.on_cue(cue))

    def muted(self, t_ns: int) -> None:
        """The micro-turn from `t_ns` on was silence because the operator wanted it so."""
        reason = "Muted by the operator."
        self.publish(Gap(t_ns=t_ns, track="mic", dur_ns=TURN_NS, reason=reason, kind="muted"))

    def heard(self, pieces: Sequence[HeardPiece], events: Sequence[SessionEvent]) -> None:
        """The loudspeaker has played `pieces`, and `events` tell what ended with them."""
        for piece in pieces:
            self._opened().heard(piece.t_ns, piece.pcm, piece.rate_hz)
        for event in events:
            self.publish(event)

    def take_health(self) -> None:
        """Vital signs as of the newest micro-turn."""
        self.health = self._meter.sample(self.end_ns, self._opened().bytes_written, self._echo_loss_db)
        self.publish(self.health)

    def await_room(self) -> None:
        """Block while the disk lags far behind: for sessions that run faster than time."""
        self._opened().await_room()

    def close(self) -> Path:
        """Finish the log; its final path."""
        return self._opened().close()

    def state(self, state: str, reason: str) -> None:
        """The session moved on; told to the observers alone."""
        self._tell(lambda observer: observer.on_state(state, reason))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for observer in tuple(self._observers):
            try:
                tell(observer)
            except Exception:
                self._observers.remove(observer)
                raise

    def _opened(self) -> SessionLog:
        if self.log is None:
            raise RuntimeError("the session has no log yet")
        return self.log
