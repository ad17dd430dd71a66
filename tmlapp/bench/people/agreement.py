"""How far raters agree beyond chance: Cohen's and Fleiss' kappa (statsmodels), Krippendorff's alpha, with intervals.

Intervals are the 2.5th and 97.5th percentile over items drawn anew (bootstrap). Where a figure does not exist, there
is a reason and never a number that is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tmlapp.bench.people.alpha import Label, Level, krippendorff_alpha
from tmlapp.bench.people.verdicts import RIGHT, UNSURE, WRONG
from tmlapp.bench.stats import RESAMPLES, SEED
from tmlapp.core.errors import AppError

Row = Sequence[Label | None]
Statistic = Callable[[Sequence[Row]], tuple[float | None, str]]
_LEAST = 0.5
"""Share of the resamples that must have a value for an interval to stand."""

_NONE_TWICE = "nothing was judged by both"
_SAME = "both gave one and the same label to everything: chance alone would agree as well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One figure.

    Attributes:
        name: `cohen`, `fleiss`, `alpha`. raters: whose agreement it is.
        value: None where there is none; `reason` says why. interval: None for fewer than two items.
        n: items that entered it. observed: share of pairs of labels that are the same.
        level: of the scale. resamples, seed: of the bootstrap.
    """

    name: str
    raters: tuple[str, ...]
    value: float | None
    n: int
    interval: tuple[float, float] | None = None
    observed: float | None = None
    reason: str = ""
    level: Level = "nominal"
    resamples: int = RESAMPLES
    seed: int = SEED

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def cohen(units: Sequence[Row], raters: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED) -> Agreement:
    """Cohen's kappa of two raters over what both judged.

    Raises:
        AppError: statsmodels is not installed.
    """
    both = [row for row in units if len(row) == 2 and None not in row]
    return _agreement("cohen", raters, both, _cohen(inter_rater()), resamples=resamples, seed=seed)


def fleiss(units: Sequence[Row], raters: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED) -> Agreement:
    """Fleiss' kappa of all raters over what every one of them judged.

    Raises:
        AppError: statsmodels is not installed.
    """
    whole = [row for row in units if len(row) == len(raters) and None not in row]
    return _agreement("fleiss", raters, whole, _fleiss(inter_rater()), resamples=resamples, seed=seed)


