"""Full-Duplex-Bench v3: tools called out of disfluent speech. Rules: docs/grading.md.

A turn counts as taken where the model said anything. `official` keeps the published denominators: quality over turns
that were taken, Pass@1 over the items that were run. `clean` counts every item in both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tmlapp.bench.answer import Answer
from tmlapp.bench.background_tools import DELEGATE, read_arguments
from tmlapp.bench.breakdown import by_group, graded_text, values_of
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import JudgePrompt, NoJudge, Question, RuleVerdict, Ruling, json_objects, yes_or_no
from tmlapp.bench.judges.prompt_files import with_own_text
from tmlapp.bench.judges.rules import meaning_rules
from tmlapp.bench.labels import fdb_v3 as labels
from tmlapp.bench.said import is_time
from tmlapp.bench.stats import mean_interval
from tmlapp.bench.suite import (
    Answers,
    Entry,
    Outcome,
    Sounds,
    Sources,
    Suite,
    assemble,
    mapped,
    mean_metric,
    merged_parameters,
    suite,
)
from tmlapp.bench.suites import fdb_v3_files as files
from tmlapp.bench.suites.fdb_v3_scoring import (
    CHUNKS,
    Call,
    Selection,
    Times,
    comparable,
    equal_arguments,
    paired,
    plain_arguments,
    selection,
    times_of,
)
from tmlapp.bench.suites.fdb_v3_tools import ToolHost, tool_host
from tmlapp.bench.truth import Fields
from tmlapp.core.grade import Baseline, Grade, Metric, Verdict

PROFILES: dict[str, dict[str, Any]] = {
    "official": {"quality_over": "turns taken", "missing": "left out"},
    "clean": {"quality_over": "all", "missing": "fail"},
}
FORMULA = "fdb-v3/tools@1"
_KNOWN = (
    "suite", "example_id", "speaker", "title", "domain", "difficulty", "features", "rollback", "expected_tool_calls",
    "user", "expected_response",
)  # fmt: skip
_FRACTIONS = (
    ("tool_selection_f1", "tool selection F1"), ("tool_selection_recall", "tool selection recall"),
    ("tool_selection_precision", "tool selection precision"), ("argument_acc", "argument accuracy"),
)  # fmt: skip


def judged(reply: str) -> bool | None:
    """`correct` of the first JSON object that has it as a boolean."""
    for found in json_objects(reply):
        if isinstance(found.get("correct"), bool):
            return bool(found["correct"])
    return None


def argument_rules(fields: Mapping[str, str]) -> RuleVerdict:
    """The fallback without a judge: equality of what is expected."""
    expected, candidate = read_arguments(fields["expected"]), read_arguments(fields["candidate"])
    return "right" if equal_arguments(expected or {}, candidate or {}) else "wrong"


_REPLY = 'Reply with one JSON object and nothing else: {"correct": <true or false>, "reason": "<your reason>"}'
ARGUMENTS = JudgePrompt(
    kind="fdb-v3/arguments",
    system=(
        "You compare the arguments of a tool call that a voice assistant made with the expected ones. The call is "
        "correct if every expected argument is there and means the same: other spelling, case, date or number format, "
        "units written out, usual abbreviations and further arguments do not matter; another value does. The user may "
        "have corrected themselves: what they wanted in the end is expected."
    ),
    user="TOOL\n$context\n\nTHE USER SAID\n$question\n\nEXPECTED\n$expected\n\nCALLED WITH\n$candidate\n\n" + _REPLY,
    parse=judged,
    model="gpt-4o",
    rules=argument_rules,
)
RESPONSE = JudgePrompt(
    kind="fdb-v3/response",
    system=(
        "You judge whether a voice assistant did what it was asked. You get what the user said, what an ideal "
        "assistant would say at the end, and everything that this assistant said. It is correct if it tells the user "
        "that the whole task is done, with the facts that matter, in whatever words. It is not if a step is missing, a "
        "fact is wrong, or it only announces what it is going to do."
    ),
    user="THE USER SAID\n$question\n\nIDEAL ANSWER\n$expected\n\nTHE ASSISTANT SAID\n$candidate\n\n" + _REPLY,
    parse=judged,
    model="gpt-4o",
    rules=meaning_rules,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    expected: tuple[Call, ...]
    response: str
    user: str
    domain: str
    difficulty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompts:
    arguments: JudgePrompt
    response: JudgePrompt


@suite("fdb-v3")
class FdbV3(Suite):
    """Response quality in percent, and Pass@1."""

    suite_name: ClassVar[str] = "fdb-v3"
    title: ClassVar[str] = "Full-Duplex-Bench v3"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    where: ClassVar[str] = labels.WHERE
    options: ClassVar[Mapping[str, Any]] = labels.OPTIONS
    needs: ClassVar[frozenset[Any]] = frozenset({"words", "user_words"})

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        return labels.load(folder, options)

    def toolbox(self, item: SuiteItem, folder: Path) -> ToolHost:
        """The tools as the benchmark announces them, with its fixed results; see `fdb_v3_tools`."""
        return tool_host(item, folder)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        truths = {id(e): _truth(e.truth) for e in entries}
        prompts = _Prompts(
            arguments=with_own_text(ARGUMENTS, sources.folders, ("expected", "candidate")),
            response=with_own_text(RESPONSE, sources.folders, ("expected", "candidate")),
        )
        outcomes = mapped(lambda e: _graded(e, truths[id(e)], prompts, parameters, sources), entries, sources.judge)
        by_equality = isinstance(sources.judge, NoJudge)
        return assemble(
            suite_name=self.suite_name,
            metric="response quality, %",
            formula=FORMULA + (", arguments by equality" if by_equality else ""),
            profile=profile,
            parameters=parameters,
            outcomes=outcomes,
            baselines=_baselines(list(truths.values()), parameters),
            aggregates={
                "arguments_by": "equality, no judge" if by_equality else sources.judge.name,
                "n_turn_taken": sum(bool(o.verdict.values.get("turn_take")) for o in outcomes),
                "n_interruptions": round(sum(values_of(outcomes, "interruption_rate"))),
                "per_domain": by_group(outcomes, ("response_quality", "pass_at_1", "tool_selection_f1")),
                "per_difficulty": _per_difficulty(outcomes),
            },
            sources=sources,
            metrics=_metrics(outcomes, parameters),
        )

    def write_official(self, folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
        return files.write(folder, items, answers, sounds)

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return files.read(folder, items)


def _truth(raw: Mapping[str, Any]) -> _Truth:
    fields = Fields(raw, "fdb-v3", _KNOWN)
    listed = raw.get("expected_tool_calls")
    if not isinstance(listed, list | tuple):
        raise fields.error("expected_tool_calls is not a list")
    expected = []
    for i, call in enumerate(listed):
        args = call.get("args", {}) if isinstance(call, Mapping) else None
        if not isinstance(args, Mapping) or not isinstance(call.get("function"), str):
            raise fields.error(f"expected_tool_calls[{i}] is no {{function, args}}")
        expected.append(Call(call["function"], args))
    return _Truth(
        expected=tuple(expected),
        response=fields.text("expected_response"),
        user=fields.text("user"),
        domain=fields.text("domain"),
        difficulty=fields.text("difficulty"),
    )


def actual_calls(answer: Answer) -> list[Call]:
    """What the model called, in order of time; handing work to a background agent is no call of the benchmark."""
    found = []
    for tool in sorted(answer.tools, key=lambda t: t.t0_s):
        if tool.name != DELEGATE:
            args = read_arguments(tool.arguments) or {} if isinstance(tool.arguments, str) else tool.arguments
            found.append(Call(tool.name, args))
    return found


def _graded(entry: Entry, truth: _Truth, prompts: _Prompts, parameters: Mapping[str, Any], sources: Sources) -> Outcome:
    answer = entry.answer
    if answer is None or (entry.outputs is None and not entry.answers):
        return _missing(entry, truth, parameters)
    shown = graded_text(answer)
    times = times_of(entry.item, answer)
    taken = not answer.silent or bool(answer.extra.get(CHUNKS))
    actual = actual_calls(answer)
    names = selection([c.function for c in truth.expected], [c.function for c in actual])
    rulings = [
        _argument(entry, truth, i, call, made, prompts, sources)
        for i, (call, made) in enumerate(zip(truth.expected, paired(truth.expected, actual), strict=True))
    ]
    right = [ruling.value is True for ruling in rulings]
    passed = names.exact and all(right)
    response = _response(entry, truth, answer, prompts, sources)
    quality = _quality(response, sources)
    values = _values(names, right, quality, times, taken=taken, passed=passed, parameters=parameters)
    why = (
        f"{'passes' if passed else 'fails'} Pass@1: {len(actual)} calls for {len(truth.expected)}, "
        f"{sum(right)} with right arguments; response: {_said_of(response)}"
    )
    details: dict[str, Any] = {
        "expected_calls": [{"function": c.function, "args": dict(c.args)} for c in truth.expected],
        "actual_calls": [{"function": c.function, "args": plain_arguments(c.args)} for c in actual],
        "argument_verdicts": [r.value for r in rulings], "argument_why": [r.why for r in rulings],
        "argument_judges": sorted({r.judge for r in rulings}), "expected_response": truth.response,
        "response_verdict": None if quality is None else quality / 100, "turn_taken": taken,
        "user_speech_end_s": times.user_end_s, "user_speech_end_from": times.user_from,
        "agent_speech_start_s": times.model_start_s, "agent_speech_start_from": times.model_from,
        "tool_latency_s": _tool_latency(answer, times), "difficulty": truth.difficulty,
    }  # fmt: skip
    verdict = Verdict(
        item=entry.item, score=values.get("response_quality"), passed=passed, graded_text=shown, why=why,
        details=details, values=values, group=truth.domain, audio=answer.audio,
    )  # fmt: skip
    # Equality is a rule of its own, so calls that nobody judged are graded all the same.
    ungraded = (response is not None and response.value is None) or any(r.value is None for r in rulings)
    return Outcome(verdict=verdict, silent=answer.silent, ungraded=ungraded, dropped="response_quality" not in values)


def _missing(entry: Entry, truth: _Truth, parameters: Mapping[str, Any]) -> Outcome:
    fails = parameters["missing"] == "fail"
    values: dict[str, float] = {}
    if fails:
        values = dict.fromkeys((f"{name}_all" for name, _ in _FRACTIONS), 0.0)
        values |= {"pass_at_1": 0.0, "response_quality_all": 0.0, "turn_take": 0.0}
        if parameters["quality_over"] == "all":
            values["response_quality"] = 0.0
    verdict = Verdict(
        item=entry.item, score=values.get("response_quality"), passed=False if fails else None, graded_text=(),
        why=f"{'fails' if fails else 'left out'}: {entry.failure or 'the item was not run'}",
        details={"difficulty": truth.difficulty}, values=values, group=truth.domain,
    )  # fmt: skip
    return Outcome(verdict=verdict, missing=True, dropped="response_quality" not in values)


def _argument(
    entry: Entry, truth: _Truth, i: int, expected: Call, made: Call | None, prompts: _Prompts, sources: Sources
) -> Ruling:
    if made is None:
        return Ruling(value=False, judge="rule", why="not called")
    wanted = comparable(expected.args)
    if not wanted:
        return Ruling(value=True, judge="rule", why="nothing to compare")
    if isinstance(sources.judge, NoJudge):
        same = equal_arguments(expected.args, made.args)
        return Ruling(value=same, judge="equality", why="equal" if same else "not equal")
    fields = {
        "context": expected.function, "question": truth.user, "expected": _json(wanted), "candidate": _json(made.args),
    }  # fmt: skip
    question = Question(prompt=prompts.arguments, item=entry.item, key=f"argument-{i}", fields=fields)
    return yes_or_no(sources.judge.ask(question))


def _response(entry: Entry, truth: _Truth, answer: Answer, prompts: _Prompts, sources: Sources) -> Ruling | None:
    """None: nothing was said, so there is nothing to ask."""
    if answer.silent:
        return None
    fields = {"question": truth.user, "expected": truth.response, "candidate": answer.text.strip()}
    question = Question(prompt=prompts.response, item=entry.item, key="response", fields=fields)
    return yes_or_no(sources.judge.ask(question))


def _quality(response: Ruling | None, sources: Sources) -> float | None:
    if response is not None and response.value is None and isinstance(sources.judge, NoJudge):
        return None
    # A reply that cannot be read counts as 0, as in the official script.
    return 100.0 * (response is not None and bool(response.value))


def _values(
    names: Selection,
    right: Sequence[bool],
    quality: float | None,
    times: Times,
    *,
    taken: bool,
    passed: bool,
    parameters: Mapping[str, Any],
) -> dict[str, float]:
    accuracy = round(sum(right) / len(right), 3) if right else 1.0
    fractions = dict(zip((n for n, _ in _FRACTIONS), (names.f1, names.recall, names.precision, accuracy), strict=True))
    values = {"pass_at_1": 100.0 * passed, "turn_take": float(taken)}
    values |= {f"{name}_all": value for name, value in fractions.items()}
    if taken:
        values |= fractions
    if quality is not None:
        values["response_quality_all"] = quality
        if taken or parameters["quality_over"] == "all":
            values["response_quality"] = quality
    latency = times.latency_s
    if latency is not None:
        values["interruption_rate"] = float(latency < 0)
        if latency >= 0:
            values["latency_s"] = latency
    return values


def _tool_latency(answer: Answer, times: Times) -> float | None:
    starts = [tool.t0_s for tool in answer.tools if tool.name != DELEGATE and is_time(tool.t0_s)]
    return None if times.user_end_s is None or not starts else min(starts) - times.user_end_s


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, ensure_ascii=False, default=str)


def _said_of(response: Ruling | None) -> str:
    if response is None:
        return "nothing was said"
    if response.value is None:
        return f"ungraded ({response.why})"
    return f"{'right' if response.value else 'wrong'} ({response.why or response.judge})"


def _metrics(outcomes: Sequence[Outcome], parameters: Mapping[str, Any]) -> list[Metric]:
    over = "all items" if parameters["quality_over"] == "all" else "turns that were taken"
    no_quality = "no judge was chosen" if outcomes and not values_of(outcomes, "response_quality_all") else ""
    found = [
        mean_metric(
            "response_quality", f"response quality, {over}", values_of(outcomes, "response_quality"),
            reason=no_quality or "no turn was taken",
        ),
        _pass(values_of(outcomes, "pass_at_1")),
        *(mean_metric(name, label, values_of(outcomes, name), unit="") for name, label in _FRACTIONS),
        mean_metric("turn_take", "turns taken", values_of(outcomes, "turn_take"), unit=""),
        mean_metric(
            "latency_s", "latency", values_of(outcomes, "latency_s"), unit="s", better="lower",
            reason="no turn was taken after the user's, or its time is not known",
        ),
        mean_metric(
            "interruption_rate", "interruptions", values_of(outcomes, "interruption_rate"), unit="", better="lower",
            reason="no item has both times",
        ),
        mean_metric(
            "response_quality_all", "response quality, all items", values_of(outcomes, "response_quality_all"),
            reason=no_quality,
        ),
    ]  # fmt: skip
    for name, label in _FRACTIONS:
        found.append(mean_metric(f"{name}_all", f"{label}, all items", values_of(outcomes, f"{name}_all"), unit=""))
    return found


def _pass(values: Sequence[float]) -> Metric:
    """The share of passed items, to 3 decimals as the official script gives it."""
    if not values:
        return mean_metric("pass_at_1", "Pass@1", values)
    share = round(sum(v > 0 for v in values) / len(values), 3)
    return Metric(name="pass_at_1", label="Pass@1", value=100 * share, n=len(values), interval=mean_interval(values))


def _per_difficulty(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for level in sorted({str(o.verdict.details["difficulty"]) for o in outcomes}):
        members = [o for o in outcomes if o.verdict.details["difficulty"] == level]
        passes = values_of(members, "pass_at_1")
        found[level] = {"n": len(members), "pass_at_1": sum(passes) / len(passes) if passes else None}
    return found


def _baselines(truths: Sequence[_Truth], parameters: Mapping[str, Any]) -> list[Baseline]:
    """A silent model takes no turn: its quality is undefined; it passes where no call is expected."""
    passes = [100.0 * (not truth.expected) for truth in truths]
    quality = 0.0 if truths and parameters["quality_over"] == "all" else None
    return [
        Baseline(name="silent", score=quality),
        Baseline(name="silent, Pass@1", score=sum(passes) / len(passes) if passes else None),
    ]
