"""`tmlapp serve` inside a test: a server on a thread of its own, models that answer at once, and a client's script."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tmlapp.core.endpoint import Endpoint, EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointEvent,
    Granted,
    SessionOpened,
    TextOut,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.emitter import Emitter
from tmlapp.endpoints.serve.server import ModelServer, ServeOptions

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
Answer = Callable[[MicroTurn], Iterable[EndpointEvent]]


def beep(text: str) -> AudioClip:
    """A voice: 100 ms of silence for every text."""
    return AudioClip(np.zeros(2_400, np.int16), 24_000)


def counts(turn: MicroTurn) -> Iterator[EndpointEvent]:
    """Says "1", "2", … (200 ms of silence) with every fifth micro-turn, like the model of the conformance tests."""
    number, fifth = divmod(turn.index + 1, 5)
    if not fifth:
        item = f"say-{turn.index}"
        yield TextOut(delta=str(number), item_id=item)
        yield AudioOut(pcm16=bytes(9_600), rate=24_000, item_id=item)
        yield TextOutDone(text=str(number), item_id=item)


class Model:
    """An endpoint whose answers `answer` gives; keeps what it was given in `turns`."""

    address = "scripted:test"
    local = True
    host = ""

    def __init__(self, answer: Answer = counts, *, refuses: str = "", acknowledges: bool = True, **grant: Any) -> None:
        self.answer = answer
        self.refuses = refuses
        self.turns: list[MicroTurn] = []
        self.setups: list[EndpointSetup] = []
        self.opened: list[EndpointEvent] = []
        self.closed = 0
        self.granted = Granted(
            endpoint=self.address,
            name="counter",
            local=True,
            modalities_in=grant.pop("modalities_in", ("audio", "video")),
            modalities_out=grant.pop("modalities_out", ("text", "audio")),
            acknowledges_units=acknowledges,
            **grant,
        )

    def check(self, instruction: str) -> None:
        if self.refuses and self.refuses in instruction:
            raise AppError("It cannot do this.", "It counts.", "Ask it to count.")

    def open(self, setup: EndpointSetup, sink: EventSink) -> _Duplex:
        self.setups.append(setup)
        return _Duplex(self, sink)


class _Duplex:
    def __init__(self, model: Model, sink: EventSink) -> None:
        self._model = model
        self._emitter = Emitter(sink)
        self.granted = model.granted
        self._emitter.emit(SessionOpened(granted=model.granted), *model.opened)

    def push(self, turn: MicroTurn) -> None:
        self._model.turns.append(turn)
        self._emitter.emit_all(self._model.answer(turn))
        self._emitter.emit(UnitDone(micro_turn=turn.index, latency_ns=0))

    def drain(self, timeout_s: float) -> None:
        """Everything is answered."""

    def close(self) -> None:
        self._model.closed += 1
        self._emitter.close("normal", "closed", 0)


@contextmanager
def served(make: Callable[[], Endpoint], **options: Any) -> Iterator[ModelServer]:
    """A server at work; its sessions are closed in order at the end."""
    ready = threading.Event()
    found: list[Any] = []
    failed: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        server = ModelServer(ServeOptions(**{"port": 0} | options), make, address="scripted:test", synthesize=beep)

        def now(server: ModelServer) -> None:
            found.extend((server, asyncio.get_running_loop(), stop))
            ready.set()

        await server.run(now, stop)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - raised again on the thread of the test
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="serve")
    thread.start()
    ready.wait(20)
    if failed:
        thread.join()
        raise failed[0]
    server, loop, stop = found
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
    assert not thread.is_alive()
    assert not failed


class Client:
    """Speaks the dialect by hand; `say` gives the answers up to the first of a type."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._number = 0

    def until(self, kind: str) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["type"] != kind:
            answers.append(json.loads(self.socket.recv(timeout=15)))
        return answers

    def raw(self, frame: str | bytes, until: str = "error") -> list[dict[str, Any]]:
        self.socket.send(frame)
        return self.until(until)

    def say(self, event: dict[str, Any], until: str = "error") -> list[dict[str, Any]]:
        self._number += 1
        return self.raw(json.dumps({"event_id": f"c{self._number}"} | event), until)

    def open(self, **session: Any) -> dict[str, Any]:
        answers = self.say({"type": "session.update", "session": session}, "session.updated")
        return dict(answers[-1]["session"])

    def close_code(self) -> int:
        """Reads on until the socket is closed."""
        try:
            while True:
                self.socket.recv(timeout=15)
        except ConnectionClosed:
            assert self.socket.protocol.close_code is not None
            return self.socket.protocol.close_code


@contextmanager
def client(url: str, path: str = "/v1/realtime", **headers: str) -> Iterator[Client]:
    with connect(url + path, additional_headers=headers, proxy=None, max_size=2**24, close_timeout=2) as socket:
        yield Client(socket)


def append(seq: int, t_start_ms: float | None, pcm: bytes = bytes(6_400)) -> dict[str, Any]:
    place = {"seq": seq} if t_start_ms is None else {"seq": seq, "t_start_ms": t_start_ms}
    return {"type": "input_audio_buffer.append", "audio": b64(pcm), "sglang": place}


def image(t_ms: float, data: bytes = JPEG) -> dict[str, Any]:
    return {"type": "sglang.input_image.append", "image": b64(data), "sglang": {"t_ms": t_ms}}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": session}


def kinds(answers: Sequence[dict[str, Any]]) -> list[str]:
    return [answer["type"] for answer in answers]
