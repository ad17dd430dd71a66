"""The codec of the family: recorded sessions come out as they were, and nothing that is sent to it does any harm."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.family import b64, kinds, micro_turn, names, opened, say, sent, start, steps, told, traces
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Interrupted,
    Limit,
    SessionUpdated,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    TurnStarted,
    Unrecognized,
    Usage,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.tool import ToolSpec
from tmlapp.core.turn import DelegationResult, Interrupt, ToolResult
from tmlapp.endpoints.openai_family.realtime import RealtimeCodec
from tmlapp.endpoints.openai_family.table import EVENTS
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.remote.contract import Drained, Ended, MessageError, Opened

pytestmark = pytest.mark.unit


def codec(**given: Any) -> RealtimeCodec:
    made = OPENAI_REALTIME.codec(start(OPENAI_REALTIME, **given))
    assert isinstance(made, RealtimeCodec)
    return made


def talking(**given: Any) -> RealtimeCodec:
    made = codec(**given)
    opened(made)
    return made


def final_text(response: dict[str, Any]) -> str:
    parts = [c for item in response["output"] for c in item.get("content", ())]
    return "".join(c.get("transcript") or c.get("text") or "" for c in parts)


def option_for(path: Path) -> dict[str, str]:
    service = (
        "azure-voice-live" if "voice-live" in path.name else "azure" if path.name.startswith("azure") else "openai"
    )
    return {"service": service}


def test_recorded_sessions_come_out_in_order_with_their_words_and_sound(shared_data: Path) -> None:
    found = traces(shared_data, "openai", "azure", "gateway-openai")
    assert len(found) >= 10
    for path in found:
        model = codec(options=option_for(path))
        actions: list[Any] = list(model.hello())
        received = [s["json"] for s in steps(path) if s["direction"] == "received"]
        for message in received:
            actions += model.receive(model.parse(json.dumps(message)))
        done = [m["response"] for m in received if m["type"] == "response.done"]
        assert [e.response_id for e in told(actions, TurnDone)] == [r["id"] for r in done], path.name
        assert [e.status for e in told(actions, TurnDone)] == [r["status"] for r in done]
        assert len(told(actions, TurnStarted)) == len(done)
        for response in done:
            said = [e.delta for e in told(actions, TextOut) if e.response_id == response["id"]]
            assert "".join(said) == final_text(response), path.name
            finished = [e.text for e in told(actions, TextOutDone) if e.response_id == response["id"]]
            assert "".join(finished) == final_text(response)
        deltas = [base64.b64decode(m["delta"]) for m in received if m["type"].endswith("audio.delta")]
        heard, came = b"".join(e.pcm16 for e in told(actions, AudioOut)), b"".join(deltas)
        assert heard == came[: len(came) // 2 * 2], path.name
        calls = [m for m in received if m["type"] == "response.function_call_arguments.done"]
        assert [(c.call_id, c.name, c.arguments) for c in told(actions, ToolCall)] == [
            (m["call_id"], m["name"], json.loads(m["arguments"])) for m in calls
        ]
        assert not told(actions, Unrecognized)
        assert len(told(actions, Opened)) == 1
        faults = [e.code for e in told(actions, EndpointError)]
        assert faults == (["DeploymentNotFound"] if "requires_deployment" in path.name else []), path.name
        spoken = [m["transcript"] for m in received if m["type"].endswith("transcription.completed")]
        assert [e.text for e in told(actions, UserTranscript) if e.final] == spoken


def test_order_of_events_is_that_of_the_recording(shared_data: Path) -> None:
    path = shared_data / "traces" / "openai__audio_in_server_vad_turn.jsonl"
    model = codec()
    model.hello()
    order: list[str] = []
    expected: list[str] = []
    word = {"delta": "TextOut", "done": "TextOutDone"}
    for step in steps(path):
        if step["direction"] != "received":
            continue
        message = step["json"]
        order += names(model.receive(model.parse(json.dumps(message))))
        kind = message["type"]
        if kind.startswith("response.output_audio_transcript."):
            expected.append(word[kind.rsplit(".", 1)[1]])
        expected += {
            "response.created": ["TurnStarted"],
            "response.output_audio.delta": ["AudioOut"],
            "input_audio_buffer.speech_started": ["UserSpeech"],
            "input_audio_buffer.speech_stopped": ["UserSpeech"],
            "conversation.item.input_audio_transcription.delta": ["UserTranscript"],
            "conversation.item.input_audio_transcription.completed": ["UserTranscript", "Usage"],
            "response.done": ["TurnDone", "Usage"],
        }.get(kind, [])
    assert order == expected


def test_both_spellings_mean_the_same() -> None:
    def session(audio: str, text: str, transcript: str, added: str) -> list[Any]:
        model = talking()
        ids = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        item = {"id": "i", "type": "message", "role": "assistant"}
        return [
            *say(model, type="response.created", response={"id": "r", "status": "in_progress"}),
            *say(model, type=added, item=item),
            *say(model, type=added, item=item),
            *say(model, type=f"{transcript}.delta", delta="one", obfuscation="x", **ids),
            *say(model, type=f"{audio}.delta", delta=b64(b"\1\2"), **ids),
            *say(model, type=f"{audio}.done", **ids),
            *say(model, type=f"{transcript}.done", transcript="one", **ids),
            *say(model, type=f"{text}.delta", delta="two", **ids | {"content_index": 1}),
            *say(model, type=f"{text}.done", text="two", **ids | {"content_index": 1}),
            *say(model, type="response.done", response={"id": "r", "status": "completed"}),
        ]

    new = session(
        "response.output_audio", "response.output_text", "response.output_audio_transcript", "conversation.item.added"
    )
    old = session("response.audio", "response.text", "response.audio_transcript", "conversation.item.created")
    assert new == old
    assert names(new) == ["TurnStarted", "TextOut", "AudioOut", "TextOutDone", "TextOut", "TextOutDone", "TurnDone"]


def test_a_sample_that_was_cut_in_two_is_put_together() -> None:
    model = talking()
    ids = {"response_id": "r", "item_id": "i"}
    actions = [
        *say(model, type="response.output_audio.delta", delta=b64(b"\1\2\3"), **ids),
        *say(model, type="response.output_audio.delta", delta=b64(b"\4\5"), **ids),
        *say(model, type="response.output_audio.delta", delta=b64(b"\6"), **ids),
    ]
    assert [e.pcm16 for e in told(actions, AudioOut)] == [b"\1\2", b"\3\4", b"\5\6"]


def test_the_done_text_wins_over_its_deltas_and_is_theirs_where_it_has_none() -> None:
    model = talking()
    cases: list[tuple[dict[str, Any], str]] = [({"text": "Better."}, "Better."), ({}, "Bad"), ({"text": 7}, "Bad")]
    for index, (message, expected) in enumerate(cases):
        ids = {"response_id": "r", "item_id": f"i{index}"}
        say(model, type="response.output_text.delta", delta="Bad", **ids)
        (done,) = told(say(model, type="response.output_text.done", **message, **ids), TextOutDone)
        assert done.text == expected


def test_what_was_only_said_in_the_finished_response_is_told_once() -> None:
    model = talking()
    output = [
        {"id": "i", "type": "message", "content": [{"type": "output_audio", "transcript": "Hello."}]},
        {"id": "c", "type": "function_call", "call_id": "k", "name": "f", "arguments": "{}"},
    ]
    done = {"id": "r", "status": "completed", "output": output, "usage": {"total_tokens": 3}}
    actions = say(model, type="response.done", response=done)
    assert names(actions) == ["TurnStarted", "TextOut", "TextOutDone", "ToolCall", "TurnDone", "Usage"]
    assert told(actions, Usage)[0].counters == {"total_tokens": 3}
    assert say(model, type="response.done", response=done) == []
    assert say(model, type="response.output_audio.delta", response_id="r", item_id="i", delta="AAAA") == []


def test_unfinished_words_are_finished_with_their_response() -> None:
    model = talking()
    say(model, type="response.output_text.delta", delta="One", response_id="r", item_id="i")
    actions = say(model, type="response.done", response={"id": "r", "status": "incomplete"})
    assert [e.text for e in told(actions, TextOutDone)] == ["One"]
    assert told(actions, TurnDone)[0].status == "incomplete"


def test_messages_without_ids_belong_to_what_is_being_said() -> None:
    model = talking()
    actions = [
        *say(model, type="response.created", response={"status": "in_progress"}),
        *say(model, type="response.audio.delta", delta=b64(b"\1\2")),
        *say(model, type="response.text.delta", delta="a"),
        *say(model, type="response.done", response={}),
        *say(model, type="response.audio.delta", delta=b64(b"\3\4")),
    ]
    first, second = told(actions, AudioOut)
    assert first.response_id == told(actions, TurnDone)[0].response_id
    assert second.response_id not in (None, first.response_id)
    assert first.item_id != second.item_id


def test_a_tool_without_its_name_is_told_with_its_finished_item_and_once() -> None:
    model = talking(tools=(ToolSpec(name="f", description="d"),))
    ids = {"response_id": "r", "item_id": "i"}
    assert say(model, type="response.function_call_arguments.done", call_id="k", arguments="{", **ids)[1:] == []
    item = {"id": "i", "type": "function_call", "call_id": "k", "name": "f", "arguments": "{"}
    (call,) = told(say(model, type="response.output_item.done", response_id="r", item=item), ToolCall)
    assert (call.name, call.arguments) == ("f", "{")
    assert say(model, type="response.output_item.done", response_id="r", item=item) == []


def test_results_are_sent_at_once_and_answered_when_all_of_them_are_there() -> None:
    model = talking()
    for call_id in ("a", "b"):
        item = {"id": f"i{call_id}", "type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}
        say(model, type="response.output_item.done", response_id="r", item=item)
    first = model.turn(micro_turn(0, controls=[ToolResult("a", "1")]))
    assert kinds(first) == ["conversation.item.create", "input_audio_buffer.append"]
    second = model.turn(micro_turn(1, controls=[DelegationResult("b", "2", False)]))
    assert kinds(second) == ["input_audio_buffer.append"]
    third = model.turn(micro_turn(2, controls=[DelegationResult("b", "3", True)]))
    assert sent(third)[0]["item"] == {"type": "function_call_output", "call_id": "b", "output": "23"}
    assert "response.create" not in kinds(third)
    after = say(model, type="response.done", response={"id": "r", "status": "completed"})
    assert kinds(after) == ["response.create"]


def test_an_answer_is_asked_for_when_the_one_under_way_is_done() -> None:
    model = talking()
    assert kinds(model.turn(micro_turn(0, texts=["One?"])))[-1] == "response.create"
    assert kinds(model.turn(micro_turn(1, texts=["Two?"])))[-1] == "conversation.item.create"
    assert kinds(say(model, type="response.created", response={"id": "r"})) == []
    assert kinds(say(model, type="response.done", response={"id": "r", "status": "completed"})) == ["response.create"]
    assert kinds(say(model, type="response.created", response={"id": "s"})) == []
    assert kinds(say(model, type="response.done", response={"id": "s", "status": "completed"})) == []


def test_a_request_that_came_too_early_is_repeated() -> None:
    model = talking()
    asked = sent(model.turn(micro_turn(0, texts=["One?"])))[-1]
    say(model, type="response.created", response={"id": "other"})
    model.asking.sent(asked["event_id"])
    error = {"code": "conversation_already_has_active_response", "message": "busy", "event_id": asked["event_id"]}
    (fault,) = say(model, type="error", error=error)
    assert isinstance(fault, EndpointError)
    assert (fault.kind, fault.fatal, fault.client_event_id) == ("invalid_input", False, asked["event_id"])
    done = say(model, type="response.done", response={"id": "other", "status": "completed"})
    assert kinds(done) == ["response.create"]


def test_a_refused_request_is_not_repeated_before_something_has_changed() -> None:
    model = talking()
    asked = sent(model.turn(micro_turn(0, texts=["One?"])))[-1]
    error = {"code": "conversation_already_has_active_response", "message": "busy", "event_id": asked["event_id"]}
    assert kinds(say(model, type="error", error=error)) == []
    assert kinds(say(model, type="rate_limits.updated", rate_limits=[])) == []
    assert "response.create" not in kinds(model.turn(micro_turn(1, texts=["Two?"])))
    done = say(model, type="response.done", response={"id": "theirs", "status": "completed"})
    assert kinds(done) == ["response.create"]


def test_nothing_of_a_cancelled_response_comes_out_any_more() -> None:
    model = talking()
    ids = {"response_id": "r", "item_id": "i"}
    say(model, type="response.created", response={"id": "r"})
    say(model, type="response.output_audio.delta", delta=b64(bytes(48_000)), **ids)
    actions = model.turn(micro_turn(0, controls=[Interrupt(played_ns=400_900_000, item_id="i")]))
    cancel, truncate, _ = sent(actions)
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r")
    assert (truncate["item_id"], truncate["content_index"], truncate["audio_end_ms"]) == ("i", 0, 400)
    late = [
        *say(model, type="response.output_audio.delta", delta=b64(bytes(96)), **ids),
        *say(model, type="response.output_audio_transcript.delta", delta="late", **ids),
        *say(model, type="response.output_audio_transcript.done", transcript="late", **ids),
        *say(model, type="conversation.item.truncated", item_id="i", audio_end_ms=400),
        *say(model, type="response.done", response={"id": "r", "status": "cancelled"}),
    ]
    assert names(late) == ["TurnDone"]
    again = model.turn(micro_turn(1, controls=[Interrupt(played_ns=0, item_id="i")]))
    assert kinds(again) == ["input_audio_buffer.append"]


def test_an_answer_that_was_asked_for_is_cancelled_when_it_begins() -> None:
    model = talking()
    model.turn(micro_turn(0, texts=["One?"]))
    assert kinds(model.turn(micro_turn(1, controls=[Interrupt(0)]))) == ["input_audio_buffer.append"]
    begun = say(model, type="response.created", response={"id": "r"})
    assert kinds(begun) == ["response.cancel"]
    assert say(model, type="response.output_audio.delta", delta="AAAA", response_id="r") == []


def test_what_was_heard_to_its_end_is_not_truncated() -> None:
    model = talking()
    say(model, type="response.output_audio.delta", delta=b64(bytes(4_800)), response_id="r", item_id="i")
    say(model, type="response.done", response={"id": "r", "status": "completed"})
    heard = model.turn(micro_turn(0, controls=[Interrupt(played_ns=10**9, item_id="i", by_person=False)]))
    assert kinds(heard) == ["input_audio_buffer.append"]
    unknown = model.turn(micro_turn(1, controls=[Interrupt(played_ns=1, item_id="never", by_person=False)]))
    assert kinds(unknown) == ["input_audio_buffer.append"]
    cut = model.turn(micro_turn(2, controls=[Interrupt(played_ns=50_000_000, item_id="i", by_person=False)]))
    assert sent(cut)[0]["audio_end_ms"] == 50


def test_speech_interrupts_what_is_said_and_stands_on_the_clock_of_the_input() -> None:
    model = talking()
    model.turn(micro_turn(5))
    say(model, type="response.output_audio.delta", delta="AAAA", response_id="r", item_id="i")
    started = say(model, type="input_audio_buffer.speech_started", audio_start_ms=1460, item_id="u")
    assert names(started) == ["UserSpeech", "Interrupted"]
    speech = told(started, UserSpeech)[0]
    assert (speech.t_media_ns, speech.media_kind) == (10**9 + 1_460_000_000, "input")
    assert told(started, Interrupted)[0].item_id == "i"
    assert say(model, type="response.output_audio.delta", delta="AAAA", response_id="r", item_id="i") == []
    details = {"type": "cancelled", "reason": "turn_detected"}
    done = say(model, type="response.done", response={"id": "r", "status": "cancelled", "status_details": details})
    assert [(type(e), e.reason) for e in told(done, TurnDone)] == [(TurnDone, "turn_detected")]
    stopped = say(model, type="input_audio_buffer.speech_stopped", audio_end_ms=2000, item_id="u")
    assert told(stopped, UserSpeech)[0].state == "stopped"
    words = say(model, type="conversation.item.input_audio_transcription.completed", item_id="u", transcript="Stop!")
    (heard,) = told(words, UserTranscript)
    assert (heard.t_media_ns, heard.dur_media_ns) == (2_460_000_000, 540_000_000)
    again = say(model, type="input_audio_buffer.speech_started", audio_start_ms=4000, item_id="v")
    assert names(again) == ["UserSpeech"]


def test_a_response_that_the_service_cut_off_unannounced_is_interrupted() -> None:
    model = talking(options={"interrupt_response": "off"})
    say(model, type="response.output_audio.delta", delta="AAAA", response_id="r", item_id="i")
    assert names(say(model, type="input_audio_buffer.speech_started", audio_start_ms=1, item_id="u")) == ["UserSpeech"]
    details = {"reason": "turn_detected"}
    done = say(model, type="response.done", response={"id": "r", "status": "cancelled", "status_details": details})
    assert names(done) == ["Interrupted", "TurnDone"]


def test_what_was_heard_long_ago_is_not_interrupted() -> None:
    model = talking()
    model.turn(micro_turn(0))
    say(model, type="response.output_audio.delta", delta=b64(bytes(48_000)), response_id="r", item_id="i")
    say(model, type="response.done", response={"id": "r", "status": "completed"})
    model.turn(micro_turn(9))
    playing = say(model, type="input_audio_buffer.speech_started", audio_start_ms=1, item_id="u")
    assert names(playing) == ["UserSpeech", "Interrupted"]
    say(model, type="response.output_audio.delta", delta=b64(bytes(48_000)), response_id="s", item_id="j")
    say(model, type="response.done", response={"id": "s", "status": "completed"})
    model.turn(micro_turn(30))
    over = say(model, type="input_audio_buffer.speech_started", audio_start_ms=1, item_id="v")
    assert names(over) == ["UserSpeech"]


def test_a_content_filter_is_told() -> None:
    details = {"type": "incomplete", "reason": "content_filter"}
    response = {"id": "r", "status": "incomplete", "status_details": details}
    (error,) = told(say(talking(), type="response.done", response=response), EndpointError)
    assert (error.kind, error.fatal, error.response_id) == ("content_filter", False, "r")


def test_words_of_the_person_add_up() -> None:
    model = talking()
    delta = "conversation.item.input_audio_transcription.delta"
    actions = [*say(model, type=delta, item_id="u", delta="Hel"), *say(model, type=delta, item_id="u", delta="lo")]
    assert [(e.text, e.final) for e in told(actions, UserTranscript)] == [("Hel", False), ("Hello", False)]
    failed = say(
        model,
        type="conversation.item.input_audio_transcription.failed",
        item_id="u",
        error={"code": "DeploymentNotFound", "message": "no"},
    )
    (error,) = told(failed, EndpointError)
    assert (error.kind, error.code, error.fatal, error.retryable) == ("config", "DeploymentNotFound", False, False)


def test_a_rate_limit_is_told_when_little_is_left_and_once() -> None:
    model = talking()

    def left(remaining: Any) -> list[Limit]:
        limits = [{"name": "tokens", "limit": 100, "remaining": remaining, "reset_seconds": 1.5}, {"name": "x"}, 7]
        return told(say(model, type="rate_limits.updated", rate_limits=limits), Limit)

    assert left(50) == []
    (limit,) = left(5)
    assert (limit.kind, limit.ratio, limit.remaining_ms) == ("rate", 0.05, 1500.0)
    assert left(4) == []
    assert left(50) == []
    assert len(left(0)) == 1
    assert left(None) == []


def test_a_refused_setup_ends_the_session_with_its_reason() -> None:
    model = codec()
    (first,) = sent(model.hello())
    error = {
        "type": "invalid_request_error", "code": None, "message": "Unknown voice.", "param": "session.voice",
        "event_id": first["event_id"],
    }  # fmt: skip
    (ended,) = told(say(model, type="error", error=error), Ended)
    assert ended.error is not None
    assert (ended.error.kind, ended.error.fatal, ended.error.param) == ("config", True, "session.voice")


def test_errors_while_it_runs_leave_it_running() -> None:
    model = talking()
    flat = {"type": "error", "error": "Unknown thing", "code": "unknown_event"}
    nested = {"type": "error", "error": {"type": "server_error", "message": "oops", "code": None, "param": None}}
    kinds_found = []
    for message in (flat, nested, {"type": "error"}):
        (error,) = told(say(model, **message), EndpointError)
        kinds_found.append((error.kind, error.fatal))
    assert kinds_found == [("invalid_input", False), ("server", False), ("server", False)]


def test_a_failed_response_says_why() -> None:
    model = talking()
    error = {"type": "server_error", "code": "server_error", "message": "It broke."}
    response = {"id": "r", "status": "failed", "status_details": {"type": "failed", "error": error}}
    actions = say(model, type="response.done", response=response)
    assert names(actions) == ["TurnStarted", "TurnDone", "EndpointError"]
    assert told(actions, TurnDone)[0].reason == "server_error"


def test_event_ids_are_those_of_the_session_over_connections() -> None:
    ids = []
    for epoch in (0, 1):
        model = talking(epoch=epoch)
        for index in range(3):
            ids += [m["event_id"] for m in sent(model.turn(micro_turn(index, texts=["Hello"])))]
    assert len(ids) == len(set(ids))
    assert ids[0].startswith("mt0-")


def test_unknown_messages_are_told_once_each() -> None:
    model = talking()
    assert told(say(model, type="response.new_thing", x=1), Unrecognized) == [Unrecognized(name="response.new_thing")]
    assert say(model, type="response.new_thing", x=2) == []


def test_a_session_that_is_granted_otherwise_later_says_so() -> None:
    model = codec()
    (first,) = sent(model.hello())
    say(model, type="session.updated", session=first["session"])
    assert say(model, type="session.updated", session=first["session"]) == []
    changed = first["session"] | {"output_modalities": ["text"]}
    (update,) = told(say(model, type="session.updated", session=changed), SessionUpdated)
    assert update.granted.modalities_out == ("text",)


def test_the_end_of_input_waits_for_what_is_outstanding() -> None:
    model = talking()
    say(model, type="response.created", response={"id": "r"})
    assert model.end_of_input() == []
    done = say(model, type="response.done", response={"id": "r", "status": "completed"})
    assert len(told(done, Drained)) == 1
    assert told(say(model, type="conversation.created"), Drained) == []
    idle = talking()
    assert told(idle.end_of_input(), Drained) == [Drained()]


@pytest.mark.parametrize(
    "frame",
    [
     "", "7", "[]", "{}", '{"type": 7}',
     '{"type": "' + "x" * 300 + '"}', "[" * 100_000, b"\xff", '{"type":"a","x":NaN}',
     '{"type":"a","x":' + "9" * 5000 + "}"],
)  # fmt: skip
def test_frames_that_are_none_of_the_protocol_are_refused(frame: str | bytes) -> None:
    with pytest.raises(MessageError):
        codec().parse(frame)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "response.output_audio.delta"},
        {"type": "response.output_audio.delta", "delta": "!!"},
        {"type": "response.output_audio.delta", "delta": "AAAA", "response_id": "r" * 300},
        {"type": "response.output_text.delta", "delta": 5},
        {"type": "conversation.item.input_audio_transcription.completed"},
        {"type": "response.created"},
        {"type": "response.done", "response": []},
        {"type": "session.updated"},
        {"type": "conversation.item.added"},
        {"type": "response.function_call_arguments.done", "call_id": "k"},
    ],
)
def test_a_known_message_without_what_it_must_carry_is_refused(message: dict[str, Any]) -> None:
    model = talking()
    with pytest.raises(MessageError):
        model.receive(message)


def test_half_a_character_becomes_a_whole_one() -> None:
    model = talking()
    message = model.parse('{"type": "response.text.delta", "delta": "a\\ud800b\\ud83d\\ude00"}')
    (said,) = told(model.receive(message), TextOut)
    assert said.delta == "a\ufffdb\U0001f600"


def test_what_was_told_before_a_fault_in_a_message_counts() -> None:
    model = talking()
    error = {"type": "x", "code": "y" * 300}
    actions = say(
        model, type="response.done", response={"id": "r", "status": "failed", "status_details": {"error": error}}
    )
    assert names(actions) == ["TurnStarted", "TurnDone", "EndpointError"]
    assert told(actions, EndpointError)[0].kind == "protocol"


def test_memory_is_bounded_whatever_comes() -> None:
    model = talking()
    for n in range(6000):
        say(model, type="response.output_text.delta", delta="x", response_id=f"r{n}", item_id=f"i{n}")
        say(model, type="conversation.item.added", item={"id": f"u{n}", "type": "message"})
        say(model, type="input_audio_buffer.speech_started", item_id=f"u{n}")
        say(model, type=f"new.{n}")
    books = model.replies
    kept = (books._open, books._done, books._items, model.hearing._items, model._unknown, model.history._said)
    assert [len(book) for book in kept] == [32, 4096, 512, 64, 256, 0]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["r", "i", "AAAA", "{}", "completed", "function_call"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from(
    ["response_id", "item_id", "delta", "item", "response", "session", "error", "text", "transcript", "call_id", "name",
     "arguments", "audio_start_ms", "audio_end_ms", "content_index", "rate_limits", "usage", "output", "id", "status",
     "status_details", "content", "code", "message", "expires_at", "audio", "output_modalities"]
)  # fmt: skip
BODIES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=5), max_size=6)


def fed(model: RealtimeCodec, frame: str | bytes) -> None:
    with contextlib.suppress(MessageError):
        model.receive(model.parse(frame))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), BODIES), max_size=8), st.binary(max_size=40))
def test_no_message_does_any_harm(messages: list[tuple[str, dict[str, Any]]], noise: bytes) -> None:
    model = codec()
    model.hello()
    fed(model, noise)
    for kind, body in messages:
        fed(model, json.dumps(body | {"type": kind}))
    model.turn(micro_turn(0, texts=["x"], controls=[Interrupt(1, "i"), ToolResult("k", "1")]))
    model.end_of_input()
    assert model.resumption() is None or model.granted is not None
