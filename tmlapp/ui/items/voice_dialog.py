"""Whose voice is in a take: one of the set's speakers, or somebody who is not among them yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from tmlapp.bench.authoring.commands_takes import SetTakeSpeaker
from tmlapp.bench.authoring.model import ItemSet
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.parts import words
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.items.workspace import ItemsWorkspace

_ID = Qt.ItemDataRole.UserRole
NOBODY = ""


def voices(state: ItemSet) -> list[tuple[str, str]]:
    """Words and id of everybody who may speak in a take; first the one whom nobody has named."""
    found = [(tr("somebody else, or nobody yet"), NOBODY)]
    for speaker in state.speakers:
        agreed = tr("consent {date}").format(date=speaker.consent_date) if speaker.consent else tr("▲ no consent")
        found.append((f"{speaker.id}   {agreed}", speaker.id))
    return found


class VoiceDialog(FormDialog):
    """A list; up and down choose, Return takes the choice, Esc leaves everything as it was."""

    def __init__(self, page: ItemsWorkspace, what: str, current: str, yes: str, take: Callable[[str], object]) -> None:
        super().__init__(page, page.theme, name="voice", title=tr("Who speaks"), yes=yes)
        question = words()
        question.setText(what)
        self.body.addWidget(question)
        self.say(tr("A voice is published only with its owner's consent. P names more speakers."))
        self.list = QListWidget()
        self.list.setAccessibleName(what)
        self.list.setMinimumHeight(page.theme.px(120))
        for text, name in voices(page.model.state):
            row = QListWidgetItem(text)
            row.setData(_ID, name)
            self.list.addItem(row)
            if name == current or self.list.count() == 1:
                self.list.setCurrentItem(row)
        self.body.addWidget(self.list)
        self.list.itemDoubleClicked.connect(lambda _row: self.take())
        self.on_yes(lambda: take(self.chosen))
        self.list.setFocus()

    @property
    def chosen(self) -> str:
        """Id of the speaker; empty: nobody."""
        return str(self.list.currentItem().data(_ID))


def ask_voice_of_file(page: ItemsWorkspace, path: Path) -> None:
    """Who speaks in a file is known to the person only: nobody is taken for granted."""
    if not page.model.state.speakers:
        page.takes.take_file(path)
        return

    def take(speaker: str) -> None:
        page.takes.take_file(path, speaker)

    VoiceDialog(page, tr("Whose voice is in {name}?").format(name=path.name), NOBODY, tr("Make the take"), take).open()


def ask_voice_of_take(page: ItemsWorkspace) -> None:
    """Name who speaks in the chosen take."""
    item, take = page.model.item_id, page.model.take
    if take is None:
        return
    name = take.id

    def say(speaker: str) -> bool:
        return speaker == take.speaker or page.model.do(SetTakeSpeaker(item, name, speaker))

    VoiceDialog(page, tr("Whose voice is in take {id}?").format(id=name), take.speaker, tr("Take it"), say).open()
