"""Turns that can be computed ahead of time (files, synthetic sources), handed out fast or in real time."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np

from tmlapp.capture.level import FLOOR_DBFS, peak_dbfs
from tmlapp.core.clock import Clock
from tmlapp.core.event import SessionEvent
from tmlapp.core.feed import Captured, FeedInfo
from tmlapp.core.media import Frame, Pcm, Picture
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS, ns_to_samples

AHEAD_TURNS = 20
"""Turns that are read, decoded and encoded ahead: 4 s."""

_AFTER_TURN_S = 0.02
"""How long reading ahead keeps still at the end of a micro-turn while there is enough."""

_LEVEL_SAMPLES = SAMPLE_RATE_HZ // 20


@dataclass(frozen=True, slots=True, eq=False)
class TurnContent:
    """What one micro-turn of a file holds: int16 [3200], its frames, and the events that fall into it."""

    index: int
    pcm: Pcm
    frames: tuple[Frame, ...]
    events: tuple[SessionEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class _Release:
    """Permission to hand out one turn: when it was given, and the monotonic time of the turn's first sample."""

    ready_ns: int
    mono_ns: int


class PacedFeed(ABC):
    """A `Feed` over turns that a read-ahead thread makes.

    Fast: a turn is handed out as soon as it is made. Real time: turn k is handed out when the clock reaches the
    opening time + 200(k + 1) ms, by a pacer thread that waits on the clock; a source that is too slow makes turns
    late, never lost. Subclasses say what the turns hold.
    """

    def __init__(self, *, realtime: bool, clock: Clock, ahead_turns: int = AHEAD_TURNS) -> None:
        self._realtime = realtime
        self._clock = clock
        self._ahead_turns = ahead_turns
        self._changed = threading.Condition()
        self._nudge = threading.Event()
        self._queue: deque[TurnContent] = deque()
        self._releases: deque[_Release] = deque()
        self._released = 0
        self._made_all = False
        self._error: BaseException | None = None
        self._closed = False
        self._opened = False
        self._paused_at: int | None = None
        self._origin_ns = 0
        self._wake: Callable[[], None] = lambda: None
        self._threads: list[threading.Thread] = []
        self._latest: TurnContent | None = None
        self._shown: tuple[Frame, Picture] | None = None

    # What a subclass gives

    @abstractmethod
    def _prepare(self) -> None:
        """Open everything needed; raises AppError and leaves nothing open where that cannot be done."""

    @abstractmethod
    def _contents(self) -> Generator[TurnContent]:
        """The turns, from index 0, without a hole. Runs in the read-ahead thread."""

    @abstractmethod
    def _release_sources(self) -> None:
        """Close what `_prepare` opened; called once, after the read-ahead thread has ended."""

    # Feed

    @property
    @abstractmethod
    def info(self) -> FeedInfo: ...

    @property
    def finished(self) -> bool:
        with self._changed:
            return self._closed or (self._made_all and not self._queue and self._error is None)

    def open(self, wake: Callable[[], None]) -> None:
        """Open the sources and start to read ahead; time zero is now.

        Raises:
            AppError: a file cannot be used; nothing is left open.
        """
        self._prepare()
        self._opened = True
        self._wake = wake
        self._origin_ns = self._clock.now_ns()
        self._start("tmlapp-read-ahead", self._make)
        if self._realtime:
            self._start("tmlapp-pacer", self._pace)

    def _start(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def poll(self) -> Captured | None:
        """The next turn if it is due.

        Raises:
            AppError: reading ahead failed; everything before the failure was handed out.
        """
        with self._changed:
            if not self._queue:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                self._changed.notify_all()
                return None
            if self._closed or (self._realtime and not self._releases):
                if len(self._queue) < self._ahead_turns:
                    self._changed.notify_all()
                return None
            if not self._realtime and self._paused_at is not None:
                return None
            content = self._queue.popleft()
            release = self._releases.popleft() if self._realtime else self._fast_release(content.index)
            self._latest = content
            if not self._realtime or len(self._queue) <= self._ahead_turns // 2:
                self._changed.notify_all()
        return Captured(
            index=content.index,
            pcm=content.pcm,
            frames=content.frames,
            mono_ns=release.mono_ns,
            ready_ns=release.ready_ns,
            events=content.events,
        )

    def _fast_release(self, index: int) -> _Release:
        return _Release(self._clock.now_ns(), self._origin_ns + index * TURN_NS)

    def pause(self, paused: bool) -> None:
        with self._changed:
            if paused == (self._paused_at is not None):
                return
            now_ns = self._clock.now_ns()
            if self._paused_at is not None:
                self._origin_ns += now_ns - self._paused_at
            self._paused_at = now_ns if paused else None
        self._nudge.set()
        self._wake()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._nudge.set()
        for thread in self._threads:
            thread.join()
        if self._opened:
            self._release_sources()
        self._wake = lambda: None

    # The read-ahead thread

    def _make(self) -> None:
        try:
            with closing(self._contents()) as contents:
                for content in contents:
                    if not self._offer(content):
                        return
        except BaseException as error:  # noqa: BLE001 - handed to the caller of `poll`, which raises it
            self._error = error
        finally:
            with self._changed:
                self._made_all = True
                self._changed.notify_all()
            self._wake()

    def _offer(self, content: TurnContent) -> bool:
        """Queue `content` as soon as there is room; False once the feed was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._queue) < self._ahead_turns)
            if self._realtime and len(self._queue) > self._ahead_turns // 2:
                # A micro-turn has just ended, and whoever sends and records it wants the interpreter now.
                self._changed.wait_for(lambda: self._closed, _AFTER_TURN_S)
            if self._closed:
                return False
            self._queue.append(content)
            self._changed.notify_all()
        if not self._realtime:
            self._wake()
        return True

    # The pacer thread

    def _pace(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                due_ns = None if self._paused_at is not None else self._origin_ns + (self._released + 1) * TURN_NS
            if self._clock.wait(self._nudge, due_ns):
                self._nudge.clear()
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._made_all or len(self._queue) > len(self._releases))
                if len(self._queue) <= len(self._releases):
                    return
                if self._paused_at is not None:
                    continue
                self._releases.append(_Release(self._clock.now_ns(), self._origin_ns + self._released * TURN_NS))
                self._released += 1
            self._wake()

    # What the window asks

    def _position_ns(self) -> int:
        """Session time that a person would call now; call with the lock held."""
        if not self._realtime:
            return (self._latest.index + 1) * TURN_NS if self._latest else 0
        now_ns = self._paused_at if self._paused_at is not None else self._clock.now_ns()
        return now_ns - self._origin_ns

    def _around_now(self) -> list[TurnContent]:
        """The turn handed out last and those made ahead; call with the lock held."""
        return [self._latest, *self._queue] if self._latest is not None else list(self._queue)

    def _newest_frame(self) -> Frame | None:
        with self._changed:
            if not self._opened:
                return None
            position_ns = self._position_ns()
            due = [f for c in self._around_now() for f in c.frames if f.t_ns <= position_ns]
        return due[-1] if due else None

    def preview(self) -> Picture | None:
        frame, shown = self._newest_frame(), self._shown
        if frame is None or (shown is not None and shown[0] is frame):
            return shown[1] if shown else None
        picture = decode_jpeg(frame.jpeg)
        self._shown = (frame, picture)
        return picture

    def level_dbfs(self) -> float:
        with self._changed:
            if not self._opened:
                return FLOOR_DBFS
            position = ns_to_samples(self._position_ns())
            turns = self._around_now()
        heard = [
            c.pcm[max(0, position - _LEVEL_SAMPLES - start) : max(0, position - start)]
            for c in turns
            if (start := c.index * len(c.pcm)) < position
        ]
        return peak_dbfs(np.concatenate(heard)) if heard else FLOOR_DBFS


def decode_jpeg(jpeg: bytes) -> Picture:
    """The picture in `jpeg`, BGR [height, width, 3]."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("these bytes are no JPEG")
    return np.asarray(picture, np.uint8)


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """`picture` (BGR) as JPEG bytes."""
    ok, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"a picture {picture.shape} could not be encoded")
    return encoded.tobytes()
