"""The lines of a script: what to say, which tool to call, and on what result to wait."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.event import Channel
from tmlapp.core.media import AudioClip
from tmlapp.core.units import s_to_ns

CHANNELS = ("say", "transcript", "thought")
FIX = (
    'Write a list like [{"t_s": 1.2, "text": "one"}]; channel and wav may follow. {"t_s": 2, "call": "look_up", '
    '"arguments": {}, "id": "a"} calls a tool, {"after": "a", "text": "$result"} waits for what it returned.'
)
RESULT = "$result"
"""Stands for what the call named by `after` returned, in a text or in an argument."""

_MEMBERS = {
    "text": {"t_s", "text", "channel", "wav", "after"},
    "call": {"t_s", "call", "arguments", "id", "after"},
    "cancel": {"t_s", "cancel"},
}
_Wrong = Callable[[str], AppError]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to do at session time `t_ns`: say `text` (with its recording if there is one), or call or cancel.

    Attributes:
        call, arguments, call_id: a tool to be called.
        cancel: id of a call that is taken back.
        after: id of a call; the line comes once its last result is there, and not before `t_ns`.
    """

    t_ns: int
    text: str = ""
    channel: Channel = "say"
    clip: AudioClip | None = None
    call: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    call_id: str = ""
    cancel: str = ""
    after: str = ""

    def with_result(self, result: str, t_ns: int) -> Line:
        """The line as it comes at `t_ns`, with `$result` filled in."""
        arguments = {k: v.replace(RESULT, result) if isinstance(v, str) else v for k, v in self.arguments.items()}
        return replace(
            self, t_ns=max(self.t_ns, t_ns), text=self.text.replace(RESULT, result), arguments=arguments, after=""
        )


def read_lines(script: Any, *, folder: Path, name: str) -> tuple[Line, ...]:
    """Lines from parsed JSON, in order of time.

    Raises:
        AppError: naming the line and the key.
    """

    def wrong(why: str) -> AppError:
        return AppError(f"The script {name} cannot be used.", why, FIX)

    if not isinstance(script, list):
        raise wrong("It is not a list.")
    lines = [_line(i, entry, folder, wrong) for i, entry in enumerate(script)]
    ids = [line.call_id for line in lines if line.call]
    for i, line in enumerate(lines):
        if line.call and ids.count(line.call_id) > 1:
            raise wrong(f"Entry {i}: the id {line.call_id!r} is taken.")
        for other in (line.after, line.cancel):
            if other and other not in ids:
                raise wrong(f"Entry {i}: no call has the id {other!r}.")
    return tuple(sorted(lines, key=lambda line: line.t_ns))


def _line(i: int, entry: Any, folder: Path, wrong: _Wrong) -> Line:
    kind = next((k for k in ("call", "cancel") if isinstance(entry, dict) and k in entry), "text")
    if not isinstance(entry, dict) or set(entry) - _MEMBERS[kind]:
        raise wrong(f"Entry {i} is not an object of {', '.join(sorted(_MEMBERS[kind]))}.")
    after = entry.get("after", "")
    if not isinstance(after, str):
        raise wrong(f"Entry {i}: after is not the id of a call.")
    t_s = entry.get("t_s", 0 if after else None)
    if isinstance(t_s, bool) or not isinstance(t_s, int | float) or not 0 <= t_s < 1e6:
        raise wrong(f"Entry {i}: t_s is not a time in seconds.")
    t_ns = s_to_ns(t_s)
    if kind == "text":
        return _text_line(i, entry, t_ns, folder, wrong)
    named = entry[kind]
    if not isinstance(named, str) or not named:
        raise wrong(f"Entry {i}: {kind} is not a name.")
    if kind == "cancel":
        return Line(t_ns, cancel=named)
    arguments, call_id = entry.get("arguments", {}), entry.get("id", f"call-{i}")
    if not isinstance(arguments, dict) or not isinstance(call_id, str) or not call_id:
        raise wrong(f"Entry {i}: arguments is not an object, or id is not a text.")
    return Line(t_ns, call=named, arguments=arguments, call_id=call_id, after=after)


def _text_line(i: int, entry: Mapping[str, Any], t_ns: int, folder: Path, wrong: _Wrong) -> Line:
    text, channel = entry.get("text"), entry.get("channel", "say")
    if not isinstance(text, str) or not text.strip():
        raise wrong(f"Entry {i}: text is missing.")
    if channel not in CHANNELS:
        raise wrong(f"Entry {i}: channel is none of {', '.join(CHANNELS)}.")
    clip = _clip(folder / str(entry["wav"]), wrong) if "wav" in entry else None
    return Line(t_ns, text, cast(Channel, channel), clip, after=entry.get("after", ""))


def _clip(path: Path, wrong: _Wrong) -> AudioClip:
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise wrong(f"{path} is not mono PCM16.")
            pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
            return AudioClip(pcm, file.getframerate())
    except (OSError, EOFError, wave.Error) as error:
        raise wrong(f"{path} cannot be read as wav: {error}.") from error
