"""Intervals over items by the bootstrap; the same numbers from the same seed, on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 1000
SEED = 0
_CHUNK = 2_000_000
"""Random numbers drawn at once (8 MB)."""

_FEW = 16
"""Values that repeat at least so often on average are drawn by their counts."""


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
        means[:, column] = _resampled_means(np.asarray(group, dtype=np.float64), resamples, random)
    low, high = np.percentile(combine(means), [2.5, 97.5])
    return float(low), float(high)


def _resampled_means(group: Floats, resamples: int, random: np.random.Generator) -> Floats:
    """Means of `resamples` groups drawn from `group` with replacement."""
    # Distinct values in order, so that an interval does not depend on the order of the items.
    values, counts = np.unique(group, return_counts=True)
    n = len(group)
    if len(values) <= n // _FEW:
        # How often each value is drawn, at once: the same distribution for a fraction of the work.
        return np.asarray(random.multinomial(n, counts / n, size=resamples) @ values / n)
    ordered = np.repeat(values, counts)
    means = np.empty(resamples)
    rows = max(1, _CHUNK // n)
    for first in range(0, resamples, rows):
        last = min(first + rows, resamples)
        drawn = random.integers(0, n, size=(last - first, n), dtype=np.int32)
        means[first:last] = ordered[drawn].mean(axis=1)
    return means
