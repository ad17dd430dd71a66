"""Intervals over items by the bootstrap; the same numbers from the same seed, on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 1000
SEED = 0
_CHUNK = 2_000_000
"""Random numbers drawn at once (16 MB)."""


def mean_interval(
    values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float] | None:
    """Percentile 95 % interval of the mean; None for fewer than two values. The order of `values` is of no account."""
    return grouped_interval([values], lambda means: means[:, 0], resamples=resamples, seed=seed)


def grouped_interval(
    groups: Sequence[Sequence[float]],
    combine: Callable[[Floats], Floats],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float] | None:
    """95 % interval of a figure made of the means of groups, items drawn anew inside each group.

    Args:
        groups: the items' values, by group; none of them empty.
        combine: means, float64 [resamples, groups], to the figure, float64 [resamples].

    Returns:
        The 2.5th and 97.5th percentile, or None for fewer than two items in all or an empty group.
    """
    if sum(len(g) for g in groups) < 2 or any(len(g) == 0 for g in groups):
        return None
    random = np.random.default_rng(seed)
    means = np.empty((resamples, len(groups)))
    for column, group in enumerate(groups):
        # Sorted, so that an interval does not depend on the order of the items.
        values = np.sort(np.asarray(group, dtype=np.float64))
        rows = max(1, _CHUNK // len(values))
        for first in range(0, resamples, rows):
            last = min(first + rows, resamples)
            drawn = random.integers(0, len(values), size=(last - first, len(values)))
            means[first:last, column] = values[drawn].mean(axis=1)
    low, high = np.percentile(combine(means), [2.5, 97.5])
    return float(low), float(high)
