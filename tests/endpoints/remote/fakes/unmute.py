"""A server of our own that speaks as Unmute does, on loopback: Opus both ways, words without ids, nothing by itself."""

from __future__ import annotations

import base64
import http
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection
from websockets.typing import Subprotocol

from tests.endpoints.remote.fakes.loopback import Loopback
from tmlapp.endpoints.remote.opus import OpusDecoder, OpusEncoder

WORDS = ("One,", "two.")
SECONDS = 1.2


class FakeUnmute(Loopback):
    """Answers each stretch of loud sound that ends; `health` is what it says of itself."""

    def __init__(self, *, health: dict[str, Any] | None = None, status: int = 200) -> None:
        super().__init__()
        self.health = {"ok": True, "stt_up": True} if health is None else health
        self.status = status
        self.frames: list[dict[str, Any]] = []
        self.heard: list[np.ndarray] = []
        self.paths: list[str] = []

    def listening(self) -> dict[str, Any]:
        return {**super().listening(), "process_request": self._health, "select_subprotocol": self._choose}

    def _health(self, socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if request.path == "/v1/health":
            return socket.respond(http.HTTPStatus(self.status), json.dumps(self.health))
        if "realtime" not in request.headers.get("Sec-WebSocket-Protocol", ""):
            return socket.respond(http.HTTPStatus.BAD_REQUEST, "no subprotocol\n")
        return None

    def _choose(self, _socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return offered[0] if offered else None

    def converse(self, socket: ServerConnection, request: Request) -> None:
        talk = _Talk(self, socket)
        for frame in socket:
            message = json.loads(frame)
            self.frames.append(message)
            talk.take(message)


class _Talk:
    def __init__(self, fake: FakeUnmute, socket: ServerConnection) -> None:
        self.fake, self.socket = fake, socket
        self.decoder, self.encoder = OpusDecoder(), OpusEncoder()
        self.samples = 0
        self.loud_at: int | None = None

    def send(self, kind: str, **members: Any) -> None:
        self.socket.send(json.dumps({"type": kind, "event_id": "event_x", **members}))

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "session.update":
            self.send("session.updated", session=message["session"])
            return
        pcm = self.decoder.push(base64.b64decode(message["audio"]))
        self.fake.heard.append(pcm)
        for at in range(0, len(pcm), 1920):
            loud = int(np.abs(pcm[at : at + 1920].astype(int)).max(initial=0)) > 2000
            if loud and self.loud_at is None:
                self.loud_at = self.samples
                self.send("input_audio_buffer.speech_started")
                for word in ("count", "them"):
                    about = {"delta": word, "start_time": self.samples / 24_000}
                    self.send("conversation.item.input_audio_transcription.delta", **about)
            elif not loud and self.loud_at is not None:
                self.loud_at = None
                self.send("input_audio_buffer.speech_stopped")
                self.answer()
            self.samples += len(pcm[at : at + 1920])

    def answer(self) -> None:
        response = {"object": "realtime.response", "status": "in_progress", "voice": "v", "chat_history": []}
        self.send("response.created", response=response)
        self.send("unmute.response.text.delta.ready", delta="One,")
        self.send("response.text.done", text=" ".join(WORDS))
        tone = np.sin(np.arange(int(SECONDS * 24_000)) * 2 * np.pi * 440 / 24_000) * 8000
        pages = self.encoder.frames(tone.astype(np.int16))
        for n, page in enumerate(pages):
            if n % (len(pages) // len(WORDS)) == 0 and n // (len(pages) // len(WORDS)) < len(WORDS):
                self.send("response.text.delta", delta=WORDS[n // (len(pages) // len(WORDS))])
            self.send("response.audio.delta", delta=base64.b64encode(page).decode("ascii"))
        self.send("unmute.additional_outputs", args={})
        self.send("response.audio.done")
