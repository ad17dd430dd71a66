"""Small parts of the judging views: sections, rows, and words for values."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.bench.people.verdicts import RIGHT, UNSURE, WRONG
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, rgba

MARKS = {RIGHT: "✓", WRONG: "✕", UNSURE: "?"}


def value_text(value: str | None) -> str:
    """How a verdict is called; programs that could not decide are undecided."""
    if value is None:
        return tr("undecided")
    words = {
        RIGHT: tr("right"), WRONG: tr("wrong"), UNSURE: tr("unsure"),
        "first": tr("A is better"), "second": tr("B is better"), "tie": tr("neither"),
    }  # fmt: skip
    return words.get(value, value)


def button_text(value: str) -> str:
    """The same as a button says it."""
    text = value_text(value)
    return text[:1].upper() + text[1:]


def value_color(value: str | None, theme: Theme) -> QColor:
    """Good is green, wrong red, open amber; the words say the same."""
    return {RIGHT: theme.good, WRONG: theme.act, None: theme.notice, UNSURE: theme.notice}.get(value, theme.text)


def aspect_text(aspect: str) -> str:
    words = {"meaning": tr("meaning"), "timing": tr("timing"), "overall": tr("as a whole")}
    return words.get(aspect, aspect)


class Section(QWidget):
    """A part of the side panel: a small heading, what belongs to it, and a line below."""

    def __init__(self, title: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 10)
        column.setSpacing(8)
        self.title = QLabel(title)
        self.title.setObjectName("small")
        self.column = column
        column.addWidget(self.title)

        self._line: QColor | None = None

    def set_theme(self, theme: Theme) -> None:
        self._line = theme.line
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if self._line is not None:
            QPainter(self).fillRect(0, self.height() - 1, self.width(), 1, self._line)


def words(text: str = "", kind: str = "") -> QLabel:
    """A text that wraps, and that can be selected; whatever it says, it is shown as it is."""
    label = QLabel(text)
    label.setObjectName(kind)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


class Pair(QWidget):
    """A name at the left and what belongs to it at the right."""

    def __init__(self, left: str, right: str, color: QColor | None = None, *, muted: bool = False) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.left, self.right = QLabel(left), QLabel(right)
        for label in (self.left, self.right):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setObjectName("muted" if muted else "")
        self.left.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.left.setToolTip(left)
        if color is not None:
            self.right.setStyleSheet(f"color: {rgba(color)};")
        row.addWidget(self.left, 1)
        row.addWidget(self.right)
        self.setAccessibleName(f"{left}: {right}")


def cleared(column: QVBoxLayout) -> None:
    """Take every widget out of `column`."""
    while (item := column.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
