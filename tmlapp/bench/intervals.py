"""Intervals of time, as (start, end) in seconds, and how well two of them agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Interval = tuple[float, float]


def iou(a: Interval, b: Interval) -> float:
    """Temporal intersection over the hull of both; 0 where they only touch, and for a hull of no length."""
    hull = max(a[1], b[1]) - min(a[0], b[0])
    if hull <= 0:
        return 0.0
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / hull


def clip(intervals: Iterable[Interval], length: float) -> tuple[Interval, ...]:
    """The parts of `intervals` inside [0, length]; empty ones are left out."""
    inside = ((max(0.0, s), min(length, e)) for s, e in intervals)
    return tuple((s, e) for s, e in inside if e > s)


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same set of points as disjoint intervals in order."""
    merged: list[Interval] = []
    for s, e in sorted(intervals):
        if merged and s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], e))
        else:
            merged.append((s, e))
    return tuple(merged)


def measure(intervals: Iterable[Interval]) -> float:
    """Length of the union."""
    return sum(e - s for s, e in union(intervals))


def set_iou(a: Sequence[Interval], b: Sequence[Interval]) -> float:
    """|∪a ∩ ∪b| / |∪a ∪ ∪b|; 0 where neither has any length."""
    both = measure([*a, *b])
    if both <= 0:
        return 0.0
    common = sum(max(0.0, min(e, f) - max(s, r)) for s, e in union(a) for r, f in union(b))
    return common / both


def recall_at(ious: Sequence[float], threshold: float) -> float | None:
    """100 × share of `ious` at or above `threshold`; None for no values."""
    return 100.0 * sum(v >= threshold for v in ious) / len(ious) if ious else None
