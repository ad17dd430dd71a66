"""The window over the real program: real preflight, real embedded model, real files; and started as people start it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.conftest import Person
from tests.ui.sessions import Desk
from tmlapp.config.paths import models_dir
from tmlapp.config.settings import Settings, save_settings
from tmlapp.core.cue import Cue, Overlay
from tmlapp.core.units import NS_PER_S
from tmlapp.live.plan import SessionPlan
from tmlapp.ui.app import faults_shown, run_window
from tmlapp.ui.overlay_paint import OverlayPainter, OverlayState
from tmlapp.ui.services import Services
from tmlapp.ui.theme import load_theme
from tmlapp.ui.window import MainWindow

pytestmark = pytest.mark.qt


@pytest.fixture
def real_window(qtbot: QtBot, loop: asyncio.AbstractEventLoop, tmp_path: Path, demo_clip: Path) -> Any:
    """A window whose services are all the real ones; the demo clip is played as fast as it goes."""
    opened: list[MainWindow] = []

    def make(**changes: Any) -> Person:
        settings = Settings(theme="dark", recordings_dir=tmp_path / "recordings")
        asked: dict[str, Any] = {
            "folder": settings.recordings_dir,
            "source": f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}",
            "loudspeaker": "none",
            "clock": "fast",
            "instruction": "Please count out reps for squats.",
        }
        window = MainWindow(settings, loop, plan=SessionPlan(**(asked | changes)))
        opened.append(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.windowHandle().isExposed)
        window.check()
        return Person(qtbot, window, Desk(""))

    yield make
    for window in opened:
        window.controller.stop()
        qtbot.waitUntil(lambda w=window: not w.controller.live, timeout=30_000)
        window.close()
        window.deleteLater()


@pytest.mark.skipif(not (models_dir() / "tiny" / "model.onnx").exists(), reason="the embedded model is not built")
def test_the_embedded_model_counts_the_demo_clip_in_the_window(
    real_window: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    trashed: list[str] = []
    monkeypatch.setattr("send2trash.send2trash", trashed.append)
    person = real_window()
    window = person.window
    person.sees(lambda: window.preflight.ready)
    assert "on this machine" in window.header.endpoint.accessibleName()
    person.press(Qt.Key.Key_Space)
    person.sees(lambda: window.pages.currentWidget() is window.result, 60_000)
    person.sees(lambda: "of them counts" in window.result.summary.text())
    person.sees_row("model one")
    recording = window.result.recording
    assert recording is not None
    person.sees(window.result.grades.isVisible)
    assert window.result.grades.text().startswith("online OBO 100.0 % – passes")
    assert "repcount-a/online@1, profile tml_reading" in window.result.how.text()
    assert window.result.judge.isHidden()
    sidecar = recording.with_name(f"{recording.stem}.grades.jsonl")
    assert sidecar.exists()
    window.controller.trash(recording, window.result.show_trashed)
    person.sees(lambda: trashed == [str(recording), str(sidecar)])


def test_a_file_that_is_not_there_is_red_with_the_reason(real_window: Callable[..., Person], tmp_path: Path) -> None:
    person = real_window(source=str(tmp_path / "missing.mp4"))
    person.sees(lambda: bool(person.window.preflight.rows))
    assert not person.window.preflight.ready
    assert "missing.mp4" in person.window.preflight.row("source").text.text()


def test_an_unfinished_recording_is_offered_and_recovered(real_window: Callable[..., Person], tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "lost.mcap.part").write_bytes(b"")
    person = real_window()
    person.sees(lambda: any(r.check.key == "leftovers" for r in person.window.preflight.rows))
    button = person.window.preflight.row("leftovers").button
    assert button is not None
    button.click()
    person.sees(person.window.banner.isVisible)


def test_devices_are_offered_in_the_settings(real_window: Callable[..., Person]) -> None:
    person = real_window()
    names: list[object] = []
    person.window.controller.devices_read.connect(names.append)
    person.press(Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    person.sees(lambda: bool(names))
    dialog = person.window._settings_dialog
    assert dialog is not None
    dialog.reject()


def test_the_demo_clip_is_there(demo_clip: Path) -> None:
    assert Services().clip() == f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}"


def test_run_window_shows_the_window_of_the_settings_and_ends_when_it_is_closed(
    qapp: QApplication, tmp_path: Path
) -> None:
    save_settings(Settings(theme="light", session_name="morning", recordings_dir=tmp_path))
    seen: list[str] = []

    def look() -> None:
        window = next((w for w in qapp.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible()), None)
        if window is None or not window.preflight.rows:
            QTimer.singleShot(20, look)
            return
        seen.append(window.header.name.text())
        window.close()
        window.deleteLater()

    QTimer.singleShot(0, look)
    assert run_window(["tmlapp"]) == 0
    assert seen == ["morning"]
    asyncio.set_event_loop(None)


@pytest.mark.parametrize("size", [(320, 180), (892, 498), (500, 900), (1920, 1080)])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_every_sign_leaves_its_mark_where_it_was_placed(
    qapp: QApplication, size: tuple[int, int], ratio: float
) -> None:
    t_ns = 10 * NS_PER_S
    overlay = Overlay(
        count=108,
        border="stop",
        border_t_ns=4 * NS_PER_S,
        action="a very long name of an exercise that nobody would ever say",
        reminders=(Cue(t_ns - NS_PER_S, "remind", "breathe in"), Cue(t_ns, "remind", "breathe out")),
        caption="now keep your back straight and go down slowly, " * 4,
        speaking_until_ns=t_ns + NS_PER_S,
    )
    image = QImage(round(size[0] * ratio), round(size[1] * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.gray)
    painter = QPainter(image)
    placed = OverlayPainter(load_theme("dark")).paint(painter, *size, OverlayState(overlay, t_ns, bump=0.5))
    painter.end()
    assert placed.toasts
    for box in placed.boxes():
        middle = image.pixelColor(round((box.x + 8) * ratio), round((box.y + box.h / 2) * ratio))
        assert middle != Qt.GlobalColor.gray


def test_the_window_follows_the_desktop_when_told_to(
    open_window: Callable[..., Person], tmp_path: Path, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = {"now": "dark"}
    monkeypatch.setattr("tmlapp.ui.theme.wanted_scheme", lambda _choice: scheme["now"])
    person = open_window(settings=Settings(theme="system", recordings_dir=tmp_path))
    assert person.window.theme.dark
    scheme["now"] = "light"
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert not person.window.theme.dark


def test_the_menu_holds_every_listed_command(open_window: Callable[..., Person]) -> None:
    window = open_window().window
    listed = {c.key for c in window.actions_.commands() if c.listed and window.actions_.offered(c)}
    window.rail.fill_menu()
    shown = {a.objectName() for part in window.rail.menu.actions() for a in part.menu().actions()}
    assert shown == listed


def test_a_long_endpoint_name_leaves_room_for_the_rest(open_window: Callable[..., Person]) -> None:
    window = open_window().window
    window.header.set_endpoint("onnx:/a/very/long/path/to/some/model/folder/on/this/disk", None)
    assert window.header.endpoint.sizeHint().width() < 400
    assert "not checked" in window.header.endpoint.accessibleName()


def test_the_usual_instructions_open_by_key_only_before_a_session(open_window: Callable[..., Person]) -> None:
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)
    person.press(Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    menu = QApplication.activePopupWidget()
    assert menu is not None
    menu.close()
    person.start()
    person.press(Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.activePopupWidget() is None


def test_a_fault_of_the_window_is_shown_and_logged(
    open_window: Callable[..., Person], caplog: pytest.LogCaptureFixture
) -> None:
    person = open_window()
    before = sys.excepthook
    with faults_shown(person.window):
        error = ZeroDivisionError("by nothing")
        sys.excepthook(ZeroDivisionError, error, None)
    assert sys.excepthook is before
    assert "ZeroDivisionError: by nothing" in person.window.banner.why.text()
    assert "a fault in the window" in caplog.text
