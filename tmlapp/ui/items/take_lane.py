"""The take as it is drawn: waveform with windows and cues over it, and the words below."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QPen
from PySide6.QtWidgets import QApplication

from tmlapp.bench.authoring.model import RATE_HZ, Expectation, Span, Take, UserWord
from tmlapp.core.units import NS_PER_S
from tmlapp.ui.items.model import Edge
from tmlapp.ui.text import tr
from tmlapp.ui.theme import font
from tmlapp.ui.timeline.lane import Lane, Plot, faded
from tmlapp.ui.timeline.wave import WaveLane

SAMPLE_NS = NS_PER_S // RATE_HZ
_GRIP_PX = 6.0


def ns(samples: int) -> int:
    """Time of a sample; exact at 16 kHz."""
    return samples * SAMPLE_NS


def sample_at(t_ns: float) -> int:
    """The sample nearest to a time."""
    return round(t_ns / SAMPLE_NS)


@dataclass(frozen=True, slots=True)
class Held:
    """An edge in a person's hand."""

    name: str
    edge: Edge


class TakeWave(WaveLane):
    """Waveform with what is expected in it; edges of windows can be drawn.

    Signals:
        dragged (expectation, edge, sample, free, final): `free` with Alt: without snapping.
        touched (expectation, edge): it was clicked.
    """

    dragged = Signal(str, str, int, bool, bool)
    touched = Signal(str, str)

    def __init__(self) -> None:
        super().__init__("wave", tr("take"), role="you", height_px=120, stretch=3)
        self.take: Take | None = None
        self.current = ""
        self.edge: Edge = "window"
        self._held: Held | None = None
        self._moved: Span | None = None

    def show_take(self, take: Take | None) -> None:
        """Draw the expectations of `take`."""
        self.take = take
        if self._held is None:
            self._moved = None
        self.changed.emit()

    def show_chosen(self, name: str, edge: Edge) -> None:
        if (name, edge) != (self.current, self.edge):
            self.current, self.edge = name, edge
            self.changed.emit()

    # ------------------------------------------------------------------ drawing

    def draw(self, plot: Plot) -> None:
        plot.painter.save()
        plot.painter.setClipRect(plot.rect)
        for value in self._values():
            self._ground(plot, value)
        plot.painter.restore()
        super().draw(plot)
        plot.painter.save()
        plot.painter.setClipRect(plot.rect.adjusted(-2, 0, 2, 0))
        self._talk(plot)
        for value in self._values():
            self._frame(plot, value)
        plot.painter.restore()

    def _values(self) -> list[Expectation]:
        """The chosen one last, over the others."""
        found = list(self.take.expectations) if self.take is not None else []
        return sorted(found, key=lambda e: e.id == self.current)

    def _span_of(self, value: Expectation) -> Span:
        return self._moved if self._moved and self._held and self._held.name == value.id else value.window

    def _box(self, plot: Plot, span: Span) -> QRectF:
        left, right = plot.x(ns(span.t0)), plot.x(ns(span.t1))
        return QRectF(left, plot.rect.top() + 4, max(1.5, right - left), plot.rect.height() - 8)

    def _ground(self, plot: Plot, value: Expectation) -> None:
        chosen = value.id == self.current
        plot.painter.fillRect(self._box(plot, self._span_of(value)), faded(plot.theme.remind, 46 if chosen else 22))
        plot.painter.fillRect(self._box(plot, value.cue), faded(plot.theme.notice, 78 if chosen else 40))

    def _frame(self, plot: Plot, value: Expectation) -> None:
        painter, theme = plot.painter, plot.theme
        chosen = value.id == self.current
        box = self._box(plot, self._span_of(value))
        color = theme.remind if chosen else faded(theme.remind, 120)
        for edge, x in (("t0", box.left()), ("t1", box.right())):
            picked = chosen and self.edge in (edge, "window")
            painter.setPen(QPen(color, 3 if picked and self.edge == edge else 2 if chosen else 1))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            if chosen and self.edge == edge:
                # A grip shows without colour which edge the arrow keys move.
                painter.setBrush(color)
                painter.drawRoundedRect(QRectF(x - 4, box.center().y() - 12, 8, 24), 3, 3)
        painter.setFont(font(theme.font_small_px, weight=QFont.Weight.DemiBold))
        metrics = QFontMetricsF(painter.font())
        text = tr("{id} · window").format(id=value.id)
        if metrics.horizontalAdvance(text) > box.width() - 8:
            text = value.id
        painter.setPen(theme.remind)
        self._label(plot, QPointF(box.left() + 6, box.top() + metrics.ascent() + 3), text)

    def _talk(self, plot: Plot) -> None:
        """Where the instruction is said, and where the user asks to stop."""
        take, painter, theme = self.take, plot.painter, plot.theme
        if take is None:
            return
        painter.setFont(font(theme.font_small_px))
        metrics = QFontMetricsF(painter.font())
        foot = plot.rect.bottom() - 5
        if take.instruction is not None:
            left, right = plot.x(ns(take.instruction.t0)), plot.x(ns(take.instruction.t1))
            painter.setPen(QPen(theme.muted, 2))
            painter.drawLine(QPointF(left, foot), QPointF(right, foot))
            for x in (left, right):
                painter.drawLine(QPointF(x, foot - 5), QPointF(x, foot))
            if right - left > 60:
                shown = metrics.elidedText(tr("instruction"), Qt.TextElideMode.ElideRight, right - left - 8)
                self._label(plot, QPointF(left + 6, foot - 6), shown)
        if take.stop is not None:
            x = plot.x(ns(take.stop))
            painter.setPen(QPen(theme.act, 1.5, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, plot.rect.top() + 4), QPointF(x, plot.rect.bottom() - 4))
            self._label(plot, QPointF(x + 5, plot.rect.bottom() - 8), tr("stop"))

    def _label(self, plot: Plot, at: QPointF, text: str) -> None:
        """Write `text` from `at` on, on a plate: a loud voice reaches behind it."""
        painter = plot.painter
        pen, metrics = painter.pen(), QFontMetricsF(painter.font())
        plate = QRectF(at.x() - 3, at.y() - metrics.ascent() - 1, metrics.horizontalAdvance(text) + 6, metrics.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(plot.theme.surface, 215))
        painter.drawRoundedRect(plate, 3, 3)
        painter.setPen(pen)
        painter.drawText(at, text)

    # ------------------------------------------------------------------ pointer

    def grip(self, plot: Plot, pos: QPointF) -> Held | None:
        """The edge under the pointer; the chosen window's comes first."""
        near: list[tuple[float, bool, Held]] = []
        edges: tuple[tuple[Edge, str], ...] = (("t0", "t0"), ("t1", "t1"))
        for value in self._values():
            for edge, member in edges:
                away = abs(plot.x(ns(getattr(value.window, member))) - pos.x())
                if away <= _GRIP_PX:
                    near.append((away, value.id != self.current, Held(value.id, edge)))
        return min(near, key=lambda n: (n[1], n[0]))[2] if near else None

    def press(self, plot: Plot, pos: QPointF) -> bool:
        self._held = self.grip(plot, pos)
        if self._held is not None:
            self.touched.emit(self._held.name, self._held.edge)
        return self._held is not None

    def drag(self, plot: Plot, pos: QPointF, *, final: bool) -> None:
        held = self._held
        if held is None:
            return
        free = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.AltModifier)
        at = sample_at(plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width()))
        if final:
            self._held = self._moved = None
        self.dragged.emit(held.name, held.edge, at, free, final)

    def show_moved(self, window: Span) -> None:
        """Where the window is while an edge of it is in a hand."""
        self._moved = window
        self.changed.emit()

    def click(self, plot: Plot, pos: QPointF) -> bool:
        at = sample_at(plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width()))
        over = [v for v in self._values() if v.window.t0 <= at <= v.window.t1]
        if over and self.current not in [v.id for v in over]:
            self.touched.emit(over[-1].id, "window")
        return False

    def cursor_shape(self, plot: Plot, pos: QPointF) -> Qt.CursorShape | None:
        return Qt.CursorShape.SizeHorCursor if self.grip(plot, pos) else None


