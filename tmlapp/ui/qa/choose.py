"""Which checklist? Type a few letters, Return takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tmlapp.ui.dialogs import matches
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.qa.checklist import Checklist

_PLACE = Qt.ItemDataRole.UserRole


class ChecklistChooser(QDialog):
    """Lists `found`, and a last entry for a file of one's own; `chosen` gets the checklist, `file` asks for a file."""

    def __init__(
        self,
        parent: QWidget,
        found: Sequence[Checklist],
        chosen: Callable[[Checklist], object],
        file: Callable[[], object],
    ) -> None:
        super().__init__(parent)
        self.setObjectName("choose-checklist")
        self._found, self._chosen, self._file = found, chosen, file
        self.setWindowTitle(tr("Choose a checklist"))
        self.resize(560, 460)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        self.words = QLineEdit()
        self.words.setPlaceholderText(tr("Which checklist?"))
        self.words.setAccessibleName(tr("Checklist"))
        self.words.textChanged.connect(self._fill)
        self.words.installEventFilter(self)
        self.list = QListWidget()
        self.list.setObjectName("commands")
        self.list.setAccessibleName(tr("Checklists"))
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.itemClicked.connect(lambda _item: self.take())
        self.list.currentRowChanged.connect(self._describe)
        self.about = QLabel()
        self.about.setObjectName("muted")
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setMinimumHeight(56)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        for part in (self.words, self.list, self.about):
            column.addWidget(part)
        self._fill("")

    def take(self) -> None:
        """Close, and go on with what is marked."""
        item = self.list.currentItem()
        if self.list.currentRow() < 0 or item is None:
            return
        place = item.data(_PLACE)
        self.accept()
        if place < 0:
            self._file()
        else:
            self._chosen(self._found[place])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None:
                row = self.list.currentRow() + step
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, row)))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.take()
                return True
        return super().eventFilter(watched, event)

    def _fill(self, words: str) -> None:
        self.list.clear()
        for place, checklist in enumerate(self._found):
            steps = tr("1 step") if len(checklist.steps) == 1 else tr("{n} steps").format(n=len(checklist.steps))
            if matches(words, f"{checklist.title} {checklist.id}"):
                self._add(f"{checklist.title}   ·   {steps}", place)
        self._add(tr("A file…"), -1)
        self.list.setCurrentRow(0)

    def _add(self, text: str, place: int) -> None:
        item = QListWidgetItem(text)
        item.setData(_PLACE, place)
        self.list.addItem(item)

    def _describe(self, row: int) -> None:
        item = self.list.item(row)
        place = item.data(_PLACE) if row >= 0 else -1
        self.about.setText(tr("A YAML file of your own.") if place < 0 else self._found[place].description)


def ask_checklist_file(parent: QWidget, do: Callable[[Path], object]) -> QFileDialog:
    """Which file holds the checklist; `do` gets its path."""
    dialog = QFileDialog(parent, tr("Choose a checklist"))
    dialog.setObjectName("choose-checklist-file")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters([f"{tr('Checklists')} (*.yaml *.yml)", f"{tr('All files')} (*)"])
    dialog.fileSelected.connect(lambda path: do(Path(path)))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
    return dialog
