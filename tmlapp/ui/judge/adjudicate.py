"""Where raters differ, one question after the other: read, listen in Review, decide by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout

from tmlapp.bench.people.adjudication import Conflict
from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton, KeyEdit
from tmlapp.ui.judge import model
from tmlapp.ui.judge.buttons import Choices
from tmlapp.ui.judge.parts import MARKS, Pair, cleared, value_color, value_text, words
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.judge.panel import JudgePanel

_CONFLICT = Qt.ItemDataRole.UserRole


class AdjudicateDialog(QDialog):
    """Lists conflicts, open ones first; 1, 2, 3 decide, Up and Down move, N writes a note, L shows it in Review."""

    def __init__(self, panel: JudgePanel) -> None:
        super().__init__(panel.window())
        self._panel = panel
        self._theme = panel.host.theme
        self._open = True
        self._writing = False
        self.setWindowTitle(tr("Decide conflicts"))
        self.setAccessibleName(tr("Decide conflicts"))
        self.resize(820, 520)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.list = QListWidget()
        self.list.setObjectName("commands")
        self.list.setAccessibleName(tr("Conflicts"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.currentRowChanged.connect(lambda _row: self._show_current())
        self.heading, self.expected, self.said = QLabel(), words(), words(kind="muted")
        self.heading.setObjectName("heading")
        self.people = QVBoxLayout()
        self.values = Choices(self._theme, tr("Decision"))
        self.values.chosen.connect(self.decide)
        self.note = KeyEdit(self._theme, "N")
        self.note.setPlaceholderText(tr("Why"))
        self.note.setAccessibleName(tr("Reason of the decision"))
        self.note.returnPressed.connect(self.setFocus)
        self.look = KeyButton(self._theme, tr("Look at it in Review"), key="L")
        self.look.clicked.connect(self.show_in_review)
        self._lay_out()
        self.finished.connect(self._ended)
        self._fill()

    @property
    def current(self) -> Conflict | None:
        """The conflict that is shown."""
        if self.list.currentRow() < 0:
            return None
        conflict: Conflict = self.list.currentItem().data(_CONFLICT)
        return conflict

    def decide(self, value: str) -> None:
        """Settle the conflict that is shown."""
        conflict = self.current
        if conflict is None or self._writing or value not in conflict.question.scale:
            return
        self._writing = True
        rater, note, host = self._panel.state.rater, self.note.text().strip(), self._panel.host

        def done(kept: model.Kept) -> None:
            self._writing = False
            self._panel.state.take(kept)
            self._panel.refresh()
            if self._open:
                self.note.clear()
                self._fill(self.list.currentRow())

        def failed(error: AppError) -> None:
            self._writing = False
            host.show_error(error)

        host.work(lambda: model.settle(conflict.question, value, rater, note), done, failed)

    def show_in_review(self) -> None:
        """Close, and go to the place in the recording."""
        conflict = self.current
        self.accept()
        if conflict is not None:
            self._panel.show_question(conflict.question)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        # Digits decide; they must not land in the note.
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        key = event.key()
        conflict = self.current
        number = key - Qt.Key.Key_0
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if key == Qt.Key.Key_Down else -1
            self.list.setCurrentRow(max(0, min(self.list.count() - 1, self.list.currentRow() + step)))
        elif conflict is not None and 1 <= number <= len(conflict.question.scale):
            self.decide(conflict.question.scale[number - 1])
        elif key == Qt.Key.Key_N:
            self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif key == Qt.Key.Key_L:
            self.show_in_review()
        else:
            super().keyPressEvent(event)

    def _fill(self, row: int = 0) -> None:
        conflicts = self._panel.state.conflicts()
        n_open = sum(c.decision is None for c in conflicts)
        self.list.clear()
        for conflict in conflicts:
            mark = "" if conflict.decision is None else f" · {tr('decided')}: {value_text(conflict.decision.value)}"
            item = QListWidgetItem(f"{conflict.question.subject}{mark}")
            item.setData(_CONFLICT, conflict)
            self.list.addItem(item)
        self.list.setCurrentRow(min(row, self.list.count() - 1) if n_open == 0 else 0)
        self.count.setText(tr("{open} of {n} are open").format(open=n_open, n=len(conflicts)))
        self._show_current()

    def _show_current(self) -> None:
        conflict = self.current
        cleared(self.people)
        for part in (self.values, self.note, self.look):
            part.setVisible(conflict is not None)
        if conflict is None:
            self.heading.setText(tr("No conflicts"))
            self.expected.setText(tr("Nobody has contradicted anybody here yet."))
            self.said.clear()
            return
        question = conflict.question
        self.heading.setText(str(question.subject))
        self.expected.setText(tr("expected: {text}").format(text=question.expected or question.instruction))
        self.said.setText(tr("said: “{text}”").format(text=question.said))
        for rater, verdict in conflict.verdicts.items():
            note = f" – {verdict.note}" if verdict.note else ""
            text = f"{MARKS.get(verdict.value, '')} {value_text(verdict.value)}".strip()
            self.people.addWidget(Pair(rater + note, text, value_color(verdict.value, self._theme)))
        self.values.show_scale(question.scale)
        self.values.set_chosen(conflict.decision.value if conflict.decision else None)

    def _lay_out(self) -> None:
        left, right = QVBoxLayout(), QVBoxLayout()
        self.count = QLabel()
        self.count.setObjectName("small")
        left.addWidget(self.count)
        left.addWidget(self.list, 1)
        right.setSpacing(10)
        for part in (self.heading, self.expected, self.said):
            right.addWidget(part)
        right.addLayout(self.people)
        for widget in (self.values, self.note):
            right.addWidget(widget)
        right.addStretch()
        foot = QHBoxLayout()
        close = KeyButton(self._theme, tr("Close"), key="Esc")
        close.clicked.connect(self.reject)
        foot.addWidget(self.look)
        foot.addStretch()
        foot.addWidget(close)
        right.addLayout(foot)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 16, 20, 16)
        row.setSpacing(20)
        row.addLayout(left, 2)
        row.addLayout(right, 3)

    def _ended(self) -> None:
        self._open = False
        self.deleteLater()
