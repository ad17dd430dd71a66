"""What a pointer does over a timeline: drag moves, click seeks, wheel zooms where the pointer is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from tmlapp.ui.timeline.lane import Lane
from tmlapp.ui.timeline.spans import SpansLane

if TYPE_CHECKING:
    from tmlapp.ui.timeline.view import TimelineView

_MOVED_PX = 4.0
_WHEEL_STEP = 120.0
_WHEEL_ZOOM = 1.25
_PAN_PX = 80.0


class Gestures:
    """Follows one pointer from press to release."""

    def __init__(self, view: TimelineView) -> None:
        self._view = view
        self._lane: Lane | None = None
        self._from: QPointF | None = None
        self._taken = self._panned = self._labels = self._scrub = False
        self._view_from_ns = 0.0

    def press(self, event: QMouseEvent) -> None:
        view, pos = self._view, event.position()
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        self._from, self._panned = pos, False
        self._view_from_ns = view.axis.start_ns
        lane = view.lane_at(pos.y())
        self._labels = pos.x() < view.plot_rect().left() and lane is not view.ruler
        self._lane = lane
        self._scrub = lane is view.ruler and event.button() == Qt.MouseButton.LeftButton
        self._taken = False
        if self._scrub:
            view.axis.seek(self._time(pos))
        elif lane is not None and event.button() == Qt.MouseButton.LeftButton:
            if lane is not view.focused:
                view.focus_lane(lane)
            if not self._labels:
                self._taken = lane.press(view.plot_of(lane), pos) or self._hold_band(lane, pos)

    def move(self, event: QMouseEvent) -> None:
        view, pos = self._view, event.position()
        if self._from is None:
            self._shape(pos)
        elif self._scrub:
            view.axis.seek(self._time(pos))
        elif self._taken and self._lane is not None:
            self._lane.drag(view.plot_of(self._lane), pos, final=False)
        elif self._labels:
            self._carry(pos)
        elif self._panned or abs(pos.x() - self._from.x()) > _MOVED_PX:
            self._panned = True
            by_px = self._from.x() - pos.x()
            start = self._view_from_ns + by_px / view.plot_rect().width() * view.axis.span_ns
            view.axis.look_at(start, start + view.axis.span_ns) if start >= 0 else view.axis.pan(-view.axis.start_ns)

    def release(self, event: QMouseEvent) -> None:
        view, pos, lane = self._view, event.position(), self._lane
        began, self._from = self._from, None
        if began is None or self._scrub or self._labels or self._panned:
            return
        if self._taken and lane is not None:
            lane.drag(view.plot_of(lane), pos, final=True)
        elif event.button() == Qt.MouseButton.LeftButton and (lane is None or not lane.click(view.plot_of(lane), pos)):
            view.axis.seek(self._time(pos))

    def wheel(self, event: QWheelEvent) -> None:
        view = self._view
        delta = event.angleDelta()
        steps = delta.y() / _WHEEL_STEP
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(delta.x()) > abs(delta.y()):
            moved = (delta.x() or delta.y()) / _WHEEL_STEP
            view.axis.pan(-moved * _PAN_PX / view.plot_rect().width() * view.axis.span_ns)
        elif event.position().x() < view.plot_rect().left():
            view.scroll_by(-steps * view.theme.px(40))
        else:
            view.axis.zoom(_WHEEL_ZOOM**steps, self._time(event.position()))
        event.accept()

    def _time(self, pos: QPointF) -> float:
        area = self._view.plot_rect()
        return self._view.axis.t_of(pos.x() - area.left(), area.width())

    def _hold_band(self, lane: Lane, pos: QPointF) -> bool:
        """An edge of a band over another lane can be taken there, too."""
        for other in self._view.shown:
            if isinstance(other, SpansLane) and other.bands and other is not lane:
                grip = other.grip(self._view.plot_of(other), pos, anywhere=True)
                if other.hold(grip):
                    self._lane = other
                    return True
        return False

    def _carry(self, pos: QPointF) -> None:
        """A lane is dragged by its label."""
        view, lane = self._view, self._lane
        over = view.lane_at(pos.y())
        if lane is None or over is None or over is lane or over is view.ruler:
            return
        shown = view.shown
        by = shown.index(over) - shown.index(lane)
        view.move_lane(lane.key, by)

    def _shape(self, pos: QPointF) -> None:
        view = self._view
        lane = view.lane_at(pos.y())
        shape = lane.cursor_shape(view.plot_of(lane), pos) if lane is not None else None
        if shape is None:
            bands = [b for b in view.shown if isinstance(b, SpansLane) and b.bands]
            near = any(b.grip(view.plot_of(b), pos, anywhere=True) for b in bands)
            shape = Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor
        view.setCursor(shape)
