"""The widget that holds the lanes: draws them on one axis, and turns pointer and keys into looking and seeking."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.gestures import Gestures
from tmlapp.ui.timeline.lane import HIGHER, LEAST_SCALE, MOST_SCALE, Lane, Plot, Ruler, faded, role_color
from tmlapp.ui.timeline.lane_menu import lane_menu
from tmlapp.ui.timeline.order import Arranged, arranged
from tmlapp.ui.timeline.spans import SpansLane

LABELS_PX = 112.0
_RIGHT_PX = 12.0
_KEY_ZOOM = 1.6
_PAGE = 0.8
_STEP = 0.02
_CLOSER, _FURTHER = (Qt.Key.Key_Plus, Qt.Key.Key_Equal), (Qt.Key.Key_Minus, Qt.Key.Key_Underscore)


class TimelineView(QWidget):
    """Lanes below each other, over one `TimeAxis`.

    Wheel zooms at the pointer (Shift: moves), dragging moves, a click seeks; Tab goes from lane to lane, Alt+Up and
    Alt+Down move the lane, Alt+Plus and Alt+Minus make it higher and lower, its menu (menu key, right button) does all
    of it.

    Signals:
        lane_focused (key): a lane has the keyboard now.
        lanes_changed: a person has hidden, shown, moved or scaled a lane (see `arrangement`).
    """

    lane_focused = Signal(str)
    lanes_changed = Signal()

    def __init__(self, axis: TimeAxis, theme: Theme, *, card: bool = True, labels: bool = True) -> None:
        super().__init__()
        self.axis = axis
        self.theme = theme
        self.ruler = Ruler()
        self.focused: Lane | None = None
        self._lanes: list[Lane] = []
        self._card, self._labels = card, labels
        self._still: QPixmap | None = None
        self._stale = True
        self._scroll = 0.0
        self._gestures = Gestures(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Timeline"))
        axis.view_changed.connect(self.refresh)
        axis.cursor_changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(880, round(sum(self._heights(0.0)) + 16))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(320, 120)

    # ------------------------------------------------------------------ lanes

    def set_lanes(self, lanes: Sequence[Lane]) -> None:
        """Show these, from top to bottom."""
        for lane in self._lanes:
            lane.changed.disconnect(self.refresh)
        self._lanes = list(lanes)
        for lane in self._lanes:
            lane.changed.connect(self.refresh)
        self.focused = None
        self.updateGeometry()
        self.refresh()

    @property
    def lanes(self) -> list[Lane]:
        """All lanes in their order, hidden and absent ones as well."""
        return list(self._lanes)

    @property
    def shown(self) -> list[Lane]:
        return [lane for lane in self._lanes if not (lane.hidden or lane.absent)]

    def lane(self, key: str) -> Lane:
        """The lane `key`."""
        return next(lane for lane in self._lanes if lane.key == key)

    def hide_lane(self, key: str, hidden: bool = True) -> None:
        """Take a lane away, or bring it back."""
        self.lane(key).hidden = hidden
        if self.focused is not None and self.focused.hidden:
            self.focus_lane(None)
        self._arranged()

    def move_lane(self, key: str, by: int) -> None:
        """Move a lane up (negative) or down among those that are shown."""
        shown = self.shown
        lane = self.lane(key)
        place = shown.index(lane) + by if lane in shown else -1
        if 0 <= place < len(shown):
            other = self._lanes.index(shown[place])
            self._lanes.remove(lane)
            self._lanes.insert(other, lane)
            self._arranged()

    def scale_lane(self, key: str, factor: float) -> None:
        """Make a lane higher or lower than it is."""
        lane = self.lane(key)
        lane.scale = min(max(LEAST_SCALE, lane.scale * factor), MOST_SCALE)
        self._arranged()

    def arrangement(self) -> list[Arranged]:
        """Keys in order, each with whether it is hidden and how high it is; for `arrange` the next time."""
        return [(lane.key, lane.hidden, lane.scale) for lane in self._lanes]

    def arrange(self, order: Sequence[Arranged]) -> None:
        """Bring lanes into an order that was remembered; one that it does not know stays below the one above it."""
        self._lanes = arranged(self._lanes, order)
        self._arranged()

    def focus_lane(self, lane: Lane | None) -> None:
        """Give the keyboard to a lane; None: to the timeline as a whole."""
        self.focused = lane
        if lane is not None:
            top, height = next((t, h) for known, t, h in self.places() if known is lane)
            self._scroll_to(top, height)
            self.setAccessibleDescription(lane.describe(self.axis))
            self.lane_focused.emit(lane.key)
        self.refresh()

    def _arranged(self) -> None:
        self.updateGeometry()
        self.refresh()
        self.lanes_changed.emit()

    # ------------------------------------------------------------------ places

    def plot_rect(self) -> QRectF:
        """Where time runs, over the whole height."""
        left = (self.theme.px(LABELS_PX) if self._labels else 0.0) + (0.0 if not self._card or self._labels else 12.0)
        right = self.width() - (_RIGHT_PX if self._card else 0.0)
        return QRectF(left, 0, max(1.0, right - left), self.height())

    def places(self) -> list[tuple[Lane, float, float]]:
        """Lanes that are shown, with top and height in the widget; the ruler is the first and never moves."""
        heights = self._heights(self.height() - 8.0)
        found: list[tuple[Lane, float, float]] = [(self.ruler, 2.0, heights[0])]
        y = 2.0 + heights[0] - self._scroll
        for lane, height in zip(self.shown, heights[1:], strict=True):
            found.append((lane, y, height))
            y += height
        return found

    def _heights(self, room: float) -> list[float]:
        lanes = [self.ruler, *self.shown]
        heights = [self.theme.px(lane.wanted_px) * 1.0 for lane in lanes]
        spare, parts = room - sum(heights), sum(lane.stretch for lane in lanes)
        if spare > 0 and parts:
            heights = [
                h + min(spare * lane.stretch / parts, h * 3.0 * lane.stretch)
                for h, lane in zip(heights, lanes, strict=True)
            ]
        return heights

    def plot_of(self, lane: Lane, painter: QPainter | None = None) -> Plot:
        """Where and how `lane` is drawn."""
        top, height = next((t, h) for known, t, h in self.places() if known is lane)
        area = self.plot_rect()
        rect = QRectF(area.left(), top, area.width(), height)
        return Plot(painter or QPainter(), rect, self.axis, self.theme, lane is self.focused)

    def lane_at(self, y: float) -> Lane | None:
        """The lane (or ruler) at this height."""
        if y < 2.0 + self._heights(self.height() - 8.0)[0]:
            return self.ruler
        return next((lane for lane, top, height in self.places()[1:] if top <= y < top + height), None)

    def scroll_by(self, pixels: float) -> None:
        """Move the lanes up where they do not all fit."""
        heights = self._heights(self.height() - 8.0)
        most = max(0.0, sum(heights) + 8 - self.height())
        self._scroll = min(max(0.0, self._scroll + pixels), most)
        self.refresh()

    def _scroll_to(self, top: float, height: float) -> None:
        ruler = 2.0 + self._heights(self.height() - 8.0)[0]
        if top < ruler:
            self.scroll_by(top - ruler)
        elif top + height > self.height() - 4:
            self.scroll_by(top + height - self.height() + 4)

    # ------------------------------------------------------------------ drawing

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.updateGeometry()
        self.refresh()

    def refresh(self) -> None:
        """Draw everything anew; a moving cursor needs no more than `update`."""
        self._stale = True
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        still = self._picture()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, still)
        area = self.plot_rect()
        x = area.left() + self.axis.x_of(self.axis.cursor_ns, area.width())
        if area.left() - 1 <= x <= area.right() + 1:
            painter.fillRect(QRectF(x - 0.75, 1, 1.5, self.height() - 2), self.theme.accent)
            places = self.places()
            painter.setClipRect(QRectF(0, 2 + places[0][2], self.width(), self.height() - 3 - places[0][2]))
            for lane, top, high in places[1:]:
                lane.draw_cursor(Plot(painter, QRectF(area.left(), top, area.width(), high), self.axis, self.theme))
        painter.end()

    def _picture(self) -> QPixmap:
        """Everything but the cursor, drawn only when it has changed."""
        ratio = self.devicePixelRatioF()
        if self._still is None or self._stale or self._still.devicePixelRatio() != ratio:
            # A lane may find while it draws that it has to be drawn again.
            self._stale = False
            still = QPixmap(self.size() * ratio)
            still.setDevicePixelRatio(ratio)
            still.fill(Qt.GlobalColor.transparent)
            painter = QPainter(still)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw(painter)
            painter.end()
            self._still = still
        return self._still

    def _draw(self, painter: QPainter) -> None:
        theme = self.theme
        if self._card:
            painter.setPen(theme.line)
            painter.setBrush(theme.surface)
            card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(card, theme.radius_card, theme.radius_card)
        ruler_end = 2.0 + self._heights(self.height() - 8.0)[0]
        for place, (lane, top, height) in enumerate(self.places()):
            painter.save()
            if place:
                painter.setClipRect(QRectF(0, ruler_end, self.width(), self.height() - ruler_end - 1))
            self._draw_label(painter, lane, top, height)
            lane.draw(self.plot_of(lane, painter))
            painter.setPen(QPen(theme.line, 1))
            left = 12.0 if self._card else 0.0
            painter.drawLine(QPointF(left, top + height - 0.5), QPointF(self.plot_rect().right(), top + height - 0.5))
            painter.restore()
        painter.setClipRect(QRectF(0, ruler_end, self.width(), self.height() - ruler_end - 1))
        self._draw_bands(painter, ruler_end)

    def _draw_label(self, painter: QPainter, lane: Lane, top: float, height: float) -> None:
        if not self._labels or not lane.title:
            return
        focused = lane is self.focused and self.hasFocus()
        painter.setFont(font(self.theme.font_small_px))
        painter.setPen(self.theme.text if focused else self.theme.muted)
        room = self.plot_rect().left() - 20
        if focused:
            painter.fillRect(QRectF(4, top + 4, 3, height - 9), self.theme.accent)
        text = QFontMetricsF(painter.font()).elidedText(lane.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(12, top, room, height), Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_bands(self, painter: QPainter, top: float) -> None:
        area = self.plot_rect()
        for lane in self.shown:
            if not isinstance(lane, SpansLane) or not lane.bands:
                continue
            for span in lane.spans:
                current = span.key == lane.current
                left, right = (area.left() + self.axis.x_of(t, area.width()) for t in (span.start_ns, span.end_ns))
                if right < area.left() or left > area.right():
                    continue
                color = role_color(self.theme, span.role)
                box = QRectF(left, top, right - left, self.height() - top - 2).intersected(area)
                painter.fillRect(box, faded(color, 46 if current else 20))
                painter.setPen(QPen(faded(color, 255 if current else 130), 2 if current else 1))
                for x in (left, right):
                    if area.left() <= x <= area.right():
                        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))

    # ------------------------------------------------------------------ pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._gestures.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._gestures.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._gestures.release(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        self._gestures.wheel(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        lane = self.focused if by_key else self.lane_at(event.pos().y())
        lane_menu(self, None if lane is self.ruler else lane).popup(event.globalPos())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            lane = self.lane_at(event.pos().y())
            text = lane.hint(self.plot_of(lane), QPointF(event.pos())) if lane is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.scroll_by(0)

    # ------------------------------------------------------------------ keys

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self.refresh()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusOutEvent(event)
        self.refresh()

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's name
        shown = self.shown
        places: list[Lane | None] = [None, *shown]
        place = places.index(self.focused if self.focused in shown else None) + (1 if forward else -1)
        if 0 <= place < len(places):
            self.focus_lane(places[place])
            return True
        # Past the last lane the focus goes on to what follows the timeline.
        self.focus_lane(None)
        return super().focusNextPrevChild(forward)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        key, modifiers = event.key(), event.modifiers()
        lane = self.focused
        alt = bool(modifiers & Qt.KeyboardModifier.AltModifier)
        if lane is not None and alt and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.move_lane(lane.key, -1 if key == Qt.Key.Key_Up else 1)
        elif lane is not None and alt and key in (*_CLOSER, *_FURTHER):
            self.scale_lane(lane.key, HIGHER if key in _CLOSER else 1 / HIGHER)
        elif lane is not None and lane.key_press(key, modifiers, self.axis):
            self.setAccessibleDescription(lane.describe(self.axis))
        elif not self._look(key, modifiers):
            super().keyPressEvent(event)

    def _look(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        axis = self.axis
        far = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        if key in _CLOSER:
            axis.zoom(_KEY_ZOOM)
        elif key in _FURTHER:
            axis.zoom(1 / _KEY_ZOOM)
        elif key == Qt.Key.Key_0:
            axis.show_all()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            sign = 1 if key == Qt.Key.Key_Right else -1
            axis.seek(axis.cursor_ns + sign * axis.span_ns * _STEP * (5 if far else 1))
            axis.reveal(axis.cursor_ns)
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            axis.pan((1 if key == Qt.Key.Key_PageDown else -1) * axis.span_ns * _PAGE)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self.shown:
            shown = self.shown
            place = shown.index(self.focused) if self.focused in shown else -1
            place += 1 if key == Qt.Key.Key_Down else -1
            self.focus_lane(shown[min(max(place, 0), len(shown) - 1)])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            axis.seek(0 if key == Qt.Key.Key_Home else axis.duration_ns)
            axis.reveal(axis.cursor_ns)
        else:
            return False
        return True
