"""Full-Duplex-Bench v1.5: behaviour labels, their rates, and the average of the four scenarios.

The ratios are those of eval_behavior.py of DanielLin94144/Full-Duplex-Bench at d7336bd, written anew; which label
counts in which scenario, and the plain mean, are inferred from the paper and from the values that have been published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tmlapp.bench.judges.base import json_objects

C_RESPOND, C_RESUME, C_UNCERTAIN, C_UNKNOWN = "C_RESPOND", "C_RESUME", "C_UNCERTAIN_HANDLING", "C_UNKNOWN"
LABELS = (C_RESPOND, C_RESUME, C_UNCERTAIN, C_UNKNOWN)
UNGRADED = "UNGRADED"
"""Stands in the counts for an item that no judge has ruled on: it is a failure, and it is seen."""

COUNTS = {
    "user_interruption": C_RESPOND,
    "user_backchannel": C_RESUME,
    "talking_to_other": C_RESUME,
    "background_speech": C_RESUME,
}
"""The label that is right in each scenario."""

KEY = "behaviour"


def behaviour_object(reply: str) -> dict[str, Any] | None:
    """The first JSON object at the top level of `reply` that has the key `behaviour`."""
    return next((found for found in json_objects(reply) if KEY in found), None)


def labels_of(found: Mapping[str, Any] | None) -> list[str] | None:
    """The labels in such an object; None where they are no list of labels."""
    listed = None if found is None else found.get(KEY)
    if not isinstance(listed, list) or not all(isinstance(x, str) and x.startswith("C") for x in listed):
        return None
    return listed


def read_labels(reply: str) -> list[str] | None:
    """The labels in a judge's reply."""
    return labels_of(behaviour_object(reply))


def ratios(labels: Iterable[Sequence[str]]) -> dict[str, float]:
    """Share of each label among all labels, by name; empty without any."""
    counts = Counter(label for item in labels for label in item)
    total = sum(counts.values())
    return {label: count / total for label, count in sorted(counts.items())}


def rounded(shares: Mapping[str, float]) -> dict[str, float]:
    """To two decimals as Python rounds (143/200 is 0.71)."""
    return {label: round(share, 2) for label, share in shares.items()}


def average(by_scenario: Mapping[str, Mapping[str, float]]) -> float | None:
    """Mean share of the right label over the four scenarios in percent; None where a scenario has no label."""
    if any(not by_scenario.get(name) for name in COUNTS):
        return None
    return 100 * sum(by_scenario[name].get(label, 0.0) for name, label in COUNTS.items()) / len(COUNTS)
