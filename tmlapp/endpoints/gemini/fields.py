"""Reading messages of Gemini Live: both spellings of a key, lenient about what is extra, strict about the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from tmlapp.core.units import NS_PER_S
from tmlapp.endpoints.remote.contract import MessageError
from tmlapp.endpoints.remote.json_text import LONGEST_NAME
from tmlapp.endpoints.remote.json_text import parse_object as parse_object

Message = Mapping[str, Any]

_SECONDS = re.compile(r"(\d{1,9})(?:\.(\d{1,9})\d*)?s")


@lru_cache(maxsize=256)
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def camel(name: str) -> str:
    """`name` as the service spells it: `server_content` and `serverContent` are the same key."""
    if len(name) > LONGEST_NAME:
        return name[:LONGEST_NAME]
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def member(message: Message, name: str) -> Any:
    """What stands under `name` in either spelling; None where nothing does."""
    value = message.get(name)
    return message.get(_snake(name)) if value is None else value


def mapping_or_none(message: Message, name: str) -> Message | None:
    """The object under `name`.

    Raises:
        MessageError: something else stands there.
    """
    value = member(message, name)
    if value is None or isinstance(value, dict):
        return value
    raise MessageError(f"{name} is no object")


def mappings(message: Message, name: str) -> Iterator[Message]:
    """The objects in the list under `name`; nothing where there is none.

    Raises:
        MessageError: it is no list of objects.
    """
    value = member(message, name)
    if value is None:
        return
    if not isinstance(value, list):
        raise MessageError(f"{name} is no list")
    for entry in value:
        if not isinstance(entry, dict):
            raise MessageError(f"{name} holds something that is no object")
        yield entry


def text_or_empty(message: Message, name: str) -> str:
    """The text under `name`.

    Raises:
        MessageError: something else stands there.
    """
    value = member(message, name)
    if value is None or isinstance(value, str):
        return value or ""
    raise MessageError(f"{name} is no text")


def name_or_empty(message: Message, name: str) -> str:
    """An identifier.

    Raises:
        MessageError: it is no text, or longer than any service's.
    """
    value = text_or_empty(message, name)
    if len(value) > LONGEST_NAME:
        raise MessageError(f"{name} of {len(value)} characters")
    return value


def flag(message: Message, name: str) -> bool:
    """True only where `true` stands under `name`."""
    return member(message, name) is True


def number_or_none(message: Message, name: str) -> float | None:
    """A finite number, or None for whatever else stands there; protobuf writes long integers as texts."""
    value = member(message, name)
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e15 and math.isfinite(value) else None


def duration_ns(message: Message, name: str) -> int | None:
    """A duration such as `"1.240s"` in nanoseconds; None where none can be read."""
    value = member(message, name)
    if isinstance(value, dict):
        seconds, nanos = number_or_none(value, "seconds"), number_or_none(value, "nanos")
        return None if seconds is None and nanos is None else int((seconds or 0) * NS_PER_S + (nanos or 0))
    if isinstance(value, str) and (found := _SECONDS.fullmatch(value)):
        return int(found[1]) * NS_PER_S + int((found[2] or "0").ljust(9, "0"))
    seconds = number_or_none(message, name) if not isinstance(value, str) else None
    return None if seconds is None or seconds < 0 else int(seconds * NS_PER_S)
