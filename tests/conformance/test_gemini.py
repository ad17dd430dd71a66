"""Gemini Live: Google's own client against our server, Google's own types against what we send, recorded sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.harness import Validator, frames_of, running, serving
from tests.endpoints.remote.fakes.gemini import HANDLE, KEY, PIECES, SAID, TONE, FakeGemini
from tests.endpoints.remote.family import JPEG, micro_turn
from tests.endpoints.remote.kit import PATIENT_S, QUICK, Events, setup
from tmlapp.core.event import AudioOut, Limit, SessionUpdated, TextOut, ToolCall, TurnDone, UserTranscript, WireFrame
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import DelegationResult, TextInput, ToolResult
from tmlapp.endpoints.gemini_live import DIALECT
from tmlapp.endpoints.remote.contract import Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint

pytestmark = pytest.mark.conformance

ARGUMENTS = {
    "type": "object",
    "required": ["n"],
    "properties": {
        "n": {"type": ["integer", "null"], "minimum": 0},
        "s": {"type": "string", "enum": ["a", "b"]},
        "l": {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "boolean"}]}, "maxItems": 3},
    },
}
TOOLS = (
    ToolSpec(name="f", description="Counts.", parameters=ARGUMENTS),
    ToolSpec(name="delegate", description="Hands over.", parameters={"properties": {"task": {"type": "string"}}}),
)
RECORDED_PIECES = 55
"""So many pieces of sound were sent in the recorded session with a spoken turn."""
HISTORY = (HistoryTurn(role="user", text="Hi."), HistoryTurn(role="assistant", text="Yes?"))
EVERYTHING = {
    "proactive_audio": "on", "proactive_video": "on", "video_fps": "5", "media_resolution": "high",
    "thinking_budget": "0", "thoughts": "on", "temperature": "0.7", "max_output_tokens": "512", "language": "en-US",
    "start_sensitivity": "high", "end_sensitivity": "low", "prefix_padding_ms": "100", "silence_duration_ms": "500",
    "barge_in": "off", "turn_coverage": "activity_and_video", "compression_trigger_tokens": "100000",
    "compression_target_tokens": "50000", "history_config": "on", "async_tools": "all", "tool_scheduling": "interrupt",
    "delegate_answer": "pieces",
}  # fmt: skip
OTHERS = {
    "modality": "text", "media_resolution": "low", "thinking_level": "high", "activity": "whole_input",
    "turn_coverage": "all", "typed_text": "stream", "compression": "off", "session_resumption": "off",
    "input_transcription": "off", "async_tools": "none",
}  # fmt: skip


def talk(url: str, events: Events, options: dict[str, str], **members: Any) -> RemoteDuplex:
    target = Target(
        kind="gemini_live", address="gemini_live:test", name="test", url=url, voice="Kore", options=options,
        secret=Secret(KEY),
    )  # fmt: skip
    return RemoteEndpoint(DIALECT, target, patience=QUICK).open(setup(**members), events)


@pytest.mark.slow
def test_googles_client_converses_with_our_server() -> None:
    with FakeGemini(key="test").running() as fake, running("genai_client.py", fake.url) as client:
        told = json.loads(client.finish().splitlines()[-1])
    assert told == {"audio_bytes": PIECES * len(TONE), "transcript": "".join(SAID)}


@pytest.mark.parametrize("options", [EVERYTHING, OTHERS, OTHERS | {"service": "vertex", "project": "p"}])
def test_every_frame_of_a_session_with_everything_is_one_by_googles_types(
    options: dict[str, str], validate: Validator
) -> None:
    events = Events()
    with FakeGemini(listens=False).running() as fake:
        duplex = talk(fake.url, events, options, tools=TOOLS, history=HISTORY)
        duplex.push(micro_turn(0, jpegs=[JPEG], texts=["call f", TextInput(0, "A note.", role="system")]))
        call = events.until(ToolCall)
        duplex.push(micro_turn(1, jpegs=[JPEG], controls=[ToolResult(call.call_id, "none", is_error=True)]))
        events.until(TurnDone)
        duplex.push(micro_turn(2, texts=["call delegate"]))
        events.until(ToolCall, count=2)
        duplex.push(micro_turn(3, controls=[DelegationResult("c1", "One. ", final=False)]))
        duplex.push(micro_turn(4, controls=[DelegationResult("c1", "Two.", final=True)]))
        events.until(TurnDone, count=2)
        duplex.push(micro_turn(5, texts=["away"]))
        events.until(Limit, lambda e: e.kind == "going_away")
        events.until(SessionUpdated)
        duplex.push(micro_turn(6))
        duplex.drain(PATIENT_S)
        duplex.close()
    frames = [frame for seen in fake.seen for frame in seen.frames]
    assert {next(iter(frame)) for frame in frames} == {"setup", "realtimeInput", "clientContent", "toolResponse"}
    assert len(fake.seen) == 2
    assert validate(frames, "gemini") == []
    assert validate(frames_of(events.all, "received"), "gemini", "received") == []
    if options is EVERYTHING:
        assert fake.seen[1].setup["sessionResumption"] == {"handle": HANDLE}
        assert "v1alpha" in fake.seen[0].path


def test_googles_types_refuse_what_we_must_not_send(validate: Validator) -> None:
    unknown = {"setup": {"model": "m", "proactiveAudio": True}}
    odd = {"setup": {"model": "m", "realtimeInputConfig": {"turnCoverage": "x", "unknown": 1}}}
    assert len(validate([unknown, odd], "gemini")) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("google__text_in_audio_out_turn", "Say a short greeting.", "Hello there."),
        ("gateway__gemini_text_in_audio_out", "Say a short greeting.", "Hello there."),
        ("google__audio_in_server_vad_turn", "", "Hello, Marcelo."),
    ],
)
def test_recorded_sessions_are_conversed_with(name: str, text: str, said: str, shared_data: Path) -> None:
    events = Events()
    with serving("replay_server.py", shared_data / "traces" / f"{name}.jsonl", "strict") as server:
        duplex = talk(server.url, events, {})
        for index in range(1 if text else RECORDED_PIECES):
            duplex.push(micro_turn(index, texts=[text] if text else ()))
            events.until(WireFrame, lambda e: e.direction == "sent" and "realtimeInput" in e.message, count=index + 1)
        assert events.until(TurnDone).status == "completed"
        told = json.loads(server.wait_for(lambda line: '"mismatches"' in line))
        duplex.close()
    assert (told["mismatches"], told["done"]) == ([], told["steps"])
    assert "".join(e.delta for e in events.of(TextOut) if e.channel == "transcript") == said
    assert events.of(AudioOut)
    if not text:
        assert [e.text for e in events.of(UserTranscript) if e.final] == ["Hello, my name is Marcelo."]
