"""What a golden file asks, and how two values are the same. The kinds of files stand in `tests/golden/kinds/`."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.golden import kinds

Golden = Mapping[str, Any]
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: where in the file, what it expects and what we give."""

    where: str
    expected: Any
    actual: Any
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        return same(self.expected, self.actual, self.tolerance)


def same(expected: Any, actual: Any, tolerance: float) -> bool:
    """Equal values; numbers within `tolerance` (absolute); lists and objects member by member."""
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=0.0, abs_tol=tolerance)
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(
            same(a, b, tolerance) for a, b in zip(expected, actual, strict=True)
        )
    return bool(expected == actual)


def all_kinds() -> dict[tuple[str, str], Callable[[Golden], Iterator[Check]]]:
    """Every kind, by benchmark folder and file name: what the modules of `tests.golden.kinds` name in `KINDS`."""
    found: dict[tuple[str, str], Callable[[Golden], Iterator[Check]]] = {}
    for module in pkgutil.iter_modules(kinds.__path__):
        found |= importlib.import_module(f"{kinds.__name__}.{module.name}").KINDS
    return found
