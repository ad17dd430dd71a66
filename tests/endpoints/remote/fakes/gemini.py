"""A server of our own in the grammar of Gemini Live, on loopback; it thinks nothing, and is as strict as the service.

It answers every turn of `clientContent` and every tenth piece of sound with "one, two" and half a second of a tone. A
few texts make it do more: `call` (it calls the tool `f`), `cancel` (it calls and takes it back), `interrupt` (it cuts
itself off), `filter`, `away` (a handle, then `goAway`), `close CODE REASON`, `noise` (what nobody knows yet).
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

KEY = "AIza-marker-key-271828182845904523536"
HANDLE = "handle-marker-1414213562373095"
SAID = ("one,", " two")
TONE = (np.sin(np.arange(6_000) * 2 * np.pi * 440 / 24_000) * 8000).astype("<i2").tobytes()
PIECES = 2
HEARD = "count my reps"
_SETUP = frozenset(
    ("model", "generationConfig", "systemInstruction", "tools", "realtimeInputConfig", "inputAudioTranscription",
     "outputAudioTranscription", "sessionResumption", "contextWindowCompression", "proactivity", "historyConfig")
)  # fmt: skip


@dataclass
class Seen:
    """What a connection was like."""

    path: str
    headers: dict[str, str]
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def setup(self) -> dict[str, Any]:
        found: dict[str, Any] = self.frames[0]["setup"]
        return found

    def of(self, name: str) -> list[Any]:
        """What came under one key."""
        return [frame[name] for frame in self.frames if name in frame]


class FakeGemini:
    """Serves any number of connections.

    Args:
        listens: it answers to sound.
        key: which it lets in.
        text_frames: JSON in text frames, as no service does it yet.
    """

    def __init__(self, *, key: str = KEY, listens: bool = True, text_frames: bool = False) -> None:
        self._key = key
        self.seen: list[Seen] = []
        self._listens = listens
        self._text_frames = text_frames
        self.changed = threading.Condition()
        # The library's own logger would write down the key.
        quiet = logging.Logger("fake gemini", logging.CRITICAL + 1)
        self._server: Server = serve(
            self._serve, "127.0.0.1", 0, process_request=self._process, max_size=2**24, compression=None, logger=quiet
        )
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="fake gemini", daemon=True)

    @contextmanager
    def running(self) -> Iterator[FakeGemini]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        if self._key not in (headers.get("x-goog-api-key"), headers.get("authorization", "").removeprefix("Bearer ")):
            body = json.dumps({"error": {"code": 401, "message": f"API key not valid: {headers}"}})
            return connection.respond(HTTPStatus.UNAUTHORIZED, body)
        return None

    def _serve(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        seen = Seen(ws.request.path, {name.lower(): value for name, value in ws.request.headers.raw_items()})
        self.seen.append(seen)
        try:
            for frame in ws:
                message = {_plain(key): value for key, value in json.loads(frame).items()}
                with self.changed:
                    seen.frames.append(message)
                    self.changed.notify_all()
                self._react(ws, seen, message)
        except ConnectionClosed:
            return

    def _say(self, ws: ServerConnection, **message: Any) -> None:
        text = json.dumps(message)
        ws.send(text if self._text_frames else text.encode())

    def _react(self, ws: ServerConnection, seen: Seen, message: Mapping[str, Any]) -> None:
        if "setup" in message:
            self._set_up(ws, seen, message["setup"])
        elif "clientContent" in message and message["clientContent"].get("turnComplete"):
            self._obey(ws, message["clientContent"]["turns"][-1]["parts"][0]["text"])
        elif "toolResponse" in message:
            self._answer(ws)
        elif "realtimeInput" in message:
            self._listen(ws, seen, message["realtimeInput"])

    def _set_up(self, ws: ServerConnection, seen: Seen, setup: Mapping[str, Any]) -> None:
        unknown = set(setup) - _SETUP
        if "v1alpha" not in seen.path and "generativelanguage" in seen.path and "proactivity" in setup:
            unknown.add("proactivity")
        if unknown:
            ws.close(1007, f"Invalid JSON payload received. Unknown name \"{min(unknown)}\" at 'setup'")
        elif "unknown" in setup["model"]:
            ws.close(1008, f"{setup['model']} is not found for API version v1beta, or is not supported")
        elif setup.get("sessionResumption", {}).get("handle") not in (None, HANDLE):
            ws.close(1008, "Requested entity was refused")
        else:
            self._say(ws, setupComplete={"sessionId": "s"})
            self._say(ws)

    def _listen(self, ws: ServerConnection, seen: Seen, given: Mapping[str, Any]) -> None:
        if "text" in given:
            self._obey(ws, given["text"])
        elif "audio" in given and self._listens and len(seen.of("realtimeInput")) == 10:
            self._say(ws, voiceActivity={"voiceActivityType": "ACTIVITY_START", "audioOffset": "0.400s"})
            self._say(ws, serverContent={"inputTranscription": {"text": f" {HEARD[:5]}"}})
            self._say(ws, serverContent={"inputTranscription": {"text": HEARD[5:]}})
            self._say(ws, voiceActivity={"voiceActivityType": "ACTIVITY_END", "audioOffset": "1.600s"})
            self._answer(ws)
        elif "activityEnd" in given:
            self._answer(ws)

    def _speak(self, ws: ServerConnection) -> None:
        data = base64.b64encode(TONE).decode()
        for word in SAID:
            part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
            self._say(ws, serverContent={"modelTurn": {"parts": [part]}, "outputTranscription": {"text": word}})

    def _answer(self, ws: ServerConnection) -> None:
        self._speak(ws)
        self._say(ws, serverContent={"generationComplete": True})
        self._say(ws, serverContent={"turnComplete": True}, usageMetadata={"totalTokenCount": 7, "promptTokenCount": 5})

    def _obey(self, ws: ServerConnection, text: str) -> None:
        word, _, rest = text.partition(" ")
        calls = {"functionCalls": [{"id": "c1", "name": rest or "f", "args": {"n": 1}}]}
        if word == "call":
            self._say(ws, toolCall=calls)
        elif word == "cancel":
            self._say(ws, toolCall=calls)
            self._say(ws, toolCallCancellation={"ids": ["c1"]})
        elif word == "interrupt":
            self._speak(ws)
            self._say(ws, serverContent={"interrupted": True})
            self._say(ws, serverContent={"turnComplete": True})
        elif word == "filter":
            self._say(ws, serverContent={"turnComplete": True, "turnCompleteReason": "PROHIBITED_INPUT_CONTENT"})
        elif word == "handle":
            self._say(ws, sessionResumptionUpdate={"newHandle": rest or HANDLE, "resumable": True})
        elif word == "away":
            self._say(ws, sessionResumptionUpdate={"newHandle": HANDLE, "resumable": True})
            self._say(ws, goAway={"timeLeft": "5s"})
        elif word == "close":
            code, _, reason = rest.partition(" ")
            ws.close(int(code), reason)
        elif word == "noise":
            self._say(ws, fromTheFuture={}, serverContent={"newThing": 1})
            ws.send("[" * 100_000)
            ws.send(b"\xff\xfe")
            self._answer(ws)
        else:
            self._answer(ws)


def _plain(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
