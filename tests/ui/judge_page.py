"""A page with nothing but the judging panel, in the place of Review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLabel

from tmlapp.core.errors import AppError
from tmlapp.ui.judge.panel import JudgePanel
from tmlapp.ui.workspace import Host, Workspace


class JudgePage(Workspace):
    """Shows what it is asked to open beside the panel, by name alone."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.judge = JudgePanel(host)
        self.shown = QLabel()
        self.opened: list[tuple[Path, float | None]] = []
        self.sought: list[float] = []
        self.blinded: list[bool] = []
        self.notes: list[str] = []
        self.errors: list[AppError] = []
        row = QHBoxLayout(self)
        row.addWidget(self.shown, 1)
        row.addWidget(self.judge)
        self.judge.setFixedWidth(300)
        self.judge.seek_wanted.connect(self.sought.append)
        self.judge.blind_changed.connect(self.blinded.append)

    def open(self, what: Any) -> None:
        self.opened.append(what)
        self.shown.setText(what[0].name)
        self.judge.show_recording(what[0])

    def show_note(self, text: str) -> None:
        self.notes.append(text)

    def show_error(self, error: AppError) -> bool:
        self.errors.append(error)
        return True
