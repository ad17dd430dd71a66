"""A recorded session through a codec alone, in the way in which a connection calls it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.traces.checks import Told, faults_of
from tests.traces.dialects import Spoken, kind_of
from tests.traces.expected import expected_of
from tests.traces.lines import Fault, Trace
from tests.traces.play import OWN, STREAM, Move, moves_of
from tmlapp.core.clock import ManualClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import EndpointEvent
from tmlapp.endpoints.remote.contract import Action, Codec, Ended, MessageError, Opened, Send, Start, Target

_WALL_S = 1_785_000_000.0


class CodecRun:
    """Replays `trace`.

    Attributes:
        told: every event with its line.
        sent: what the adapter sent, in order.
        faults: what differs.
    """

    def __init__(self, trace: Trace, spoken: Spoken) -> None:
        self._spoken = spoken
        self._opened = False
        self._index = 0
        self.told: list[Told] = []
        self.sent: list[Mapping[str, Any]] = []
        self.faults: list[Fault] = []
        self._moves = {move.step.line: move for move in moves_of(trace, spoken)}
        self._kinds = {move.kind for move in self._moves.values()} | STREAM | OWN
        codec = self._made()
        if codec is None:
            return
        self._run(trace, codec)
        self.faults += faults_of(self.told, expected_of(trace.steps, spoken.grammar), opened=self._opened)

    def _made(self) -> Codec | None:
        spoken = self._spoken
        setup = EndpointSetup(
            instruction=spoken.instruction, clock=ManualClock(), session_now_ns=lambda: 0, tools=spoken.tools,
            history=spoken.history,
        )  # fmt: skip
        target = Target(
            kind=spoken.dialect.kind, address=f"{spoken.dialect.kind}:recorded", name="recorded", model=spoken.model,
            options=spoken.options,
        )  # fmt: skip
        start = Start(target=target, setup=setup, epoch=0, resumption=None, prepared={}, wall_s=lambda: _WALL_S)
        try:
            return spoken.dialect.codec(start)
        except Exception as error:  # noqa: BLE001 - whatever the codec throws is what is looked for
            self.faults.append(Fault(0, f"the adapter cannot be made: {type(error).__name__}: {error}"))
            return None

    def _run(self, trace: Trace, codec: Codec) -> None:
        self._take(0, self._guarded(0, codec.hello))
        for step in trace.steps:
            if step.direction == "received":
                text = json.dumps(step.message)
                frame = text.encode() if self._spoken.binary else text
                self._take(step.line, self._guarded(step.line, lambda f=frame: codec.receive(codec.parse(f))))
            else:
                self._move(codec, self._moves[step.line])

    def _guarded(self, line: int, call: Any) -> Iterable[Action]:
        try:
            return list(call())
        except MessageError as error:
            self.faults.append(Fault(line, f"was not understood: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever the codec throws is what is looked for
            self.faults.append(Fault(line, f"made the adapter fail: {type(error).__name__}: {error}"))
        return ()

    def _take(self, line: int, actions: Iterable[Action]) -> list[Mapping[str, Any]]:
        sent: list[Mapping[str, Any]] = []
        for action in actions:
            if isinstance(action, Send):
                message = action.message if isinstance(action.message, Mapping) else {"bytes": len(action.message)}
                sent.append(message)
                kind = kind_of(message, self._spoken.grammar)
                if kind not in self._kinds:
                    self.faults.append(Fault(line, f"made the adapter send {kind}, which the recording never does"))
            elif isinstance(action, EndpointEvent):
                self.told.append(Told(line, action))
            elif isinstance(action, Ended) and action.error is not None:
                self.told.append(Told(line, action.error))
            elif isinstance(action, Opened):
                self._opened = True
        self.sent += sent
        return sent

    def _move(self, codec: Codec, move: Move) -> None:
        if move.role not in ("text", "result", "stream"):
            return
        line, index = move.step.line, self._index
        self._index += 1
        sent = self._take(line, self._guarded(line, lambda: codec.turn(move.micro_turn(index))))
        if move.role != "stream":
            self.faults += same_move(move, sent, self._spoken.grammar)


def same_move(move: Move, sent: Iterable[Mapping[str, Any]], grammar: str) -> list[Fault]:
    """What is wrong with what an adapter sent where the recorded client sent `move`."""
    alike = [message for message in sent if kind_of(message, grammar) == move.kind]
    if not alike:
        return [Fault(move.step.line, f"sends {move.kind}, the adapter does not")]
    said = json.dumps(alike, ensure_ascii=False)
    needed = [*move.texts, *(r.output for r in move.results), *(r.call_id for r in move.results)]
    missing = [text for text in needed if json.dumps(text, ensure_ascii=False)[1:-1] not in said]
    return [Fault(move.step.line, f"sends {text[:80]!r}, the adapter's {move.kind} does not") for text in missing]
