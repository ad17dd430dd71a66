"""The widgets of the judging panel and their places; what they do stands in `panel.py`."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListWidget, QScrollArea, QVBoxLayout, QWidget

from tmlapp.ui.controls import KeyButton, KeyEdit
from tmlapp.ui.judge.buttons import Choices
from tmlapp.ui.judge.parts import Section, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, rgba

_MARGIN_PX = 14


class _QueueList(QListWidget):
    """As high as there is room: it asks for four rows only."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(super().sizeHint().width(), self.minimumHeight())


class PanelLook(QFrame):
    """From top to bottom: the question with its keys, what judges say, the queue, and who judges."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setMinimumWidth(280)
        self.setAccessibleName(tr("Judging"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.verdict_part, self.judges_part, self.queue_part = Section(""), Section(tr("Judges")), Section("")
        self.expected, self.said = words(), words(kind="muted")
        self.values = Choices(theme, tr("Verdict"))
        self.confidence = Choices(theme, tr("How sure you are"))
        self.confidence.show_confidences()
        self.note = KeyEdit(theme, "⇧N")
        self.note.setPlaceholderText(tr("Note"))
        self.note.setAccessibleName(tr("Note on the verdict"))
        self.note.setMaxLength(2000)
        self.sure = QLabel(tr("How sure · Shift+1, 2, 3"))
        self.sure.setObjectName("small")
        for part in (self.expected, self.said, self.values, self.sure, self.confidence, self.note):
            self.verdict_part.column.addWidget(part)
        self.judges = QVBoxLayout()
        self.judges.setSpacing(6)
        self.judges_part.column.addLayout(self.judges)
        self.empty = words(kind="muted")
        self.list = _QueueList()
        self.list.setObjectName("queue")
        self.list.setAccessibleName(tr("Queue"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(theme.px(90))
        self.next_button = KeyButton(theme, tr("Next"), key="G")
        self.queue_part.column.addWidget(self.empty)
        self.queue_part.column.addWidget(self.list, 1)
        self.queue_part.column.addWidget(self.next_button)
        self.queue_part.column.addStretch()
        self.foot = Section(tr("You judge as"))
        self.rater = QLineEdit()
        self.rater.setAccessibleName(tr("Your pseudonym as a rater"))
        self.rater.setToolTip(tr("The pseudonym under which your verdicts are kept"))
        self.foot.column.addWidget(self.rater)
        self._lay_out()

    def paint_in(self, theme: Theme) -> None:
        """Every part in the colours of `theme`."""
        for section in (self.verdict_part, self.judges_part, self.queue_part, self.foot):
            section.set_theme(theme)
        self.values.set_theme(theme)
        self.confidence.set_theme(theme)
        self.note.set_theme(theme)
        self.next_button.set_theme(theme)
        self.list.setStyleSheet(
            f"QListWidget#queue {{ margin-left: -9px; }}"
            f"QListWidget#queue::item {{ padding: 3px 6px; border-radius: 6px; color: {rgba(theme.text)}; }}"
            f"QListWidget#queue::item:selected {{ background: {rgba(theme.accent_soft)}; color: {rgba(theme.text)}; }}"
        )

    def needed_px(self) -> int:
        """Width at which no key is cut off."""
        keys = max(row.minimumSizeHint().width() for row in (self.values, self.confidence))
        return keys + 2 * _MARGIN_PX + self._scroll.verticalScrollBar().sizeHint().width()

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.verdict_part)
        column.addWidget(self.judges_part)
        column.addWidget(self.queue_part, 1)
        column.addWidget(self.foot)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
