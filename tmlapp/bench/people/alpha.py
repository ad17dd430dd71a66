"""Krippendorff's alpha: agreement of any number of raters, with values missing.

Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011 (annenberg school, repository.upenn.edu/
asc_papers/43); the coincidence matrix and the three differences are those of its section D.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tmlapp.bench.stats import Floats

Level = Literal["nominal", "ordinal", "interval"]
Label = str | int | float


def krippendorff_alpha(
    units: Sequence[Sequence[Label | None]], level: Level = "nominal", order: Sequence[Label] | None = None
) -> tuple[float | None, str]:
    """Agreement beyond chance: 1 is perfect, 0 is chance.

    Args:
        units: one row per thing that was judged, one place per rater; None where a rater gave nothing.
        level: of the scale: names only, ranks, or numbers.
        order: labels from low to high, for `ordinal`; sorted labels if left out. For `interval` labels are numbers.

    Returns:
        The value, or None and why there is none.
    """
    pairable = [row for row in ([v for v in unit if v is not None] for unit in units) if len(row) > 1]
    if not pairable:
        return None, "nothing was judged by two raters"
    labels = _labels(pairable, level, order)
    index = {label: i for i, label in enumerate(labels)}
    coincidence = np.zeros((len(labels), len(labels)))
    for row in pairable:
        counts = np.bincount([index[v] for v in row], minlength=len(labels)).astype(float)
        coincidence += (np.outer(counts, counts) - np.diag(counts)) / (len(row) - 1)
    totals = coincidence.sum(axis=0)
    if np.count_nonzero(totals) < 2:
        return None, "all labels are the same: chance alone would agree as well"
    distance = _distance(labels, totals, level)
    expected = float((np.outer(totals, totals) * distance).sum() / (totals.sum() - 1))
    observed = float((coincidence * distance).sum())
    return 1.0 - observed / expected, ""


def _labels(rows: Sequence[Sequence[Label]], level: Level, order: Sequence[Label] | None) -> list[Label]:
    used = {v for row in rows for v in row}
    if level == "interval":
        return sorted(used, key=float)
    if order is None:
        return sorted(used, key=lambda v: (isinstance(v, str), v))
    unknown = used - set(order)
    if unknown:
        raise ValueError(f"labels that are not on the scale: {sorted(map(str, unknown))}")
    return list(order)


def _distance(labels: Sequence[Label], totals: Floats, level: Level) -> Floats:
    """Squared difference of every two labels: float64 [labels, labels]."""
    if level == "nominal":
        return 1.0 - np.eye(len(labels))
    if level == "interval":
        values = np.asarray([float(v) for v in labels])
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    below = np.cumsum(totals)
    # Ranks between two labels, each end counted by half.
    middle = below - totals / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)
