"""Rows of the checklist: a sign at the left, words in the middle, a figure at the right."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.ui.qa.signs import color_of, sign_of, word_of
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, rgba

_SIGN_PX = 18


def plain_label(name: str = "", *, wraps: bool = True) -> QLabel:
    """A label whose text is text, whatever it looks like."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wraps)
    if name:
        label.setObjectName(name)
    return label


class SignRow(QFrame):
    """One check or one step.

    Signals:
        pressed: it was clicked.
    """

    pressed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown: tuple[str, str, str, str, bool] | None = None
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(14, 4, 14, 4)
        self._row.setSpacing(6)
        self.sign, self.words, self.beside, self.detail = (plain_label() for _ in range(4))
        self.beside.setWordWrap(False)
        self.beside.setObjectName("small")
        self.detail.setObjectName("small")
        self.sign.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.words)
        middle.addWidget(self.detail)
        self._row.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addLayout(middle, 1)
        self._row.addWidget(self.beside, 0, Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.set_theme(theme)

    def inset(self, left: int) -> None:
        """Stand `left` px from the edge."""
        self._row.setContentsMargins(left, 2, left, 2)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.sign.setFixedWidth(theme.px(_SIGN_PX))
        shown, self._shown = self._shown, None
        if shown is not None:
            self.show_state(*shown)

    def show_state(self, state: str, words: str, detail: str = "", beside: str = "", current: bool = False) -> None:
        """Show `words` in `state`; nothing is repainted that looks the same."""
        if (state, words, detail, beside, current) == self._shown:
            return
        self._shown = (state, words, detail, beside, current)
        self.sign.setText(sign_of(state))
        self.sign.setStyleSheet(f"color: {rgba(color_of(state, self._theme))}; font-weight: 700;")
        self.words.setText(words)
        self.detail.setText(detail)
        self.detail.setVisible(bool(detail))
        self.beside.setText(beside)
        self.beside.setVisible(bool(beside))
        face = "font-weight: 600;" if current else ""
        self.words.setStyleSheet(face)
        ground = rgba(self._theme.raised) if current else "transparent"
        self.setStyleSheet(f"SignRow {{ background: {ground}; }}")
        here = tr("current step, ") if current else ""
        self.setAccessibleName(f"{here}{words}: {word_of(state)}. {detail} {beside}".strip())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()
        super().mousePressEvent(event)


class RowList(QWidget):
    """As many rows as are needed; rows are kept and used again.

    Signals:
        chosen: the number of the row that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, theme: Theme, *, inset: int = 14) -> None:
        super().__init__()
        self._theme, self._inset = theme, inset
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.rows: list[SignRow] = []

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for row in self.rows:
            row.set_theme(theme)

    def need(self, count: int) -> list[SignRow]:
        """The first `count` rows, made where they are missing; the others are hidden."""
        while len(self.rows) < count:
            row = SignRow(self._theme)
            row.inset(self._inset)
            row.pressed.connect(partial(self.chosen.emit, len(self.rows)))
            self.rows.append(row)
            self._column.addWidget(row)
        for i, row in enumerate(self.rows):
            row.setVisible(i < count)
        return self.rows[:count]
