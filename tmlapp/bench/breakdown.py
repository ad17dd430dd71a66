"""What tables show of graded items: figures by group, and the text that was graded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.said import in_order
from tmlapp.bench.suite import Outcome, mean_metric
from tmlapp.core.grade import Metric


def by_group(outcomes: Iterable[Outcome], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`{group: {"n": items, name: mean}}` over the items' own values, groups in order of their names."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.verdict.group, []).append(outcome)
    return {
        group: {"n": len(members)} | {name: _mean(values_of(members, name)) for name in names}
        for group, members in sorted(groups.items())
    }


def values_of(outcomes: Iterable[Outcome], name: str) -> list[float]:
    """The values of one metric, of the items that enter it."""
    return [o.verdict.values[name] for o in outcomes if name in o.verdict.values]


def group_metrics(outcomes: Sequence[Outcome], name: str, label: str) -> list[Metric]:
    """`name` once for every group, under `<name>_<group>`."""
    groups = sorted({o.verdict.group for o in outcomes if o.verdict.group})
    return [
        mean_metric(group_key(name, group), f"{label}, {group}", values_of(outcomes, group_key(name, group)))
        for group in groups
    ]


def group_key(name: str, group: str) -> str:
    """The name of a metric over one group."""
    return f"{name}_{group.lower().replace(' ', '_').replace('-', '_')}"


def graded_text(answer: Answer | None) -> tuple[tuple[float, str], ...]:
    """Utterances in order of time; a text without times stands at 0.

    Raises:
        AppError: a time is not a finite number.
    """
    if answer is None or answer.silent:
        return ()
    said = in_order(answer.said())
    return tuple((s.t_s, s.text) for s in said) or ((0.0, answer.text),)


def _mean(values: Sequence[float]) -> float | None:
    # Sorted, as in `mean_metric`.
    return sum(sorted(values)) / len(values) if values else None
