"""What is shown while no set is open: what this place is for, and the first two steps."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.parts import FlatButton, card, flat, heading
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class StartPage(QWidget):
    """New, open, recent.

    Signals:
        recent_asked: folder of a set.
    """

    recent_asked = Signal(object)

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        frame, column = card()
        self._card = frame
        column.setContentsMargins(28, 24, 28, 24)
        column.setSpacing(12)
        title = QLabel(tr("Record items for TimeSpeak and CueSpeak"))
        title.setObjectName("big")
        title.setWordWrap(True)
        text = QLabel(
            tr(
                "A set is a folder of items. Each item is what you ask a model and what you say, recorded, with the"
                " windows in which the model has to speak. Make a set, add an item, write its script, record a take."
            )
        )
        text.setObjectName("muted")
        text.setWordWrap(True)
        row = QHBoxLayout()
        self.new = KeyButton(theme, kind="primary")
        self.new.follow(actions["items.new-set"], text=tr("New set"))
        self.open = KeyButton(theme)
        self.open.follow(actions["items.open-set"], text=tr("Open a set"))
        row.addWidget(self.new)
        row.addWidget(self.open)
        row.addStretch(1)
        self.recent_title = heading(tr("Recent sets"))
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        column.addWidget(title)
        column.addWidget(text)
        column.addLayout(row)
        column.addWidget(self.recent_title)
        column.addLayout(self._recent)
        outer.addStretch(1)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(frame, 4)
        line.addStretch(1)
        outer.addLayout(line)
        outer.addStretch(2)
        self.buttons: list[FlatButton] = []
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self._card.setMaximumWidth(theme.px(680))
        self._card.setMinimumWidth(min(560, theme.px(420)))
        for button in (self.new, self.open):
            button.set_theme(theme)

    def show_recent(self, folders: tuple[str, ...]) -> None:
        """Offer `folders`, the latest first."""
        self.recent_title.setVisible(bool(folders))
        for button in self.buttons:
            self._recent.removeWidget(button)
            button.deleteLater()
        self.buttons = []
        for folder in folders:
            path = Path(folder)
            button = flat(f"{path.name}   {path.parent}", partial(self.recent_asked.emit, path), tip=folder)
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            self.buttons.append(button)
