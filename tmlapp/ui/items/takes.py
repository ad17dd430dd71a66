"""Takes of an item: choose the best, set aside, compare, import, make one of a recorded session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from tmlapp.bench.authoring.commands_takes import AddTake, ChooseBest, DiscardTake, RestoreTake
from tmlapp.ui.items.voice_dialog import NOBODY, ask_voice_of_file
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.taking import Taken
    from tmlapp.ui.items.workspace import ItemsWorkspace

_KINDS = "*.wav *.flac *.ogg *.mp3 *.mp4 *.mov *.mkv *.webm"


class Takes:
    """Acts on the chosen take."""

    def __init__(self, page: ItemsWorkspace) -> None:
        self._page = page
        self._last_folder = ""
        self._wish: tuple[Path, float, float | None] | None = None

    def choose_best(self) -> None:
        model = self._page.model
        take = model.take
        if take is None:
            return
        if take.discarded:
            self._page.show_note(tr("A discarded take cannot be the best: D restores it."))
        elif model.do(ChooseBest(model.item_id, take.id)):
            self._page.show_note(tr("{id} is the best take now.").format(id=take.id))

    def toggle_discarded(self) -> None:
        model = self._page.model
        take = model.take
        if take is None:
            return
        if take.discarded:
            if model.do(RestoreTake(model.item_id, take.id)):
                self._page.show_note(tr("{id} is back.").format(id=take.id))
        elif model.do(DiscardTake(model.item_id, take.id)):
            self._page.show_note(tr("{id} is set aside; D brings it back.").format(id=take.id))

    def compare(self) -> None:
        """A table of all takes."""
        from tmlapp.ui.items.takes_dialog import TakesDialog

        if self._page.model.item is not None:
            TakesDialog(self._page).open()

    def ask_import(self) -> None:
        """Which file to make a take of."""
        page = self._page
        if page.model.item is None:
            return
        dialog = QFileDialog(page, tr("Import sound or video"))
        dialog.setObjectName("import-take")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"{tr('Sound and video')} ({_KINDS})", f"{tr('All files')} (*)"])
        if self._last_folder:
            dialog.setDirectory(self._last_folder)
        dialog.fileSelected.connect(lambda path: ask_voice_of_file(page, Path(path)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def take_file(self, path: Path, speaker: str = NOBODY) -> None:
        """Make a take of the file `path`, in which `speaker` speaks."""
        page = self._page
        item, folder = page.model.item, page.model.folder
        if item is None or folder is None:
            return
        self._last_folder = str(path.parent)
        page.recording.leave()
        page.show_note(tr("Reading {name}…").format(name=path.name))
        self._make(item.id, lambda: page.services.take_from_file(folder, item, path, speaker))

    def item_of(self, recording: Path, from_s: float, to_s: float | None) -> None:
        """Make an item of a part of `recording`, in session time; where no set is open, one is asked for first."""
        self._wish = (Path(recording), from_s, to_s)
        if not self._page.sets.opening:
            self.go_on()

    def go_on(self) -> None:
        """A set is open now, or could not be opened: what waits for one goes on."""
        if self._wish is None:
            return
        if self._page.model.editor is None:
            self._page.sets.ask_which()
            return
        wish, self._wish = self._wish, None
        self.ask_stretch(*wish)

    def forget(self) -> None:
        """The page was left: nothing waits any more."""
        self._wish = None

    def ask_stretch(self, recording: Path | None = None, from_s: float = 0.0, to_s: float | None = None) -> None:
        """Which part of which recording to make a take of."""
        from tmlapp.ui.items.stretch_dialog import StretchDialog

        StretchDialog(self._page, recording, from_s, to_s).open()

    def take_stretch(self, recording: Path, start_ns: int, end_ns: int | None, speaker: str = NOBODY) -> None:
        """Make a take of a part of `recording`, in which `speaker` speaks."""
        page = self._page
        item, folder = page.model.item, page.model.folder
        if item is None or folder is None:
            return
        self._make(item.id, lambda: page.services.take_from_stretch(folder, item, recording, start_ns, end_ns, speaker))

    def _make(self, item: str, job: Callable[[], Taken]) -> None:
        page = self._page

        def done(taken: Taken) -> None:
            if page.model.do(AddTake(item, taken.take)):
                page.model.choose_item(item)
                page.model.choose_take(taken.take.id)
                page.show_note(" ".join((tr("Take {id} made.").format(id=taken.take.id), *taken.notes)))
                page.give_keys_back()

        page.host.work(job, done)
