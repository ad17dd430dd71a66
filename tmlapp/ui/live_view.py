"""The Live workspace: where its parts stand."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import ErrorBanner
from tmlapp.ui.endpoints.dock import ConnectionDock
from tmlapp.ui.eventpanel import EventPanel
from tmlapp.ui.header import Header
from tmlapp.ui.lanes import HEIGHT_PX, Lanes
from tmlapp.ui.preflight import PreflightPage
from tmlapp.ui.qa.side import SidePanel
from tmlapp.ui.result import ResultPage
from tmlapp.ui.stage import Stage
from tmlapp.ui.statusbar import StatusBar
from tmlapp.ui.theme import Theme

_MARGIN_PX, _SPACING_PX = 12, 10
_EVENTS_SHARE, _EVENTS_MOST = 0.234, 0.34
_DOCK_SHARE = 0.46
_LANES_SHARE, _LANES_LEAST_PX = 0.255, 96


class LiveView(QWidget):
    """Header above, events at the right, status below; preflight, stage or result in the middle."""

    def __init__(self, theme: Theme, actions: Actions, presets: tuple[str, ...]) -> None:
        super().__init__()
        self._theme = theme
        self._presenting = False
        self.header = Header(theme, actions, presets)
        self.stage = Stage(theme)
        self.preflight = PreflightPage(theme)
        for key in ("live.check", "live.file", "live.clip", "live.devices"):
            self.preflight.add_command(actions[key])
        self.preflight.changed.connect(self._show_ready)
        self._show_ready()
        self.result = ResultPage(theme)
        self.pages = QStackedWidget()
        for page in (self.preflight, self.stage, self.result):
            self.pages.addWidget(page)
        self.lanes = Lanes(theme)
        self.dock = ConnectionDock(theme, actions)
        self.events = EventPanel(theme)
        self.events.search_button.follow(actions["view.search"])
        self.side = SidePanel(theme, self.events, actions)
        self.status = StatusBar(theme)
        self.banner = ErrorBanner(theme)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._arrange()

    def set_theme(self, theme: Theme) -> None:
        """Repaint every part in `theme`."""
        for part in (self.header, self.stage, self.preflight, self.result, self.lanes, self.side):
            part.set_theme(theme)
        self.status.set_theme(theme)
        self._theme = theme
        self.share()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.share()

    def set_presenter(self, on: bool) -> None:
        """Leave only the stage, from edge to edge."""
        for part in (self.header, self.side, self.status):
            part.setVisible(not on)
        self._presenting = on
        self.share()
        margin = 0 if on else _MARGIN_PX
        self._middle.setContentsMargins(margin, margin, margin, margin)
        self.stage.set_presenter(on)

    def _show_ready(self) -> None:
        self.header.rec.set_ready(None if self.preflight.checking else self.preflight.ready)

    def share(self) -> None:
        """Events and lanes give way in a small window; the stage keeps at least half of the height.

        The dock, while it is open, takes the place of the lanes and somewhat more.
        """
        docked = not self.dock.isHidden()
        self.frame.setVisible(docked and not self._presenting)
        self.lanes.setVisible(not docked and not self._presenting)
        width, height, px = self.width(), self.height(), self._theme.px
        beside = max(px(248), min(px(360), round(width * _EVENTS_SHARE)))
        self.side.setFixedWidth(min(beside, round(width * _EVENTS_MOST)))
        around = self.header.height() + self.status.height() + 2 * _MARGIN_PX + _SPACING_PX
        most = height - around - height // 2
        self.frame.setFixedHeight(max(150, min(px(420), round((height - around) * _DOCK_SHARE))))
        self.lanes.setFixedHeight(
            max(_LANES_LEAST_PX, min(px(HEIGHT_PX), round(height * _LANES_SHARE * self._theme.scale), most))
        )

    def _arrange(self) -> None:
        # A frame of its own: hidden with the lanes in the presenter, while the dock stays as it was left.
        self.frame = QWidget()
        framed = QVBoxLayout(self.frame)
        framed.setContentsMargins(0, 0, 0, 0)
        framed.addWidget(self.dock)
        middle = QWidget()
        self._middle = QVBoxLayout(middle)
        self._middle.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        self._middle.setSpacing(_SPACING_PX)
        for widget, stretch in ((self.banner, 0), (self.pages, 1), (self.frame, 0), (self.lanes, 0)):
            self._middle.addWidget(widget, stretch)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(middle, 1)
        body.addWidget(self.side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(body, 1)
        column.addWidget(self.status)
