"""Golden files of Audio MultiChallenge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.golden.checks import Check, Golden
from tests.golden.judged import Written, figures
from tmlapp.bench.answer import Answer
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.audio_multichallenge import AudioMultiChallenge
from tmlapp.core.grade import Grade


def apr_ars_checks(golden: Golden) -> Iterator[Check]:
    """`apr_ars.json`: tables of verdicts through the grader itself; a run whose table is null was not run."""
    for run, expect in golden["expect"].items():
        entries: list[Entry] = []
        rulings: dict[tuple[str, str], Any] = {}
        for item in golden["items"]:
            met = item["criteria_met"][run]
            truth = {
                "axis": item["axis"], "user_turns": ["question"],
                "rubrics": [f"criterion {i}" for i in range(item["n_rubrics"])],
            }  # fmt: skip
            answers = {} if met is None else {"main": Answer(text="reply")}
            entries.append(Entry(item["id"], truth, None, answers))
            rulings |= {(item["id"], str(i)): value for i, value in enumerate(met or ())}
        grade = AudioMultiChallenge().grade(
            entries,
            profile=golden.get("profile", "official"),
            params=golden.get("params", {}),
            sources=Sources(judge=Written(rulings, raw=False)),
        )
        yield from figures(golden, f"{run} ", expect, _got(grade))


def _got(grade: Grade) -> dict[str, Any]:
    metrics = {m.name: m.value for m in grade.metrics}
    by_axis = grade.aggregates["by_axis"]
    return {
        "n": grade.n, "APR": _fraction(metrics["apr"]), "ARS": _fraction(metrics["ars"]),
        "n_ungraded": grade.n_ungraded, "n_missing": grade.n_missing, "n_silent": grade.n_silent,
        "n_rubrics": grade.aggregates["n_criteria"], "by_axis": {axis: _axis(v) for axis, v in by_axis.items()},
    }  # fmt: skip


def _axis(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {"n": figures["n"], "APR": _fraction(figures["apr"]), "ARS": _fraction(figures["ars"])}


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


KINDS = {("audio-multichallenge", "apr_ars.json"): apr_ars_checks}
