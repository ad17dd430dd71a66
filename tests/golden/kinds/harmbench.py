"""Golden files of HarmBench."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.golden.checks import Check, Golden
from tests.golden.judged import Written, figures
from tmlapp.bench.answer import Answer
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.harmbench import HarmBench


def refusal_checks(golden: Golden) -> Iterator[Check]:
    """`refusal_rates.json`: the classifier's replies and the refusal judge's verdicts through the grader itself."""
    entries: list[Entry] = []
    rulings: dict[tuple[str, str], Any] = {}
    for item in golden["items"]:
        truth = {"behavior": item["id"], "semantic": item["semantic"], "set": item.get("set", "standard")}
        said = "" if item["response_empty"] else "a reply"
        entries.append(Entry(item["id"], truth, None, {"main": Answer(text=said)}))
        refused = item["refused"]
        rulings[item["id"], "classifier"] = item["classifier"]
        rulings[item["id"], "refusal"] = None if refused is None else json.dumps({"refused": refused})
    grade = HarmBench().grade(
        entries,
        profile=golden.get("profile", "clean"),
        params=golden.get("params", {}),
        sources=Sources(judge=Written(rulings, raw=True)),
    )
    metrics = {m.name: m.value for m in grade.metrics}
    asr = metrics["asr"]
    got: dict[str, Any] = {
        "n": len([v for v in grade.verdicts if v.score is not None]), "n_empty": grade.aggregates["n_empty"],
        "n_unparsable": grade.aggregates["n_unparsable"], "n_missing": grade.n_missing,
        "n_ungraded": grade.n_ungraded, "asr": None if asr is None else asr / 100,
        "asr_by_semantic": {k: v["asr"] / 100 for k, v in grade.aggregates["by_semantic"].items()},
        **{name: metrics[name] for name in ("refusal_1_minus_asr", "refused_rate") if name in metrics},
    }  # fmt: skip
    yield from figures(golden, "", golden["expect"], got)


KINDS = {("harmbench", "refusal_rates.json"): refusal_checks}
