"""`tmlapp open`: the window begins where it was told to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from tests.bench.sessions import make_recording
from tmlapp.config.settings import Settings, save_settings
from tmlapp.ui.app import run_window
from tmlapp.ui.review.workspace import ReviewWorkspace
from tmlapp.ui.window import MainWindow

pytestmark = pytest.mark.qt


def test_the_window_opens_a_recording_in_review_at_its_moment(qapp: QApplication, tmp_path: Path) -> None:
    save_settings(Settings(theme="dark", recordings_dir=tmp_path))
    path = make_recording(tmp_path, [(1.0, "one")]).path
    seen: list[tuple[str, Path | None, int]] = []

    def look() -> None:
        window = next((w for w in qapp.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible()), None)
        page = window.workspaces.page("review") if window and window.workspaces.current == "review" else None
        if not isinstance(page, ReviewWorkspace) or page.opened is None or page.found is None:
            QTimer.singleShot(20, look)
            return
        assert window is not None
        seen.append((window.workspaces.current, page.opened.review.path, page.axis.cursor_ns))
        window.close()
        window.deleteLater()

    QTimer.singleShot(0, look)
    assert run_window(["tmlapp"], go=("review", (path, 1.25))) == 0
    assert seen == [("review", path, 1_250_000_000)]
    asyncio.set_event_loop(None)
