"""How well counts and start/stop cues sit on what was really done: one stream at a time. Formulas: docs/bench-model.md.

Times are seconds of the stream that was played, padding included.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tmlapp.bench.intervals import Interval, iou

LATE_S = 0.8
"""So late a count may always come."""

LONE_HALF_S = 1.5
"""Half a period, where there is only one repetition."""

ON_TIME_S = 0.5
NEAR_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A stream under a counting task: when repetitions ended, and which numbers were said when."""

    ends_s: tuple[float, ...]
    said: tuple[tuple[float, int], ...]
    length_s: float

    @property
    def true(self) -> int:
        return len(self.ends_s)

    @property
    def last(self) -> int:
        """The last number said; silence is 0."""
        return self.said[-1][1] if self.said else 0

    @property
    def error(self) -> int:
        """Last number minus true count."""
        return self.last - self.true

    @property
    def near(self) -> float:
        """1 where the last number is off by one at most (OBO)."""
        return float(abs(self.error) <= 1)

    @property
    def exact(self) -> float:
        """1 where the last number is right."""
        return float(self.error == 0)

    @property
    def relative(self) -> float:
        """Error over the true count + 0.1, as RepCount-A's MAE has it."""
        return abs(self.error) / (self.true + 0.1)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Indices (of the repetition, of what was said) that belong together."""
        return matched(self.ends_s, [t for t, _ in self.said])

    @property
    def f1(self) -> float:
        """F1 of counts as events; 1 where nothing was to be said and nothing was."""
        total = len(self.ends_s) + len(self.said)
        return 2 * len(self.pairs) / total if total else 1.0

    @property
    def delays_s(self) -> list[float]:
        """Said minus end of its repetition, for each that was matched."""
        return [self.said[j][0] - self.ends_s[i] for i, j in self.pairs]

    @property
    def on_time(self) -> int:
        """Matched counts that came within half a second of the end."""
        return sum(abs(delay) <= ON_TIME_S + 1e-9 for delay in self.delays_s)

    @property
    def lead(self) -> int | None:
        """The most by which a number was ahead of the repetitions that had ended when it was said; None of silence."""
        return max((value - bisect_right(self.ends_s, t) for t, value in self.said), default=None)


def matched(ends_s: Sequence[float], said_s: Sequence[float]) -> list[tuple[int, int]]:
    """Each repetition, in order, takes the nearest count that no earlier one took and that is near enough.

    Near enough: half a period before its end at most (the median distance of ends, halved), and after it half a
    period or 0.8 s, whichever is more. As the development scorer of the embedded model has it.
    """
    gaps = [b - a for a, b in pairwise(ends_s)]
    half = statistics.median(gaps) / 2 if gaps else LONE_HALF_S
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for i, end in enumerate(ends_s):
        free = [(abs(t - end), j) for j, t in enumerate(said_s) if j not in used]
        near = [(off, j) for off, j in free if -half <= said_s[j] - end <= max(half, LATE_S)]
        if near:
            j = min(near)[1]
            used.add(j)
            pairs.append((i, j))
    return pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Bordered:
    """A stream under a start/stop task: the true stretch of the action, and when the cues were said."""

    truth: Interval
    starts_s: tuple[float, ...]
    stops_s: tuple[float, ...]
    length_s: float

    @property
    def found(self) -> Interval | None:
        """The first start and the stop after it; what was never stopped lasts to the end. None: never started."""
        if not self.starts_s:
            return None
        start = self.starts_s[0]
        return start, next((t for t in self.stops_s if t > start), self.length_s)

    @property
    def overlap(self) -> float:
        """Temporal intersection over hull; 0 of silence."""
        return iou(self.found, self.truth) if self.found else 0.0

    def off_s(self, border: int) -> float | None:
        """Start (0) or stop (1) said minus true; None of silence, and of a stop that was never said."""
        if self.found is None or (border == 1 and not self.stopped):
            return None
        return self.found[border] - self.truth[border]

    def near(self, border: int) -> float:
        """1 where start (0) or stop (1) was said within a second of the truth."""
        off = self.off_s(border)
        return float(off is not None and abs(off) <= NEAR_S + 1e-9)

    @property
    def stopped(self) -> bool:
        return bool(self.starts_s) and any(t > self.starts_s[0] for t in self.stops_s)

    @property
    def once(self) -> float:
        """1 where exactly one start was said."""
        return float(len(self.starts_s) == 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One clip: its bare stream, and its padded ones under both tasks (`borders` is empty for a negative)."""

    name: str
    sure: bool
    bare: Counted
    padded: tuple[Counted, ...]
    borders: tuple[Bordered, ...]

    @property
    def negative(self) -> bool:
        return not self.bare.ends_s
