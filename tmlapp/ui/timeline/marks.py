"""Points in time: flags with a label, bars with a height; and stretches where something is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPen

from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.ui.text import ms_text, tr
from tmlapp.ui.theme import font
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.lane import Lane, Plot, Role, role_color
from tmlapp.ui.timeline.spans import SpansLane

_BAR_PX = 3.0
_NEAR_PX = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Something at one moment; `symbol` says without colour what the role says with it."""

    t_ns: int
    label: str
    role: Role = "neutral"
    symbol: str = "⚑"
    key: str = ""
    hint: str = ""

    @property
    def text(self) -> str:
        return f"{self.symbol} {self.label}".strip()


class FlagsLane(Lane):
    """Flags at their time. One that would cover the flag before it becomes a mark; all keep their time."""

    def __init__(self, key: str, title: str, *, height_px: float = 30) -> None:
        super().__init__(key, title, height_px=height_px)
        self.flags: list[Flag] = []
        self._times: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def set_flags(self, flags: Iterable[Flag]) -> None:
        """Show these, in any order."""
        self.flags = sorted(flags, key=lambda f: f.t_ns)
        self._times = np.array([f.t_ns for f in self.flags], np.int64)
        self.changed.emit()

    @property
    def bare(self) -> bool:
        return not self.flags

    def draw(self, plot: Plot) -> None:
        painter, theme, rect = plot.painter, plot.theme, plot.rect
        if self.bare:
            self.draw_empty(plot)
            return
        painter.save()
        painter.setClipRect(rect)
        painter.setFont(font(theme.font_small_px))
        metrics = QFontMetricsF(painter.font())
        middle = rect.center().y() + (metrics.ascent() - metrics.descent()) / 2
        lead = plot.axis.t_of(-theme.px(140), rect.width())
        first, last = np.searchsorted(self._times, [lead, plot.axis.end_ns]).tolist()
        taken = -1e9
        # Of many on the same two pixels one is drawn.
        slots = ((self._times[first:last] - plot.axis.start_ns) / plot.axis.span_ns * rect.width() / 2).astype(np.int64)
        for index in (np.unique(slots, return_index=True)[1] + first).tolist():
            flag = self.flags[index]
            x = plot.x(flag.t_ns)
            painter.setPen(QPen(role_color(theme, flag.role), 1))
            if x < taken:
                painter.drawLine(QPointF(x, rect.bottom() - 6), QPointF(x, rect.bottom() - 2))
                continue
            following = plot.x(self.flags[index + 1].t_ns) if index + 1 < len(self.flags) else rect.right()
            room = min(float(theme.px(140)), max(following - x - 4, theme.px(22)))
            text = metrics.elidedText(flag.text, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(x + 3, middle), text)
            painter.drawLine(QPointF(x, rect.top() + 4), QPointF(x, rect.bottom() - 4))
            taken = x + 6 + metrics.horizontalAdvance(text)
        painter.restore()

    def nearest(self, t_ns: float, within_ns: float) -> Flag | None:
        """The flag closest to `t_ns`, if it is no further away."""
        near = min(self.flags, key=lambda f: abs(f.t_ns - t_ns), default=None)
        return near if near is not None and abs(near.t_ns - t_ns) <= within_ns else None

    def _at(self, plot: Plot, pos: QPointF) -> Flag | None:
        per_px = plot.axis.span_ns / max(1.0, plot.rect.width())
        t_ns = plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width())
        # The label stands at the right of its moment.
        before = self.nearest(t_ns, _NEAR_PX * per_px)
        if before is not None:
            return before
        place = int(np.searchsorted(self._times, t_ns)) - 1
        flag = self.flags[place] if place >= 0 else None
        return flag if flag is not None and t_ns - flag.t_ns <= 60 * per_px else None

    def click(self, plot: Plot, pos: QPointF) -> bool:
        flag = self._at(plot, pos)
        if flag is not None:
            plot.axis.seek(flag.t_ns)
        return flag is not None

    def hint(self, plot: Plot, pos: QPointF) -> str:
        flag = self._at(plot, pos)
        return "\n".join(t for t in (flag.text, f"{flag.t_ns / NS_PER_S:.2f} s", flag.hint) if t) if flag else ""

    def key_press(self, key: int, modifiers: Qt.KeyboardModifier, axis: TimeAxis) -> bool:
        """Left and right go to the flag before and after the cursor."""
        if modifiers & ~Qt.KeyboardModifier.KeypadModifier or not self.flags:
            return False
        if key == Qt.Key.Key_Right:
            place = int(np.searchsorted(self._times, axis.cursor_ns, side="right"))
        elif key == Qt.Key.Key_Left:
            place = int(np.searchsorted(self._times, axis.cursor_ns)) - 1
        else:
            return False
        if 0 <= place < len(self.flags):
            axis.reveal(self.flags[place].t_ns)
            axis.seek(self.flags[place].t_ns)
        return True

    def describe(self, axis: TimeAxis) -> str:
        here = self.nearest(axis.cursor_ns, 1)
        count = tr("{title}, {n} entries").format(title=self.title, n=len(self.flags))
        return f"{count}: {here.text}" if here else count


