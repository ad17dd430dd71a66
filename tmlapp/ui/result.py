"""After the stop: where the recording is, what the model said, and what to do with it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.judge_row import JudgeRow
from tmlapp.ui.judging import Graded, Question
from tmlapp.ui.services import Output
from tmlapp.ui.text import bytes_text, clock_text, stamp_text, tr
from tmlapp.ui.theme import Theme

_TEXT_COLUMN = 2


class ResultPage(QFrame):
    """Stands where the stage was.

    Signals:
        again, open_folder, report, trash: the buttons.
    """

    again = Signal()
    open_folder = Signal()
    report = Signal()
    trash = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self.recording: Path | None = None
        self._added: list[KeyButton] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(4)
        self.title, self.path, self.note, self.summary = QLabel(), QLabel(), QLabel(), QLabel()
        self.title.setObjectName("big")
        self.path.setObjectName("muted")
        self.path.setAccessibleName(tr("Recording"))
        self.note.setAccessibleName(tr("Note"))
        self.note.hide()
        column.addWidget(self.title)
        self.grades, self.how = QLabel(), QLabel()
        self.grades.setObjectName("heading")
        self.grades.setAccessibleName(tr("Grade"))
        self.how.setObjectName("small")
        for label in (self.path, self.note, self.summary, self.grades, self.how):
            # What a model says, or a folder is called, is text, whatever it looks like.
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.judge = JudgeRow(theme)
        column.addWidget(self._scrolled(), 1)
        column.addSpacing(10)
        row = QHBoxLayout()
        row.setSpacing(10)
        self.again_button = KeyButton(theme, tr("New session"), key="Space", kind="primary")
        self.report_button = KeyButton(theme, tr("Report"), key="Ctrl+R")
        self.folder_button = KeyButton(theme, tr("Open folder"), key="Ctrl+O")
        self.trash_button = KeyButton(theme, tr("Move to trash…"), key="Del")
        self.buttons = [self.again_button, self.report_button, self.folder_button, self.trash_button]
        self.again_button.clicked.connect(self.again)
        self.report_button.clicked.connect(self.report)
        self.folder_button.clicked.connect(self.open_folder)
        self.trash_button.clicked.connect(self.trash)
        for button in self.buttons:
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        self._buttons_row = row

    def add_button(self, button: KeyButton) -> None:
        """Put one more button behind that of the report; whoever adds it says when it can be pressed."""
        self._buttons_row.insertWidget(2, button)
        self._added.append(button)

    def _scrolled(self) -> QScrollArea:
        """All between title and buttons, so that large texts in a small window squeeze nothing."""
        inner = QWidget()
        inner.setObjectName("scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(4)
        parts = (self.path, 6), (self.note, 0), (self.summary, 0), (self.grades, 0), (self.how, 6), (self.judge, 6)
        for part, gap in parts:
            column.addWidget(part)
            column.addSpacing(gap)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setColumnStretch(_TEXT_COLUMN, 1)
        column.addLayout(self._grid)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inner)
        self.area = scroll
        return scroll

    def set_theme(self, theme: Theme) -> None:
        self.judge.set_theme(theme)
        for button in (*self.buttons, *self._added):
            button.set_theme(theme)

    def show_result(self, recording: Path | None, t_ns: int, error: AppError | None) -> None:
        """The session is over after `t_ns`; `recording` is None where nothing was written."""
        self.recording = recording
        self.show_note("")
        self.title.setText(tr("Recorded") if error is None else tr("Stopped by an error"))
        if recording is None:
            self.path.setText(tr("Nothing was recorded."))
        else:
            size = bytes_text(recording.stat().st_size) if recording.exists() else ""
            self.path.setText(f"{recording}\n{clock_text(t_ns)} · {size}")
        self.summary.setText(tr("Reading what the model said…") if recording else "")
        self.show_grades([])
        self.judge.ask(Question(None))
        for button in self.buttons[1:]:
            button.setEnabled(recording is not None)
        self._clear()

    def show_note(self, text: str) -> None:
        """Say what was done with the recording; empty takes it away."""
        self.note.setText(text)
        self.note.setVisible(bool(text))
        if text:
            self.area.verticalScrollBar().setValue(0)

    def show_outputs(self, outputs: list[Output]) -> None:
        """List what the model said."""
        counts = [o for o in outputs if o.kind == "count"]
        last = tr(", the last was “{text}”").format(text=counts[-1].text) if len(counts) > 1 else ""
        one = len(outputs) == 1
        words = tr("1 output, a count.") if one else tr("{n} outputs, {c} of them counts{last}.")
        if not counts:
            words = tr("1 output, no count.") if one else tr("{n} outputs, no count.")
        self.summary.setText(words.format(n=len(outputs), c=len(counts), last=last))
        if not outputs:
            self.summary.setText(tr("The model said nothing."))
        self._clear()
        for i, output in enumerate(outputs):
            for column, (text, name) in enumerate(
                ((stamp_text(round(output.t_s * 1e9)), "faint"), (tr(output.kind), "muted"), (output.text, "plain"))
            ):
                label = QLabel(text)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setObjectName(name)
                label.setWordWrap(column == _TEXT_COLUMN)
                self._grid.addWidget(label, i, column, Qt.AlignmentFlag.AlignTop)
        self._grid.setRowStretch(len(outputs), 1)

    def show_grades(self, grades: list[Graded]) -> None:
        """How the session did, where that is known."""
        self.grades.setText("\n".join(g.verdict for g in grades))
        self.how.setText("\n".join(g.how for g in grades))
        for label in (self.grades, self.how):
            label.setVisible(bool(grades))
        self.area.verticalScrollBar().setValue(0)

    def show_trashed(self) -> None:
        """The recording is in the trash now."""
        self.recording = None
        self.show_note("")
        self.title.setText(tr("Moved to the trash"))
        self.judge.ask(Question(None))
        for button in self.buttons[1:]:
            button.setEnabled(False)

    def _clear(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
