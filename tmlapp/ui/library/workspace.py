"""The Library workspace: search at the top, the table below it, what is chosen at the right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QFrame,
    QLabel,
    QStackedWidget,
)

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.pictures import Wanted
from tmlapp.bench.catalogue.refresh import Progress, Refreshed
from tmlapp.bench.catalogue.store import Sort
from tmlapp.core.errors import AppError
from tmlapp.recording.thumbnail import Thumbnail
from tmlapp.ui.controls import ErrorBanner, KeyButton
from tmlapp.ui.library import keys, parts
from tmlapp.ui.library.acts import Acts, files_of
from tmlapp.ui.library.detail import Detail
from tmlapp.ui.library.model import LibraryModel, kept_or_made
from tmlapp.ui.library.search import Chips, SearchBox, SearchHelp
from tmlapp.ui.library.shelf import Shelf
from tmlapp.ui.library.style import library_sheet
from tmlapp.ui.library.table import LibraryTable
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme
from tmlapp.ui.workspace import Host, Workspace

_EVERY = 100
_REST_MS = 150


class _Bridge(QObject):
    """Carries progress from the thread that looks to the window's.

    Signals:
        moved: a `Progress`.
    """

    moved = Signal(object)


class LibraryWorkspace(Workspace):
    """Every recording, run and set of items under the folders of the settings."""

    header: QFrame
    search: SearchBox
    chips: Chips
    pages: QStackedWidget
    undo_button: KeyButton
    rescan_button: KeyButton
    count: QLabel
    note: QLabel
    notice: QLabel
    empty_title: QLabel
    empty_text: QLabel

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        theme = host.theme
        self.shelf: Shelf | None = None
        self._text, self._sort, self._ascending = "", "created", False
        self.show_next: Path | None = None
        self._looking = self._again = self._cancel = self._shut = False
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(_REST_MS)
        self._resting.timeout.connect(self._list_files)
        self._bridge = _Bridge()
        self._bridge.moved.connect(self._on_progress)
        self.acts = Acts(self)
        keys.register(host.actions_, self)
        self.model = LibraryModel(theme)
        self.model.pictures_wanted.connect(self._make_pictures)
        # After the paint that met it, not in it.
        self.model.failed.connect(self.show_error, Qt.ConnectionType.QueuedConnection)
        self.table = LibraryTable(theme, self.model)
        self.table.opened.connect(self.open_chosen)
        self.table.chosen.connect(self.show_chosen)
        self.table.sort_asked.connect(self.sort_by)
        self.detail = Detail(theme, host.actions_)
        self.detail.named.connect(self.acts.rename)
        self.detail.tagged.connect(self.acts.tag)
        self.detail.left.connect(self.focus_table)
        self.banner = ErrorBanner(theme)
        parts.build(self, theme)
        self.set_theme(theme)
        self.table.show_sort("created", False)
        self._say_emptiness()

    # ------------------------------------------------------------------ Workspace

    def set_theme(self, theme: Theme) -> None:
        self.setStyleSheet(library_sheet(theme))
        for part in (self.model, self.table, self.detail, self.search, self.chips, self.undo_button):
            part.set_theme(theme)
        self.rescan_button.set_theme(theme)
        self.banner.button.set_theme(theme)
        self.header.setFixedHeight(theme.px(48))

    def entered(self) -> None:
        self.focus_table()
        if self.shelf is None:
            self.host.work(Shelf, self._on_shelf)
        else:
            self.rescan()

    def shut(self) -> None:
        self._shut = True
        self.model.stop()
        self.search.stop()
        self._resting.stop()
        if self.shelf is not None:
            self.shelf.close()

    def show_error(self, error: AppError) -> bool:
        self.banner.show_error(error)
        return True

    def show_note(self, text: str) -> None:
        self.note.setText(text)

    def open(self, what: Any) -> None:
        """Search for `what`, a text."""
        self.search.ask(str(what))

    # ------------------------------------------------------------------ looking at the files

    @property
    def roots(self) -> list[Path]:
        """The folders that are shown."""
        settings = self.host.settings
        return list(dict.fromkeys(p.absolute() for p in (settings.recordings_dir, *settings.library_folders)))

    def _on_shelf(self, shelf: Shelf) -> None:
        if self._shut:
            shelf.close()
            return
        self.shelf = shelf
        self.model.use(shelf.catalogue)
        self.reload()
        words = tr("full-text index") if shelf.catalogue.full_text == "fts5" else tr("no full-text index")
        self.notice.setText(shelf.catalogue.notice or words)
        self.rescan()

    def rescan(self) -> None:
        """Look for new, changed, moved and deleted files."""
        if self.shelf is None or self._looking:
            self._again = self._looking
            return
        self._looking, self._again, self._cancel = True, False, False
        shelf, roots = self.shelf, self.roots
        self.show_note(tr("Looking at the files…"))
        self._say_emptiness()
        self.host.work(
            lambda: shelf.look(roots, self._tell, lambda: self._cancel), self._on_looked, self._on_look_failed
        )

    def _tell(self, progress: Progress) -> None:
        if not self._shut and (progress.done % _EVERY == 0 or progress.done == progress.total):
            self._bridge.moved.emit(progress)

    def _on_progress(self, progress: Progress) -> None:
        if self._shut or not self._looking or not progress.total:
            return
        told = tr("Reading {done} of {total} · Esc stops").format(done=progress.done, total=progress.total)
        self.show_note(told)
        self.reload()

    def _on_looked(self, found: Refreshed) -> None:
        self._looking = False
        self.reload()
        self._go_to_next()
        parts = [tr("{n} files").format(n=found.files)]
        parts += [tr("{n} read").format(n=found.read)] if found.read else []
        parts += [tr("{n} moved").format(n=found.moved)] if found.moved else []
        parts += [tr("stopped; F5 goes on")] if found.cancelled else []
        self.show_note(" · ".join([self.acts.last_note, *parts] if self.acts.last_note else parts))
        self.acts.last_note = ""
        if found.unread:
            path, why = found.unread[0]
            self.notice.setText(tr("{path} cannot be read: {why}").format(path=path, why=why))
        if self._again:
            self.rescan()

    def _go_to_next(self) -> None:
        """Put the cursor on the file that was just made."""
        path, self.show_next = self.show_next, None
        entry = None if path is None or self.shelf is None else self.shelf.catalogue.at(path)
        row = None if entry is None else self.model.row_of(entry.id)
        if row is not None:
            self.table.choose([row])

    def _on_look_failed(self, error: AppError) -> None:
        self._looking = False
        self.show_error(error)

    # ------------------------------------------------------------------ searching

    def reload(self) -> None:
        """Ask the catalogue again, and keep what is chosen."""
        if self.shelf is None:
            return
        chosen = [e.id for e in self.chosen()]
        current = self.model.ids[self.table.currentIndex().row()] if self.table.currentIndex().isValid() else None
        sort: Sort = self._sort  # type: ignore[assignment]
        catalogue = self.shelf.catalogue
        try:
            ids = catalogue.search(self._text, sort=sort, ascending=self._ascending, roots=self.roots)
            counts, filled = catalogue.counts(self.roots), catalogue.filled(self.roots)
        except AppError as error:
            self.count.setText(error.what)
            self.count.setToolTip(f"{error.why} {error.fix}")
            return
        same = ids == self.model.ids
        self.table.show_columns(filled)
        self.model.show_ids(ids)
        rows = [row for i in chosen if (row := self.model.row_of(i)) is not None]
        at = self.model.row_of(current) if current is not None else None
        if not same and (rows or ids):
            self.table.choose(rows or [0], at)
        self._say_count(len(ids), counts)
        self._say_emptiness()
        self.show_chosen()

    def _say_count(self, found: int, counts: dict[str, int]) -> None:
        missing = counts.get("missing", 0)
        told = tr("{n} found").format(n=found) if self._text else tr("{n} in all").format(n=found)
        self.count.setText(told + (" · " + tr("{n} missing").format(n=missing) if missing else ""))
        self.count.setToolTip(tr("is:missing shows what was here and is gone") if missing else "")

    def _say_emptiness(self) -> None:
        # A list that goes or comes takes the keys along, unless the person types.
        keys_here = not self.search.hasFocus() and not self.detail.isAncestorOf(QApplication.focusWidget() or self)
        self.pages.setCurrentIndex(0 if self.model.ids else 1)
        self.detail.setVisible(bool(self.model.ids))
        if keys_here and self.isVisible():
            self.focus_table()
        if self.model.ids:
            return
        if self.shelf is None or self._looking:
            title, text = tr("Looking at the files…"), "\n".join(str(r) for r in self.roots)
        elif self._text:
            title, text = tr("Nothing matches"), tr("Esc shows everything again; F1 shows what can be asked for.")
        else:
            title = tr("No recordings yet")
            text = tr("Go to Live (Ctrl+1) and press Space to record a session, or add a folder (Ctrl+Shift+O).")
            text += "\n\n" + "\n".join(str(r) for r in self.roots)
        self.empty_title.setText(title)
        self.empty_text.setText(text)

    def ask(self, text: str) -> None:
        """Show what matches `text`."""
        if text != self._text:
            self._text = text
            self.reload()
            self._offer_conditions()

    def _offer_conditions(self) -> None:
        if self.shelf is None:
            return
        given = self.shelf.catalogue
        more = [f"endpoint:{v}" for v in given.values_of("endpoint")[:30]]
        more += [f"suite:{v}" for v in given.values_of("suite")[:30]]
        more += [f'tag:"{v}"' if " " in v else f"tag:{v}" for v in given.values_of("tags")[:60]]
        self.search.completer_.offer(more)

    def take_chip(self, text: str) -> None:
        """A chip makes the search `text`."""
        self.search.ask(text)
        self.focus_table()

    def sort_by(self, column: str) -> None:
        """Sort by `column`; once more turns the order round."""
        self._ascending = not self._ascending if column == self._sort else column not in ("created", "size", "duration")
        self._sort = column
        self.table.show_sort(column, self._ascending)
        self.reload()

    # ------------------------------------------------------------------ what is chosen

    def chosen(self) -> list[Entry]:
        """The entries of the selection, from the top."""
        return [e for row in self.table.chosen_rows() if (e := self.model.entry(row)) is not None]

    def show_chosen(self) -> None:
        """Bring panel and commands in line with the selection."""
        chosen = self.chosen()
        self.detail.show_entries(chosen, self.model.picture(chosen[0]) if len(chosen) == 1 else None)
        self.acts.offer(chosen)
        self.detail.arrange()
        self._resting.start()

    def _list_files(self) -> None:
        """Say what lies beside the one that is chosen, once the cursor rests on it."""
        chosen = self.chosen()
        if len(chosen) != 1 or self._shut:
            return
        entry = chosen[0]

        def show(files: list[Path]) -> None:
            now = self.chosen()
            if not self._shut and len(now) == 1 and now[0].id == entry.id:
                self.detail.show_files(entry, files)

        self.host.work(lambda: files_of(entry), show)

    def _make_pictures(self, wanted: list[Wanted]) -> None:
        shelf = self.shelf
        if shelf is None or self._shut:
            return

        def make() -> dict[str, Thumbnail]:
            there, missing = kept_or_made(wanted)
            return there | (shelf.thumbnails(missing) if missing else {})

        self.host.work(make, self._on_pictures)

    def _on_pictures(self, made: dict[str, Thumbnail]) -> None:
        if self._shut:
            return
        self.model.take(made)
        chosen = self.chosen()
        if len(chosen) == 1:
            self.detail.show_picture(chosen[0], self.model.picture(chosen[0]))

    # ------------------------------------------------------------------ commands

    def focus_table(self) -> None:
        """Put the keys on the list, or on the page where there is none."""
        if self.pages.currentIndex():
            self.pages.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        if not self.table.currentIndex().isValid() and self.model.ids:
            self.table.choose([0])

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def show_help(self) -> None:
        SearchHelp(self.host.theme, self).open()

    def edit_tags(self) -> None:
        self.detail.tags.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def edit_name(self) -> None:
        self.detail.name.edit()

    def back(self) -> None:
        """Esc: the innermost thing first."""
        if self.detail.name.give_up() or self.detail.tags.hasFocus():
            self.detail.tags.clear()
        elif self.banner.isVisible():
            self.banner.dismiss()
        elif self._looking and not self._cancel:
            self._cancel = True
        elif self.search.text():
            self.search.ask("")
        self.focus_table()

    def open_chosen(self) -> None:
        chosen = self.chosen()
        if chosen:
            self.acts.open(chosen[0])

    def copy_path(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(str(e.folder) for e in self.chosen()))

    def add_folder(self) -> None:
        """Ask for a folder, and show what lies in it from now on."""
        dialog = QFileDialog(self, tr("Show a further folder"))
        dialog.setObjectName("choose-folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda path: self.take_folder(Path(path)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def take_folder(self, folder: Path) -> None:
        """Show what lies in `folder` from now on."""
        settings = self.host.settings
        if folder not in self.roots:
            folders = (*settings.library_folders, folder)
            self.host.keep_settings(settings.model_copy(update={"library_folders": folders}))
        self.rescan()
