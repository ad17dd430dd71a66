"""What was heard, over the picture: as words or as “did not understand”, for a while, and in the presenter too."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from tmlapp.core.cue import HEARD_NS, Overlay
from tmlapp.core.event import SpeechHeard
from tmlapp.core.units import NS_PER_S
from tmlapp.ui.overlay_paint import heard_parts, speaking_text
from tmlapp.ui.stage import Stage
from tmlapp.ui.theme import load_theme

pytestmark = pytest.mark.qt

TAKEN = SpeechHeard(
    text="remind me to drink every ten seconds", accepted=True, grammar="commands", from_ns=0, to_ns=NS_PER_S,
    t_rx_ns=NS_PER_S,
)  # fmt: skip
REFUSED = SpeechHeard(
    text="stop", accepted=False, reason="Not sure enough: “stop”.", grammar="commands", from_ns=0, to_ns=NS_PER_S,
    t_rx_ns=NS_PER_S,
)  # fmt: skip


@pytest.fixture(params=[1.0, 2.0])
def stage(qtbot: QtBot, request: pytest.FixtureRequest) -> Stage:
    made = Stage(load_theme("dark", request.param))
    qtbot.addWidget(made)
    made.resize(880, 495)
    with qtbot.waitExposed(made):
        made.show()
    return made


@pytest.mark.parametrize("heard", [TAKEN, REFUSED])
@pytest.mark.parametrize("presenter", [False, True])
def test_it_is_shown_and_goes_by_itself(stage: Stage, heard: SpeechHeard, presenter: bool) -> None:
    stage.set_presenter(presenter)
    overlay = Overlay(heard=heard, count=3, border="start", action="squats")
    stage.show_moment(None, overlay, 2 * NS_PER_S, at_once=True)
    assert stage.placed.heard is not None
    assert " ".join(heard_parts(heard)).strip() in stage.accessibleDescription()
    stage.show_moment(None, overlay, NS_PER_S + HEARD_NS, at_once=True)
    assert stage.placed.heard is None
    assert "heard" not in stage.accessibleDescription()


def test_a_guess_is_never_shown() -> None:
    assert heard_parts(TAKEN) == ("heard: “remind me to drink every ten seconds”", "")
    assert heard_parts(REFUSED) == ("did not understand", "say it again, or press T and type it")


def test_a_lowered_voice_is_said_beside_speaking(stage: Stage) -> None:
    plain, lowered = Overlay(speaking_until_ns=NS_PER_S), Overlay(speaking_until_ns=NS_PER_S, lowered=True)
    assert (speaking_text(plain), speaking_text(lowered)) == ("speaking", "speaking, lowered")
    widths = []
    for overlay in (plain, lowered):
        stage.show_moment(None, overlay, 0, at_once=True)
        assert stage.placed.speaking is not None
        widths.append(stage.placed.speaking.w)
    assert widths[0] < widths[1]
