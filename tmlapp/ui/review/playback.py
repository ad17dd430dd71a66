"""The player of the page: the axis follows it, and it follows whoever seeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.live.player import Player
from tmlapp.live.player_sound import Sound
from tmlapp.live.playout import Loudspeaker
from tmlapp.ui.timeline import TimeAxis
from tmlapp.ui.workspace import Host

_TICK_MS = 16


class Playback(QObject):
    """Plays on one axis.

    Signals:
        state_changed: it began or stopped to play, or it can or cannot be heard.
        failed (AppError): a track cannot be read.
    """

    state_changed = Signal()
    failed = Signal(object)

    def __init__(self, host: Host, axis: TimeAxis) -> None:
        super().__init__()
        self._host = host
        self._axis = axis
        self._player: Player | None = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._said: tuple[bool, str] = (False, "")
        axis.sought.connect(self._sought)

    @property
    def player(self) -> Player | None:
        """The engine; None while nothing is open."""
        return self._player

    @property
    def playing(self) -> bool:
        return self._player is not None and self._player.playing

    @property
    def silent(self) -> str:
        """Why nothing is heard; empty while it is."""
        return self._player.silent if self._player is not None else ""

    def set_recording(self, duration_ns: int, at_ns: int) -> None:
        """Another recording, of this length; its tracks follow by `set_choices`."""
        self.close()
        self._player = Player(MonotonicClock(), duration_ns=duration_ns, choices={}, loudspeaker=self._loudspeaker())
        self._player.start()
        self._player.seek(at_ns)
        self._tell()

    def set_choices(self, choices: Mapping[str, Sequence[Sound]]) -> None:
        if self._player is not None:
            self._player.set_choices(choices)

    def choose(self, name: str) -> None:
        if self._player is not None:
            self._player.choose(name)

    def toggle(self) -> None:
        if self._player is not None:
            self._player.toggle()
            self._run()

    def play(self, start_ns: int, end_ns: int, *, loop: bool) -> None:
        """Play a stretch."""
        if self._player is not None:
            self._player.play(start_ns, end_ns, loop=loop)
            self._run()

    def pause(self) -> None:
        if self._player is not None:
            self._player.pause()
            self._run()

    def shuttle(self, direction: int) -> None:
        if self._player is not None:
            self._player.shuttle(direction)
            self._run()

    def release(self) -> None:
        """Stop, and give the loudspeaker back."""
        if self._player is not None:
            self._player.release()
            self.tick()

    def close(self) -> None:
        self._timer.stop()
        if self._player is not None:
            self._player.close()
            self._player = None

    def tick(self) -> None:
        """Bring the axis to what is heard now."""
        player = self._player
        if player is None:
            return
        playing, axis = player.playing, self._axis
        seen = axis.start_ns <= axis.cursor_ns <= axis.end_ns
        axis.set_cursor(player.position_ns)
        if not playing:
            self._timer.stop()
        elif seen:
            # Whoever looks elsewhere meanwhile is left there.
            axis.reveal(axis.cursor_ns, margin=0.05)
        error = player.take_error()
        if error is not None:
            self.failed.emit(error)
        self._tell()

    def _run(self) -> None:
        self._timer.start()
        self.tick()

    def _tell(self) -> None:
        now = (self.playing, self.silent)
        if now != self._said:
            self._said = now
            self.state_changed.emit()

    def _sought(self, t_ns: int) -> None:
        if self._player is not None:
            self._player.seek(t_ns)

    def _loudspeaker(self) -> Callable[[], Loudspeaker] | None:
        name = self._host.settings.loudspeaker
        if name == "none":
            return None

        def make() -> Loudspeaker:
            from tmlapp.capture.speaker import Speaker

            if self._host.session_running:
                raise AppError(
                    "The loudspeaker belongs to the session that runs.",
                    "It would be heard by its microphone.",
                    "Stop the session first.",
                )
            return Speaker(name, clock=MonotonicClock())

        return make
