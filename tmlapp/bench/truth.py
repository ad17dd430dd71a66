"""Truth files: what really happened in a video. Formats: docs/grading.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tmlapp.core.errors import AppError

LIMIT_S = 1e6
"""No time of an item is longer than this (11 days); larger values are typing errors."""


def load_truth(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        AppError: it cannot be read, or is no JSON object.
    """
    fix = "See docs/grading.md for the format, with examples."
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AppError(
            f"The truth file {path} cannot be read.", f"{error.strerror}.", "Check path and rights."
        ) from error
    except (ValueError, RecursionError) as error:
        raise AppError(f"The truth file {path} is not JSON.", f"{error}.", fix) from error
    if not isinstance(value, dict):
        raise AppError(f"The truth file {path} holds no JSON object.", f"It holds a {type(value).__name__}.", fix)
    return value


class Fields:
    """Checked access to the members of a truth. Every failure is an `AppError` that names the member."""

    def __init__(self, raw: Mapping[str, Any], suite: str, known: tuple[str, ...]) -> None:
        self._raw = raw
        self._suite = suite
        self.ignored = sorted(str(k) for k in raw if k not in known)
        named = raw.get("suite", suite)
        if named != suite:
            raise self.error(f"It is for the suite {named!r}")

    def error(self, why: str) -> AppError:
        """An error that says what is wrong with this truth."""
        return AppError(
            f"The truth for {self._suite} is not valid.",
            f"{why}.",
            "See docs/grading.md for the format.",
        )

    def has(self, key: str) -> bool:
        return self._raw.get(key) is not None

    def number(self, key: str, default: float | None = None, *, above: float | None = None) -> float:
        """A finite number >= 0, or > `above`."""
        value = self._raw.get(key)
        if value is None:
            value = default
        if value is None:
            raise self.error(f"{key} is missing")
        return self._checked(key, value, above)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers >= 0 that never go down."""
        value = self._raw[key]
        if not isinstance(value, list | tuple):
            raise self.error(f"{key} is not a list of numbers")
        if set(map(type, value)) <= {int, float} and all(0 <= v <= LIMIT_S for v in value):
            found = tuple(map(float, value))
        else:
            # Slower, and names the first one that is wrong.
            found = tuple(self._checked(f"{key}[{i}]", v, None) for i, v in enumerate(value))
        if any(b < a for a, b in pairwise(found)):
            raise self.error(f"{key} is not in order of time")
        return found

    def pairs(self, key: str) -> tuple[tuple[float, float], ...]:
        """A list of [start, end]."""
        value = self._raw[key]
        if not isinstance(value, list | tuple) or not all(isinstance(v, list | tuple) and len(v) == 2 for v in value):
            raise self.error(f"{key} is not a list of [start, end]")
        return tuple(
            (self._checked(f"{key}[{i}][0]", a, None), self._checked(f"{key}[{i}][1]", b, None))
            for i, (a, b) in enumerate(value)
        )

    def integer(self, key: str) -> int:
        value = self.number(key)
        if value != int(value):
            raise self.error(f"{key} is {value}, not a whole number")
        return int(value)

    def text(self, key: str, default: str = "") -> str:
        value = self._raw.get(key, default)
        if not isinstance(value, str):
            raise self.error(f"{key} is not a text")
        return value

    def _checked(self, key: str, value: object, above: float | None) -> float:
        # Not math.isnan: a whole number in JSON may be too long for a float.
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise self.error(f"{key} is {value!r}, not a number")
        if value < 0 or (above is not None and value <= above):
            raise self.error(f"{key} is {value}, which is too small")
        if value > LIMIT_S:
            raise self.error(f"{key} is {value}, which is too large")
        return float(value)
