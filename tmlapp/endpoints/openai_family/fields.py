"""Reading JSON messages of a service: lenient about what is extra, strict about what must be there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tmlapp.endpoints.remote import json_text
from tmlapp.endpoints.remote.contract import MessageError
from tmlapp.endpoints.remote.json_text import LONGEST_NAME
from tmlapp.endpoints.remote.json_text import object_in as object_in

Message = Mapping[str, Any]


def parse_object(frame: str | bytes) -> dict[str, Any]:
    """The message in `frame`.

    Raises:
        MessageError: it is no JSON object with a `type`.
    """
    value = json_text.parse_object(frame)
    kind = value.get("type")
    if not isinstance(kind, str) or not kind or len(kind) > LONGEST_NAME:
        raise MessageError("a message without a type")
    return value


def text(message: Message, key: str) -> str:
    """Raises MessageError where there is none."""
    value = message.get(key)
    if not isinstance(value, str):
        raise MessageError(f"{message.get('type', 'a message')} without the text {key!r}")
    return value


def text_or(message: Message, key: str, default: str = "") -> str:
    """The text, or `default` for whatever else stands there."""
    value = message.get(key)
    return value if isinstance(value, str) else default


def text_or_none(message: Message, key: str) -> str | None:
    value = message.get(key)
    return value if isinstance(value, str) else None


def texts(message: Message, key: str) -> list[str]:
    """The texts in the list at `key`; empty where there is no list."""
    value = message.get(key)
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def name_or(message: Message, key: str) -> str:
    """An identifier, or empty where there is none.

    Raises:
        MessageError: it is longer than any service's.
    """
    value = text_or(message, key)
    if len(value) > LONGEST_NAME:
        raise MessageError(f"{message.get('type', 'a message')} with a {key!r} of {len(value)} characters")
    return value


def number_or_none(message: Message, key: str) -> float | None:
    """A finite number, or None for whatever else stands there."""
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Beyond this no time and no count is meant, and an int of a thousand digits is no float.
    return value if abs(value) < 1e15 and math.isfinite(value) else None


def index_or_zero(message: Message, key: str) -> int:
    value = number_or_none(message, key)
    return int(value) if value is not None and 0 <= value < 1_000_000 else 0


def mapping(message: Message, key: str) -> Message:
    """Raises MessageError where there is none."""
    value = message.get(key)
    if not isinstance(value, dict):
        raise MessageError(f"{message.get('type', 'a message')} without the object {key!r}")
    return value


def mapping_or_empty(message: Message, key: str) -> Message:
    value = message.get(key)
    return value if isinstance(value, dict) else {}


def mappings(message: Message, key: str) -> Iterator[Message]:
    """The objects in the list at `key`; nothing where there is no list."""
    value = message.get(key)
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))
