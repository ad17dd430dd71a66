"""A person is told what matters of a remote model, and not five times a second."""

from __future__ import annotations

import pytest

from tests.live.parts import captured
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointError,
    EndpointEvent,
    Granted,
    Heard,
    InputLost,
    Limit,
    Rejection,
    RoundTrip,
    SessionOpened,
    UnitDone,
    Unrecognized,
    UserSpeech,
)
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import NS_PER_MS as MS
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.live.latency import WINDOW_NS, LatencyMeter
from tmlapp.live.notices import AGAIN_NS, MOST_KINDS, Notices

pytestmark = pytest.mark.unit


def told(*events: EndpointEvent) -> list[tuple[str, str, str]]:
    notices = Notices(lambda: 7)
    found = [notice for event in events for notice in notices.of(event)]
    assert {n.t_ns for n in found} <= {7}
    return [(n.level, n.what, n.why) for n in found]


def refused(*names: str, local: bool = False) -> SessionOpened:
    rejections = tuple(Rejection(asked=n, granted="", reason="It cannot.") for n in names)
    return SessionOpened(granted=Granted(endpoint="x:y", name="x", local=local, rejections=rejections))


def lost(turn: int, what: str = "turn", t_ns: int = 0) -> InputLost:
    return InputLost(micro_turn=turn, what=what, reason="The connection was lost.", t_rx_ns=t_ns)  # type: ignore[arg-type]


def problem(t_ns: int, code: str = "slow", *, fatal: bool = False) -> EndpointError:
    return EndpointError(t_rx_ns=t_ns, kind="rate_limit", code=code, message="Slow down.", fatal=fatal)


def test_what_was_not_granted_is_told_once_tools_by_those_who_need_them() -> None:
    assert told(refused("voice: alloy", "tools: look_up"), refused("voice: alloy", "images")) == [
        ("warning", "Not granted: voice: alloy.", "It cannot."),
        ("warning", "Not granted: images.", "It cannot."),
    ]
    assert told(refused("CUDAExecutionProvider", local=True)) == []


def test_the_same_problem_is_told_again_after_half_a_minute_only() -> None:
    first = ("warning", "The endpoint reported a problem (slow).", "Slow down.")
    other = ("warning", "The endpoint reported a problem (odd).", "Slow down.")
    found = told(problem(0), problem(NS_PER_S), problem(2 * NS_PER_S, "odd"), problem(AGAIN_NS), problem(3, fatal=True))
    assert found == [first, other, first]


def test_lost_input_is_told_when_it_begins_and_when_it_is_over() -> None:
    begin = ("warning", "The model does not hear and see what happens now.", "The connection was lost.")
    assert told(lost(1), lost(2)) == [begin]
    end = ("info", "The connection to the model is back.", "2 micro-turns (0.4 s) did not reach the model")
    found = told(lost(1), lost(2), ConnectionChanged(state="open", epoch=1))
    assert found == [begin, (end[0], end[1], end[2] + " and are not sent later.")]
    ours = Closed(code="1000", reason="closed", initiated_by="us")
    cost = "1 micro-turn (0.2 s) did not reach the model."
    assert told(lost(1), ConnectionChanged(state="closed"), ours, ours) == [begin, ("warning", cost, "")]
    theirs = Closed(code="1011", reason="It failed", initiated_by="server")
    end = ("warning", "The service has closed the session.", f"It failed. {cost}")
    assert told(lost(1), ConnectionChanged(state="closed"), theirs) == [begin, end]


def test_older_pictures_that_stay_behind_are_told_once_in_a_while() -> None:
    assert (
        told(*(lost(k, "video", k * TURN_NS) for k in range(160)))
        == [("warning", "Older pictures are not sent to the model.", "The connection was lost.")] * 2
    )


def test_a_connection_is_told_of_only_where_it_matters() -> None:
    assert (
        told(*(ConnectionChanged(state=s) for s in ("connecting", "configuring", "open", "draining", "closed"))) == []
    )
    waiting = ConnectionChanged(state="waiting", reason="3 before you.")
    again = ConnectionChanged(state="reconnecting", reason="Reset.")
    opened = ConnectionChanged(state="open")
    assert told(waiting, waiting, opened, again, again, opened) == [
        ("info", "The service keeps this session in its queue.", "3 before you."),
        ("warning", "The connection to the model is lost. Reconnecting…", "Reset."),
        ("info", "The connection to the model is back.", "Nothing was lost."),
    ]


def test_one_lost_connection_and_one_clean_end_are_one_notice_each() -> None:
    broken = EndpointError(kind="network", code="1006", message="The connection broke.", fatal=False)
    again = ConnectionChanged(state="reconnecting", reason="The connection broke.")
    assert told(broken, again) == [
        ("warning", "The connection to the model is lost. Reconnecting…", "The connection broke.")
    ]
    theirs = Closed(code="1000", reason="bye", initiated_by="server")
    assert told(ConnectionChanged(state="draining"), ConnectionChanged(state="closed"), theirs) == []


