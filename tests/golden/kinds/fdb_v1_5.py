"""Golden files of Full-Duplex-Bench v1.5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.judges.base import NoJudge, Question, Ruling
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_behaviour import behaviour_object
from tmlapp.bench.suites.fdb_timing import MODEL_GAP_S, USER_GAP_S
from tmlapp.bench.suites.fdb_v1_5 import FdbV15
from tmlapp.bench.suites.fdb_v1_5_samples import intervals_json, times_of
from tmlapp.core.grade import Grade

UNKNOWN = "no such figure"


class TableJudge(NoJudge):
    """Rules as a table says."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = table

    def ask(self, question: Question) -> Ruling:
        return Ruling(value=[self._table[question.item]], judge=self.name)


def _compared(golden: Golden, where: str, expect: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Check]:
    tolerance = golden.get("tolerance", TOLERANCE)
    for key, value in expect.items():
        allowed = tolerance.get(key, TOLERANCE) if isinstance(tolerance, Mapping) else tolerance
        yield Check(f"{where} {key}", value, found.get(key, UNKNOWN), allowed)


def reply_checks(golden: Golden) -> Iterator[Check]:
    """`v1_5_behavior_reply_parse.json`: replies of the judge; a ValueError where no object has the key."""
    for case in golden["cases"]:
        read = behaviour_object(case["reply"])
        found = {"official_error": "ValueError"} if read is None else {**read, "official_error": None}
        yield from _compared(golden, case["id"], case["expect"], found)


def timing_checks(golden: Golden) -> Iterator[Check]:
    """`v1_5_timing.json`: voice activity of both sides."""
    gaps = golden.get("constants", {})
    user_gap, model_gap = gaps.get("user_merge_gap_s", USER_GAP_S), gaps.get("model_merge_gap_s", MODEL_GAP_S)
    for case in golden["cases"]:
        answer = Answer(user_speech_s=_spans(case["user_vad"]), speech_s=_spans(case["model_vad"]))
        found = times_of(answer, case["id"], user_gap_s=user_gap, model_gap_s=model_gap)
        assert found is not None
        given = {"user_merged": found.user, "model_merged": found.model, **intervals_json(found)}
        yield from _compared(golden, case["id"], case["expect"], given)


def _spans(value: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(start), float(end)) for start, end in value)


def average_checks(golden: Golden) -> Iterator[Check]:
    """`v1_5_behavior_average.json`: counts of labels, graded as a whole run."""
    for case in golden["cases"]:
        grade = _run(golden, case["scenarios"])
        found = {m.name: m.value for m in grade.metrics} | {
            "ratios_rounded": grade.aggregates["ratios_rounded"], "ratios": grade.aggregates["ratios"],
        }  # fmt: skip
        for key, value in case["expect"].items():
            if key not in ("ratios_rounded", "ratios"):
                yield from _compared(golden, case["id"], {key: value}, found)
                continue
            for scenario, shares in value.items():
                given = found[key].get(scenario, {})
                yield from _compared(golden, f"{case['id']} {key} {scenario}", shares, given)
                yield Check(f"{case['id']} {key} {scenario} labels", sorted(shares), sorted(given))


def _run(golden: Golden, scenarios: Mapping[str, Any]) -> Grade:
    said = Answer(words=(Word(0.0, 1.0, "word"),), text="word", user_text="word", user_words=(Word(0.0, 1.0, "word"),))
    entries: list[Entry] = []
    table: dict[str, str] = {}
    for scenario, counted in scenarios.items():
        given = [label for label, count in counted["labels_count"].items() for _ in range(count)]
        for index in range(max(len(given), counted.get("n", 0))):
            name = f"{scenario}/{index}"
            # Samples beyond the labels are those that the official script skipped.
            answers = {"input": said, "clean_input": said} if index < len(given) else {}
            entries.append(Entry(name, {"suite": "fdb-v1.5", "scenario": scenario}, None, answers, scenario))
            table |= {name: given[index]} if index < len(given) else {}
    params, profile = golden.get("params", {}), golden.get("profile", "official")
    return FdbV15().grade(entries, profile=profile, params=params, sources=Sources(judge=TableJudge(table)))


_FOLDER = "full-duplex-bench"
KINDS = {
    (_FOLDER, "v1_5_behavior_reply_parse.json"): reply_checks,
    (_FOLDER, "v1_5_behavior_average.json"): average_checks,
    (_FOLDER, "v1_5_timing.json"): timing_checks,
}
