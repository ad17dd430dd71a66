"""Import windows from a TextGrid or an EAF: what would change is shown before it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QListWidget

from tmlapp.bench.authoring.model import Expectation, ItemDraft, Take
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.parts import seconds, span_text
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.interchange.of_take import ImportedWindows
    from tmlapp.ui.items.workspace import ItemsWorkspace


def ask_windows(page: ItemsWorkspace) -> None:
    """Which file; it is read aside, then shown."""
    if page.model.take is None:
        return
    dialog = QFileDialog(page, tr("Import windows"))
    dialog.setObjectName("import-windows")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters([f"{tr('Praat and ELAN')} (*.TextGrid *.textgrid *.eaf)", f"{tr('All files')} (*)"])
    dialog.fileSelected.connect(lambda path: read_windows(page, Path(path)))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def read_windows(page: ItemsWorkspace, path: Path) -> None:
    """Show what `path` says about the chosen take."""
    item, take = page.model.item, page.model.take
    if item is None or take is None:
        return
    page.host.work(
        lambda: page.services.windows_from(path, take),
        lambda found: WindowsDialog(page, path, item, take, found).open(),
    )


class WindowsDialog(FormDialog):
    """A line for each change."""

    def __init__(self, page: ItemsWorkspace, path: Path, item: ItemDraft, take: Take, found: ImportedWindows) -> None:
        super().__init__(
            page, page.theme, name="windows", title=tr("Import windows"), yes=tr("Take it over"), width=640
        )
        self._page = page
        self._command = found.commands(item, take)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("What would change"))
        self.list.setMinimumHeight(page.theme.px(180))
        self.body.addWidget(self.list)
        for line in changes(take, found):
            self.list.addItem(line)
        for problem in found.problems:
            self.list.addItem(f"▲ {problem}")
        nothing = not self._command.commands
        self.yes.setEnabled(not nothing)
        name = tr("{file} says the same as the take; nothing would change.")
        n = self.list.count() - len(found.problems)
        one = tr("{file}: 1 change for {item} {take}. Ctrl+Z takes it back.")
        text = one if n == 1 else tr("{file}: {n} changes for {item} {take}. Ctrl+Z takes them back.")
        self.say((name if nothing else text).format(file=path.name, n=n, item=item.id, take=take.id))
        self.on_yes(lambda: page.model.do(self._command))


def changes(take: Take, found: ImportedWindows) -> list[str]:
    """What differs, a line each."""
    before = {e.id: e for e in take.expectations}
    lines = [_changed(before[e.id], e) for e in found.expectations if e.id in found.changed]
    for value in found.expectations:
        if value.id in found.added:
            window = span_text(value.window, 3)
            lines.append(tr("＋ {id}: new window {window} s {meaning}").format(
                id=value.id, window=window, meaning=value.meaning
            ))  # fmt: skip
    if found.instruction is not None and found.instruction != take.instruction:
        now = span_text(take.instruction, 3) if take.instruction else "–"
        lines.append(tr("instruction: {a} → {b} s").format(a=now, b=span_text(found.instruction, 3)))
    if found.stop is not None and found.stop != take.stop:
        now = seconds(take.stop, 3) if take.stop is not None else "–"
        lines.append(tr("stop request: {a} → {b} s").format(a=now, b=seconds(found.stop, 3)))
    if found.user_words is not None and found.user_words != take.user_words:
        lines.append(tr("words: {a} → {b} entries").format(a=len(take.user_words), b=len(found.user_words)))
    lines += [tr("{id} has no window in the file and stays as it is").format(id=name) for name in found.missing]
    return lines


def _changed(old: Expectation, new: Expectation) -> str:
    parts = []
    if old.window != new.window:
        parts.append(tr("window {a} → {b} s").format(a=span_text(old.window, 3), b=span_text(new.window, 3)))
    if (old.cue, old.cue_text) != (new.cue, new.cue_text):
        parts.append(tr("cue {a} → {b} s {text}").format(
            a=span_text(old.cue, 3), b=span_text(new.cue, 3), text=new.cue_text
        ))  # fmt: skip
    if old.t_ref != new.t_ref:
        parts.append(tr("reference {a} → {b} s").format(a=seconds(old.t_ref, 3), b=seconds(new.t_ref, 3)))
    if old.meaning != new.meaning:
        parts.append(tr("meaning “{a}” → “{b}”").format(a=old.meaning, b=new.meaning))
    return f"{new.id}: {', '.join(parts)}"
