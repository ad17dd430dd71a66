"""Base64 that knows its bytes, so that nobody decodes on the way out what was encoded a moment ago."""

from __future__ import annotations

import binascii
from functools import lru_cache

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
