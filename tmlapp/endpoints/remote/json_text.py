"""JSON texts of a service as Python values that every file can hold."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from tmlapp.endpoints.remote.contract import MessageError

LONGEST_NAME = 256
"""Identifiers and kinds are kept in memory: none may be longer."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_object(frame: str | bytes) -> dict[str, Any]:
    """The JSON object in `frame`, text or UTF-8 bytes; half characters become U+FFFD.

    Raises:
        MessageError: it is no JSON object.
    """
    try:
        text = frame if isinstance(frame, str) else frame.decode("utf-8")
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MessageError("not a JSON object")
    return _written(value, text)


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a string of a message holds; None where it holds something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _written(value, text) if isinstance(value, dict) else None


def _written(value: dict[str, Any], text: str) -> dict[str, Any]:
    # Half of a surrogate pair cannot be written to any file, and a file is where every message ends.
    found: dict[str, Any] = _whole(value) if _SURROGATE.search(text) else value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(v) for v in value]
    if isinstance(value, dict):
        return {_whole(k): _whole(v) for k, v in value.items()}
    return value
