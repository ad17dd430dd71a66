"""Buttons of verdicts: the chosen one is framed in the colour of what it says, and marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from tmlapp.ui.controls import KeyButton
from tmlapp.ui.judge.parts import button_text, value_color
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class VerdictButton(KeyButton):
    """One value of a scale with its key."""

    def __init__(self, theme: Theme, text: str, key: str, value: str | None) -> None:
        super().__init__(theme, text, key=key)
        self.value = value
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Three of them stand side by side in a narrow panel.
        return super().sizeHint() - QSize(8 if self._key else 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if not self.isChecked():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._theme.accent if self.value is None else value_color(self.value, self._theme)
        painter.setPen(QPen(color, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, self._theme.radius_control, self._theme.radius_control)


class Choices(QWidget):
    """One row of values; `chosen` carries the value that was pressed."""

    chosen = Signal(object)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self.buttons: list[VerdictButton] = []
        self._values: list[object] = []
        self.setAccessibleName(name)

    def show_values(
        self, values: Sequence[object], texts: Sequence[str], keys: Sequence[str], *, colored: bool = True
    ) -> None:
        """Other values; nothing happens where they are the same."""
        if list(values) == self._values:
            return
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self._values, self.buttons = list(values), []
        for value, text, key in zip(values, texts, keys, strict=True):
            button = VerdictButton(self._theme, text, key, str(value) if colored else None)
            button.clicked.connect(self._sender(value))
            self._row.addWidget(button, 1)
            self.buttons.append(button)

    def show_scale(self, scale: Sequence[str]) -> None:
        """The values of a verdict, on keys from 1 on."""
        self.show_values(scale, [button_text(v) for v in scale], [str(n + 1) for n in range(len(scale))])

    def show_confidences(self) -> None:
        """How sure a verdict is: three steps on Shift+1 to Shift+3."""
        texts = [tr("a guess"), tr("fairly"), tr("certain")]
        self.show_values((1, 2, 3), texts, ("", "", ""), colored=False)
        for number, button in enumerate(self.buttons, start=1):
            button.setToolTip(f"Shift+{number}")

    def set_chosen(self, value: object) -> None:
        """Mark the button of `value`; None marks none."""
        for button, own in zip(self.buttons, self._values, strict=True):
            on = value is not None and own == value
            button.setChecked(on)
            button.setAccessibleDescription(tr("chosen") if on else "")
            button.update()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for button in self.buttons:
            button.set_theme(theme)

    def _sender(self, value: object) -> Callable[[], None]:
        return lambda: self.chosen.emit(value)
