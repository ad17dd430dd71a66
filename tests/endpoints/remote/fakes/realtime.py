"""A server of our own in the grammar of OpenAI Realtime, its beta, or DashScope, on loopback; it thinks nothing.

It hears speech in sound that is loud, answers every turn with "one, two" and a second of a tone, and obeys a few texts:
`hold` (the answer stops after its first sound until it is cancelled), `call` (it calls the tool `f`), `fail` (the
response fails), `close CODE REASON`, `noise` (frames that are none of the protocol).
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from websockets.http11 import Request
from websockets.sync.server import ServerConnection

from tests.endpoints.remote.fakes.loopback import Loopback, headers_of

Spelling = Literal["ga", "beta"]

_BETA = {
    "response.output_audio.": "response.audio.",
    "response.output_text.": "response.text.",
    "response.output_audio_transcript.": "response.audio_transcript.",
    "conversation.item.added": "conversation.item.created",
}
SAID = "one, two"
TONE = (np.sin(np.arange(4800) * 2 * np.pi * 440 / 24_000) * 8000).astype("<i2").tobytes()
PIECES = 5


@dataclass
class Seen:
    """What a connection was like: `path` with its query, `headers`, and every frame that came."""

    path: str
    headers: dict[str, str]
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [frame["type"] for frame in self.frames]


class FakeRealtime(Loopback):
    """Serves one connection after the other; `speech` names the appends between which speech is heard, or None."""

    def __init__(
        self,
        spelling: Spelling = "ga",
        *,
        rate_hz: int = 24_000,
        changes: Mapping[str, Any] | None = None,
        speech: tuple[int, int] | None = None,
        hold: str = "hold",
    ) -> None:
        super().__init__()
        self.spelling = spelling
        self.rate_hz = rate_hz
        self.changes = changes or {}
        self.speech = speech
        self.hold = hold
        self.connections: list[Seen] = []

    def converse(self, socket: ServerConnection, request: Request) -> None:
        headers = headers_of(request)
        seen = Seen(request.path, headers)
        self.connections.append(seen)
        talk = _Talk(self, socket, seen)
        talk.begin()
        for frame in socket:
            message = json.loads(frame)
            seen.frames.append(message)
            talk.take(message)


class _Talk:
    def __init__(self, fake: FakeRealtime, socket: ServerConnection, seen: Seen) -> None:
        self.fake, self.socket, self.seen = fake, socket, seen
        self.numbers = itertools.count(1)
        self.session: dict[str, Any] = {"id": "sess_1", "object": "realtime.session", "type": "realtime"}
        self.samples = self.appends = 0
        self.committed = 0
        self.speaking = ""
        self.active = ""
        self.item = ""
        self.text = ""
        self.results = 0

    def send(self, kind: str, **members: Any) -> None:
        if self.fake.spelling == "beta":
            for new, old in _BETA.items():
                kind = kind.replace(new, old)
            if kind == "conversation.item.done":
                return
        message = {"type": kind, "event_id": f"event_{next(self.numbers)}", **members}
        self.socket.send(json.dumps(message))

    def name(self, kind: str) -> str:
        return f"{kind}_{next(self.numbers)}"

    def begin(self) -> None:
        self.session["model"] = "fake"
        self.send("session.created", session=self.session)

    def error(self, message: Mapping[str, Any], code: str | None, why: str, param: str | None = None) -> None:
        about = {"type": "invalid_request_error", "code": code, "message": why, "param": param}
        self.send("error", error={**about, "event_id": message.get("event_id")})

    def take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        match kind:
            case "session.update":
                self.session = _merged(_merged(self.session, message["session"]), self.fake.changes)
                self.send("session.updated", session=self.session)
            case "input_audio_buffer.append":
                self.hear(base64.b64decode(message["audio"]))
            case "input_audio_buffer.commit" if self.samples == self.committed:
                self.error(message, "input_audio_buffer_commit_empty", "The buffer is empty.")
            case "input_audio_buffer.commit":
                self.commit(self.name("item"))
            case "input_audio_buffer.clear":
                self.committed = self.samples
                self.send("input_audio_buffer.cleared")
            case "input_image_buffer.append":
                pass
            case "conversation.item.create":
                self.add(message["item"])
            case "conversation.item.truncate":
                about = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self.send("conversation.item.truncated", **about)
            case "response.create" if self.active:
                self.error(message, "conversation_already_has_active_response", "One is active.")
            case "response.create":
                self.respond()
            case "response.cancel" if self.active:
                self.finish("cancelled", "client_cancelled")
            case "response.cancel":
                self.error(message, "response_cancel_not_active", "None is active.")
            case "session.finish":
                self.send("session.finished")
            case _:
                self.error(message, "invalid_value", f"Invalid value: '{kind}'.", "type")

    def hear(self, pcm16: bytes) -> None:
        pcm = np.frombuffer(pcm16, "<i2")
        self.samples += len(pcm)
        self.appends += 1
        first, last = self.fake.speech or (0, 0)
        loud = first <= self.appends < last if self.fake.speech else int(np.abs(pcm.astype(int)).max(initial=0)) > 1000
        detects = _detects(self.session)
        if not detects or loud == bool(self.speaking):
            return
        at_ms = self.samples * 1000 // self.fake.rate_hz
        if loud:
            self.speaking = self.name("item")
            if self.active and detects.get("interrupt_response", True):
                self.finish("cancelled", "turn_detected")
            self.send("input_audio_buffer.speech_started", audio_start_ms=at_ms - 200, item_id=self.speaking)
            return
        item, self.speaking = self.speaking, ""
        self.send("input_audio_buffer.speech_stopped", audio_end_ms=at_ms - 200, item_id=item)
        self.commit(item)
        if detects.get("create_response", True):
            self.respond()

    def commit(self, item: str) -> None:
        self.committed = self.samples
        self.send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        about = {"id": item, "type": "message", "role": "user", "status": "completed"}
        self.send("conversation.item.added", item={**about, "content": [{"type": "input_audio", "transcript": None}]})
        heard = {"item_id": item, "content_index": 0}
        self.send("conversation.item.input_audio_transcription.delta", delta="count my ", **heard)
        usage = {"type": "duration", "seconds": 1}
        self.send(
            "conversation.item.input_audio_transcription.completed", transcript="count my reps", usage=usage, **heard
        )

    def add(self, item: dict[str, Any]) -> None:
        item = {"id": self.name("item"), "status": "completed", **item}
        self.send("conversation.item.added", item=item, previous_item_id=None)
        self.send("conversation.item.done", item=item, previous_item_id=None)
        self.text = next((c["text"] for c in item.get("content", ()) if "text" in c), "")
        if self.text == "noise":
            for frame in ("{", b"\xff\xfe", "[]", '{"type": "brand.new"}', '{"type": "response.output_audio.delta"}'):
                self.socket.send(frame)

    def respond(self) -> None:
        text, self.text = self.text, ""
        command, _, rest = text.partition(" ")
        if command == "close":
            code, _, reason = rest.partition(" ")
            self.socket.close(int(code), reason)
            return
        self.active = self.name("resp")
        self.send("response.created", response={"id": self.active, "object": "realtime.response", **_progress()})
        self.item = self.name("item")
        if text == "call":
            self.call()
            return
        ids = {"response_id": self.active, "item_id": self.item, "output_index": 0, "content_index": 0}
        item = {"id": self.item, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        self.send("response.output_item.added", response_id=self.active, output_index=0, item=item)
        self.send("conversation.item.added", item=item, previous_item_id=None)
        self.send("response.content_part.added", part={"type": "audio", "transcript": ""}, **ids)
        for word in ("one", ", two"):
            self.send("response.output_audio_transcript.delta", delta=word, obfuscation="xyz", **ids)
        for piece in range(PIECES):
            self.send("response.output_audio.delta", delta=base64.b64encode(TONE).decode(), **ids)
            if text == self.fake.hold and piece == 0:
                return
        if text == "fail":
            self.finish("failed", "", {"type": "server_error", "code": "server_error", "message": "It broke."})
            return
        self.send("response.output_audio.done", **ids)
        self.send("response.output_audio_transcript.done", transcript=SAID, **ids)
        self.send("response.content_part.done", part={"type": "audio", "transcript": SAID}, **ids)
        self.finish("completed")

    def call(self) -> None:
        call = {"type": "function_call", "name": "f", "call_id": self.name("call"), "arguments": '{"reps": 3}'}
        item = {"id": self.item, "status": "completed", **call}
        ids = {"response_id": self.active, "item_id": self.item, "output_index": 0, "call_id": call["call_id"]}
        self.send("response.output_item.added", response_id=self.active, output_index=0, item={**item, "arguments": ""})
        self.send("response.function_call_arguments.delta", delta='{"reps"', **ids)
        self.send("response.function_call_arguments.done", arguments=call["arguments"], name="f", **ids)
        self.send("response.output_item.done", response_id=self.active, output_index=0, item=item)
        self.finish("completed", output=item)

    def finish(
        self, status: str, reason: str = "", error: dict[str, Any] | None = None, output: dict[str, Any] | None = None
    ) -> None:
        response_id, self.active = self.active, ""
        content = [{"type": "output_audio", "transcript": SAID}]
        item = output or {"id": self.item, "type": "message", "role": "assistant", "content": content}
        details = {"type": status, "reason": reason or None, "error": error} if status != "completed" else None
        response = {
            "id": response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [item] if status == "completed" else [],
            "usage": {"total_tokens": 7, "input_tokens": 3, "output_tokens": 4},
            "metadata": None,
        }
        self.send("response.done", response=response)
        limits = [{"name": "tokens", "limit": 1000, "remaining": 900, "reset_seconds": 1.0}]
        self.send("rate_limits.updated", rate_limits=limits)


def _progress() -> dict[str, Any]:
    return {"status": "in_progress", "status_details": None, "output": [], "usage": None, "metadata": None}


def _detects(session: Mapping[str, Any]) -> Mapping[str, Any] | None:
    said = session.get("turn_detection") or session.get("audio", {}).get("input", {}).get("turn_detection")
    return said if isinstance(said, Mapping) else None


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(old)
    for key, value in new.items():
        known = both.get(key)
        both[key] = _merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return both
