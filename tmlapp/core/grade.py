"""Grades: a number that can be traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


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
        judges: one entry per judge that was asked: id, model, sha256 of its prompt, seed, temperature, calls.
        transcripts: who wrote down what was heard: provider, model, version, sha256 of its file; voice activity too.
        seeds: every random seed, by what it is for.
        items_sha256: of the list of items, in order.
        parameters_sha256: of `parameters` as JSON with sorted keys: two grades of one digest were made by one rule.
        protocol: how the items were driven, where that matters (`official`, `live`; typed or spoken instruction).
    """

    formula: str
    profile: str
    parameters: dict[str, Any]
    files: dict[str, str]
    text_source: str = "model_text"
    timing_source: str = "t_rx"
    software: dict[str, str] = field(default_factory=dict)
    judges: tuple[dict[str, Any], ...] = ()
    transcripts: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    items_sha256: str = ""
    parameters_sha256: str = ""
    protocol: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of a suite.

    Attributes:
        name: stable key, e.g. `latency_s`; per-item values stand under it in `Verdict.values`.
        label: what a table prints.
        n: items that entered it.
        unit: `%`, `s`, `1/s` or empty.
        interval: bootstrap 95 % interval over items; None where there are too few.
        reason: why there is no value, where there is none.
    """

    name: str
    label: str
    value: float | None
    n: int
    unit: str = "%"
    better: Literal["higher", "lower"] = "higher"
    interval: tuple[float, float] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a trivial answer would score on the same item or items."""

    name: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result for one item: what was graded, and why it passed or not.

    `values` holds the item's own part of each metric of the suite, by the name of the metric; an item that does not
    enter a metric has no entry there. `audio` is a path inside the run, where the model's sound lies.
    """

    item: str
    score: float | None
    passed: bool | None
    graded_text: tuple[tuple[float, str], ...]
    why: str
    details: dict[str, Any] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    group: str = ""
    audio: str = ""
    silent: bool = False
    missing: bool = False
    ungraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The result of a suite over its items. No item is ever dropped without being counted.

    `metric` and `score` are the headline; `metrics` are all numbers, the headline first. `n_quarantined` counts rows
    of the data that could not be used; they are not among the `n` items.
    """

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
    metrics: tuple[Metric, ...] = ()
    interval: tuple[float, float] | None = None
    n_quarantined: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Grade:
        """The inverse of `to_json`; members that were not there in older files take their defaults.

        Raises:
            TypeError, KeyError, ValueError: `value` is no grade.
        """
        verdicts = tuple(
            Verdict(**{**v, "graded_text": tuple((float(t), str(x)) for t, x in v["graded_text"])})
            for v in value["verdicts"]
        )
        metrics = tuple(Metric(**{**m, "interval": _pair(m.get("interval"))}) for m in value.get("metrics", ()))
        made = dict(value["provenance"])
        made["judges"] = tuple(made.get("judges", ()))
        whole = dict(value) | {
            "verdicts": verdicts, "metrics": metrics, "interval": _pair(value.get("interval")),
            "baselines": tuple(Baseline(**b) for b in value["baselines"]), "provenance": Provenance(**made),
        }  # fmt: skip
        return cls(**whole)


def _pair(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]))
