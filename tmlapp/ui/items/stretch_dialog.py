"""Make a take of a part of a recorded session: which recording, from when to when, for which item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit

from tmlapp.bench.authoring.commands_items import AddItem
from tmlapp.bench.authoring.model import ItemDraft, new_item_id
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.voice_dialog import NOBODY, voices
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.items.workspace import ItemsWorkspace

_NEW = ""


class StretchDialog(FormDialog):
    """Times are session times, written as 12.5 or 1:02.5."""

    def __init__(self, page: ItemsWorkspace, recording: Path | None, from_s: float, to_s: float | None) -> None:
        title = tr("Make an item from this stretch") if recording else tr("Take from a recording")
        super().__init__(page, page.theme, name="stretch", title=title, yes=tr("Make the take"))
        self._page = page
        self.path = QLineEdit(str(recording or ""))
        self.path.setAccessibleName(tr("Recording"))
        self.path.setPlaceholderText(tr("a .mcap recording"))
        browse = KeyButton(page.theme, tr("Choose…"))
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        label = QLabel(tr("&Recording"))
        label.setBuddy(self.path)
        self.form.addRow(label, row)
        self.begin = self.line(tr("&From, in seconds"), _text(from_s))
        self.end = self.line(tr("&To, in seconds"), "" if to_s is None else _text(to_s), tr("empty: to the end"))
        items = [(i.id, i.id) for i in page.model.state.items]
        current = _NEW if recording is not None else page.model.item_id
        self.item = self.choice(tr("For &item"), [(tr("a new item"), _NEW), *items], current)
        self.voice = self.choice(tr("&Who speaks"), voices(page.model.state), NOBODY)
        self.on_yes(self._done)
        (self.begin if recording else self.path).setFocus()

    def _browse(self) -> None:
        dialog = QFileDialog(self, tr("Choose a recording"), str(self._page.host.settings.recordings_dir))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"{tr('Recordings')} (*.mcap)"])
        dialog.fileSelected.connect(self.path.setText)
        dialog.open()

    def _done(self) -> bool:
        page = self._page
        path = Path(self.path.text().strip()).expanduser()
        if not path.is_file():
            self.say_wrong(tr("There is no such recording."))
            return False
        begin, end = time_of(self.begin.text()), time_of(self.end.text()) if self.end.text().strip() else None
        if end is not None and end <= begin:
            self.say_wrong(tr("The end lies before the beginning."))
            return False
        if self.item.currentData() == _NEW:
            state = page.model.state
            made = ItemDraft(
                id=new_item_id(state, state.suite),
                suite=state.suite,
                lang="en",
                author=state.author,
                licence=state.licence,
            )
            if not page.model.do(AddItem(made)):
                return False
            page.model.choose_item(made.id)
        else:
            page.model.choose_item(str(self.item.currentData()))
        end_ns = None if end is None else round(end * NS_PER_S)
        page.takes.take_stretch(path, round(begin * NS_PER_S), end_ns, str(self.voice.currentData()))
        return True


def _text(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def time_of(text: str) -> float:
    """Seconds of `12.5`, `1:02.5` or `1:00:02`.

    Raises:
        AppError: it is no time.
    """
    try:
        parts = [float(p.replace(",", ".")) for p in text.strip().split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= p < 1e6 for p in parts):
        raise AppError(tr("That is no time."), text, tr("Write 12.5 or 1:02.5."))
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + part
    return seconds
