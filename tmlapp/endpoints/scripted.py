"""Says given things at given times: for tests, demonstrations and the rehearsal of a set-up."""

from __future__ import annotations

import errno
import json
import threading
import wave
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from tmlapp.core.endpoint import EndpointSetup, EventSink, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Channel,
    EndpointError,
    EndpointEvent,
    Granted,
    Listen,
    SessionOpened,
    TextOut,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import s_to_ns
from tmlapp.endpoints.emitter import Emitter
from tmlapp.endpoints.registry import EndpointOptions, endpoint

_CHANNELS = ("say", "transcript", "thought")
_FIX = 'Write a list like [{"t_s": 1.2, "text": "one"}]; channel and wav may follow.'


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to say at session time `t_ns`, with its recording if there is one."""

    t_ns: int
    text: str
    channel: Channel = "say"
    clip: AudioClip | None = None


@endpoint("scripted")
def scripted_endpoint(target: str, options: EndpointOptions) -> ScriptedEndpoint:  # noqa: ARG001 - a factory's form
    """`target` is a JSON file."""
    return ScriptedEndpoint.from_file(Path(target).expanduser())


def read_lines(script: Any, *, folder: Path, name: str) -> tuple[Line, ...]:
    """Lines from parsed JSON, in order of time.

    Raises:
        AppError: naming the line and the key.
    """

    def wrong(why: str) -> AppError:
        return AppError(f"The script {name} cannot be used.", why, _FIX)

    if not isinstance(script, list):
        raise wrong("It is not a list.")
    lines = []
    for i, entry in enumerate(script):
        if not isinstance(entry, dict) or set(entry) - {"t_s", "text", "channel", "wav"}:
            raise wrong(f"Entry {i} is not an object of t_s, text, channel and wav.")
        t_s, text, channel = entry.get("t_s"), entry.get("text"), entry.get("channel", "say")
        if isinstance(t_s, bool) or not isinstance(t_s, int | float) or not 0 <= t_s < 1e6:
            raise wrong(f"Entry {i}: t_s is not a time in seconds.")
        if not isinstance(text, str) or not text.strip():
            raise wrong(f"Entry {i}: text is missing.")
        if channel not in _CHANNELS:
            raise wrong(f"Entry {i}: channel is none of {', '.join(_CHANNELS)}.")
        clip = _clip(folder / str(entry["wav"]), wrong) if "wav" in entry else None
        lines.append(Line(s_to_ns(t_s), text, cast(Channel, channel), clip))
    return tuple(sorted(lines, key=lambda line: line.t_ns))


def _clip(path: Path, wrong: Any) -> AudioClip:
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise wrong(f"{path} is not mono PCM16.")
            pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
            return AudioClip(pcm, file.getframerate())
    except (OSError, EOFError, wave.Error) as error:
        raise wrong(f"{path} cannot be read as wav: {error}.") from error


class ScriptedEndpoint:
    """Ignores what it is shown and says its lines; each is sent with the micro-turn in which its time lies."""

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
            raise AppError(f"The script {path} cannot be used.", f"It is not JSON: {error}.", _FIX) from error
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
        self._left = deque((line, *_spoken(line, setup.synthesize)) for line in lines)
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
            details={"lines": len(lines)},
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
            said = False
            while self._left and self._left[0][0].t_ns <= turn.end_ns:
                said = True
                for event in _events(*self._left.popleft(), turn):
                    self._send(event)
            if not said:
                self._send(Listen(micro_turn=turn.index, t_media_ns=turn.end_ns, media_kind="session"))
            self._send(UnitDone(micro_turn=turn.index, latency_ns=self._now_ns() - turn.end_ns))

    def drain(self, timeout_s: float) -> None:
        """Everything pushed is answered already."""

    def close(self) -> None:
        self._emitter.close("normal", "closed", self._now_ns())

    def _now_ns(self) -> int:
        return self._end_ns if self._setup.virtual_time else self._setup.session_now_ns()

    def _send(self, event: EndpointEvent) -> None:
        self._emitter.emit(replace(event, t_rx_ns=self._now_ns()))


def _spoken(line: Line, synthesize: Synthesizer | None) -> tuple[AudioClip | None, str]:
    """The sound of `line`, if it has any, and what a voice that failed said."""
    if line.clip is not None or synthesize is None or line.channel == "thought":
        return line.clip, ""
    try:
        return synthesize(line.text), ""
    except AppError as error:
        return None, str(error)


def _events(line: Line, clip: AudioClip | None, problem: str, turn: MicroTurn) -> Iterator[EndpointEvent]:
    at = {"t_media_ns": line.t_ns, "media_kind": "session", "item_id": f"line-{turn.index}-{line.t_ns}"}
    yield TextOut(delta=line.text, channel=line.channel, **at)  # type: ignore[arg-type]
    yield TextOutDone(text=line.text, channel=line.channel, **at)  # type: ignore[arg-type]
    if problem:
        yield EndpointError(kind="config", code="E_VOICE", message=problem, fatal=False)
    if clip is not None:
        yield AudioOut(
            pcm16=clip.pcm.astype("<i2").tobytes(),
            rate=clip.rate_hz,
            text=line.text,
            dur_media_ns=clip.duration_ns,
            **at,  # type: ignore[arg-type]
        )
