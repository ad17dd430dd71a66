"""What can be written of a recording from here: a menu of formats, for all of it or for what is looked at."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QMenu

from tmlapp.bench.review.exports import FORMATS, Format, export_recording
from tmlapp.core.errors import AppError
from tmlapp.recording.export.pace import StoppedError
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace


class Exporting:
    """The menu, the question where to, and the job; one at a time."""

    def __init__(self, page: ReviewWorkspace) -> None:
        self._page = page
        self._stop = threading.Event()
        self._busy = False

    def menu(self) -> QMenu:
        """Formats of the whole recording, and of the stretch that is looked at where it is not all."""
        menu = QMenu(self._page)
        menu.aboutToHide.connect(menu.deleteLater)
        if self._busy:
            menu.addAction(tr("Stop the export")).triggered.connect(self._stop.set)
            return menu
        for known in FORMATS:
            menu.addAction(f"{tr(known.title)}…").triggered.connect(lambda _=False, f=known: self.ask(f, part=False))
        if self._page.axis.span_ns < self._page.axis.duration_ns:
            part = menu.addMenu(tr("Only what is looked at"))
            for known in FORMATS:
                if known.stretch:
                    part.addAction(f"{tr(known.title)}…").triggered.connect(
                        lambda _=False, f=known: self.ask(f, part=True)
                    )
        return menu

    def ask(self, chosen: Format, *, part: bool) -> None:
        """Ask where to, then write."""
        path = self._page.path
        if path is None:
            return
        dialog = QFileDialog(self._page, tr("Export to"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDirectory(str(path.parent))
        dialog.selectFile(f"{path.stem}{chosen.suffix}")
        dialog.fileSelected.connect(lambda out: self.write(chosen, Path(out), part=part))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def write(self, chosen: Format, out: Path, *, part: bool) -> None:
        """Write `out`; the dialog has asked whether a file that is there may be replaced."""
        page, path = self._page, self._page.path
        if path is None:
            return
        start_ns = round(page.axis.start_ns) if part else 0
        end_ns = round(page.axis.end_ns) if part else None
        lanes = page.found
        self._stop.clear()
        self._busy = True

        def job() -> list[Path]:
            try:
                return export_recording(
                    path, out, format=chosen.name, start_ns=start_ns, end_ns=end_ns, force=True, lanes=lanes,
                    cancelled=self._stop.is_set,
                )  # fmt: skip
            except StoppedError:
                return []

        page.show_note(tr("Writing {name}…").format(name=out.name))
        page.aside.work(job, self._written, self._failed)

    def stop(self) -> None:
        """The window closes."""
        self._stop.set()

    def _written(self, files: list[Path]) -> None:
        self._busy = False
        text = tr("Written: {path}").format(path=files[0]) if files else tr("The export was stopped; nothing is left.")
        self._page.show_note(text)

    def _failed(self, error: AppError) -> None:
        self._busy = False
        self._page.show_note("")
        self._page.show_error(error)
