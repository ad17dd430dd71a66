"""The bar at the bottom of Items: microphone, what was saved when, who speaks."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from tmlapp.ui.controls import KeyButton, LevelMeter
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

QUIET_DBFS = -120.0


class ItemsStatus(QFrame):
    """Words at the left and right; a note of what was just done in the middle."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("status")
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(18)
        self.microphone, self.saved, self.note = QLabel(), QLabel(), QLabel()
        self.microphone.setAccessibleName(tr("Microphone"))
        self.saved.setAccessibleName(tr("Saved"))
        self.note.setAccessibleName(tr("What was just done"))
        self.note.setObjectName("muted")
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.meter = LevelMeter(theme)
        self.speaker = KeyButton(theme, kind="ghost")
        self._speaker: tuple[str, str] = ("", "")
        self._note = ""
        row.addWidget(self.microphone)
        row.addWidget(self.meter)
        row.addWidget(self.saved)
        row.addWidget(self.note, 1)
        row.addWidget(self.speaker)
        self._name = ""
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedHeight(theme.px(34))
        self.meter.set_theme(theme)
        self.speaker.set_theme(theme)
        self.show_microphone(self._name)

    def show_microphone(self, name: str) -> None:
        """Which one takes are recorded with."""
        self._name = name
        shown = QFontMetricsF(font(self._theme.font_px)).elidedText(
            name or "–", Qt.TextElideMode.ElideRight, self._theme.px(180)
        )
        self._say(self.microphone, tr("mic"), shown, "")
        self.microphone.setToolTip(name)

    def show_level(self, dbfs: float) -> None:
        self.meter.set_level(dbfs)

    def show_saved(self, seconds: float | None) -> None:
        """How long ago everything was on the disk; None before anything was."""
        if seconds is None:
            self._say(self.saved, "", "", tr("all saved"))
        elif seconds < 1:
            self._say(self.saved, tr("saved"), "", tr("just now"))
        else:
            self._say(self.saved, tr("saved"), ago(seconds), tr("ago"))

    def show_speaker(self, speaker: str, consent: str) -> None:
        """Whose takes these will be, and when that person agreed."""
        if not speaker:
            self.speaker.setText(tr("▲ no speaker chosen"))
        elif not consent:
            self.speaker.setText(tr("▲ speaker {id}, no consent").format(id=speaker))
        else:
            self.speaker.setText(tr("speaker {id}, consent {date}").format(id=speaker, date=consent))
        self.speaker.setAccessibleName(self.speaker.text().removeprefix("▲ "))
        self.speaker.setToolTip(tr("Speakers and their consent (P)"))
        self.speaker.updateGeometry()

    def show_note(self, text: str) -> None:
        """What was just done."""
        self._note = text
        room = max(80, self.note.width() - 8)
        self.note.setText(QFontMetricsF(self.note.font()).elidedText(text, Qt.TextElideMode.ElideRight, room))
        self.note.setToolTip(text)

    def _say(self, label: QLabel, before: str, value: str, after: str) -> None:
        muted, ink = self._theme.muted.name(), self._theme.text.name()
        label.setText(
            f'<span style="color:{muted}">{escape(before)}</span> '
            f'<span style="color:{ink}; font-weight:600">{escape(value)}</span> '
            f'<span style="color:{muted}">{escape(after)}</span>'
        )
        label.setAccessibleDescription(" ".join(w for w in (before, value, after) if w))


def ago(seconds: float) -> str:
    """A duration in the largest unit that says enough."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.0f} h"
