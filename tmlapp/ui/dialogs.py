"""Command palette and shortcut sheet, both fed from the registered commands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tmlapp.ui.actions import Actions, shortcut_text
from tmlapp.ui.text import tr

_KEY = Qt.ItemDataRole.UserRole


def matches(words: str, title: str) -> bool:
    """True if every word of `words` begins, or lies in, a word of `title`, in any order."""
    text = title.casefold()
    return all(w in text for w in words.casefold().split())


class CommandPalette(QDialog):
    """Type a few letters, Return runs the command."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self._actions = actions
        self.setWindowTitle(tr("Commands"))
        self.setAccessibleName(tr("Command palette"))
        self.resize(520, 420)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        self.words = QLineEdit()
        self.words.setPlaceholderText(tr("What do you want to do?"))
        self.words.setAccessibleName(tr("Command"))
        self.words.textChanged.connect(self._fill)
        self.words.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Commands"))
        self.list.itemActivated.connect(lambda _item: self.run())
        self.list.itemClicked.connect(lambda _item: self.run())
        column.addWidget(self.words)
        column.addWidget(self.list, 1)
        self._fill("")

    def run(self) -> None:
        """Close and run the chosen command."""
        if self.list.currentRow() < 0:
            return
        item = self.list.currentItem()
        self.accept()
        self._actions[item.data(_KEY)].trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None:
                row = self.list.currentRow() + step
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, row)))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.run()
                return True
        return super().eventFilter(watched, event)

    def _fill(self, words: str) -> None:
        self.list.clear()
        for command in self._actions.commands():
            if not command.listed or not self._actions[command.key].isEnabled():
                continue
            title = f"{command.group}: {command.title}"
            if matches(words, title):
                keys = f"   ({shortcut_text(command)})" if command.shortcut else ""
                item = QListWidgetItem(f"{title}{keys}")
                item.setData(_KEY, command.key)
                item.setToolTip(command.help)
                self.list.addItem(item)
        self.list.setCurrentRow(0)


class ShortcutSheet(QDialog):
    """Every shortcut on one page."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        grid = QGridLayout(self)
        grid.setContentsMargins(24, 20, 24, 20)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        line = 0
        for group, commands in actions.groups().items():
            heading = QLabel(group)
            heading.setObjectName("heading")
            grid.addWidget(heading, line, 0, 1, 2)
            line += 1
            for command in commands:
                if command.shortcut:
                    keys = QLabel(command.shortcut.replace(" | ", ", "))
                    keys.setObjectName("muted")
                    grid.addWidget(keys, line, 0, Qt.AlignmentFlag.AlignTop)
                    grid.addWidget(QLabel(command.help), line, 1)
                    line += 1
