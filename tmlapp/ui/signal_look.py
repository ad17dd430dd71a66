"""How the model's own numbers look: their names, what they mean, a line for each, a value at the cursor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font


def signal_name(name: str) -> str:
    """The short name of a number; of one that is not known, its own."""
    known = {"rep_phase": tr("phase"), "hear.voice": tr("voice")}
    return known.get(name) or name.removeprefix("hear.").replace("_", " ")


def signal_meaning(name: str) -> str:
    """What the number says, one line; its own name where that is not known."""
    return {
        "activity": tr("activity: is something repeating?"),
        "rep_phase": tr("phase: how far the present repetition has come"),
        "acting": tr("acting: is the action going on?"),
        "motion": tr("motion: how much moves in the picture"),
        "count": tr("count: repetitions so far"),
        "hear.voice": tr("voice: does somebody speak?"),
    }.get(name, tr("{name}: a number of the model's own").format(name=name))


def value_text(value: float) -> str:
    """A value in three figures."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def draw_signal(
    painter: QPainter, theme: Theme, band: QRectF, color: QColor, x: npt.ArrayLike, y: npt.ArrayLike
) -> None:
    """A line on its own ground within `band`.

    Args:
        x: places of the values, rising.
        y: the values as shares of the scale, 0 at the foot of the band to 1 at its top.
    """
    foot, top = band.bottom() - 2.0, band.top() + 2.0
    faint = QColor(theme.turn)
    faint.setAlpha(110)
    painter.setPen(QPen(faint, 1))
    painter.drawLine(QPointF(band.left(), foot + 0.5), QPointF(band.right(), foot + 0.5))
    places = np.asarray(x, np.float64)
    heights = foot - np.clip(np.asarray(y, np.float64), 0.0, 1.0) * (foot - top)
    points = [QPointF(a, b) for a, b in zip(places.tolist(), heights.tolist(), strict=True)]
    if len(points) < 2:
        return
    ground = QColor(color)
    ground.setAlpha(34)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawPolygon(QPolygonF([QPointF(points[0].x(), foot), *points, QPointF(points[-1].x(), foot)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color, 1.4))
    painter.drawPolyline(QPolygonF(points))


def draw_tag(painter: QPainter, theme: Theme, right: float, at: QPointF, text: str) -> None:
    """`text` on a small ground beside a cursor at `at`; at its left where it would go beyond `right`."""
    face = font(theme.font_small_px, weight=QFont.Weight.DemiBold)
    metrics = QFontMetricsF(face)
    width, high = metrics.horizontalAdvance(text) + 8, metrics.height()
    left = at.x() + 4 if at.x() + 4 + width <= right else at.x() - 4 - width
    box = QRectF(left, at.y() - high / 2, width, high)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.pressed)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(theme.text)
    painter.setFont(face)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
