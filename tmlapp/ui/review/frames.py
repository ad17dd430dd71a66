"""The camera's frames by time: read and decoded on a thread of its own, always the newest that was asked for."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtGui import QImage

from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.export.pictures import decode_bgr
from tmlapp.recording.reader import Recording

_NEAR_NS = NS_PER_S // 5
_BACK_NS = (_NEAR_NS, 10 * NS_PER_S)
"""How far before a moment its frame is looked for: a seek waits for little, a camera that stood still is found too."""

_AHEAD_NS = NS_PER_S
_SOON_NS = NS_PER_S // 2
_KEPT_NS = 2 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded frame: `t_ns` is when it was grabbed, `end_ns` when the one after it was."""

    t_ns: int
    end_ns: int
    image: QImage
    repeated: bool


def decoded(frame: Frame, end_ns: int) -> Shown:
    """`frame` as an image.

    Raises:
        AppError: it is no picture.
    """
    picture = decode_bgr(frame)
    height, width = picture.shape[:2]
    image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_BGR888).copy()
    return Shown(frame.t_ns, end_ns, image, frame.repeated)


class FrameWindow:
    """The frames around one moment, still encoded; reads on when another moment is wanted."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._frames: list[Frame] = []
        self._from_ns = self._to_ns = 0

    def at(self, t_ns: int) -> tuple[Frame, int] | None:
        """The newest frame at `t_ns`, and when the one after it was grabbed; the first one before any is there.

        Raises:
            AppError: the recording is damaged there.
        """
        if not (self._from_ns <= t_ns < self._to_ns and self._frames and self._frames[0].t_ns <= t_ns):
            self._read(t_ns)
        place = bisect_right(self._frames, t_ns, key=lambda frame: frame.t_ns)
        after = self._frames[place] if place < len(self._frames) else None
        if place == 0:
            return (after, after.t_ns) if after is not None and self._from_ns == 0 else None
        return self._frames[place - 1], after.t_ns if after is not None else self._to_ns

    def read_on(self, t_ns: int) -> None:
        """Read what follows, if `t_ns` comes near the end of what is there.

        Raises:
            AppError: the recording is damaged there.
        """
        if not (self._from_ns <= t_ns < self._to_ns) or self._to_ns - t_ns > _SOON_NS:
            return
        begin_ns = self._to_ns
        following = list(self._recording.frames(begin_ns, begin_ns + _AHEAD_NS))
        self._to_ns = begin_ns + _AHEAD_NS
        first = bisect_right(self._frames, t_ns - _KEPT_NS, key=lambda frame: frame.t_ns)
        if first > 1:
            self._frames = self._frames[first - 1 :]
            self._from_ns = self._frames[0].t_ns
        self._frames += following

    def _read(self, t_ns: int) -> None:
        for back_ns in _BACK_NS:
            start_ns, end_ns = max(0, t_ns - back_ns), t_ns + _NEAR_NS
            self._frames = list(self._recording.frames(start_ns, end_ns))
            self._from_ns, self._to_ns = start_ns, end_ns
            if self._frames and (self._frames[0].t_ns <= t_ns or start_ns == 0):
                return


def picture_at(recording: Recording, t_ns: int) -> Shown | None:
    """What the camera saw at `t_ns`.

    Raises:
        AppError: the recording is damaged there.
    """
    found = FrameWindow(recording).at(t_ns)
    return None if found is None else decoded(*found)


class FrameReader:
    """Follows a position: `want` as often as you like, `shown` gets pictures as they are ready.

    Args:
        shown: called on the reader's thread with a picture, None where there is none, or what went wrong, once.
    """

    def __init__(self, recording: Recording, shown: Callable[[Shown | AppError | None], object]) -> None:
        self._window = FrameWindow(recording)
        self._shown = shown
        self._wanted: int | None = None
        self._last: Shown | None = None
        self._next: Shown | None = None
        self._told = False
        self._before = -NS_PER_S
        self._ended = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="review-frames", daemon=True)
        self._thread.start()

    def want(self, t_ns: int) -> None:
        """Show what the camera saw at `t_ns`; a wish that is not yet met is forgotten."""
        self._wanted = t_ns
        self._wake.set()

    def close(self) -> None:
        self._ended = True
        self._wake.set()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._ended:
                return
            wanted, self._wanted = self._wanted, None
            if wanted is None:
                continue
            try:
                self._show(wanted)
                # After a jump another one may follow at once, which nothing should delay.
                if abs(wanted - self._before) < _SOON_NS and not self._wake.is_set():
                    self._prepare(wanted)
                self._before = wanted
            except AppError as error:
                self._shown(error)
                return

    def _show(self, wanted: int) -> None:
        found = self._window.at(wanted)
        if found is None:
            if self._last is not None or not self._told:
                self._told, self._last = True, None
                self._shown(None)
            return
        frame, end_ns = found
        if self._last is not None and self._last.t_ns == frame.t_ns:
            if self._last.end_ns == end_ns:
                return
            shown = replace(self._last, end_ns=end_ns)
        elif self._next is not None and self._next.t_ns == frame.t_ns:
            shown = replace(self._next, end_ns=end_ns)
        else:
            shown = decoded(frame, end_ns)
        self._told, self._last = True, shown
        self._shown(shown)

    def _prepare(self, wanted: int) -> None:
        """Decode what comes next before it is asked for."""
        self._window.read_on(wanted)
        following = self._window.at(wanted)
        if following is not None and wanted < following[1] <= wanted + _SOON_NS:
            found = self._window.at(following[1])
            if found is not None and (self._next is None or self._next.t_ns != found[0].t_ns):
                self._next = decoded(*found)
