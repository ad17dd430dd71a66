"""Golden files of IFEval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.golden.checks import Check, Golden
from tmlapp.bench.answer import Answer
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.ifeval import IFEval
from tmlapp.core.grade import Grade, Verdict

_LISTS = {"follow_instruction_list_strict": "strict", "follow_instruction_list_loose": "loose"}


def response_checks(golden: Golden) -> Iterator[Check]:
    """`ifeval_responses.json`: what each response follows, strictly and loosely, and the accuracies as fractions."""
    tolerance = golden.get("tolerance", 1e-9)
    entries = [
        Entry(
            str(item["key"]),
            {k: item[k] for k in ("key", "prompt", "instruction_id_list", "kwargs")},
            None,
            {} if item["response"] is None else {"main": Answer(text=item["response"])},
        )
        for item in golden["items"]
    ]
    profile, params = golden.get("profile", "official"), golden.get("params", {})
    grade = IFEval().grade(entries, profile=profile, params=params, sources=Sources())
    for item, verdict in zip(golden["items"], grade.verdicts, strict=True):
        for key, expected in item.get("expect", {}).items():
            yield Check(f"{item['key']} {key}", expected, _of_item(verdict, key), tolerance)
    for key, expected in golden.get("expect", {}).items():
        yield Check(key, expected, _of_all(grade, key), tolerance)


def _of_item(verdict: Verdict, key: str) -> Any:
    if key in _LISTS:
        return verdict.details[_LISTS[key]]
    if key in ("follow_all_strict", "follow_all_loose"):
        results = verdict.details[key.removeprefix("follow_all_")]
        return None if None in results else all(results)
    return "no such figure"


def _of_all(grade: Grade, key: str) -> Any:
    for metric in grade.metrics:
        if metric.name == key:
            return None if metric.value is None else metric.value / 100.0
    return grade.aggregates[key] if key in ("n_prompts", "n_instructions") else "no such figure"


KINDS = {("ifeval", "ifeval_responses.json"): response_checks}
