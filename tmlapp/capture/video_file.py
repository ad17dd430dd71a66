"""Pictures of a video file with their own presentation times."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from tmlapp.capture.media_file import check_file, riff_is_cut, sha256_of
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice, SessionEvent
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Picture
from tmlapp.core.units import NS_PER_MS, NS_PER_S

DEFAULT_FPS = 30.0
_FPS_RANGE = (0.5, 240.0)
# Two: one frame is decoded while the other is handed over; more threads cost memory and win nothing beside a model.
_DECODER_THREADS = 2
_CUT_TOLERANCE_NS = 300 * NS_PER_MS
_FAR_NS = 10 * NS_PER_S


def quiet_decoder() -> None:
    """Keep FFmpeg inside OpenCV from writing to the terminal; what it would say comes as AppError, Gap or Notice."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def fourcc_name(value: float) -> str:
    """OpenCV's number for a format as the four letters that it stands for; empty for none."""
    number = int(value)
    return number.to_bytes(4, "little", signed=number < 0).decode("latin-1").strip("\0 ")


def usable_fps(fps: float) -> float:
    """`fps`, or 30 where a file states none or nonsense."""
    return fps if np.isfinite(fps) and _FPS_RANGE[0] <= fps <= _FPS_RANGE[1] else DEFAULT_FPS


def fit(picture: Picture, max_side: int | None) -> Picture:
    """`picture`, scaled down so that its longer side is at most `max_side` pixels."""
    height, width = picture.shape[:2]
    if max_side is None or max(height, width) <= max_side:
        return picture
    scale = max_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


class VideoFile:
    """A `PictureSource` over a video file, a GIF or one still picture; what it is, its content decides.

    Pictures come turned upright, and scaled down to `max_side`. A frame whose time does not follow the one before, or
    lies far behind the file's end, is placed one nominal interval after the one before, and counted. Frames that the
    file promises and does not hold are a `Gap`.

    Raises:
        AppError: not one picture can be decoded.
    """

    def __init__(self, path: Path, *, max_side: int | None = 1920) -> None:
        check_file(path)
        quiet_decoder()
        self._path = path
        self._max_side = max_side
        self._capture = cv2.VideoCapture(
            # An absolute path: FFmpeg takes what stands before a colon for a protocol.
            str(path.resolve()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, _DECODER_THREADS]
        )  # fmt: skip
        stated_fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._promised = int(max(0.0, self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.fps = usable_fps(stated_fps)
        self._step_ns = round(NS_PER_S / self.fps)
        self.expected_ns: int | None = None
        if self._promised > 0 and self.fps == stated_fps:
            self.expected_ns = round(self._promised / self.fps * NS_PER_S)
        self._origin_ms = 0.0
        self._last_ns = -1
        self._read = 0
        self._bad_times = 0
        self._ended = False
        self._events: list[SessionEvent] = []
        self._first = self._read_next()
        if self._first is None:
            self.close()
            raise AppError(
                f"No picture could be read from {path.name}.",
                "It is no video that the decoder knows, or it is damaged from the start.",
                "Play it in another program; convert it to MP4 (H.264) if it plays there.",
            )
        self.info = self._track_info(stated_fps, self._first[1])

    def _track_info(self, stated_fps: float, first: Picture) -> TrackInfo:
        actual: dict[str, object] = {
            "width": int(first.shape[1]),
            "height": int(first.shape[0]),
            "fps": round(stated_fps, 4),
            "frames": self._promised,
            "codec": fourcc_name(self._capture.get(cv2.CAP_PROP_FOURCC)),
        }
        if self._full_size != (first.shape[1], first.shape[0]):
            actual["scaled_from"] = list(self._full_size)
        rotation = int(self._capture.get(cv2.CAP_PROP_ORIENTATION_META))
        if rotation:
            actual["rotated_deg"] = rotation
        return TrackInfo(
            kind="file",
            name=str(self._path),
            sha256=sha256_of(self._path),
            asked={"max_side": self._max_side},
            actual=actual,
        )

    def read(self) -> tuple[int, Picture] | None:
        """Next picture and its time in ns since the first; None at the end."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return self._read_next()

    def _read_next(self) -> tuple[int, Picture] | None:
        if self._ended:
            return None
        ok, picture = self._capture.read()
        if not ok or picture is None:
            self._end()
            return None
        at_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if self._read == 0:
            self._origin_ms = at_ms if np.isfinite(at_ms) else 0.0
            self._full_size = (picture.shape[1], picture.shape[0])
        t_ns = round((at_ms - self._origin_ms) * NS_PER_MS) if np.isfinite(at_ms) else -1
        if t_ns <= self._last_ns or (self.expected_ns is not None and t_ns > self.expected_ns + _FAR_NS):
            t_ns = self._last_ns + self._step_ns
            self._bad_times += 1
        self._read += 1
        self._last_ns = t_ns
        return t_ns, fit(np.asarray(picture, np.uint8), self._max_side)

    def _end(self) -> None:
        self._ended = True
        end_ns = self._last_ns + self._step_ns
        name = self._path.name
        if self._read and self.expected_ns is not None and end_ns < self.expected_ns - _CUT_TOLERANCE_NS:
            reason = f"{name} ends early: {self._read} of {self._promised} frames could be read."
            self._events.append(Gap(t_ns=end_ns, track="camera", dur_ns=self.expected_ns - end_ns, reason=reason))
        elif riff_is_cut(self._path):
            what = f"{name} is shorter than it says: its end is missing."
            self._events.append(Notice(t_ns=end_ns, level="warning", what=what, fix="Copy the file again."))
        if self._bad_times:
            what = f"{self._bad_times} frames of {name} have no usable time."
            fix = "Convert the file if the order of its frames matters to the millisecond."
            why = f"Each was placed {self._step_ns / NS_PER_MS:.1f} ms after the one before."
            self._events.append(Notice(t_ns=max(0, self._last_ns), level="warning", what=what, why=why, fix=fix))

    def take_events(self) -> list[SessionEvent]:
        """What was found since the last call, timed like the pictures."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        self._capture.release()
