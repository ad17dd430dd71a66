"""PAUC of ProactiveVideoQA: the area under what a watcher has been told, over the time in which it was wanted.

Sources: arXiv 2507.09313, and two public derivatives of the official scorer that agree with each other. Times are video
time in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tmlapp.bench.said import Said

BEST = 2
"""Points for a reply that covers the reference; 0 is wrong."""
_BEFORE = 0.5
"""What counts before the first reply: silence is better than a wrong answer, hence 25 % for it."""

Point = tuple[float, int]
"""Time of a reply, and its points from 0 to `BEST`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One reply that a judge rates: `text` is everything distinct that was said in the turn so far."""

    t_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in one turn: what is judged, and how many replies repeated an earlier one of it word by word."""

    asked: tuple[Asked, ...]
    duplicates: int

    @property
    def replies(self) -> int:
        return len(self.asked) + self.duplicates


def heard_in(said: Sequence[Said], span: tuple[float, float]) -> Heard:
    """The replies within `span`, both ends included.

    Args:
        said: in order of time.
    """
    distinct: dict[str, None] = {}
    asked: list[Asked] = []
    duplicates = 0
    for reply in said:
        if not span[0] <= reply.t_s <= span[1]:
            continue
        if reply.text in distinct:
            duplicates += 1
            continue
        distinct[reply.text] = None
        asked.append(Asked(reply.t_s, " ".join(distinct)))
    return Heard(tuple(asked), duplicates)


def kept_points(rated: Sequence[tuple[float, int | None]], related_end_s: float) -> tuple[Point, ...]:
    """The points that count, from the ratings of a turn in the order of judging; None is an ungraded reply.

    Of several at one time the last rating counts. A reply after `related_end_s` that is worth less than the last one
    before it is deleted: who was right in time does not lose by talking on.
    """
    by_time: dict[float, int] = {t: points for t, points in rated if points is not None}
    in_order = sorted(by_time.items())
    if len(in_order) < 2:
        return tuple(in_order)
    in_time = [points for t, points in in_order if t <= related_end_s]
    last = in_time[-1] if in_time else 0
    return tuple((t, points) for t, points in in_order if t <= related_end_s or points >= last)


def pauc(points: Sequence[Point], span: tuple[float, float], omega: float = 0.5) -> float:
    """PAUC of one turn, 0 to 1: a step function, no diagonals.

    Args:
        points: in order of time, within `span`.
        span: of a length above 0.
        omega: 0 takes the times as they are; 1 looks at the last reply alone.
    """
    length = span[1] - span[0]
    area, height, since = 0.0, _BEFORE, 0.0
    for t, score in points:
        at = (1.0 - omega) * (t - span[0])
        area += height * (at - since)
        height, since = float(score), at
    return (area + height * (length - since)) / (length * BEST)
