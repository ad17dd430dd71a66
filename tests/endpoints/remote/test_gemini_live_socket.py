"""The adapter for Gemini Live against our own strict server over real sockets: answers, tools, ends, keys."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.endpoints.remote.fakes.gemini import HANDLE, HEARD, KEY, PIECES, SAID, TONE, FakeGemini
from tests.endpoints.remote.family import JPEG, micro_turn
from tests.endpoints.remote.kit import PATIENT_S, QUICK, Events, setup
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointError,
    Interrupted,
    Limit,
    ResumeHandle,
    SessionOpened,
    SessionUpdated,
    TextOutDone,
    ToolCall,
    TurnDone,
    Unrecognized,
    UserSpeech,
    UserTranscript,
    WireFrame,
    to_json,
)
from tmlapp.core.secret import MASK, Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import ToolResult
from tmlapp.endpoints.gemini_live import DIALECT
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.errors import RefusedError

pytestmark = pytest.mark.unit


def target(url: str, *, key: str = KEY, model: str = "", **options: str) -> Target:
    secret = Secret(key) if key else None
    return Target(
        kind="gemini_live",
        address="gemini_live:test",
        name="test",
        url=url,
        model=model,
        options=options,
        secret=secret,
    )


@contextmanager
def talking(
    fake: FakeGemini, *, options: dict[str, str] | None = None, **members: Any
) -> Iterator[tuple[RemoteDuplex, Events]]:
    """An open session with `fake`, closed at the end."""
    events = Events()
    with fake.running():
        # Micro-turns come here faster than in any session: no picture is to be dropped for that.
        patience = replace(QUICK, drop_video_turns=50)
        endpoint = RemoteEndpoint(DIALECT, target(fake.url, **options or {}), patience=patience)
        duplex = endpoint.open(setup(**members), events)
        try:
            yield duplex, events
        finally:
            duplex.close()
    assert events.closed().code
    for event in events.all:
        shown = json.dumps(to_json(event)) + repr(event)
        assert KEY not in shown
        assert HANDLE not in shown


def until_frames(fake: FakeGemini, name: str, count: int, connection: int = 0) -> list[Any]:
    """What came under one key, once there are `count` of it."""
    with fake.changed:
        assert fake.changed.wait_for(
            lambda: len(fake.seen) > connection and len(fake.seen[connection].of(name)) >= count, PATIENT_S
        )
        return fake.seen[connection].of(name)


@pytest.mark.parametrize("text_frames", [False, True])
def test_a_spoken_question_is_heard_and_answered(text_frames: bool) -> None:
    fake = FakeGemini(text_frames=text_frames)
    with talking(fake) as (duplex, events):
        for index in range(10):
            duplex.push(micro_turn(index, jpegs=[JPEG]))
        done = events.until(TurnDone)
        assert done.status == "completed"
        assert b"".join(e.pcm16 for e in events.of(AudioOut)) == PIECES * TONE
        assert [e.text for e in events.of(TextOutDone)] == ["".join(SAID)]
        assert [e.text for e in events.of(UserTranscript) if e.final] == [HEARD]
        assert [(e.state, e.t_media_ns) for e in events.of(UserSpeech)] == [
            ("started", 400_000_000),
            ("stopped", 1_600_000_000),
        ]
        duplex.drain(PATIENT_S)
    assert events.of(SessionOpened)[0].granted.turn_owner == "server_vad"
    seen = fake.seen[0]
    assert seen.headers["x-goog-api-key"] == KEY
    assert KEY not in seen.path
    kinds = [next(iter(m)) for m in seen.of("realtimeInput")]
    assert kinds.count("audio") == 10
    assert kinds.count("video") == 2
    assert kinds[-1] == "audioStreamEnd"
    frames = [e for e in events.of(WireFrame) if e.direction == "sent"]
    assert frames[1].message["realtimeInput"]["audio"]["data"]["bytes"] == 6_400


def test_texts_tools_interruptions_filters_and_noise() -> None:
    fake = FakeGemini(listens=False)
    tools = (ToolSpec(name="f", description="d"),)
    history = (HistoryTurn(role="user", text="Before."),)
    with talking(fake, tools=tools, history=history) as (duplex, events):
        duplex.push(micro_turn(0, texts=["call"]))
        call = events.until(ToolCall)
        duplex.push(micro_turn(1, controls=[ToolResult(call.call_id, "5")]))
        events.until(TurnDone)
        duplex.push(micro_turn(2, texts=["interrupt"]))
        assert events.until(TurnDone, lambda e: e.status == "cancelled").reason == "interrupted"
        assert len(events.of(Interrupted)) == 1
        duplex.push(micro_turn(3, texts=["filter"]))
        assert not events.until(EndpointError, lambda e: e.kind == "content_filter").fatal
        duplex.push(micro_turn(4, texts=["noise"]))
        events.until(TurnDone, count=4)
        assert {e.name for e in events.of(Unrecognized)} == {"fromTheFuture", "serverContent.newThing"}
        assert len([e for e in events.of(EndpointError) if e.kind == "protocol"]) == 2
    first, *typed = fake.seen[0].of("clientContent")
    assert (first["turns"][0]["parts"], first["turnComplete"]) == ([{"text": "Before."}], False)
    assert len(typed) == 4
    (answer,) = fake.seen[0].of("toolResponse")
    assert answer == {"functionResponses": [{"id": "c1", "name": "f", "response": {"output": "5"}}]}


def test_an_announced_end_is_left_for_a_new_connection_with_the_handle() -> None:
    fake = FakeGemini(listens=False)
    with talking(fake) as (duplex, events):
        duplex.push(micro_turn(0, texts=["away"]))
        assert events.until(Limit).remaining_ms == 5_000
        duplex.push(micro_turn(1))
        events.until(SessionUpdated)
        duplex.push(micro_turn(2, texts=["Go on."]))
        assert events.until(TurnDone).epoch == 1
    assert fake.seen[0].setup["sessionResumption"] == {}
    assert fake.seen[1].setup == fake.seen[0].setup | {"sessionResumption": {"handle": HANDLE}}
    assert "clientContent" not in fake.seen[1].frames[1]
    shown = [e.message for e in events.of(WireFrame)]
    assert {"sessionResumptionUpdate": {"newHandle": MASK, "resumable": True}} in shown
    assert {e.handle for e in events.of(ResumeHandle)} == {f"sha256:{hashlib.sha256(HANDLE.encode()).hexdigest()[:12]}"}


def test_a_lost_connection_goes_on_with_the_handle_and_a_refused_one_with_the_turns() -> None:
    fake = FakeGemini(listens=False)
    with talking(fake) as (duplex, events):
        duplex.push(micro_turn(0, texts=["handle"]))
        events.until(ResumeHandle)
        duplex.push(micro_turn(1, texts=["close 1011 Internal error encountered."]))
        events.until(SessionUpdated)
        assert events.until(EndpointError).kind == "server"
        duplex.push(micro_turn(2, texts=["handle stale"]))
        events.until(ResumeHandle, count=2)
        duplex.push(micro_turn(3, texts=["close 1012"]))
        events.until(SessionUpdated, count=2)
        duplex.push(micro_turn(4, texts=["Go on."]))
        events.until(TurnDone)
    handles = [seen.setup["sessionResumption"].get("handle") for seen in fake.seen]
    assert handles == [None, HANDLE, "stale", None]
    told = [turn["parts"][0]["text"] for turn in fake.seen[3].of("clientContent")[0]["turns"]]
    assert told == ["handle", "close 1011 Internal error encountered.", "handle stale", "close 1012"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("close 1007 Invalid JSON payload received.", "config"),
        ("close 1008 Operation is not implemented, or supported, or enabled.", "unsupported"),
        ("close 1011 You exceeded your current quota.", "quota"),
        (f"close 1008 The API key {KEY} was revoked.", "auth"),
    ],
)
def test_a_close_that_another_try_does_not_mend_ends_the_session(text: str, kind: str) -> None:
    fake = FakeGemini(listens=False)
    with talking(fake) as (duplex, events):
        duplex.push(micro_turn(0, texts=[text]))
        error = events.until(EndpointError)
        assert (error.kind, error.fatal) == (kind, True)
        events.closed()
    assert len(fake.seen) == 1
    assert not [e for e in events.of(ConnectionChanged) if e.state == "reconnecting"]


@pytest.mark.parametrize(
    ("options", "model", "key", "kind", "says"),
    [
        ({}, "", "AIza-wrong-key-0000", "auth", "401"),
        ({}, "models/unknown", KEY, "config", "not found"),
        ({"api_version": "v1"}, "models/unknown", KEY, "config", "1008"),
    ],
)
def test_what_is_refused_at_the_start_says_why(
    options: dict[str, str], model: str, key: str, kind: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake = FakeGemini()
    events = Events()
    with fake.running():
        endpoint = RemoteEndpoint(DIALECT, target(fake.url, key=key, model=model, **options), patience=QUICK)
        with pytest.raises(RefusedError) as refused:
            endpoint.open(setup(), events)
    assert refused.value.error.kind == kind
    assert says in str(refused.value)
    texts = [str(refused.value), caplog.text, *map(repr, events.all)]
    assert not [text for text in texts if key in text]


def test_it_is_found_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    assert dialects()["gemini_live"] is DIALECT
    endpoint = endpoint_from_address("gemini_live:gemini-3.8-live")
    assert (endpoint.host, endpoint.local) == ("generativelanguage.googleapis.com", False)
    with pytest.raises(Exception, match="needs a key"):
        endpoint.check("")
