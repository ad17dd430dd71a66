"""Says given things at given times: for tests, demonstrations and the rehearsal of a set-up."""

from __future__ import annotations

import errno
import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tmlapp.core.endpoint import EndpointSetup, EventSink, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    EndpointEvent,
    Granted,
    Listen,
    SessionOpened,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    UnitDone,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.turn import Control, DelegationResult, MicroTurn, ToolResult
from tmlapp.endpoints.emitter import Emitter
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.script_lines import FIX, RESULT, Line, read_lines

__all__ = ["Line", "ScriptedDuplex", "ScriptedEndpoint", "read_lines", "scripted_endpoint"]


@endpoint("scripted")
def scripted_endpoint(target: str, options: EndpointOptions) -> ScriptedEndpoint:  # noqa: ARG001 - a factory's form
    """`target` is a JSON file."""
    return ScriptedEndpoint.from_file(Path(target).expanduser())


class ScriptedEndpoint:
    """Ignores what it is shown and says its lines; each is sent with the micro-turn in which its time lies.

    A line may call a tool or wait for what a call returned. Tools that nobody offered are called all the same, and
    turns that lie before the session change nothing.
    """

    def __init__(self, script: Sequence[dict[str, Any]] | Sequence[Line], *, address: str = "scripted:inline") -> None:
        self._address = address
        if all(isinstance(line, Line) for line in script):
            self._lines = tuple(sorted(cast(Sequence[Line], script), key=lambda line: line.t_ns))
        else:
            self._lines = read_lines(list(script), folder=Path(), name=address)

    @classmethod
    def from_file(cls, path: Path) -> ScriptedEndpoint:
        """Raises AppError where the file cannot be read or is malformed."""
        try:
            if path.exists() and not path.is_file() and not path.is_dir():
                raise OSError(errno.EINVAL, "It is a pipe or a device, not a file")
            script = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise AppError(f"The script {path} cannot be read.", f"{error.strerror}.", "Check its name.") from error
        except ValueError as error:
            raise AppError(f"The script {path} cannot be used.", f"It is not JSON: {error}.", FIX) from error
        return cls(read_lines(script, folder=path.parent, name=str(path)), address=f"scripted:{path}")

    @property
    def address(self) -> str:
        return self._address

    @property
    def local(self) -> bool:
        return True

    @property
    def host(self) -> str:
        return ""

    def check(self, instruction: str) -> None:
        """A script that was read can always be played."""

    def open(self, setup: EndpointSetup, sink: EventSink) -> ScriptedDuplex:
        return ScriptedDuplex(self._address, self._lines, setup, sink)


class ScriptedDuplex:
    """Answers inside `push`: there is nothing to wait for, since every line was spoken when this was opened.

    A line at time t belongs to the micro-turn that ends at or after t, so that no answer comes before its input.
    """

    def __init__(self, address: str, lines: Sequence[Line], setup: EndpointSetup, sink: EventSink) -> None:
        self._setup = setup
        self._emitter = Emitter(sink)
        self._left = deque((line, *_spoken(line, setup.synthesize)) for line in lines if not line.after)
        self._waiting = [(line, *_spoken(line, setup.synthesize)) for line in lines if line.after]
        self._pieces: dict[str, str] = {}
        self._results: dict[str, str] = {}
        self._end_ns = 0
        self._lock = threading.Lock()
        sounds = setup.synthesize is not None or any(line.clip for line in lines)
        self._granted = Granted(
            endpoint=address,
            name="script",
            local=True,
            modalities_in=("audio", "video", "text"),
            modalities_out=("text", "audio") if sounds else ("text",),
            acknowledges_units=True,
            clock_kind="session",
            provider="script",
            details={"lines": len(lines), "tools": [spec.name for spec in setup.tools]},
        )
        self._emitter.emit(SessionOpened(granted=self._granted, t_rx_ns=self._now_ns()))

    @property
    def granted(self) -> Granted:
        return self._granted

    def push(self, turn: MicroTurn) -> None:
        with self._lock:
            if self._emitter.closed:
                return
            self._end_ns = turn.end_ns
            self._take(turn.controls)
            due = [*self._due(turn)]
            for line, clip, problem in due:
                for event in _events(line, clip, problem, turn):
                    self._send(event)
            if not due:
                self._send(Listen(micro_turn=turn.index, t_media_ns=turn.end_ns, media_kind="session"))
            self._send(UnitDone(micro_turn=turn.index, latency_ns=self._now_ns() - turn.end_ns))

    def drain(self, timeout_s: float) -> None:
        """Everything pushed is answered already."""

    def close(self) -> None:
        self._emitter.close("normal", "closed", self._now_ns())

    def _take(self, controls: Sequence[Control]) -> None:
        for control in controls:
            match control:
                case ToolResult():
                    self._results[control.call_id] = control.output
                case DelegationResult():
                    self._pieces[control.id] = self._pieces.get(control.id, "") + control.text
                    if control.final:
                        self._results[control.id] = self._pieces[control.id]
                case _:
                    continue

    def _due(self, turn: MicroTurn) -> Iterator[_Spoken]:
        while self._left and self._left[0][0].t_ns <= turn.end_ns:
            yield self._left.popleft()
        waiting, self._waiting = self._waiting, []
        for line, clip, problem in waiting:
            if line.after in self._results and line.t_ns <= turn.end_ns:
                yield line.with_result(self._results[line.after], turn.end_ns), clip, problem
            else:
                self._waiting.append((line, clip, problem))

    def _now_ns(self) -> int:
        return self._end_ns if self._setup.virtual_time else self._setup.session_now_ns()

    def _send(self, event: EndpointEvent) -> None:
        self._emitter.emit(replace(event, t_rx_ns=self._now_ns()))


_Spoken = tuple[Line, AudioClip | None, str]


def _spoken(line: Line, synthesize: Synthesizer | None) -> tuple[AudioClip | None, str]:
    """The sound of `line`, if it has any, and what a voice that failed said."""
    # What a tool will return cannot be spoken in advance, and `push` must not wait for a voice.
    silent = not line.text or line.channel == "thought" or RESULT in line.text
    if line.clip is not None or synthesize is None or silent:
        return line.clip, ""
    try:
        return synthesize(line.text), ""
    except AppError as error:
        return None, str(error)


def _events(line: Line, clip: AudioClip | None, problem: str, turn: MicroTurn) -> Iterator[EndpointEvent]:
    at: dict[str, Any] = {"t_media_ns": line.t_ns, "media_kind": "session"}
    if line.call:
        yield ToolCall(call_id=line.call_id, name=line.call, arguments=dict(line.arguments), **at)
        return
    if line.cancel:
        yield ToolCancelled(call_id=line.cancel, **at)
        return
    at["item_id"] = f"line-{turn.index}-{line.t_ns}"
    yield TextOut(delta=line.text, channel=line.channel, **at)
    yield TextOutDone(text=line.text, channel=line.channel, **at)
    if problem:
        yield EndpointError(kind="config", code="E_VOICE", message=problem, fatal=False)
    if clip is not None:
        yield AudioOut(
            pcm16=clip.pcm.astype("<i2").tobytes(),
            rate=clip.rate_hz,
            text=line.text,
            dur_media_ns=clip.duration_ns,
            **at,
        )
