"""Messages as frames, and base64 that knows its bytes: nobody decodes on the way out what was encoded a moment ago."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_KEPT_CHARS = 200_000
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Base64(str):
    """Standard base64 of `data`; an ordinary string to everybody else."""

    __slots__ = ("data",)
    data: bytes


def base64_of(data: bytes) -> Base64:
    """`data` as standard base64 with padding."""
    text = Base64(binascii.b2a_base64(data, newline=False), "ascii")
    text.data = data
    return text


def bytes_of(text: str) -> bytes:
    """What `text` encodes: standard or URL-safe alphabet, with or without padding.

    The newest short ones are kept: the codec that plays a frame and the wire log that counts its bytes ask both.

    Raises:
        ValueError: it is not base64.
    """
    return _kept(text) if len(text) <= _KEPT_CHARS else _decoded(text)


def _decoded(text: str) -> bytes:
    raw = text.encode("ascii")
    if b"-" in raw or b"_" in raw:
        raw = raw.translate(_URL_SAFE)
    if len(raw) % 4:
        raw = raw.rstrip(b"=")
        raw += b"=" * (-len(raw) % 4)
    return binascii.a2b_base64(raw, strict_mode=True)


_kept = lru_cache(maxsize=4)(_decoded)


def encoded(message: Mapping[str, Any] | bytes) -> str | bytes:
    """A message as the text of a JSON frame; bytes are a frame already."""
    return message if isinstance(message, bytes) else _object(message)


def size_of(frame: str | bytes) -> int:
    """How many bytes `frame` has on the wire."""
    return len(frame) if isinstance(frame, bytes) or frame.isascii() else len(frame.encode())


def _object(message: Mapping[str, Any]) -> str:
    if not any(isinstance(member, Base64 | dict) for member in message.values()):
        return _dumps(message)
    # Base64 needs no escaping, which is most of the work in a frame of sound.
    return "{" + ",".join(f"{_dumps(name)}:{_member(member)}" for name, member in message.items()) + "}"


def _member(value: Any) -> str:
    if isinstance(value, Base64):
        return f'"{value}"'
    return _object(value) if type(value) is dict else _dumps(value)


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode
