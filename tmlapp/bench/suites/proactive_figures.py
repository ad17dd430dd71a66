"""The figures of ProactiveVideoQA over all turns: headline, categories, and what PAUC itself hardly punishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tmlapp.bench.labels.proactive_video_qa import CATEGORIES
from tmlapp.bench.stats import grouped_interval
from tmlapp.bench.suite import Outcome, mean_metric
from tmlapp.bench.suites.pauc import Heard, Point, pauc
from tmlapp.core.grade import Baseline, Metric

OMEGAS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """One answer that is wanted, and when: `related` is the moment itself, `reply` the time in which a reply counts."""

    answer: str
    related: tuple[float, float]
    reply: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTruth:
    """One question about one video."""

    category: str
    question_id: str
    question: str
    duration_s: float
    turns: tuple[TurnTruth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """What was said in a turn, the rating of each reply (None: ungraded), and the points that count."""

    truth: TurnTruth
    heard: Heard
    rated: tuple[tuple[float, int | None], ...]
    points: tuple[Point, ...]

    @property
    def ungraded(self) -> int:
        return sum(points is None for _, points in self.rated)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """All turns of an item. `n_outside`: replies within no turn; `n_early`: dropped, as they came before the video."""

    truth: ItemTruth
    turns: tuple[TurnResult, ...]
    missing: bool = False
    n_outside: int = 0
    n_early: int = 0

    def values(self, omega: float) -> list[float]:
        """PAUC of each turn, in percent; 0 where the item was not run, since silence would be worth 25."""
        if self.missing:
            return [0.0] * len(self.turns)
        return [100.0 * pauc(turn.points, turn.truth.reply, omega) for turn in self.turns]


def by_category(results: Sequence[ItemResult], omega: float) -> dict[str, list[float]]:
    """PAUC of every turn, in percent, by category; only categories that are there."""
    found: dict[str, list[float]] = {c: [] for c in CATEGORIES}
    for result in results:
        found[result.truth.category] += result.values(omega)
    return {category: values for category, values in found.items() if values}


def macro_micro(groups: Mapping[str, Sequence[float]]) -> tuple[float | None, float | None]:
    """The mean of the four categories (None where one is missing), and the mean of all turns."""
    turns = [value for values in groups.values() for value in values]
    macro = sum(sum(v) / len(v) for v in groups.values()) / len(groups) if len(groups) == len(CATEGORIES) else None
    return macro, sum(turns) / len(turns) if turns else None


def metrics(results: Sequence[ItemResult], omega: float, *, without_ungraded: bool) -> list[Metric]:
    """All metrics, the headline first."""
    groups = by_category(results, omega)
    asked = sum(len(turn.rated) for result in results for turn in result.turns)
    ungraded = sum(turn.ungraded for result in results for turn in result.turns)
    found = [_headline("pauc", f"PAUC@{omega:g}", groups, _why_none(groups, asked, ungraded))]
    turns = [value for values in groups.values() for value in values]
    found.append(mean_metric("micro", "mean of all turns", turns, reason="there is no turn"))
    for category in CATEGORIES:
        reason = f"there is no item of {category}"
        found.append(mean_metric(f"pauc_{category.lower()}", category, groups.get(category, ()), reason=reason))
    found += [*_chatter(results), _ungraded(asked, ungraded)]
    if without_ungraded:
        left = [replace(r, turns=tuple(t for t in r.turns if not t.ungraded)) for r in results]
        kept = by_category(left, omega)
        found.append(_headline("pauc_without_ungraded", "without ungraded turns", kept, _why_none(kept, 0, 0)))
    return found


def _why_none(groups: Mapping[str, Sequence[float]], asked: int, ungraded: int) -> str:
    if len(groups) < len(CATEGORIES):
        there = f"there are turns of {', '.join(groups)} only" if groups else "there is no turn"
        return f"{there}; the headline is the mean of all four categories"
    # Ungraded replies earn nothing, so a run without a judge would read as the 25.0 of a silent model.
    return "no reply was graded" if asked and asked == ungraded else ""


def _headline(name: str, label: str, groups: Mapping[str, Sequence[float]], why_none: str) -> Metric:
    n = sum(len(values) for values in groups.values())
    if why_none:
        return Metric(name=name, label=label, value=None, n=n, reason=why_none)
    span = grouped_interval([groups[c] for c in CATEGORIES], lambda means: means.mean(axis=1))
    return Metric(name=name, label=label, value=macro_micro(groups)[0], n=n, interval=span)


def _chatter(results: Sequence[ItemResult]) -> list[Metric]:
    ran = [result for result in results if not result.missing]
    turns = [turn for result in ran for turn in result.turns]
    further = sum(max(0, turn.heard.replies - 1) for turn in turns)
    duplicates = sum(turn.heard.duplicates for turn in turns)
    minutes = sum(result.truth.duration_s for result in ran) / 60.0
    outside = sum(result.n_outside for result in ran)
    answered = [100.0 * bool(turn.heard.replies) for result in results for turn in result.turns]
    return [
        Metric(
            name="duplicates", label="duplicates among further replies", better="lower", n=further,
            value=100.0 * duplicates / further if further else None,
            reason="" if further else "no turn has a second reply",
        ),
        Metric(
            name="out_of_span_per_min", label="replies outside every turn", unit="1/min", better="lower", n=len(ran),
            value=outside / minutes if minutes else None, reason="" if minutes else "no item was run",
        ),
        mean_metric("turns_answered", "turns answered", answered, reason="there is no turn"),
    ]  # fmt: skip


def _ungraded(asked: int, ungraded: int) -> Metric:
    return Metric(
        name="ungraded", label="ungraded replies", better="lower", n=asked,
        value=100.0 * ungraded / asked if asked else None, reason="" if asked else "no reply was to be graded",
    )  # fmt: skip


def with_values(outcomes: Sequence[Outcome], results: Sequence[ItemResult], omega: float) -> list[Outcome]:
    """The outcomes with each item's part of the metrics over turns: their means over the items are the metrics."""
    groups = by_category(results, omega)
    n_turns = sum(len(values) for values in groups.values())
    n_items = Counter(result.truth.category for result in results)
    found = []
    for outcome, result in zip(outcomes, results, strict=True):
        category = result.truth.category
        total = (outcome.verdict.score or 0.0) * len(result.turns)
        answered = 100.0 * sum(bool(turn.heard.replies) for turn in result.turns)
        values = {
            "micro": total * len(results) / n_turns,
            f"pauc_{category.lower()}": total * n_items[category] / len(groups[category]),
            "turns_answered": answered * len(results) / n_turns,
        }
        if len(groups) == len(CATEGORIES):
            # A turn of a small category weighs more, as the categories count alike.
            values["pauc"] = total * len(results) / (len(groups) * len(groups[category]))
        found.append(replace(outcome, verdict=replace(outcome.verdict, values=values)))
    return found


