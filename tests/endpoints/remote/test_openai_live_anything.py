"""GPT-Live without a socket: whatever comes does no harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.family import micro_turn, names, say, sent
from tests.endpoints.remote.live import (
    DELEGATE,
    QUIET,
    RESPONSES,
    audio,
    call_item,
    codec_of,
    delegated,
    nested,
    running,
)
from tmlapp.core.event import (
    Unrecognized,
)
from tmlapp.core.turn import DelegationResult, ToolResult
from tmlapp.endpoints.remote.contract import (
    Codec,
    MessageError,
    Resumption,
)

pytestmark = pytest.mark.unit


# --- anything ---------------------------------------------------------------------------------------------------------


KINDS = [
    "session.started", "session.updated", "session.output_audio.delta", "session.output_transcript.delta",
    "session.input_transcript.delta", "session.delegation.created", "response.event", "session.usage.updated",
    "session.closed", "info", "error", "session.thinking.appended", "nobody.knows",
]  # fmt: skip
KEYS = [
    "type", "session", "delta", "delegation", "id", "target", "event", "item", "call_id", "name", "arguments", "usage",
    "usage_ratio", "context_window", "reason", "error", "code", "message", "start_ms", "end_ms", "offset_ms",
    "delegation_id", "response", "expires_at", "text",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["AAAA", "client", "responses", "d1", "function_call", "response.output_item.done", "expired"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)),
    max_leaves=5,
)
MESSAGES = st.builds(
    lambda kind, members: {**members, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8),
)


def unharmed(codec: Codec, frame: str | bytes) -> None:
    try:
        message = codec.parse(frame)
    except MessageError:
        return
    json.dumps(codec.describe(message))
    try:
        actions = codec.receive(message)
    except MessageError:
        return
    for message in sent(actions):
        json.dumps(message, allow_nan=False)


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_any_bytes_and_any_text_do_no_harm(frame: str | bytes) -> None:
    unharmed(running(), frame)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MESSAGES, max_size=6), st.sampled_from(["client", "responses", "none"]))
def test_any_message_does_no_harm_and_the_session_goes_on(messages: list[dict[str, Any]], delegation: str) -> None:
    codec = codec_of(options={"delegation": delegation, "backend_model": "m"}, tools=(DELEGATE,))
    codec.hello()
    for index, message in enumerate(messages):
        unharmed(codec, json.dumps(message))
        codec.turn(micro_turn(index, controls=[ToolResult("d1", "x"), DelegationResult("d1", "y", final=False)]))
    left = codec.resumption()
    assert left is None or isinstance(left, Resumption)
    codec.end_of_input()
    codec.goodbye()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "session.started"},
        {"type": "session.output_audio.delta"},
        {"type": "session.output_audio.delta", "delta": "%%"},
        {"type": "session.output_transcript.delta"},
        {"type": "session.delegation.created", "delegation": {}},
        {"type": "response.event"},
        {"type": "session.usage.updated"},
        {"type": "error"},
        {"type": "session.closed", "reason": "x" * 300},
    ],
)
def test_a_known_kind_without_what_it_must_carry_costs_that_frame(message: dict[str, Any]) -> None:
    codec = running()
    with pytest.raises(MessageError):
        say(codec, **message)
    assert names(audio(codec, QUIET)) == ["AudioOut"]


def test_an_unknown_kind_is_named() -> None:
    (event,) = say(running(), type="session.brand_new", whatever={})
    assert event == Unrecognized(name="session.brand_new")


def test_kinds_that_say_nothing_here_are_known() -> None:
    codec = running()
    for kind in (
        "session.updated", "session.instructions.appended", "session.thinking.appended", "session.commentary.appended",
        "session.input_audio.muted", "session.input_audio.unmuted", "session.output_audio.fixture.playing",
        "session.output_audio.fixture.played",
    ):  # fmt: skip
        assert say(codec, type=kind, event_id="x", start_ms=0, end_ms=1) == []


def test_identifiers_without_end_are_not_kept() -> None:
    codec = running(options=RESPONSES)
    delegated(codec, target="responses")
    with pytest.raises(MessageError):
        nested(codec, "response.output_item.done", item=call_item("x" * 300))
    with pytest.raises(MessageError):
        delegated(codec, "x" * 300)
