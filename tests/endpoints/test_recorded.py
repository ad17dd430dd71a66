"""The endpoint that answers as in a recording."""

from __future__ import annotations

import pytest

from tests.endpoints.talk import Heard, converse, finish, setup_for, turn
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    Closed,
    ConnectionChanged,
    EndpointEvent,
    Granted,
    InputLost,
    Limit,
    ResumeHandle,
    RoundTrip,
    SessionOpened,
    SessionUpdated,
    TextOutDone,
    UnitDone,
    Unrecognized,
    WireFrame,
)
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.recorded import RecordedEndpoint, home_turns
from tmlapp.endpoints.scripted import ScriptedEndpoint

pytestmark = pytest.mark.unit

GRANTED = Granted(endpoint="onnx:tiny", name="tiny", local=True, acknowledges_units=True)


def said(text: str, t_rx_ns: int) -> TextOutDone:
    return TextOutDone(text=text, t_rx_ns=t_rx_ns)


def done(index: int, t_rx_ns: int) -> UnitDone:
    return UnitDone(micro_turn=index, latency_ns=t_rx_ns - (index + 1) * TURN_NS, t_rx_ns=t_rx_ns)


def test_the_same_events_come_at_the_same_times() -> None:
    script = [{"t_s": 0.3, "text": "one"}, {"t_s": 0.9, "text": "two"}]
    turns = [turn(i) for i in range(6)]
    original = converse(ScriptedEndpoint(script), turns)
    granted = original.of(SessionOpened)[0].granted
    again = converse(RecordedEndpoint(original.events, granted), turns)
    assert again.events[1:] == original.events[1:]
    assert again.of(SessionOpened)[0].granted.provider == "recording"


def test_a_late_answer_belongs_to_its_micro_turn() -> None:
    events = [done(0, 300_000_000), said("one", 900_000_000), done(1, 900_000_000), said("after", 1_000_000_000)]
    assert home_turns(events) == [0, 1, 1, 4]


def test_without_acknowledgements_the_time_of_arrival_decides() -> None:
    events: list[EndpointEvent] = [said("a", 0), said("b", TURN_NS), said("c", 2 * TURN_NS - 1), said("d", 5 * TURN_NS)]
    assert home_turns(events) == [0, 0, 0, 4]


def test_what_happened_to_a_connection_does_not_happen_again() -> None:
    far = Granted(endpoint="far:lab", name="lab", local=False, acknowledges_units=True, provider="lab.example")
    events: list[EndpointEvent] = [
        ConnectionChanged(state="connecting"),
        WireFrame(index=0, direction="sent", size=2, message={}),
        SessionOpened(granted=far),
        RoundTrip(rtt_ns=5, t_rx_ns=TURN_NS),
        done(0, TURN_NS),
        InputLost(micro_turn=1, what="turn", reason="gone", t_rx_ns=2 * TURN_NS),
        Unrecognized(name="x", t_rx_ns=2 * TURN_NS),
        ResumeHandle(handle="", valid_from_index=1, t_rx_ns=2 * TURN_NS),
        Limit(kind="going_away", t_rx_ns=2 * TURN_NS),
        SessionUpdated(granted=far, t_rx_ns=3 * TURN_NS),
        said("one", 3 * TURN_NS),
        done(2, 3 * TURN_NS),
        Closed(code="1000", reason="", initiated_by="server"),
    ]
    again = converse(RecordedEndpoint(events, far, address="recorded:x"), [turn(i) for i in range(3)])
    assert [type(e).__name__ for e in again.events] == [
        "SessionOpened", "UnitDone", "UnitDone", "SessionUpdated", "TextOutDone", "UnitDone", "Closed",
    ]  # fmt: skip
    here = again.of(SessionUpdated)[0].granted
    assert (here.endpoint, here.local, here.provider) == ("recorded:x", True, "recording")
    assert [e.micro_turn for e in again.of(UnitDone)] == [0, 1, 2], "also of the one that was lost then"


def test_the_order_of_the_recording_is_kept() -> None:
    assert home_turns([said("a", 5 * TURN_NS), said("b", 2 * TURN_NS)]) == [1, 1]
    assert home_turns([]) == []


def test_on_a_real_clock_answers_carry_the_new_time() -> None:
    clock = ManualClock()
    heard = Heard()
    endpoint = RecordedEndpoint([said("one", TURN_NS), done(0, TURN_NS)], GRANTED, address="recorded:x")
    duplex = endpoint.open(setup_for(virtual_time=False, clock=clock), heard)
    clock.advance(TURN_NS + 7)
    finish(duplex, [turn(0)])
    assert [e.t_rx_ns for e in heard.of(TextOutDone)] == [TURN_NS + 7]
    assert heard.of(UnitDone)[0].latency_ns == 7
    assert duplex.granted.endpoint == "recorded:x"


def test_what_the_recording_does_not_answer_is_acknowledged_all_the_same() -> None:
    endpoint = RecordedEndpoint([done(0, TURN_NS), done(2, 3 * TURN_NS)], GRANTED, address="recorded:x")
    heard = converse(endpoint, [turn(i) for i in range(5)])
    assert [(e.micro_turn, e.t_rx_ns, e.latency_ns) for e in heard.of(UnitDone)] == [
        (i, (i + 1) * TURN_NS, 0) for i in range(5)
    ]


def test_an_endpoint_that_acknowledges_nothing_still_does_not() -> None:
    granted = Granted(endpoint="live:x", name="x", local=False)
    assert not converse(RecordedEndpoint([said("a", 0)], granted), [turn(i) for i in range(3)]).of(UnitDone)


def test_a_recording_without_answers_is_refused() -> None:
    with pytest.raises(AppError, match="no answers"):
        RecordedEndpoint([], GRANTED, address="recorded:x").check("")
