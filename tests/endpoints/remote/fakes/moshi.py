"""A server of our own in the protocol of Moshi and PersonaPlex, on loopback; it thinks nothing.

It answers every frame of 80 ms but the first with one: quiet until `begins`, then a tone until `ends`, then quiet. One
session at a time: who comes second gets no handshake until the first has left.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import sphn
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.sync.server import ServerConnection

from tests.endpoints.remote.fakes.loopback import Loopback, headers_of
from tmlapp.core.media import Pcm

FRAME = 1_920
PYTHON_HANDSHAKE = b"\x00"
RUST_HANDSHAKE = b"\x00" + (0).to_bytes(4, "little") + (3).to_bytes(4, "little")


@dataclass
class Seen:
    """What a connection was like, and what was heard on it."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    kinds: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    heard: list[Pcm] = field(default_factory=list)
    before_handshake: int = 0
    close_code: int | None = None

    @property
    def sound(self) -> Pcm:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)


class FakeMoshi(Loopback):
    """`extra` maps numbers of output frames to binary messages that go out before them."""

    def __init__(
        self,
        handshake: bytes = PYTHON_HANDSHAKE,
        *,
        begins: int = 5,
        ends: int = 15,
        pieces: Sequence[str] = (" Hello", " there"),
        extra: Mapping[int, Sequence[bytes | str]] | None = None,
        hangs_up_after: int = 0,
    ) -> None:
        super().__init__()
        self.handshake = handshake
        self.begins, self.ends = begins, ends
        self.pieces = pieces
        self.extra = extra or {}
        self.hangs_up_after = hangs_up_after
        self.connections: list[Seen] = []
        self.served = threading.Semaphore(0)
        self._one = threading.Lock()

    def listening(self) -> dict[str, Any]:
        return {}

    def converse(self, socket: ServerConnection, request: Request) -> None:
        parts = urlsplit(request.path)
        headers = headers_of(request)
        seen = Seen(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers)
        self.connections.append(seen)
        with self._one:
            with suppress(ConnectionClosed):
                self._talk(socket, seen)
            seen.close_code = socket.close_code
        self.served.release()

    def _talk(self, socket: ServerConnection, seen: Seen) -> None:
        # The library itself and none of our own code around it, as the servers have it.
        writer, reader = sphn.OpusStreamWriter(24_000), sphn.OpusStreamReader(24_000)
        waiting = np.zeros(0, np.int16)
        frames = 0
        socket.send(self.handshake)
        for message in socket:
            assert isinstance(message, bytes)
            seen.kinds.append(message[0])
            seen.sizes.append(len(message))
            pcm = (reader.append_bytes(message[1:]) * 32_767).astype(np.int16)
            seen.heard.append(pcm)
            waiting = np.concatenate((waiting, pcm))
            while len(waiting) >= FRAME:
                waiting = waiting[FRAME:]
                frames += 1
                if frames == self.hangs_up_after:
                    socket.close()
                    return
                if frames > 1:
                    self._answer(socket, writer, frames - 2)

    def _answer(self, socket: ServerConnection, writer: sphn.OpusStreamWriter, number: int) -> None:
        for message in self.extra.get(number, ()):
            socket.send(message)
        speaks = self.begins <= number < self.ends
        if self.begins <= number < self.begins + len(self.pieces):
            socket.send(b"\x02" + self.pieces[number - self.begins].encode())
        at = np.arange(number * FRAME, (number + 1) * FRAME)
        tone = np.sin(2 * np.pi * 440 * at / 24_000) * (0.3 if speaks else 0.0)
        if pages := bytes(writer.append_pcm(tone.astype(np.float32))):
            socket.send(b"\x01" + pages)