_DOT = "·"


def _word_face(plot: Plot, cue: bool) -> QFont:
    return font(plot.theme.font_small_px, weight=QFont.Weight.DemiBold if cue else QFont.Weight.Normal)


class WordsLane(Lane):
    """What the user says, word by word; words of a cue stand out."""

    def __init__(self) -> None:
        super().__init__("words", tr("words"), height_px=30)
        self.take: Take | None = None
        self.empty = ""

    def show_take(self, take: Take | None, empty: str) -> None:
        self.take, self.empty = take, empty
        self.changed.emit()

    def draw(self, plot: Plot) -> None:
        painter, theme, take = plot.painter, plot.theme, self.take
        if take is None:
            return
        painter.setFont(font(theme.font_small_px))
        metrics = QFontMetricsF(painter.font())
        y = plot.rect.center().y() + (metrics.ascent() - metrics.descent()) / 2 + 2
        if not take.user_words:
            painter.setPen(theme.faint)
            painter.drawText(QPointF(plot.rect.left(), y), self.empty)
            return
        for left, text, cue in self.placed(plot, take):
            painter.setFont(_word_face(plot, cue))
            painter.setPen(theme.notice if cue else theme.muted if text != _DOT else theme.faint)
            painter.drawText(QPointF(left, y), text)

    def placed(self, plot: Plot, take: Take) -> list[tuple[float, str, bool]]:
        """Where which word stands, and whether a cue is in it; a dot for a word without room.

        Words of cues have their place first, the others as they come.
        """
        cues = [e.cue for e in take.expectations if e.cue.t1 > e.cue.t0]
        words = [(any(w.span.overlaps(c) for c in cues), w) for w in take.user_words]
        whole = {cue: QFontMetricsF(_word_face(plot, cue)) for cue in (True, False)}
        taken: list[tuple[float, float]] = []
        found: list[tuple[float, str, bool]] = []
        left_over: list[UserWord] = []

        def place(middle: float, text: str, cue: bool, gap: float) -> bool:
            width = whole[cue].horizontalAdvance(text)
            left = min(max(middle - width / 2, plot.rect.left()), plot.rect.right() - width)
            if any(left < b + gap and left + width + gap > a for a, b in taken):
                return False
            taken.append((left, left + width))
            found.append((left, text, cue))
            return True

        for cue, word in sorted(words, key=lambda w: not w[0]):
            middle = (plot.x(ns(word.span.t0)) + plot.x(ns(word.span.t1))) / 2
            if plot.rect.left() <= middle <= plot.rect.right() and not place(middle, word.text, cue, 5):
                left_over.append(word)
        for word in left_over:
            place((plot.x(ns(word.span.t0)) + plot.x(ns(word.span.t1))) / 2, _DOT, False, 2)
        return found

    def hint(self, plot: Plot, pos: QPointF) -> str:
        at = sample_at(plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width()))
        words = self.take.user_words if self.take is not None else ()
        return next((w.text for w in words if w.span.t0 <= at <= w.span.t1), "")
