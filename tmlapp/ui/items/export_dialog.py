"""Export (Ctrl+E): a dataset folder, a folder like Full-Duplex-Bench's, or the windows for Praat and ELAN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit

from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.set_dialogs import folder_name
from tmlapp.ui.text import bytes_text, tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.dataset import Exported
    from tmlapp.ui.items.workspace import ItemsWorkspace

_ENDINGS = {"textgrid": ".TextGrid", "eaf": ".eaf"}


def ask_export(page: ItemsWorkspace) -> None:
    """Which form, and where to."""
    if page.model.editor is not None:
        ExportDialog(page).open()


class ExportDialog(FormDialog):
    """The folder must be new: what was published is never overwritten."""

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page, page.theme, name="export", title=tr("Export"), yes=tr("Export"), width=600)
        self._page = page
        kinds = [
            (tr("Dataset: items.jsonl, sound, card, checksums (loads with datasets)"), "dataset"),
            (tr("Folder as of Full-Duplex-Bench"), "fdb"),
            (tr("Windows of every take as Praat TextGrid"), "textgrid"),
            (tr("Windows of every take as ELAN EAF"), "eaf"),
        ]
        self.kind = self.choice(tr("&Form"), kinds, "dataset")
        self.out = QLineEdit()
        self.out.setAccessibleName(tr("Folder"))
        browse = KeyButton(page.theme, tr("Choose…"))
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.out, 1)
        row.addWidget(browse)
        label = QLabel(tr("&Folder"))
        label.setBuddy(self.out)
        self.form.addRow(label, row)
        self.parts = self.line(tr("&Parts"), hint=tr("as last time; e.g. train=0.8, test=0.2"))
        self.parts.setToolTip(tr("Shares of the items; no speaker is in two parts"))
        self.previous = self.line(tr("&Version before"), hint=tr("its folder, for the changelog; may be empty"))
        self.only_valid = QCheckBox(tr("leave out items with errors"))
        self.form.addRow("", self.only_valid)
        self.kind.currentIndexChanged.connect(lambda _i: self._suggest())
        self.on_yes(self._done)
        self._suggest()
        self._count()
        self._over = False
        self.finished.connect(self._end)
        folder = page.model.folder
        if folder is not None:
            page.host.work(lambda: page.services.parts(folder), self._show_parts)

    def _suggest(self) -> None:
        page, kind = self._page, str(self.kind.currentData())
        state = page.model.state
        name = folder_name(state.name) or "items"
        ending = f"-{state.version}" if kind == "dataset" and state.version else f"-{kind}"
        self.out.setText(str(page.host.settings.recordings_dir / "exports" / f"{name}{ending}"))
        self.only_valid.setVisible(kind in ("dataset", "fdb"))
        for field in (self.parts, self.previous):
            self.form.setRowVisible(field, kind == "dataset")

    def _show_parts(self, parts: str) -> None:
        """How the set was split last time."""
        if not self._over and not self.parts.text():
            self.parts.setText(parts)

    def _end(self, _code: int) -> None:
        self._over = True

    def _count(self) -> None:
        items = self._page.model.state.items
        valid = sum(self._page.checking.state_of(i).valid for i in items)
        self.only_valid.setChecked(valid < len(items))
        self.say(tr("{n} of {m} items are valid. The takes in the set stay as they are.").format(n=valid, m=len(items)))

    def _browse(self) -> None:
        dialog = QFileDialog(self, tr("Folder to make"), str(Path(self.out.text()).parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda path: self.out.setText(str(Path(path) / Path(self.out.text()).name)))
        dialog.open()

    def _done(self) -> bool:
        page, out = self._page, Path(self.out.text().strip()).expanduser()
        folder, state, only_valid = page.model.folder, page.model.state, self.only_valid.isChecked()
        kind = str(self.kind.currentData())
        if folder is None:
            return False
        if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
            self.say_wrong(tr("There is something at this place already: give a new folder."))
            return False
        services, parts = page.services, self.parts.text().strip()
        before = self.previous.text().strip()
        previous = Path(before).expanduser() if before and kind == "dataset" else None
        if previous is not None and not (previous / "items.jsonl").is_file():
            self.say_wrong(tr("The version before is the folder of a dataset, with an items.jsonl in it."))
            return False
        page.show_note(tr("Exporting…"))

        def dataset() -> str:
            done = services.export(state, folder, out, only_valid, parts, previous)
            return _told(done)

        def fdb() -> str:
            n = services.export_fdb(state, folder, out, only_valid)
            return tr("{n} items written to {out}.").format(n=n, out=out)

        def tiers() -> str:
            n = 0
            for item in state.items:
                for take in item.takes:
                    if not take.discarded:
                        services.write_tiers(out / f"{item.id}-{take.id}{_ENDINGS[kind]}", item, take)
                        n += 1
            if not n:
                what = tr("There is nothing to export.")
                raise AppError(what, tr("The set has no take."), tr("Record a take first."))
            return tr("{n} files written to {out}.").format(n=n, out=out)

        jobs: dict[str, Callable[[], str]] = {"dataset": dataset, "fdb": fdb}
        page.host.work(jobs.get(kind, tiers), page.show_note)
        return True


def _told(done: Exported) -> str:
    parts = ", ".join(f"{name} {n}" for name, n in done.parts.items())
    text = tr("{n} items, {size}, in {out} ({parts}).").format(
        n=len(done.items), size=bytes_text(done.size_bytes), out=done.folder, parts=parts
    )
    left = tr("{n} left out.").format(n=len(done.left_out)) if done.left_out else ""
    return " ".join(p for p in (text, left, *done.notes) if p)
