"""The bar at the top of Items: which set, how many of it are valid, undo, where to try, record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.parts import FlatButton, following
from tmlapp.ui.items.tried import short_address
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class ItemsHeader(QFrame):
    """Set title and count at the left, what can be done at the right."""

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("header")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 16, 0)
        row.setSpacing(12)
        self.title = FlatButton()
        self.title.setObjectName("set")
        self.title.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.title.setToolTip(tr("Open, make, describe or export a set"))
        self.badge = QLabel()
        self.badge.setObjectName("badge")
        self.undo = KeyButton(theme)
        self.endpoint = KeyButton(theme)
        self.record = KeyButton(theme, kind="primary")
        self.camera = following(actions["items.camera"], tr("camera off"))
        row.addWidget(self.title)
        row.addWidget(self.badge)
        row.addStretch(1)
        for widget in (self.undo, self.endpoint, self.camera, self.record):
            row.addWidget(widget)
        self.undo.follow(actions["items.undo"], text=tr("Undo"))
        self.record.follow(actions["items.record"])
        self.menu, self.try_menu = QMenu(self), QMenu(self)
        for key in ("new-set", "open-set", "set-details", "new-item", "speakers", "import-windows", "export"):
            self.menu.addAction(actions[f"items.{key}"])
        self.recent = self.menu.addMenu(tr("Recent sets"))
        for key in ("try", "endpoint"):
            self.try_menu.addAction(actions[f"items.{key}"])
        self.title.clicked.connect(lambda: self.menu.popup(self.title.mapToGlobal(self.title.rect().bottomLeft())))
        self.endpoint.clicked.connect(
            lambda: self.try_menu.popup(self.endpoint.mapToGlobal(self.endpoint.rect().bottomLeft()))
        )
        self._title = ""
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.setFixedHeight(theme.px(48))
        self.badge.setFixedHeight(theme.px(30))
        for button in (self.undo, self.endpoint, self.record):
            button.set_theme(theme)
        self._fit()

    def show_recent(self, folders: tuple[str, ...], open_: Callable[[Path], object]) -> None:
        """Offer `folders` in the menu of the set."""
        self.recent.clear()
        self.recent.setEnabled(bool(folders))
        for folder in folders:
            action = self.recent.addAction(folder)
            action.triggered.connect(partial(open_, Path(folder)))

    def show_set(self, title: str, valid: int, total: int) -> None:
        """Name the set and say how many of its items are valid; an empty title stands for no set."""
        self._title = title or tr("Items")
        self.badge.setVisible(bool(title))
        self.badge.setText(tr("{n} of {m} valid").format(n=valid, m=total))
        self.title.setAccessibleName(tr("Set: {title}").format(title=self._title))
        self._fit()

    def show_endpoint(self, address: str) -> None:
        """Where items are tried."""
        short = short_address(address)
        self.endpoint.setText(tr("Try on {name}").format(name=short if len(short) <= 24 else f"{short[:22]}…"))
        self.endpoint.setAccessibleName(tr("Endpoints to try on: {name}").format(name=address))
        self.endpoint.setToolTip(tr("Choose endpoints, and try the item on them (Shift+T)"))
        self.endpoint.set_dot(None, "▾")

    def show_camera(self, on: bool) -> None:
        """Whether takes are recorded with picture."""
        self.camera.setText(tr("camera on") if on else tr("camera off"))
        self.camera.setAccessibleName(self.camera.text())
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Large texts in a small window: what has a key of its own goes first."""
        badge = self.badge.sizeHint().width() + 24 if not self.badge.isHidden() else 0
        room = self.width() - 80 - 160 - badge - self.camera.sizeHint().width() - 12
        for button in (self.record, self.endpoint, self.undo):
            room -= button.sizeHint().width() + 12
            button.set_spared(room < 0 and button is not self.record)
        room = max(80, room + 160 + (self.undo.sizeHint().width() + 12 if self.undo.isHidden() else 0))
        text = self.title.fontMetrics().elidedText(f"{self._title}  ▾", Qt.TextElideMode.ElideMiddle, room)
        self.title.setText(text)
