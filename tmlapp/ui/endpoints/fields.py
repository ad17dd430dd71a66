"""The fields of a profile: each with its help and what is wrong with it, one for each kind of option, and the key."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tmlapp.config.secrets import secret_from_environment
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Option
from tmlapp.ui.items.parts import words
from tmlapp.ui.settings_dialog import Choice
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

DOTS = "••••••••••••"
_TITLE_PX = 104
PLACES = ("keyring", "env", "none")


class Field(QWidget):
    """A widget, below it its help, and below that what is wrong."""

    def __init__(self, title: str, inner: QWidget, help_: str = "") -> None:
        super().__init__()
        self.title, self.inner = title, inner
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(inner)
        self.help, self.wrong = words("small"), words("bad")
        column.addWidget(self.help)
        column.addWidget(self.wrong)
        self.setFocusProxy(inner)
        self.say(help_)
        self.say_wrong("")
        for box in [inner, *inner.findChildren(Choice)]:
            if isinstance(box, Choice):
                # A long entry must not widen the form beyond its room.
                box.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                box.setMinimumContentsLength(6)
        if not inner.accessibleName():
            inner.setAccessibleName(title.replace("&", ""))

    def put_in(self, form: QFormLayout, theme: Theme) -> Field:
        """Add it to `form` with its title, which stands level with the text of the field."""
        label = QLabel(self.title)
        label.setBuddy(self.inner)
        label.setWordWrap(True)
        label.setFixedWidth(theme.px(_TITLE_PX))
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        label.setContentsMargins(0, theme.px(6), 0, 0)
        form.addRow(label, self)
        return self

    def say(self, text: str) -> None:
        """Help below the field."""
        self.help.setText(text)
        self.help.setVisible(bool(text))

    def say_wrong(self, text: str) -> None:
        """What is wrong with what stands there; empty for nothing."""
        self.wrong.setText(f"✕ {text}")
        self.wrong.setVisible(bool(text))
        self.inner.setAccessibleDescription(text or self.help.text())


class OptionField(Field):
    """A field for one option of a protocol. `value` is empty where its default holds."""

    def __init__(self, option: Option, theme: Theme, value: str, changed: Callable[[], object]) -> None:
        self.option = option
        self._box: QCheckBox | Choice | QLineEdit | QPlainTextEdit
        if option.kind == "flag":
            self._box = QCheckBox(option.name.replace("_", " "))
            self._box.setObjectName("option")
            self._box.setChecked((value or option.default) == "on")
            self._box.toggled.connect(lambda _on: changed())
        elif option.kind == "choice":
            self._box = Choice(theme)
            usual = option.default or tr("the service's own")
            self._box.addItem(tr("usual ({value})").format(value=usual), "")
            for choice in option.choices:
                self._box.addItem(choice, choice)
            self._box.setCurrentIndex(max(0, self._box.findData(value)))
            self._box.currentIndexChanged.connect(lambda _i: changed())
        elif option.kind == "json":
            self._box = QPlainTextEdit(value)
            self._box.setPlaceholderText(option.default or "{ }")
            self._box.setTabChangesFocus(True)
            self._box.setFixedHeight(theme.px(72))
            self._box.textChanged.connect(lambda: changed())
        else:
            self._box = QLineEdit(value)
            self._box.setPlaceholderText(option.default)
            self._box.textEdited.connect(lambda _text: changed())
        title = "" if option.kind == "flag" else option.name.replace("_", " ")
        self._box.setAccessibleName(option.name.replace("_", " "))
        super().__init__(title, self._box, option.help)

    def value(self) -> str:
        """What is set; empty for the default."""
        box = self._box
        if isinstance(box, QCheckBox):
            found = "on" if box.isChecked() else "off"
            return "" if found == (self.option.default or "off") else found
        if isinstance(box, Choice):
            return str(box.currentData() or "")
        return (box.toPlainText() if isinstance(box, QPlainTextEdit) else box.text()).strip()


class KeyField(QWidget):
    """Where the key is; in the key ring it is typed once, shown as dots, and never shown again.

    Signals:
        changed: another place, another variable, or a key was typed.
    """

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.place = Choice(theme)
        texts = (tr("System key ring"), tr("Environment variable"), tr("No key"))
        for key, text in zip(PLACES, texts, strict=True):
            self.place.addItem(text, key)
        self.place.setAccessibleName(tr("Where the key is"))
        self.key = QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setAccessibleName(tr("Key"))
        self.variable = QLineEdit()
        self.variable.setAccessibleName(tr("Name of the environment variable"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for box in (self.place, self.key, self.variable):
            row.addWidget(box, 1)
        self.setFocusProxy(self.place)
        self.place.currentIndexChanged.connect(lambda _i: self._on_changed())
        self.key.textEdited.connect(lambda _text: self.changed.emit())
        self.variable.textEdited.connect(lambda _text: self.changed.emit())
        self._show()

    def show_key(self, key: str, usual_variable: str) -> None:
        """Show where a profile keeps its key (`keyring`, `env:VARIABLE`, `none`)."""
        self.key.clear()
        self.place.blockSignals(True)
        self.place.setCurrentIndex(PLACES.index("env" if key.startswith("env:") else key))
        self.place.blockSignals(False)
        self.variable.setText(key[4:] if key.startswith("env:") else usual_variable)
        self._show()

    def value(self) -> str:
        """As a profile writes it."""
        place = str(self.place.currentData())
        return f"env:{self.variable.text().strip()}" if place == "env" else place

    def typed(self) -> Secret | None:
        """The key that was typed now; None where none was."""
        text = self.key.text().strip()
        return Secret(text) if text and self.value() == "keyring" else None

    def show_kept(self, kept: bool) -> None:
        """Whether the key ring holds one already."""
        self.key.setPlaceholderText(tr("{dots}  kept; type to replace it").format(dots=DOTS) if kept else "")

    def state(self) -> str:
        """What there is to say about the place, in a sentence; nothing for the key ring."""
        value = self.value()
        if value.startswith("env:") and value[4:]:
            if secret_from_environment(value[4:]) is not None:
                return tr("✓ {name} is set now.").format(name=value[4:])
            return tr("▲ {name} is not set now: set it before tmlapp starts.").format(name=value[4:])
        return tr("Nothing is sent to prove who you are.") if value == "none" else ""

    def _on_changed(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        place = self.place.currentData()
        self.key.setVisible(place == "keyring")
        self.variable.setVisible(place == "env")
