"""A conversation over a real socket: opening, micro-turns, events, draining, closing."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.endpoints.remote.echo import ECHO, EchoCodec
from tests.endpoints.remote.kit import QUICK, Events, Peer, converse, send, setup, target
from tests.endpoints.talk import jpeg, turn
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointError,
    InputLost,
    Limit,
    ResumeHandle,
    RoundTrip,
    SessionOpened,
    SessionUpdated,
    TextOut,
    Unrecognized,
    WireFrame,
    from_json,
    to_json,
)
from tmlapp.core.media import Frame
from tmlapp.endpoints.remote.contract import Opened, Start
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.errors import RefusedError

pytestmark = pytest.mark.unit
DRAIN_S = 10.0


def test_a_conversation_opens_streams_drains_and_closes() -> None:
    events = Events()
    with Peer() as peer:
        peer.react["turn"] = lambda ws, m: send(ws, type="say", text=f"heard {m['index']}")
        duplex = converse(ECHO, peer.url, events)
        assert duplex.granted.name == "peer"
        for index in range(5):
            duplex.push(turn(index, level=index))
        duplex.drain(DRAIN_S)
        duplex.close()
        sent = peer.of("turn")
    assert [m["index"] for m in sent] == [0, 1, 2, 3, 4]
    assert base64.b64decode(sent[3]["audio"]) == turn(3, level=3).pcm.tobytes()
    assert [e.delta for e in events.of(TextOut)] == [f"heard {i}" for i in range(5)]
    assert events.states == ["connecting", "configuring", "open", "draining", "closed"]
    closed = events.closed()
    assert (closed.code, closed.reason, closed.initiated_by) == ("closed", "bye", "us")


def test_nothing_but_the_connection_comes_before_session_opened() -> None:
    events = Events()
    with Peer() as peer:
        converse(ECHO, peer.url, events).close()
    first = next(i for i, e in enumerate(events.all) if isinstance(e, SessionOpened))
    assert all(isinstance(e, ConnectionChanged | WireFrame) for e in events.all[:first])


def test_what_the_granting_frame_says_besides_comes_after_session_opened() -> None:
    class Talkative(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            actions = super().receive(message)
            return [*actions, TextOut(delta="hi")] if isinstance(actions[0], Opened) else actions

    events = Events()
    with Peer() as peer:
        converse(replace(ECHO, codec=Talkative), peer.url, events).close()
    kinds = [type(e) for e in events.all]
    assert kinds.index(SessionOpened) < kinds.index(TextOut)


def test_every_frame_stands_in_the_wire_log_and_its_events_name_it() -> None:
    events = Events()
    audio = base64.b64encode(bytes(9600)).decode()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="audio", delta=audio)
        sound = events.until(AudioOut)
        duplex.push(turn(0))
        peer.until("turn")
        duplex.close()
    frames = events.of(WireFrame)
    assert [f.index for f in frames] == list(range(len(frames)))
    assert sound.wire_ref is not None
    named = frames[sound.wire_ref]
    assert (named.direction, named.message["type"]) == ("received", "audio")
    assert named.message["delta"]["bytes"] == 9600
    assert sound.pcm16 == bytes(9600)
    sent = [f.message for f in frames if f.direction == "sent"]
    assert [m["type"] for m in sent] == ["hello", "turn", "bye"]
    assert sent[1]["audio"]["bytes"] == 6400
    assert all(from_json(to_json(f)) == f for f in frames)


def test_receive_times_are_session_time_when_the_frame_came() -> None:
    clock, events = ManualClock(), Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events, clock=clock)
        clock.advance(1_234)
        peer.say(type="say", text="a")
        assert events.until(TextOut).t_rx_ns == 1_234
        duplex.close()


def test_the_endpoints_replies_go_out() -> None:
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, Events())
        peer.say(type="ask")
        peer.until("answer")
        duplex.close()


def test_a_frame_that_is_malformed_costs_that_frame() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        for frame in ("no json", b"\xff\x00", '{"type": 5}', "[" * 100_000, '{"type":"broken","text":"x"}'):
            peer.raw(frame)
        peer.say(type="say", text="still here")
        events.until(TextOut)
        duplex.close()
    errors = events.of(EndpointError)
    assert [(e.kind, e.fatal) for e in errors] == [("protocol", False)] * 5
    refs = {e.wire_ref for e in errors}
    assert len(refs) == 5
    assert events.closed().initiated_by == "us"


def test_an_unknown_kind_is_told_once_and_logged_each_time() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        for kind in ("new", "new", "newer", "new"):
            peer.say(type=kind)
        peer.say(type="say", text="end")
        events.until(TextOut)
        duplex.close()
    assert [e.name for e in events.of(Unrecognized)] == ["new", "newer"]
    assert [f.message["type"] for f in events.of(WireFrame)].count("new") == 3


def test_unknown_kinds_without_end_are_bounded() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        for index in range(300):
            peer.say(type=f"kind {index}")
        peer.say(type="say", text="end")
        events.until(TextOut)
        duplex.close()
    assert len(events.of(Unrecognized)) == 100


def test_a_fault_of_a_codec_ends_the_session_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="bug", text="oh")
        error = events.until(EndpointError)
        assert (error.kind, error.fatal, error.code) == ("internal", True, "KeyError")
        assert events.closed().code == "internal"
        duplex.close()
    assert "Traceback" in caplog.text
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("where", ["hello", "turn", "parse", "closed", "end_of_input", "goodbye"])
def test_a_fault_anywhere_in_a_codec_hangs_nothing(where: str) -> None:
    class Faulty(EchoCodec):
        pass

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    setattr(Faulty, where, fail)
    events = Events()
    with Peer() as peer:
        if where in ("hello", "parse"):
            with pytest.raises(RefusedError, match="fault in tmlapp"):
                converse(replace(ECHO, codec=Faulty), peer.url, events)
        else:
            duplex = converse(replace(ECHO, codec=Faulty), peer.url, events)
            duplex.push(turn(0))
            if where == "closed":
                peer.close(1011)
                events.until(Closed)
            duplex.drain(DRAIN_S)
            duplex.close()
    events.closed()
    assert [e.kind for e in events.of(EndpointError)] == ["internal"]


def test_a_frame_that_a_codec_cannot_describe_ends_the_session() -> None:
    class Faulty(EchoCodec):
        def describe(self, message):  # type: ignore[no-untyped-def]
            if message["type"] == "say":
                raise ZeroDivisionError
            return message

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Faulty), peer.url, events)
        peer.say(type="say", text="x")
        assert events.closed().code == "internal"
        duplex.close()


def test_a_codec_may_refuse_what_is_asked_in_its_own_words() -> None:
    def refuse(start: Start) -> EchoCodec:
        raise AppError("No history.", "This model has none.", "Start without.")

    events = Events()
    with Peer() as peer, pytest.raises(AppError, match="No history") as raised:
        converse(replace(ECHO, codec=refuse), peer.url, events)
    assert raised.value.fix == "Start without."
    events.closed()


def test_pings_measure_the_round_trip() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        assert events.until(RoundTrip, count=2).rtt_ns > 0
        duplex.close()


def test_the_person_learns_what_the_service_said_when_it_answers_no_set_up() -> None:
    events = Events()
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: send(ws, type="error", code="invalid_value", message="Bad voice.")
        with pytest.raises(RefusedError, match=r"did not answer the set-up.*Bad voice"):
            converse(ECHO, peer.url, events, patience=replace(QUICK, configure_s=0.05))
    error = events.of(EndpointError)[-1]
    assert (error.kind, error.fatal) == ("timeout", True)
    events.closed()


def test_waiting_in_the_services_queue_stops_the_clock_of_the_set_up() -> None:
    events = Events()

    def queue(ws, _message) -> None:  # type: ignore[no-untyped-def]
        send(ws, type="waiting", reason="You are number 3.")
        # So many pings take longer than the set-up may: it would have failed by then, were its clock not stopped.
        events.until(RoundTrip, count=15)
        send(ws, type="granted")

    with Peer() as peer:
        peer.react["hello"] = queue
        duplex = converse(ECHO, peer.url, events, patience=replace(QUICK, configure_s=0.2))
        duplex.close()
    waits = [e for e in events.of(ConnectionChanged) if e.state == "waiting"]
    assert [e.reason for e in waits] == ["You are number 3."]


def test_an_opening_that_nobody_wants_any_more_is_given_up() -> None:
    events = Events()
    unwanted = threading.Event()
    with Peer() as peer:
        peer.react["hello"] = lambda *_: unwanted.set()
        with pytest.raises(AppError, match="not opened"):
            converse(ECHO, peer.url, events, abandoned=unwanted.is_set)
    assert events.closed().initiated_by == "us"


def test_close_works_while_connecting_and_from_another_thread() -> None:
    events = Events()
    with Peer() as peer:
        peer.react.pop("hello")
        duplex = RemoteDuplex(ECHO, target(ECHO, peer.url), setup(), events, QUICK)
        closer = threading.Thread(target=lambda: (peer.until("hello"), duplex.close()))
        closer.start()
        with pytest.raises(AppError, match="not opened"):
            duplex.start()
        closer.join()
    events.closed()


def test_close_before_start_lets_nothing_begin() -> None:
    events = Events()
    duplex = RemoteDuplex(ECHO, target(ECHO, "ws://127.0.0.1:9"), setup(), events, QUICK)
    duplex.close()
    with pytest.raises(AppError, match="not opened"):
        duplex.start()
    assert events.closed().initiated_by == "us"


def test_close_works_from_inside_the_sink_and_twice() -> None:
    events = Events()
    holder: list[RemoteDuplex] = []

    def sink(event) -> None:  # type: ignore[no-untyped-def]
        events(event)
        if isinstance(event, TextOut):
            holder[0].drain(DRAIN_S)
            holder[0].close()

    with Peer() as peer:
        duplex = RemoteEndpoint(ECHO, target(ECHO, peer.url), patience=QUICK).open(setup(), sink)
        holder.append(duplex)
        peer.say(type="say", text="stop")
        events.closed()
        duplex.close()
        duplex.close()
        duplex.push(turn(0))
        duplex.drain(DRAIN_S)
    assert len(events.of(Closed)) == 1


def test_close_does_not_wait_for_a_peer_that_never_answers() -> None:
    events = Events()
    with Peer() as peer:
        peer.react.pop("bye")
        duplex = converse(replace(ECHO, close_s=0.01), peer.url, events)
        duplex.close()
    assert events.closed().initiated_by == "us"


def test_what_was_not_sent_before_the_close_is_lost_and_told() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        duplex.push(turn(0))
        peer.until("turn")
        for index in range(1, 4):
            duplex.push(turn(index))
        duplex.close()
    reached = {m["index"] for m in peer.of("turn")}
    lost = {e.micro_turn for e in events.of(InputLost)}
    assert reached | lost == {0, 1, 2, 3}
    assert not reached & lost


def test_the_limits_of_a_session_are_announced_by_session_time() -> None:
    clock, events = ManualClock(), Events()
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: send(ws, type="granted", expires_at_ms=600_000)
        duplex = converse(ECHO, peer.url, events, clock=clock)
        clock.advance(299_999_000_000)
        duplex.push(turn(0))
        peer.until("turn", 1)
        assert events.of(Limit) == []
        clock.advance(1_000_000)
        duplex.push(turn(1))
        assert events.until(Limit).remaining_ms == 300_000
        clock.advance(240_000_000_000)
        duplex.push(turn(2))
        second = events.until(Limit, count=2)
        assert (second.kind, second.remaining_ms, second.message) == (
            "expires",
            60_000,
            "The service ends this session in 1 min.",
        )
        duplex.close()
    assert len(events.of(Limit)) == 2


def test_the_limits_of_a_session_are_announced_while_session_time_stands_still() -> None:
    events = Events()
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: send(ws, type="granted", expires_at_ms=60_020)
        duplex = converse(ECHO, peer.url, events)
        assert events.until(Limit).remaining_ms == 60_000
        duplex.close()


def test_a_resume_handle_is_never_shown() -> None:
    class Handing(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            if message["type"] == "handle":
                return [ResumeHandle(handle=message["handle"], valid_from_index=0)]
            return super().receive(message)

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Handing), peer.url, events)
        peer.say(type="handle", handle="who-has-it-has-the-conversation")
        shown = events.until(ResumeHandle)
        duplex.close()
    assert shown.handle.startswith("sha256:")
    assert "who-has-it" not in repr(events.all)


def test_granted_follows_what_the_service_changes() -> None:
    class Changing(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            if message["type"] == "changed":
                return [Opened(replace(self._granted(message), name="changed"))]
            return super().receive(message)

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Changing), peer.url, events)
        peer.say(type="changed")
        events.until(SessionUpdated)
        duplex.close()
    assert duplex.granted.name == "changed"
    assert len(events.of(SessionOpened)) == 1


def test_pictures_go_with_their_micro_turn() -> None:
    picture = jpeg()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, Events())
        duplex.push(turn(0, frames=[Frame(0, picture, 64, 48)]))
        [sent] = peer.until("turn")
        duplex.close()
    assert [base64.b64decode(f) for f in sent["frames"]] == [picture]
    assert np.frombuffer(base64.b64decode(sent["audio"]), np.int16).shape == (3200,)


def test_granted_before_the_opening_is_a_mistake() -> None:
    duplex = RemoteDuplex(ECHO, target(ECHO, "ws://127.0.0.1:9"), setup(), Events(), QUICK)
    with pytest.raises(RuntimeError):
        _ = duplex.granted


def test_a_session_that_cannot_take_an_event_ends_the_conversation() -> None:
    events = Events()

    def sink(event) -> None:  # type: ignore[no-untyped-def]
        if isinstance(event, TextOut):
            raise ZeroDivisionError
        events(event)

    with Peer() as peer:
        duplex = RemoteEndpoint(ECHO, target(ECHO, peer.url), patience=QUICK).open(setup(), sink)
        peer.say(type="say", text="x")
        events.until(Closed)
        duplex.close()
    assert [e.kind for e in events.of(EndpointError)] == ["internal"]


def test_the_grant_and_the_reason_of_a_loss_name_their_frames() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="error", code="session_expired", message="Over.", fatal=True)
        events.until(SessionUpdated)
        duplex.close()
    frames = {e.index: e.message for e in events.of(WireFrame)}
    told = [*events.of(SessionOpened), *events.of(EndpointError), *events.of(SessionUpdated)]
    assert [frames[e.wire_ref]["type"] for e in told if e.wire_ref is not None] == ["granted", "error", "granted"]


def test_a_codec_that_hangs_does_not_hang_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.endpoints.remote.duplex._JOIN_S", 0.05)
    hung, go = threading.Event(), threading.Event()

    class Hanging(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            if message["type"] == "say":
                hung.set()
                assert go.wait(20)
            return super().receive(message)

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Hanging, close_s=0.01), peer.url, events)
        peer.say(type="say", text="x")
        assert hung.wait(20)
        duplex.close()
        assert events.closed().reason == "The connection did not end in time."
        go.set()
        duplex._thread.join()
    events.closed()


def test_a_sink_that_hangs_does_not_hang_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.endpoints.remote.duplex._JOIN_S", 0.05)
    hung, go, events = threading.Event(), threading.Event(), Events()

    def sink(event) -> None:  # type: ignore[no-untyped-def]
        if isinstance(event, TextOut):
            hung.set()
            assert go.wait(20)
        events(event)

    with Peer() as peer:
        dialect = replace(ECHO, close_s=0.01)
        duplex = RemoteEndpoint(dialect, target(dialect, peer.url), patience=QUICK).open(setup(), sink)
        peer.say(type="say", text="x")
        assert hung.wait(20)
        duplex.close()
        assert events.of(Closed) == []
        go.set()
        events.closed()


def test_session_time_that_is_asked_of_the_wrong_clock_never_runs_backwards() -> None:
    times = iter([5, 4, 3, 9] + [9] * 1000)
    events = Events()
    with Peer() as peer:
        converse(ECHO, peer.url, events, session_now_ns=lambda: next(times)).close()
    seen = [e.t_rx_ns for e in events.all]
    assert seen == sorted(seen)


def test_what_a_service_says_of_an_error_is_bounded() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="error", code="invalid_value", message="word " * 1_000_000)
        error = events.until(EndpointError)
        duplex.close()
    assert len(error.message) < 5_000
    assert error.message.endswith("…")
