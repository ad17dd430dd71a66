"""GPT-Live over real sockets: taking up a session again, forks, and a key that is seen nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from websockets.sync.server import ServerConnection

from tests.endpoints.remote.family import b64, micro_turn
from tests.endpoints.remote.kit import Events, Peer, converse, send
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError, InputLost, SessionUpdated, TurnDone, to_json
from tmlapp.endpoints.openai_live import OPENAI_LIVE

pytestmark = pytest.mark.unit

KEY = "sk-marker-0123456789abcdef"
LOUD = np.full(2400, 3000, "<i2").tobytes()


def started(ws: ServerConnection, message: Any) -> None:
    session = {
        "id": f"live_{ws.request.path.count('/')}" if ws.request else "",
        "status": "active",
        **message["session"],
    }
    send(ws, type="session.started", client_event_id=message["event_id"], session=session)


def ended(ws: ServerConnection, reason: str) -> None:
    send(ws, type="session.closed", reason=reason, usage={"seconds": 1}, session={})
    ws.close()


def speak(ws: ServerConnection) -> None:
    """One reply, "One.", with its sound."""
    send(ws, type="session.output_transcript.delta", delta="One.", start_ms=0, end_ms=200)
    for pcm16 in (LOUD, *[bytes(4800)] * 6):
        send(ws, type="session.output_audio.delta", delta=b64(pcm16))


def live_peer(on_start: Callable[[ServerConnection, Any], None] = started) -> Peer:
    peer = Peer()
    peer.react = {"session.start": on_start, "session.close": lambda ws, _: ended(ws, "close_requested")}
    return peer


@pytest.mark.parametrize(("store", "path"), [("off", "/v1/live/sessions"), ("on", "/v1/live/sessions/live_3/fork")])
def test_an_expired_session_is_taken_up_again(store: str, path: str) -> None:
    events = Events()
    with live_peer() as peer:
        duplex = converse(OPENAI_LIVE, peer.url, events, options={"store": store})
        duplex.push(micro_turn(0))
        peer.until("session.input_audio.append", 1, connection=0)
        speak(peer.connections[0])
        events.until(TurnDone)
        ended(peer.connections[0], "expired")
        granted = events.until(SessionUpdated).granted
        duplex.push(micro_turn(1))
        peer.until("session.input_audio.append", 1, connection=1)
        duplex.close()
    (again,) = peer.of("session.start", connection=1)
    request = peer.connections[1].request
    assert request is not None
    assert request.path == path
    if store == "on":
        assert "model" not in again["session"]
        assert granted.details["resumed"] == "fork"
    else:
        assert [m["content"][0]["text"] for m in again["session"]["input"]] == ["One."]
        assert granted.details["resumed"] == "history"
    assert events.of(InputLost) == []
    assert events.closed().initiated_by == "us"


def test_a_session_that_is_filtered_is_not_taken_up_again() -> None:
    events = Events()
    with live_peer() as peer:
        duplex = converse(OPENAI_LIVE, peer.url, events)
        ended(peer.connections[0], "content")
        closed = events.closed()
        duplex.close()
    assert (closed.code, closed.initiated_by) == ("content", "server")
    (error,) = events.of(EndpointError)
    assert (error.kind, error.fatal) == ("content_filter", True)
    assert len(peer.connections) == 1


def test_a_key_that_the_service_quotes_back_is_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(ws: ServerConnection, _message: Any) -> None:
        about = {"type": "invalid_request_error", "code": "invalid_api_key", "message": f"Incorrect key: {KEY}."}
        send(ws, type="error", event_id="e", error=about)

    events = Events()
    caplog.set_level(logging.DEBUG)
    with live_peer(refuse) as peer, pytest.raises(AppError) as raised:
        converse(OPENAI_LIVE, peer.url, events, key=KEY)
    assert peer.headers[0]["Authorization"] == f"Bearer {KEY}"
    (error,) = events.of(EndpointError)
    assert error.kind == "auth"
    seen = [str(to_json(e)) for e in events.all] + [str(raised.value), repr(raised.value), caplog.text]
    assert not [text for text in seen if KEY in text]
