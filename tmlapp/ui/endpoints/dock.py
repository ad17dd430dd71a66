"""The dock below the stage: the wire inspector, and what was granted."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.granted_panel import GrantedPanel
from tmlapp.ui.endpoints.sheet import endpoint_sheet
from tmlapp.ui.endpoints.wire_panel import WirePanel
from tmlapp.ui.qa.side import Tab
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

PAGES = ("wire", "granted")


class ConnectionDock(QFrame):
    """Takes the place of the lanes while it is open."""

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("card")
        self._actions = actions
        self.wire = WirePanel(theme, actions)
        self.granted = GrantedPanel(theme)
        self.tabs = [Tab(theme, tr("Wire")), Tab(theme, tr("Granted"))]
        self.close_button = KeyButton(theme, tr("Close"), kind="ghost")
        self.close_button.clicked.connect(lambda: actions[f"live.{self.page}"].trigger())
        self.close_button.setToolTip(tr("Show the lanes again"))
        head = QHBoxLayout()
        head.setContentsMargins(14, 4, 8, 4)
        head.setSpacing(16)
        for number, tab in enumerate(self.tabs):
            tab.setToolTip(actions[f"live.{PAGES[number]}"].toolTip())
            tab.clicked.connect(lambda _checked=False, n=number: self.show_page(PAGES[n]))
            head.addWidget(tab)
        head.addWidget(self.wire.count)
        head.addStretch(1)
        head.addWidget(self.close_button)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.wire)
        self.pages.addWidget(self.granted)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 2, 1, 1)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.pages, 1)
        self.wire.following_changed.connect(actions["wire.follow"].setChecked)
        self.set_theme(theme)
        self.hide()

    @property
    def page(self) -> str:
        """Which page is in front."""
        return PAGES[self.pages.currentIndex()]

    def set_theme(self, theme: Theme) -> None:
        self.setStyleSheet(endpoint_sheet(theme))
        for tab in self.tabs:
            tab.set_theme(theme)
        for part in (self.close_button, self.wire, self.granted):
            part.set_theme(theme)

    def open_page(self, name: str) -> None:
        """Open the dock with the page `name`; an empty name closes it."""
        self.setVisible(bool(name))
        if name:
            self.show_page(name)
        else:
            self._tell("")

    def show_page(self, name: str) -> None:
        """Put the page `name` in front."""
        number = PAGES.index(name)
        self.pages.setCurrentIndex(number)
        self.tabs[number].setChecked(True)
        self.wire.count.setVisible(name == "wire")
        self._tell(name)

    def _tell(self, shown: str) -> None:
        for name in PAGES:
            self._actions[f"live.{name}"].setChecked(name == shown)
        for key in ("wire.errors", "wire.follow", "wire.save"):
            self._actions.offer(key, shown == "wire")
