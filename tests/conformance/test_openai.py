"""OpenAI Realtime against a server that we did not write, recorded sessions, and the vendor's own types and client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.harness import Peer, Validator, frames_of, running, serving
from tests.endpoints.remote.fakes.realtime import FakeRealtime
from tests.endpoints.remote.family import JPEG, Log, connect, micro_turn, steps, tone, traces
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    SessionOpened,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    Unrecognized,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import DelegationResult, Interrupt, PlaybackReport, TextInput, ToolResult
from tmlapp.endpoints.openai_family.realtime import RealtimeCodec
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.remote.contract import Action, Codec, Start
from tmlapp.endpoints.remote.duplex import RemoteDuplex

pytestmark = pytest.mark.conformance


class Blunt(RealtimeCodec):
    """Sends what no server knows where a person types “bogus”."""

    def text(self, text: TextInput) -> Iterable[Action]:
        if text.text == "bogus":
            return (self.message("bogus"),)
        return super().text(text)


def _blunt(start: Start) -> Codec:
    return Blunt(OPENAI_REALTIME, start)


def count(events: list[Any], kind: type[Any]) -> int:
    return sum(isinstance(e, kind) for e in events)


def _more(kind: type[Any], than: int, events: list[Any]) -> bool:
    return count(events, kind) > than


def test_a_spoken_turn_an_error_and_a_cancelled_turn_with_the_speech_to_speech_server(validate: Validator) -> None:
    log = Log()
    with serving("s2s_server.py") as server:
        duplex = connect(replace(OPENAI_REALTIME, codec=_blunt), server.url, log)
        try:
            for index in range(14):
                duplex.push(micro_turn(index, tone() if 2 <= index < 12 else None))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
            sounds = len(log.of(AudioOut))
            duplex.push(micro_turn(14, texts=["bogus"]))
            log.wait_for(lambda events: count(events, EndpointError) == 1)
            duplex.push(micro_turn(15, texts=["again"], jpegs=[JPEG]))
            log.wait_for(lambda events: count(events, AudioOut) > sounds)
            heard = log.of(AudioOut)[-1]
            duplex.push(micro_turn(16, controls=[Interrupt(played_ns=10**8, item_id=heard.item_id or "")]))
            log.wait_for(lambda events: count(events, TurnDone) == 2)
            duplex.drain(5)
        finally:
            duplex.close()
    opened = log.of(SessionOpened)[0].granted
    assert (opened.rejections, opened.input_rate, opened.turn_owner) == ((), 24_000, "server_vad")
    assert [e.state for e in log.of(UserSpeech)] == ["started", "stopped"]
    assert [e.text for e in log.of(UserTranscript) if e.final] == ["count my reps"]
    assert [e.delta for e in log.of(TextOut)] == ["one, two", "one, two"]
    first, second = log.of(TurnDone)
    assert (first.status, second.status) == ("completed", "cancelled")
    spoken = sum(len(e.pcm16) for e in log.of(AudioOut) if e.response_id == first.response_id)
    assert spoken == 2 * 24_000
    (error,) = log.of(EndpointError)
    assert (error.fatal, error.code) == (False, "unknown_or_invalid_event")
    assert error.client_event_id is not None
    cancelled = [m["type"] for m in frames_of(log.events)].index("response.cancel")
    order = [type(e).__name__ for e in log.events if getattr(e, "response_id", None) == second.response_id]
    assert cancelled > 0
    assert order[-2:] in (["TurnDone", "Usage"], ["AudioOut", "TurnDone"], ["TextOut", "TurnDone"])
    assert not log.of(Unrecognized)
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]
    sent = [m for m in frames_of(log.events) if m["type"] != "bogus"]
    assert validate(sent, "openai") == []


def _scenario(path: Path) -> dict[str, Any]:
    """What a session has to do so that the frames of a recording are sent: history, typed text, sound, results."""
    sent = [s["json"] for s in steps(path) if s["direction"] == "sent"]
    items = [m["item"] for m in sent if m["type"] == "conversation.item.create"]
    messages = [(i["role"], i["content"][0]["text"]) for i in items if i["type"] == "message"]
    results = [i["output"] for i in items if i["type"] == "function_call_output"]
    tools = [t for m in sent if m["type"] == "session.update" for t in m["session"].get("tools", ())]
    return {
        "history": tuple(HistoryTurn(role=role, text=text) for role, text in messages[:-1]),
        "texts": [text for _, text in messages[-1:]],
        "sounds": sum(m["type"] == "input_audio_buffer.append" for m in sent),
        "results": results,
        "tools": tuple(
            ToolSpec(name=t["name"], description=t.get("description", ""), parameters=t["parameters"]) for t in tools
        ),
    }


def _play(duplex: RemoteDuplex, log: Log, scenario: dict[str, Any], peer: Peer) -> None:
    index = max(1, scenario["sounds"])
    for k in range(index):
        duplex.push(micro_turn(k, texts=scenario["texts"] if k == 0 else ()))
    for n, output in enumerate(scenario["results"]):
        log.wait_for(partial(_more, ToolCall, n))
        duplex.push(micro_turn(index + n, controls=[ToolResult(log.of(ToolCall)[n].call_id, output)]))
    peer.wait_for(lambda line: '"mismatches"' in line)


def _service(path: Path) -> str:
    return "azure-voice-live" if "voice-live" in path.name else "azure" if path.name.startswith("azure") else "openai"


def test_recorded_sessions_are_held_again_over_a_socket(shared_data: Path, validate: Validator) -> None:
    found = [p for p in traces(shared_data, "openai", "azure", "gateway-openai") if "audio_in" not in p.name]
    assert len(found) >= 9
    for path in found:
        log, scenario = Log(), _scenario(path)
        with serving("replay_server.py", path, "strict") as server:
            options = {"service": _service(path), "modalities": "audio" if "audio_out" in path.name else "text"}
            duplex = connect(
                OPENAI_REALTIME,
                server.url,
                log,
                options=options,
                history=scenario["history"],
                tools=scenario["tools"],
            )
            try:
                _play(duplex, log, scenario, server)
            finally:
                duplex.close()
            report = json.loads(server.wait_for(lambda line: '"mismatches"' in line))
        assert (report["mismatches"], report["done"]) == ([], report["steps"]), path.name
        done = [s["json"]["response"] for s in steps(path) if s["json"]["type"] == "response.done"]
        final = [
            "".join(c.get("transcript") or c.get("text") or "" for i in r["output"] for c in i.get("content", ()))
            for r in done
        ]
        assert [e.text for e in log.of(TextOutDone)] == [text for text in final if text], path.name
        assert "".join(e.delta for e in log.of(TextOut)) == "".join(final)
        assert len(log.of(TurnDone)) == len(done)
        assert not log.of(Unrecognized)
        if _service(path) != "azure-voice-live":
            assert validate(frames_of(log.events), "openai") == []


@pytest.mark.slow
def test_a_recorded_spoken_turn_is_held_again_over_a_socket(shared_data: Path) -> None:
    path = shared_data / "traces" / "openai__audio_in_server_vad_turn.jsonl"
    log = Log()
    with serving("replay_server.py", path, "strict") as server:
        duplex = connect(OPENAI_REALTIME, server.url, log)
        try:
            _play(duplex, log, _scenario(path), server)
        finally:
            duplex.close()
        report = json.loads(server.wait_for(lambda line: '"mismatches"' in line))
    assert (report["mismatches"], report["done"]) == ([], report["steps"])
    assert [e.text for e in log.of(UserTranscript) if e.final] == ["Hello, my name is Marcelo."]


def test_every_frame_of_a_session_with_everything_is_one_of_the_vendors(validate: Validator) -> None:
    log = Log()
    tool = ToolSpec(name="f", description="Counts.", parameters={"type": "object", "properties": {}})
    sound = AudioClip(tone(), 16_000)
    history = (
        HistoryTurn(role="user", text="Hi."),
        HistoryTurn(role="assistant", text="Hello."),
        HistoryTurn(role="user", sound=sound),
    )
    options = {
        "idle_timeout_ms": "5000", "noise_reduction": "near_field", "speed": "1.1", "reasoning_effort": "low",
        "max_output_tokens": "400", "transcription_language": "en", "image_detail": "high",
    }  # fmt: skip
    with FakeRealtime().running() as fake:
        duplex = connect(OPENAI_REALTIME, fake.url, log, options=options, voice="marin", tools=(tool,), history=history)
        try:
            duplex.push(micro_turn(0, texts=["call", TextInput(0, "Be brief.", "system")], jpegs=[JPEG]))
            log.wait_for(lambda events: count(events, ToolCall) == 1)
            call = log.of(ToolCall)[0]
            duplex.push(micro_turn(1, controls=[DelegationResult(call.call_id, "3", False)]))
            duplex.push(micro_turn(2, controls=[DelegationResult(call.call_id, "0", True)]))
            log.wait_for(lambda events: count(events, TurnDone) == 2)
            duplex.push(micro_turn(3, texts=["hold"], controls=[PlaybackReport("x", 1)]))
            log.wait_for(lambda events: count(events, AudioOut) == 6)
            item_id = log.of(AudioOut)[-1].item_id or ""
            duplex.push(micro_turn(4, controls=[Interrupt(played_ns=50_000_000, item_id=item_id)]))
            log.wait_for(lambda events: count(events, TurnDone) == 3)
        finally:
            duplex.close()
    sent = frames_of(log.events)
    assert {m["type"] for m in sent} == {
        "session.update", "conversation.item.create", "response.create", "input_audio_buffer.append",
        "response.cancel", "conversation.item.truncate",
    }  # fmt: skip
    assert validate(sent, "openai") == []
    assert log.of(SessionOpened)[0].granted.rejections == ()


@pytest.mark.parametrize("detection", ["semantic_vad", "none"])
def test_frames_of_other_turn_policies_are_the_vendors(validate: Validator, detection: str) -> None:
    log = Log()
    with FakeRealtime().running() as fake:
        duplex = connect(OPENAI_REALTIME, fake.url, log, options={"turn_detection": detection})
        try:
            for index in range(40):
                duplex.push(micro_turn(index, tone() if 30 <= index < 35 else None))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
        finally:
            duplex.close()
    sent = frames_of(log.events)
    assert validate(sent, "openai") == []
    asked = {"input_audio_buffer.commit", "response.create", "input_audio_buffer.clear"} & {m["type"] for m in sent}
    assert len(asked) == (3 if detection == "none" else 0)


@pytest.mark.slow
def test_the_official_client_converses_with_our_own_fake() -> None:
    fake = FakeRealtime(speech=(3, 12), hold="again")
    with fake.running(), running("openai_realtime_client.py", fake.url) as client:
        seen = {event: count for count, event in (line.split(" ", 1) for line in client.finish().splitlines())}
    assert seen["session.created"] == seen["session.updated"] == "1"
    assert seen["response.done:completed"] == seen["response.done:cancelled"] == "1"
    assert seen["error"] == "1"
    assert int(seen["response.output_audio.delta"]) == 6
    assert seen["conversation.item.input_audio_transcription.completed"] == "1"
