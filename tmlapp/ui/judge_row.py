"""The question on the result card: what really happened? Only the person knows."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout

from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.judging import Judgement, Question
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

_FIELD_CHARS = 8


class JudgeRow(QFrame):
    """One number for a counting session, two times for a start/stop session; hidden for any other.

    Signals:
        judged: (Judgement) the person has answered.
        refused: (AppError) the answer is no number.
    """

    judged = Signal(object)
    refused = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("row")
        self._question = Question(None)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 9, 10, 9)
        column.setSpacing(5)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.count_label, self.count = self._field(row, tr("Repetitions you really did"))
        self.start_label, self.start = self._field(row, tr("It really started at, s"))
        self.stop_label, self.stop = self._field(row, tr("and stopped at, s"))
        self.button = KeyButton(theme, tr("Grade"), key="Enter")
        self.button.setToolTip(tr("Grade this session by what you say happened (G)"))
        self.button.clicked.connect(self.judge)
        row.addWidget(self.button)
        row.addStretch(1)
        column.addLayout(row)
        words = tr("Only you know what happened: the grade is measured against your word, which is kept beside it.")
        self.sentence = QLabel(words)
        self.sentence.setObjectName("small")
        self.sentence.setWordWrap(True)
        column.addWidget(self.sentence)
        self.ask(Question(None))

    def set_theme(self, theme: Theme) -> None:
        self.button.set_theme(theme)

    def ask(self, question: Question) -> None:
        """Show the fields that `question` needs, empty but for two markers that the person has set."""
        self._question = question
        counting, spanning = question.suite == "repcount-a", question.suite == "charades"
        for part in (self.count_label, self.count):
            part.setVisible(counting)
        for part in (self.start_label, self.start, self.stop_label, self.stop):
            part.setVisible(spanning)
        texts = tuple(f"{t:.1f}" for t in question.span_s) if question.span_s else ("", "")
        for box, text in ((self.count, ""), (self.start, texts[0]), (self.stop, texts[1])):
            with QSignalBlocker(box):
                box.setText(text)
        self.setVisible(question.suite is not None)

    def focus(self) -> None:
        """Put the cursor into the first field."""
        box = self.count if self._question.suite == "repcount-a" else self.start
        box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        box.selectAll()

    def judge(self) -> None:
        """Take the answer as it stands in the fields."""
        question = self._question
        try:
            if question.suite == "repcount-a":
                self.judged.emit(Judgement(question.suite, question.action, count=_whole(self.count)))
            elif question.suite == "charades":
                span = (_seconds(self.start), _seconds(self.stop))
                self.judged.emit(Judgement(question.suite, question.action, span_s=span))
        except AppError as error:
            self.refused.emit(error)

    def _field(self, row: QHBoxLayout, title: str) -> tuple[QLabel, QLineEdit]:
        label, box = QLabel(title), QLineEdit()
        box.setAccessibleName(title)
        box.setMaxLength(_FIELD_CHARS)
        box.setFixedWidth(box.fontMetrics().horizontalAdvance("0" * _FIELD_CHARS) + 24)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.returnPressed.connect(self.judge)
        row.addWidget(label)
        row.addWidget(box)
        return label, box


def _whole(box: QLineEdit) -> int:
    text = box.text()
    try:
        return int(text)
    except ValueError as error:
        _point_at(box)
        raise AppError(
            tr("The session was not graded."),
            tr("“{text}” is no number of repetitions.").format(text=text) if text else tr("No number was given."),
            tr("Write how many repetitions you really did, for example 12."),
        ) from error


def _seconds(box: QLineEdit) -> float:
    text = box.text()
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        _point_at(box)
        raise AppError(
            tr("The session was not graded."),
            tr("“{text}” is no time in seconds.").format(text=text) if text else tr("A time is missing."),
            tr("Write when the action really started and stopped, in seconds of the session, for example 4.2."),
        ) from error


def _point_at(box: QLineEdit) -> None:
    """The cursor stands where the answer is to be corrected, and typing replaces it."""
    box.setFocus(Qt.FocusReason.OtherFocusReason)
    box.selectAll()
