"""The last 30 seconds on one axis: you, the model, its replies, its inner state."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from tmlapp.core.units import NS_PER_S
from tmlapp.live.history import BUCKET_NS, LATE_NS, SPAN_NS, HistoryView, Levels
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

HEIGHT_PX = 186
"""The usual height; in a smaller window everything but the texts shrinks."""

_LABELS_PX = 84.0
_STEP_PX = 3.0
_RIGHT_PX = 12.0
_QUIETEST = 0.004
_CRAMPED = 0.7


class Lanes(QWidget):
    """Draws a `HistoryView`; redrawn by whoever sets a new one."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._view: HistoryView | None = None
        self._now_ns = 0
        self._zoom = 1.0
        self.setFixedHeight(theme.px(HEIGHT_PX))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Last 30 seconds"))
        self.setAccessibleDescription(tr("Waveforms of you and the model, cues, reply latency"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(892, self.height())

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_view(self, view: HistoryView | None, now_ns: int) -> None:
        """Draw `view`, whose right edge is session time `now_ns`; None draws the empty state."""
        self._view, self._now_ns = view, now_ns
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(theme.line)
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(card, theme.radius_card, theme.radius_card)
        labels_px = theme.px(_LABELS_PX)
        plot = QRectF(labels_px, 0, card.width() - labels_px - _RIGHT_PX, card.height())
        view = self._view
        self._zoom = self.height() / HEIGHT_PX
        rows = {k: y * self._zoom for k, y in self._rows().items()}
        self._labels(painter, rows, view.inner_name if view else "")
        self._axis(painter, plot)
        for key in ("you", "model"):
            painter.setPen(QPen(theme.turn, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(plot.left(), rows[key]), QPointF(plot.right(), rows[key]))
        if view is None:
            painter.setPen(theme.muted)
            hint = tr("The last 30 seconds are drawn here once a session runs.")
            wide = QFontMetricsF(font(theme.font_px)).horizontalAdvance(hint) > plot.width()
            painter.setFont(font(theme.font_small_px if wide else theme.font_px))
            box = plot.adjusted(0, (84 if wide else 90) * self._zoom, 0, -(28 if wide else 40) * self._zoom)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, hint)
            return
        self._gaps(painter, plot, rows["you"], view)
        self._you(painter, plot, rows["you"], view)
        self._model(painter, plot, rows["model"], view)
        self._replies(painter, plot, rows["reply"] + 12 * self._zoom, view)
        if "inner" in rows:
            self._inner(painter, plot, rows["inner"], view)

    def _rows(self) -> dict[str, float]:
        """Middle of each lane at the usual height; large texts in a small window leave no room for the last one."""
        if self.height() < _CRAMPED * self._theme.px(HEIGHT_PX):
            return {"you": 29.0, "model": 80.0, "reply": 122.0}
        return {"you": 29.0, "model": 76.0, "reply": 113.0, "inner": 141.0}

    def _x(self, plot: QRectF, t_ns: int) -> float:
        return plot.right() - (self._now_ns - t_ns) / SPAN_NS * plot.width()

    def _labels(self, painter: QPainter, rows: dict[str, float], inner_name: str) -> None:
        names = {"you": tr("you"), "model": tr("model"), "reply": tr("reply"), "inner": inner_name or tr("inner")}
        painter.setFont(font(self._theme.font_small_px))
        painter.setPen(self._theme.muted)
        metrics = QFontMetricsF(painter.font())
        for key, y in rows.items():
            width = self._theme.px(_LABELS_PX) - 18
            shown = metrics.elidedText(names[key], Qt.TextElideMode.ElideRight, width - 2)
            box = QRectF(8, y - metrics.height() / 2, width, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, shown)

    def _axis(self, painter: QPainter, plot: QRectF) -> None:
        painter.setFont(font(self._theme.font_small_px - 1))
        painter.setPen(self._theme.faint)
        for seconds in (30, 20, 10, 0):
            x = plot.right() - seconds * NS_PER_S / SPAN_NS * plot.width()
            text = tr("now") if seconds == 0 else f"−{seconds} s"
            width = QFontMetricsF(painter.font()).horizontalAdvance(text)
            left = x if seconds == 30 else x - width if seconds == 0 else x - width / 2
            painter.drawText(QPointF(left, plot.bottom() - 8), text)

    def _gaps(self, painter: QPainter, plot: QRectF, y: float, view: HistoryView) -> None:
        for gap in view.gaps:
            if gap.track == "mic":
                left = max(plot.left(), self._x(plot, gap.t_ns))
                right = min(plot.right(), self._x(plot, gap.t_ns + gap.dur_ns))
                color = QColor(self._theme.turn if gap.kind in ("muted", "paused") else self._theme.act)
                color.setAlpha(90)
                painter.fillRect(QRectF(left, y - 14 * self._zoom, max(2.0, right - left), 28 * self._zoom), color)

    def _bars(self, painter: QPainter, plot: QRectF, y: float, t_ns: int, levels: Levels, half: float) -> None:
        """Upright bars in the painter's pen, each as high as the loudest of the buckets that it stands for.

        Bars stand on fixed session times, so that they travel with the picture instead of flickering.
        """
        group = max(1, round(_STEP_PX / (BUCKET_NS / SPAN_NS * plot.width())))
        first = t_ns // BUCKET_NS
        lead = first % group
        padded = np.zeros(-(-(lead + len(levels)) // group) * group, np.float32)
        padded[lead : lead + len(levels)] = levels
        tops = padded.reshape(-1, group).max(axis=1)
        heights = tops**0.6 * half
        start = self._x(plot, (first - lead) * BUCKET_NS)
        step = group * BUCKET_NS / SPAN_NS * plot.width()
        lines = [
            QLineF(start + i * step, y - heights[i], start + i * step, y + heights[i])
            for i in np.flatnonzero(tops > _QUIETEST).tolist()
            if plot.left() <= start + i * step <= plot.right()
        ]
        if lines:
            painter.drawLines(lines)

    def _you(self, painter: QPainter, plot: QRectF, y: float, view: HistoryView) -> None:
        soft = QColor(self._theme.you)
        soft.setAlpha(110)
        painter.setPen(QPen(soft, 1.6))
        self._bars(painter, plot, y, view.mic_t_ns, np.where(view.voice, np.float32(0), view.mic), 18 * self._zoom)
        painter.setPen(QPen(self._theme.you, 1.6))
        self._bars(painter, plot, y, view.mic_t_ns, np.where(view.voice, view.mic, np.float32(0)), 18 * self._zoom)

    def _model(self, painter: QPainter, plot: QRectF, y: float, view: HistoryView) -> None:
        painter.setPen(QPen(self._theme.model, 1.6))
        for spoken in view.spoken:
            self._bars(painter, plot, y, spoken.t_ns, spoken.levels, 13 * self._zoom)
        face = font(self._theme.font_small_px, weight=QFont.Weight.DemiBold)
        metrics = QFontMetricsF(face)
        painter.setFont(face)
        high = metrics.height() + 1
        top = y - 12 * self._zoom - high
        taken = 0.0
        for cue in view.cues:
            shown = str(cue.value) if cue.value is not None else cue.text
            shown = shown.upper() if cue.kind in ("start", "stop") else shown
            shown = metrics.elidedText(shown, Qt.TextElideMode.ElideRight, self._theme.px(110))
            width = metrics.horizontalAdvance(shown) + 8
            x = max(plot.left(), min(plot.right() - width, self._x(plot, cue.t_ns) - 3))
            # Flags keep their time; one that would cover the flag before it becomes a mark.
            if x < taken:
                painter.setPen(QPen(self._theme.muted, 1))
                painter.drawLine(QPointF(x + 2, top + high), QPointF(x + 2, top + high + 4))
                continue
            taken = x + width + 1
            self._flag(painter, QRectF(x, top, width, high), cue.kind, shown)

    def _flag(self, painter: QPainter, box: QRectF, kind: str, text: str) -> None:
        theme = self._theme
        ground = {"start": theme.good, "stop": theme.act, "remind": theme.remind}.get(kind, theme.pressed)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)
        plain = kind not in ("start", "stop", "remind")
        painter.setPen(theme.text if plain else QColor("#0b0d10") if theme.dark else theme.on_accent)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _replies(self, painter: QPainter, plot: QRectF, base: float, view: HistoryView) -> None:
        width = max(1.5, plot.width() / 150 - 2)
        on_time: list[QRectF] = []
        late: list[QRectF] = []
        right, per_ns = plot.right() - width, plot.width() / SPAN_NS
        for reply in view.replies:
            x = right - (self._now_ns - reply.t_ns) * per_ns
            if x < plot.left():
                continue
            part = max(0.0, min(1.0, reply.latency_ns / LATE_NS))
            height = self._zoom * (23.0 if reply.late else 4 + 16 * part**0.7)
            (late if reply.late else on_time).append(QRectF(x, base - height, width, height))
        painter.setPen(Qt.PenStyle.NoPen)
        for bars, color in ((on_time, self._theme.turn), (late, self._theme.act)):
            painter.setBrush(color)
            painter.drawRects(bars)

    def _inner(self, painter: QPainter, plot: QRectF, y: float, view: HistoryView) -> None:
        if len(view.inner) < 2:
            return
        low, high = view.inner_range
        span = (high - low) or 1.0
        right, per_ns, left = plot.right(), plot.width() / SPAN_NS, plot.left()
        places = (
            (right - (self._now_ns - t) * per_ns, y + (0.5 - (v - low) / span) * 18 * self._zoom) for t, v in view.inner
        )
        points = [QPointF(x, v) for x, v in places if x >= left]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.accent, 1))
        painter.drawPolyline(QPolygonF(points))
