"""What TimeSpeak and CueSpeak report over all items: both averages, both readings, counts, trivial answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tmlapp.bench.answer import Utterance
from tmlapp.bench.labels.speak_items import Expectation, SpeakItem
from tmlapp.bench.stats import grouped_interval
from tmlapp.bench.suite import Outcome, mean_metric
from tmlapp.bench.suites.speak_params import SpeakParams
from tmlapp.bench.suites.speak_scoring import ItemScore, SuiteScore, Timed, score_item, score_suite
from tmlapp.core.grade import Baseline, Metric

COUNTS = ("n_judge_calls", "n_extra", "n_ack", "n_unmatched_in_window", "n_after_stop")


@dataclass(frozen=True, slots=True)
class Scored:
    """One item with its result; `lateness_s` (onset minus t_ref) and `overlaps` (with the user's speech) per pass."""

    item: SpeakItem
    score: ItemScore
    outcome: Outcome
    lateness_s: tuple[float, ...]
    overlaps: tuple[bool, ...]


def metrics_of(results: Sequence[Scored], score: SuiteScore, params: SpeakParams) -> tuple[Metric, ...]:
    """The headline first."""
    flat = [v for group in score.examples.values() for v in group]
    groups = list(score.examples.values())
    none = "no item"
    example = mean_metric("macro_example", "accuracy, mean over examples", flat, reason=none)
    category = Metric(
        name="macro_category",
        label="accuracy, mean over categories",
        value=score.macro_category,
        n=score.n_examples,
        interval=grouped_interval(groups, lambda means: means.mean(axis=1)) if groups else None,
        reason="" if groups else none,
    )
    chosen = category if params.macro_over == "category" else example
    headline = Metric(
        name="accuracy",
        label="macro accuracy",
        value=chosen.value,
        n=chosen.n,
        interval=chosen.interval,
        reason=chosen.reason,
    )
    late = sorted(v for r in results for v in r.lateness_s)
    overlaps = sorted(100.0 * v for r in results for v in r.overlaps)
    return (
        headline,
        example,
        category,
        mean_metric("accuracy_all", "all expectations of an item", _readings(results, "score_all"), reason=none),
        mean_metric("accuracy_mean", "share of expectations", _readings(results, "score_mean"), reason=none),
        mean_metric("pass_overlap_share", "passes over the user's speech", overlaps, reason="nothing passed"),
        mean_metric(
            "onset_minus_ref_s", "onset minus reference", late, reason="nothing passed", unit="s", better="lower"
        ),
    )


def _readings(results: Sequence[Scored], name: str) -> list[float]:
    return sorted(100.0 * float(getattr(r.score, name)) for r in results)


def aggregates_of(results: Sequence[Scored], score: SuiteScore, params: SpeakParams) -> dict[str, Any]:
    """Counts over all items, means by category, and the digest of the parameters."""
    found: dict[str, Any] = {
        "n_examples": score.n_examples,
        "macro_example": score.macro_example,
        "macro_category": score.macro_category,
        "by_category": {k: {"n": len(v), "score": score.by_category[k]} for k, v in score.examples.items()},
        "n_several_expectations": sum(sum(m.required for m in r.score.met) > 1 for r in results),
        "speak_params_sha256": params.sha256,
    }
    met = [m for r in results for m in r.score.met if m.required]
    reasons = ("ok", "no_speech_in_window", "wrong_meaning", "ungraded")
    found["expectations"] = {reason: sum(m.reason == reason for m in met) for reason in reasons}
    optional = [m.passed for r in results for m in r.score.met if not m.required]
    found["optional"] = {"n": len(optional), "passed": sum(optional)}
    ungraded = [r.outcome.verdict.item for r in results if r.outcome.ungraded]
    return found | {name: sum(getattr(r.score, name) for r in results) for name in COUNTS} | {"ungraded": ungraded}


def baselines_of(items: Sequence[SpeakItem], params: SpeakParams) -> list[Baseline]:
    """Silence, and a word at every full second with a judge who finds everything right: what the windows give away."""
    seconds = max((int(item.duration_s + params.tail_s) for item in items), default=0)
    words = [Timed(k, float(k), Utterance(float(k), float(k), "now")) for k in range(seconds + 1)]
    talking = [
        (item.category, score_item(item, words[: int(item.duration_s + params.tail_s) + 1], params, _yes))
        for item in items
    ]
    silent = [(item.category, score_item(item, (), params, _yes)) for item in items]
    return [
        Baseline(name="silent", score=score_suite(silent).accuracy(params)),
        Baseline(name="speaks every second, every word right", score=score_suite(talking).accuracy(params)),
    ]


def _yes(expectation: Expectation, key: str, candidates: Sequence[Utterance]) -> bool:  # noqa: ARG001 - right whatever was said
    return True


def values_of(result: ItemScore, late: Sequence[float], overlaps: Sequence[bool]) -> Mapping[str, float]:
    """An item's own part of each metric."""
    mean = 100.0 * sum(result.examples) / len(result.examples)
    values = {"accuracy": mean, "macro_example": mean, "macro_category": mean}
    values |= {"accuracy_all": 100.0 * result.score_all, "accuracy_mean": 100.0 * result.score_mean}
    if late:
        values["onset_minus_ref_s"] = sum(late) / len(late)
        values["pass_overlap_share"] = 100.0 * sum(overlaps) / len(overlaps)
    return values
