"""What the network and the service do to a conversation: nothing blocks, nothing is sent late, nothing goes unsaid."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.endpoints.remote.echo import ECHO, EchoCodec
from tests.endpoints.remote.kit import QUICK, Events, Peer, converse, noticed, send
from tests.endpoints.remote.proxy import FaultProxy
from tests.endpoints.talk import jpeg, turn
from tmlapp.core.event import (
    Closed,
    ConnectionChanged,
    EndpointError,
    InputLost,
    Limit,
    SessionOpened,
    SessionUpdated,
    TextOut,
    ToolCall,
)
from tmlapp.core.media import Frame
from tmlapp.core.turn import Interrupt, MicroTurn, ToolResult
from tmlapp.endpoints.remote.contract import Resumption, Send
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.errors import RefusedError

pytestmark = pytest.mark.unit
DRAIN_S = 10.0


def push(duplex: RemoteDuplex, *indices: int, frames: int = 0) -> None:
    for index in indices:
        pictures = [Frame(index, jpeg(), 64, 48) for _ in range(frames)]
        duplex.push(turn(index, level=index % 10, frames=pictures))


def indices(peer: Peer, connection: int | None = None) -> list[int]:
    return [m["index"] for m in peer.of("turn", connection)]


# ---------------------------------------------------------------------- a network that is slow or breaks bytes apart


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_bytes_that_arrive_in_pieces_change_nothing(piece: int) -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        peer.react["turn"] = lambda ws, m: send(ws, type="audio", delta=m["audio"][:400])
        proxy.piece_bytes = piece
        duplex = converse(ECHO, proxy.url, events)
        push(duplex, 0, 1, 2)
        duplex.drain(DRAIN_S)
        duplex.close()
    assert [m["audio"] for m in peer.of("turn")] == [base64.b64encode(turn(i, level=i).pcm).decode() for i in range(3)]
    assert events.closed().initiated_by == "us"
    assert events.of(EndpointError) == events.of(InputLost) == []


def test_half_the_bandwidth_delays_and_loses_nothing() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        proxy.bytes_per_s = 4_000_000
        duplex = converse(ECHO, proxy.url, events)
        push(duplex, *range(8))
        proxy.bytes_per_s = 2_000_000
        push(duplex, *range(8, 16))
        duplex.drain(DRAIN_S)
        duplex.close()
    assert indices(peer) == list(range(16))
    assert events.of(InputLost) == []


def _stall(
    peer: Peer, proxy: FaultProxy, events: Events, *, until: Callable[[], bool], frames: int = 0
) -> RemoteDuplex:
    """Push into a network that takes nothing any more until `until`; that this ends shows that `push` never waits."""
    duplex = converse(ECHO, proxy.url, events, patience=replace(QUICK, ping_every_s=60.0))
    proxy.hold()
    index = 0
    while not until() and index < 400:
        push(duplex, index, frames=frames)
        noticed(duplex)
        index += 1
    return duplex


def test_a_network_that_stalls_is_warned_of_and_catches_up_without_a_loss() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = _stall(peer, proxy, events, until=lambda: bool(events.of(Limit)))
        proxy.release()
        duplex.drain(DRAIN_S)
        duplex.close()
    warning = events.of(Limit)[0]
    assert (warning.kind, warning.ratio) == ("rate", 3 / 25)
    assert "3 micro-turns wait" in warning.message
    sent = indices(peer)
    assert sent == list(range(len(sent)))
    assert events.closed().initiated_by == "us"


def test_older_pictures_are_dropped_before_sound_is() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = _stall(peer, proxy, events, until=lambda: bool(events.of(InputLost)), frames=2)
        proxy.release()
        duplex.drain(DRAIN_S)
        duplex.close()
        turns = peer.of("turn")
    lost = events.of(InputLost)
    assert {e.what for e in lost} == {"video"}
    assert [m["index"] for m in turns] == list(range(len(turns)))
    thinner = {m["index"] for m in turns if len(m["frames"]) < 2}
    assert thinner == {e.micro_turn for e in lost}
    assert len(turns[-1]["frames"]) >= 1


def test_a_network_that_stays_stalled_ends_the_session_with_backpressure() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = _stall(peer, proxy, events, until=lambda: bool(events.of(Closed)))
        closed = events.closed()
        duplex.close()
        proxy.release()
    error = events.of(EndpointError)[-1]
    assert (error.kind, error.fatal, error.retryable) == ("backpressure", True, True)
    assert closed.code == "backpressure"
    lost = [e.micro_turn for e in events.of(InputLost) if e.what == "turn"]
    assert len(lost) >= 25
    assert lost == sorted(set(lost))
    assert not set(lost) & set(indices(peer))


def test_a_ping_that_nobody_answers_ends_the_session_without_a_second_try() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(ECHO, proxy.url, events, patience=replace(QUICK, pong_s=0.05))
        proxy.hold()
        error = events.until(EndpointError)
        assert (error.kind, error.fatal, error.retryable) == ("timeout", True, True)
        closed = events.closed()
        proxy.release()
        duplex.close()
    assert closed.initiated_by == "network"
    assert "reconnecting" not in events.states


# ---------------------------------------------------------------------- a connection that is lost


def test_a_cut_connection_is_taken_up_again_and_nothing_is_sent_late() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(ECHO, proxy.url, events)
        push(duplex, 0, 1)
        peer.until("turn", 2)
        peer.say(type="say", text="one")
        events.until(TextOut)
        proxy.refusing = True
        proxy.cut()
        events.until(ConnectionChanged, lambda e: e.state == "reconnecting")
        push(duplex, 2, 3)
        events.until(InputLost, count=2)
        proxy.refusing = False
        events.until(SessionUpdated)
        push(duplex, 4)
        peer.until("turn", connection=1)
        duplex.drain(DRAIN_S)
        duplex.close()
    assert indices(peer, 0) == [0, 1]
    assert indices(peer, 1) == [4]
    assert [(e.micro_turn, e.what) for e in events.of(InputLost)] == [(2, "turn"), (3, "turn")]
    assert [e.epoch for e in events.of(SessionOpened)] == [0]
    assert events.of(SessionUpdated)[0].epoch == 1
    assert peer.of("hello", 1)[0]["resume"] == {"said": ["one"]}
    [error] = events.of(EndpointError)
    assert (error.kind, error.fatal, error.retryable) == ("network", False, True)
    assert events.closed().initiated_by == "us"


def test_a_result_that_came_while_there_was_no_connection_still_reaches_the_model() -> None:
    class Results(EchoCodec):
        def turn(self, turn):  # type: ignore[no-untyped-def]
            results = [c.output for c in turn.controls if isinstance(c, ToolResult)]
            return [*super().turn(turn), Send({"type": "results", "index": turn.index, "results": results})]

    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(replace(ECHO, codec=Results), proxy.url, events)
        proxy.refusing = True
        proxy.cut()
        events.until(ConnectionChanged, lambda e: e.state == "reconnecting")
        duplex.push(MicroTurn(0, turn(0).pcm, controls=(Interrupt(1), ToolResult("a", "one"))))
        duplex.push(MicroTurn(1, turn(1).pcm, controls=(ToolResult("b", "two"),)))
        events.until(InputLost, count=2)
        proxy.refusing = False
        events.until(SessionUpdated)
        duplex.push(MicroTurn(2, turn(2).pcm, controls=(ToolResult("c", "three"),)))
        push(duplex, 3)
        peer.until("results", 2, connection=len(peer.connections) - 1)
        duplex.close()
    assert [(m["index"], m["results"]) for m in peer.of("results")] == [(2, ["one", "two", "three"]), (3, [])]
    assert [e.micro_turn for e in events.of(InputLost)] == [0, 1]


def test_a_frame_that_is_cut_in_its_middle_is_a_lost_connection() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(ECHO, proxy.url, events)
        proxy.cut_after["up"] = 4_000
        push(duplex, 0)
        events.until(SessionUpdated)
        push(duplex, 1)
        peer.until("turn", connection=1)
        proxy.cut_after["down"] = 2_000
        peer.say(type="audio", delta=base64.b64encode(bytes(9600)).decode())
        events.until(SessionUpdated, count=2)
        duplex.close()
    assert indices(peer) == [1]
    assert [e.kind for e in events.of(EndpointError)] == ["network", "network"]


def test_a_handle_of_the_service_is_preferred_to_a_history() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="handle", handle="h-1")
        peer.say(type="say", text="one")
        events.until(TextOut)
        peer.close(1012)
        events.until(SessionUpdated)
        duplex.close()
    assert peer.of("hello", 1)[0]["resume"] == {"handle": "h-1"}


def test_a_refused_handle_is_followed_by_the_history() -> None:
    events = Events()

    def refuse_handles(ws, message) -> None:  # type: ignore[no-untyped-def]
        if (message["resume"] or {}).get("handle"):
            send(ws, type="error", code="session_resume_expired", message="Gone.", fatal=True)
        else:
            send(ws, type="granted")

    with Peer() as peer:
        peer.react["hello"] = refuse_handles
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="handle", handle="h-1")
        peer.say(type="say", text="one")
        events.until(TextOut)
        peer.close(1012)
        events.until(SessionUpdated)
        duplex.close()
    assert [m["resume"] for m in peer.of("hello")] == [None, {"handle": "h-1"}, {"said": []}]


def test_after_five_tries_the_session_ends() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(ECHO, proxy.url, events)
        proxy.refusing = True
        proxy.cut()
        closed = events.closed()
        duplex.close()
    attempts = [e.attempt for e in events.of(ConnectionChanged) if e.state == "reconnecting"]
    assert attempts == [1, 2, 3, 4, 5]
    assert closed.initiated_by == "network"
    assert [e.fatal for e in events.of(EndpointError)] == [False, True]


def test_a_service_that_drops_every_connection_is_not_tried_for_ever() -> None:
    events = Events()
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: (send(ws, type="granted"), ws.close(1012))
        duplex = converse(ECHO, peer.url, events)
        events.closed()
        duplex.close()
    assert len(peer.of("hello")) == 6


def test_a_refusal_ends_the_tries_at_once() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.refuse = (401, "")
        peer.drop()
        closed = events.closed()
        duplex.close()
    assert closed.code == "http_401"
    assert [(e.kind, e.fatal) for e in events.of(EndpointError)] == [("network", False), ("auth", True)]


def test_a_conversation_that_cannot_go_on_is_closed() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events, options={"resume": "none"})
        peer.drop()
        closed = events.closed()
        duplex.close()
    assert closed.initiated_by == "network"
    assert [(e.kind, e.fatal) for e in events.of(EndpointError)] == [("network", True)]


def test_a_session_on_virtual_time_is_not_taken_up_again() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, virtual_time=True), peer.url, events, virtual_time=True)
        peer.drop()
        events.closed()
        duplex.close()
    assert "reconnecting" not in events.states


def test_close_ends_the_tries() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(ECHO, proxy.url, events, patience=replace(QUICK, backoff_s=(60.0,)))
        proxy.cut()
        events.until(ConnectionChanged, lambda e: e.state == "reconnecting")
        duplex.drain(DRAIN_S)
        duplex.close()
    assert events.closed().initiated_by == "us"


def test_a_loss_while_draining_ends_the_session() -> None:
    events = Events()
    with Peer() as peer:
        peer.react["end"] = lambda *_: peer.drop()
        duplex = converse(ECHO, peer.url, events)
        duplex.drain(DRAIN_S)
        duplex.close()
    assert events.closed().initiated_by == "network"


CLOSES = {
    1000: (None, False), 1001: ("session_expired", True), 1002: ("protocol", False), 1003: ("unsupported", False),
    1007: ("config", False), 1008: ("config", False), 1009: ("invalid_input", False), 1010: ("unsupported", False),
    1011: ("server", True), 1012: ("network", True), 1013: ("network", True), 1014: ("server", True),
    3000: ("server", True), 4000: ("server", True), 4999: ("server", True),
}  # fmt: skip


@pytest.mark.parametrize("code", CLOSES)
def test_each_close_code_ends_or_resumes_the_session(code: int) -> None:
    kind, resumes = CLOSES[code]
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        push(duplex, 0)
        peer.until("turn")
        peer.close(code, "because")
        if resumes:
            events.until(SessionUpdated)
        else:
            assert events.closed().code == str(code)
            assert events.closed().reason == "because"
        duplex.close()
    assert events.closed().initiated_by == ("us" if resumes else "server")
    assert [e.kind for e in events.of(EndpointError)] == ([kind] if kind else [])
    assert all(e.fatal != resumes for e in events.of(EndpointError))
    assert indices(peer) == [0]


def test_a_close_without_a_code_is_a_loss() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        # A close frame without a payload: the code 1005 stands for that there was none.
        peer.connections[-1].socket.sendall(b"\x88\x00")
        events.until(SessionUpdated)
        duplex.close()
    assert [(e.kind, e.code) for e in events.of(EndpointError)] == [("network", "1005")]


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota", "context_exhausted", "content"])
def test_failures_that_no_new_connection_heals_end_the_session(code: str) -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.say(type="error", code=code, message="No.")
        assert events.until(EndpointError).fatal
        assert events.closed().initiated_by == "server"
        duplex.close()
    assert len(peer.of("hello")) == 1


def test_failures_that_end_nothing_are_told_and_it_goes_on() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        for code in ("not_supported", "bad_audio", "server_error", "rate_limit_error"):
            peer.say(type="error", code=code, message="No.")
        peer.say(type="say", text="on")
        events.until(TextOut)
        duplex.close()
    assert [e.kind for e in events.of(EndpointError)] == ["unsupported", "invalid_input", "server", "rate_limit"]
    assert not any(e.fatal for e in events.of(EndpointError))


# ---------------------------------------------------------------------- opening


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (401, "auth", "key"),
        (403, "auth", "key"),
        (404, "config", "no such address"),
        (429, "rate_limit", "too many"),
        (503, "server", "full"),
        (500, "server", "failed"),
        (302, "config", "not followed"),
        (418, "config", "refused"),
        (402, "quota", "credit"),
    ],
)
def test_the_status_of_the_upgrade_says_what_is_wrong(status: int, kind: str, says: str) -> None:
    events = Events()
    with Peer() as peer:
        peer.refuse = (status, '{"error":{"code":"x","message":"It says so."}}')
        with pytest.raises(RefusedError, match=says) as raised:
            converse(ECHO, peer.url, events)
    assert "It says so" in raised.value.why
    assert raised.value.error.kind == kind
    assert raised.value.fix
    assert len(peer.headers) == 1
    events.closed()


def test_a_key_is_not_carried_to_where_a_service_points() -> None:
    with Peer() as elsewhere, Peer() as peer:
        peer.refuse = (307, "")
        with pytest.raises(RefusedError):
            converse(ECHO, peer.url, Events(), key="key-of-the-test")
        assert elsewhere.headers == []


def test_nobody_listens() -> None:
    events = Events()
    with Peer() as peer:
        port = peer.port
    with pytest.raises(RefusedError, match=f"Nothing answers at 127.0.0.1:{port}"):
        converse(ECHO, f"ws://127.0.0.1:{port}", events)
    assert [e.kind for e in events.of(EndpointError)] == ["network"]
    assert events.closed().initiated_by == "network"


def test_a_server_that_is_silent_is_given_up() -> None:
    events = Events()
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        proxy.hold()
        with pytest.raises(RefusedError, match="in time") as raised:
            converse(ECHO, proxy.url, events, patience=replace(QUICK, connect_s=0.05))
        proxy.release()
    assert raised.value.error.kind == "timeout"


def test_a_server_that_speaks_no_websocket_is_named_as_such() -> None:
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        proxy.cut_after["down"] = 20
        with pytest.raises(RefusedError) as raised:
            converse(ECHO, proxy.url, Events())
    assert raised.value.error.kind == "network"


def test_a_service_that_closes_during_the_set_up_is_refused_in_its_words() -> None:
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: ws.close(1008, "unknown model")
        with pytest.raises(RefusedError, match="unknown model") as raised:
            converse(ECHO, peer.url, Events())
    assert raised.value.error.kind == "config"


def test_an_ordinary_close_during_the_set_up_is_refused_too() -> None:
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: ws.close(1000, "")
        with pytest.raises(RefusedError, match="ended the session during the set-up"):
            converse(ECHO, peer.url, Events())


# ---------------------------------------------------------------------- a connection that goes away


def test_a_connection_that_goes_away_is_changed_in_a_calm_moment() -> None:
    class Calling(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            if message["type"] == "call":
                return [ToolCall(call_id="c", name="n", arguments={})]
            return super().receive(message)

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Calling), peer.url, events)
        peer.say(type="handle", handle="h")
        peer.say(type="call")
        peer.say(type="away", remaining_ms=50_000)
        events.until(Limit)
        push(duplex, 0)
        peer.until("turn")
        assert len(peer.connections) == 1
        duplex.push(MicroTurn(1, turn(1).pcm, controls=(ToolResult("c", "done"),)))
        events.until(SessionUpdated)
        push(duplex, 2)
        peer.until("turn", connection=1)
        duplex.close()
    assert indices(peer, 0) == [0, 1]
    assert indices(peer, 1) == [2]
    assert peer.of("hello", 1)[0]["resume"] == {"handle": "h"}
    assert events.of(EndpointError) == events.of(InputLost) == []
    assert peer.of("bye", 0) == []


def test_a_connection_that_goes_away_is_changed_before_it_strikes_however_busy_it_is() -> None:
    class Calling(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            if message["type"] == "call":
                return [ToolCall(call_id="c", name="n", arguments={})]
            return super().receive(message)

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Calling), peer.url, events)
        peer.say(type="call")
        peer.say(type="away", remaining_ms=40)
        events.until(SessionUpdated)
        duplex.close()
    assert len(peer.of("hello")) == 2


def test_a_service_that_sends_everybody_away_at_once_is_not_followed_without_end() -> None:
    events = Events()
    with Peer() as peer:

        def hello(ws: Any, _message: Any) -> None:
            send(ws, type="granted", session="s")
            for _ in range(3):
                send(ws, type="away", remaining_ms=0)

        peer.react["hello"] = hello
        duplex = converse(ECHO, peer.url, events)
        tries = len(QUICK.backoff_s)
        peer.until("hello", tries + 2)
        events.until(SessionUpdated, count=tries + 1)
        events.until(Limit, lambda e: e.epoch == tries + 1, count=3)
        push(duplex, 0)
        peer.until("turn", connection=tries + 1)
        duplex.close()
    assert len(peer.connections) == tries + 2
    assert events.closed().initiated_by == "us"


@pytest.mark.parametrize(
    ("frame", "says"), [(b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "exceeds limit"), (b"\x81\x02\xff\xfe", "invalid")]
)
def test_frames_that_no_socket_takes_are_named_as_the_cause(frame: bytes, says: str) -> None:
    events = Events()
    with Peer() as peer:
        converse(ECHO, peer.url, events, options={"resume": "none"})
        peer.connections[-1].socket.sendall(frame)
        closed = events.closed()
    assert closed.code == "1006"
    assert says in closed.reason


def test_a_conversation_that_cannot_go_on_stays_on_a_connection_that_goes_away() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events, options={"resume": "none"})
        peer.say(type="away", remaining_ms=1)
        events.until(Limit)
        push(duplex, 0)
        peer.until("turn", connection=0)
        peer.close(1001, "time is up")
        closed = events.closed()
        duplex.close()
    assert (closed.code, closed.initiated_by) == ("1001", "server")
    assert len(peer.of("hello")) == 1


def test_a_change_that_fails_is_a_loss_like_any_other() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        granted = peer.react["hello"]

        def fail_once(ws, message) -> None:  # type: ignore[no-untyped-def]
            peer.react["hello"] = granted
            ws.close(1013, "busy")

        peer.react["hello"] = fail_once
        peer.say(type="away", remaining_ms=1)
        events.until(SessionUpdated)
        duplex.close()
    assert len(peer.of("hello")) == 3


def test_no_second_connection_to_be_had_leaves_the_first_one_as_it_is() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events)
        peer.refuse = (503, "")
        peer.say(type="away", remaining_ms=1)
        events.until(Limit)
        push(duplex, 0)
        peer.until("turn", connection=0)
        duplex.drain(DRAIN_S)
        duplex.close()
    assert events.closed().initiated_by == "us"
    assert events.of(EndpointError) == []


# ---------------------------------------------------------------------- a hostile service


def test_a_frame_beyond_the_limit_ends_the_connection_not_the_program() -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(ECHO, peer.url, events, options={"resume": "none"})
        peer.raw(b"x" * (16 * 2**20 + 1))
        closed = events.closed()
        duplex.close()
    assert closed.code in ("1006", "1009")


def test_a_service_that_asks_without_end_is_left() -> None:
    class Asking(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            actions = super().receive(message)
            return [*actions] * 6_000 if message["type"] == "ask" else actions

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Asking), peer.url, events)
        peer.say(type="ask")
        events.closed()
        duplex.close()
    assert events.of(EndpointError)[-1].kind == "backpressure"


def test_a_resumption_that_fails_is_none() -> None:
    class Faulty(EchoCodec):
        def resumption(self) -> Resumption | None:
            raise ValueError("no")

    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Faulty), peer.url, events)
        peer.drop()
        events.closed()
        duplex.close()
    assert len(peer.of("hello")) == 1
