"""Names of utterances stay unique over the connections of a session, and controls find their way back."""

from __future__ import annotations

import numpy as np
import pytest

from tmlapp.core.turn import Control, Interrupt, MicroTurn, PlaybackReport, ToolResult
from tmlapp.core.units import TURN_SAMPLES
from tmlapp.endpoints.remote.names import Names

pytestmark = pytest.mark.unit


def _turn(*controls: Control) -> MicroTurn:
    return MicroTurn(7, np.zeros(TURN_SAMPLES, np.int16), controls=controls)


def test_in_the_first_session_of_a_service_names_are_its_own() -> None:
    names = Names()
    turn = _turn(Interrupt(5, "item_1"), PlaybackReport("item_1", 5))
    assert names.outer("item_1") == "item_1"
    assert names.inner(turn) is turn


def test_after_a_connection_that_began_anew_the_same_name_is_another_one() -> None:
    names = Names()
    names.era = 2
    assert names.outer("item_1") == "item_1~2"
    assert names.outer(None) is None


def test_controls_of_the_present_session_reach_the_service_under_its_own_names() -> None:
    names = Names()
    names.era = 1
    result = ToolResult("call_1", "14 degrees")
    turn = names.inner(_turn(Interrupt(5, "item_1~1"), PlaybackReport("a~b~1", 9), result))
    assert turn.controls == (Interrupt(5, "item_1"), PlaybackReport("a~b", 9), result)


def test_controls_of_an_earlier_session_cut_short_nothing_of_the_present_one() -> None:
    names = Names()
    names.era = 2
    turn = names.inner(_turn(Interrupt(5, "item_1", by_person=True), Interrupt(6, "item_3~1", by_person=False),
                             PlaybackReport("item_1", 9)))  # fmt: skip
    assert turn.controls == (Interrupt(0, "", by_person=True), Interrupt(0, "", by_person=False))
