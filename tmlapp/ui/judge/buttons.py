"""Buttons of verdicts: the chosen one is framed in the colour of what it says, and marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from tmlapp.ui.controls import KeyButton, paint_key_cap
from tmlapp.ui.judge.parts import button_text, value_color
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

_EDGE, _GAP = 9, 6


class VerdictButton(KeyButton):
    """One value of a scale with its key."""

    def __init__(self, theme: Theme, text: str, key: str, value: str | None) -> None:
        super().__init__(theme, text, key=key)
        self.value = value
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        # Three of them stand side by side in a narrow panel.
        text = QFontMetricsF(self._face()).horizontalAdvance(self.text())
        cap = self._cap_width() + _GAP if self._key else 0.0
        return QSize(round(2 * _EDGE + text + cap + 1), self._theme.px(30))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground, border, ink = self._colors()
        if self.isChecked():
            ground = theme.raised
            border = theme.accent if self.value is None else value_color(self.value, theme)
        inset = 1.0 if self.isChecked() or self.hasFocus() else 0.5
        painter.setPen(QPen(border if not self.hasFocus() or self.isChecked() else theme.accent, 2 * inset))
        painter.setBrush(ground)
        box = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(box, theme.radius_control, theme.radius_control)
        if self.hasFocus() and self.isChecked():
            painter.setPen(QPen(theme.accent, 1))
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), theme.radius_control - 3, theme.radius_control - 3)
        painter.setFont(self._face())
        painter.setPen(ink)
        cap = self._cap_width() if self._key else 0.0
        painter.drawText(
            QRectF(_EDGE, 0, self.width() - _EDGE, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text()
        )
        if self._key:
            height = theme.px(16)
            place = QRectF(self.width() - _EDGE - cap, (self.height() - height) / 2, cap, height)
            paint_key_cap(painter, place, self._key, ink, theme.font_small_px)


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
