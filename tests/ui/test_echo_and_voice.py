"""Echo in the status bar, and echo and voice in the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import Person
from tests.ui.sessions import Desk, counting, plan_for
from tmlapp.config.settings import Settings, load_settings
from tmlapp.live.voice_engines import VoiceEngine
from tmlapp.ui.echo import EchoSign, echo_meaning
from tmlapp.ui.settings_dialog import SettingsDialog
from tmlapp.ui.theme import load_theme

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]


def engine(name: str, *, found: bool, tried: bool = True) -> VoiceEngine:
    return VoiceEngine(name=name, title=name.title(), found=found, tried=tried, fix=f"Install {name}.")


@pytest.fixture
def sign(qtbot: QtBot) -> EchoSign:
    made = EchoSign(load_theme("light"))
    qtbot.addWidget(made)
    return made


def test_the_sign_says_the_mode_until_the_echo_is_measured(sign: EchoSign) -> None:
    sign.show_echo("on", None, "on")
    assert sign.accessibleName() == "Echo on"
    sign.show_echo("on", 31.4, "on")
    assert sign.accessibleName() == "Echo −31 dB"
    assert "31 dB weaker" in sign.toolTip()
    wide = sign.sizeHint().width()
    sign.show_echo("headphones", 31.4, "off")
    assert sign.accessibleName() == "Echo headphones → off"
    assert echo_meaning("headphones") in sign.accessibleDescription()
    assert sign.sizeHint().width() > wide
    assert sign.choices["off"].isChecked()


def test_an_echo_that_became_no_weaker_is_not_called_stronger(sign: EchoSign) -> None:
    sign.show_echo("on", -2.0, "on")
    assert sign.accessibleName() == "Echo −0 dB"
    assert not sign.grab().isNull()


def test_h_offers_the_modes_and_the_choice_is_kept(open_window: OpenWindow, tmp_path: Path) -> None:
    person = open_window(settings=Settings(recordings_dir=tmp_path))
    sign = person.window.status.echo
    person.sees(sign.isVisible)
    person.press(Qt.Key.Key_H)
    menu = QApplication.activePopupWidget()
    assert menu is not None
    menu.close()
    sign.choices["headphones"].trigger()
    assert load_settings().echo == "headphones"
    assert person.window.controller.settings.echo == "headphones"
    assert sign.accessibleName() == "Echo headphones"


def test_a_choice_while_live_is_for_the_next_session(open_window: OpenWindow, demo_clip: Path, tmp_path: Path) -> None:
    desk = Desk(f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", counting([2.0]), echo="headphones")
    person = open_window(desk, settings=Settings(recordings_dir=tmp_path, echo="headphones"))
    person.start(1.2)
    sign = person.window.status.echo
    sign.choices["off"].trigger()
    assert sign.accessibleName() == "Echo headphones → off"
    person.window.toggle()
    person.sees(lambda: not person.window.controller.live)
    person.sees(lambda: sign.accessibleName() == "Echo off")


@pytest.mark.parametrize("change", [{"source": "squats.mp4"}, {"loudspeaker": "none"}, {"microphone": "none"}])
def test_without_a_loudspeaker_that_is_heard_there_is_no_echo(
    open_window: OpenWindow, tmp_path: Path, change: dict[str, str]
) -> None:
    person = open_window(settings=Settings(recordings_dir=tmp_path))
    window = person.window
    window.controller.plan = plan_for(tmp_path, **change)
    window.update_actions()
    assert not window.status.echo.isVisible()
    assert not window.actions_["live.echo"].isVisible()


@pytest.fixture
def dialog(qtbot: QtBot) -> Callable[..., SettingsDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)

    def make(settings: Settings, *engines: VoiceEngine, scale: float = 1.0) -> SettingsDialog:
        return SettingsDialog(settings, load_theme("light", scale), parent, engines)

    return make


def test_echo_and_voice_are_chosen_in_the_settings(dialog: Callable[..., SettingsDialog]) -> None:
    made = dialog(Settings(), engine("espeak-ng", found=True), engine("flite", found=False))
    rows = made.speech
    assert [rows.voice.itemText(i) for i in range(rows.voice.count())] == [
        "Automatic (Espeak-Ng)",
        "Espeak-Ng",
        "Flite (not installed)",
        "None",
    ]
    assert rows.note.isHidden()
    rows.echo.setCurrentIndex(rows.echo.findData("off"))
    rows.voice.setCurrentIndex(rows.voice.findData("flite"))
    assert "Install flite." in rows.note.text()
    assert rows.voice.accessibleDescription() == rows.note.text()
    assert rows.echo.toolTip() == echo_meaning("off")
    wanted = made.result_settings()
    assert (wanted.echo, wanted.voice) == ("off", "flite")
    made.focus_on("voice")


@pytest.mark.parametrize(
    ("voice", "engines", "said"),
    [
        ("auto", [engine("espeak-ng", found=False)], "No speech engine is installed."),
        ("auto", [], "No speech engine is installed."),
        ("auto", [engine("flite", found=True)], ""),
        ("none", [], ""),
        ("sapi", [engine("sapi", found=True, tried=False)], "nobody has heard it"),
        ("gone", [engine("flite", found=True)], "This system has no such voice"),
    ],
)
def test_what_is_wrong_with_a_voice_is_said(
    dialog: Callable[..., SettingsDialog], voice: str, engines: list[VoiceEngine], said: str
) -> None:
    rows = dialog(Settings(voice=voice), *engines).speech
    assert said in rows.note.text()
    assert rows.note.isHidden() == (not said)
    assert rows.voice.currentData() == voice
    assert rows.voice.toolTip()
