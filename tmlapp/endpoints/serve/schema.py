"""What a client may say, key by key (docs/endpoints/bring-your-own.md).

Messages and places of errors are those of the dialect's first server, so that a client meets the same ones everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

MAX_EVENT_ID = 256
Check = Callable[[Any, str], None]
"""Checks a value that stands at a place (`session.audio.input`); raises `RefusedError`."""


class RefusedError(Exception):
    """Something a client asked for and does not get; the session goes on.

    Attributes:
        code: of the dialect, e.g. `invalid_request`.
        param: the place of what was wrong; None where it concerns no single member.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def _wrong(message: str, where: str) -> NoReturn:
    raise RefusedError("invalid_request", message, where)


def _text(least: int = 0, most: int | None = None) -> Check:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, str):
            _wrong("Input should be a valid string", where)
        if len(value) < least:
            _wrong(f"String should have at least {least} character{'s' if least > 1 else ''}", where)
        if most is not None and len(value) > most:
            _wrong(f"String should have at most {most} characters", where)

    return check


def _bounds(value: float, where: str, above: float | None, least: float | None, most: float | None) -> None:
    if above is not None and value <= above:
        _wrong(f"Input should be greater than {above:g}", where)
    if least is not None and value < least:
        _wrong(f"Input should be greater than or equal to {least:g}", where)
    if most is not None and value > most:
        _wrong(f"Input should be less than or equal to {most:g}", where)


