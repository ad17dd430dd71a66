"""Asks where frames are saved to, and says where they went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from tmlapp.core.errors import AppError
from tmlapp.ui.endpoints.aside import Aside
from tmlapp.ui.endpoints.wire_rows import WireRow
from tmlapp.ui.endpoints.wire_save import save_wire
from tmlapp.ui.text import tr


def ask_save(
    parent: QWidget,
    rows: Sequence[WireRow],
    path: Path,
    aside: Aside,
    *,
    done: Callable[[str], object],
    failed: Callable[[AppError], object],
) -> None:
    """Save `rows` where the person says, `path` if they agree to it; `done` gets what is to be told."""
    dialog = QFileDialog(parent, tr("Save frames"))
    dialog.setObjectName("save-frames")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters([f"{tr('Frames, one a line')} (*.jsonl)"])
    dialog.setDefaultSuffix("jsonl")
    dialog.setDirectory(str(path.parent))
    dialog.selectFile(path.name)

    def write(chosen: str) -> None:
        aside.run(
            lambda: save_wire(rows, Path(chosen)),
            lambda at: done(tr("{n} frames saved to {path}").format(n=len(rows), path=at)),
            failed,
        )

    dialog.fileSelected.connect(write)
    dialog.open()