def alpha(
    units: Sequence[Row],
    raters: Sequence[str],
    *,
    level: Level = "nominal",
    order: Sequence[Label] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Agreement:
    """Krippendorff's alpha of all raters over what at least two of them judged."""
    pairable = [row for row in units if sum(v is not None for v in row) > 1]

    def statistic(rows: Sequence[Row]) -> tuple[float | None, str]:
        return krippendorff_alpha(rows, level, order)

    return _agreement("alpha", raters, pairable, statistic, resamples=resamples, seed=seed, level=level)


def agreements(
    labels: Mapping[str, Mapping[Any, Label]],
    *,
    level: Level = "nominal",
    order: Sequence[Label] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[Agreement, ...]:
    """Alpha of all, Fleiss' kappa of all, and Cohen's kappa of every two.

    Args:
        labels: by rater, what each was judged as.

    Raises:
        AppError: statsmodels is not installed.
    """
    raters = sorted(labels)
    if len(raters) < 2:
        reason = f"{raters[0]} is the only rater" if raters else "nobody has judged anything"
        return tuple(
            Agreement(name=name, raters=tuple(raters), value=None, n=0, reason=reason, resamples=resamples, seed=seed)
            for name in ("alpha", "fleiss", "cohen")
        )
    units = rows_of(labels, raters)
    found = [alpha(units, raters, level=level, order=order, resamples=resamples, seed=seed)]
    found.append(fleiss(units, raters, resamples=resamples, seed=seed))
    for pair in combinations(raters, 2):
        found.append(cohen(rows_of(labels, pair), pair, resamples=resamples, seed=seed))
    return tuple(found)


def rows_of(labels: Mapping[str, Mapping[Any, Label]], raters: Sequence[str]) -> list[tuple[Label | None, ...]]:
    """One row per thing that one of `raters` judged, in a fixed order; None where a rater did not."""
    things = sorted({thing for rater in raters for thing in labels[rater]}, key=str)
    return [tuple(labels[rater].get(thing) for rater in raters) for thing in things]


def binary(value: str) -> str | None:
    """`right` or `wrong`; None for unsure, which is a label that was not given."""
    return value if value in (RIGHT, WRONG) else None if value == UNSURE else value


def resampled_interval(
    rows: Sequence[Any], statistic: Callable[[Sequence[Any]], float | None], *, resamples: int, seed: int
) -> tuple[float, float] | None:
    """95 % percentile interval over `rows` drawn anew; None for fewer than two, or where most draws have no value."""
    if len(rows) < 2:
        return None
    random = np.random.default_rng(seed)
    draws = random.integers(0, len(rows), size=(resamples, len(rows)))
    # The same rows in another order have the same value, and many rows are equal.
    first = {repr(row): i for i, row in reversed(list(enumerate(rows)))}
    same = np.asarray([first[repr(row)] for row in rows])
    known: dict[bytes, float | None] = {}
    values: list[float] = []
    for draw in np.sort(same[draws], axis=1):
        key = draw.tobytes()
        if key not in known:
            known[key] = statistic([rows[i] for i in draw])
        value = known[key]
        if value is not None:
            values.append(value)
    if len(values) < _LEAST * resamples:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _agreement(
    name: str,
    raters: Sequence[str],
    rows: Sequence[Row],
    statistic: Statistic,
    *,
    resamples: int,
    seed: int,
    level: Level = "nominal",
) -> Agreement:
    # Equal rows side by side: an interval does not depend on the order of the items.
    rows = sorted(rows, key=repr)
    value, reason = statistic(rows) if rows else (None, "" if len(raters) > 1 else "there is one rater only")
    if not rows and not reason:
        reason = "nothing was judged by all of them" if name == "fleiss" else _NONE_TWICE
    interval = None
    if value is not None:
        interval = resampled_interval(rows, lambda drawn: statistic(drawn)[0], resamples=resamples, seed=seed)
    return Agreement(
        name=name,
        raters=tuple(raters),
        value=value,
        n=len(rows),
        interval=interval,
        observed=_observed(rows),
        reason=reason,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def _observed(rows: Sequence[Row]) -> float | None:
    pairs = [a == b for row in rows for a, b in combinations([v for v in row if v is not None], 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _cohen(library: Any) -> Statistic:
    def statistic(rows: Sequence[Row]) -> tuple[float | None, str]:
        table = _table(rows)
        if len(table) < 2:
            return None, _SAME
        return _number(library.cohens_kappa(table, return_results=False))

    return statistic


def _fleiss(library: Any) -> Statistic:
    def statistic(rows: Sequence[Row]) -> tuple[float | None, str]:
        labels = sorted({str(v) for row in rows for v in row})
        if len(labels) < 2:
            return None, "all labels are the same: chance alone would agree as well"
        counts = [[sum(str(v) == label for v in row) for label in labels] for row in rows]
        return _number(library.fleiss_kappa(np.asarray(counts), method="fleiss"))

    return statistic


def _table(rows: Sequence[Row]) -> Any:
    labels = sorted({str(v) for row in rows for v in row})
    index = {label: i for i, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels)))
    for a, b in rows:
        table[index[str(a)], index[str(b)]] += 1
    return table


def _number(value: Any) -> tuple[float | None, str]:
    found = float(value)
    return (found, "") if math.isfinite(found) else (None, _SAME)


def inter_rater() -> Any:
    """The module of statsmodels.

    Raises:
        AppError: it is not installed.
    """
    try:
        from statsmodels.stats import inter_rater as library
    except ImportError as error:
        raise AppError(
            "Agreement between raters cannot be counted.",
            "The kappas come from statsmodels, which is not installed.",
            "Install it: pip install 'tmlapp[agreement]'.",
        ) from error
    return library