class BarsLane(Lane):
    """One bar for each of many values, as high as the value; late ones are red, full height, and have a tip."""

    def __init__(self, key: str, title: str, *, late_ns: int = 200 * NS_PER_MS, height_px: float = 38) -> None:
        super().__init__(key, title, height_px=height_px)
        self._late_ns = late_ns
        self._times: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._values: npt.NDArray[np.float64] = np.zeros(0)

    def set_values(self, times_ns: npt.ArrayLike, values_ns: npt.ArrayLike) -> None:
        """Show latencies `values_ns` at `times_ns`, which rise."""
        self._times = np.asarray(times_ns, np.int64)
        self._values = np.asarray(values_ns, np.float64)
        self.changed.emit()

    @property
    def bare(self) -> bool:
        return not len(self._times)

    def draw(self, plot: Plot) -> None:
        rect, axis = plot.rect, plot.axis
        if self.bare:
            self.draw_empty(plot)
            return
        first, last = np.searchsorted(self._times, [axis.start_ns - axis.span_ns * 0.01, axis.end_ns]).tolist()
        x = rect.left() + (self._times[first:last] - axis.start_ns) / axis.span_ns * rect.width()
        if not len(x):
            return
        slots = np.floor(x / _BAR_PX).astype(np.int64)
        starts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
        highest = np.maximum.reduceat(self._values[first:last], starts)
        # Bars wider than their distance hide it: then each stands at its own place.
        places = np.where(len(starts) == len(x), x[starts], slots[starts] * _BAR_PX)
        room, base = rect.height() - 10, rect.bottom() - 5
        late = highest > self._late_ns
        heights = np.where(late, room, 3 + (room - 8) * np.clip(highest / self._late_ns, 0, 1) ** 0.7)
        painter = plot.painter
        painter.save()
        painter.setClipRect(rect)
        painter.setPen(Qt.PenStyle.NoPen)
        for chosen, color in ((~late, plot.theme.turn), (late, plot.theme.act)):
            painter.setBrush(color)
            painter.drawRects(
                [QRectF(places[i], base - heights[i], _BAR_PX - 1, heights[i]) for i in np.flatnonzero(chosen).tolist()]
            )
        painter.setPen(QPen(plot.theme.act, 1.5))
        tips = [places[i] + 1 for i in np.flatnonzero(late).tolist()]
        painter.drawLines([QLineF(t - 2, base - room, t + 2, base - room) for t in tips])
        painter.restore()

    def hint(self, plot: Plot, pos: QPointF) -> str:
        if not len(self._times):
            return ""
        t_ns = plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width())
        place = int(np.clip(np.searchsorted(self._times, t_ns), 0, len(self._times) - 1))
        value = f"{ms_text(self._values[place] / NS_PER_MS)} ms"
        late = tr(" · late") if self._values[place] > self._late_ns else ""
        return f"{self._times[place] / NS_PER_S:.2f} s: {value}{late}"

    def describe(self, axis: TimeAxis) -> str:  # noqa: ARG002 - replies have no focus of their own
        late = int((self._values > self._late_ns).sum())
        return tr("{title}, {n} replies, {late} late").format(title=self.title, n=len(self._times), late=late)


class GapsLane(SpansLane):
    """Stretches that are missing; empty is good, and says so."""

    def __init__(self, key: str, title: str, *, height_px: float = 26) -> None:
        super().__init__(key, title, height_px=height_px)
        self.empty = tr("none")
