"""Paints what goes on inside the model: what it heard, its own numbers, the moments at which it spoke, the cursor."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from tmlapp.core.event import SpeechHeard
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.live.history import SPAN_NS, HistoryView
from tmlapp.live.inner import Signal
from tmlapp.ui.lane_rows import Row, Rows
from tmlapp.ui.signal_look import draw_signal, draw_tag, value_text
from tmlapp.ui.text import ms_text, tr
from tmlapp.ui.theme import Theme, font

_APART_PX = 10.0
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where and when the lanes are painted; `rect` is the plot, whose right edge is session time `now_ns`."""

    painter: QPainter
    rect: QRectF
    theme: Theme
    now_ns: int

    def x(self, t_ns: float) -> float:
        return self.rect.right() - (self.now_ns - t_ns) / SPAN_NS * self.rect.width()

    def t(self, x: float) -> float:
        """Session time at `x`."""
        return self.now_ns - (self.rect.right() - x) / self.rect.width() * SPAN_NS


def listens_text(listens: str) -> str:
    """What the model listens for, as short as the label of a row."""
    return {
        "commands": tr("hears all"),
        "stop": tr("hears stop"),
        "paused": tr("hears go on"),
    }.get(listens, tr("hears"))


def listens_meaning(listens: str) -> str:
    """The same in a sentence."""
    return {
        "commands": tr("The model listens for instructions."),
        "stop": tr("A task runs: the model listens for “stop” and “pause” only."),
        "paused": tr("Paused: the model listens for “go on” and “stop” only."),
    }.get(listens, "")


def heard_text(heard: SpeechHeard) -> str:
    """What was heard, in quotation marks; never a guess."""
    return f"“{heard.text}”" if heard.accepted else tr("did not understand")


def draw_heard(canvas: Canvas, row: Row, speech: tuple[SpeechHeard, ...]) -> None:
    """Each stretch of speech as a line where it was, with its words; a broken line where they were not taken."""
    painter, theme, rect = canvas.painter, canvas.theme, canvas.rect
    base = row.bottom - 2.5
    ends = rect.right()
    # From the newest back: words that have just been heard would run out of the picture, so they end where it ends.
    for number, heard in reversed(list(enumerate(speech))):
        left, right = max(rect.left(), canvas.x(heard.from_ns)), min(rect.right(), canvas.x(heard.to_ns))
        if right < rect.left():
            break
        painter.setPen(QPen(theme.you if heard.accepted else theme.muted, 2, _DASHES[not heard.accepted]))
        painter.drawLine(QPointF(left, base), QPointF(max(right, left + 3), base))
        face = font(theme.font_small_px, weight=QFont.Weight.DemiBold if heard.accepted else QFont.Weight.Normal)
        metrics = QFontMetricsF(face)
        text = f"{'✓' if heard.accepted else '?'} {heard_text(heard)}"
        before = canvas.x(speech[number - 1].to_ns) + _APART_PX if number else rect.left()
        start = min(left, max(rect.left(), before, ends - metrics.horizontalAdvance(text) - 1))
        if ends - start >= metrics.horizontalAdvance("mm"):
            painter.setFont(face)
            painter.setPen(theme.text if heard.accepted else theme.muted)
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, ends - start)
            box = QRectF(start, row.top, ends - start + 1, base - 1.5 - row.top)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)
        ends = start - _APART_PX


def heard_at(canvas: Canvas, speech: tuple[SpeechHeard, ...], x: float) -> SpeechHeard | None:
    """The stretch of speech at `x`, or the last one before it, whose words stand there."""
    before = [h for h in speech if canvas.x(h.from_ns) <= x + 2]
    return before[-1] if before else (speech[-1] if speech else None)


def draw_ducked(canvas: Canvas, row: Row, view: HistoryView) -> None:
    """The ground behind the model's voice where it is lowered, with an arrow down before it."""
    painter, theme, rect = canvas.painter, canvas.theme, canvas.rect
    ground = QColor(theme.model)
    ground.setAlpha(46)
    metrics = QFontMetricsF(font(theme.font_small_px))
    for lowered in view.ducked:
        left = max(rect.left(), canvas.x(lowered.t_ns))
        right = rect.right() if lowered.end_ns is None else min(rect.right(), canvas.x(lowered.end_ns))
        if right <= rect.left():
            continue
        painter.fillRect(QRectF(left, row.top, max(2.0, right - left), row.high), ground)
        painter.setFont(font(theme.font_small_px))
        painter.setPen(theme.muted)
        painter.drawText(QPointF(max(rect.left(), left - metrics.horizontalAdvance("↓") - 1), row.bottom - 2), "↓")


def draw_moments(canvas: Canvas, rows: Rows, view: HistoryView) -> None:
    """A line through the model's numbers wherever it said something of its own accord."""
    if not rows.bands:
        return
    color = QColor(canvas.theme.model)
    color.setAlpha(120)
    canvas.painter.setPen(QPen(color, 1))
    top, bottom = rows.bands[0].top, rows.bands[-1].bottom
    places = [canvas.x(cue.t_ns) for cue in view.cues]
    canvas.painter.drawLines([QLineF(x, top, x, bottom) for x in places if canvas.rect.left() <= x])


def draw_band(canvas: Canvas, row: Row, signal: Signal, color: QColor) -> None:
    """One signal as a line on its own ground."""
    rect = canvas.rect
    # A value belongs to its whole micro-turn; the line goes through the ends, which are what it was computed from.
    x = rect.right() - (canvas.now_ns - signal.t_ns) / SPAN_NS * rect.width()
    kept = x >= rect.left()
    band = QRectF(rect.left(), row.top, rect.width(), row.high)
    draw_signal(canvas.painter, canvas.theme, band, color, x[kept], signal.shares[kept])


def draw_cursor(canvas: Canvas, rows: Rows, view: HistoryView, shown: tuple[Signal, ...], x: float) -> None:
    """A line at the pointer, and beside it what each row says there."""
    painter, theme, rect = canvas.painter, canvas.theme, canvas.rect
    painter.setPen(QPen(theme.text, 1))
    painter.drawLine(QPointF(x, rows.you.top), QPointF(x, rows.axis.top))
    t_ns = canvas.t(x)
    values = [(row, signal.at(t_ns)) for row, signal in zip(rows.bands, shown, strict=False)]
    for row, value in values:
        if value is not None:
            _tag(canvas, x, row.middle, value_text(value))
    if rows.reply is not None:
        reply = next((r for r in view.replies if 0 <= r.t_ns - t_ns <= TURN_NS), None)
        if reply is not None:
            _tag(canvas, x, rows.reply.middle, f"{ms_text(reply.latency_ns / 1e6)} ms")
    past = max(0.0, rect.right() - x) / rect.width() * SPAN_NS / NS_PER_S
    _tag(canvas, x, rows.axis.middle, f"−{past:.1f} s")


def _tag(canvas: Canvas, x: float, y: float, text: str) -> None:
    draw_tag(canvas.painter, canvas.theme, canvas.rect.right(), QPointF(x, y), text)
