"""A against B: who was preferred, with what certainty, and whether the side on which it was heard mattered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tmlapp.bench.annotations import Annotation
from tmlapp.bench.people.packet_files import FIRST, SECOND, TIE

PREFERENCE_KIND = "preference"
"""Kind of the annotation that keeps one choice."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One rater, one item: `value` is the side chosen (or a tie), `first` the run (0 or 1) that was heard first."""

    item: str
    rater: str
    value: str
    first: int

    @property
    def winner(self) -> int | None:
        """The run that was preferred; None for a tie."""
        if self.value == TIE:
            return None
        return self.first if self.value == FIRST else 1 - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Two runs over the choices of all raters.

    Attributes:
        wins: of run 0 and run 1. ties: choices for neither.
        share: of run 0 among choices that are no tie; interval: 95 % by Wilson's score. p_value: exact binomial,
            two-sided, against one half. All None where every choice is a tie, or there is none (`reason`).
        first_share, first_interval, first_p: the same for the side that was heard first, whoever it was.
        by_rater: wins of 0, wins of 1, ties.
    """

    wins: tuple[int, int]
    ties: int
    share: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    first_share: float | None
    first_interval: tuple[float, float] | None
    first_p: float | None
    n_first: tuple[int, int]
    by_rater: dict[str, tuple[int, int, int]]
    n_items: int
    reason: str = ""

    @property
    def sides_matter(self) -> bool:
        """The side decided more than chance would (p < 0.05): the result is not to be trusted."""
        return self.first_p is not None and self.first_p < 0.05

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"sides_matter": self.sides_matter}


def preference_of(choices: Iterable[Choice]) -> Preference:
    """What the choices say together."""
    listed = list(choices)
    decided = [c for c in listed if c.winner is not None]
    wins = (sum(c.winner == 0 for c in decided), sum(c.winner == 1 for c in decided))
    first = sum(c.value == FIRST for c in decided)
    n = len(decided)
    by_rater = {
        rater: (
            sum(c.winner == 0 for c in listed if c.rater == rater),
            sum(c.winner == 1 for c in listed if c.rater == rater),
            sum(c.winner is None for c in listed if c.rater == rater),
        )
        for rater in sorted({c.rater for c in listed})
    }
    sides = Counter(c.first for c in listed)
    return Preference(
        wins=wins,
        ties=len(listed) - n,
        share=wins[0] / n if n else None,
        interval=wilson(wins[0], n) if n else None,
        p_value=binomial_p(wins[0], n) if n else None,
        first_share=first / n if n else None,
        first_interval=wilson(first, n) if n else None,
        first_p=binomial_p(first, n) if n else None,
        n_first=(sides[0], sides[1]),
        by_rater=by_rater,
        n_items=len({c.item for c in listed}),
        reason="" if n else "every choice is a tie" if listed else "nobody has chosen",
    )


def choices_in(annotations: Sequence[Annotation], run: str, other: str) -> list[Choice]:
    """The choices between `run` (run 0) and `other` that stand in a run's file; later ones replace earlier ones."""
    found: dict[tuple[str, str, str], Choice] = {}
    for annotation in annotations:
        data = annotation.data
        pair = data.get("pair")
        if annotation.kind != PREFERENCE_KIND or not isinstance(pair, list) or sorted(pair) != sorted((run, other)):
            continue
        if data.get("value") not in (FIRST, SECOND, TIE):
            continue
        item, rater = str(data.get("item")), str(data.get("rater"))
        found[item, rater, str(data.get("packet"))] = Choice(item, rater, str(data["value"]), int(pair[0] != run))
    return list(found.values())


def wilson(hits: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """95 % interval of a share by Wilson's score; `n` is at least 1."""
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def binomial_p(hits: int, n: int) -> float:
    """Exact two-sided p-value against one half."""
    tail = min(hits, n - hits)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(tail + 1)) / (1 << n))
