"""The codec of Gemini Live: what it asks for, what it sends, and how it answers calls."""

from __future__ import annotations

import base64

import pytest

from tests.endpoints.remote.family import JPEG, b64, micro_turn, sent, told
from tests.endpoints.remote.gemini import (
    DELEGATE,
    TOOL,
    called,
    codec,
    content,
    rejections,
    responses,
    say,
    setup_of,
    spoken,
    talking,
)
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    EndpointError,
    ToolCall,
    ToolCancelled,
    TurnStarted,
    Unrecognized,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import DelegationResult, TextInput, ToolResult
from tmlapp.endpoints.gemini.schema import Converted
from tmlapp.endpoints.gemini_live import DIALECT
from tmlapp.endpoints.remote.contract import Drained, MessageError, Opened, Target

pytestmark = pytest.mark.unit


# ---------------------------------------------------------------------- set-up


def test_plain_setup_asks_for_sound_words_and_a_session_without_end() -> None:
    assert setup_of(instruction="Count.") == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "systemInstruction": {"parts": [{"text": "Count."}]},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
    }
    assert "systemInstruction" not in setup_of(instruction=" ")


def test_everything_that_can_be_set_is_asked_for() -> None:
    options = {
        "proactive_audio": "on", "proactive_video": "on", "media_resolution": "low", "thinking_level": "low",
        "thoughts": "on", "temperature": "0.5", "max_output_tokens": "100", "language": "de-DE",
        "start_sensitivity": "high", "end_sensitivity": "low", "prefix_padding_ms": "100",
        "silence_duration_ms": "500", "barge_in": "off", "turn_coverage": "activity_and_video",
        "compression_trigger_tokens": "1000", "compression_target_tokens": "500", "history_config": "on",
    }  # fmt: skip
    before = (HistoryTurn(role="user", text="Hi."),)
    found = setup_of(options=options, voice="Kore", tools=(TOOL, DELEGATE), history=before)
    assert "historyConfig" not in setup_of(options=options)
    assert found["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "de-DE"},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
        "temperature": 0.5,
        "maxOutputTokens": 100,
    }
    assert found["realtimeInputConfig"] == {
        "automaticActivityDetection": {
            "startOfSpeechSensitivity": "START_SENSITIVITY_HIGH",
            "endOfSpeechSensitivity": "END_SENSITIVITY_LOW",
            "prefixPaddingMs": 100,
            "silenceDurationMs": 500,
        },
        "activityHandling": "NO_INTERRUPTION",
        "turnCoverage": "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
    }
    assert found["proactivity"] == {"proactiveAudio": True, "proactiveVideo": True}
    assert found["contextWindowCompression"] == {"triggerTokens": 1000, "slidingWindow": {"targetTokens": 500}}
    assert found["historyConfig"] == {"initialHistoryInClientContent": True}
    assert found["tools"][0]["functionDeclarations"] == [
        {"name": "f", "description": "does it",
         "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}},
        {"name": "delegate", "description": "hands over", "behavior": "NON_BLOCKING"},
    ]  # fmt: skip
    assert rejections(options=options, voice="Kore") == {}


@pytest.mark.parametrize(
    ("options", "asked", "granted"),
    [
        ({"proactive_audio": "on", "api_version": "v1beta"}, "proactive_audio", "off"),
        ({"proactive_video": "on", "api_version": "v1beta"}, "proactive_video", "off"),
        ({"proactive_video": "on"}, "proactive_video", "off"),
        ({"video_fps": "9"}, "video_fps=9", "5"),
        ({"video_fps": "0"}, "video_fps=0", "0.2"),
        ({"thinking_level": "low", "thinking_budget": "9"}, "thinking_budget=9", ""),
        ({"activity": "whole_input", "silence_duration_ms": "9"}, "silenceDurationMs", ""),
        ({"compression": "off", "compression_target_tokens": "9"}, "compression_target_tokens=9", ""),
        ({"service": "vertex", "delegate_answer": "pieces"}, "delegate_answer=pieces", "whole"),
        ({"modality": "text"}, "voice Kore", ""),
        ({}, "what was heard of an answer that was cut off", ""),
    ],
)
def test_what_cannot_be_had_is_rejected(options: dict[str, str], asked: str, granted: str) -> None:
    assert rejections(options=options, voice="Kore")[asked] == granted
    assert "proactivity" not in setup_of(options=options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("video_fps", "many"), ("temperature", "3"), ("thinking_budget", "1.5"), ("thinking_level", "some"),
        ("location", "a.evil/"), ("api_version", "v1/../x"), ("prefix_padding_ms", "nan"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_an_error_before_anything_is_sent(name: str, value: str) -> None:
    with pytest.raises(AppError, match=name):
        codec(options={name: value})


def test_tools_that_cannot_be_announced_are_rejected_by_name() -> None:
    odd = ToolSpec(name="no name", description="")
    lossy = ToolSpec(name="g", description="", parameters={"type": "object", "properties": {"a": {"not": {}}}})
    found = rejections(tools=(odd, lossy))
    assert found["tools: no name"] == ""
    assert found["schema of g: not"] == ""


def test_schemas_become_what_the_service_reads() -> None:
    schema = {
        "$schema": "x", "type": "object", "required": ["a"], "additionalProperties": False, "title": "T",
        "$defs": {"U": {"type": "string", "enum": ["m", "n"]}, "R": {"properties": {"r": {"$ref": "#/$defs/R"}}}},
        "properties": {
            "a": {"$ref": "#/$defs/U"}, "b": {"type": ["integer", "null"], "minimum": 1},
            "c": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "d": {"oneOf": [{"type": "number"}, {"const": "x"}]},
            "e": {"type": "array", "items": {"type": "boolean"}}, "f": {"type": ["string", "number"]},
            "g": {"$ref": "#/$defs/R"}, "h": {"enum": ["a", None]},
        },
    }  # fmt: skip
    done = Converted(schema)
    assert done.schema == {
        "title": "T", "type": "OBJECT", "required": ["a"],
        "properties": {
            "a": {"type": "STRING", "enum": ["m", "n"]}, "b": {"type": "INTEGER", "nullable": True, "minimum": 1},
            "c": {"nullable": True, "type": "STRING"},
            "d": {"anyOf": [{"type": "NUMBER"}, {"type": "STRING", "enum": ["x"]}]},
            "e": {"type": "ARRAY", "items": {"type": "BOOLEAN"}},
            "f": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
            "g": {"type": "OBJECT", "properties": {"r": {}}}, "h": {"enum": ["a"], "nullable": True, "type": "STRING"},
        },
    }  # fmt: skip
    assert done.lost == ("$ref",)
    more = Converted({"type": "odd", "properties": {"a": True, "b": {"enum": [1]}, "c": {"$ref": "other.json"}}})
    assert more.lost == ("type", "schema", "enum", "$ref")
    assert Converted({"$ref": "#/a/b"}).lost == ("$ref",)


@pytest.mark.parametrize(
    ("options", "model", "path", "named"),
    [
        ({}, "", "google.ai.generativelanguage.v1beta.GenerativeService.", "models/gemini-3.8-live"),
        ({"proactive_audio": "on"}, "m", "google.ai.generativelanguage.v1alpha.GenerativeService.", "models/m"),
        ({"service": "vertex"}, "m", "google.cloud.aiplatform.v1beta1.LlmBidiService/", "publishers/google/models/m"),
        ({"service": "vertex", "project": "p", "location": "europe-west4"}, "m",
         "google.cloud.aiplatform.v1beta1.LlmBidiService/",
         "projects/p/locations/europe-west4/publishers/google/models/m"),
    ],
)  # fmt: skip
def test_request_names_service_version_and_model(options: dict[str, str], model: str, path: str, named: str) -> None:
    url = "wss://us-central1-aiplatform.googleapis.com" if "service" in options else ""
    target = Target(
        kind="gemini_live", address="a", name="n", url=url, model=model, options=options, secret=Secret("key-123456")
    )
    request = DIALECT.request(target, None)
    assert request.url.endswith(f"/ws/{path}BidiGenerateContent")
    key = "Bearer key-123456" if "service" in options else "key-123456"
    assert request.headers == {"Authorization" if "service" in options else "x-goog-api-key": key}
    assert "key-123456" not in request.url
    assert setup_of(options=options, model=model)["model"] == named


def test_vertex_is_not_reached_without_its_address() -> None:
    options = {"service": "vertex", "location": "global"}
    with pytest.raises(AppError, match=r"https://aiplatform\.googleapis\.com"):
        DIALECT.request(Target(kind="gemini_live", address="a", name="n", options=options), None)
    plain = Target(kind="gemini_live", address="a", name="n", url="ws://127.0.0.1:1/own")
    assert DIALECT.request(plain, None).url == "ws://127.0.0.1:1/own"


def test_earlier_turns_are_told_before_the_first_sound() -> None:
    history = (
        HistoryTurn(role="user", text="Hi."),
        HistoryTurn(role="assistant", text="Yes?"),
        HistoryTurn(role="user"),
    )
    made = codec(history=history)
    made.hello()
    actions = say(made, setupComplete={"sessionId": "s1"})
    turns = [{"role": "user", "parts": [{"text": "Hi."}]}, {"role": "model", "parts": [{"text": "Yes?"}]}]
    assert sent(actions) == [{"clientContent": {"turns": turns, "turnComplete": False}}]
    assert isinstance(actions[-1], Opened)
    assert actions[-1].granted.details["session_id"] == "s1"
    assert say(made, setupComplete={}) == []
    sound = HistoryTurn(role="user", sound=AudioClip(micro_turn(0).pcm, 16_000))
    with pytest.raises(AppError, match="sound alone"):
        codec(history=(sound,))


# ---------------------------------------------------------------------- what is sent


def test_a_micro_turn_is_sound_then_the_newest_picture_when_it_is_due() -> None:
    made = talking(options={"video_fps": "2.5"})
    first = sent(made.turn(micro_turn(3, jpegs=[b"old", JPEG])))
    assert [list(m["realtimeInput"]) for m in first] == [["audio"], ["video"]]
    audio = first[0]["realtimeInput"]["audio"]
    assert audio["mimeType"] == "audio/pcm;rate=16000"
    assert len(base64.b64decode(audio["data"])) == 6_400
    assert first[1]["realtimeInput"]["video"] == {"data": b64(JPEG), "mimeType": "image/jpeg"}
    pictures = [len(sent(made.turn(micro_turn(i, jpegs=[JPEG])))) - 1 for i in range(4, 14)]
    assert sum(pictures) == 4


def test_typed_texts_are_turns_or_flow_in_and_notes_ask_for_nothing() -> None:
    note = TextInput(0, "He is tired.", role="system")
    turn, told_note = sent(talking().turn(micro_turn(0, texts=["Go.", note])))[1:]
    assert turn == {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Go."}]}], "turnComplete": True}}
    assert told_note["clientContent"]["turnComplete"] is False
    flowing = talking(options={"typed_text": "stream"})
    assert sent(flowing.turn(micro_turn(0, texts=["Go."])))[1] == {"realtimeInput": {"text": "Go."}}


def test_end_of_input_is_said_where_the_service_has_a_word_for_it() -> None:
    assert sent(talking().end_of_input()) == [{"realtimeInput": {"audioStreamEnd": True}}]
    assert list(talking(options={"service": "vertex"}).end_of_input()) == [Drained()]
    whole = talking(options={"activity": "whole_input"})
    assert sent(whole.turn(micro_turn(0)))[0] == {"realtimeInput": {"activityStart": {}}}
    assert list(map(str, sent(whole.end_of_input()))) == [str({"realtimeInput": {"activityEnd": {}}})]
    assert not told(content(whole, **spoken()), Drained)
    assert told(content(whole, turnComplete=True), Drained)
    assert list(talking(options={"activity": "whole_input"}).end_of_input()) == [Drained()]
    assert list(talking().goodbye()) == []


def test_end_of_input_waits_for_the_answer_that_is_owed() -> None:
    for owed in (
        lambda made: made.turn(micro_turn(0, texts=["Go."])),
        lambda made: content(made, inputTranscription={"text": "Go."}),
        lambda made: say(made, voiceActivity={"voiceActivityType": "ACTIVITY_START"}),
        lambda made: content(made, **spoken()),
    ):
        made = talking()
        owed(made)
        assert not told(made.end_of_input(), Drained)
        assert told(content(made, turnComplete=True), Drained)
        assert not told(say(made), Drained)


# ---------------------------------------------------------------------- tools


def test_calls_are_answered_once_and_failures_are_errors() -> None:
    made = talking(tools=(TOOL,))
    started, call = called(made)
    assert isinstance(started, TurnStarted)
    assert (call.call_id, call.name, call.arguments, call.response_id) == ("c1", "f", {"n": 1}, started.response_id)
    called(made, call_id="c2")
    assert responses(made, ToolResult("c1", "5"), ToolResult("c2", "none", is_error=True)) == [
        {"id": "c1", "name": "f", "response": {"output": "5"}},
        {"id": "c2", "name": "f", "response": {"error": "none"}},
    ]
    assert responses(made, ToolResult("c1", "again")) == []
    (error,) = told(made.turn(micro_turn(1, controls=[ToolResult("other", "x")])), EndpointError)
    assert (error.kind, error.code, error.fatal) == ("invalid_input", "unknown_call", False)


def test_a_call_that_is_taken_back_is_never_answered() -> None:
    made = talking()
    called(made)
    (cancelled,) = say(made, toolCallCancellation={"ids": ["c1", "unknown"]})
    assert cancelled == ToolCancelled(call_id="c1")
    assert responses(made, ToolResult("c1", "late")) == []
    with pytest.raises(MessageError):
        say(made, toolCallCancellation={"ids": [1]})


def test_a_call_without_an_id_is_answered_without_one() -> None:
    made = talking()
    (call,) = told(say(made, toolCall={"functionCalls": [{"name": "f"}]}), ToolCall)
    assert responses(made, ToolResult(call.call_id, "5")) == [{"name": "f", "response": {"output": "5"}}]
    assert told(say(made, toolCall={"functionCalls": [{"name": "f", "willContinue": True}]}), Unrecognized)
    assert say(made, toolCall={}) == []
    called(made)
    with pytest.raises(MessageError, match="another one"):
        called(made)
    with pytest.raises(MessageError):
        say(talking(), toolCall={"functionCalls": "f"})


def test_delegated_work_comes_back_whole_or_piece_by_piece() -> None:
    whole = talking(options={"tool_scheduling": "interrupt"})
    called(whole, "delegate")
    assert responses(whole, DelegationResult("c1", "One. ", final=False)) == []
    assert responses(whole, DelegationResult("c1", "Two.", final=True)) == [
        {"id": "c1", "name": "delegate", "response": {"output": "One. Two."}, "scheduling": "INTERRUPT"}
    ]
    pieces = talking(options={"delegate_answer": "pieces", "tool_scheduling": "silent"})
    called(pieces, "delegate")
    content(pieces, turnComplete=True)
    found = responses(pieces, DelegationResult("c1", "One.", final=False), DelegationResult("c1", "", final=True))
    assert [(r["response"], r["willContinue"], r["scheduling"]) for r in found] == [
        ({"output": "One."}, True, "SILENT"),
        ({}, False, "SILENT"),
    ]
    assert told(pieces.end_of_input(), Drained)
    blocking = talking(options={"async_tools": "none", "delegate_answer": "pieces"})
    called(blocking, "delegate")
    assert responses(blocking, DelegationResult("c1", "All.", final=True)) == [
        {"id": "c1", "name": "delegate", "response": {"output": "All."}}
    ]
    assert setup_of(options={"async_tools": "all"}, tools=(TOOL,))["tools"][0]["functionDeclarations"][0]["behavior"]
