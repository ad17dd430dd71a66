"""After the stop: fills the result card, and does what a person asks for there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from tmlapp.ui.judging import Graded, Judgement, Question
from tmlapp.ui.prompts import ask_trash
from tmlapp.ui.services import Output

if TYPE_CHECKING:
    from tmlapp.ui.bridge import Session
    from tmlapp.ui.window import MainWindow


class AfterSession(QObject):
    """Between result card and controller. An answer about a recording that is no longer shown is dropped."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._card, self._controller = window.result, window.controller
        card, controller = self._card, self._controller
        controller.outputs_read.connect(self._on_outputs)
        controller.graded.connect(self._on_graded)
        controller.asked.connect(self._on_asked)
        controller.reported.connect(self._on_reported)
        card.again.connect(window.toggle)
        card.open_folder.connect(self.open_folder)
        card.report.connect(self.write_report)
        card.trash.connect(self.ask_trash)
        card.judge.judged.connect(self._grade)
        card.judge.refused.connect(window.banner.show_error)

    def show(self, session: Session) -> None:
        """`session` is over."""
        recording = session.recording_path
        self._card.show_result(recording, session.snapshot().t_ns, session.error)
        if recording is not None and recording.suffix == ".mcap":
            self._controller.read_outputs(recording)
            self._controller.read_grades(recording)

    def open_folder(self) -> None:
        recording = self._card.recording
        folder = recording.parent if recording else self._controller.settings.recordings_dir
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def ask_trash(self) -> None:
        recording = self._card.recording
        if recording is not None and not self._controller.live:
            ask_trash(self._window, recording.name, lambda: self._controller.trash(recording, self._card.show_trashed))

    def focus_grade(self) -> None:
        """Put the cursor where the person says what really happened."""
        if self._card.judge.isVisible():
            self._card.judge.focus()
            self._card.area.ensureWidgetVisible(self._card.judge)

    def write_report(self) -> None:
        """Write the report beside the recording; it opens when it is done."""
        if self._card.recording is not None and not self._controller.live:
            self._controller.write_report(self._card.recording)

    def _grade(self, judgement: Judgement) -> None:
        if self._card.recording is not None:
            self._window.banner.hide()
            self._window.focus_stage()
            self._controller.grade_by_hand(self._card.recording, judgement)

    def _on_outputs(self, recording: Path, outputs: list[Output]) -> None:
        if recording == self._card.recording:
            self._card.show_outputs(outputs)

    def _on_graded(self, recording: Path, grades: list[Graded]) -> None:
        if recording != self._card.recording:
            return
        self._card.show_grades(grades)
        # Where the truth of the source is known, nobody needs to be asked.
        if not grades:
            self._controller.read_question(recording)

    def _on_asked(self, recording: Path, question: Question) -> None:
        if recording == self._card.recording:
            self._card.judge.ask(question)
            self._window.update_actions()

    def _on_reported(self, recording: Path, page: Path) -> None:
        if recording == self._card.recording:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(page.absolute())))
