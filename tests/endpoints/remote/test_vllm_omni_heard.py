"""vLLM-Omni without a socket: what is received, and that nothing does harm."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.family import JPEG, micro_turn, say, sent, told
from tests.endpoints.remote.vllm import SOUND, after_a_loss, codec_of, created, speaking
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Interrupted,
    Listen,
    ResumeHandle,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    TurnStarted,
    Unrecognized,
    UserSpeech,
)
from tmlapp.endpoints.remote.contract import (
    Ended,
    MessageError,
    Opened,
)
from tmlapp.endpoints.vllm.codec import VllmCodec
from tmlapp.endpoints.vllm.codes import KINDS

pytestmark = pytest.mark.unit


# ---------------------------------------------------------------------- what is received


def test_a_unit_of_silence_is_a_decision_to_listen() -> None:
    codec = codec_of()
    created(codec)
    assert not told(say(codec, type="response.listen"), Listen)
    for i in range(5):
        codec.turn(micro_turn(i))

    (listen,) = told(say(codec, type="response.listen", response={"status": "listening"}), Listen)

    assert listen.micro_turn == 4


def test_a_decision_that_comes_late_is_still_that_of_its_own_unit() -> None:
    codec = codec_of()
    created(codec)
    for i in range(13):
        codec.turn(micro_turn(i))

    found = [told(say(codec, type="response.listen"), Listen)[0].micro_turn for _ in range(2)]

    assert found == [4, 9]


def test_a_listen_with_a_name_ends_that_response() -> None:
    codec = codec_of()
    created(codec)
    codec.turn(micro_turn(0))
    say(codec, type="response.created", response={"id": "r1"})

    actions = say(codec, type="response.listen", response_id="r1", response={"metadata": {"reason": "model_listen"}})

    assert [(e.status, e.reason) for e in told(actions, TurnDone)] == [("completed", "model_listen")]


def test_sound_stands_where_the_sound_before_it_ends_whatever_the_server_calls_its_length() -> None:
    codec = codec_of()
    created(codec)
    codec.turn(micro_turn(3))
    ids = {"response_id": "r1", "item_id": "i-r1"}
    first = speaking(codec)
    second = say(codec, type="response.output_audio.delta", delta=SOUND, metadata={"audio_duration_ms": 400}, **ids)
    words = say(codec, type="response.output_audio_transcript.delta", delta=" two", **ids)

    assert [type(e).__name__ for e in first if not isinstance(e, ResumeHandle)] == [
        "TurnStarted",
        "AudioOut",
        "TextOut",
    ]
    begins = [e.t_media_ns for e in told([*first, *second], AudioOut)]
    assert begins == [0, 200_000_000]
    assert {e.dur_media_ns for e in told([*first, *second], AudioOut)} == {200_000_000}
    assert [e.t_media_ns for e in told([*first, *words], TextOut)] == begins
    assert {e.media_kind for e in told(second, AudioOut)} == {"output"}


def test_both_spellings_at_once_are_one_event() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)
    ids = {"response_id": "r1", "item_id": "i-r1"}

    actions = say(codec, type="conversation.item.added", item={"id": "i-r1", "type": "message"})
    actions += say(codec, type="conversation.item.created", item={"id": "i-r1", "type": "message"})
    actions += say(codec, type="response.output_audio_transcript.done", transcript="one", **ids)
    actions += say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})
    actions += say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})

    assert [e.text for e in told(actions, TextOutDone)] == ["one"]
    assert [e.status for e in told(actions, TurnDone)] == ["completed"]


def test_what_came_before_is_dropped_by_its_number_and_everything_is_acknowledged() -> None:
    codec = codec_of()
    created(codec)

    first = say(codec, type="response.created", response={"id": "r1"}, server_event_seq=7)
    again = say(codec, type="response.created", response={"id": "r1"}, server_event_seq=7)
    older = say(codec, type="response.done", response={"id": "r1"}, server_event_seq=6)
    unnumbered = say(codec, type="rate_limits.updated", rate_limits=[])

    assert sent(first) == [{"type": "session.event_ack", "server_event_seq": 7}]
    assert told(first, TurnStarted)
    assert again == older == unnumbered == []


@pytest.mark.parametrize("form", ["g711_ulaw", "wav"])
def test_sound_in_a_format_that_was_not_asked_for_costs_its_message(form: str) -> None:
    codec = codec_of()
    created(codec)

    with pytest.raises(MessageError, match="format"):
        say(codec, type="response.output_audio.delta", delta=SOUND, format=form, response_id="r1", item_id="i")


def test_speech_and_overlap_as_the_server_sees_them() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)

    heard = say(codec, type="turn.event", event="user_started", turn_state="user_speaking")
    heard += say(codec, type="turn.event", event="user_started", turn_state="user_speaking")
    heard += say(codec, type="turn.event", event="user_committed", turn_state="user_committed")
    heard += say(codec, type="turn.event", event="assistant_started", turn_state="assistant_generating")
    assert [(e.state, e.source) for e in told(heard, UserSpeech)] == [("started", "model"), ("stopped", "model")]
    assert not told(say(codec, type="overlap.decision", action="listen", policy="listen_only"), Interrupted)
    assert told(say(codec, type="overlap.decision", action="barge_in"), Interrupted)
    later = say(codec, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i-r1")
    assert not told(later, AudioOut)


def test_sound_that_the_server_clears_is_thrown_away_even_of_a_response_that_is_done() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)
    other = say(codec, type="output_audio_buffer.cleared", response_id="r0")
    say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})

    cleared = say(codec, type="output_audio_buffer.cleared", response_id="r1")

    assert not told(other, Interrupted)
    assert [e.item_id for e in told(cleared, Interrupted)] == ["i-r1"]


def test_tools_are_called_by_name_even_if_their_arguments_are_no_json() -> None:
    codec = codec_of()
    created(codec)
    say(codec, type="response.created", response={"id": "r1"})
    item = {"id": "i1", "type": "function_call", "name": "f", "call_id": "c1"}
    say(codec, type="response.output_item.added", response_id="r1", item=item)
    ids = {"response_id": "r1", "item_id": "i1", "call_id": "c1"}

    (call,) = told(say(codec, type="response.function_call_arguments.done", arguments='{"n": 3}', **ids), ToolCall)
    raw = {"call_id": "c2", "name": "f", "arguments": "{oops"}
    (broken,) = told(say(codec, type="duplex.function_call.done", event=raw), ToolCall)
    (error,) = told(say(codec, type="duplex.function_call.done", event={"arguments": "f("}), EndpointError)

    assert (call.name, call.arguments) == ("f", {"n": 3})
    assert (broken.call_id, broken.arguments) == ("c2", "{oops")
    assert (error.kind, error.fatal) == ("protocol", False)


@pytest.mark.parametrize(("code", "kind"), sorted(KINDS.items()))
def test_every_code_has_its_kind(code: str, kind: str) -> None:
    codec = codec_of()
    created(codec)
    about = {"type": "invalid_request_error", "code": code, "message": "Because.", "event_id": "mt0-1"}

    (error,) = told(say(codec, type="error", error=about), EndpointError)

    assert (error.kind, error.code, error.message, error.client_event_id) == (kind, code, "Because.", "mt0-1")
    assert error.fatal == (kind == "session_expired")


def test_a_refused_set_up_ends_the_session_in_either_shape() -> None:
    codec = codec_of()
    codec.hello()
    about = {"type": "rate_limit_error", "code": "resource_exhausted", "message": "capacity exhausted: limit=4"}
    (ended,) = told(say(codec, type="error", error=about), Ended)
    flat = codec_of()
    flat.hello()
    (also,) = told(say(flat, type="error", error="No voice.", code="ref_audio_required"), Ended)

    assert ended.error is not None
    assert (ended.error.kind, ended.error.fatal) == ("rate_limit", True)
    assert also.error is not None
    assert (also.error.kind, also.error.message) == ("config", "No voice.")


def test_unknown_events_are_told_of_and_known_ones_say_nothing() -> None:
    codec = codec_of()
    created(codec)

    assert told(say(codec, type="session.brand_new"), Unrecognized)
    for kind in ("session.heartbeat_ack", "playback.acknowledged"):
        assert say(codec, type=kind) == []


# ---------------------------------------------------------------------- anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("duplex-1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(
        {"session", "response", "response_id", "item_id", "delta", "event", "reason", "capabilities", "id", "item",
         "server_event_seq", "format", "sample_rate_hz", "resume_token", "session_id", "action", "metadata", "error",
         "code", "call_id", "name", "arguments", "chunk_period_ms", "optional_input_modalities", "status"}
    )), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(VllmCodec.EVENTS)), JSON), max_size=8), st.booleans())
def test_no_message_does_harm(messages: list[tuple[str, Any]], resumed: bool) -> None:
    codec = codec_of()
    created(codec)
    if resumed:
        codec = after_a_loss(codec)
        codec.hello()
    codec.turn(micro_turn(0))
    for kind, value in messages:
        members = value if isinstance(value, dict) else {"error": value}
        try:
            actions = codec.receive({**members, "type": kind})
        except MessageError:
            continue
        for action in actions:
            if isinstance(action, Opened):
                assert json.dumps(action.granted.details)
    codec.turn(micro_turn(1, jpegs=[JPEG]))
    codec.end_of_input()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_frame_does_harm(frame: bytes | str) -> None:
    with contextlib.suppress(MessageError):
        codec_of().parse(frame)
