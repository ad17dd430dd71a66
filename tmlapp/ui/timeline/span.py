"""One labelled stretch of time, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from tmlapp.ui.timeline.lane import Plot, Role, faded, role_color

Edge = Literal["start", "end"]

_PAD_PX = 6.0
_SLIM_PX = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch with a label.

    Attributes:
        key: whatever names it; unique in its lane.
        symbol: drawn before the label; says without colour what the role says with it.
        outlined: a frame instead of a filled box: something expected, not something that happened.
        editable: its edges can be dragged and nudged.
        hint: said at the pointer, besides label and times.
    """

    key: str
    start_ns: int
    end_ns: int
    label: str = ""
    role: Role = "neutral"
    symbol: str = ""
    outlined: bool = False
    editable: bool = False
    hint: str = ""

    @property
    def text(self) -> str:
        return f"{self.symbol} {self.label}".strip()


class SpanBrush:
    """Paints the spans of one lane, first to last; slim ones together at the end, for there may be hundreds."""

    def __init__(self, plot: Plot, metrics: QFontMetricsF) -> None:
        self._plot = plot
        self._metrics = metrics
        self._slim: dict[Role, list[QRectF]] = {}
        self._drop = (metrics.ascent() - metrics.descent()) / 2
        self._letter = metrics.horizontalAdvance("m")

    def draw(self, span: Span, box: QRectF, beside_px: float, *, current: bool, edge: Edge) -> None:
        """Paint `span` in `box`; `beside_px` is the room behind it, for a label that does not fit in."""
        if box.width() < _SLIM_PX and not span.outlined and not current:
            self._slim.setdefault(span.role, []).append(box)
        else:
            self._draw_box(span, box, current=current)
        if current and span.editable:
            x = box.left() if edge == "start" else box.right()
            self._plot.painter.fillRect(QRectF(x - 2, box.top() - 3, 4, box.height() + 6), self._plot.theme.accent)
        if span.text and self._metrics.height() <= box.height() + 4:
            self._draw_label(span, box, beside_px)

    def finish(self) -> None:
        """Paint what was put off."""
        painter = self._plot.painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        for role, boxes in self._slim.items():
            self._fill(role)
            painter.drawRects(boxes)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _fill(self, role: Role) -> None:
        theme = self._plot.theme
        self._plot.painter.setBrush(theme.pressed if role == "neutral" else faded(role_color(theme, role), 70))

    def _draw_box(self, span: Span, box: QRectF, *, current: bool) -> None:
        painter = self._plot.painter
        radius = min(4.0, box.width() / 2, box.height() / 2)
        if span.outlined:
            color = role_color(self._plot.theme, span.role)
            painter.setPen(QPen(color, 1.4))
            painter.setBrush(faded(color, 70 if current else 18))
            painter.drawRoundedRect(box.adjusted(0.7, 0.7, -0.7, -0.7), radius, radius)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            self._fill(span.role)
            painter.drawRoundedRect(box, radius, radius)
        if current:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._plot.theme.accent, 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), radius, radius)

    def _draw_label(self, span: Span, box: QRectF, beside_px: float) -> None:
        rect, theme = self._plot.rect, self._plot.theme
        left = max(box.left(), rect.left()) + _PAD_PX
        room = min(box.right(), rect.right()) - left - 2
        if max(room, beside_px) < self._letter * 1.2:
            return
        color = role_color(theme, span.role)
        needed = min(self._metrics.horizontalAdvance(span.text), 4 * self._letter)
        if room < needed <= beside_px and box.right() >= rect.left():
            # Too narrow for its label, which then stands behind it.
            color, left, room = theme.muted if span.role == "neutral" else color, box.right() + 4, beside_px
        elif room <= self._letter * 1.2:
            return
        elif span.role in ("neutral", "you", "model") and not span.outlined:
            color = theme.text
        self._plot.painter.setPen(color)
        text = self._metrics.elidedText(span.text, Qt.TextElideMode.ElideRight, room)
        self._plot.painter.drawText(QPointF(left, box.center().y() + self._drop), text)
