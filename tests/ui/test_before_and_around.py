"""Before a session: preflight, consent, settings; and what is there at any time: palette, keys, colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QLineEdit, QWidget

from tests.ui.conftest import GREEN, RED_CAMERA, Person
from tmlapp.config.settings import Settings, load_settings
from tmlapp.core.errors import AppError
from tmlapp.live.preflight import Check
from tmlapp.ui.dialogs import CommandPalette, ShortcutSheet
from tmlapp.ui.settings_dialog import SettingsDialog

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
CTRL = Qt.KeyboardModifier.ControlModifier


def test_a_red_check_says_why_and_holds_up_the_start(open_window: OpenWindow, checks: list[Check]) -> None:
    checks[1] = RED_CAMERA
    person = open_window()
    window = person.window
    person.sees(lambda: window.preflight.title.text() == "Not ready yet")
    assert window.header.rec.text() == "NOT READY"
    row = window.preflight.row("camera")
    assert "Another program uses it." in row.text.text()
    assert "failed" in row.accessibleName()
    assert not window.header.toggle.isEnabled()
    person.press(Qt.Key.Key_Space)
    assert window.pages.currentWidget() is window.preflight
    assert person.desk.sessions == []


def test_a_red_check_that_is_not_required_does_not_hold_up_the_start(
    open_window: OpenWindow, checks: list[Check]
) -> None:
    checks.append(Check(key="leftovers", title="Unfinished", ok=False, required=False, why="One.", action="recover"))
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)


def test_the_button_of_a_red_check_opens_the_place_to_choose(open_window: OpenWindow, checks: list[Check]) -> None:
    checks[1] = RED_CAMERA
    person = open_window()
    person.sees(lambda: bool(person.window.preflight.rows))
    button = person.window.preflight.row("camera").button
    assert button is not None
    button.click()
    dialog = person.window.findChild(SettingsDialog)
    assert dialog is not None
    person.sees(lambda: dialog.camera.findText("camera:1") >= 0)
    dialog.camera.setCurrentText("camera:1")
    checks[1] = GREEN[1]
    dialog.accept()
    person.sees(lambda: person.window.preflight.ready)
    assert load_settings().camera == "camera:1"
    assert person.window.controller.plan is not None
    assert person.window.controller.plan.camera == "camera:1"


def test_f5_checks_again(open_window: OpenWindow, checks: list[Check]) -> None:
    checks[1] = RED_CAMERA
    person = open_window()
    person.sees(lambda: person.window.preflight.title.text() == "Not ready yet")
    checks[1] = GREEN[1]
    person.press(Qt.Key.Key_F5)
    person.sees(lambda: person.window.preflight.ready)


def test_without_devices_the_demo_clip_is_one_press_away(open_window: OpenWindow, checks: list[Check]) -> None:
    checks[0] = Check(key="microphone", title="Microphone", ok=False, why="There is none.", action="use_clip")
    person = open_window(clip=lambda: "clip.mp4,clip.wav")
    assert not person.window.actions_["live.devices"].isVisible()
    person.sees(lambda: bool(person.window.preflight.rows))
    button = person.window.preflight.row("microphone").button
    assert button is not None
    button.click()
    person.sees(lambda: person.window.controller.plan is not None and person.window.controller.plan.source is not None)
    assert person.window.controller.plan.source == "clip.mp4,clip.wav"  # type: ignore[union-attr]
    person.sees(lambda: person.window.actions_["live.devices"].isVisible())
    person.press(Qt.Key.Key_D, CTRL | Qt.KeyboardModifier.ShiftModifier)
    person.sees(lambda: person.window.controller.plan.source is None)  # type: ignore[union-attr]


def test_a_file_is_played_in_place_of_the_devices(open_window: OpenWindow, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"")
    person = open_window()
    person.press(Qt.Key.Key_O, CTRL | Qt.KeyboardModifier.ShiftModifier)
    dialog = person.window.findChild(QFileDialog, "choose-file")
    assert dialog is not None
    dialog.fileSelected.emit(str(video))
    dialog.close()
    person.sees(lambda: person.window.controller.plan.source == str(video))  # type: ignore[union-attr]


def test_a_missing_demo_clip_is_an_error_that_says_so(open_window: OpenWindow) -> None:
    person = open_window(clip=lambda: None)
    person.press(Qt.Key.Key_D, CTRL)
    person.sees(person.window.banner.isVisible)
    assert "demo clip" in person.window.banner.what.text()


def test_unfinished_recordings_are_recovered_from_the_preflight(open_window: OpenWindow, checks: list[Check]) -> None:
    asked: list[Path] = []

    def recover(folder: Path) -> list[Path]:
        asked.append(folder)
        checks.pop()
        return []

    checks.append(Check(key="leftovers", title="Unfinished", ok=False, required=False, why="One.", action="recover"))
    person = open_window(recover=recover)
    person.sees(lambda: len(person.window.preflight.rows) == 6)
    person.window.preflight.row("leftovers").button.click()  # type: ignore[union-attr]
    person.sees(lambda: len(person.window.preflight.rows) == 5)
    assert asked == [person.window.controller.settings.recordings_dir]


def test_a_remote_endpoint_needs_consent_and_is_named_all_the_time(
    open_window: OpenWindow, facts: dict[str, Any]
) -> None:
    facts.update(local=False, host="api.example.com")
    person = open_window()
    window = person.window
    person.sees(window.preflight.consent.isVisible)
    assert "api.example.com" in window.preflight.consent.text()
    assert not window.preflight.ready
    person.press(Qt.Key.Key_Space)
    assert person.desk.sessions == []
    person.press(Qt.Key.Key_Y)
    assert window.preflight.ready
    person.start()
    assert "api.example.com" in window.header.endpoint.accessibleName()


def test_consent_for_one_host_is_none_for_another(open_window: OpenWindow, facts: dict[str, Any]) -> None:
    facts.update(local=False, host="one.example.com")
    person = open_window()
    person.sees(person.window.preflight.consent.isVisible)
    person.press(Qt.Key.Key_Y)
    facts["host"] = "two.example.com"
    person.press(Qt.Key.Key_F5)
    person.sees(lambda: "two.example.com" in person.window.preflight.consent.text())
    assert not person.window.preflight.ready


def test_a_session_that_cannot_start_says_what_why_and_what_to_do(open_window: OpenWindow) -> None:
    def refuse(_plan: object, _settings: object) -> Any:
        raise AppError("The model is damaged.", "Its hash is wrong.", "Install it again.")

    person = open_window(build_session=refuse)
    person.sees(lambda: person.window.preflight.ready)
    person.press(Qt.Key.Key_Space)
    banner = person.window.banner
    person.sees(banner.isVisible)
    assert "The model is damaged." in banner.what.text()
    assert banner.why.text() == "Its hash is wrong."
    assert banner.fix.text() == "Install it again."
    person.press(Qt.Key.Key_Escape)
    assert not banner.isVisible()
    person.sees(lambda: person.window.preflight.ready)


def test_a_fault_of_the_program_is_shown_too(open_window: OpenWindow, caplog: pytest.LogCaptureFixture) -> None:
    def fault(_plan: object, _settings: object) -> Any:
        raise KeyError("surprise")

    person = open_window(build_session=fault)
    person.sees(lambda: person.window.preflight.ready)
    person.press(Qt.Key.Key_Space)
    person.sees(person.window.banner.isVisible)
    assert "surprise" in person.window.banner.why.text()
    assert not person.window.controller.live


def test_a_preset_is_filled_in_by_typing_the_action(open_window: OpenWindow) -> None:
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)
    person.window.header.preset_actions()[0].trigger()
    person.type("push-ups")
    assert person.window.header.instruction.text() == "Please count out reps for push-ups."
    person.press(Qt.Key.Key_Return)
    person.sees(lambda: person.window.controller.instruction == "Please count out reps for push-ups.")
    person.sees(lambda: person.window.preflight.ready)
    person.start()
    assert person.desk.sessions[0].snapshot().instruction == "Please count out reps for push-ups."


def test_an_instruction_with_a_hole_is_not_started(open_window: OpenWindow) -> None:
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)
    person.window.header.preset_actions()[0].trigger()
    person.press(Qt.Key.Key_Return)
    person.sees(lambda: person.window.preflight.title.text() == "Not ready yet")
    assert "{action}" in person.window.preflight.row("instruction").text.text()


def test_the_session_is_named_before_the_start(open_window: OpenWindow) -> None:
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)
    person.window.header.name.setFocus()
    person.window.header.name.selectAll()
    person.type("morning")
    person.press(Qt.Key.Key_Return)
    person.sees(lambda: person.window.preflight.ready)
    person.start()
    assert person.desk.sessions[0].snapshot().name == "morning"
    assert person.window.header.name.isReadOnly()


def test_ctrl_k_finds_and_runs_a_command(open_window: OpenWindow) -> None:
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)
    was_dark = person.window.theme.dark
    person.press(Qt.Key.Key_K, CTRL)
    palette = person.window.findChild(CommandPalette)
    assert palette is not None
    person.qtbot.keyClicks(palette.words, "dark light")
    assert palette.list.count() == 1
    person.qtbot.keyClick(palette.words, Qt.Key.Key_Return)
    assert person.window.theme.dark is not was_dark
    assert load_settings().theme == "light"


def test_the_palette_is_walked_by_arrows_and_offers_only_what_can_be_done(open_window: OpenWindow) -> None:
    person = open_window()
    person.sees(lambda: person.window.preflight.ready)
    palette = CommandPalette(person.window.actions_, person.window)
    titles = [palette.list.item(i).text() for i in range(palette.list.count())]
    assert not any("marker" in t for t in titles)
    person.qtbot.keyClick(palette.words, Qt.Key.Key_Down)
    assert palette.list.currentRow() == 1
    person.qtbot.keyClick(palette.words, Qt.Key.Key_Up)
    assert palette.list.currentRow() == 0
    person.qtbot.keyClicks(palette.words, "nothing like this")
    palette.run()
    palette.deleteLater()


def test_a_question_mark_shows_every_shortcut(open_window: OpenWindow) -> None:
    person = open_window()
    person.press(Qt.Key.Key_Question)
    sheet = person.window.findChild(ShortcutSheet)
    assert sheet is not None
    words = " ".join(w.text() for w in sheet.findChildren(QWidget) if hasattr(w, "text"))
    for key in ("Space", "Ctrl+K", "Esc"):
        assert key in words
    sheet.close()


def test_every_control_has_a_name_and_every_command_a_key(open_window: OpenWindow) -> None:
    person = open_window()
    window = person.window
    person.sees(lambda: window.preflight.ready)
    for kind in (QAbstractButton, QLineEdit, QComboBox):
        for control in window.findChildren(kind):
            inner = control.objectName().startswith("qt_") or isinstance(control.parent(), QLineEdit)
            assert inner or control.accessibleName(), f"{control} has no accessible name"
    for command in window.actions_.commands():
        assert command.shortcut, f"{command.key} has no shortcut"
        assert command.help
    keys = [s.toString() for a in window.findChildren(QAction) for s in a.shortcuts()]
    assert len(keys) == len(set(keys)), "two commands share a key"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_window_shows_itself_in_both_schemes(open_window: OpenWindow, scheme: Any, tmp_path: Path) -> None:
    person = open_window(settings=Settings(theme=scheme, recordings_dir=tmp_path))
    person.sees(lambda: person.window.preflight.ready)
    value = person.window.grab().toImage().pixelColor(640, 3).value()
    assert (value > 200) is (scheme == "light")


def test_a_window_at_its_smallest_still_shows_stop_and_the_endpoint(open_window: OpenWindow) -> None:
    person = open_window()
    window = person.window
    window.resize(window.minimumSize())
    person.start()
    right = window.header.toggle.geometry().right()
    assert right <= window.header.width()
    assert window.header.endpoint.isVisible()
    assert window.status.width() <= window.width()


def test_escape_takes_the_cursor_out_of_a_box(open_window: OpenWindow) -> None:
    person = open_window()
    person.press(Qt.Key.Key_I)
    assert QApplication.focusWidget() is person.window.header.instruction
    person.press(Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is not person.window.header.instruction


def test_r_mirrors_the_picture(open_window: OpenWindow) -> None:
    person = open_window()
    person.start(2.0)
    stage = person.window.stage
    before = stage.grab().toImage()
    person.press(Qt.Key.Key_R)
    after = stage.grab().toImage()
    x, y = stage.width() // 3, stage.height() // 3
    assert after.pixelColor(stage.width() - 1 - x, y) == before.pixelColor(x, y)


def test_ctrl_o_opens_the_folder_of_the_recordings(open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "tmlapp.ui.after.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()) or True
    )
    person = open_window()
    person.press(Qt.Key.Key_O, CTRL)
    assert opened == [str(person.window.controller.settings.recordings_dir)]


def test_a_new_endpoint_is_not_called_local_before_it_was_asked(
    open_window: OpenWindow, facts: dict[str, Any], tmp_path: Path
) -> None:
    person = open_window()
    window = person.window
    person.sees(lambda: "on this machine" in window.header.endpoint.accessibleName())
    facts.update(local=False, host="api.example.com")
    window.controller.use_settings(Settings(endpoint="remote:model", recordings_dir=tmp_path))
    window.check()
    assert "not checked" in window.header.endpoint.accessibleName()
    person.sees(lambda: "api.example.com" in window.header.endpoint.accessibleName())
