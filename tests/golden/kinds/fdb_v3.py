"""Golden files of Full-Duplex-Bench v3: tool calls, verdicts and times through the grader itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.answer import Answer, ToolUse
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_v3 import FdbV3
from tmlapp.bench.suites.fdb_v3_scoring import CHUNKS, SPEECH_END, SPEECH_START
from tmlapp.core.grade import Grade, Verdict

_UNKNOWN = "no such figure"


class _Verdicts:
    """Rules as the cases say."""

    name = "golden"
    parallel = 1

    def __init__(self, cases: Sequence[Mapping[str, Any]]) -> None:
        self._cases = {str(case["id"]): case for case in cases}

    def ask(self, question: Question) -> Ruling:
        case = self._cases[question.item]
        if question.key == "response":
            verdict = case.get("response_verdict")
            return Ruling(value=None if verdict is None else bool(verdict), judge=self.name)
        return Ruling(value=case["argument_verdicts"][int(question.key.rpartition("-")[2])], judge=self.name)

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ()


def _entry(case: Mapping[str, Any]) -> Entry:
    # Calls are names alone; one argument, so that there is something to judge.
    expected = [call if isinstance(call, Mapping) else {"function": call, "args": {"a": "b"}}
                for call in case["expected_tool_calls"]]  # fmt: skip
    actual = [call if isinstance(call, Mapping) else {"function": call, "args": {}}
              for call in case["actual_tool_calls"]]  # fmt: skip
    extra: dict[str, Any] = {
        SPEECH_END: case.get("user_speech_end_rel"),
        SPEECH_START: case.get("audio_agent_speech_start"),
    }
    if case["turn_taken"]:
        extra[CHUNKS] = True
    answer = Answer(
        text=case.get("transcript", "said" if case["turn_taken"] else ""),
        tools=tuple(ToolUse(name=c["function"], arguments=c.get("args", {}), t0_s=float(i))
                    for i, c in enumerate(actual)),
        extra=extra,
    )  # fmt: skip
    truth = {"expected_tool_calls": expected, "expected_response": "said"}
    return Entry(str(case["id"]), truth, (), {"main": answer})


def tool_checks(golden: Golden) -> Iterator[Check]:
    """`v3_tools.json`: single items, then the figures over all of them."""
    tolerance = golden.get("tolerance", TOLERANCE)
    cases = golden["cases"]
    grade = FdbV3().grade(
        [_entry(case) for case in cases],
        profile=golden.get("profile", "official"),
        params=golden.get("params", {}),
        sources=Sources(judge=_Verdicts(cases)),
    )
    for case, verdict in zip(cases, grade.verdicts, strict=True):
        for key, expected in case["expect"].items():
            yield Check(f"{case['id']} {key}", expected, _figure(verdict, key), tolerance)
    figures = _figures(grade)
    for key, expected in golden.get("expect_aggregate", {}).items():
        yield Check(key, expected, figures.get(key, _UNKNOWN), tolerance)


def _figure(verdict: Verdict, key: str) -> Any:
    values = verdict.values
    match key:
        case "pass":
            return verdict.passed
        case "recall" | "precision" | "f1":
            return values[f"tool_selection_{key}_all"]
        case "argument_acc":
            return values["argument_acc_all"]
        case "response_qual":
            return verdict.details["response_verdict"]
        case "turn_taken" | "turn_take_success":
            return verdict.details["turn_taken"]
        case "latency":
            return values.get("latency_s")
        case "interruption":
            return bool(values["interruption_rate"]) if "interruption_rate" in values else None
    return _UNKNOWN


def _figures(grade: Grade) -> dict[str, Any]:
    values = {m.name: m.value for m in grade.metrics}
    of_hundred = {k: None if v is None else v / 100 for k, v in values.items()}
    figures: dict[str, Any] = {
        "n": grade.n, "n_turn_taken": grade.aggregates["n_turn_taken"], "n_silent": grade.n_silent,
        "n_missing": grade.n_missing, "n_ungraded": grade.n_ungraded, "pass_at_1": of_hundred["pass_at_1"],
        "response_qual_taken": of_hundred["response_quality"], "response_qual_all": of_hundred["response_quality_all"],
        "latency_mean_non_interrupted": values["latency_s"], "interruption_rate": values["interruption_rate"],
        "n_interruptions": grade.aggregates["n_interruptions"], "turn_take_rate": values["turn_take"],
    }  # fmt: skip
    for name in ("tool_selection_f1", "tool_selection_recall", "tool_selection_precision", "argument_acc"):
        figures |= {f"{name}_taken": values[name], f"{name}_all": values[f"{name}_all"]}
    return figures


KINDS = {("full-duplex-bench", "v3_tools.json"): tool_checks}
