"""Whole samples at 16 kHz and seconds, and what makes a value unfit for a set."""

from __future__ import annotations

from tmlapp.bench.authoring.codec import LIMIT, FormError

RATE_HZ = 16_000
SPARE_SAMPLES = 10 * RATE_HZ
"""A window may end this long after the sound."""


class ModelError(FormError):
    """Why a value cannot be part of a set."""


def to_seconds(samples: int) -> float:
    """Seconds as files write them: seven decimals hold a whole sample exactly."""
    return round(samples / RATE_HZ, 7)


def to_samples(seconds: float) -> int:
    """The sample nearest to `seconds`; the inverse of `to_seconds`.

    Raises:
        ModelError: it is no number of seconds (NaN, infinite, or beyond what a file can hold).
    """
    if not abs(seconds) < LIMIT / RATE_HZ:
        raise ModelError(f"{seconds} is no number of seconds")
    return round(seconds * RATE_HZ)
