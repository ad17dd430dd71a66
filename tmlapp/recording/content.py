"""JSON messages to values, and whether they can become values at all."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

from tmlapp.core.cue import Cue
from tmlapp.core.event import from_json
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import Control, DelegationResult, Interrupt, PlaybackReport, TextInput, ToolResult
from tmlapp.core.units import TURN_NS
from tmlapp.recording.scan import Found

_CONTROLS: dict[str, type[Any]] = {c.__name__: c for c in (Interrupt, PlaybackReport, ToolResult, DelegationResult)}
_SETUP = [f.name for f in fields(SessionInfo) if f.default is MISSING and f.default_factory is MISSING]
_TURN = ("index", "start_sample", "mono_ns", "pcm_crc32")
_FRAME = ("seq", "t_ns", "width", "height", "crc32")
_AUDIO = ("seq", "samples", "crc32")


def control_of(value: dict[str, Any]) -> Control:
    """One entry of `controls` in a `/turn`.

    Raises:
        ValueError: it is of no known kind, or a member is missing or unknown.
    """
    plain = dict(value)
    cls = _CONTROLS.get(plain.pop("type", ""))
    if cls is None:
        raise ValueError(f"no control: {value}")
    try:
        control: Control = cls(**plain)
    except TypeError as error:
        raise ValueError(str(error)) from error
    return control


def check(message: Found) -> dict[str, Any]:
    """What a JSON message says, if it can be read as what its topic promises; media were checked when they were found.

    Raises:
        ValueError: it cannot.
    """
    name = message.topic.name
    if message.topic.is_media:
        return {}
    value: dict[str, Any] = json.loads(str(message.data, "utf-8", "surrogatepass"))
    try:
        if name == "/turn":
            _check_turn(message, value)
        elif name == "/cue":
            Cue(**value)
        elif name == "/checkpoint":
            _whole(value, "turn", "from", "bytes", "crc32")
        elif name == "/setup":
            _whole(value, *_SETUP, kind=object)
        else:
            plain = dict(value)
            audio = plain.pop("audio", None)
            from_json(plain)
            if audio is not None:
                _whole(audio, *(("samples",) if audio.get("lost") else _AUDIO))
                _whole(value, "rate")
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(str(error)) from error
    return value


def _check_turn(message: Found, turn: dict[str, Any]) -> None:
    _whole(turn, *_TURN)
    if "processed_crc32" in turn:
        _whole(turn, "processed_crc32")
    if turn["index"] * TURN_NS != message.log_time:
        raise ValueError(f"micro-turn {turn['index']} does not belong at {message.log_time} ns")
    for frame in turn["frames"]:
        _whole(frame, *_FRAME)
        _whole(frame, "repeated", kind=bool)
    for text in turn["texts"]:
        TextInput(**text)
    for control in turn["controls"]:
        control_of(control)


def _whole(value: dict[str, Any], *names: str, kind: type[Any] = int) -> None:
    for name in names:
        if not isinstance(value[name], kind):
            raise ValueError(f"{name} is not of type {kind.__name__}")
