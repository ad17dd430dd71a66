"""QIVD: a spoken question on a live clip, answered aloud. Rules: docs/grading.md.

All times are video time in seconds, 0 at the first frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tmlapp.bench.answer import Answer
from tmlapp.bench.breakdown import by_group, graded_text, values_of
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import JudgePrompt, Question, Ruling, json_objects, yes_or_no
from tmlapp.bench.judges.prompt_files import with_own_text
from tmlapp.bench.judges.rules import meaning_rules
from tmlapp.bench.labels import qivd as labels
from tmlapp.bench.said import is_time
from tmlapp.bench.suite import (
    Answers,
    Entry,
    Outcome,
    RecordedVerdict,
    Sounds,
    Sources,
    Suite,
    assemble,
    mapped,
    mean_metric,
    merged_parameters,
    suite,
)
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Verdict

PROFILES: dict[str, dict[str, Any]] = {"tml_reading": {}, "paper": {}}
"""The same contract; `paper` names the judge of the paper, Qwen3-8B, whose own prompt is not published."""
_KNOWN = ("suite", "category", "timestamp_s", "question", "answer", "short_answer", "video")


def judged_correct(reply: str) -> bool | None:
    """`correct` of the first JSON object in a reply; None where it has none."""
    for found in json_objects(reply):
        correct = found.get("correct")
        return correct if isinstance(correct, bool) else None
    return None


def _prompt(model: str) -> JudgePrompt:
    return JudgePrompt(
        kind="qivd/correct",
        system=(
            "You grade the answer to a question about a short video clip that you cannot see. Two references are "
            "given: a full ANSWER and a SHORT ANSWER. Read them together, because the short one can mislead on its "
            "own: it may be a bare number where the question asks for yes or no, or the other way round. The "
            "TRANSCRIPT is everything that a model said while it watched. It is correct if it conveys the meaning of "
            "the reference answer to the question. Singular or plural, digits or words, other wording and further "
            "true details do not matter; a wrong number, colour, object, action or polarity does, and so does an "
            "answer that is taken back or a refusal to answer."
        ),
        user=(
            "QUESTION\n$question\n\nANSWER\n$expected\n\nSHORT ANSWER\n$accept\n\nTRANSCRIPT\n$candidate\n\n"
            'Reply with one JSON object and nothing else: {"correct": <true or false>, "reason": "<your reason>"}'
        ),
        parse=judged_correct,
        model=model,
        rules=meaning_rules,
    )


CORRECT = {"tml_reading": _prompt("gpt-4o-mini"), "paper": _prompt("Qwen3-8B")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    category: str
    timestamp_s: float
    question: str
    answer: str
    short_answer: str


@suite("qivd")
class Qivd(Suite):
    """Accuracy in percent."""

    suite_name: ClassVar[str] = "qivd"
    title: ClassVar[str] = "QIVD"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    where: ClassVar[str] = labels.WHERE
    options: ClassVar[Mapping[str, Any]] = labels.OPTIONS

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        return labels.load(folder, options)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        truths = {id(e): _truth(e.truth) for e in entries}
        prompt = with_own_text(CORRECT[profile], sources.folders, ("question", "expected", "candidate"))
        outcomes = mapped(lambda e: _graded(e, truths[id(e)], prompt, sources), entries, sources.judge)
        return assemble(
            suite_name=self.suite_name,
            metric="accuracy, %",
            formula="qivd/accuracy@1",
            profile=profile,
            parameters=parameters,
            outcomes=outcomes,
            baselines=[Baseline(name="silent", score=0.0 if entries else None)],
            aggregates={
                "by_category": by_group(outcomes, ("accuracy", "timing_mae_s")),
                "n_answered": sum(not o.verdict.values["no_answer_pct"] for o in outcomes),
                "n_timed": len(values_of(outcomes, "timing_mae_s")),
            },
            sources=sources,
            metrics=_metrics(outcomes),
        )

    def write_official(
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - text is judged
    ) -> list[Path]:
        """`predictions.jsonl`: `{id, prediction, first_word_s}` (ours: no layout of predictions is published)."""
        rows = []
        for item in items:
            for answer in list(answers.get(item.id, {}).values())[:1]:
                onset = None if answer.silent else first_word_s(item.id, answer)
                rows.append({"id": item.id, "prediction": answer.text, "first_word_s": onset})
        return labels.write_predictions(folder, rows)

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return labels.read_predictions(folder, items)

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> list[RecordedVerdict]:
        """`judged.jsonl`: `{id, judge_reply}`, the judge's raw reply."""
        return labels.read_verdicts(folder, items, CORRECT["tml_reading"].kind)


