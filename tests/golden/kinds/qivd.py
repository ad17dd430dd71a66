"""Golden files of QIVD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tests.golden.judged import Written, figures
from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.labels.qivd import timestamp_s
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.qivd import Qivd


def accuracy_checks(golden: Golden) -> Iterator[Check]:
    """`accuracy_timing.json`: times as written, then raw replies of a judge through the grader itself."""
    for written, seconds in golden.get("timestamp_parse", ()):
        yield Check(f"timestamp {written}", seconds, timestamp_s(written), golden.get("tolerance", TOLERANCE))
    entries: list[Entry] = []
    rulings: dict[tuple[str, str], Any] = {}
    for item in golden["items"]:
        truth = {
            "category": item["category"], "timestamp_s": timestamp_s(item["timestamp"]),
            "question": item.get("question", "question"), "answer": item.get("answer", "answer"),
            "short_answer": item.get("short_answer", ""),
        }  # fmt: skip
        onset, said = item.get("first_word_s"), item["transcript"]
        answers = {} if said is None else {"main": Answer(text=said, utterances=_spoken(onset, said))}
        entries.append(Entry(str(item["id"]), truth, None, answers))
        rulings[str(item["id"]), "main"] = item.get("judge_reply")
    judge = Written(rulings, raw=True)
    grade = Qivd().grade(
        entries,
        profile=golden.get("profile", "tml_reading"),
        params=golden.get("params", {}),
        sources=Sources(judge=judge),
    )
    metrics = {m.name: m.value for m in grade.metrics}
    got: dict[str, Any] = {
        "n": grade.n, "n_ungraded": grade.n_ungraded, "n_silent": grade.n_silent, "n_missing": grade.n_missing,
        **metrics, "answered_before_timestamp_pct": metrics["answered_before_pct"],
        "by_category": {k: v["accuracy"] for k, v in grade.aggregates["by_category"].items()},
    }  # fmt: skip
    yield from figures(golden, "", golden["expect"], got)


def _spoken(onset: float | None, said: str) -> tuple[Utterance, ...]:
    return () if onset is None else (Utterance(onset, None, said),)


KINDS = {("qivd", "accuracy_timing.json"): accuracy_checks}