def baselines(results: Sequence[ItemResult], omega: float) -> list[Baseline]:
    """Silence, and a wrong answer at the start of every span, over the same turns."""
    found = []
    for name, points in (("silent", 0), ("wrong answer at the start of every span", 1)):
        turns = [turn.truth.reply for result in results for turn in result.turns]
        values = [100.0 * pauc([(span[0], 0)] * points, span, omega) for span in turns]
        found.append(Baseline(name=name, score=sum(values) / len(values) if values else None))
    return found


def aggregates(results: Sequence[ItemResult], *, without_ungraded: bool) -> dict[str, Any]:
    """Categories at every omega, counts, and in the profile clean the turns that hold an ungraded reply."""
    by_omega: dict[str, Any] = {}
    for omega in OMEGAS:
        groups = by_category(results, omega)
        macro, micro = macro_micro(groups)
        each = {c: sum(values) / len(values) for c, values in groups.items()}
        by_omega[f"{omega:g}"] = {"macro": macro, "micro": micro, **each}
    turns = [turn for result in results for turn in result.turns]
    by_turn = Counter(result.truth.category for result in results for _ in result.turns)
    found: dict[str, Any] = {
        "by_omega": by_omega,
        "n_turns": {c: by_turn[c] for c in CATEGORIES if c in by_turn},
        "n_judged": sum(len(turn.rated) for turn in turns),
        "n_ungraded_replies": sum(turn.ungraded for turn in turns),
        "n_duplicates": sum(turn.heard.duplicates for turn in turns),
        "n_before_the_video": sum(result.n_early for result in results),
    }
    if without_ungraded:
        found["turns_with_ungraded"] = [
            f"{result.truth.category}/{result.truth.question_id}={number}"
            for result in results
            for number, turn in enumerate(result.turns)
            if turn.ungraded
        ]
    return found
