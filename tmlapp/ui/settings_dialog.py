"""Settings (Ctrl+,): devices, echo, voice, endpoint, folder, colours, text size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from tmlapp.config.settings import Settings
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.recent import known_addresses
from tmlapp.ui.services import DeviceNames
from tmlapp.ui.speech_settings import SpeechRows
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

if TYPE_CHECKING:
    from tmlapp.live.voice_engines import VoiceEngine

_THEMES = ("system", "light", "dark")
_TEXT_SIZES = (80, 90, 100, 110, 125, 150, 175, 200)


class Choice(QComboBox):
    """A combo box whose arrow is painted, so that it has the colours of the scheme."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Return confirms the dialog as in any field (some desktops would open the list); Space and F4 open it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.isEditable():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.muted, 1.6))
        x, y = self.width() - 17, self.height() / 2 - 1.5
        painter.drawPolyline([QPointF(x - 4, y), QPointF(x, y + 4), QPointF(x + 4, y)])


class SettingsDialog(QDialog):
    """Edits a copy of the settings; `result_settings` is what the person wants."""

    def __init__(self, settings: Settings, theme: Theme, parent: QWidget, voices: Sequence[VoiceEngine] = ()) -> None:
        super().__init__(parent)
        self._settings = settings
        self._theme = theme
        self.setWindowTitle(tr("Settings"))
        screen = self.screen().availableGeometry()
        self.setMinimumWidth(min(theme.px(560), screen.width() - 80))
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(14)
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.microphone = self._choice(form, tr("&Microphone"), settings.microphone, ("default", "none"))
        self.loudspeaker = self._choice(form, tr("&Loudspeaker"), settings.loudspeaker, ("default", "none"))
        self.speech = SpeechRows(form, settings, voices, (Choice(theme), Choice(theme)))
        self.camera = self._choice(form, tr("&Camera"), settings.camera, ("camera:0", "none"))
        self.endpoint = self._choice(form, tr("&Endpoint"), settings.endpoint, ("onnx:tiny", *known_addresses()))
        self.endpoint.setToolTip(tr("Ctrl+Shift+E adds and changes ways to reach a remote model"))
        self.folder = QLineEdit(str(settings.recordings_dir))
        self.folder.setAccessibleName(tr("Folder of the recordings"))
        browse = KeyButton(theme, tr("Choose…"))
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.folder, 1)
        row.addWidget(browse)
        label = QLabel(tr("&Recordings"))
        label.setBuddy(self.folder)
        form.addRow(label, row)
        self.theme = Choice(theme)
        for key, text in zip(_THEMES, (tr("Like the system"), tr("Light"), tr("Dark")), strict=True):
            self.theme.addItem(text, key)
        self.theme.setCurrentIndex(_THEMES.index(settings.theme))
        self.theme.setAccessibleName(tr("Colours"))
        form.addRow(tr("C&olours"), self.theme)
        self.text_size = Choice(theme)
        now = round(settings.text_scale * 100)
        for percent in sorted({*_TEXT_SIZES, now}):
            self.text_size.addItem(f"{percent} %", percent / 100)
        self.text_size.setCurrentText(f"{now} %")
        self.text_size.setAccessibleName(tr("Text size"))
        form.addRow(tr("&Text size"), self.text_size)
        column.addLayout(form)
        where = QLabel(tr("Recordings stay in this folder on this machine until you move or delete them."))
        where.setObjectName("small")
        where.setWordWrap(True)
        column.addWidget(where)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.ensurePolished()
        # Wrapped sentences are as high as the width makes them, which a first guess at the size does not know.
        self.resize(self.minimumWidth(), min(column.heightForWidth(self.minimumWidth()), screen.height() - 80))

    def result_settings(self) -> Settings:
        """The settings with what was chosen here."""
        return self._settings.model_copy(
            update={
                "microphone": self.microphone.currentText().strip(),
                "loudspeaker": self.loudspeaker.currentText().strip(),
                "camera": self.camera.currentText().strip(),
                "endpoint": self.endpoint.currentText().strip(),
                "recordings_dir": Path(self.folder.text()).expanduser(),
                "theme": self.theme.currentData(),
                "text_scale": self.text_size.currentData(),
                **self.speech.chosen(),
            }
        )

    def show_devices(self, names: DeviceNames) -> None:
        """Offer what is plugged in."""
        for box, found in (
            (self.microphone, names.microphones),
            (self.loudspeaker, names.loudspeakers),
            (self.camera, names.cameras),
        ):
            known = {box.itemText(i) for i in range(box.count())}
            box.addItems([n for n in found if n not in known])

    def focus_on(self, what: str) -> None:
        """Put the cursor where `what` is chosen: a device, `echo`, `voice`, `endpoint`, `folder`."""
        boxes: dict[str, QWidget] = {
            "microphone": self.microphone,
            "camera": self.camera,
            "loudspeaker": self.loudspeaker,
            "echo": self.speech.echo,
            "voice": self.speech.voice,
            "endpoint": self.endpoint,
            "folder": self.folder,
        }
        if what in boxes:
            boxes[what].setFocus()

    def _choice(self, form: QFormLayout, title: str, current: str, usual: tuple[str, ...]) -> QComboBox:
        box = Choice(self._theme)
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.addItems([current, *(u for u in usual if u != current)])
        box.setAccessibleName(title.replace("&", ""))
        form.addRow(title, box)
        return box

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Folder of the recordings"), self.folder.text())
        if chosen:
            self.folder.setText(chosen)
