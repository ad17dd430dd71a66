"""A session with a model elsewhere: connection, barge-in, lost input, delegation, and an end in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.live.parts import ListFeed, MemoryLog, Watcher, captured, session_info, sound
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    Delegation,
    DelegationReturned,
    EndpointEvent,
    Granted,
    Health,
    Heard,
    InputLost,
    Interrupted,
    Notice,
    Rejection,
    RoundTrip,
    SessionOpened,
    SessionUpdated,
    ToolReturned,
    TurnDone,
    TurnStarted,
    UnitDone,
    UserSpeech,
    WireFrame,
)
from tmlapp.core.media import Frame
from tmlapp.core.tool import Reply, Said, ToolSpec
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, PlaybackReport, ToolResult
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions

pytestmark = pytest.mark.unit

GRANTED = Granted(endpoint="far:lab", name="lab", local=False, unit_ms=200, can_ack_playback=True)


class FarEndpoint:
    """Behaves as a model behind a socket does: the connection first, events from other threads, words after the end."""

    address = "far:lab"
    local = False
    host = "lab.example"

    def __init__(self, granted: Granted = GRANTED) -> None:
        self.granted = granted
        self.script: dict[int, Sequence[EndpointEvent]] = {}
        self.on_open: Callable[[EndpointSetup], None] = lambda _: None
        self.on_drain: Callable[[], None] = lambda: None
        self.pushed: list[MicroTurn] = []
        self.closed = 0
        self.sink: EventSink = lambda _: None

    def check(self, instruction: str) -> None: ...

    def open(self, setup: EndpointSetup, sink: EventSink) -> FarEndpoint:
        self.sink = sink
        sink(ConnectionChanged(state="connecting"))
        sink(WireFrame(index=0, direction="sent", size=2, message={}))
        self.on_open(setup)
        sink(ConnectionChanged(state="open"))
        sink(SessionOpened(granted=self.granted))
        return self

    def push(self, turn: MicroTurn) -> None:
        self.pushed.append(turn)
        for event in self.script.get(turn.index, ()):
            self.sink(event)

    def drain(self, timeout_s: float) -> None:
        self.on_drain()

    def close(self) -> None:
        self.closed += 1
        self.sink(ConnectionChanged(state="closed"))
        self.sink(Closed(code="1000", reason="", initiated_by="us"))


class Hall:
    """One session on the real clock, whose micro-turns come when the test wants them."""

    def __init__(self, endpoint: FarEndpoint, *, turns: int = 0, virtual: bool = False, **more: object) -> None:
        self.endpoint = endpoint
        self.feed = ListFeed([captured(k) for k in range(turns)], ends=bool(turns))
        self.log = MemoryLog()
        self.watcher = Watcher()
        self.session = LiveSession(
            feed=self.feed,
            endpoint=endpoint,
            info=session_info,
            make_log=lambda *_: self.log,
            clock=ManualClock(1_000) if virtual else MonotonicClock(),
            options=SessionOptions(virtual_time=virtual),
            **more,  # type: ignore[arg-type]
        )
        self.session.add_observer(self.watcher)

    def turn(self, index: int, **changes: object) -> None:
        self.feed.more(captured(index, mono_ns=MonotonicClock().now_ns() - TURN_NS, **changes))
        self.watcher.until(lambda: index in self.watcher.turns)

    def until(self, kind: type) -> None:
        self.watcher.until(lambda: bool(self.of(kind)))

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.watcher.events if isinstance(e, kind)]

    def end(self) -> Hall:
        self.feed.end()
        self.session.wait()
        return self

    def notices(self) -> list[str]:
        return [n.what for n in self.log.events if isinstance(n, Notice)]


def test_the_connection_is_seen_while_the_session_still_waits_for_it() -> None:
    endpoint = FarEndpoint()
    seen: list[str] = []
    hall = Hall(endpoint)

    def waiting(setup: EndpointSetup) -> None:
        connection = hall.session.snapshot().connection
        seen.append(connection.state if connection else "")
        assert hall.session.snapshot().granted is None

    endpoint.on_open = waiting
    hall.session.start()
    assert seen == ["connecting"]
    assert hall.session.snapshot().granted == GRANTED
    hall.end()
    connection = hall.session.snapshot().connection
    assert connection is not None
    assert connection.state == "closed"
    assert [e.state for e in hall.of(ConnectionChanged)] == ["connecting", "open", "closed"]
    assert len(hall.of(WireFrame)) == 1


def test_a_session_that_is_stopped_while_it_connects_gives_up() -> None:
    endpoint = FarEndpoint()
    hall = Hall(endpoint)
    asked: list[bool] = []

    def stop_meanwhile(setup: EndpointSetup) -> None:
        asked.append(setup.abandoned())
        hall.session.stop()
        asked.append(setup.abandoned())

    endpoint.on_open = stop_meanwhile
    with pytest.raises(AppError, match="stopped before it began"):
        hall.session.start()
    assert asked == [False, True]
    assert (endpoint.closed, hall.feed.closed, hall.session.state) == (1, 1, "closed")


def test_a_person_who_cuts_in_is_heard_by_the_model_with_the_samples_that_were_played() -> None:
    endpoint = FarEndpoint()
    hall = Hall(endpoint)
    hall.session.start()
    endpoint.script[0] = [
        TurnStarted(response_id="r"),
        replace(sound(0, 240_000), item_id="i", response_id="r", t_rx_ns=0),
    ]
    hall.turn(0)
    hall.turn(1)
    assert endpoint.pushed[1].controls == (PlaybackReport("i", 400 * NS_PER_MS),)
    hall.session.interrupt()
    hall.until(Interrupted)
    hall.turn(2)
    (cut,) = endpoint.pushed[2].controls
    (heard,) = hall.of(Heard)
    assert isinstance(cut, Interrupt)
    assert (cut.item_id, cut.by_person, cut.played_ns) == ("i", True, heard.dur_ns)
    assert heard.interrupted
    assert 0 < heard.dur_ns < 10 * NS_PER_S
    assert hall.log.turns[2].controls == (cut,)
    hall.end()


def test_late_sound_of_a_cut_item_is_recorded_and_not_heard() -> None:
    endpoint = FarEndpoint(replace(GRANTED, can_ack_playback=False))
    hall = Hall(endpoint, turns=8)
    endpoint.script = {
        0: [TurnStarted(response_id="r"), replace(sound(0, 48_000), item_id="i", response_id="r")],
        2: [Interrupted(t_rx_ns=3 * TURN_NS), replace(sound(2, 4_800), item_id="i", response_id="r")],
        3: [TurnDone(status="cancelled", response_id="r")],
        5: [TurnStarted(response_id="s"), replace(sound(5, 4_800), item_id="k", response_id="s")],
    }
    hall.session.start()
    hall.session.wait()
    assert len(hall.of(AudioOut)) == 3
    assert [(h.item_id, h.dur_ns // NS_PER_MS, h.interrupted) for h in hall.of(Heard)] == [
        ("i", 400, True),
        ("k", 200, False),
    ]
    assert [c for t in endpoint.pushed for c in t.controls] == [Interrupt(400 * NS_PER_MS, "i", by_person=False)]


def test_what_the_model_says_while_it_is_drained_is_heard_meanwhile() -> None:
    endpoint = FarEndpoint()
    hall = Hall(endpoint, turns=2)
    heard = threading.Event()

    def last_words() -> None:
        endpoint.sink(replace(sound(1, 480), item_id="bye", response_id="r"))
        endpoint.sink(TurnDone(status="completed", response_id="r"))
        hall.watcher.until(lambda: any(isinstance(e, Heard) for e in hall.watcher.events))
        heard.set()

    endpoint.on_drain = last_words
    hall.session.start()
    hall.session.wait()
    assert heard.is_set()
    assert [h.item_id for h in hall.of(Heard)] == ["bye"]


def test_an_endpoint_that_cannot_be_drained_fails_the_session_and_keeps_the_recording() -> None:
    endpoint = FarEndpoint()

    def broken() -> None:
        raise AppError("It broke.", "It does.", "Repair it.")

    endpoint.on_drain = broken
    hall = Hall(endpoint, turns=1)
    hall.session.start()
    hall.session.wait()
    assert str(hall.session.error) == str(AppError("It broke.", "It does.", "Repair it."))
    assert hall.session.recording_path is not None


def test_virtual_time_needs_an_endpoint_that_says_what_it_has_answered() -> None:
    with pytest.raises(AppError, match="cannot run on virtual time"):
        Hall(FarEndpoint(), virtual=True).session.start()


def test_on_virtual_time_a_lost_micro_turn_is_not_waited_for() -> None:
    endpoint = FarEndpoint(replace(GRANTED, acknowledges_units=True))
    done = [UnitDone(micro_turn=k, latency_ns=5, t_rx_ns=(k + 1) * TURN_NS) for k in range(3)]
    lost = InputLost(micro_turn=1, what="turn", reason="The connection was lost.", t_rx_ns=2 * TURN_NS)
    endpoint.script = {0: [done[0]], 1: [lost], 2: [done[2]]}
    hall = Hall(endpoint, turns=3, virtual=True)
    hall.session.start()
    hall.session.wait()
    assert hall.session.error is None
    assert len(endpoint.pushed) == 3


def test_a_person_is_told_once_of_a_lost_connection_and_of_what_it_cost() -> None:
    endpoint = FarEndpoint(
        replace(GRANTED, rejections=(Rejection(asked="voice", granted="alloy", reason="It has one only."),))
    )
    lost = [InputLost(micro_turn=k, what="turn", reason="gone", t_rx_ns=k) for k in range(1, 11)]
    endpoint.script = {
        1: [ConnectionChanged(state="reconnecting", reason="The network is gone.", attempt=1), *lost[:5]],
        2: [ConnectionChanged(state="reconnecting", attempt=2), *lost[5:], ConnectionChanged(state="open", epoch=1)],
        3: [SessionUpdated(granted=endpoint.granted, epoch=1)],
    }
    hall = Hall(endpoint, turns=5)
    hall.session.start()
    hall.session.wait()
    assert hall.notices() == [
        "Not granted: voice.",
        "The connection to the model is lost. Reconnecting…",
        "The connection to the model is back.",
    ]
    back = next(n for n in hall.of(Notice) if "back" in n.what)
    assert back.why == "10 micro-turns (2.0 s) did not reach the model and are not sent later."


def test_a_session_that_the_service_closes_ends_and_says_so() -> None:
    endpoint = FarEndpoint()
    endpoint.script = {1: [Closed(code="1001", reason="An hour is over.", initiated_by="server")]}
    hall = Hall(endpoint, turns=3)
    hall.session.start()
    hall.session.wait()
    assert hall.notices() == ["The service has closed the session."]
    assert hall.log.events[-1].reason == "the endpoint closed the session: An hour is over."  # type: ignore[union-attr]


def test_the_latency_of_a_reply_is_split() -> None:
    endpoint = FarEndpoint()
    endpoint.script = {
        1: [
            RoundTrip(rtt_ns=30 * NS_PER_MS, t_rx_ns=2 * TURN_NS),
            UserSpeech(state="stopped", source="server_vad", t_media_ns=TURN_NS, t_rx_ns=2 * TURN_NS),
        ],
        3: [TurnStarted(response_id="r"), replace(sound(3, 480), item_id="i", response_id="r")],
        4: [TurnDone(status="completed", response_id="r")],
    }
    hall = Hall(endpoint, turns=10)
    hall.session.start()
    hall.session.wait()
    health = hall.of(Health)[-1]
    assert (health.network_ms, health.model_ms, health.playout_ms) == (30.0, 570.0, 0.0)


class Worker:
    """A background model that keeps what it was told."""

    specs = (ToolSpec(name="delegate", description="Works."),)

    def __init__(self, *results: ToolResult | DelegationResult) -> None:
        self.results = results
        self.task: object = None
        self.told: Sequence[Said] = ()
        self.done = threading.Event()

    def call(self, call: object, conversation: Sequence[Said], reply: Reply) -> None:
        self.task, self.told = call.arguments, conversation  # type: ignore[attr-defined]
        for result in self.results:
            reply(result)
        self.done.set()


def delegating(worker: Worker | None, target: str = "client") -> Hall:
    endpoint = FarEndpoint(replace(GRANTED, can_ack_playback=False))
    frame = Frame(TURN_NS, b"jpeg", 32, 24, False)
    endpoint.script = {1: [Delegation(id="item_D", target=target, state="created", t_rx_ns=2 * TURN_NS)]}
    hall = Hall(endpoint, toolbox=worker, instruction="Help with the bicycle.")
    hall.session.start()
    hall.turn(0)
    hall.session.send_text("What is it?")
    hall.turn(1, frames=(frame,))
    return hall


def test_what_the_model_hands_over_goes_to_the_background_with_everything_said_and_seen() -> None:
    worker = Worker(DelegationResult("x", "A ", final=False), DelegationResult("x", "chain.", final=True))
    hall = delegating(worker)
    worker.done.wait()
    hall.turn(2)
    hall.turn(3)
    hall.end()
    assert [(s.role, s.text) for s in worker.told][:2] == [
        ("system", "Help with the bicycle."),
        ("user", "What is it?"),
    ]
    assert worker.told[-1].frame is not None
    assert "handed over" in str(worker.task) or "hands over" in str(worker.task)
    sent = [c for t in hall.endpoint.pushed for c in t.controls]
    assert sent == [DelegationResult("item_D", "A ", final=False), DelegationResult("item_D", "chain.", final=True)]
    assert [e.text for e in hall.of(DelegationReturned)] == ["A ", "chain."]


@pytest.mark.parametrize(
    ("worker", "text", "told"),
    [
        (None, "This session has no background model.", ["The model hands work over, and nobody is there to do it."]),
        (Worker(ToolResult("x", "It failed.", is_error=True)), "It failed.", []),
    ],
    ids=["nobody", "fails"],
)
def test_a_delegation_that_fails_is_answered_all_the_same(worker: Worker | None, text: str, told: list[str]) -> None:
    hall = delegating(worker)
    if worker is not None:
        worker.done.wait()
    hall.turn(2)
    hall.turn(3)
    hall.end()
    assert hall.notices() == told
    assert [c for t in hall.endpoint.pushed for c in t.controls] == [DelegationResult("item_D", text, final=True)]
    assert [(e.call_id, e.name, e.is_error) for e in hall.of(ToolReturned)] == [("item_D", "delegate", True)]


def test_what_a_service_hands_to_a_backend_of_its_own_is_not_ours_to_do() -> None:
    worker = Worker()
    hall = delegating(worker, target="responses")
    hall.end()
    assert (worker.told, hall.notices()) == ((), [])
