"""Every turn of the model that has begun is over once, whatever becomes of its connections."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.echo import ECHO, EchoCodec
from tests.endpoints.remote.fakes.vllm import CAPABILITIES
from tests.endpoints.remote.family import b64, micro_turn, setup, start
from tests.endpoints.remote.kit import QUICK, Events, Peer, converse
from tmlapp.core.event import (
    Closed,
    EndpointEvent,
    SessionUpdated,
    TextOut,
    ToolCancelled,
    TurnDone,
    TurnStarted,
)
from tmlapp.endpoints.gemini_live import DIALECTS as GEMINI
from tmlapp.endpoints.openai_live import OPENAI_LIVE
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.remote.contract import Action, Codec, Dialect, Resumption
from tmlapp.endpoints.remote.open_turns import OpenTurns
from tmlapp.endpoints.remote.outlet import Outlet
from tmlapp.endpoints.remote.wirelog import Redactor
from tmlapp.endpoints.vllm_omni import VLLM_OMNI

pytestmark = pytest.mark.unit

SOUND = b64(np.full(2400, 3000, "<i2").tobytes())
QUIET = b64(bytes(48_000))

Messages = Sequence[Mapping[str, Any]]


def _gemini(**content: Any) -> Messages:
    return ({"serverContent": content},)


def _responses(*granted: Mapping[str, Any]) -> Mapping[str, Messages]:
    """`r#` is the response that was begun last."""
    sound = {"type": "response.output_audio.delta", "response_id": "r#", "item_id": "i#", "delta": SOUND}
    return {
        "granted": granted,
        "speak": ({"type": "response.created", "response": {"id": "r#"}}, sound),
        "stop": ({"type": "response.done", "response": {"id": "r#", "status": "completed"}},),
    }


_CREATED = {"type": "session.created", "session": {"id": "s"}}
_RESUMABLE = {"session_id": "s", "resume_token": "t"}
SERVICES: dict[str, tuple[Dialect, Mapping[str, str], Mapping[str, Messages]]] = {
    "gemini, with a handle": (
        *GEMINI,
        {},
        {
            "granted": (
                {"setupComplete": {}},
                {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
            ),
            "speak": _gemini(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": SOUND}}]}),
            "stop": _gemini(turnComplete=True),
        },
    ),
    "gemini, anew": (
        *GEMINI,
        {},
        {
            "granted": ({"setupComplete": {}},),
            "speak": _gemini(modelTurn={"parts": [{"text": "One."}]}),
            "stop": _gemini(turnComplete=True),
        },
    ),
    "realtime": (OPENAI_REALTIME, {}, _responses(_CREATED, {"type": "session.updated", "session": {"id": "s"}})),
    "vllm": (VLLM_OMNI, {}, _responses({**_CREATED, **_RESUMABLE, "session": {"capabilities": CAPABILITIES}})),
    **{
        f"gpt-live, store={store}": (
            OPENAI_LIVE,
            {"store": store},
            {
                "granted": ({"type": "session.started", "session": {"id": "live"}},),
                "speak": ({"type": "session.output_audio.delta", "delta": SOUND},),
                "stop": ({"type": "session.output_audio.delta", "delta": QUIET},),
            },
        )
        for store in ("on", "off")
    },
}


class Conversation:
    """Codecs one after the other behind one outlet, as a conversation has them, without its sockets."""

    def __init__(self, dialect: Dialect, options: Mapping[str, str], messages: Mapping[str, Messages]) -> None:
        self.events: list[EndpointEvent] = []
        self._dialect, self._options, self._messages = dialect, options, messages
        self._outlet = Outlet(self.events.append, setup(), Redactor(None))
        self._count = 0
        self._open(None)

    def do(self, what: str) -> None:
        if what == "cut":
            left = self._codec.resumption()
            if left is not None:
                if left.kind != "native":
                    self._outlet.end_turns()
                self._outlet.epoch += 1
                self._open(left)
            return
        self._count += what == "speak"
        for message in self._messages[what]:
            text = json.dumps(message).replace("#", str(self._count))
            self._perform(self._codec.receive(self._codec.parse(text)))

    def close(self) -> None:
        left = self._codec.resumption()
        self._perform(() if left is None else left.unfinished)
        self._outlet.close("closed", "", "us")

    def _open(self, resumption: Resumption | None) -> None:
        native = resumption is not None and resumption.kind == "native"
        if not native:
            # A service that begins anew counts anew.
            self._count, self._outlet.names.era = 0, self._outlet.epoch
        self._codec: Codec = self._dialect.codec(
            start(self._dialect, options=self._options, epoch=self._outlet.epoch, resumption=resumption)
        )
        self._codec.hello()
        if native and self._dialect is VLLM_OMNI:
            self._perform(self._codec.receive({"type": "session.resumed", **_RESUMABLE}))
        else:
            self.do("granted")
        self._codec.turn(micro_turn(self._outlet.epoch))

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, EndpointEvent):
                self._outlet.emit(action)


def _names(events: Sequence[EndpointEvent], kind: type[EndpointEvent]) -> Counter[str | None]:
    return Counter(e.response_id for e in events if isinstance(e, kind))


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.sampled_from(["speak", "speak", "stop", "cut"]), max_size=8))
def test_every_beginning_has_one_end_wherever_the_connection_is_cut(service: str, steps: Sequence[str]) -> None:
    conversation = Conversation(*SERVICES[service])
    for step in steps:
        conversation.do(step)
    conversation.close()

    open_turns: set[str | None] = set()
    begun = _names(conversation.events, TurnStarted)
    for event in conversation.events:
        if isinstance(event, TurnStarted):
            assert event.response_id not in open_turns
            open_turns.add(event.response_id)
        elif isinstance(event, TurnDone) and event.response_id in begun:
            assert event.response_id in open_turns
            open_turns.discard(event.response_id)
    assert not open_turns
    assert isinstance(conversation.events[-1], Closed)


@pytest.mark.parametrize("service", SERVICES)
def test_these_services_speak_and_are_taken_up(service: str) -> None:
    conversation = Conversation(*SERVICES[service])
    for step in ("speak", "cut", "speak", "stop"):
        conversation.do(step)
    conversation.close()
    statuses = [e.status for e in conversation.events if isinstance(e, TurnDone)]
    assert len(statuses) == 2
    assert "completed" in statuses
    assert conversation.events[-1].epoch == 1


def test_a_beginning_without_an_end_and_too_many_of_them() -> None:
    turns = OpenTurns()
    started = [TurnStarted(response_id=f"r{n}") for n in range(1025)]
    told = [event for turn in started for event in turns.pass_on(turn)]
    assert [(e.response_id, e.reason) for e in told if isinstance(e, TurnDone)] == [("r0", "never finished")]
    assert turns.pass_on(started[5]) == ()
    assert len(turns.end("lost")) == 1024
    assert turns.pass_on(TurnDone(status="completed", response_id="r5")) == ()
    again = TurnDone(status="completed", response_id="r5")
    assert list(turns.pass_on(started[5])) == [started[5]]
    assert list(turns.pass_on(again)) == [again]
    silence = TurnDone(status="completed", response_id="never begun")
    assert list(turns.pass_on(silence)) == [silence]


class Speaking(EchoCodec):
    """Whatever it is told to say begins a turn; `stop` ends it. With `work` it hands something over, too."""

    def receive(self, message: Any) -> Sequence[Action]:
        match message["type"]:
            case "say":
                return [TurnStarted(response_id="r1"), *super().receive(message)]
            case "stop":
                return [TurnDone(status="completed", response_id="r1")]
            case _:
                return super().receive(message)

    def resumption(self) -> Resumption | None:
        left = super().resumption()
        return None if left is None else replace(left, unfinished=(ToolCancelled(call_id="c"),))


def _ends(events: Events) -> list[tuple[str | None, str, str, int]]:
    return [(e.response_id, e.status, e.reason, e.epoch) for e in events.of(TurnDone)]


@pytest.mark.parametrize("native", [False, True])
def test_over_a_socket_a_lost_connection_ends_the_turn_unless_it_is_taken_up_where_it_was(native: bool) -> None:
    events = Events()
    with Peer() as peer:
        duplex = converse(replace(ECHO, codec=Speaking), peer.url, events)
        if native:
            peer.say(type="handle", handle="h")
        peer.say(type="say", text="one")
        events.until(TextOut)
        peer.drop()
        events.until(SessionUpdated)
        peer.say(type="stop")
        if native:
            events.until(TurnDone)
        peer.say(type="say", text="two")
        events.until(TextOut, count=2)
        duplex.close()
    name = "r1" if native else "r1~1"
    first = ("r1", "completed", "", 1) if native else ("r1", "incomplete", "connection lost", 0)
    assert _ends(events) == [first, (name, "incomplete", "the session ended", 1)]
    assert [e.response_id for e in events.of(TurnStarted)] == ["r1", name]
    assert events.closed().initiated_by == "us"


def test_a_session_that_ends_with_its_connection_ends_what_was_open_first() -> None:
    events = Events()
    with Peer() as peer:
        converse(replace(ECHO, codec=Speaking), peer.url, events, patience=replace(QUICK, backoff_s=()))
        peer.say(type="say", text="one")
        events.until(TextOut)
        peer.drop()
        assert events.closed().initiated_by == "network"
    assert _ends(events) == [("r1", "incomplete", "connection lost", 0)]
    assert [e.call_id for e in events.of(ToolCancelled)] == ["c"]