def _truth(raw: Mapping[str, Any]) -> _Truth:
    fields = Fields(raw, "qivd", _KNOWN)
    found = _Truth(
        category=fields.text("category"),
        timestamp_s=fields.number("timestamp_s"),
        question=fields.text("question"),
        answer=fields.text("answer"),
        short_answer=fields.text("short_answer"),
    )
    if not found.question.strip() or not found.answer.strip():
        raise fields.error("question or answer is missing")
    return found


def first_word_s(item: str, answer: Answer) -> float | None:
    """Onset of the first word; of the first utterance where words have no times; None where nothing has.

    Raises:
        AppError: a time is not a finite number.
    """
    times = [w.t0_s for w in answer.words] or [u.t0_s for u in answer.utterances if u.text.strip()]
    if not all(map(is_time, times)):
        raise AppError(
            f"The answer to {item} cannot be graded.",
            "A time in it is not a finite number.",
            "Transcribe the run again, or correct the times.",
        )
    return min(times, default=None)


def _graded(entry: Entry, truth: _Truth, prompt: JudgePrompt, sources: Sources) -> Outcome:
    answer = entry.answer
    ruling: Ruling | None = None
    onset: float | None = None
    # Before the judge is asked: what cannot be shown is not paid for.
    shown = graded_text(answer)
    if answer is not None and not answer.silent:
        onset = first_word_s(entry.item, answer)
        fields = {
            "question": truth.question, "expected": truth.answer, "accept": truth.short_answer,
            "candidate": answer.text.strip(),
        }  # fmt: skip
        ruling = yes_or_no(sources.judge.ask(Question(prompt=prompt, item=entry.item, key="main", fields=fields)))
    correct = ruling is not None and ruling.value is True
    values = {"accuracy": 100.0 * correct, "no_answer_pct": 100.0 * (ruling is None)}
    if onset is not None:
        values["timing_mae_s"] = abs(onset - truth.timestamp_s)
        values["answered_before_pct"] = 100.0 * (onset < truth.timestamp_s)
    verdict = Verdict(
        item=entry.item,
        score=100.0 * correct,
        passed=correct,
        graded_text=shown,
        why=_why(entry, answer, ruling, onset, truth),
        details={
            "question": truth.question, "answer": truth.answer, "short_answer": truth.short_answer,
            "timestamp_s": truth.timestamp_s, "first_word_s": onset, "correct": ruling.value if ruling else None,
        },
        values=values,
        group=truth.category,
        audio=answer.audio if answer else "",
    )  # fmt: skip
    return Outcome(
        verdict=verdict,
        silent=answer is not None and answer.silent,
        missing=answer is None,
        ungraded=ruling is not None and ruling.value is None,
    )


def _why(entry: Entry, answer: Answer | None, ruling: Ruling | None, onset: float | None, truth: _Truth) -> str:
    if answer is None:
        return f"incorrect: {entry.failure or 'the item was not run'}"
    if ruling is None:
        return "incorrect: nothing was said"
    when = "" if onset is None else f"; first word at {onset:.2f} s, answerable from {truth.timestamp_s:.2f} s"
    if ruling.value is None:
        return f"ungraded, counted as incorrect: {ruling.why or 'the reply holds no verdict'}{when}"
    return f"{'correct' if ruling.value is True else 'incorrect'} says {ruling.judge}{when}"


def _metrics(outcomes: Sequence[Outcome]) -> list[Metric]:
    timed = "nothing was answered at a known time"
    return [
        mean_metric("accuracy", "accuracy", values_of(outcomes, "accuracy")),
        mean_metric("no_answer_pct", "no answer", values_of(outcomes, "no_answer_pct"), better="lower"),
        mean_metric(
            "timing_mae_s",
            "timing MAE",
            values_of(outcomes, "timing_mae_s"),
            unit="s",
            better="lower",
            reason=timed,
        ),
        mean_metric(
            "answered_before_pct",
            "answered before it could be known",
            values_of(outcomes, "answered_before_pct"),
            better="lower",
            reason=timed,
        ),
    ]
