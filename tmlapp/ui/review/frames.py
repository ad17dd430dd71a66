"""The camera's frames by time: read and decoded on a thread of its own, always the newest that was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QImage

from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.export.pictures import decode_bgr
from tmlapp.recording.reader import Recording

_AHEAD_NS = NS_PER_S
_BACK_NS = NS_PER_S // 2
_FAR_BACK_NS = 10 * NS_PER_S


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
        before = [f for f in self._frames if f.t_ns <= t_ns]
        after = [f for f in self._frames if f.t_ns > t_ns]
        if not before:
            first = after[0] if after and self._from_ns == 0 else None
            return (first, first.t_ns) if first is not None else None
        return before[-1], after[0].t_ns if after else self._to_ns

    def _read(self, t_ns: int) -> None:
        for back_ns in (_BACK_NS, _FAR_BACK_NS):
            start_ns, end_ns = max(0, t_ns - back_ns), t_ns + _AHEAD_NS
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
        self._last: int | None = None
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
            except AppError as error:
                self._shown(error)
                return

    def _show(self, wanted: int) -> None:
        found = self._window.at(wanted)
        key = -1 if found is None else found[0].t_ns
        if key != self._last:
            self._last = key
            self._shown(None if found is None else decoded(*found))
