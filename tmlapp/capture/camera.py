"""A camera on its own thread: stamped, encoded and queued; a stall is noticed, a return as well."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np

from tmlapp.capture.camera_open import (
    CameraDevice,
    PictureDevice,
    list_cameras,
    open_device,
    parse_camera,
)
from tmlapp.capture.paced import encode_jpeg
from tmlapp.capture.video_file import fourcc_name
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice, SessionEvent
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Picture
from tmlapp.core.units import NS_PER_S, TURN_NS

__all__ = ["Camera", "CameraDevice", "GrabbedFrame", "list_cameras"]

STALE_NS = NS_PER_S
_RETRY_NS = NS_PER_S
_QUEUE_FRAMES = 120
_MISSES_ALLOWED = 5
_JOIN_S = 5.0

_ToSession = Callable[[int], int]


@dataclass(frozen=True, slots=True, eq=False)
class GrabbedFrame:
    """One encoded picture and the monotonic time right after it was grabbed; `repeated` ones stand in."""

    mono_ns: int
    jpeg: bytes
    width: int
    height: int
    repeated: bool = False


class Camera:
    """A camera, a network stream, or a file that plays as one, grabbed and JPEG-encoded on its own thread.

    `take` and `pop_events` belong to the engine thread; `preview` and `fps_measured` to any. When no new frame has come
    for more than a second, the next call of either gives a `Gap`; from then on the last frame stands in, at most once
    per micro-turn, while the camera is opened again every second. Queued frames that nobody takes are dropped oldest
    first, counted, and told as a `Gap`.

    Args:
        uri: `camera:0`, `http://…`, `rtsp://…` or `file:VIDEO.mp4?pace=1[&loop=1]`.
        width, height, fps: asked of a device; what it really gives stands in `info.actual`.
        opener: how the device is opened; tests pass another.
    """

    def __init__(
        self,
        uri: str,
        *,
        width: int,
        height: int,
        fps: float,
        jpeg_quality: int = 85,
        clock: Clock,
        open_timeout_ms: int = 3000,
        read_timeout_ms: int = 1000,
        opener: Callable[..., PictureDevice] = open_device,
    ) -> None:
        self.uri = uri
        self._where = parse_camera(uri)
        self._asked: dict[str, Any] = {"width": width, "height": height, "fps": fps, "jpeg_quality": jpeg_quality}
        self._quality = jpeg_quality
        self._clock = clock
        self._timeouts = (open_timeout_ms, read_timeout_ms)
        self._opener = opener
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._device: PictureDevice | None = None
        self._info: TrackInfo | None = None
        self._queue: deque[GrabbedFrame] = deque()
        self._newest: Picture | None = None
        self._last: GrabbedFrame | None = None
        self._fresh_ns = 0
        self._told_until_ns: int | None = None
        self._stood_in_ns: int | None = None
        self._stamps: deque[int] = deque(maxlen=240)
        self._pending: list[Callable[[_ToSession], SessionEvent]] = []
        self._dropped: list[int] = []
        self.dropped_frames = 0
        self._paused = False
        self._tried_ns: int | None = None

    # Opening and closing

    @property
    def info(self) -> TrackInfo:
        """Known after `open`."""
        if self._info is None:
            raise RuntimeError("a camera has no info before it is opened")
        return self._info

    def open(self) -> None:
        """Open the camera, wait for its first picture, and start to grab.

        Raises:
            AppError: it is absent, in use, forbidden, or gives no picture; nothing is left open.
        """
        device = self._opened()
        ok, picture, mono_ns = _one_picture(device, self._clock)
        if not ok:
            device.release()
            raise AppError(
                f"{self._name()} gives no picture.",
                "It was opened, but nothing came.",
                "Close other programs that use it, or plug it in again.",
            )
        self._device = device
        self._info = self._read_back(device, picture)
        self._keep(mono_ns, picture)
        self._thread = threading.Thread(target=self._run, name="tmlapp-camera", daemon=True)
        self._thread.start()

    def _opened(self) -> PictureDevice:
        self._tried_ns = self._clock.now_ns()
        return self._opener(
            self._where,
            settings=(
                (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
                (cv2.CAP_PROP_FRAME_WIDTH, self._asked["width"]),
                (cv2.CAP_PROP_FRAME_HEIGHT, self._asked["height"]),
                (cv2.CAP_PROP_FPS, self._asked["fps"]),
            ),
            open_timeout_ms=self._timeouts[0],
            read_timeout_ms=self._timeouts[1],
            clock=self._clock,
            stop=self._stop,
        )

    def _name(self) -> str:
        if self._where.kind != "device":
            return self.uri
        return next((c.name for c in list_cameras() if c.uri == self.uri), f"Camera {self._where.index}")

    def _read_back(self, device: PictureDevice, picture: Picture) -> TrackInfo:
        """What the camera really gives; a `Notice` where that is not what it was asked for."""
        height, width = picture.shape[:2]
        actual: dict[str, Any] = {"width": width, "height": height, "fps": round(device.get(cv2.CAP_PROP_FPS), 3)}
        pixel_format = fourcc_name(device.get(cv2.CAP_PROP_FOURCC))
        if self._where.kind == "device" and pixel_format:
            actual["format"] = pixel_format
        differing = [k for k in ("width", "height") if actual[k] != self._asked[k]]
        if actual["fps"] > 0 and abs(actual["fps"] - self._asked["fps"]) > 0.5:
            differing.append("fps")
        if differing:
            gives, asked = (
                f"{v['width']}×{v['height']} at {v['fps']:g} frames per second" for v in (actual, self._asked)
            )
            what = f"The camera gives {gives}."
            why = f"It was asked for {asked}."
            self._pending.append(lambda to: Notice(t_ns=max(0, to(self._fresh_ns)), level="info", what=what, why=why))
        return TrackInfo(kind="device", name=self._name(), asked=dict(self._asked), actual=actual)

    def close(self) -> None:
        """Stop grabbing and let go of the camera; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None

    # The grabber thread

    def _run(self) -> None:
        misses = 0
        while not self._stop.is_set():
            if self._device is None and not self._reopen():
                continue
            assert self._device is not None
            grabbed = self._device.grab()
            mono_ns = self._clock.now_ns()
            ok, picture = self._device.retrieve() if grabbed else (False, None)
            if ok:
                misses = 0
                self._keep(mono_ns, np.asarray(picture, np.uint8))
                continue
            misses += 1
            if not grabbed or misses > _MISSES_ALLOWED:
                self._let_go()
        self._let_go()

    def _let_go(self) -> None:
        if self._device is not None:
            self._device.release()
            self._device = None

    def _reopen(self) -> bool:
        """Try once to open the camera again, not sooner than a second after the attempt before."""
        if self._where.kind == "file":
            # A file that has ended stays ended; opened again it would play from its start.
            self._clock.wait(self._stop, None)
            return False
        if self._tried_ns is not None and self._clock.wait(self._stop, self._tried_ns + _RETRY_NS):
            return False
        try:
            self._device = self._opened()
        except AppError:
            # Still away: the gap was told, and the next attempt follows in a second.
            return False
        return True

    def _keep(self, mono_ns: int, picture: Picture) -> None:
        height, width = picture.shape[:2]
        jpeg = b"" if self._paused else encode_jpeg(picture, self._quality)
        with self._lock:
            self._newest = picture
            self._stamps.append(mono_ns)
            if self._told_until_ns is not None:
                self._back(mono_ns)
            elif self._last is not None and not self._paused and mono_ns - self._fresh_ns > STALE_NS:
                self._stood_still(self._fresh_ns, mono_ns)
            self._fresh_ns = mono_ns
            self._notice_size(mono_ns, width, height)
            if not jpeg:
                return
            self._last = GrabbedFrame(mono_ns, jpeg, width, height)
            if len(self._queue) >= _QUEUE_FRAMES:
                self._dropped.append(self._queue.popleft().mono_ns)
                self.dropped_frames += 1
            self._queue.append(self._last)

    def _notice_size(self, mono_ns: int, width: int, height: int) -> None:
        """Another size than before, for example after the camera came back; call with the lock held."""
        if self._info is None or (self._info.actual["width"], self._info.actual["height"]) == (width, height):
            return
        self._info = replace(self._info, actual={**self._info.actual, "width": width, "height": height})
        what = f"The camera gives {width}×{height} from now on."
        self._pending.append(lambda to: Notice(t_ns=to(mono_ns), level="warning", what=what))

    def _back(self, mono_ns: int) -> None:
        """The first frame after a stall; call with the lock held."""
        assert self._told_until_ns is not None
        told_ns, since_ns = self._told_until_ns, self._fresh_ns
        self._told_until_ns = self._stood_in_ns = None
        away_s = (mono_ns - since_ns) / NS_PER_S
        reason, dur_ns = "The camera still gave no picture.", mono_ns - told_ns
        self._pending.append(
            lambda to: Gap(t_ns=to(told_ns), track="camera", dur_ns=dur_ns, reason=reason, kind="stalled")
        )
        what = f"The camera is back after {away_s:.1f} s."
        self._pending.append(lambda to: Notice(t_ns=to(mono_ns), level="info", what=what))

    def _stood_still(self, since_ns: int, mono_ns: int) -> None:
        """Nobody looked while no frame came: this process itself was suspended; call with the lock held."""
        reason, dur_ns = "No picture was taken: the program or the machine stood still.", mono_ns - since_ns
        self._pending.append(
            lambda to: Gap(t_ns=to(since_ns), track="camera", dur_ns=dur_ns, reason=reason, kind="stalled")
        )

    # The engine thread

    def take(self, until_mono_ns: int) -> list[GrabbedFrame]:
        """The queued frames grabbed before `until_mono_ns`; while the camera is away, its last one again."""
        with self._lock:
            self._notice_stall()
            frames: list[GrabbedFrame] = []
            while self._queue and self._queue[0].mono_ns < until_mono_ns:
                frames.append(self._queue.popleft())
            if not frames and self._stands_in(until_mono_ns):
                assert self._last is not None
                self._stood_in_ns = until_mono_ns
                frames.append(replace(self._last, mono_ns=until_mono_ns - TURN_NS // 2, repeated=True))
        return frames

    def _stands_in(self, until_mono_ns: int) -> bool:
        if self._told_until_ns is None or self._last is None or self._paused:
            return False
        return self._stood_in_ns is None or until_mono_ns - self._stood_in_ns > TURN_NS // 2

    def _notice_stall(self) -> None:
        """Call with the lock held."""
        now_ns, since_ns = self._clock.now_ns(), self._fresh_ns
        if self._told_until_ns is not None or self._paused or self._info is None or now_ns - since_ns <= STALE_NS:
            return
        self._told_until_ns = now_ns
        gone = self._device is None
        state = "is gone" if gone else "gives no pictures"
        reason = f"{self.info.name} {state}; its last picture stands in."
        kind: Literal["unplugged", "stalled"] = "unplugged" if gone else "stalled"
        dur_ns = now_ns - since_ns
        self._pending.append(lambda to: Gap(t_ns=to(since_ns), track="camera", dur_ns=dur_ns, reason=reason, kind=kind))

    def pop_events(self, to_session_ns: _ToSession) -> list[SessionEvent]:
        """What happened since the last call; `to_session_ns` turns monotonic into session time."""
        with self._lock:
            self._notice_stall()
            pending, self._pending = self._pending, []
            dropped, self._dropped = self._dropped, []
        events = [make(to_session_ns) for make in pending]
        if dropped:
            reason = f"{len(dropped)} camera frames were lost because nobody took them in time."
            dur_ns = dropped[-1] - dropped[0]
            events.append(Gap(t_ns=to_session_ns(dropped[0]), track="camera", dur_ns=dur_ns, reason=reason))
        return events

    def set_paused(self, paused: bool) -> None:
        """While paused, pictures go to the preview only."""
        with self._lock:
            self._paused = paused
            self._queue.clear()
            self._fresh_ns = self._clock.now_ns()
            self._told_until_ns = self._stood_in_ns = None

    # Any thread

    def preview(self) -> Picture | None:
        """The newest picture, BGR [height, width, 3], not copied; None before the first."""
        return self._newest

    @property
    def fps_measured(self) -> float:
        """Frames that came within the last second."""
        with self._lock:
            since_ns = self._clock.now_ns() - NS_PER_S
            return float(sum(stamp > since_ns for stamp in self._stamps))


def _one_picture(device: PictureDevice, clock: Clock) -> tuple[bool, Picture, int]:
    """The first picture that `device` gives, and when; some cameras miss a few at the start."""
    for _ in range(_MISSES_ALLOWED):
        if not device.grab():
            break
        mono_ns = clock.now_ns()
        ok, picture = device.retrieve()
        if ok:
            return True, np.asarray(picture, np.uint8), mono_ns
    return False, np.zeros((1, 1, 3), np.uint8), 0
