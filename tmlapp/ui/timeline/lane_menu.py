"""The menu of a lane: which lanes are shown, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

from tmlapp.ui.text import tr
from tmlapp.ui.timeline.lane import HIGHER, Lane

if TYPE_CHECKING:
    from tmlapp.ui.timeline.view import TimelineView


def lane_menu(view: TimelineView, lane: Lane | None) -> QMenu:
    """The menu for `lane` (None: for the timeline as a whole); it deletes itself when it closes."""
    menu = QMenu(view)
    menu.aboutToHide.connect(menu.deleteLater)
    if lane is not None:
        key = lane.key
        menu.addAction(tr("Hide “{lane}”").format(lane=lane.title)).triggered.connect(lambda: view.hide_lane(key))
        up = menu.addAction(tr("Move up (Alt+Up)"))
        up.triggered.connect(lambda: view.move_lane(key, -1))
        down = menu.addAction(tr("Move down (Alt+Down)"))
        down.triggered.connect(lambda: view.move_lane(key, 1))
        higher = menu.addAction(tr("Higher (Alt++)"))
        higher.triggered.connect(lambda: view.scale_lane(key, HIGHER))
        lower = menu.addAction(tr("Lower (Alt+−)"))
        lower.triggered.connect(lambda: view.scale_lane(key, 1 / HIGHER))
        menu.addSeparator()
    for known in (lane for lane in view.lanes if not lane.absent):
        action = menu.addAction(known.title)
        action.setCheckable(True)
        action.setChecked(not known.hidden)
        action.triggered.connect(lambda shown, k=known.key: view.hide_lane(k, not shown))
    menu.addSeparator()
    menu.addAction(tr("Show the whole recording (0)")).triggered.connect(view.axis.show_all)
    return menu
