"""Names of utterances stay unique over the connections of a session, and controls find their way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.endpoints.remote.echo import ECHO, EchoCodec
from tests.endpoints.remote.kit import Events, Peer, converse
from tmlapp.core.event import SessionUpdated, TextOut
from tmlapp.core.turn import Control, Interrupt, MicroTurn, PlaybackReport, ToolResult
from tmlapp.core.units import TURN_SAMPLES
from tmlapp.endpoints.remote.contract import Action, Send
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


class Counting(EchoCodec):
    """Its service calls every first utterance `item_1`, in each session of its own."""

    def receive(self, message: Any) -> Sequence[Action]:
        return [
            replace(e, item_id="item_1", response_id="resp_1") if isinstance(e, TextOut) else e
            for e in super().receive(message)
        ]

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        cut = [c.item_id for c in turn.controls if isinstance(c, Interrupt)]
        return [*super().turn(turn), *([Send({"type": "cut", "items": cut})] if cut else [])]


@pytest.mark.parametrize(("handle", "second"), [(None, "item_1~1"), ("h-1", "item_1")])
def test_over_a_lost_connection(handle: str | None, second: str) -> None:
    """A service that begins anew counts anew; one that takes its session up again goes on with its names."""
    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Counting), peer.url, events)
        if handle:
            peer.say(type="handle", handle=handle)
        peer.say(type="say", text="one")
        events.until(TextOut)
        peer.close(1012)
        events.until(SessionUpdated)
        peer.say(type="say", text="two")
        events.until(TextOut, count=2)
        duplex.push(_turn(Interrupt(5, second)))
        [cut] = peer.until("cut", connection=1)
        duplex.close()
    assert [(e.item_id, e.response_id) for e in events.of(TextOut)] == [
        ("item_1", "resp_1"),
        (second, second.replace("item", "resp")),
    ]
    assert cut["items"] == ["item_1"]
