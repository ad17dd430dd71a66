"""The bar at the top of Items: which set, how many of it are valid, undo, where to try, record."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class ItemsHeader(QFrame):
    """Set title and count at the left, what can be done at the right."""

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("header")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        self.title = QLabel()
        self.title.setObjectName("title")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.badge = QLabel()
        self.badge.setObjectName("badge")
        self.sets = KeyButton(theme, tr("Set"))
        self.sets.setAccessibleName(tr("Open or make a set"))
        self.undo = KeyButton(theme)
        self.endpoint = KeyButton(theme)
        self.try_it = KeyButton(theme)
        self.record = KeyButton(theme, kind="primary")
        row.addWidget(self.title, 1)
        for widget in (self.badge, self.sets, self.undo, self.endpoint, self.try_it, self.record):
            row.addWidget(widget)
        self.undo.follow(actions["items.undo"], text=tr("Undo"))
        self.try_it.follow(actions["items.try"], text=tr("Try"))
        self.record.follow(actions["items.record"])
        self.endpoint.clicked.connect(actions["items.endpoint"].trigger)
        self.menu = QMenu(self)
        self.sets.clicked.connect(lambda: self.menu.popup(self.sets.mapToGlobal(self.sets.rect().bottomLeft())))
        self._title = ""
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.setFixedHeight(theme.px(48))
        for button in (self.sets, self.undo, self.endpoint, self.try_it, self.record):
            button.set_theme(theme)
        self._fit()

    def show_set(self, title: str, valid: int, total: int) -> None:
        """Name the set and say how many of its items are valid; an empty title stands for no set."""
        self._title = title or tr("Items")
        self.badge.setVisible(bool(title))
        self.badge.setText(tr("{n} of {m} valid").format(n=valid, m=total))
        self.title.setAccessibleName(self._title)
        self._fit()

    def show_endpoint(self, address: str) -> None:
        """Where items are tried."""
        short = address.replace(":", " · ", 1)
        self.endpoint.setText(tr("Try on {name}").format(name=short if len(short) <= 24 else f"{short[:22]}…"))
        self.endpoint.setAccessibleName(tr("Endpoints to try on: {name}").format(name=address))
        self.endpoint.setToolTip(tr("Choose endpoints, and try the item on them (Shift+T)"))
        self.endpoint.set_dot(None, "▾")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Large texts in a small window: what has a key of its own goes first."""
        room = self.width() - 32 - 120
        for button in (self.record, self.endpoint, self.undo, self.sets, self.try_it):
            room -= button.sizeHint().width() + 12
            button.set_spared(room < 0)
        self.record.set_spared(False)
        metrics = self.title.fontMetrics()
        self.title.setText(metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, max(60, self.title.width())))
        self.title.setToolTip(self._title)