def _whole(least: int | None = None) -> Check:
    def check(value: Any, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            _wrong("Input should be a valid integer", where)
        _bounds(value, where, None, least, None)

    return check


def _number(*, above: float | None = None, least: float | None = None, most: float | None = None) -> Check:
    def check(value: Any, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _wrong("Input should be a valid number", where)
        try:
            number = float(value)
        except OverflowError:
            _wrong("Input should be a valid number", where)
        if not math.isfinite(number):
            _wrong("Input should be a finite number", where)
        _bounds(number, where, above, least, most)

    return check


def _flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        _wrong("Input should be a valid boolean", where)


def _one_of(*choices: str) -> Check:
    quoted = [f"'{choice}'" for choice in choices]
    listed = " or ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"

    def check(value: Any, where: str) -> None:
        if value not in choices:
            _wrong(f"Input should be {listed}", where)

    return check


def _texts(value: Any, where: str) -> None:
    if not isinstance(value, list):
        _wrong("Input should be a valid list", where)
    for i, entry in enumerate(value):
        _text()(entry, f"{where}.{i}")


def _maybe(inner: Check) -> Check:
    def check(value: Any, where: str) -> None:
        if value is not None:
            inner(value, where)

    return check


def _record(members: Mapping[str, Check], *, required: tuple[str, ...] = (), name: str = "") -> Check:
    """An object with these members and no other; `name` is how the first server calls it, where it has a name."""
    kind = f"dictionary or instance of {name}" if name else "dictionary"

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            _wrong(f"Input should be a valid {kind}", where)
        for key, inner in members.items():
            if key in value:
                inner(value[key], f"{where}.{key}")
            elif key in required:
                _wrong("Field required", f"{where}.{key}")
        for key in value:
            if key not in members:
                _wrong("Extra inputs are not permitted", f"{where}.{key}")

    return check


def _any_object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        _wrong("Input should be a valid dictionary", where)


_FORMAT = _record({"type": _text(), "rate": _whole()}, required=("type", "rate"))
_TURN_DETECTION = _record(
    {
        "type": _text(),
        "threshold": _maybe(_number()),
        "prefix_padding_ms": _maybe(_whole()),
        "silence_duration_ms": _maybe(_whole()),
        "eagerness": _text(),
        "interrupt_response": _flag,
    }
)
_SAMPLING = _record(
    {
        "temperature": _number(least=0, most=2),
        "top_k": _whole(-1),
        "top_p": _number(above=0, most=1),
        "repetition_penalty": _number(least=1),
        "listen_prob_scale": _number(least=0),
        "greedy": _flag,
        "force_listen_count": _whole(0),
        "max_new_tokens_per_unit": _whole(1),
        "repetition_window_size": _whole(1),
        "talker_temperature": _number(least=0, most=2),
        "talker_repetition_penalty": _number(least=1),
        "talker_top_k": _whole(-1),
        "talker_top_p": _number(above=0, most=1),
        "talker_max_new_tokens": _whole(1),
        "max_new_tokens": _whole(1),
        "seed": _whole(0),
    }
)
_REFERENCE = _record(
    {"media_type": _one_of("audio/wav"), "data": _text()}, required=("media_type", "data"), name="AudioReference"
)
_EXTENSION = _record(
    {
        "interaction": _one_of("native", "turn_based"),
        "tail_policy": _one_of("flush", "pad", "reject"),
        "timebase": _record({"microturn_ms": _maybe(_number(above=0)), "native_unit_ms": _whole()}),
        "sampling": _SAMPLING,
        "reference_audio": _REFERENCE,
        "tts_reference_audio": _REFERENCE,
        "max_slice_nums": _whole(1),
    }
)
_AUDIO = _record(
    {
        "input": _record({"format": _FORMAT, "turn_detection": _maybe(_TURN_DETECTION)}),
        "output": _record({"format": _FORMAT}),
    }
)
_SESSION = _record(
    {
        "type": _one_of("realtime", "transcription"),
        "model": _text(),
        "instructions": _text(),
        "output_modalities": _texts,
        "audio": _AUDIO,
        "sglang": _EXTENSION,
    }
)

_ID = {"event_id": _text(1, MAX_EVENT_ID)}
_MEMBERS: dict[str, dict[str, Check]] = {
    "session.update": {"session": _any_object},
    "input_audio_buffer.append": {
        "audio": _text(),
        "sglang": _record({"seq": _whole(), "t_start_ms": _maybe(_number())}, required=("seq",), name="AppendMetadata"),
    },
    "sglang.input_image.append": {
        "image": _text(),
        "sglang": _record({"t_ms": _number()}, required=("t_ms",), name="ImageAppendMetadata"),
    },
    "conversation.item.truncate": {"item_id": _text(), "content_index": _whole(), "audio_end_ms": _number()},
    "input_audio_buffer.clear": {},
    "sglang.input_audio.end": {},
    "session.close": {},
    "input_audio_buffer.commit": {},
    "response.create": {},
    "response.cancel": {},
}
_EVENTS = {
    kind: _record(_ID | {"type": _text()} | members, required=("event_id", *members))
    for kind, members in _MEMBERS.items()
}


def read_frame(frame: str | bytes) -> Any:
    """The JSON value of a frame.

    Raises:
        RefusedError: it is binary, or no JSON of finite numbers.
    """
    if isinstance(frame, bytes):
        raise RefusedError("invalid_request", "binary frames are unsupported")
    try:
        return json.loads(frame, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise RefusedError("invalid_request", "invalid JSON") from error


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is no finite number")


def event_id_of(value: Any) -> str | None:
    """The `event_id` of a client event, if it has a usable one, so that an error can name it."""
    found = value.get("event_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= MAX_EVENT_ID else None


def check_event(value: Any) -> dict[str, Any]:
    """`value` as a client event that holds what its type must hold and nothing else.

    Raises:
        RefusedError: `not_supported` for an unknown type, else `invalid_request` with the place in `param`.
    """
    if not isinstance(value, dict):
        _wrong("Input should be a valid dictionary or object to extract fields from", "")
    if "type" not in value:
        _wrong("Unable to extract tag using discriminator 'type'", "")
    kind = value["type"]
    check = _EVENTS.get(kind) if isinstance(kind, str) else None
    if check is None:
        known = ", ".join(f"'{name}'" for name in _EVENTS)
        shown = str(kind)[:MAX_EVENT_ID]
        message = f"Input tag '{shown}' found using 'type' does not match any of the expected tags: {known}"
        raise RefusedError("not_supported", message, "")
    check(value, kind)
    return value


def check_session(config: Any) -> dict[str, Any]:
    """`config` as the `session` of an update, merged with what held before.

    Raises:
        RefusedError: naming the first member that is wrong.
    """
    try:
        _SESSION(config, "session")
    except RefusedError as error:
        raise RefusedError("invalid_request", "invalid session configuration", error.param) from error
    return dict(config)
