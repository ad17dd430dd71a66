"""A small protocol of our own and a peer that speaks it, for tests of the transport alone.

Frames are JSON objects with `type`: `hello`, `granted`, `turn`, `say`, `end`, `drained`, `bye`, `closed`, `error`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tmlapp.core.event import AudioOut, EndpointError, Granted, Limit, TextOut, UnitDone, Unrecognized
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.remote.contract import (
    Action,
    Dialect,
    Drained,
    Ended,
    MessageError,
    Opened,
    Option,
    Request,
    Resumption,
    Send,
    Start,
    Target,
    Waiting,
)
from tmlapp.endpoints.remote.errors import close_error, service_error


class EchoCodec:
    """Says what it is told; resumes with the handle that the peer gave, or with what was said."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._handle: str | None = None
        self._said: list[str] = []
        self._history = start.target.options.get("resume", "history")

    def hello(self) -> Sequence[Action]:
        resumption = self._start.resumption
        data = dict(resumption.data) if resumption else None
        return [Send({"type": "hello", "resume": data, "instruction": self._start.setup.instruction})]

    def parse(self, frame: str | bytes) -> Any:
        try:
            value = json.loads(frame)
        except ValueError as error:
            raise MessageError(f"It is not JSON: {error}") from None
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise MessageError("It is no object with a type.")
        return value

    def receive(self, message: Any) -> Sequence[Action]:
        match message["type"]:
            case "granted":
                return [Opened(self._granted(message))]
            case "waiting":
                return [Waiting(message["reason"])]
            case "handle":
                self._handle = message["handle"]
                return []
            case "say":
                self._said.append(message["text"])
                return [TextOut(delta=message["text"])]
            case "audio":
                return [AudioOut(pcm16=base64.b64decode(message["delta"]), rate=24_000)]
            case "done":
                turn = message["turn"]
                return [UnitDone(micro_turn=turn, latency_ns=0)]
            case "away":
                return [Limit(kind="going_away", remaining_ms=message["remaining_ms"])]
            case "drained":
                return [Drained()]
            case "closed":
                return [Ended("closed", message.get("reason", "bye"))]
            case "ask":
                return [Send({"type": "answer"})]
            case "error":
                return [self._error(message)]
            case "bug":
                raise KeyError(message["text"])
            case "broken":
                raise MessageError(f"It lacks {message['text']}.")
            case other:
                return [Unrecognized(name=other)]

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        audio = base64.b64encode(turn.pcm.tobytes()).decode("ascii")
        frames = [base64.b64encode(f.jpeg).decode("ascii") for f in turn.frames]
        return [Send({"type": "turn", "index": turn.index, "audio": audio, "frames": frames})]

    def end_of_input(self) -> Sequence[Action]:
        return [Send({"type": "end"})]

    def goodbye(self) -> Sequence[Action]:
        return [Send({"type": "bye"})]

    def closed(self, code: int, reason: str) -> EndpointError | None:
        return close_error(code, reason)

    def resumption(self) -> Resumption | None:
        if self._history == "none":
            return None
        if self._handle is not None:
            return Resumption("native", {"handle": self._handle})
        return Resumption("history", {"said": list(self._said)})

    def describe(self, message: Any) -> Any:
        return message

    def _granted(self, message: Mapping[str, Any]) -> Granted:
        return Granted(
            endpoint=self._start.target.address,
            name=self._start.target.name,
            local=False,
            can_resume=True,
            expires_at_ms=message.get("expires_at_ms"),
            details={"session": message.get("session", "")},
        )

    def _error(self, message: Mapping[str, Any]) -> EndpointError:
        return service_error(message.get("code"), message.get("message", ""), fatal=message.get("fatal"))


def _request(target: Target, resumption: Resumption | None) -> Request:
    headers = {"Authorization": f"Bearer {target.secret.reveal()}"} if target.secret else {}
    return Request(url=target.url, headers=headers)


ECHO = Dialect(
    kind="echo",
    title="Echo",
    page="echo",
    request=_request,
    codec=EchoCodec,
    key_variable="TMLAPP_TEST_ECHO_KEY",
    options=(
        Option(name="resume", help="How it goes on after a loss.", kind="choice", choices=("history", "none")),
        Option(name="count", help="A number.", kind="number"),
        Option(name="flag", help="on or off.", kind="flag"),
        Option(name="extra", help="A JSON object.", kind="json"),
    ),
    virtual_time=False,
)
