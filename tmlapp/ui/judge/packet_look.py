"""The widgets of the packet dialog and their places; what they do stands in `packet_dialog.py`."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from tmlapp.bench.people.packet_files import Asked
from tmlapp.ui.controls import ErrorBanner, KeyButton, KeyEdit
from tmlapp.ui.judge.buttons import Choices
from tmlapp.ui.judge.parts import cleared, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class PacketLook(QDialog):
    """Progress, guide and texts; below them the sound, the answer, and the way to the next."""

    def __init__(self, theme: Theme, guide: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Rate a packet"))
        self.setAccessibleName(tr("Rate a packet"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.resize(700, 720)
        self.place, self.count, self.state, self.asked = QLabel(), QLabel(), QLabel(), QLabel()
        self.place.setObjectName("heading")
        for label in (self.count, self.state, self.asked):
            label.setObjectName("muted")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName(tr("Answered"))
        self.guide = words(guide, "muted")
        self.banner = ErrorBanner(theme)
        inside = QWidget()
        inside.setObjectName("scrolled")
        self.texts = QVBoxLayout(inside)
        self.texts.setContentsMargins(0, 0, 8, 0)
        self.texts.setSpacing(4)
        self.reader = QScrollArea()
        self.reader.setWidgetResizable(True)
        self.reader.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.reader.setWidget(inside)
        self.values, self.confidence = Choices(theme, tr("Verdict")), Choices(theme, tr("How sure you are"))
        self.sounds = Choices(theme, tr("Sound"))
        self.confidence.show_confidences()
        self.note = KeyEdit(theme, "N")
        self.note.setPlaceholderText(tr("Note"))
        self.note.setAccessibleName(tr("Note on the answer"))
        self.note.setMaxLength(2000)
        self.play_button = KeyButton(theme, tr("Play"), key="Space", kind="primary")
        self.back, self.next = KeyButton(theme, tr("Back"), key="←"), KeyButton(theme, tr("Next"), key="→")
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 18, 24, 16)
        column.setSpacing(10)
        head, sound, foot = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.addWidget(self.place)
        head.addStretch()
        head.addWidget(self.count)
        sound.addWidget(self.play_button)
        sound.addWidget(self.sounds)
        sound.addWidget(self.state, 1)
        foot.addWidget(self.back)
        foot.addStretch()
        foot.addWidget(self.next)
        sure = QLabel(tr("How sure · Shift+1, 2, 3"))
        sure.setObjectName("muted")
        column.addLayout(head)
        for widget in (self.progress, self.banner, self.guide):
            column.addWidget(widget)
        column.addWidget(self.reader, 1)
        column.addLayout(sound)
        for part in (self.asked, self.values, sure, self.confidence, self.note):
            column.addWidget(part)
        column.addLayout(foot)

    def show_texts(self, question: Asked) -> None:
        """What a rater reads before an answer."""
        cleared(self.texts)
        asked = {
            "meaning": tr("Does it convey the meaning?"), "timing": tr("Was it in time?"),
            "overall": tr("Did it do what was asked?"), "preference": tr("Which one is better?"),
        }  # fmt: skip
        self.asked.setText(asked.get(question.aspect, tr("Your verdict")))
        window = question.window_s
        due = "" if window is None else tr("from {a:.1f} s to {b:.1f} s").format(a=window[0], b=window[1])
        for title, text in (
            (tr("Expected"), question.expected),
            (tr("The assistant said"), "\n".join(question.said)),
            (tr("Due"), due),
            (tr("The user asked for"), question.instruction),
            (tr("The user had said so far"), question.context),
            (tr("Good wordings, for example"), ", ".join(question.accept)),
            (tr("Wrong wordings"), ", ".join(question.reject)),
        ):
            if text.strip():
                if self.texts.count():
                    self.texts.addSpacing(6)
                self.texts.addWidget(words(title, "small"))
                self.texts.addWidget(words(text, "heading" if title == tr("Expected") else ""))
        self.texts.addStretch()
