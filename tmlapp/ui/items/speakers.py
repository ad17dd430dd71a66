"""Speakers (P): who speaks, under a pseudonym, and whether and when that person agreed."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from tmlapp.bench.authoring.commands_items import AddSpeaker, RemoveSpeaker, SetSpeaker
from tmlapp.bench.authoring.model import Speaker, free_id
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.model import ItemsModel
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

_ID = Qt.ItemDataRole.UserRole


class SpeakersDialog(FormDialog):
    """A list at the left, the chosen speaker's fields at the right; each change is a command of its own.

    The speaker that is chosen when the dialog is left with its first button speaks from then on.
    """

    def __init__(self, parent: QWidget, theme: Theme, model: ItemsModel, today: str) -> None:
        super().__init__(parent, theme, name="speakers", title=tr("Speakers"), yes=tr("Speaks now"), width=620)
        self._model, self._today = model, today
        self._filling = False
        self.no.setText(tr("Close"))
        self.column.removeItem(self.form)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Speakers"))
        self.list.setFixedWidth(theme.px(214))
        self.new = KeyButton(theme, tr("New speaker"))
        self.remove = KeyButton(theme, tr("Remove"))
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.addWidget(self.new)
        row.addWidget(self.remove)
        left.addLayout(row)
        both = QHBoxLayout()
        both.setSpacing(18)
        both.addLayout(left)
        right = QVBoxLayout()
        right.addLayout(self.form)
        right.addStretch(1)
        both.addLayout(right, 1)
        self.body.addLayout(both)
        self.id = self.line(tr("&Pseudonym"), hint="s-001")
        self.consent = QCheckBox(tr("agreed to be recorded and published"))
        self.consent.setAccessibleName(tr("Consent"))
        self.form.addRow("", self.consent)
        self.date = self.line(tr("A&greed on"), hint=tr("YYYY-MM-DD"))
        self.language = self.line(tr("&Language"), hint=tr("first language, e.g. de"))
        self.device = self.line(tr("&Device"), hint=tr("microphone, e.g. Scarlett 2i2"))
        self.room = self.line(tr("&Room"), hint=tr("e.g. office, quiet"))
        self.say(tr("No names here: a pseudonym is published, who it is stays with you."))
        self.new.clicked.connect(self.add)
        self.remove.clicked.connect(self._remove)
        self.list.currentItemChanged.connect(lambda *_: self._show())
        for name, field in self._fields().items():
            field.editingFinished.connect(lambda n=name: self._take_field(n))
        self.consent.clicked.connect(self._take_consent)
        self.on_yes(self._done)
        self._fill(model.speaker_id)
        if not model.state.speakers:
            self.add()

    def _fields(self) -> dict[str, QLineEdit]:
        return {
            "id": self.id,
            "consent_date": self.date,
            "language": self.language,
            "device": self.device,
            "room": self.room,
        }

    @property
    def current(self) -> Speaker | None:
        """Who is shown."""
        item = self.list.currentItem() if self.list.count() else None
        name = item.data(_ID) if item is not None else ""
        return next((s for s in self._model.state.speakers if s.id == name), None)

    def add(self) -> None:
        """A new speaker with the next free pseudonym; device, room and language as the last one's."""
        speakers = self._model.state.speakers
        last = speakers[-1] if speakers else Speaker("")
        made = replace(last, id=free_id((s.id for s in speakers), "s-", digits=3), consent=False, consent_date="")
        if self._model.do(AddSpeaker(made)):
            self._fill(made.id)
            self.consent.setFocus()

    def _remove(self) -> None:
        speaker = self.current
        if speaker is None:
            return
        takes = [t for i in self._model.state.items for t in i.takes if t.speaker == speaker.id]
        if takes:
            self.say_wrong(tr("{n} takes name this speaker, who stays therefore.").format(n=len(takes)))
        elif self._model.do(RemoveSpeaker(speaker.id)):
            self._fill("")

    def _take_field(self, name: str) -> None:
        speaker = self.current
        if self._filling or speaker is None:
            return
        text = self._fields()[name].text().strip()
        self._change(speaker, replace(speaker, **{name: text}))  # type: ignore[arg-type]

    def _take_consent(self) -> None:
        speaker = self.current
        if speaker is None:
            return
        given = self.consent.isChecked()
        # The day on which the box is ticked is most often the day of the consent.
        date = speaker.consent_date or self._today if given else ""
        self._change(speaker, replace(speaker, consent=given, consent_date=date))

    def _change(self, speaker: Speaker, fresh: Speaker) -> None:
        self.say_wrong("")
        if fresh == speaker:
            return
        if any(s.id == fresh.id for s in self._model.state.speakers if s.id != speaker.id):
            self.say_wrong(tr("There is a speaker {id} already.").format(id=fresh.id))
            return
        now = self._model.speaker_id
        if self._model.do(SetSpeaker(speaker.id, fresh)):
            if now == speaker.id:
                self._model.speaker_id = fresh.id
            self._fill(fresh.id)
        else:
            self.say_wrong(tr("That is no pseudonym: use a-z, 0-9 and -."))

    def _fill(self, chosen: str) -> None:
        self._filling = True
        self.list.clear()
        for speaker in self._model.state.speakers:
            agreed = tr("consent {date}").format(date=speaker.consent_date) if speaker.consent else tr("▲ no consent")
            item = QListWidgetItem(f"{speaker.id}   {agreed}")
            item.setData(_ID, speaker.id)
            self.list.addItem(item)
            if speaker.id == chosen or (not chosen and self.list.count() == 1):
                self.list.setCurrentItem(item)
        self._filling = False
        self._show()

    def _show(self) -> None:
        if self._filling:
            return
        self._filling = True
        speaker = self.current
        for name, field in self._fields().items():
            field.setEnabled(speaker is not None)
            field.setText(getattr(speaker, name) if speaker is not None else "")
        self.consent.setEnabled(speaker is not None)
        self.consent.setChecked(speaker is not None and speaker.consent)
        self.yes.setEnabled(speaker is not None)
        self._filling = False

    def _done(self) -> None:
        for name in self._fields():
            self._take_field(name)
        speaker = self.current
        if speaker is not None:
            self._model.speaker_id = speaker.id
            self._model.changed.emit()
