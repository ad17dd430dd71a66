"""The feed of a live session: a microphone and a camera as micro-turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tmlapp.capture.chunker import Chunker, CutTurn
from tmlapp.capture.level import FLOOR_DBFS, peak_dbfs
from tmlapp.capture.microphone import CHECK_NS, Microphone
from tmlapp.capture.soundline import SoundLine
from tmlapp.capture.watch import Watch
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import SessionEvent
from tmlapp.core.feed import Captured, FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Picture
from tmlapp.core.units import NS_PER_MS, TURN_NS

_NO_TRACK = TrackInfo(kind="none", name="")
_LEVEL_MS = 50
_NUDGE_NS = 20 * NS_PER_MS


class GrabbedFrame(Protocol):
    """A camera frame as it was grabbed; see `Frame`, but on the monotonic clock."""

    @property
    def mono_ns(self) -> int: ...
    @property
    def jpeg(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def repeated(self) -> bool: ...


class CameraTrack(Protocol):
    """What a feed needs of a camera; everything but `preview` is called by one thread at a time."""

    @property
    def info(self) -> TrackInfo:
        """Known after `open`."""
        ...

    def open(self) -> None:
        """Start grabbing.

        Raises:
            AppError: the camera cannot be used.
        """
        ...

    def take(self, until_mono_ns: int) -> Sequence[GrabbedFrame]:
        """Frames grabbed before that time and not taken yet, oldest first."""
        ...

    def preview(self) -> Picture | None:
        """The newest picture, BGR; any thread."""
        ...

    def pop_events(self, to_session_ns: Callable[[int], int]) -> Sequence[SessionEvent]:
        """Gaps and notices since the last call; `to_session_ns` maps monotonic to session time."""
        ...

    def set_paused(self, paused: bool) -> None:
        """Drop what is grabbed, or keep it again."""
        ...

    def close(self) -> None:
        """Release the device; idempotent."""
        ...


class DeviceFeed:
    """Implements `Feed` for live devices. Without a microphone, silence keeps the cadence; a camera is optional.

    The microphone's sample counter is the ruler: a micro-turn is complete when its last sample is there, and frames are
    put into it by the monotonic time at which they were grabbed. A frame that comes too late for its micro-turn goes
    into the next one and keeps its time.
    """

    def __init__(self, microphone: Microphone | None, camera: CameraTrack | None = None, *, clock: Clock) -> None:
        self._microphone = microphone
        self._camera = camera
        self._chunker = Chunker()
        self._sound = SoundLine(microphone, self._chunker, clock)
        self._watch = Watch("tmlapp-audio-watch", clock, self._tick)
        self._wake: Callable[[], None] = _nothing
        self._last_frame_ns = 0
        self._paused = False
        self._open = False
        self._closed = False

    @property
    def info(self) -> FeedInfo:
        mic = self._microphone.info if self._microphone else _NO_TRACK
        return FeedInfo(mic=mic, camera=self._camera.info if self._camera else _NO_TRACK, realtime=True)

    @property
    def finished(self) -> bool:
        return self._closed

    def open(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        if self._camera is not None:
            self._camera.open()
        try:
            if self._microphone is not None:
                self._microphone.open(wake)
        except AppError:
            if self._camera is not None:
                self._camera.close()
            raise
        self._sound.start()
        self._open = True
        self._watch.start()

    def poll(self) -> Captured | None:
        if not self._open or self._closed:
            return None
        while self._chunker.missing:
            if not self._sound.advance():
                return None
        turn = self._chunker.pop()
        return self._captured(turn) if turn else None

    def _captured(self, turn: CutTurn) -> Captured:
        fit = self._sound.fit
        begin_ns = turn.index * TURN_NS
        events = [*turn.events]
        frames: tuple[Frame, ...] = ()
        if self._microphone is not None:
            events += self._microphone.pop_events(fit.session_ns)
        if self._camera is not None:
            frames = self._frames(fit.mono_ns(begin_ns + TURN_NS))
            events += self._camera.pop_events(fit.session_ns)
        return Captured(
            index=turn.index,
            pcm=turn.pcm,
            frames=frames,
            mono_ns=fit.mono_ns(begin_ns),
            ready_ns=turn.ready_ns,
            events=tuple(events),
            drift_ppm=fit.drift_ppm,
            xruns=self._microphone.overflows if self._microphone else 0,
        )

    def _frames(self, until_mono_ns: int) -> tuple[Frame, ...]:
        assert self._camera is not None
        out = []
        for grabbed in self._camera.take(until_mono_ns):
            t_ns = self._sound.fit.session_ns(grabbed.mono_ns)
            if t_ns >= 0:
                self._last_frame_ns = max(self._last_frame_ns, t_ns)
                size = (grabbed.width, grabbed.height)
                out.append(Frame(self._last_frame_ns, grabbed.jpeg, *size, grabbed.repeated))
        return tuple(out)

    def preview(self) -> Picture | None:
        return self._camera.preview() if self._camera else None

    def level_dbfs(self) -> float:
        line = self._microphone.line if self._microphone else None
        if line is None:
            return FLOOR_DBFS
        return peak_dbfs(line.ring.newest(line.rate_hz * _LEVEL_MS // 1000))

    def pause(self, paused: bool) -> None:
        if paused == self._paused:
            return
        self._paused = paused
        self._sound.pause(paused)
        if self._camera is not None:
            self._camera.set_paused(paused)
        self._wake()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._watch.stop()
        if self._microphone is not None:
            self._microphone.close()
        if self._camera is not None:
            self._camera.close()

    def _tick(self, now_ns: int) -> int:
        next_ns = self._microphone.check(now_ns) if self._microphone else now_ns + CHECK_NS
        if self._sound.by_clock and not self._paused:
            due_ns = self._sound.due_ns
            if due_ns <= now_ns:
                self._wake()
                due_ns = now_ns + _NUDGE_NS
            next_ns = min(next_ns, due_ns)
        return next_ns


def _nothing() -> None:
    return None
