"""A micro-turn goes out from the thread that pushes it where it can, and everything stays in order where it cannot."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.endpoints.remote.echo import ECHO, EchoCodec
from tests.endpoints.remote.kit import PATIENT_S, Events, Peer, converse
from tests.endpoints.talk import turn
from tmlapp.core.event import EndpointError, TextOut, WireFrame
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.remote.contract import Action, Send
from tmlapp.endpoints.remote.lending import Lender

pytestmark = pytest.mark.unit
TRIES = 200


def test_a_loop_is_lent_while_it_has_nothing_to_do_and_never_while_it_works() -> None:
    lender, ready, busy, go = Lender(), threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        loop = lender.loop()

        def work() -> None:
            busy.set()
            assert go.wait(PATIENT_S)
            loop.stop()

        loop.call_soon(ready.set)
        works.append(lambda: loop.call_soon_threadsafe(work))
        loop.run_forever()
        loop.close()

    works: list[object] = []
    thread = threading.Thread(target=run)
    with lender.borrowed() as mine:
        assert mine
    thread.start()
    assert ready.wait(PATIENT_S)
    for _ in range(1_000_000):
        with lender.borrowed() as mine:
            if mine:
                break
    assert mine
    works[0]()  # type: ignore[operator]
    assert busy.wait(PATIENT_S)
    with lender.borrowed() as mine:
        assert not mine
    go.set()
    thread.join(PATIENT_S)
    with lender.borrowed() as mine:
        assert not mine


def test_what_can_go_at_once_is_encoded_by_the_thread_that_pushes_and_no_event_leaves_from_there() -> None:
    by: list[threading.Thread] = []
    told: set[threading.Thread] = set()

    class Noted(EchoCodec):
        def turn(self, turn: MicroTurn) -> Sequence[Action]:
            by.append(threading.current_thread())
            return super().turn(turn)

    class Heard(Events):
        def __call__(self, event):  # type: ignore[no-untyped-def]
            told.add(threading.current_thread())
            super().__call__(event)

    events = Heard()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Noted), peer.url, events)
        for index in range(TRIES):
            duplex.push(turn(index))
            peer.until("turn", index + 1)
            if threading.current_thread() in by:
                break
        duplex.close()
    assert threading.current_thread() in by
    assert threading.current_thread() not in told
    assert [m["index"] for m in peer.of("turn")] == list(range(len(by)))


def test_frames_are_numbered_as_they_went_and_events_name_theirs() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        for index in range(20):
            duplex.push(turn(index))
            peer.until("turn", index + 1)
            peer.say(type="say", text=str(index))
            events.until(TextOut, count=index + 1)
        duplex.close()
    frames = events.of(WireFrame)
    assert [f.index for f in frames] == list(range(len(frames)))
    order = [f.message.get("index", f.message.get("text")) for f in frames if f.message["type"] in ("turn", "say")]
    assert order == [said for index in range(20) for said in (index, str(index))]
    for event in events.of(TextOut):
        assert event.wire_ref is not None
        assert frames[event.wire_ref].message["text"] == event.delta


def test_what_the_system_does_not_take_at_once_is_finished_by_the_loop_in_order() -> None:
    class Large(EchoCodec):
        def turn(self, turn: MicroTurn) -> Sequence[Action]:
            large = Send({"type": "large", "index": turn.index, "filling": "x y" * 1_000_000})
            return [large, *super().turn(turn), Send({"type": "small", "index": turn.index})]

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Large), peer.url, events)
        for index in range(3):
            duplex.push(turn(index))
        duplex.drain(PATIENT_S)
        duplex.close()
    kinds = [m["type"] for _, m in peer.received if m["type"] in ("large", "turn", "small")]
    assert kinds == ["large", "turn", "small"] * 3
    assert [m["index"] for m in peer.of("small")] == [0, 1, 2]


def test_a_codec_that_fails_in_a_push_ends_the_session_and_not_the_caller() -> None:
    class Broken(EchoCodec):
        def turn(self, turn: MicroTurn) -> Sequence[Action]:
            return [Send({"type": "turn", "index": float("nan")})]

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Broken), peer.url, events)
        duplex.push(turn(0))
        error = events.until(EndpointError)
        duplex.close()
    assert (error.kind, error.fatal) == ("internal", True)
    assert events.closed().initiated_by == "us"
