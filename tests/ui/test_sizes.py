"""Small windows and large texts: nothing is squeezed, and the stage keeps half of the height."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QWidget

from tests.ui.conftest import Person
from tests.ui.sessions import Desk, counting
from tests.ui.test_session_in_window import close_session
from tmlapp.config.settings import Settings, load_settings
from tmlapp.ui.settings_dialog import SettingsDialog

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]


@pytest.fixture
def counted(demo_clip: Path) -> Desk:
    return Desk(f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", counting([2.0, 3.0, 4.0]))


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("size", [(1024, 640), (1280, 800)])
def test_the_stage_keeps_half_of_the_height(
    open_window: OpenWindow, counted: Desk, tmp_path: Path, size: tuple[int, int], scale: float
) -> None:
    person = open_window(counted, settings=Settings(text_scale=scale, recordings_dir=tmp_path))
    window = person.window
    window.resize(*size)
    person.start(2.4)
    assert (window.width(), window.height()) == size
    least = size[1] // 2 if scale <= 1.5 else size[1] // 3
    assert window.stage.height() >= least
    assert window.lanes.height() >= 96
    for part in (window.header.rec, window.header.toggle):
        assert part.width() >= part.minimumSizeHint().width()
    assert window.header.toggle.geometry().right() <= window.header.width()


def test_lanes_have_their_usual_height_in_the_usual_window(open_window: OpenWindow) -> None:
    window = open_window().window
    assert window.lanes.height() == 204
    window.resize(1024, 640)
    assert window.lanes.height() < 170
    window.resize(1280, 800)
    assert window.lanes.height() == 204


def test_the_text_size_is_chosen_in_the_settings_and_taken_at_once(open_window: OpenWindow) -> None:
    person = open_window()
    window = person.window
    person.sees(lambda: window.preflight.ready)
    before = window.preflight.title.fontMetrics().height()
    person.press(Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None
    assert dialog.text_size.currentText() == "100 %"
    dialog.text_size.setCurrentText("150 %")
    dialog.accept()
    person.sees(lambda: window.preflight.ready)
    assert load_settings().text_scale == 1.5
    assert window.preflight.title.fontMetrics().height() > 1.4 * before
    assert window.header.height() == 72
    assert window.header.name.fontMetrics().height() > 1.3 * window.events.view.fontMetrics().height() / 1.5


def test_large_texts_in_a_small_window_squeeze_nothing_on_the_result_card(
    open_window: OpenWindow, counted: Desk, tmp_path: Path
) -> None:
    person = open_window(counted, settings=Settings(text_scale=2.0, recordings_dir=tmp_path))
    window = person.window
    window.resize(1024, 640)
    person.start(4.4)
    close_session(person)
    person.sees(window.result.judge.isVisible)
    person.press(Qt.Key.Key_G)
    person.type("3")
    person.press(Qt.Key.Key_Return)
    person.sees(window.result.grades.isVisible)
    parts: list[QWidget] = [*window.result.judge.findChildren(QLabel), *window.result.judge.findChildren(QLineEdit)]
    for part in parts:
        if part.isVisible():
            assert part.height() >= part.fontMetrics().height(), part


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_consent_and_the_buttons_before_a_start_are_read_whole_at_any_size(
    open_window: OpenWindow, facts: dict[str, Any], tmp_path: Path, scale: float
) -> None:
    facts.update(local=False, host="127.0.0.1:18765")
    person = open_window(settings=Settings(text_scale=scale, recordings_dir=tmp_path))
    window = person.window
    window.resize(1280, 800)
    page = window.preflight
    person.sees(page.consent.isVisible)
    person.sees(lambda: page.consent.height() >= page.consent.heightForWidth(page.consent.width()))
    shown = [button for button in page.buttons if button.isVisible()]
    assert len(shown) >= 3
    for button in shown:
        assert button.width() >= button.minimumSizeHint().width()
        assert button.geometry().right() < page.width()
    assert window.header.rec.text() == "NOT READY"
    person.press(Qt.Key.Key_Y)
    assert page.title.text() == "Ready"
    assert window.header.rec.text() == "READY"
    QTest.mouseClick(page.consent, Qt.MouseButton.LeftButton, pos=page.consent.rect().center())
    assert not page.ready
