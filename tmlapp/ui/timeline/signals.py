"""A model's own numbers, each as a line on its own ground, with their values at the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QPen

from tmlapp.core.units import NS_PER_S
from tmlapp.live.inner import Signal, picked
from tmlapp.ui.signal_look import draw_signal, draw_tag, signal_meaning, signal_name, value_text
from tmlapp.ui.text import tr
from tmlapp.ui.theme import font
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.lane import Lane, Plot, faded

_BAND_PX = 18.0
_FINE = 1.5
_PAD_PX = 3.0


class SignalsLane(Lane):
    """Up to four numbers of a model; the others are told at the pointer. Where the model spoke stands a thin line."""

    def __init__(self, key: str, title: str) -> None:
        super().__init__(key, title, height_px=_BAND_PX)
        self.signals: tuple[Signal, ...] = ()
        self.moments: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def set_signals(self, signals: Sequence[Signal], moments_ns: Sequence[int] = ()) -> None:
        """Show these; `moments_ns` is when the model spoke of its own accord."""
        self.signals = tuple(signals)
        self.moments = np.asarray(sorted(moments_ns), np.int64)
        self.height_px = max(1, len(self.shown)) * _BAND_PX
        self.changed.emit()

    @property
    def shown(self) -> tuple[Signal, ...]:
        """Those that have a line."""
        return picked(self.signals)

    @property
    def bare(self) -> bool:
        return not self.signals

    def draw(self, plot: Plot) -> None:
        if self.bare:
            self.draw_empty(plot)
            return
        painter, rect, axis = plot.painter, plot.rect, plot.axis
        painter.save()
        painter.setClipRect(rect)
        painter.setPen(QPen(faded(plot.theme.model, 130), 1))
        first, last = np.searchsorted(self.moments, [axis.start_ns, axis.end_ns]).tolist()
        places = [plot.x(t) for t in self.moments[first:last].tolist()]
        painter.drawLines([QLineF(x, rect.top(), x, rect.bottom()) for x in places])
        face = font(plot.theme.font_small_px)
        metrics = QFontMetricsF(face)
        for (signal, band), color in zip(self._bands(plot), plot.theme.signals, strict=False):
            x, y = _thinned(signal, plot)
            draw_signal(painter, plot.theme, band, color, x, y)
            name = signal_name(signal.name)
            box = QRectF(band.left(), band.top() + 1, metrics.horizontalAdvance(name) + 2 * _PAD_PX, metrics.height())
            painter.fillRect(box, faded(plot.theme.surface, 205))
            painter.setFont(face)
            painter.setPen(plot.theme.muted)
            painter.drawText(QPointF(box.left() + _PAD_PX, box.top() + metrics.ascent()), name)
        painter.restore()

    def draw_cursor(self, plot: Plot) -> None:
        x = plot.x(plot.axis.cursor_ns)
        for signal, band in self._bands(plot):
            value = signal.at(plot.axis.cursor_ns)
            if value is not None:
                draw_tag(plot.painter, plot.theme, plot.rect.right(), QPointF(x, band.center().y()), value_text(value))

    def hint(self, plot: Plot, pos: QPointF) -> str:
        t_ns = plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width())
        told = [signal_meaning(s.name) for s, band in self._bands(plot) if band.top() <= pos.y() < band.bottom()]
        return "\n".join([*told, f"{t_ns / NS_PER_S:.2f} s", *self._values(t_ns)]) if self.signals else ""

    def describe(self, axis: TimeAxis) -> str:
        return f"{self.title}: {', '.join(self._values(axis.cursor_ns)) or tr('none')}"

    def _values(self, t_ns: float) -> list[str]:
        known = ((signal_name(s.name), s.at(t_ns)) for s in self.signals)
        return [f"{name} {value_text(value)}" for name, value in known if value is not None]

    def _bands(self, plot: Plot) -> Iterator[tuple[Signal, QRectF]]:
        shown, rect = self.shown, plot.rect
        high = (rect.height() - 2) / max(1, len(shown))
        for number, signal in enumerate(shown):
            yield signal, QRectF(rect.left(), rect.top() + 1 + number * high, rect.width(), high)


def _thinned(signal: Signal, plot: Plot) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places and heights of what can be seen, with one more value on either side; of many on one pixel the extremes."""
    axis, rect = plot.axis, plot.rect
    first, last = np.searchsorted(signal.t_ns, [axis.start_ns, axis.end_ns]).tolist()
    part = slice(max(0, first - 1), last + 1)
    x = rect.left() + (signal.t_ns[part].astype(np.float64) - axis.start_ns) / axis.span_ns * rect.width()
    y = signal.shares[part]
    if len(x) <= _FINE * rect.width():
        return x, y
    slots = np.floor(x).astype(np.int64)
    starts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    return np.repeat(x[starts], 2), np.stack([low, high], axis=1).ravel()
