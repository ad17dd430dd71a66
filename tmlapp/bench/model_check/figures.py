"""Figures with intervals, what they are held against, and the failures behind them: what both tables are made of.

Intervals: percentile bootstrap, 95 %, clips (utterances, scenes) drawn anew with replacement, seeded. The order of the
items is of no account.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from tmlapp.bench.model_check.reach import REACH, Reach

T = TypeVar("T")
Interval = tuple[float, float]
Better = Literal["higher", "lower"]

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a table.

    Attributes:
        name: stable key, `room.figure`; the same in `REACH`, where it has a value to reach.
        label: what a table prints, under the heading `group` where there is one.
        value: None where nothing was there to measure; `reason` says why.
        n: how many `of` (clips, streams, utterances, minutes …) entered it.
        definition: the formula in words, with its source.
        unit: `s`, `ms`, `MB`, `dB`, `/min` or empty.
        interval: bootstrap 95 %; None where there are too few, or where the figure is a maximum or a size.
        baselines: trivial answers to the same items, by name.
        timing: it depends on the machine and differs from run to run.
    """

    name: str
    label: str
    value: float | None
    n: int
    of: str
    definition: str
    group: str = ""
    better: Better = "higher"
    unit: str = ""
    interval: Interval | None = None
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    timing: bool = False
    reason: str = ""

    @property
    def reach(self) -> Reach | None:
        """What it should reach, if anything."""
        return REACH.get(self.name)

    @property
    def title(self) -> str:
        """Group and label."""
        return f"{self.group}: {self.label}" if self.group else self.label

    @property
    def standing(self) -> str:
        """`reached`, `within the interval` (the value misses it, the interval does not), `not reached`, or empty."""
        reach = self.reach
        if reach is None or self.value is None:
            return ""
        if reach.met_by(self.value):
            return "reached"
        if self.interval is not None and any(reach.met_by(bound) for bound in self.interval):
            return "within the interval"
        return "not reached"

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        found["interval"] = list(self.interval) if self.interval else None
        found["baselines"] = dict(self.baselines)
        reach = self.reach
        found["reach"] = None if reach is None else reach.to_json() | {"standing": self.standing}
        return found


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant on a lane, in seconds; `kind` colours it: `end`, `count`, `start`, `stop`, `remind`, `heard`."""

    lane: str
    t_s: float
    label: str
    kind: str = "count"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch on a lane, in seconds; `kind`: `truth`, `heard` or `said`."""

    lane: str
    t0_s: float
    t1_s: float
    label: str = ""
    kind: str = "heard"


@dataclass(frozen=True, slots=True)
class Curve:
    """A signal inside the model, values in [0, 1] at `times_s`."""

    name: str
    times_s: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One clip or utterance to look at.

    Attributes:
        why: one line, what is wrong.
        badness: the larger, the further up it stands.
        length_s: of the timeline; 0: there is none.
        marks, spans, curves: what the timeline shows; lanes stand in the order in which they come first.
        jpeg, jpeg_s: the picture at the first mistake and its time.
        wav: a short sound to listen to.
        facts: further lines, name and text.
    """

    name: str
    why: str
    badness: float
    length_s: float = 0.0
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()
    curves: tuple[Curve, ...] = ()
    jpeg: bytes | None = None
    jpeg_s: float = 0.0
    wav: bytes | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the report.

    Attributes:
        title: heading.
        figures: in the order in which they are printed; the headline ones first.
        failures: in any order; shown worst first.
        rows: what was measured item by item, as plain JSON values (kept in result.json).
        inputs: sha256 of every file that went in, by its name in the manifest.
        notes: sentences for people: what was left out and why.
    """

    title: str
    figures: tuple[Figure, ...]
    failures: tuple[Failure, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def bootstrap(
    items: Sequence[T],
    statistic: Callable[[Sequence[T]], float | None],
    seed: int,
    resamples: int = RESAMPLES,
    *,
    key: Callable[[T], Any] | None = None,
) -> Interval | None:
    """Percentile 95 % interval of `statistic` over `items` drawn anew with replacement; None for fewer than two.

    Args:
        statistic: of one draw; None where it has no value there (such draws are left out).
        key: sorts the items first, so that their order is of no account; left out, they must be in a fixed order.
    """
    if len(items) < 2:
        return None
    ordered = sorted(items, key=key) if key is not None else list(items)
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(ordered), size=(resamples, len(ordered)))
    values = [statistic([ordered[i] for i in row]) for row in drawn]
    return _percentiles([v for v in values if v is not None])


def ratio_interval(pairs: Sequence[tuple[float, float]], seed: int, resamples: int = RESAMPLES) -> Interval | None:
    """As `bootstrap`, for the sum of the first over the sum of the second of each pair; None for fewer than two."""
    if len(pairs) < 2:
        return None
    ordered = np.asarray(sorted(pairs), np.float64)
    random = np.random.default_rng(seed)
    sums = ordered[random.integers(0, len(ordered), size=(resamples, len(ordered)))].sum(axis=1)
    usable = sums[:, 1] > 0
    return _percentiles((sums[usable, 0] / sums[usable, 1]).tolist())


def _percentiles(values: Sequence[float]) -> Interval | None:
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def mean_of(values: Sequence[float]) -> float | None:
    """Mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def ratio_of(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Sum of the first over the sum of the second; None where that is nothing."""
    below = math.fsum(b for _, b in pairs)
    return math.fsum(a for a, _ in pairs) / below if below > 0 else None


def percentile_of(values: Sequence[float], share: float) -> float | None:
    """Linear percentile, `share` in [0, 1]; None of nothing."""
    return float(np.percentile(values, share * 100)) if values else None


def mean_figure(
    name: str, label: str, values: Sequence[float], definition: str, *, seed: int, of: str = "clips", **more: Any
) -> Figure:
    """A figure that is the mean of one value per item; `more` goes to `Figure`."""
    reason = "" if values else f"there are no such {of}"
    interval = ratio_interval([(v, 1.0) for v in values], seed)
    return Figure(
        name=name, label=label, value=mean_of(values), n=len(values), of=of, definition=definition,
        interval=interval, reason=reason, **more,
    )  # fmt: skip


def ratio_figure(
    name: str,
    label: str,
    pairs: Sequence[tuple[float, float]],
    definition: str,
    *,
    seed: int,
    of: str,
    **more: Any,
) -> Figure:
    """A figure that is a ratio of sums, one pair per item (events that count, events; or events, minutes).

    `n` is the sum of the second members, rounded; the interval draws items, since events of one item go together.
    """
    value = ratio_of(pairs)
    return Figure(
        name=name, label=label, value=value, n=round(math.fsum(b for _, b in pairs)), of=of, definition=definition,
        interval=ratio_interval(pairs, seed), reason="" if value is not None else f"there are no {of}", **more,
    )  # fmt: skip
