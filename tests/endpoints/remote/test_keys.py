"""A marker key goes through every path on which things fail, and is found nowhere."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.remote.echo import ECHO, EchoCodec
from tests.endpoints.remote.kit import QUICK, Events, Peer, converse, send, setup, target
from tests.endpoints.remote.proxy import FaultProxy
from tests.endpoints.talk import turn
from tests.live.parts import ListFeed, captured, session_info
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Closed, EndpointError, Granted, ResumeHandle, TextOut, ToolCall, to_json
from tmlapp.core.secret import MASK, Secret
from tmlapp.endpoints.remote.contract import Answer, Fetch, Opened, Request, Resumption, Target
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint, remote_endpoint
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.reader import Recording
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit
KEY = "marker-key-31415926535897932384"


class Everything:
    """Collects every text that anybody could read afterwards."""

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self.events = Events()
        self.texts: list[str] = []
        self._log = log

    def raised(self, error: BaseException) -> None:
        """An exception as a crash report shows it: its whole chain, with the local variables of every frame."""
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        # The frames of the test itself hold the key by right.
        for frame in shown.stack:
            if "tests" in Path(frame.filename).parts:
                frame.locals = {}
        assert shown.__cause__ is None
        assert error.__context__ is None
        self.texts += ["".join(shown.format()), repr(error), str(error), json.dumps(getattr(error, "to_json", dict)())]

    def assert_clean(self) -> None:
        self.texts += [json.dumps(to_json(e)) for e in self.events.all] + [repr(e) for e in self.events.all]
        self.texts += [self._log.text, *(repr(r.__dict__) for r in self._log.records)]
        for text in self.texts:
            assert KEY not in text
        assert self.texts


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[Everything]:
    for name in ("", "asyncio", "websockets", "websockets.client", "tmlapp"):
        caplog.set_level(logging.DEBUG, name)
    collected = Everything(caplog)
    yield collected
    collected.assert_clean()


def refused(everything: Everything, url: str, **more: Any) -> AppError:
    with pytest.raises(AppError) as raised:
        converse(more.pop("dialect", ECHO), url, everything.events, key=KEY, **more)
    everything.raised(raised.value)
    return raised.value


@pytest.mark.parametrize(
    "url",
    [
        f"wss://host.example/?key={KEY}",
        f"wss://{KEY}@host.example/",
        f"wss://host.example/{KEY}",
        f"ws://127.0.0.1/?a={KEY}",
    ],
)
def test_a_key_in_a_url(everything: Everything, url: str) -> None:
    endpoint = RemoteEndpoint(ECHO, replace(target(ECHO, "ws://127.0.0.1:9", key=KEY), url=url))
    with pytest.raises(AppError) as raised:
        endpoint.open(setup(), everything.events)
    assert KEY not in str(raised.value)
    everything.texts.append(str(raised.value))


def test_nothing_that_holds_a_key_shows_it(everything: Everything, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ECHO.key_variable, KEY)
    endpoint = remote_endpoint(ECHO, "ws://127.0.0.1:9")
    described = target(ECHO, "ws://127.0.0.1:9", key=KEY)
    request = ECHO.request(described, None)
    assert KEY in request.headers["Authorization"]
    everything.texts += [repr(vars(endpoint)), repr(described), str(described), repr(request), repr(Secret(KEY))]
    everything.texts += [repr(Resumption("native", {"handle": KEY}))]


def test_a_refusal_that_echoes_the_key(everything: Everything) -> None:
    with Peer() as peer:
        for status, body in (
            (401, json.dumps({"error": {"message": f"Bad key {KEY}", "code": KEY}})),
            (403, f"<b>{KEY}</b>"),
            (500, KEY * 50),
        ):
            peer.refuse = (status, body)
            error = refused(everything, peer.url)
            assert MASK in str(error)
        assert all(KEY in headers["Authorization"] for headers in peer.headers)


def test_a_close_whose_reason_echoes_the_key(everything: Everything) -> None:
    with Peer() as peer:
        peer.react["hello"] = lambda ws, _: ws.close(1008, f"bad {KEY}")
        assert MASK in str(refused(everything, peer.url))
        peer.react["hello"] = lambda ws, _: send(ws, type="granted")
        duplex = converse(ECHO, peer.url, everything.events, key=KEY)
        peer.close(1008, f"bad {KEY}")
        everything.events.until(Closed, count=2)
        duplex.close()
    assert MASK in everything.events.of(Closed)[1].reason


def test_frames_that_echo_the_key(everything: Everything) -> None:
    class Chatty(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            match message["type"]:
                case "call":
                    return [ToolCall(call_id=message["text"], name=KEY, arguments={KEY: [KEY]})]
                case "handle":
                    return [ResumeHandle(handle=KEY, valid_from_index=0)]
                case _:
                    return super().receive(message)

        def _granted(self, message) -> Granted:  # type: ignore[no-untyped-def]
            return replace(super()._granted(message), name=KEY, details={"key": KEY, "deep": [{KEY: KEY}]})

    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Chatty), peer.url, everything.events, key=KEY)
        for kind in ("say", "call", "handle", KEY):
            peer.say(type=kind, text=KEY, handle=KEY)
        peer.raw(f"no json {KEY}")
        peer.raw(KEY.encode())
        peer.say(type="broken", text=KEY)
        peer.say(type="say", text="".join(f"\\u{ord(c):04x}" for c in KEY) + KEY)
        peer.say(type="error", code=KEY, message=f"The key {KEY} is odd.")
        everything.events.until(EndpointError, lambda e: "odd" in e.message)
        duplex.push(turn(0))
        duplex.drain(5)
        everything.texts.append(repr(duplex.granted.endpoint))
        duplex.close()
    assert any(MASK in e.delta for e in everything.events.of(TextOut))


@pytest.mark.parametrize("where", ["hello", "receive", "turn", "goodbye", "resumption", "describe", "closed"])
def test_a_codec_whose_exception_holds_the_key(everything: Everything, where: str) -> None:
    class Faulty(EchoCodec):
        pass

    def fail(self: EchoCodec, *_: object) -> None:
        secret = self._start.target.secret
        assert secret is not None
        try:
            raise KeyError(secret.reveal())
        except KeyError as error:
            raise ValueError(f"while using {secret.reveal()}") from error

    setattr(Faulty, where, fail)
    with Peer() as peer:
        try:
            duplex = converse(replace(ECHO, codec=Faulty), peer.url, everything.events, key=KEY)
            duplex.push(turn(0))
            duplex.drain(5)
            peer.close(1011)
            everything.events.until(Closed)
            duplex.close()
        except AppError as error:
            everything.raised(error)


def test_a_refusal_of_our_own_that_holds_the_key(everything: Everything) -> None:
    def refuse(_start: object) -> EchoCodec:
        raise AppError(f"Not with {KEY}.", KEY, KEY)

    with Peer() as peer:
        assert MASK in refused(everything, peer.url, dialect=replace(ECHO, codec=refuse)).what


def test_what_is_asked_before_the_session(everything: Everything) -> None:
    def prepare(asked: Target, fetch: Fetch) -> dict[str, Answer]:
        assert asked.secret is not None
        return {"answer": fetch(asked.url.replace("ws", "http", 1), {"Authorization": asked.secret.reveal()})}

    with Peer() as peer:
        url = peer.url
        duplex = converse(replace(ECHO, prepare=prepare), url, everything.events, key=KEY)
        duplex.close()
        assert peer.headers[0]["Authorization"] == KEY
    refused(everything, url, dialect=replace(ECHO, prepare=prepare))


def test_connections_that_break(everything: Everything) -> None:
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        duplex = converse(ECHO, proxy.url, everything.events, key=KEY)
        proxy.cut_after["up"] = 500
        duplex.push(turn(0))
        everything.events.until(EndpointError)
        proxy.refusing = True
        proxy.cut()
        everything.events.until(Closed)
        duplex.close()
        refused(everything, proxy.url)
        proxy.refusing = False
        proxy.hold()
        refused(everything, proxy.url, patience=replace(QUICK, connect_s=0.02))
        proxy.release()


def test_a_recording_of_it_all(everything: Everything, tmp_path: Path) -> None:
    class Chatty(EchoCodec):
        def receive(self, message):  # type: ignore[no-untyped-def]
            actions: Sequence[Any] = super().receive(message)
            if isinstance(actions[0], Opened):
                return [
                    Opened(replace(actions[0].granted, details={"k": KEY})),
                    ResumeHandle(handle=KEY, valid_from_index=0),
                ]
            return actions

    def answer(ws, _message) -> None:  # type: ignore[no-untyped-def]
        send(ws, type="say", text=KEY)
        send(ws, type=KEY)
        ws.send(KEY)
        send(ws, type="error", code="server_error", message=KEY)
        ws.close(1008, KEY)

    clock = MonotonicClock()
    with Peer() as peer:
        peer.react["turn"] = answer
        session = LiveSession(
            feed=ListFeed([captured(0)], ends=False),
            endpoint=RemoteEndpoint(replace(ECHO, codec=Chatty), target(ECHO, peer.url, key=KEY), patience=QUICK),
            info=session_info,
            make_log=lambda info, failed: Recorder(tmp_path, "keys", info, clock=clock, on_failure=failed),
            clock=clock,
            options=SessionOptions(virtual_time=False),
        )
        session.start()
        assert session.wait(20)
    assert session.error is not None
    everything.raised(session.error)
    assert session.recording_path is not None
    kept = list(Recording.open(session.recording_path).events())
    everything.texts += [json.dumps(to_json(e)) for e in kept]
    assert any(isinstance(e, TextOut) and e.delta == MASK for e in kept)
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


def test_a_dialect_that_would_put_the_key_into_the_url(everything: Everything) -> None:
    def request(asked: Target, _resumption: Resumption | None) -> Request:
        assert asked.secret is not None
        return Request(url=f"{asked.url}/?x={asked.secret.reveal()}")

    with Peer() as peer:
        assert "would stand in the address" in refused(everything, peer.url, dialect=replace(ECHO, request=request)).why
        assert peer.headers == []
