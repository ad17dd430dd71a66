"""Whether two people put windows at the same place: temporal IoU after the best matching, and kappa with tolerance.

All times are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tmlapp.bench.intervals import Interval, iou, union
from tmlapp.bench.people.agreement import inter_rater, resampled_interval
from tmlapp.bench.stats import RESAMPLES, SEED

TOLERANCE_S = 0.1
_FAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its interval; None with a reason where there is none."""

    value: float | None
    n: int
    interval: tuple[float, float] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAgreement:
    """Two annotators over the items that both have.

    Attributes:
        iou: mean over all windows of both; a window that nobody matched counts 0.
        iou_matched: mean over matched pairs alone.
        kappa: Cohen's, time inside or outside a window, weighted by its length; ends of matched windows that lie
            within `tolerance_s` of each other count as the same.
        onset_s, offset_s: mean absolute difference of matched starts and ends.
        matched, only_a, only_b: numbers of windows.
    """

    iou: Figure
    iou_matched: Figure
    kappa: Figure
    onset_s: float | None
    offset_s: float | None
    matched: int
    only_a: int
    only_b: int
    items: int
    missing: tuple[str, ...]
    tolerance_s: float = TOLERANCE_S
    resamples: int = RESAMPLES
    seed: int = SEED

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Item:
    ious: tuple[float, ...]
    alone: int
    table: tuple[float, float, float, float]
    onsets: tuple[float, ...]
    offsets: tuple[float, ...]


def match(a: Sequence[Interval], b: Sequence[Interval]) -> list[tuple[int, int]]:
    """Pairs of indices with the greatest sum of IoU; windows that touch nothing stay alone.

    Raises:
        AppError: scipy, which comes with the extra `agreement`, is not installed.
    """
    if not a or not b:
        return []
    inter_rater()  # the same extra brings scipy
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    gains = np.asarray([[iou(x, y) for y in b] for x in a])
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if gains[i, j] > 0]


def window_agreement(
    a: Mapping[str, Sequence[Interval]],
    b: Mapping[str, Sequence[Interval]],
    lengths_s: Mapping[str, float],
    *,
    tolerance_s: float = TOLERANCE_S,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> WindowAgreement:
    """Compare two annotators.

    Args:
        a, b: windows by item, (start, end).
        lengths_s: how long each item is.

    Raises:
        AppError: the extra `agreement` is not installed.
    """
    shared = sorted(a.keys() & b.keys())
    items = [_compared(a[name], b[name], lengths_s[name], tolerance_s) for name in shared]
    onsets = [d for item in items for d in item.onsets]
    offsets = [d for item in items for d in item.offsets]
    matched = sum(len(item.ious) for item in items)

    def figure(statistic: Any, n: int, reason: str) -> Figure:
        value = statistic(items) if items else None
        if value is None:
            return Figure(value=None, n=n, reason=reason if items else "the two have no item in common")
        interval = resampled_interval(items, statistic, resamples=resamples, seed=seed)
        return Figure(value=value, n=n, interval=interval)

    n_windows = matched + sum(item.alone for item in items)
    return WindowAgreement(
        iou=figure(_mean_iou, n_windows, "no item has a window"),
        iou_matched=figure(_mean_matched, matched, "no two windows overlap"),
        kappa=figure(_kappa, len(items), "time lies all inside or all outside: chance alone would agree as well"),
        onset_s=sum(onsets) / len(onsets) if onsets else None,
        offset_s=sum(offsets) / len(offsets) if offsets else None,
        matched=matched,
        only_a=sum(len(a[name]) for name in shared) - matched,
        only_b=sum(len(b[name]) for name in shared) - matched,
        items=len(shared),
        missing=tuple(sorted(a.keys() ^ b.keys())),
        tolerance_s=tolerance_s,
        resamples=resamples,
        seed=seed,
    )


def _compared(a: Sequence[Interval], b: Sequence[Interval], length_s: float, tolerance_s: float) -> _Item:
    pairs = match(a, b)
    moved = list(b)
    for i, j in pairs:
        moved[j] = tuple(x if abs(x - y) <= tolerance_s + _FAR else y for x, y in zip(a[i], b[j], strict=True))  # type: ignore[assignment]
    return _Item(
        ious=tuple(iou(a[i], b[j]) for i, j in pairs),
        alone=len(a) + len(b) - 2 * len(pairs),
        table=_table(a, moved, length_s),
        onsets=tuple(abs(a[i][0] - b[j][0]) for i, j in pairs),
        offsets=tuple(abs(a[i][1] - b[j][1]) for i, j in pairs),
    )


def _table(a: Sequence[Interval], b: Sequence[Interval], length_s: float) -> tuple[float, float, float, float]:
    """Seconds inside both, inside a alone, inside b alone, outside both."""
    in_a, in_b = union(a), union(b)
    whole_a, whole_b = (sum(e - s for s, e in spans) for spans in (in_a, in_b))
    both = sum(max(0.0, min(e, f) - max(s, r)) for s, e in in_a for r, f in in_b)
    end = max([length_s, *(e for _, e in (*in_a, *in_b))])
    return both, whole_a - both, whole_b - both, max(0.0, end - (whole_a + whole_b - both))


def _mean_iou(items: Sequence[_Item]) -> float | None:
    n = sum(len(item.ious) + item.alone for item in items)
    return sum(sum(item.ious) for item in items) / n if n else None


def _mean_matched(items: Sequence[_Item]) -> float | None:
    values = [v for item in items for v in item.ious]
    return sum(values) / len(values) if values else None


def _kappa(items: Sequence[_Item]) -> float | None:
    both, only_a, only_b, neither = (sum(item.table[k] for item in items) for k in range(4))
    if both + only_a + only_b <= _FAR or neither + only_a + only_b <= _FAR:
        return None
    table = np.asarray([[both, only_a], [only_b, neither]])
    value = float(inter_rater().cohens_kappa(table, return_results=False))
    return value if math.isfinite(value) else None
