"""A server of our own in the protocol of MiniCPM-o's demo, on loopback; it thinks nothing.

It keeps everybody in a queue first, listens to the first `listens` seconds, then says one word per second, the last of
them with `end_of_turn`, then listens again. `names` are the keys of sound and pictures that it reads.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from websockets.http11 import Request
from websockets.sync.server import ServerConnection

from tests.endpoints.remote.fakes.loopback import Loopback

WORDS = ("One", " two", " three")
TONE = (np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 0.5).astype("<f4")


@dataclass
class Seen:
    """What a connection was like, and every message that came."""

    path: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]


class FakeMiniCpm(Loopback):
    """`places` is the queue; `let_in` is waited for before its last place; `extra` are messages after that second."""

    def __init__(
        self,
        *,
        wire: Literal["document", "source"] = "document",
        places: Sequence[int] = (2, 1),
        listens: int = 1,
        cost_ms: float = 80.0,
        extra: Mapping[int, Sequence[dict[str, Any] | str]] | None = None,
        queue: bool = True,
    ) -> None:
        super().__init__()
        self.wire = wire
        self.places = places
        self.listens = listens
        self.cost_ms = cost_ms
        self.extra = extra or {}
        self.queue = queue
        self.let_in = threading.Event()
        self.connections: list[Seen] = []

    def converse(self, socket: ServerConnection, request: Request) -> None:
        seen = Seen(request.path)
        self.connections.append(seen)
        if self.queue:
            self._queue(socket)
        _Talk(self, socket, seen).run()

    def _queue(self, socket: ServerConnection) -> None:
        for n, place in enumerate(self.places):
            about = {"ticket_id": "t1", "position": place, "eta_seconds": 30.0 * place}
            socket.send(json.dumps({"type": "queue_update" if n else "queued", **about}))
        self.let_in.wait(15)
        socket.send('{"type": "queue_done"}')


class _Talk:
    def __init__(self, fake: FakeMiniCpm, socket: ServerConnection, seen: Seen) -> None:
        self.fake, self.socket, self.seen = fake, socket, seen
        self.prepared = False
        self.seconds = 0

    def send(self, kind: str, **members: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **members}))

    def run(self) -> None:
        for frame in self.socket:
            message = json.loads(frame)
            self.seen.messages.append(message)
            match message["type"]:
                case "prepare":
                    self.prepared = True
                    self.send("prepared", prompt_length=12, recording_session_id="rec-1")
                case "audio_chunk" if not self.prepared:
                    self.send("error", message="Session not prepared")
                    return
                case "audio_chunk":
                    self.hear(message)
                case "stop":
                    self.send("stopped", session_id=self.seen.path.rpartition("/")[2])
                    return
                case "video_frame" if self.fake.wire == "document":
                    pass
                case kind:
                    self.send("error", message=f"Unknown type: {kind}")
                    return

    def hear(self, message: dict[str, Any]) -> None:
        sound = base64.b64decode(message["audio" if self.fake.wire == "document" else "audio_base64"])
        if len(sound) != 64_000:
            self.send("error", message=f"{len(sound)} bytes of sound")
            return
        self.seconds += 1
        word = self.seconds - self.fake.listens - 1
        about: dict[str, Any] = {
            "current_time": self.seconds * (1000 if self.fake.wire == "document" else 1),
            "cost_llm_ms": 30.0,
            "cost_tts_ms": 40.0,
            "cost_all_ms": self.fake.cost_ms,
            "n_tokens": 5,
            "n_tts_tokens": 25,
            "server_send_ts": 1_785_000_000.0,
        }
        if 0 <= word < len(WORDS):
            data = base64.b64encode(TONE.tobytes()).decode()
            ends = word == len(WORDS) - 1
            self.send("result", is_listen=False, text=WORDS[word], audio_data=data, end_of_turn=ends, **about)
        else:
            self.send("result", is_listen=True, text="", audio_data="", end_of_turn=False, **about)
        for extra in self.fake.extra.get(self.seconds, ()):
            self.socket.send(extra if isinstance(extra, str) else json.dumps(extra))
