"""Grades: a number that can be traced."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a grade comes from.

    Attributes:
        formula: name and version of the rule, e.g. `repcount-a/online@1`.
        profile: `official`, `tml_reading`, `clean`, …
        parameters: every parameter of the rule with its value.
        files: sha256 of each file that went in, by role.
        text_source: whose words were graded: the model's own text or a transcript.
        timing_source: which clock the times are on.
        software: app version and the like.
    """

    formula: str
    profile: str
    parameters: dict[str, Any]
    files: dict[str, str]
    text_source: str = "model_text"
    timing_source: str = "t_rx"
    software: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a trivial answer would score on the same item or items."""

    name: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result for one item: what was graded, and why it passed or not."""

    item: str
    score: float | None
    passed: bool | None
    graded_text: tuple[tuple[float, str], ...]
    why: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The result of a suite over its items. No item is ever dropped without being counted."""

    suite: str
    metric: str
    score: float | None
    n: int
    n_scored: int
    n_missing: int
    n_silent: int
    n_ungraded: int
    verdicts: tuple[Verdict, ...]
    baselines: tuple[Baseline, ...]
    provenance: Provenance
    aggregates: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
