"""Sets and items as a whole: open, make, describe, export; every dialog only asks, the editor's commands do it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from tmlapp.bench.authoring.commands_items import AddItem, DuplicateItem, RemoveItem, SetField
from tmlapp.bench.authoring.commands_takes import AddTake
from tmlapp.bench.authoring.model import ItemDraft, new_item_id
from tmlapp.core.errors import AppError
from tmlapp.ui.items.memory import save_memory
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.editor import Editor
    from tmlapp.bench.authoring.taking import Taken
    from tmlapp.ui.items.workspace import ItemsWorkspace


class Sets:
    """What the person does with the set that is open."""

    def __init__(self, page: ItemsWorkspace) -> None:
        self._page = page
        self._tried_latest = False
        self._opening: Path | None = None

    @property
    def home(self) -> Path:
        """Where sets lie unless the person says otherwise."""
        return self._page.host.settings.recordings_dir / "items"

    @property
    def opening(self) -> bool:
        """A set will be there in a moment."""
        return self._opening is not None

    # ------------------------------------------------------------------ open and close

    def open_latest(self) -> None:
        """Go on where the person left off, once; a set that is gone is no error."""
        page = self._page
        if self._tried_latest or page.model.editor is not None or self._opening is not None:
            return
        self._tried_latest = True
        recent = page.memory.recent
        if recent and (Path(recent[0]) / "set.json").is_file():
            self.open(Path(recent[0]))

    def open(self, folder: Path) -> None:
        """Open the set in `folder`; the one that is open is closed first."""
        page, folder = self._page, Path(folder)
        self._tried_latest = True
        if folder in (page.model.folder, self._opening):
            return
        self._opening = folder
        self.close()
        page.host.work(lambda: page.services.open_editor(folder), self._opened, self._not_opened)

    def make(self, folder: Path, fields: dict[str, str]) -> None:
        """Begin a set in `folder`."""
        page = self._page

        def begin() -> Editor:
            editor = page.services.open_editor(folder)
            for name, value in fields.items():
                if value:
                    editor.do(SetField(name, value))  # type: ignore[arg-type]
            # What the set was made with is neither a change to take back nor one to recover.
            editor.autosave()
            editor.forget_history()
            return editor

        self._opening = folder
        self.close()
        page.host.work(begin, self._opened, self._not_opened)

    def close(self) -> None:
        """Save and let go of the folder."""
        page, editor = self._page, self._page.model.editor
        if editor is None:
            return
        page.playing.stop()
        page.recording.leave()
        page.save_timer.stop()
        # What was said about this set is not true of the next.
        page.show_note("")
        page.model.use(None)
        try:
            editor.close()
        except AppError as error:
            page.show_error(error)

    def _opened(self, editor: Editor) -> None:
        page = self._page
        self._opening = None
        replayed, reports = editor.unsaved, editor.reports
        editor.add_listener(lambda _state: page.mirror.note_change())
        page.memory = page.memory.with_recent(editor.folder)
        self.remember()
        page.mirror.changed_s = None
        page.model.use(editor)
        page.checking.forget()
        page.checking.check_all()
        page.trying.read_tries()
        if page.on_screen:
            page.give_keys_back()
        if reports:
            page.show_error(
                AppError(tr("The set was repaired."), " ".join(reports), tr("Look at the latest items; go on then."))
            )
        elif replayed:
            text = tr("Recovered 1 change") if replayed == 1 else tr("Recovered {n} changes").format(n=replayed)
            page.show_note(tr("{text} that set.json did not hold yet.").format(text=text))
        self._find_lost_takes(editor)
        page.host.restored()
        page.takes.go_on()

    def _find_lost_takes(self, editor: Editor) -> None:
        """A recording that no take names: the program ended between the two. It becomes a take now."""
        page = self._page
        state = editor.state

        def have(found: list[tuple[str, Taken]]) -> None:
            if page.model.editor is not editor or not found:
                return
            commands = [AddTake(item, taken.take) for item, taken in found]
            if page.model.do(*commands, label=tr("take up recordings")):
                names = ", ".join(item for item, _ in found)
                page.show_note(tr("Recorded takes were found again: {names}.").format(names=names))

        page.host.work(lambda: page.services.lost_takes(editor.folder, state), have)

    def _not_opened(self, error: AppError) -> None:
        self._opening = None
        self._page.show_error(error)
        self._page.takes.go_on()

    def remember(self) -> None:
        """Keep what the page remembers between two starts."""
        try:
            save_memory(self._page.memory)
        except AppError as error:
            self._page.show_error(error)

    # ------------------------------------------------------------------ questions

    def ask_new(self) -> None:
        from tmlapp.ui.items.set_dialogs import NewSetDialog

        NewSetDialog(self._page, self._page.theme, self.home, self.make).open()

    def ask_which(self) -> None:
        """Something is to go into a set, and none is open."""
        box = QMessageBox(self._page)
        box.setObjectName("which-set")
        box.setWindowTitle(tr("Which set"))
        box.setText(tr("Into which set is the new item to go?"))
        box.setInformativeText(tr("It goes on as soon as a set is open."))
        make = box.addButton(tr("New set…"), QMessageBox.ButtonRole.AcceptRole)
        open_ = box.addButton(tr("Open a set…"), QMessageBox.ButtonRole.AcceptRole)
        make.clicked.connect(self.ask_new)
        open_.clicked.connect(self.ask_open)
        box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.setDefaultButton(make)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def ask_open(self) -> None:
        dialog = QFileDialog(self._page, tr("Open a set"))
        dialog.setObjectName("open-set")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        dialog.setDirectory(str(self.home if self.home.is_dir() else self._page.host.settings.recordings_dir))
        dialog.fileSelected.connect(lambda path: self.open(Path(path)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def ask_details(self) -> None:
        from tmlapp.ui.items.set_dialogs import SetDialog

        SetDialog(self._page, self._page.theme, self._page.model).open()

    def ask_item(self) -> None:
        from tmlapp.ui.items.set_dialogs import NewItemDialog

        NewItemDialog(self._page, self._page.theme, self._page.model.state, self._add_item).open()

    def ask_item_details(self) -> None:
        from tmlapp.ui.items.set_dialogs import ItemDialog

        if self._page.model.item is not None:
            ItemDialog(self._page, self._page.theme, self._page.model).open()

    def ask_speakers(self) -> None:
        from tmlapp.ui.items.speakers import SpeakersDialog

        if self._page.model.editor is not None:
            SpeakersDialog(self._page, self._page.theme, self._page.model, self._page.services.today()).open()

    def ask_export(self) -> None:
        from tmlapp.ui.items.export_dialog import ask_export

        ask_export(self._page)

    def ask_windows(self) -> None:
        from tmlapp.ui.items.windows_dialog import ask_windows

        ask_windows(self._page)

    # ------------------------------------------------------------------ items

    def _add_item(self, item: ItemDraft) -> bool:
        if not self._page.model.do(AddItem(item)):
            return False
        self._page.model.choose_item(item.id)
        self._page.edit_script()
        return True

    def duplicate(self) -> None:
        model = self._page.model
        item = model.item
        if item is not None:
            name = new_item_id(model.state, item.suite)
            if model.do(DuplicateItem(item.id, name)):
                model.choose_item(name)

    def remove_item(self) -> None:
        model = self._page.model
        if model.item is not None and model.do(RemoveItem(model.item_id)):
            self._page.show_note(tr("Removed. Ctrl+Z brings it back; its takes are still on the disk."))
