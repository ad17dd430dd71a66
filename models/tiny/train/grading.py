"""Scores of counts and start/stop intervals, as the model card reports them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ON_TIME_S, NEAR_S, CLOSE = 0.5, 1.0, 1e-9


def delays(ends_s: list[float], said_s: list[float]) -> list[float]:
    """Said minus annotated end for every repetition that a count belongs to; each count belongs to one at most.

    It may come half a period before and max(half a period, 0.8 s) after the end.
    """
    gaps = np.diff(ends_s)
    half = float(np.median(gaps)) / 2 if len(gaps) else 1.5
    used: set[int] = set()
    found = []
    for end in ends_s:
        near = [(abs(t - end), j) for j, t in enumerate(said_s) if j not in used and -half <= t - end <= max(half, 0.8)]
        if near:
            used.add(min(near)[1])
            found.append(said_s[min(near)[1]] - end)
    return found


def event_f1(ends_s: list[float], said_s: list[float]) -> float:
    """Said counts against annotated ends of repetitions, as events."""
    total = len(ends_s) + len(said_s)
    return 2 * len(delays(ends_s, said_s)) / total if total else 1.0


def interval_iou(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Temporal IoU with the hull in the denominator; zero hull gives 0."""
    hull = max(a[1], b[1]) - min(a[0], b[0])
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / hull if hull > 0 else 0.0


@dataclass(frozen=True)
class Counted:
    """One clip: annotated repetitions and what was said."""

    name: str
    ends_s: list[float]
    said_s: list[float]
    said: list[int]

    @property
    def last(self) -> int:
        """The last number said, 0 for silence."""
        return self.said[-1] if self.said else 0

    @property
    def lead(self) -> int:
        """The most by which a number was ahead of the repetitions that had ended."""
        ahead = [n - sum(e <= t for e in self.ends_s) for t, n in zip(self.said_s, self.said, strict=True)]
        return max(ahead, default=0)


RESAMPLES = 2000


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean: clips drawn anew with replacement, always the same draws."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def count_values(clips: list[Counted]) -> dict[str, NDArray[np.float64]]:
    """Per clip with repetitions: within one, exact, relative error, event F1."""
    real = [c for c in clips if c.ends_s]
    errors = np.array([abs(c.last - len(c.ends_s)) for c in real], float)
    truth = np.array([len(c.ends_s) for c in real], float)
    return {
        "obo": (errors <= 1).astype(float),
        "exact": (errors == 0).astype(float),
        "mae": errors / (truth + 0.1),
        "f1": np.array([event_f1(c.ends_s, c.said_s) for c in real]),
    }


def count_scores(clips: list[Counted]) -> dict[str, float]:
    """Off-by-one accuracy, exact share, relative error, event F1; clips without repetitions are left out.

    And the share of counts within half a second of their repetition's end, and the largest lead over the truth.
    """
    real = [c for c in clips if c.ends_s]
    late = [x for c in real for x in delays(c.ends_s, c.said_s)]
    return {
        "clips": len(real),
        **{name: float(values.mean()) for name, values in count_values(clips).items()},
        "on_time": float(np.mean([abs(x) <= ON_TIME_S + CLOSE for x in late])) if late else 0.0,
        "lead": max((c.lead for c in real), default=0),
    }


@dataclass(frozen=True)
class Spanned:
    """One clip: the annotated action and the first interval the model spoke (None: silence)."""

    name: str
    truth: tuple[float, float]
    found: tuple[float, float] | None
    intervals: int


def span_values(clips: list[Spanned]) -> dict[str, NDArray[np.float64]]:
    """Per clip: temporal IoU of the first interval, start and stop within one second, exactly one interval."""

    def close(cue: int) -> NDArray[np.float64]:
        near = [c.found is not None and abs(c.found[cue] - c.truth[cue]) <= NEAR_S + CLOSE for c in clips]
        return np.array(near, float)

    return {
        "tiou": np.array([interval_iou(c.found, c.truth) if c.found else 0.0 for c in clips]),
        "start_1s": close(0),
        "stop_1s": close(1),
        "one_interval": np.array([c.intervals == 1 for c in clips], float),
    }


def span_scores(clips: list[Spanned]) -> dict[str, float]:
    """Means of `span_values`."""
    return {"clips": len(clips), **{name: float(values.mean()) for name, values in span_values(clips).items()}}
