"""A server of our own in vLLM-Omni's duplex dialect, on loopback; it thinks nothing.

It listens to the first `listens` units, then says one number per unit, until the fourth. A commit makes it say all of
that at once. Sessions outlive their sockets: what was said meanwhile is told again after `session.resume`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Request
from websockets.sync.server import ServerConnection

from tests.endpoints.remote.fakes.loopback import Loopback

CAPABILITIES: dict[str, Any] = {
    "implementation_level": "model_native_duplex",
    "supports_input_append": True,
    "supports_barge_in": True,
    "supports_playback_ack": True,
    "supports_session_resume": True,
    "supports_audio_truncate": True,
    "required_input_modalities": ["audio"],
    "optional_input_modalities": ["video"],
    "chunk_period_ms": 1000,
}
WORDS = ("one", " two", " three")
TONE = (np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 8000).astype("<i2").tobytes()


@dataclass
class Session:
    """One conversation, over as many sockets as it takes."""

    id: str
    asked: dict[str, Any]
    token: str
    generation: int = 1
    seq: int = 0
    journal: list[dict[str, Any]] = field(default_factory=list)
    end_ms: int = 0
    units: int = 0
    words: int = 0
    response: str = ""
    barged: bool = False


@dataclass
class Seen:
    """What a connection was like: its query, and every frame that came."""

    query: dict[str, str]
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


class FakeVllm(Loopback):
    """Serves one connection after the other.

    Attributes:
        cut_after: the socket is dropped without a word after this unit; the model goes on for one more.
        let_in: while it is not set, a connection after a cut is not answered.
        gap: what was missed is gone.
        refuse, refuse_resume: error code that answers the set-up, a resumption.
    """

    def __init__(
        self,
        capabilities: Mapping[str, Any] | None = None,
        *,
        listens: int = 1,
        cut_after: int = 0,
        gap: bool = False,
        refuse: str = "",
        refuse_resume: str = "",
    ) -> None:
        super().__init__()
        self.capabilities = {**CAPABILITIES, **(capabilities or {})}
        self.listens = listens
        self.cut_after = cut_after
        self.gap = gap
        self.refuse = refuse
        self.refuse_resume = refuse_resume
        self.sessions: dict[str, Session] = {}
        self.connections: list[Seen] = []
        self.tokens: list[str] = []
        self.let_in = threading.Event()

    def new_token(self) -> str:
        token = f"token-{len(self.tokens)}-of-a-session-that-nobody-may-see"
        self.tokens.append(token)
        return token

    def converse(self, socket: ServerConnection, request: Request) -> None:
        seen = Seen(dict(parse_qsl(urlsplit(request.path).query)))
        self.connections.append(seen)
        talk = _Talk(self, socket)
        if len(self.connections) > 1:
            self.let_in.wait(15)
        for frame in socket:
            message = json.loads(frame)
            seen.frames.append(message)
            talk.take(message)


class _Talk:
    def __init__(self, fake: FakeVllm, socket: ServerConnection) -> None:
        self.fake, self.socket = fake, socket
        self.session: Session | None = None
        self.gone = False

    def send(self, kind: str, *, journal: bool = True, **members: Any) -> None:
        session = self.session
        message = {"type": kind, **members}
        if session is not None and journal:
            session.seq += 1
            message |= {"event_id": f"event_{session.seq}", "server_event_seq": session.seq}
            session.journal.append(message)
        if not self.gone:
            self.socket.send(json.dumps(message))

    def error(self, code: str, why: str, cause: Any = None) -> None:
        about = {"type": "invalid_request_error", "code": code, "message": why, "event_id": cause}
        self.send("error", error=about, journal=False)

    def take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "session.update" if self.fake.refuse:
                self.error(self.fake.refuse, "It cannot be opened.")
                self.socket.close()
            case "session.update" if self.session is None:
                self.open(message["session"])
            case "session.update":
                self.send("session.updated", session=self.public())
            case "session.resume":
                self.resume(message)
            case "session.close":
                self.send("session.closed", session_id=self.here.id, reason="client_close", event={})
                del self.fake.sessions[self.here.id]
                self.socket.close()
            case "session.heartbeat":
                self.send("session.heartbeat_ack", session_id=self.here.id)
            case "session.event_ack":
                acknowledged = message["server_event_seq"]
                self.here.journal = [m for m in self.here.journal if m["server_event_seq"] > acknowledged]
            case "input_audio_buffer.append":
                self.hear(message)
            case "input_audio_buffer.commit":
                self.speak_all()
            case "barge_in":
                self.barge_in()
            case "playback.ack":
                event = {key: message.get(key) for key in ("played_ms", "committed_ms")}
                self.send("playback.acknowledged", event={**event, "history_committed": True})
            case "conversation.item.truncate":
                about = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self.send("conversation.item.truncated", **about)
            case "conversation.item.create":
                item = {"id": "item_given", **message["item"]}
                self.send("conversation.item.added", item=item)
                self.send("conversation.item.created", item=item)
            case "response.cancel":
                self.finish("cancelled")
            case kind:
                self.error("unknown_event", f"Unknown event: {kind}", message.get("event_id"))

    @property
    def here(self) -> Session:
        assert self.session is not None
        return self.session

    def public(self) -> dict[str, Any]:
        asked = self.here.asked
        kept = {key: asked[key] for key in ("overlap_policy", "playback_commit_policy", "tools") if key in asked}
        return {
            "id": self.here.id,
            "object": "realtime.session",
            "epoch": 0,
            "turn_id": 0,
            "capabilities": self.fake.capabilities,
            "playback": {"played_ms": 0},
            **kept,
        }

    def open(self, asked: dict[str, Any]) -> None:
        session = Session(f"duplex-{len(self.fake.connections)}", asked, self.fake.new_token())
        self.session = self.fake.sessions[session.id] = session
        credentials = {"attachment_generation": 1, "resume_token": session.token}
        if not self.fake.capabilities["supports_session_resume"]:
            credentials = {}
        self.send("session.created", journal=False, session_id=session.id, session=self.public(), **credentials)
        self.send("session.updated", session=self.public())

    def resume(self, message: dict[str, Any]) -> None:
        session = self.fake.sessions.get(message["session_id"])
        if session is None or self.fake.refuse_resume:
            # The flat shape, which only the handshake has.
            code = self.fake.refuse_resume or "session_resume_expired"
            why = f"Unknown or expired duplex session: {message['session_id']}"
            self.socket.send(json.dumps({"type": "error", "error": why, "code": code}))
            self.socket.close()
        elif message["resume_token"] != session.token:
            self.error("invalid_resume_token", "Invalid duplex session resume token")
            self.socket.close()
        elif self.fake.gap:
            self.send("session.resync_required", journal=False, session_id=session.id, reason="journal_gap")
            self.socket.close()
        else:
            self.session = session
            session.token = self.fake.new_token()
            session.generation += 1
            credentials = {"attachment_generation": session.generation, "resume_token": session.token}
            self.send("session.resumed", journal=False, session_id=session.id, session=self.public(), **credentials)
            last = message["last_received_server_event_seq"]
            # One too many, as a replay may have it.
            for entry in [m for m in session.journal if m["server_event_seq"] >= last]:
                self.socket.send(json.dumps(entry))

    def hear(self, message: dict[str, Any]) -> None:
        session = self.here
        if message["audio_end_ms"] - message["duration_ms"] != session.end_ms:
            self.error("bad_audio", f"audio_end_ms {message['audio_end_ms']} after {session.end_ms}")
            return
        session.end_ms = message["audio_end_ms"]
        period = self.fake.capabilities["chunk_period_ms"]
        while session.units < session.end_ms // period:
            session.units += 1
            if session.units <= self.fake.listens or session.words == len(WORDS) or session.barged:
                self.listen()
            else:
                self.speak()
            if session.units == self.fake.cut_after:
                self.fake.cut_after = 0
                self.socket.socket.shutdown(2)
                self.gone = True
                self.speak()
                raise ConnectionClosedError(None, None)

    def listen(self) -> None:
        response = {"object": "realtime.response", "status": "listening", "metadata": {"reason": "model_listen"}}
        self.send("response.listen", session_id=self.here.id, epoch=0, response=response)

    def speak(self) -> None:
        session = self.here
        if not session.response:
            session.response = f"resp_{session.units}"
            self.send(
                "response.created",
                response_id=session.response,
                response={"id": session.response, "status": "in_progress", "output": []},
            )
            item = {"id": f"item_{session.response}", "type": "message", "role": "assistant", "content": []}
            # Both spellings at once, as the server has them.
            self.send("conversation.item.added", item=item)
            self.send("conversation.item.created", item=item)
            self.send("response.output_item.added", response_id=session.response, output_index=0, item=item)
            self.send("response.speak", metadata={}, **self.ids)
        if session.words == len(WORDS):
            return
        session.words += 1
        mark = {"text_chars": len("".join(WORDS[: session.words])), "audio_end_ms": 1000 * session.words}
        metadata = {"model_speak": True, "audio_duration_ms": 1000 * session.words, "audio_text_marks": [mark]}
        self.send(
            "response.output_audio.delta",
            delta=base64.b64encode(TONE).decode(),
            format="pcm16",
            sample_rate_hz=24_000,
            metadata=metadata,
            **self.ids,
        )
        self.send("response.output_audio_transcript.delta", delta=WORDS[session.words - 1], **self.ids)
        if session.words == len(WORDS):
            self.send("response.output_audio.done", **self.ids)
            self.send("response.output_audio_transcript.done", transcript="".join(WORDS), **self.ids)
            self.finish("completed")

    @property
    def ids(self) -> dict[str, Any]:
        response = self.here.response
        return {"response_id": response, "item_id": f"item_{response}", "output_index": 0, "content_index": 0}

    def speak_all(self) -> None:
        while self.here.words < len(WORDS):
            self.speak()

    def barge_in(self) -> None:
        self.here.barged = True
        self.send("turn.event", session_id=self.here.id, event="barge_in", turn_state="barge_in", epoch=1)
        self.finish("cancelled")

    def finish(self, status: str) -> None:
        session = self.here
        if not session.response:
            return
        details = {"type": status, "reason": "turn_detected" if status == "cancelled" else None}
        response = {"id": session.response, "status": status, "status_details": details, "output": []}
        self.send("response.done", response_id=session.response, response=response)
        self.send("rate_limits.updated", rate_limits=[])
        session.response = ""
