"""Qwen-Omni over DashScope: the frames of its own client, its limits on pictures, and the end of a session."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.fakes.realtime import PIECES, SAID, TONE, FakeRealtime
from tests.endpoints.remote.family import (
    JPEG,
    WALL_S,
    Log,
    connect,
    kinds,
    micro_turn,
    names,
    opened,
    say,
    sent,
    start,
    told,
    tone,
)
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    InputLost,
    Interrupted,
    TextOutDone,
    TurnDone,
    Unrecognized,
    UserTranscript,
)
from tmlapp.core.secret import Secret
from tmlapp.core.tool import ToolSpec
from tmlapp.core.turn import Interrupt, ToolResult
from tmlapp.endpoints.openai_family.qwen import QwenCodec
from tmlapp.endpoints.qwen_omni import QWEN_OMNI
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import Drained, Ended, MessageError, Target

pytestmark = pytest.mark.unit


def codec(**given: Any) -> QwenCodec:
    made = QWEN_OMNI.codec(start(QWEN_OMNI, **given))
    assert isinstance(made, QwenCodec)
    return made


def talking(**given: Any) -> QwenCodec:
    made = codec(**given)
    opened(made)
    return made


def test_it_is_marked_as_experimental_with_the_reason() -> None:
    assert dialects()["qwen_omni"] is QWEN_OMNI
    assert "assumed" in QWEN_OMNI.experimental
    assert endpoint_from_address("qwen_omni:qwen3-omni-flash-realtime").host == "dashscope.aliyuncs.com"


def test_the_address_the_key_and_the_workspace() -> None:
    target = Target(
        kind="qwen_omni", address="x", name="x", url="wss://elsewhere.example", model="m",
        options={"workspace": "w1"}, secret=Secret("k-1"),
    )  # fmt: skip
    request = QWEN_OMNI.request(target, None)
    assert request.url == "wss://elsewhere.example/api-ws/v1/realtime?model=m"
    assert dict(request.headers) == {"Authorization": "Bearer k-1", "X-DashScope-WorkSpace": "w1"}
    plain = QWEN_OMNI.request(Target(kind="qwen_omni", address="x", name="x"), None)
    assert plain.url == "wss://dashscope.aliyuncs.com/api-ws/v1/realtime?model=qwen3-omni-flash-realtime"
    assert dict(plain.headers) == {}
    assert QWEN_OMNI.prepare is not None
    with pytest.raises(AppError, match="needs a key"):
        QWEN_OMNI.prepare(Target(kind="qwen_omni", address="x", name="x"), None)  # type: ignore[arg-type]


def test_the_session_is_asked_for_as_its_own_client_does() -> None:
    (plain,) = sent(codec(voice="Cherry").hello())
    assert plain["session"] == {
        "modalities": ["audio", "text"],
        "voice": "Cherry",
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": None},
        "turn_detection": {
            "type": "server_vad", "threshold": 0.2, "prefix_padding_ms": 300, "silence_duration_ms": 800,
        },
        "instructions": "Count the reps.",
    }  # fmt: skip
    options = {
        "modalities": "text", "turn_detection": "none", "temperature": "0.5", "top_k": "20", "smooth_output": "on",
        "transcription_model": "off",
    }  # fmt: skip
    (other,) = sent(codec(options=options, instruction="", tools=(ToolSpec(name="f", description="d"),)).hello())
    session = other["session"]
    assert session["modalities"] == ["text"]
    assert session["turn_detection"] is None
    assert session["input_audio_transcription"] is None
    assert (session["temperature"], session["top_k"], session["smooth_output"]) == (0.5, 20, True)
    assert session["tools"][0]["name"] == "f"
    assert "voice" not in session
    assert "instructions" not in session


def test_what_is_granted_and_how_long() -> None:
    model = codec()
    (first,) = sent(model.hello())
    say(model, type="session.updated", session={**first["session"], "voice": "Ethan"})
    agreed = model.granted
    assert agreed is not None
    assert (agreed.input_rate, agreed.output_rate, agreed.input_delay_ms) == (16_000, 24_000, 0.0)
    assert (agreed.can_interrupt, agreed.can_truncate, agreed.max_image_bytes) == (True, False, 500_000)
    assert (agreed.clock_kind, agreed.expires_at_ms, agreed.rejections) == (None, 7_200_000, ())
    other = codec(options={"session_minutes": "0"}, voice="Cherry")
    (first,) = sent(other.hello())
    session = {**first["session"], "voice": "Ethan", "expires_at": WALL_S + 60}
    say(other, type="session.updated", session=session)
    assert other.granted is not None
    assert other.granted.expires_at_ms == 60_000
    assert [(r.asked, r.granted) for r in other.granted.rejections] == [("voice: Cherry", "Ethan")]
    never = talking(options={"session_minutes": "0"})
    assert never.granted is not None
    assert never.granted.expires_at_ms is None


def test_pictures_come_after_sound_once_a_second_and_not_too_large() -> None:
    model = talking(options={"max_image_bytes": "1000"})
    first = model.turn(micro_turn(0, jpegs=[JPEG]))
    assert kinds(first) == ["input_audio_buffer.append", "input_image_buffer.append"]
    assert sent(first)[1]["image"] == "/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="
    later = [kinds(model.turn(micro_turn(k, jpegs=[JPEG])))[1:] for k in range(1, 6)]
    assert later == [[], [], [], [], ["input_image_buffer.append"]]
    actions = model.turn(micro_turn(10, jpegs=[bytes(1001)]))
    (lost,) = told(actions, InputLost)
    assert (lost.micro_turn, lost.what) == (10, "video")
    assert kinds(actions) == ["input_audio_buffer.append"]


def test_typed_text_results_and_interruptions() -> None:
    model = talking()
    asked = sent(model.turn(micro_turn(0, texts=["Hello"])))
    assert asked[1]["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert asked[2]["response"] == {"instructions": None, "modalities": ["audio", "text"]}
    say(model, type="response.created", response={"id": "r"})
    say(model, type="response.audio.delta", response_id="r", item_id="i", delta="AAAA")
    cut = model.turn(micro_turn(1, controls=[Interrupt(0, "i"), ToolResult("k", "1")]))
    assert kinds(cut) == ["response.cancel", "conversation.item.create", "input_audio_buffer.append"]
    assert "response_id" not in sent(cut)[0]
    assert say(model, type="response.audio.delta", response_id="r", item_id="i", delta="AAAA") == []


def test_speech_over_the_model_cancels_what_it_says() -> None:
    model = talking()
    say(model, type="response.audio.delta", response_id="r", item_id="i", delta="AAAA")
    actions = say(model, type="input_audio_buffer.speech_started")
    assert names(actions) == ["UserSpeech", "Interrupted"]
    assert kinds(actions) == ["response.cancel"]
    assert kinds(say(model, type="input_audio_buffer.speech_started")) == []
    patient = talking(options={"interrupt_response": "off"})
    say(patient, type="response.audio.delta", response_id="r", item_id="i", delta="AAAA")
    assert kinds(say(patient, type="input_audio_buffer.speech_started")) == []


def test_the_end_is_asked_for_and_awaited() -> None:
    model = talking(options={"turn_detection": "none"})
    model.turn(micro_turn(0, tone()))
    ends = kinds(model.end_of_input())
    assert ends == ["input_audio_buffer.commit", "response.create", "session.finish"]
    assert say(model, type="session.finished") == [Drained()]
    assert model.goodbye() == []
    early = talking()
    assert kinds(early.goodbye()) == ["session.finish"]
    (ended,) = told(say(early, type="session.finished"), Ended)
    assert (ended.code, ended.error) == ("finished", None)


def test_an_error_while_the_end_is_awaited_is_the_end() -> None:
    model = talking()
    model.end_of_input()
    actions = say(model, type="error", error={"type": "invalid_request_error", "code": "x", "message": "No."})
    assert [type(a).__name__ for a in actions] == ["EndpointError", "Ended", "Drained"]
    refused = codec()
    (first,) = sent(refused.hello())
    refused.goodbye()
    error = {"message": "No voice.", "event_id": first["event_id"]}
    assert [type(a).__name__ for a in say(refused, type="error", error=error)] == ["Ended"]


def count(events: list[Any], kind: type[Any]) -> int:
    return sum(isinstance(e, kind) for e in events)


def test_a_session_over_a_socket() -> None:
    log = Log()
    fake = FakeRealtime("beta", rate_hz=16_000)
    with fake.running():
        duplex = connect(QWEN_OMNI, fake.url, log, voice="Cherry", key="marker-key-3")
        try:
            for k in range(6):
                duplex.push(micro_turn(k, tone() if 1 <= k < 4 else None, jpegs=[JPEG]))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
            duplex.push(micro_turn(6, texts=["hold"]))
            log.wait_for(lambda events: count(events, AudioOut) == PIECES + 1)
            duplex.push(micro_turn(7, tone()))
            log.wait_for(lambda events: count(events, TurnDone) == 2)
            duplex.drain(5)
        finally:
            duplex.close()
    assert [e.status for e in log.of(TurnDone)] == ["completed", "cancelled"]
    assert b"".join(e.pcm16 for e in log.of(AudioOut)[:PIECES]) == TONE * PIECES
    assert log.of(TextOutDone)[0].text == SAID
    assert [e.text for e in log.of(UserTranscript) if e.final] == ["count my reps"]
    assert len(log.of(Interrupted)) == 1
    seen = fake.connections[0]
    assert seen.kinds[-1] == "session.finish"
    assert seen.headers["authorization"] == "Bearer marker-key-3"
    assert "marker-key-3" not in repr(log.events)
    assert not log.of(Unrecognized)
    assert all(e.code == "response_cancel_not_active" for e in log.of(EndpointError))
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(QwenCodec.EVENTS)), st.dictionaries(st.text(max_size=5), st.integers() | st.text()))
def test_no_message_does_any_harm(kind: str, body: dict[str, Any]) -> None:
    model = codec()
    model.hello()
    with contextlib.suppress(MessageError):
        model.receive(model.parse(json.dumps(body | {"type": kind})))
    model.end_of_input()
