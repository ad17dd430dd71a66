"""Command palette and shortcut sheet, both fed from the registered commands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from tmlapp.ui.actions import Actions, Command, shortcut_text
from tmlapp.ui.text import tr

_KEY = Qt.ItemDataRole.UserRole
_SHORTCUT = Qt.ItemDataRole.UserRole + 1


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
        self.list.setObjectName("commands")
        self.list.setItemDelegate(_KeyAtTheRight(self.list))
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
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
            if not (command.listed and self._actions.offered(command) and self._actions[command.key].isEnabled()):
                continue
            title = f"{command.group}:  {self._actions[command.key].text()}"
            if matches(words, title):
                item = QListWidgetItem(title)
                item.setData(_KEY, command.key)
                item.setData(_SHORTCUT, shortcut_text(command))
                item.setToolTip(command.help)
                self.list.addItem(item)
        self.list.setCurrentRow(0)


class _KeyAtTheRight(QStyledItemDelegate):
    """A command's title at the left, its shortcut dimmed at the right."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        painter.save()
        painter.setPen(option.palette.placeholderText().color())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(option.rect.adjusted(0, 0, -12, 0), flags, str(index.data(_SHORTCUT)))
        painter.restore()


class ShortcutSheet(QDialog):
    """Every shortcut on one page, in two columns of groups."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        inside = QWidget()
        inside.setObjectName("scrolled")
        row = QHBoxLayout(inside)
        row.setContentsMargins(28, 24, 28, 24)
        row.setSpacing(40)
        sides = [QVBoxLayout(), QVBoxLayout()]
        for side in sides:
            side.setSpacing(18)
            row.addLayout(side)
        groups = {
            g: [c for c in commands if c.sheet and actions.offered(c)] for g, commands in actions.groups().items()
        }
        lines = [0, 0]
        for group, commands in ((g, cs) for g, cs in groups.items() if cs):
            shorter = lines.index(min(lines))
            sides[shorter].addLayout(self._group(group, commands))
            lines[shorter] += len(commands) + 2
        for side in sides:
            side.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        # A workspace with many commands is read by scrolling, not beyond the edge of the screen.
        wanted = inside.sizeHint()
        self.resize(wanted.width() + 16, min(wanted.height() + 4, max(400, parent.height() - 40)))

    def _group(self, title: str, commands: list[Command]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(7)
        grid.setColumnMinimumWidth(0, 84)
        heading = QLabel(title)
        heading.setObjectName("heading")
        grid.addWidget(heading, 0, 0, 1, 2)
        for line, command in enumerate(commands, start=1):
            keys = QLabel(command.sheet)
            keys.setObjectName("muted")
            grid.addWidget(keys, line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(QLabel(command.help), line, 1)
        return grid
