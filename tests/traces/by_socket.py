"""A recorded session over a real socket: a server on loopback plays the service, our whole adapter the client."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.traces.by_codec import same_move
from tests.traces.checks import Told, faults_of
from tests.traces.dialects import Spoken, kind_of
from tests.traces.expected import expected_of
from tests.traces.lines import Fault, Trace
from tests.traces.play import OWN, STREAM, Move, moves_of
from tmlapp.core.clock import ManualClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.errors import AppError
from tmlapp.core.event import Closed, EndpointEvent, SessionOpened, WireFrame
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Patience, Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint

WAIT_S = 5.0
"""For a frame that must come; `OWN_S` for one that may."""
OWN_S = 0.5
_PATIENCE = Patience(connect_s=WAIT_S, configure_s=WAIT_S, ping_every_s=60.0, backoff_s=())


class SocketRun:
    """Replays `trace` to the adapter of `spoken`."""

    def __init__(self, trace: Trace, spoken: Spoken) -> None:
        self._trace = trace
        self._spoken = spoken
        self._moves: Mapping[int, Move] = {move.step.line: move for move in moves_of(trace, spoken)}
        self._kinds = {move.kind for move in self._moves.values()} | STREAM | OWN
        self._changed = threading.Condition()
        self._events: list[EndpointEvent] = []
        self._duplex: RemoteDuplex | None = None
        self._index = 0
        self._given = 0
        self._taken = 0
        self._closed = False
        self._own: Counter[str] = Counter()
        self._seeded = False
        self._served = False
        self._over = False
        self.faults: list[Fault] = []

    def run(self) -> list[Fault]:
        """Everything that is wrong."""
        with serve(self._serve, "127.0.0.1", 0, max_size=2**24) as server:
            port = server.socket.getsockname()[1]
            thread = threading.Thread(target=server.serve_forever, name="replay", daemon=True)
            thread.start()
            try:
                self._converse(f"ws://127.0.0.1:{port}")
            finally:
                with self._changed:
                    self._over = True
                    self._changed.notify_all()
                server.shutdown()
                thread.join(WAIT_S)
        self._compare()
        return self.faults

    # ------------------------------------------------------------------ the adapter's side

    def _converse(self, url: str) -> None:
        spoken = self._spoken
        target = Target(
            kind=spoken.dialect.kind, address=f"{spoken.dialect.kind}:recorded", name="recorded", url=url,
            model=spoken.model, options=spoken.options, secret=Secret("q7Xw2Lz9-4Bn8Rt5Y"),
        )  # fmt: skip
        setup = EndpointSetup(
            instruction=spoken.instruction, clock=ManualClock(), session_now_ns=lambda: 0, tools=spoken.tools,
            history=spoken.history,
        )  # fmt: skip
        try:
            duplex = RemoteEndpoint(spoken.dialect, target, patience=_PATIENCE).open(setup, self._note)
        except AppError as error:
            line = expected_of(self._trace.steps, spoken.grammar).opens or 0
            self.faults.append(Fault(line, f"the adapter does not open a session: {error}"))
            return
        try:
            with self._changed:
                self._duplex = duplex
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._served or self._ended(), 10 * WAIT_S)
                wanted = len(self._trace.received)
                self._changed.wait_for(lambda: self._taken >= wanted or self._ended(), WAIT_S)
        finally:
            duplex.close()

    def _note(self, event: EndpointEvent) -> None:
        with self._changed:
            self._events.append(event)
            self._taken += isinstance(event, WireFrame) and event.direction == "received"
            self._closed = self._closed or isinstance(event, Closed)
            self._changed.notify_all()

    def _ended(self) -> bool:
        return self._closed

    def _received(self) -> list[WireFrame]:
        return [e for e in self._events if isinstance(e, WireFrame) and e.direction == "received"]

    # ------------------------------------------------------------------ the service's side, on threads of its own

    def _serve(self, socket: ServerConnection) -> None:
        with self._changed:
            if self._served or self._own:
                return
        try:
            for step in self._trace.steps:
                if step.direction == "received":
                    text = json.dumps(step.message)
                    socket.send(text.encode() if self._spoken.binary else text)
                    self._given += 1
                else:
                    self._play(socket, self._moves[step.line])
        except ConnectionClosed:
            pass
        with self._changed:
            self._served = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._over or self._ended(), 10 * WAIT_S)

    def _play(self, socket: ServerConnection, move: Move) -> None:
        if move.role == "setup":
            if move.step is next(m.step for m in self._moves.values() if m.role == "setup"):
                self._expect(socket, move)
        elif move.role == "history":
            if self._spoken.grammar != "gemini" or not self._seeded:
                self._seeded = True
                self._expect(socket, move)
        elif move.role == "own":
            if self._own[move.kind]:
                self._own[move.kind] -= 1
            else:
                self._expect(socket, move)
        elif move.role in ("text", "result", "stream"):
            with self._changed:
                # What a person or a tool does answers what was received before.
                self._changed.wait_for(lambda: self._duplex is not None or self._over, WAIT_S)
                self._changed.wait_for(lambda: self._taken >= self._given or self._ended(), WAIT_S)
                duplex = self._duplex
            if duplex is not None:
                duplex.push(move.micro_turn(self._index))
                self._index += 1
                self._expect(socket, move)

    def _expect(self, socket: ServerConnection, move: Move) -> None:
        """Read until a frame of this kind is there."""
        while True:
            try:
                message = _parsed(socket.recv(timeout=OWN_S if move.role == "own" else WAIT_S))
            except TimeoutError:
                if move.role != "own":
                    self.faults.append(Fault(move.step.line, f"sends {move.kind}, the adapter does not (socket)"))
                return
            kind = kind_of(message, self._spoken.grammar)
            if kind == move.kind or (move.role == "stream" and kind in STREAM):
                if move.role in ("text", "result"):
                    self.faults += same_move(move, [message], self._spoken.grammar)
                return
            if kind in OWN:
                self._own[kind] += 1
            elif kind not in self._kinds:
                what = f"sends {move.kind}, the adapter {kind}, which the recording never does"
                self.faults.append(Fault(move.step.line, what))
            elif kind not in STREAM:
                self.faults.append(Fault(move.step.line, f"sends {move.kind}, the adapter {kind}"))
                return

    # ------------------------------------------------------------------ what came of it

    def _compare(self) -> None:
        received = self._received()
        steps = self._trace.received[: len(received)]
        lines = {frame.index: step.line for frame, step in zip(received, steps, strict=True)}
        last = steps[-1].line if steps else 0
        told = [Told(lines.get(e.wire_ref, 0) if e.wire_ref is not None else 0, e) for e in self._events]
        told = [t for t in told if not isinstance(t.event, WireFrame)]
        if len(steps) < len(self._trace.received):
            ends = [e for e in self._events if isinstance(e, Closed)]
            if not ends or ends[0].initiated_by == "us":
                why = f": {ends[0].reason}" if ends else ""
                self.faults.append(Fault(last, f"is the last frame that the adapter took{why}"))
        opened = any(isinstance(e, SessionOpened) for e in self._events)
        known = [step for step in self._trace.steps if step.line <= last]
        self.faults += faults_of(told, expected_of(known, self._spoken.grammar), opened=opened)


def _parsed(frame: str | bytes) -> Mapping[str, Any]:
    value = json.loads(frame)
    return value if isinstance(value, dict) else {}


def socket_faults(trace: Trace, spoken: Spoken) -> list[Fault] | None:
    """What goes wrong over a socket; None where it cannot be tried: the recorded service never says it is ready."""
    if expected_of(trace.steps, spoken.grammar).opens is None:
        return None
    return SocketRun(trace, spoken).run()
