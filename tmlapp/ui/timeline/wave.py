"""A waveform: from the pyramid of its peaks, and from the sound itself where one looks closely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.peaks import Peaks
from tmlapp.ui.text import tr
from tmlapp.ui.theme import font
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.lane import Lane, Later, Plot, Role, faded, role_color

Read = Callable[[int, int], Pcm]
"""Samples [start, end) of a track; may block, called on a worker."""

_BLOCK = 1 << 18
_DOTS_PX = 6.0
_FULL = 32768.0


class SoundWindow:
    """The stretch of a long track that one looks at closely, fetched by a worker.

    Args:
        later: runs a job aside (`Host.work`).
        arrived: called on the window's thread when something new is there.
    """

    def __init__(self, read: Read, samples: int, later: Later, arrived: Callable[[], object]) -> None:
        self._read = read
        self._samples = samples
        self._later = later
        self._arrived = arrived
        self._first, self._pcm = 0, np.zeros(0, np.int16)
        self._asked: tuple[int, int] | None = None

    def get(self, start: float, end: float) -> tuple[int, Pcm] | None:
        """First sample's number and the samples around [start, end), None while they are on their way."""
        begin = max(0, int(start) // _BLOCK * _BLOCK)
        until = min(self._samples, -(-int(end + 1) // _BLOCK) * _BLOCK)
        if until <= begin:
            return None
        if self._first <= begin and until <= self._first + len(self._pcm):
            return self._first, self._pcm
        if self._asked != (begin, until):
            self._asked = begin, until
            self._later(lambda: (begin, self._read(begin, until)), self._take)
        inside = self._first <= start and end <= self._first + len(self._pcm)
        return (self._first, self._pcm) if inside else None

    def _take(self, found: Any) -> None:
        first, pcm = found
        if self._asked == (first, first + len(pcm)):
            self._first, self._pcm, self._asked = first, pcm, None
            self._arrived()


class WaveLane(Lane):
    """One track as a waveform.

    Args:
        role: its colour.
        gain: drawn this much larger.
        meaning: what the track is, in a sentence; told at the pointer and to a screen reader.
    """

    def __init__(
        self,
        key: str,
        title: str,
        *,
        role: Role = "you",
        height_px: float = 58,
        stretch: int = 1,
        gain: float = 1.0,
        meaning: str = "",
    ) -> None:
        super().__init__(key, title, height_px=height_px, stretch=stretch)
        self.role: Role = role
        self.gain = gain
        self.meaning = meaning
        self.peaks: Peaks | None = None
        self._window: SoundWindow | None = None
        self.waiting = ""

    def set_peaks(self, peaks: Peaks | None, read: Read | None = None, later: Later | None = None) -> None:
        """Draw `peaks`; `read` and `later` fetch the sound for a close look where `peaks` is without it."""
        self.peaks = peaks
        self.waiting = ""
        self._window = None
        if peaks is not None and read is not None and later is not None:
            self._window = SoundWindow(read, peaks.samples, later, self.changed.emit)
        self.changed.emit()

    def set_pcm(self, pcm: Pcm, rate_hz: int) -> None:
        """Draw int16 [n], which is in memory."""
        self.set_peaks(Peaks.of(pcm, rate_hz))

    def set_waiting(self, text: str) -> None:
        """Nothing can be drawn yet, and why."""
        self.peaks, self._window, self.waiting = None, None, text
        self.changed.emit()

    def hint(self, plot: Plot, pos: QPointF) -> str:  # noqa: ARG002 - a lane's form
        return self.meaning

    def describe(self, axis: TimeAxis) -> str:  # noqa: ARG002 - a lane's form
        return ": ".join(t for t in (self.title, self.meaning) if t)

    def draw(self, plot: Plot) -> None:
        painter, rect = plot.painter, plot.rect
        middle = rect.center().y()
        peaks = self.peaks
        if peaks is None or not peaks.samples:
            painter.setPen(plot.theme.faint)
            painter.setFont(font(plot.theme.font_small_px))
            text = self.waiting or tr("no sound")
            painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
            return
        start = plot.axis.start_ns * peaks.rate_hz / NS_PER_S
        end = plot.axis.end_ns * peaks.rate_hz / NS_PER_S
        color = role_color(plot.theme, self.role)
        painter.setPen(QPen(faded(color, 90), 1))
        painter.drawLine(QPointF(rect.left(), round(middle) + 0.5), QPointF(rect.right(), round(middle) + 0.5))
        scale = (rect.height() / 2 - 3) / _FULL * self.gain
        ratio = painter.device().devicePixelRatioF()
        n = max(1, round(rect.width() * ratio))
        sound = None
        if peaks.needs_sound(start, end, n):
            sound = self._window.get(start, end) if self._window is not None else (0, peaks.sound)
        painter.save()
        painter.setClipRect(rect)
        if sound is not None and len(sound[1]) and (end - start) < n / 2:
            self._draw_samples(plot, sound, start, end, scale)
        else:
            self._draw_columns(plot, peaks, sound, (start, end, n), scale)
        painter.restore()

    def _draw_columns(
        self, plot: Plot, peaks: Peaks, sound: tuple[int, Pcm] | None, where: tuple[float, float, int], scale: float
    ) -> None:
        start, end, n = where
        rect, painter = plot.rect, plot.painter
        step = (end - start) / n
        # Columns stand on fixed places of the track, so that a picture that moves does not shimmer.
        shift = (start / step) % 1.0
        low, high = peaks.columns(start - shift * step, end + (1 - shift) * step, n + 1, sound)
        middle, width = rect.center().y(), rect.width() / n
        limit = rect.height() / 2 - 2
        tops = (middle - np.minimum(high * scale, limit)).tolist()
        feet = (middle - np.maximum(low * scale, -limit)).tolist()
        left = rect.left() - shift * width + width / 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(role_color(plot.theme, self.role), 0))
        silent = (high == 0) & (low == 0)
        painter.drawLines(
            [QLineF(left + i * width, tops[i], left + i * width, feet[i]) for i in np.flatnonzero(~silent).tolist()]
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _draw_samples(self, plot: Plot, sound: tuple[int, Pcm], start: float, end: float, scale: float) -> None:
        """Single samples: a line through them, and a dot on each once there is room."""
        first, pcm = sound
        begin = max(0, int(start) - 1 - first)
        part = pcm[begin : max(begin, int(end) + 3 - first)]
        rect, middle = plot.rect, plot.rect.center().y()
        per_sample = rect.width() / (end - start)
        xs = (rect.left() + (np.arange(len(part)) + (begin + first - start)) * per_sample).tolist()
        ys = (middle - part * scale).tolist()
        points = [QPointF(x, y) for x, y in zip(xs, ys, strict=True)]
        color = role_color(plot.theme, self.role)
        plot.painter.setPen(QPen(color, 1.2))
        plot.painter.drawPolyline(QPolygonF(points))
        if per_sample >= _DOTS_PX:
            plot.painter.setPen(QPen(color, 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            plot.painter.drawPoints(QPolygonF(points))
