"""A dialog with fields, a place for what is wrong, and two buttons; it never blocks the window's loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tmlapp.core.errors import AppError
from tmlapp.ui.items.parts import words
from tmlapp.ui.settings_dialog import Choice
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class FormDialog(QDialog):
    """Fields above, buttons below. `do` gets called on the first button; it may refuse with an `AppError`."""

    def __init__(self, parent: QWidget, theme: Theme, *, name: str, title: str, yes: str, width: int = 520) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setMinimumWidth(theme.px(width))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._do: Callable[[], object] = lambda: None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(24, 20, 24, 16)
        self.column.setSpacing(14)
        self.form = QFormLayout()
        self.form.setHorizontalSpacing(18)
        self.form.setVerticalSpacing(10)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.column.addLayout(self.form)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        self.column.addLayout(self.body, 1)
        self.note = words("small")
        self.note.hide()
        self.column.addWidget(self.note)
        self.wrong = words("bad")
        self.wrong.hide()
        self.column.addWidget(self.wrong)
        buttons = QDialogButtonBox()
        self.yes: QPushButton = buttons.addButton(yes, QDialogButtonBox.ButtonRole.AcceptRole)
        self.no: QPushButton = buttons.addButton(tr("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        self.yes.setDefault(True)
        buttons.accepted.connect(self.take)
        buttons.rejected.connect(self.reject)
        self.column.addWidget(buttons)

    def on_yes(self, do: Callable[[], object]) -> None:
        """What the first button does. `do` returning False, or raising `AppError`, keeps the dialog open."""
        self._do = do

    def take(self) -> None:
        """As if the first button was pressed."""
        try:
            done = self._do()
        except AppError as error:
            self.say_wrong(f"{error.what} {error.why} {error.fix}")
            return
        if done is not False:
            self.accept()

    def say_wrong(self, text: str) -> None:
        """Say why it cannot be done as it stands; empty takes that back."""
        self.wrong.setText(f"✕ {text}" if text else "")
        self.wrong.setVisible(bool(text))

    def say(self, text: str) -> None:
        """A remark above the buttons."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def line(self, title: str, text: str = "", hint: str = "") -> QLineEdit:
        """A field of one line."""
        field = QLineEdit(text)
        field.setPlaceholderText(hint)
        self._row(title, field)
        return field

    def choice(self, title: str, entries: list[tuple[str, str]], current: str, *, editable: bool = False) -> QComboBox:
        """A choice of `entries`, each a text and its key."""
        box = Choice(self.theme)
        box.setEditable(editable)
        for text, key in entries:
            box.addItem(text, key)
        at = box.findData(current)
        if at >= 0:
            box.setCurrentIndex(at)
        elif editable:
            box.setEditText(current)
        self._row(title, box)
        return box

    def check(self, text: str, on: bool) -> QCheckBox:
        """A box to tick."""
        box = QCheckBox(text)
        box.setChecked(on)
        self.form.addRow("", box)
        return box

    def _row(self, title: str, field: QWidget) -> None:
        label = QLabel(title)
        label.setBuddy(field)
        field.setAccessibleName(title.replace("&", ""))
        self.form.addRow(label, field)
