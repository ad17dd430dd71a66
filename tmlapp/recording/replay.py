"""A recording as a source of micro-turns: the same samples, frames and texts once more."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, SessionEvent
from tmlapp.core.feed import Captured, FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Picture
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS
from tmlapp.recording.export.pictures import decode_bgr
from tmlapp.recording.reader import PROCESSED, Recording
from tmlapp.recording.scan import open_file

_AHEAD = 25
_LEVEL_SAMPLES = SAMPLE_RATE_HZ // 20
_SILENCE_DBFS = -120.0


class RecordedFeed:
    """A `Feed` over a recording, at the pace of `clock` or as fast as it is polled.

    The endpoint hears what the endpoint of the recording heard: where an echo canceller stood between, its result, and
    `info` says so. What was typed comes again with its micro-turn. What the session told its endpoint then does not:
    it spoke of outputs that another endpoint never made.
    """

    def __init__(self, recording: Recording, *, realtime: bool, clock: Clock) -> None:
        self._recording = recording
        self._realtime = realtime
        self._clock = clock
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._stop = threading.Event()
        self._ready: deque[Captured] = deque()
        self._ended = False
        self._error: AppError | None = None
        self._paused_ns: int | None = None
        self._origin_ns = 0
        self._newest: Captured | None = None
        self._frame: Frame | None = None
        self._wake: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._info: FeedInfo | None = None

    @property
    def info(self) -> FeedInfo:
        """The recording stands as the file of both tracks.

        Raises:
            RuntimeError: before `open`.
        """
        if self._info is None:
            raise RuntimeError("the feed was not opened")
        return self._info

    @property
    def finished(self) -> bool:
        with self._lock:
            return self._ended and not self._ready and self._error is None

    def open(self, wake: Callable[[], None]) -> None:
        """Start reading.

        Raises:
            AppError: the recording cannot be read.
        """
        with open_file(self._recording.path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        track = TrackInfo(kind="file", name=str(self._recording.path), sha256=sha256)
        has_frames = "/camera" in self._recording.topics
        self._info = FeedInfo(
            mic=replace(track, actual={"rate_hz": SAMPLE_RATE_HZ, "channels": 1, **_heard(self._recording)}),
            camera=track if has_frames else TrackInfo(kind="none", name=""),
            realtime=self._realtime,
            duration_ns=self._recording.duration_ns,
        )
        self._wake = wake
        self._origin_ns = self._clock.now_ns()
        self._thread = threading.Thread(target=self._run, args=(wake,), name="replay", daemon=True)
        self._thread.start()

    def poll(self) -> Captured | None:
        """The next micro-turn if it is due.

        Raises:
            AppError: the recording turned out to be damaged here.
        """
        with self._lock:
            if self._paused_ns is not None:
                return None
            captured = self._ready.popleft() if self._ready else None
            if captured is None:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return None
            self._newest = captured
            self._frame = captured.frames[-1] if captured.frames else self._frame
        self._room.set()
        return captured

    def preview(self) -> Picture | None:
        """The newest frame that was polled, BGR."""
        with self._lock:
            frame = self._frame
        return None if frame is None else decode_bgr(frame)

    def level_dbfs(self) -> float:
        """Peak of the last 50 ms that were polled."""
        with self._lock:
            newest = self._newest
        if newest is None:
            return _SILENCE_DBFS
        peak = int(np.abs(newest.pcm[-_LEVEL_SAMPLES:].astype(np.int32)).max())
        return 20 * float(np.log10(peak / 32768)) if peak else _SILENCE_DBFS

    def pause(self, paused: bool) -> None:
        """Hold the time of the recording, or let it go on from where it was held."""
        with self._lock:
            now_ns = self._clock.now_ns()
            if paused and self._paused_ns is None:
                self._paused_ns = now_ns
            elif not paused and self._paused_ns is not None:
                self._origin_ns += now_ns - self._paused_ns
                self._paused_ns = None
        self._room.set()
        if not paused and self._wake is not None:
            self._wake()

    def close(self) -> None:
        """Stop reading; idempotent."""
        self._stop.set()
        self._room.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, wake: Callable[[], None]) -> None:
        try:
            gaps = self._gaps()
            for turn in self._recording.turns():
                if not self._await_room() or not self._await_due(turn.end_ns):
                    break
                self._offer(turn, gaps.get(turn.index, ()))
                wake()
        except AppError as error:
            with self._lock:
                self._error = error
        with self._lock:
            self._ended = True
        wake()

    def _gaps(self) -> dict[int, tuple[SessionEvent, ...]]:
        found: dict[int, tuple[SessionEvent, ...]] = {}
        for event in self._recording.events((Gap,)):
            if isinstance(event, Gap) and event.track != "model":
                index = max(0, event.t_ns) // TURN_NS
                found[index] = (*found.get(index, ()), event)
        return found

    def _await_room(self) -> bool:
        while not self._stop.is_set():
            self._room.clear()
            with self._lock:
                if len(self._ready) < _AHEAD:
                    return True
            self._clock.wait(self._room, None)
        return False

    def _await_due(self, end_ns: int) -> bool:
        while self._realtime and not self._stop.is_set():
            self._room.clear()
            with self._lock:
                paused, due_ns = self._paused_ns is not None, self._origin_ns + end_ns
            if not paused and self._clock.now_ns() >= due_ns:
                break
            self._clock.wait(self._room, None if paused else due_ns)
        return not self._stop.is_set()

    def _offer(self, turn: MicroTurn, gaps: tuple[SessionEvent, ...]) -> None:
        with self._lock:
            captured = Captured(
                index=turn.index, pcm=turn.pcm, frames=turn.frames, mono_ns=self._origin_ns + turn.t_ns,
                ready_ns=self._clock.now_ns(), events=gaps, texts=turn.texts,
            )  # fmt: skip
            self._ready.append(captured)


def _heard(recording: Recording) -> dict[str, str]:
    topic = recording.input_topic
    return {"track": topic} if topic == PROCESSED else {}
