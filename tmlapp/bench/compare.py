"""Two grades of the same items, pair by pair: how much they differ, and whether that could be chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tmlapp.bench.stats import RESAMPLES, SEED, Floats
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Metric, Verdict

EXACT_UP_TO = 16
"""Differing pairs up to which every way of swapping is counted (65,536); above, swaps are drawn at random."""

PERMUTATIONS = 10_000
_CHUNK = 2_000_000
_SLACK = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of two runs over the items that both have.

    Attributes:
        metric, label, unit, better: as in the grades.
        n: pairs. only_a, only_b: items that the metric has in one of the two only.
        mean_a, mean_b: over the pairs. difference: b minus a.
        interval: bootstrap 95 % interval of the difference over pairs; None for fewer than two.
        higher, lower, equal: pairs in which b is above, below, at a.
        p_value: two-sided paired permutation test (the two of a pair swapped); None for no pair.
        test: how it was made: `exact`, or how many random swaps from which seed.
        mcnemar_p: exact McNemar test, where every value is all or nothing; else None.
    """

    metric: str
    label: str
    unit: str
    better: str
    n: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    interval: tuple[float, float] | None
    higher: int
    lower: int
    equal: int
    p_value: float | None
    test: str
    mcnemar_p: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def compare(a: Grade, b: Grade) -> tuple[Comparison, ...]:
    """Every metric that both grades have, the headline first.

    Raises:
        AppError: the two were graded by different rules or sources, or share no item.
    """
    _comparable(a, b)
    items_a, items_b = _by_item(a), _by_item(b)
    if not items_a.keys() & items_b.keys():
        raise AppError("The two runs cannot be compared.", "They have no item in common.", "Compare runs of one list.")
    theirs = {m.name for m in b.metrics}
    return tuple(
        _compared(metric, _values(metric, items_a), _values(metric, items_b))
        for metric in a.metrics
        if metric.name in theirs
    )


def _comparable(a: Grade, b: Grade) -> None:
    left, right = a.provenance, b.provenance
    asked = (
        ("suite", a.suite, b.suite),
        ("rule", left.formula, right.formula),
        ("profile", left.profile, right.profile),
        ("parameters", left.parameters, right.parameters),
        ("graded text", left.text_source, right.text_source),
        ("transcripts", left.transcripts, right.transcripts),
        ("judges", _judges(a), _judges(b)),
        ("protocol", left.protocol.get("protocol"), right.protocol.get("protocol")),
    )
    for name, one, other in asked:
        if name == "judges" and (_nothing_to_judge(a) or _nothing_to_judge(b)):
            continue
        if one != other:
            raise AppError(
                "The two runs cannot be compared.",
                f"Their {name} differ: {one} and {other}. A difference would not be the model's.",
                "Grade both in the same way (`tmlapp bench grade`) and compare again.",
            )


def _judges(grade: Grade) -> list[tuple[Any, ...]]:
    made = grade.provenance.judges
    return sorted((str(j.get("kind")), str(j.get("judge")), str(j.get("prompt_sha256"))) for j in made)


def _nothing_to_judge(grade: Grade) -> bool:
    """A model that said nothing at all leaves a judge without a question, so none is named: its zeros hold by any."""
    return not grade.provenance.judges and all(v.silent or v.missing for v in grade.verdicts)


def _by_item(grade: Grade) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for verdict in grade.verdicts:
        if verdict.item in found:
            raise AppError(
                "The two runs cannot be compared.",
                f"The item {verdict.item!r} stands twice in one of them, so pairs cannot be made.",
                "Run the suite again: every item has a name of its own.",
            )
        found[verdict.item] = verdict
    return found


def _values(metric: Metric, verdicts: Mapping[str, Verdict]) -> dict[str, float]:
    named = {item: v.values[metric.name] for item, v in verdicts.items() if metric.name in v.values}
    if named or metric.name != "score":
        return named
    return {item: v.score for item, v in verdicts.items() if v.score is not None}


def _compared(metric: Metric, a: Mapping[str, float], b: Mapping[str, float]) -> Comparison:
    # Sorted, so that the figure does not depend on the order in which items were run.
    both = sorted(a.keys() & b.keys())
    left = np.array([a[item] for item in both], dtype=np.float64)
    right = np.array([b[item] for item in both], dtype=np.float64)
    apart = right - left
    p_value, test = permutation_test(apart)
    binary = bool(both) and bool(np.isin(np.concatenate([left, right]), (0.0, 1.0, 100.0)).all())
    higher, lower = int((apart > 0).sum()), int((apart < 0).sum())
    return Comparison(
        metric=metric.name,
        label=metric.label,
        unit=metric.unit,
        better=metric.better,
        n=len(both),
        only_a=tuple(sorted(a.keys() - b.keys())),
        only_b=tuple(sorted(b.keys() - a.keys())),
        mean_a=float(left.mean()) if both else None,
        mean_b=float(right.mean()) if both else None,
        difference=float(apart.mean()) if both else None,
        interval=_interval(apart),
        higher=higher,
        lower=lower,
        equal=len(both) - higher - lower,
        p_value=p_value,
        test=test,
        mcnemar_p=mcnemar(higher, lower) if binary else None,
    )


def permutation_test(apart: Floats, *, seed: int = SEED) -> tuple[float | None, str]:
    """Two-sided p of differences `apart` (float64 [pairs]) under swapping the two of each pair, and how it was made.

    Exact for up to 16 differing pairs; else (k + 1) / (permutations + 1) over random swaps.
    """
    if len(apart) == 0:
        return None, "no pair"
    moved = np.abs(apart[apart != 0.0])
    if len(moved) == 0:
        return 1.0, "exact"
    observed = abs(float(apart.sum())) - _SLACK * float(moved.sum())
    if len(moved) <= EXACT_UP_TO:
        signs = 1.0 - 2.0 * ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1)
        return float((np.abs(signs @ moved) >= observed).mean()), "exact"
    random = np.random.default_rng(seed)
    hits = done = 0
    while done < PERMUTATIONS:
        rows = min(PERMUTATIONS - done, max(1, _CHUNK // len(moved)))
        signs = random.integers(0, 2, size=(rows, len(moved))) * 2.0 - 1.0
        hits += int((np.abs(signs @ moved) >= observed).sum())
        done += rows
    return (hits + 1) / (PERMUTATIONS + 1), f"{PERMUTATIONS} random swaps, seed {seed}"


def mcnemar(higher: int, lower: int) -> float:
    """Exact two-sided McNemar test of the pairs that differ."""
    n = higher + lower
    tail = sum(math.comb(n, k) for k in range(min(higher, lower) + 1))
    # Whole numbers to the end: the power does not fit a float for the larger suites.
    return min(1.0, 2 * tail / (1 << n))


def _interval(apart: Floats) -> tuple[float, float] | None:
    if len(apart) < 2:
        return None
    random = np.random.default_rng(SEED)
    means = np.empty(RESAMPLES)
    rows = max(1, _CHUNK // len(apart))
    for first in range(0, RESAMPLES, rows):
        last = min(first + rows, RESAMPLES)
        means[first:last] = apart[random.integers(0, len(apart), size=(last - first, len(apart)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
