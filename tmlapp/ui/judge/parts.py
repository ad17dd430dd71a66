"""Small parts of the judging views: sections, rows, and words for values."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.bench.people.agreement import Agreement
from tmlapp.bench.people.questions import Question
from tmlapp.bench.people.queue import Entry
from tmlapp.bench.people.verdicts import RIGHT, UNSURE, WRONG
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, rgba

SHOWN = 320
"""Characters of what was said that stand in the panel: an hour of it would push the keys off the screen."""

TIP = 2400
"""Characters of a tooltip."""

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


def item_text(question: Question, *, blind: bool) -> str:
    """How the item of `question` is called; blind, a recording of its own is not called by its file."""
    alone = question.recording is not None and question.recording == question.place
    return tr("this recording") if blind and alone else question.subject.item


def subject_text(question: Question, *, blind: bool) -> str:
    """Item and what is asked of it."""
    item, key = item_text(question, blind=blind), question.subject.key
    return item if key == "main" else f"{item} {key}"


def shortened(text: str, most: int) -> str:
    """Not more than `most` characters, cut after a word where there is one near."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    space = head.rfind(" ", most * 3 // 4)
    return f"{head[:space] if space > 0 else head} …"


def tip_text(text: str) -> str:
    """`text` as a tooltip shows it: wrapped, as it is, and never larger than the screen."""
    tip = escape(shortened(text.strip(), TIP)).replace("\n", "<br>")
    return f"<qt>{tip}</qt>" if tip else ""


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


def judged(name: str, value: str | None, theme: Theme) -> Pair:
    """Who has said what, in the colour and with the mark of it."""
    mark = f"{MARKS[value]} " if value in MARKS else ""
    return Pair(name, mark + value_text(value), value_color(value, theme))


def cleared(column: QVBoxLayout) -> None:
    """Take every widget out of `column`."""
    while (item := column.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def reason(entry: Entry) -> str:
    """Why an entry of the queue stands where it does, in a word or two."""
    texts = {
        "undecided": tr("undecided"), "differ": tr("judges differ"), "rare": tr("rare kind"), "sample": tr("sample"),
    }  # fmt: skip
    return texts[entry.reason]


def figure_text(figure: Agreement | None) -> str:
    """An agreement with its interval; a dash where there is none."""
    if figure is None or figure.value is None:
        return "–"
    low_high = f" [{figure.interval[0]:.2f}, {figure.interval[1]:.2f}]" if figure.interval else ""
    return f"{figure.value:.2f}{low_high}"


def figure_help(figure: Agreement | None, why: str) -> str:
    """What the figure is, or why there is none."""
    if figure is None or figure.value is None:
        return why or tr("It is being counted.")
    name = tr("Krippendorff's alpha") if figure.name == "alpha" else tr("Cohen's kappa")
    return tr("{name} of {raters}, n = {n}").format(name=name, raters=", ".join(figure.raters), n=figure.n)
