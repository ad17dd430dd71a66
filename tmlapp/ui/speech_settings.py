"""Two rows of the settings: what happens to the loudspeaker's echo, and who speaks texts without a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel

from tmlapp.config.settings import Settings
from tmlapp.ui.echo import MODES, echo_meaning, echo_title
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.live.voice_engines import VoiceEngine

_AUTO, _NONE = "auto", "none"


class SpeechRows:
    """Fills two empty `boxes`, of echo and voice, and adds them to `form`, with what is wrong with the voice below."""

    def __init__(
        self, form: QFormLayout, settings: Settings, engines: Sequence[VoiceEngine], boxes: tuple[QComboBox, QComboBox]
    ) -> None:
        self.echo, self.voice = boxes
        self._engines = {engine.name: engine for engine in engines}
        for mode in MODES:
            self.echo.addItem(echo_title(mode), mode)
        self.echo.setCurrentIndex(self.echo.findData(settings.echo))
        self.echo.setAccessibleName(tr("Echo of the loudspeaker"))
        form.addRow(tr("Ec&ho"), self.echo)
        for name, title in self._offered(settings.voice):
            self.voice.addItem(title, name)
        self.voice.setCurrentIndex(self.voice.findData(settings.voice))
        self.voice.setAccessibleName(tr("Voice for texts without a recording"))
        form.addRow(tr("&Voice"), self.voice)
        self.note = QLabel()
        self.note.setObjectName("small")
        self.note.setWordWrap(True)
        form.addRow("", self.note)
        self.echo.currentIndexChanged.connect(self._explain)
        self.voice.currentIndexChanged.connect(self._explain)
        self._explain()

    def chosen(self) -> dict[str, object]:
        """What the settings are to be."""
        return {"echo": self.echo.currentData(), "voice": self.voice.currentData()}

    def _offered(self, now: str) -> list[tuple[str, str]]:
        first = next((e.title for e in self._engines.values() if e.found), tr("none is installed"))
        offered = [(_AUTO, tr("Automatic ({engine})").format(engine=first))]
        for engine in self._engines.values():
            there = engine.title if engine.found else tr("{engine} (not installed)").format(engine=engine.title)
            offered.append((engine.name, there))
        offered.append((_NONE, tr("None")))
        if now not in {name for name, _ in offered}:
            offered.append((now, tr("{engine} (not on this system)").format(engine=now)))
        return offered

    def _explain(self) -> None:
        about = self._trouble(self.voice.currentData())
        self.note.setText(about)
        self.note.setVisible(bool(about))
        spoken = tr("Speaks texts that come without a recording, such as the words of a reminder.")
        shown = tr("Texts that come without a recording are shown, not spoken.")
        for box, meaning in (
            (self.echo, echo_meaning(self.echo.currentData())),
            (self.voice, about or (shown if self.voice.currentData() == _NONE else spoken)),
        ):
            box.setToolTip(meaning)
            box.setAccessibleDescription(meaning)

    def _trouble(self, name: str) -> str:
        """What a person has to know before this voice speaks; empty where it simply will."""
        engine = self._engines.get(name)
        if name == _NONE or (engine is not None and engine.found and engine.tried):
            return ""
        if name == _AUTO:
            if any(e.found for e in self._engines.values()):
                return ""
            fix = next((e.fix for e in self._engines.values()), "")
            lost = tr("Only numbers, “start”, “stop” and other texts with a recording are spoken; the rest is shown.")
            return f"{tr('No speech engine is installed.')} {lost} {fix}".strip()
        if engine is None:
            return tr("This system has no such voice: its first text will say so. Choose another one.")
        if not engine.found:
            return f"{tr('It is not installed: its first text will say so.')} {engine.fix}"
        return tr("Written after its manual; nobody has heard it speak for this program yet.")