def test_limits_are_announced_with_what_is_left() -> None:
    going = Limit(kind="going_away", remaining_ms=9_600.0)
    assert told(going, going, Limit(kind="context", ratio=0.9, message="9 of 10."), Limit(kind="rate")) == [
        ("warning", "The service closes this connection soon (in 10 s).", ""),
        ("warning", "The model's memory of this conversation is nearly full (90%).", "9 of 10."),
        ("warning", "The service's limit of requests is near.", ""),
    ]


def test_a_model_of_this_machine_that_lags_is_no_service_with_a_limit() -> None:
    here = SessionOpened(granted=Granted(endpoint="onnx:tiny", name="tiny", local=True))
    assert told(here, Limit(kind="rate", message="The last picture is repeated.")) == [
        ("warning", "The model is falling behind.", "The last picture is repeated.")
    ]


def test_unknown_messages_and_the_service_s_own_end_are_told() -> None:
    mood = Unrecognized(name="mood.changed")
    assert [what for _, what, _ in told(mood, mood, Unrecognized(name="x"))] == [
        "The service sent “mood.changed”, which this version of tmlapp does not know.",
        "The service sent “x”, which this version of tmlapp does not know.",
    ]
    assert told(
        Closed(code="1000", reason="", initiated_by="server"), Closed(code="1", reason="", initiated_by="us")
    ) == [("warning", "The service has closed the session.", "1000")]


def test_a_service_gone_wild_does_not_flood_the_person() -> None:
    wild = [Unrecognized(name=f"x{k}") for k in range(300)]
    assert len(told(*wild, *(problem(0, f"c{k}") for k in range(300)))) == MOST_KINDS


# ------------------------------------------------------------------ latency


def loud(t_ms: int, level: int = 1) -> AudioOut:
    return AudioOut(t_rx_ns=t_ms * MS, pcm16=bytes([level, level]) * 480, rate=24_000)


def typed(index: int, text: str, role: str = "user") -> MicroTurn:
    return MicroTurn(index, captured(index).pcm, texts=(TextInput(0, text, role),))  # type: ignore[arg-type]


def opened(*, acknowledges: bool) -> SessionOpened:
    granted = Granted(endpoint="x:y", name="x", local=False, acknowledges_units=acknowledges)
    return SessionOpened(granted=granted)


def test_where_every_unit_is_acknowledged_the_model_is_the_reply_without_the_network() -> None:
    meter = LatencyMeter()
    assert (meter.network_ms(0), meter.model_ms(0), meter.playout_ms(0)) == (None, None, None)
    meter.event(opened(acknowledges=True))
    for latency in (90, 100, 140):
        meter.event(UnitDone(micro_turn=0, latency_ns=latency * MS, t_rx_ns=1))
    assert meter.model_ms(1) == 100.0
    meter.event(RoundTrip(rtt_ns=40 * MS, t_rx_ns=1))
    assert (meter.network_ms(1), meter.model_ms(1)) == (40.0, 60.0)
    meter.event(RoundTrip(rtt_ns=900 * MS, t_rx_ns=2))
    assert meter.model_ms(2) == 0.0, "never negative"
    assert (meter.network_ms(WINDOW_NS + 2), meter.model_ms(WINDOW_NS + 2)) == (None, None)


def test_elsewhere_it_runs_from_the_end_of_the_person_to_the_first_audible_sound() -> None:
    meter = LatencyMeter()
    meter.event(opened(acknowledges=False))
    meter.event(loud(100))
    assert meter.model_ms(NS_PER_S) is None, "nobody had asked"
    meter.event(UserSpeech(state="stopped", source="server_vad", t_rx_ns=1_000 * MS, t_media_ns=800 * MS))
    meter.event(loud(1_100, level=0))
    meter.event(loud(1_300))
    meter.event(loud(1_900))
    assert meter.model_ms(2 * NS_PER_S) == 500.0
    meter.event(UserSpeech(state="stopped", source="model", t_rx_ns=2_000 * MS))
    meter.event(UserSpeech(state="started", source="model", t_rx_ns=2_100 * MS))
    meter.event(loud(2_200))
    assert meter.model_ms(3 * NS_PER_S) == 500.0, "an answer into what the person says is none"


def test_a_typed_text_is_answered_from_the_end_of_its_micro_turn() -> None:
    meter = LatencyMeter()
    meter.turn(typed(4, "system", "system"))
    meter.event(loud(1_100))
    meter.turn(typed(4, "hello"))
    meter.event(loud(900))
    meter.event(loud(1_250))
    assert meter.model_ms(2 * NS_PER_S) == 250.0


def test_playout_is_what_sound_waits_before_it_is_heard() -> None:
    meter = LatencyMeter()
    heard = Heard(t_ns=500 * MS, item_id="i", text="", dur_ns=1)
    meter.event(heard)
    assert meter.playout_ms(NS_PER_S) is None, "of an older recording"
    meter.event(Heard(t_ns=500 * MS, item_id="i", text="", dur_ns=1, t_rx_ns=440 * MS))
    assert meter.playout_ms(NS_PER_S) == 60.0
