"""The last 30 seconds on one axis: you, what the model heard, the model, its replies, its own numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from tmlapp.core.event import SpeechHeard
from tmlapp.core.units import NS_PER_S
from tmlapp.live.history import BUCKET_NS, LATE_NS, SPAN_NS, HistoryView, Levels
from tmlapp.live.inner import picked
from tmlapp.ui.lane_rows import Row, Rows, place_rows
from tmlapp.ui.lanes_inner import (
    Canvas,
    draw_band,
    draw_cursor,
    draw_ducked,
    draw_heard,
    draw_moments,
    heard_at,
    heard_text,
    listens_meaning,
    listens_text,
)
from tmlapp.ui.signal_look import signal_meaning, signal_name
from tmlapp.ui.text import refusal_text, tr
from tmlapp.ui.theme import Theme, font

HEIGHT_PX = 204
"""The usual height; in a smaller window the least needed rows are left out."""

_LABELS_PX = 84.0
_STEP_PX = 3.0
_RIGHT_PX = 12.0
_QUIETEST = 0.004


class Lanes(QWidget):
    """Draws a `HistoryView`; redrawn by whoever sets a new one. Under the pointer each row says its value."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._view: HistoryView | None = None
        self._now_ns = 0
        self._pointer: float | None = None
        self.setFixedHeight(theme.px(HEIGHT_PX))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName(tr("Last 30 seconds"))
        self._describe()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(892, self.height())

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_view(self, view: HistoryView | None, now_ns: int) -> None:
        """Draw `view`, whose right edge is session time `now_ns`; None draws the empty state."""
        heard = len(view.speech) if view else 0
        news = heard != (len(self._view.speech) if self._view else 0)
        self._view, self._now_ns = view, now_ns
        if news:
            self._describe()
        self.update()

    def rows(self) -> Rows:
        """Where the rows stand now."""
        view, text = self._view, QFontMetricsF(font(self._theme.font_small_px)).height()
        shown = picked(view.signals) if view else ()
        return place_rows(self.height(), text, hears=bool(view and view.listens), signals=len(shown))

    def hint(self, pos: QPointF) -> str:
        """What the row at `pos` means, or what was heard there."""
        view, rows = self._view, self.rows()
        if view is None:
            return ""
        for row, signal in zip(rows.bands, picked(view.signals), strict=False):
            if row.top <= pos.y() < row.bottom:
                return signal_meaning(signal.name)
        if rows.heard is not None and rows.heard.top <= pos.y() < rows.heard.bottom:
            plot = self._plot()
            heard = heard_at(self._canvas(None, plot), view.speech, pos.x()) if pos.x() >= plot.left() else None
            return listens_meaning(view.listens) if heard is None else _told(heard)
        if rows.model.top <= pos.y() < rows.model.bottom and view.ducked:
            return tr("Where the ground is tinted, the model speaks more quietly, by {db} dB: somebody speaks.").format(
                db=f"{abs(view.ducked[-1].gain_db):.0f}"
            )
        if rows.reply is not None and rows.reply.top <= pos.y() < rows.reply.bottom:
            return tr("reply: how long after a micro-turn its answer came; late ones are red and full height")
        return ""

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._point_at(event.position().x())

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        self._point_at(None)
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.hint(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def _point_at(self, x: float | None) -> None:
        plot = self._plot()
        self._pointer = x if x is not None and plot.left() <= x <= plot.right() else None
        self.update()

    def _describe(self) -> None:
        words = tr("Waveforms of you and the model, cues, reply latency, the model's own numbers")
        if self._view is not None and self._view.speech:
            last = self._view.speech[-1]
            words = f"{words}. {tr('Heard last')}: {_told(last)}"
        self.setAccessibleDescription(words)

    def _plot(self) -> QRectF:
        labels_px = self._theme.px(_LABELS_PX)
        return QRectF(labels_px, 0, self.width() - 1 - labels_px - _RIGHT_PX, self.height() - 1)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, view = self._theme, self._view
        card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(theme.line)
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(card, theme.radius_card, theme.radius_card)
        plot, rows = self._plot(), self.rows()
        shown = picked(view.signals) if view else ()
        self._label(painter, rows.you, tr("you"))
        self._label(painter, rows.model, tr("model"))
        self._axis(painter, plot)
        for row in (rows.you, rows.model):
            painter.setPen(QPen(theme.turn, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(plot.left(), row.middle), QPointF(plot.right(), row.middle))
        if view is None:
            self._say_empty(painter, plot, rows)
            return
        canvas = Canvas(painter, plot, theme, self._now_ns)
        self._gaps(painter, plot, rows.you, view)
        self._you(painter, plot, rows.you, view)
        if rows.heard is not None:
            self._label(painter, rows.heard, listens_text(view.listens))
            draw_heard(canvas, rows.heard, view.speech)
        draw_moments(canvas, rows, view)
        for row, signal, color in zip(rows.bands, shown, theme.signals, strict=False):
            self._label(painter, row, signal_name(signal.name))
            draw_band(canvas, row, signal, color)
        draw_ducked(canvas, rows.model, view)
        self._model(painter, plot, rows, view)
        if rows.reply is not None:
            self._label(painter, rows.reply, tr("reply"))
            self._replies(painter, plot, rows.reply, view)
        if self._pointer is not None:
            draw_cursor(canvas, rows, view, shown, self._pointer)

    def _say_empty(self, painter: QPainter, plot: QRectF, rows: Rows) -> None:
        theme = self._theme
        painter.setPen(theme.muted)
        hint = tr("The last 30 seconds are drawn here once a session runs.")
        wide = QFontMetricsF(font(theme.font_px)).horizontalAdvance(hint) > plot.width()
        painter.setFont(font(theme.font_small_px if wide else theme.font_px))
        box = QRectF(plot.left(), rows.model.bottom, plot.width(), rows.axis.top - rows.model.bottom)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, hint)

    def _x(self, plot: QRectF, t_ns: int) -> float:
        return plot.right() - (self._now_ns - t_ns) / SPAN_NS * plot.width()

    def _label(self, painter: QPainter, row: Row, name: str) -> None:
        painter.setFont(font(self._theme.font_small_px))
        painter.setPen(self._theme.muted)
        metrics = QFontMetricsF(painter.font())
        width = self._theme.px(_LABELS_PX) - 18
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, width - 2)
        box = QRectF(8, row.middle - metrics.height() / 2, width, metrics.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, shown)

    def _axis(self, painter: QPainter, plot: QRectF) -> None:
        painter.setFont(font(self._theme.font_small_px - 1))
        painter.setPen(self._theme.faint)
        for seconds in (30, 20, 10, 0):
            x = plot.right() - seconds * NS_PER_S / SPAN_NS * plot.width()
            text = tr("now") if seconds == 0 else f"−{seconds} s"
            width = QFontMetricsF(painter.font()).horizontalAdvance(text)
            left = x if seconds == 30 else x - width if seconds == 0 else x - width / 2
            painter.drawText(QPointF(left, plot.bottom() - 7), text)

    def _gaps(self, painter: QPainter, plot: QRectF, row: Row, view: HistoryView) -> None:
        for gap in view.gaps:
            if gap.track == "mic":
                left = max(plot.left(), self._x(plot, gap.t_ns))
                right = min(plot.right(), self._x(plot, gap.t_ns + gap.dur_ns))
                color = QColor(self._theme.turn if gap.kind in ("muted", "paused") else self._theme.act)
                color.setAlpha(90)
                painter.fillRect(QRectF(left, row.top, max(2.0, right - left), row.high), color)

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

    def _you(self, painter: QPainter, plot: QRectF, row: Row, view: HistoryView) -> None:
        y, half = row.middle, 0.64 * row.high
        soft = QColor(self._theme.you)
        soft.setAlpha(110)
        painter.setPen(QPen(soft, 1.6))
        self._bars(painter, plot, y, view.mic_t_ns, np.where(view.voice, np.float32(0), view.mic), half)
        painter.setPen(QPen(self._theme.you, 1.6))
        self._bars(painter, plot, y, view.mic_t_ns, np.where(view.voice, view.mic, np.float32(0)), half)

    def _model(self, painter: QPainter, plot: QRectF, rows: Rows, view: HistoryView) -> None:
        painter.setPen(QPen(self._theme.model, 1.6))
        for spoken in view.spoken:
            self._bars(painter, plot, rows.model.middle, spoken.t_ns, spoken.levels, 0.54 * rows.model.high)
        face = font(self._theme.font_small_px, weight=QFont.Weight.DemiBold)
        metrics = QFontMetricsF(face)
        painter.setFont(face)
        high, top = metrics.height() + 1, rows.flags.top
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

    def _replies(self, painter: QPainter, plot: QRectF, row: Row, view: HistoryView) -> None:
        width = max(1.5, plot.width() / 150 - 2)
        on_time: list[QRectF] = []
        late: list[QRectF] = []
        right, per_ns = plot.right() - width, plot.width() / SPAN_NS
        for reply in view.replies:
            x = right - (self._now_ns - reply.t_ns) * per_ns
            if x < plot.left():
                continue
            part = max(0.0, min(1.0, reply.latency_ns / LATE_NS))
            height = row.high - 2 if reply.late else 3 + (row.high - 8) * part**0.7
            (late if reply.late else on_time).append(QRectF(x, row.bottom - 1 - height, width, height))
        painter.setPen(Qt.PenStyle.NoPen)
        for bars, color in ((on_time, self._theme.turn), (late, self._theme.act)):
            painter.setBrush(color)
            painter.drawRects(bars)

    def _canvas(self, painter: QPainter | None, plot: QRectF) -> Canvas:
        return Canvas(painter or QPainter(), plot, self._theme, self._now_ns)


def _told(heard: SpeechHeard) -> str:
    reason = refusal_text(heard.reason)
    return f"{heard_text(heard)}. {reason}" if reason else heard_text(heard)
