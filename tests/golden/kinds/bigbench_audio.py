"""Golden files of BigBench Audio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.golden.checks import Check, Golden
from tests.golden.judged import Written, figures
from tmlapp.bench.answer import Answer
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.bigbench_audio import BigBenchAudio


def reply_checks(golden: Golden) -> Iterator[Check]:
    """`judge_replies.json`: raw replies of a judge through the grader itself; empty candidates are not asked about."""
    entries: list[Entry] = []
    rulings: dict[tuple[str, str], Any] = {}
    for item in golden["items"]:
        truth = {"category": item["category"], "official_answer": str(item.get("official_answer", "No"))}
        said = "" if item["candidate_empty"] else "an answer"
        entries.append(Entry(str(item["id"]), truth, None, {"main": Answer(text=said)}))
        rulings[str(item["id"]), "main"] = item["judge_reply"]
    judge = Written(rulings, raw=True)
    grade = BigBenchAudio().grade(
        entries,
        profile=golden.get("profile", "official"),
        params=golden.get("params", {}),
        sources=Sources(judge=judge),
    )
    for item, verdict in zip(golden["items"], grade.verdicts, strict=True):
        actual = "UNGRADED" if verdict.ungraded else "CORRECT" if verdict.passed else "INCORRECT"
        yield Check(f"item {item['id']}", item["expect"], actual)
    asked = {q.item for q in judge.asked}
    for item in golden["items"]:
        if item["candidate_empty"]:
            yield Check(f"item {item['id']} asked", False, str(item["id"]) in asked)
    by_category = {k: v["accuracy"] / 100 for k, v in grade.aggregates["by_category"].items()}
    got: dict[str, Any] = {
        "n": grade.n, "accuracy": None if grade.score is None else grade.score / 100, "n_ungraded": grade.n_ungraded,
        "n_silent": grade.n_silent, "n_missing": grade.n_missing, "n_scored": grade.n_scored,
        "by_category": by_category,
    }  # fmt: skip
    yield from figures(golden, "", golden["expect"], got)


KINDS = {("bigbench-audio", "judge_replies.json"): reply_checks}
