"""Pictures of a video file at any time that is asked for: for looking, where `VideoFile` is for measuring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tmlapp.capture.media_file import check_file
from tmlapp.capture.video_file import fit, quiet_decoder
from tmlapp.core.errors import AppError
from tmlapp.core.media import Picture
from tmlapp.core.units import NS_PER_MS, NS_PER_S

_ONWARDS_NS = 2 * NS_PER_S
_BACK_NS = (NS_PER_S, 10 * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown from `t_ns` on, in ns since the first picture; BGR uint8 [height, width, 3]."""

    t_ns: int
    picture: Picture


class VideoSeeker:
    """Reads on where the next time lies shortly behind the last one, and seeks elsewhere. One thread at a time.

    Raises:
        AppError: the file is missing, or not one picture of it can be decoded.
    """

    def __init__(self, path: Path, *, max_side: int = 640) -> None:
        check_file(path)
        quiet_decoder()
        self._max_side = max_side
        # An absolute path: FFmpeg takes what stands before a colon for a protocol.
        self._capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        self._origin_ms = 0.0
        first = self._read()
        if first is None:
            self.close()
            raise AppError(
                f"No picture could be read from {path.name}.",
                "It is no video that the decoder knows, or it is damaged from the start.",
                "Play it in another program; convert it to MP4 (H.264) if it plays there.",
            )
        self._origin_ms = first.t_ns / NS_PER_MS
        self._now = Moment(0, first.picture)
        self._next = self._read()

    def at(self, t_ns: int) -> Moment:
        """What is shown at `t_ns`: the newest picture then, the first one before any."""
        if t_ns < self._now.t_ns or t_ns > self._now.t_ns + _ONWARDS_NS:
            self._seek(t_ns)
        while self._next is not None and self._next.t_ns <= t_ns:
            self._now, self._next = self._next, self._read()
        return Moment(self._now.t_ns, fit(self._now.picture, self._max_side))

    def close(self) -> None:
        self._capture.release()

    def _seek(self, t_ns: int) -> None:
        # The decoder may land behind the time that was asked for: then from further ahead, at last from the start.
        for start_ns in (*(max(0, t_ns - back) for back in _BACK_NS), 0):
            self._capture.set(cv2.CAP_PROP_POS_MSEC, start_ns / NS_PER_MS + self._origin_ms)
            found = self._read()
            if found is not None and (found.t_ns <= t_ns or start_ns == 0):
                self._now, self._next = found, self._read()
                return

    def _read(self) -> Moment | None:
        ok, picture = self._capture.read()
        if not ok or picture is None:
            return None
        at_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        t_ms = at_ms - self._origin_ms if np.isfinite(at_ms) else 0.0
        return Moment(round(t_ms * NS_PER_MS), np.asarray(picture, np.uint8))
