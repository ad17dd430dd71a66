"""Full-Duplex-Bench v1.5: when the model stopped and when it answered, from voice activity of both sides.

Formulas as in get_timing.py of DanielLin94144/Full-Duplex-Bench at d7336bd, written anew. Times in seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tmlapp.bench.said import is_time
from tmlapp.core.errors import AppError

Span = tuple[float, float]

USER_GAP_S = 0.6
MODEL_GAP_S = 0.5


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals of one sound: `stops` while both speak, `responses` from the user's end to the model's start."""

    user: tuple[Span, ...]
    model: tuple[Span, ...]
    stops: tuple[Span, ...]
    responses: tuple[Span, ...]


def timing(
    user: Sequence[Span], model: Sequence[Span], *, user_gap_s: float = USER_GAP_S, model_gap_s: float = MODEL_GAP_S
) -> Timing:
    """Both lists of intervals, to the millisecond.

    Raises:
        AppError: a time is not a finite number.
    """
    if not all(is_time(t) for span in (*user, *model) for t in span):
        raise AppError(
            "Voice activity cannot be timed.", "A time in it is not a finite number.", "Detect the voice again."
        )
    user_merged, model_merged = merged(user, user_gap_s), merged(model, model_gap_s)
    return Timing(user_merged, model_merged, stops(user_merged, model_merged), responses(user_merged, model_merged))


def merged(segments: Sequence[Span], gap_s: float) -> tuple[Span, ...]:
    """`segments` in order, those no further apart than `gap_s` as one."""
    found: list[Span] = []
    for start, end in sorted(segments):
        if found and start - found[-1][1] <= gap_s:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def stops(user: Sequence[Span], model: Sequence[Span]) -> tuple[Span, ...]:
    """Where both speak; of those that end in the same millisecond the shortest."""
    shortest: dict[int, Span] = {}
    i = j = 0
    while i < len(user) and j < len(model):
        start, end = max(user[i][0], model[j][0]), min(user[i][1], model[j][1])
        if end > start:
            key = round(end * 1000)
            kept = shortest.get(key)
            if kept is None or end - start < kept[1] - kept[0]:
                shortest[key] = (start, end)
        if user[i][1] < model[j][1]:
            i += 1
        else:
            j += 1
    return tuple((round(s, 3), round(e, 3)) for s, e in sorted(shortest.values(), key=lambda span: span[1]))


def responses(user: Sequence[Span], model: Sequence[Span]) -> tuple[Span, ...]:
    """From each end of the user's speech to the model's next start; of those to one start the last end."""
    starts = sorted(start for start, _ in model)
    latest: dict[int, Span] = {}
    for _, end in user:
        index = bisect_right(starts, end)
        if index < len(starts):
            key, found = round(starts[index] * 1000), (round(end, 3), round(starts[index], 3))
            latest[key] = max(latest.get(key, found), found)
    return tuple(sorted(latest.values(), key=lambda span: span[1]))


def stop_at(found: Timing, event: Span) -> Span | None:
    """The first interval of `found.stops` that meets the event."""
    return next((s for s in found.stops if s[0] < event[1] and s[1] > event[0]), None)


def response_after(found: Timing, event: Span) -> Span | None:
    """The first of `found.responses` in which the model begins after the event has ended."""
    return next((r for r in found.responses if r[1] >= event[1]), None)


def mean_length(spans: Sequence[Span]) -> float | None:
    """Mean of end minus start; None without any."""
    return sum(end - start for start, end in spans) / len(spans) if spans else None
