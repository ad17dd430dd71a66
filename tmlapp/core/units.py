"""The numbers that define a micro-turn, and conversions at the edges (inside, time is `t_ns`)."""

from __future__ import annotations

SAMPLE_RATE_HZ = 16_000
"""Rate of the microphone track and of everything that a model hears."""

TURN_SAMPLES = 3_200
"""Samples in one micro-turn."""

TURN_NS = 200_000_000
"""Length of one micro-turn."""

OUTPUT_RATE_HZ = 24_000
"""Rate of what the embedded voice says."""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def samples_to_ns(samples: int, rate_hz: int = SAMPLE_RATE_HZ) -> int:
    """Duration of `samples` at `rate_hz`, rounded down to the nanosecond."""
    return samples * NS_PER_S // rate_hz


def ns_to_samples(t_ns: int, rate_hz: int = SAMPLE_RATE_HZ) -> int:
    """Number of whole samples that fit into `t_ns` at `rate_hz`."""
    return t_ns * rate_hz // NS_PER_S


def s_to_ns(seconds: float) -> int:
    """Seconds, as people and files write them, to session time."""
    return round(seconds * NS_PER_S)


def ns_to_s(t_ns: int) -> float:
    """Session time to seconds, for files and people; exact to the microsecond."""
    return round(t_ns / NS_PER_S, 6)
