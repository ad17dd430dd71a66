"""One figure: a number, what it should reach, and a reference measured in the same run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one JSON line says.

    Attributes:
        figure: its name.
        value: the measured number, None if it could not be measured here (`reference` says why).
        reach: what it should be; `ok` is None where nothing was measured.
        n: how many observations stand behind it.
        reference: what it is compared with, measured in the same run, or the reason for its absence.
    """

    figure: str
    value: float | None
    unit: str
    reach: str
    ok: bool | None
    n: int
    reference: dict[str, Any]

    def line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: the full length of the issue, or short."""

    quick: bool

    def seconds(self, full: float, quick: float) -> float:
        return quick if self.quick else full


Measure = Callable[[Effort], Iterable[Figure]]


def at_most(figure: str, value: float, reach: float, unit: str, n: int, **reference: Any) -> Figure:
    """A figure that should not exceed `reach`."""
    return Figure(
        figure=figure,
        value=round(value, 3),
        unit=unit,
        reach=f"<= {reach:g}",
        ok=value <= reach,
        n=n,
        reference=reference,
    )


def at_least(figure: str, value: float, reach: float, unit: str, n: int, **reference: Any) -> Figure:
    """A figure that should reach `reach` or more."""
    return Figure(
        figure=figure,
        value=round(value, 3),
        unit=unit,
        reach=f">= {reach:g}",
        ok=value >= reach,
        n=n,
        reference=reference,
    )


def unmeasured(figure: str, unit: str, reach: str, why: str) -> Figure:
    """A figure that cannot be measured on this machine."""
    return Figure(figure=figure, value=None, unit=unit, reach=reach, ok=None, n=0, reference={"unmeasured": why})


def percentile(values: list[float], q: float) -> float:
    """Linear-interpolated percentile; `values` must not be empty."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * q / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
