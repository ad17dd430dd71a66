"""The Live workspace: where its parts stand."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import ErrorBanner
from tmlapp.ui.eventpanel import EventPanel
from tmlapp.ui.header import Header
from tmlapp.ui.lanes import Lanes
from tmlapp.ui.preflight import PreflightPage
from tmlapp.ui.rail import Rail
from tmlapp.ui.result import ResultPage
from tmlapp.ui.stage import Stage
from tmlapp.ui.statusbar import StatusBar
from tmlapp.ui.theme import Theme

_MARGIN_PX = 12


class LiveView(QWidget):
    """Rail at the left, header above, events at the right, status below; preflight, stage or result in the middle."""

    def __init__(self, theme: Theme, actions: Actions, presets: tuple[str, ...]) -> None:
        super().__init__()
        self.rail = Rail(theme, actions)
        self.header = Header(theme, actions, presets)
        self.stage = Stage(theme)
        self.preflight = PreflightPage(theme)
        for key in ("live.check", "live.file", "live.clip", "live.devices"):
            self.preflight.add_command(actions[key])
        self.result = ResultPage(theme)
        self.pages = QStackedWidget()
        for page in (self.preflight, self.stage, self.result):
            self.pages.addWidget(page)
        self.lanes = Lanes(theme)
        self.events = EventPanel(theme)
        self.events.search_button.follow(actions["view.search"])
        self.status = StatusBar(theme)
        self.banner = ErrorBanner(theme)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._arrange()

    def set_theme(self, theme: Theme) -> None:
        """Repaint every part in `theme`."""
        for part in (self.rail, self.header, self.stage, self.preflight, self.result, self.lanes, self.events):
            part.set_theme(theme)
        self.status.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.events.setFixedWidth(max(248, min(360, round(self.width() * 0.234))))

    def set_presenter(self, on: bool) -> None:
        """Leave only the stage, from edge to edge."""
        for part in (self.rail, self.header, self.events, self.lanes, self.status):
            part.setVisible(not on)
        margin = 0 if on else _MARGIN_PX
        self._middle.setContentsMargins(margin, margin, margin, margin)
        self.stage.set_presenter(on)

    def _arrange(self) -> None:
        middle = QWidget()
        self._middle = QVBoxLayout(middle)
        self._middle.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        self._middle.setSpacing(10)
        for widget, stretch in ((self.banner, 0), (self.pages, 1), (self.lanes, 0)):
            self._middle.addWidget(widget, stretch)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(middle, 1)
        body.addWidget(self.events)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.header)
        right.addLayout(body, 1)
        right.addWidget(self.status)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(right, 1)
