"""The same input into another model: the question which, the session, its progress, and the second recording."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QProgressBar, QVBoxLayout

from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.live.session import LiveSession
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace

_LOOK_MS = 100


@dataclass(slots=True)
class ReplayJob:
    """One replay, run on a worker thread; the window looks at `session` and sets `cancelled`."""

    path: Path
    endpoint: str
    instruction: str
    settings: Settings
    allow_remote: bool = False
    session: LiveSession | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Path | None:
        """The new recording; None where it was cancelled.

        Raises:
            AppError: the endpoint is not there, or the session failed.
        """
        from tmlapp.live.plan import build_session, make_endpoint, plan_from_settings

        endpoint = make_endpoint(self.endpoint, self.settings)
        if not endpoint.local and not self.allow_remote:
            raise AppError(
                f"{self.endpoint} is not on this machine.",
                f"Sound and pictures of the recording would go to {endpoint.host}.",
                "Tick “may be sent” if they may.",
            )
        plan = plan_from_settings(
            self.settings,
            source=f"recording:{self.path}",
            instruction=self.instruction,
            endpoint=self.endpoint,
            clock="fast" if endpoint.local else "real",
            folder=self.path.parent,
            name=f"{self.path.stem}-replay",
            loudspeaker="none",
        )
        session = build_session(plan, self.settings)
        session.start()
        self.session = session
        while not session.wait(0.2):
            if self.cancelled.is_set():
                session.stop("the replay was cancelled")
        if session.error is not None:
            raise session.error
        return None if self.cancelled.is_set() else session.recording_path

    def share(self, duration_ns: int) -> float:
        """How much of it is done, 0 to 1."""
        session = self.session
        return min(1.0, session.now_ns() / max(1, duration_ns)) if session is not None else 0.0


class ReplayDialog(QDialog):
    """Asks for the endpoint, shows progress, can be cancelled; the result opens as the second recording."""

    def __init__(self, page: ReviewWorkspace, path: Path, instruction: str) -> None:
        super().__init__(page)
        self._page = page
        self._path = path
        self.job: ReplayJob | None = None
        theme = page.host.theme
        self.setWindowTitle(tr("Replay into another model"))
        self.setMinimumWidth(theme.px(460))
        self.endpoint = QLineEdit(page.host.settings.endpoint)
        self.endpoint.setAccessibleName(tr("Endpoint"))
        self.instruction = QLineEdit(instruction)
        self.instruction.setAccessibleName(tr("Instruction"))
        self.remote = QCheckBox(tr("Sound and picture may be sent to another machine"))
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName(tr("Progress"))
        self.words = QLabel(tr("The model gets the very same samples and frames; its answers make a new recording."))
        self.words.setObjectName("muted")
        self.words.setWordWrap(True)
        self.go = KeyButton(theme, tr("Replay"), kind="primary")
        self.cancel = KeyButton(theme, tr("Cancel"), key="Esc")
        self.go.clicked.connect(self.begin)
        self.cancel.clicked.connect(self.reject)
        form = QFormLayout()
        form.addRow(tr("Endpoint"), self.endpoint)
        form.addRow(tr("Instruction"), self.instruction)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addLayout(form)
        for part in (self.remote, self.words, self.progress):
            column.addWidget(part)
        column.addLayout(buttons)
        self.progress.hide()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        """Start the replay."""
        address = self.endpoint.text().strip()
        if self.job is not None or not address:
            return
        page = self._page
        self.job = ReplayJob(self._path, address, self.instruction.text(), page.host.settings, self.remote.isChecked())
        # Else it would go to Cancel, and one more Return would end what was just begun.
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        for part in (self.endpoint, self.instruction, self.remote, self.go):
            part.setEnabled(False)
        self.progress.show()
        self._timer.start()
        page.aside.work(self.job.run, self._done, self._failed)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Return replays, whatever field has the focus."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.begin()
        else:
            super().keyPressEvent(event)

    def reject(self) -> None:
        """Esc: cancel what runs, else close."""
        if self.job is not None:
            self.job.cancelled.set()
            self.words.setText(tr("Stopping…"))
        else:
            self._timer.stop()
            super().reject()

    def _look(self) -> None:
        if self.job is not None:
            self.progress.setValue(round(1000 * self.job.share(round(self._page.axis.duration_ns))))

    def _done(self, made: Path | None) -> None:
        self._timer.stop()
        self.job = None
        if made is None:
            self._page.show_note(tr("The replay was cancelled; what was recorded so far is kept."))
            super().reject()
            return
        self.accept()
        self._page.open_second(made)

    def _failed(self, error: AppError) -> None:
        self._timer.stop()
        self.job = None
        self.progress.hide()
        for part in (self.endpoint, self.instruction, self.remote, self.go):
            part.setEnabled(True)
        self.words.setText(f"{error.what} {error.why} {error.fix}")
        self.endpoint.setFocus()
