"""Small sessions in the format of the recordings, made up here: every grammar, with what real ones rarely have."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def sent(**message: Any) -> Row:
    return {"direction": "sent", "at": None, "json": message}


def received(**message: Any) -> Row:
    return {"direction": "received", "at": 0.25, "json": message}


def sound(length: int) -> str:
    return base64.b64encode(bytes(range(1, length + 1))).decode("ascii")


def write(path: Path, rows: Iterable[Row | str | bytes]) -> Path:
    """A file with a line for each of `rows`; text and bytes as they are."""
    lines = [r if isinstance(r, bytes) else r.encode() if isinstance(r, str) else json.dumps(r).encode() for r in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def _said(**content: Any) -> Row:
    return received(serverContent=content)


def gemini() -> list[Row]:
    """Snake case and URL-safe base64, several keys in one message, an interruption, two calls, a resumption."""
    pcm = {"mime_type": "audio/pcm;rate=24000", "data": base64.urlsafe_b64encode(b"\xfb\xff\xfe\x01\x02").decode()}
    calls = [{"id": "c1", "name": "f", "args": {"n": 1}}, {"id": "c2", "name": "f"}]
    result = {"id": "c1", "name": "f", "response": {"error": "no such thing"}}
    turns = [{"role": "user", "parts": [{"text": "Hi."}]}]
    return [
        sent(setup={"model": "models/gemini-of-tomorrow", "generationConfig": {"responseModalities": ["AUDIO"]},
                    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]}),
        received(setup_complete={"session_id": "s"}),
        sent(realtime_input={"audio": {"data": sound(8), "mimeType": "audio/pcm;rate=16000"}}),
        sent(realtime_input={"video": {"data": sound(8), "mimeType": "image/jpeg"}}),
        received(voice_activity={"voice_activity_type": "ACTIVITY_START", "audio_offset": "0.2s"}),
        received(server_content={"input_transcription": {"text": " What"}}),
        received(server_content={"input_transcription": {"text": " is it?", "finished": True}}),
        received(),
        received(server_content={"model_turn": {"parts": [{"inline_data": pcm}, {"text": "Hm.", "thought": True}]},
                                 "output_transcription": {"text": "An"}}),
        _said(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": sound(3)}}]}),
        _said(interrupted=True),
        _said(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED"),
        sent(client_content={"turns": turns, "turnComplete": True}),
        received(toolCall={"functionCalls": calls}, sessionResumptionUpdate={"newHandle": "h", "resumable": True}),
        received(toolCallCancellation={"ids": ["c2"]}),
        sent(tool_response={"functionResponses": [result]}),
        _said(outputTranscription={"text": "An apple."}, generationComplete=True),
        received(serverContent={"turnComplete": True}, usageMetadata={"candidatesTokenCount": 5, "totalTokenCount": 9}),
        received(fromTheFuture={"a": 1}),
        _said(modelTurn={"parts": [{"text": "never finished"}]}),
    ]  # fmt: skip


def live() -> list[Row]:
    """A delegated tool and the words of both sides; no turns."""
    ids = {"delegation_id": "item_D"}
    arguments = '{"city": "Amsterdam"}'
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": arguments}
    session = {"id": "live_1", "status": "active", "expires_at": 1_785_003_600, "model": "gpt-live-9"}
    delegation = {"id": "item_D", "target": "responses", "response_id": "resp_1", "type": "delegation"}
    return [
        sent(type="session.start", session={"model": "gpt-live-9", "instructions": "Be brief.",
             "delegation": {"type": "responses", "responses": {"model": "gpt-5", "tools": [{"type": "function",
              "name": "look_up", "parameters": {"type": "object", "properties": {}}}]}}}),
        received(type="session.started", event_id="e1", session=session),
        sent(type="session.input_audio.append", audio=sound(8)),
        received(type="session.output_audio.delta", delta=sound(33)),
        received(type="session.input_transcript.delta", start_ms=0, end_ms=200, delta="What"),
        received(type="session.delegation.created", offset_ms=200, delegation=delegation),
        received(type="response.event", event={"type": "response.created", "response": {"id": "resp_1"}}, **ids),
        received(type="session.output_transcript.delta", start_ms=200, end_ms=400, delta="Sure,"),
        received(type="session.output_audio.delta", delta=sound(33)),
        received(type="response.event", event={"type": "response.function_call_arguments.done", "item_id": "fc_1",
                 "arguments": arguments}, **ids),
        received(type="response.event", event={"type": "response.output_item.done", "item": item}, **ids),
        sent(type="response.item.create", item={"type": "function_call_output", "call_id": "call_1", "output": "14."}),
        sent(type="response.create"),
        received(type="response.event", event={"type": "response.completed", "response": {"id": "resp_1"}}, **ids),
        received(type="session.output_transcript.delta", start_ms=400, end_ms=600, delta=" fourteen."),
        received(type="session.of.tomorrow"),
        received(type="session.usage.updated", usage={"seconds": 1.0}, context_window={"usage_ratio": 0.1}),
        sent(type="session.close"),
        received(type="session.closed", reason="close_requested", usage={"seconds": 1.0}, session=session),
    ]  # fmt: skip


def family() -> list[Row]:
    """A relative of the grammar with messages of its own, an unknown model, and a response that is cut off."""
    call = {"call_id": "k1", "item_id": "i2", "name": "f", "arguments": '{"n": 1}'}
    done = {
        "id": "r1",
        "status": "completed",
        "output": [{"id": "i1", "content": [{"type": "audio", "transcript": "One two"}]}],
    }
    at = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    cut = {"response_id": "r2", "item_id": "i3", "output_index": 0, "content_index": 0}
    echo = {"type": "realtime", "model": "voice-agent-0", "instructions": "Count."}
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Count."}]}
    return [
        received(type="conversation.created", conversation={"id": "conv"}),
        received(type="session.created", session=echo),
        sent(type="session.update", session={"instructions": "Count.", "voice": "Ara", "turn_detection": None}),
        received(type="session.updated", session=echo),
        sent(type="conversation.item.create", item=item),
        sent(type="response.create"),
        received(type="ping", timestamp=1),
        received(type="response.created", response={"id": "r1", "status": "in_progress", "output": []}),
        received(type="response.output_audio_transcript.delta", delta="One", start_time=0.0, **at),
        received(type="response.output_audio.delta", delta=sound(33), **at),
        received(type="response.output_audio_transcript.delta", delta=" two", **at),
        received(type="response.output_audio.delta", delta=sound(33), **at),
        received(type="response.output_audio_transcript.done", transcript="One two", **at),
        received(type="response.function_call_arguments.done", response_id="r1", **call),
        received(type="response.done", response=done),
        received(type="input_audio_buffer.speech_started", audio_start_ms=400, item_id="u1"),
        received(type="conversation.item.input_audio_transcription.completed", item_id="u1", transcript="Stop."),
        received(type="response.created", response={"id": "r2"}),
        received(type="response.output_audio.delta", delta=sound(4), **cut),
        received(type="input_audio_buffer.speech_started", audio_start_ms=800, item_id="u2"),
        received(type="response.output_audio.delta", delta=sound(4), **cut),
        received(type="response.done", response={"id": "r2", "status": "cancelled",
                 "status_details": {"type": "cancelled", "reason": "turn_detected"}, "output": []}),
        received(type="error", event_id="e", error={"type": "invalid_request_error", "code": "bad_event"}),
        received(type="response.created", response={"id": "r3"}),
        received(type="response.done", response={"id": "r3", "status": "failed",
                 "status_details": {"type": "failed", "error": {"code": "server_error"}}, "output": []}),
    ]  # fmt: skip
