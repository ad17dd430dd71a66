"""BigBench Audio: spoken reasoning questions with one short answer each. Rules: docs/grading.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tmlapp.bench.answer import Answer
from tmlapp.bench.breakdown import by_group, graded_text, group_key, group_metrics, values_of
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import JudgePrompt, Question, RuleVerdict, yes_or_no
from tmlapp.bench.judges.prompt_files import with_own_text
from tmlapp.bench.judges.rules import meaning_rules
from tmlapp.bench.labels import bigbench_audio as labels
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

PROFILES: dict[str, dict[str, Any]] = {"official": {}, "aa_mean3": {}}
RUNS = labels.RUNS
# A plain search would find CORRECT in INCORRECT; an underscore is emphasis, no letter.
_WORD = re.compile(r"(?<![^\W_])(in)?correct(?![^\W_])", re.IGNORECASE)
_YES_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_UNKNOWN = "(The question's text is not at hand.)"
_KNOWN = ("suite", "category", "official_answer", "runs")


def judged_correct(reply: str) -> bool | None:
    """The verdict in a reply: exactly one of the whole words correct and incorrect, in any case; else None."""
    said = {bool(match[1]) for match in _WORD.finditer(reply)}
    return None if len(said) != 1 else not said.pop()


def answer_rules(fields: Mapping[str, str]) -> RuleVerdict:
    """The offline fallback; a yes or no that is only implied ("Sam lies") is left to another judge."""
    if fields["expected"].strip().lower() in ("yes", "no") and not _YES_NO.search(fields["candidate"]):
        return "undecided"
    return meaning_rules(fields)


CORRECT = JudgePrompt(
    kind="bigbench-audio/correct",
    user=(
        "Decide whether a candidate's answer to a question is CORRECT or INCORRECT.\n"
        "1. It is CORRECT only if it agrees with the OFFICIAL ANSWER, which is always right.\n"
        "2. Where the candidate contradicts itself, only the answer that it gave first counts.\n"
        "3. Where it gives its working and then a final answer, only the final answer counts.\n"
        "4. Whatever has nothing to do with the question is passed over.\n"
        "5. A number may be written in digits or in words.\n"
        "6. A person's name may be spelled otherwise, as long as it sounds alike.\n"
        "7. Do not solve the question yourself; it is given only so that the answers can be understood.\n\n"
        "START QUESTION\n$question\nEND QUESTION\n\n"
        "The OFFICIAL ANSWER: $expected\n\n"
        "BEGIN CANDIDATE ANSWER TO ASSESS\n$candidate\nEND CANDIDATE ANSWER TO ASSESS\n\n"
        "Reply with one word, CORRECT or INCORRECT, and nothing else."
    ),
    parse=judged_correct,
    model="claude-3-5-sonnet-20241022",
    rules=answer_rules,
)


@suite("bigbench-audio")
class BigBenchAudio(Suite):
    """Accuracy in percent."""

    suite_name: ClassVar[str] = "bigbench-audio"
    title: ClassVar[str] = "BigBench Audio"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    where: ClassVar[str] = labels.WHERE
    options: ClassVar[Mapping[str, Any]] = labels.OPTIONS
    needs: ClassVar = frozenset({"user_words"})

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        return labels.load(folder, options)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        truths = [_truth(e.truth) for e in entries]
        runs = RUNS if profile == "aa_mean3" else RUNS[:1]
        _check_runs(entries, runs)
        by_entry = {id(e): t for e, t in zip(entries, truths, strict=True)}
        outcomes = mapped(lambda e: _graded(e, *by_entry[id(e)], runs, sources), entries, sources.judge)
        return assemble(
            suite_name=self.suite_name,
            metric="accuracy, %",
            formula="bigbench-audio/accuracy@1",
            profile=profile,
            parameters=parameters,
            outcomes=outcomes,
            baselines=_baselines(truths),
            aggregates={
                "by_category": by_group(outcomes, ("accuracy",)),
                "n_ungraded_replies": sum(r["ungraded"] for o in outcomes for r in o.verdict.details["runs"]),
                "n_question_unknown": sum(o.verdict.details["question_known"] is False for o in outcomes),
            },
            sources=sources,
            metrics=_metrics(outcomes, runs),
        )

    def write_official(
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - text is judged
    ) -> list[Path]:
        """`predictions.jsonl`: `{id, run, answer, question}`, one line per run of an item."""
        return labels.write_predictions(folder, items, answers)

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return labels.read_predictions(folder, items)

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> list[RecordedVerdict]:
        """`judged.jsonl`: `{id, run, judge_reply}`, the judge's raw reply."""
        return labels.read_verdicts(folder, items, CORRECT.kind)


def _truth(raw: Mapping[str, Any]) -> tuple[str, str]:
    fields = Fields(raw, "bigbench-audio", _KNOWN)
    category, official = fields.text("category"), fields.text("official_answer")
    if not category.strip() or not official.strip():
        raise fields.error("category or official_answer is missing")
    return category, official


def _check_runs(entries: Sequence[Entry], runs: Sequence[str]) -> None:
    made = {name for e in entries for name in e.answers}
    lacking = [name for name in runs[1:] if name not in made]
    if lacking and any(e.answer is not None for e in entries):
        raise AppError(
            f"The profile aa_mean3 needs {len(runs)} runs of every item.",
            f"There are no answers named {' or '.join(lacking)}.",
            "Run with the option runs=3, or use the profile official.",
        )


def _graded(entry: Entry, category: str, official: str, runs: Sequence[str], sources: Sources) -> Outcome:
    answers = [a for name in runs if (a := _answer(entry, name)) is not None]
    # Before the judge is asked: what cannot be shown is not paid for.
    shown = tuple(said for answer in answers for said in graded_text(answer))
    judged = [_run(entry, official, name, sources) for name in runs]
    asked = [r for r in judged if r["judged"]]
    score = 100.0 * sum(r["correct"] for r in judged) / len(runs)
    known = all(r["question_known"] for r in asked) if asked else None
    values = {"accuracy": score, group_key("accuracy", category): score}
    if len(runs) > 1:
        values |= {f"accuracy_{name}": 100.0 * r["correct"] for name, r in zip(runs, judged, strict=True)}
    why = "; ".join(r["why"] for r in judged)
    verdict = Verdict(
        item=entry.item,
        score=score,
        passed=all(r["correct"] for r in judged),
        graded_text=shown,
        why=why + ("; the judge did not know the question" if known is False else ""),
        details={"official_answer": official, "question_known": known, "runs": judged},
        values=values,
        group=category,
        audio=answers[0].audio if answers else "",
    )
    silent = bool(answers) and all(a.silent for a in answers)
    return Outcome(verdict=verdict, silent=silent, missing=not answers, ungraded=any(r["ungraded"] for r in judged))


def _answer(entry: Entry, name: str) -> Answer | None:
    if name in entry.answers:
        return entry.answers[name]
    # What is graded without runs (a truth file, a recording) has one answer without a name.
    return entry.answer if name == RUNS[0] and not set(RUNS) & set(entry.answers) else None


def _run(entry: Entry, official: str, name: str, sources: Sources) -> dict[str, Any]:
    answer = _answer(entry, name)
    result = {"run": name, "correct": False, "judged": False, "ungraded": False, "question_known": False}
    if answer is None:
        return result | {"why": f"incorrect: {entry.failure or 'the item was not run'}"}
    if answer.silent:
        return result | {"why": "incorrect: nothing was said"}
    question = answer.user_text.strip()
    fields = {"question": question or _UNKNOWN, "expected": official, "candidate": answer.text.strip()}
    prompt = with_own_text(CORRECT, sources.folders, ("question", "expected", "candidate"))
    ruling = yes_or_no(sources.judge.ask(Question(prompt=prompt, item=entry.item, key=name, fields=fields)))
    result |= {"judged": True, "question_known": bool(question)}
    if ruling.value is None:
        why = f"ungraded, counted as incorrect: {ruling.why or 'the reply says neither or both words'}"
        return result | {"ungraded": True, "why": why}
    correct = ruling.value is True
    return result | {"correct": correct, "why": f"{'correct' if correct else 'incorrect'}: official answer {official}"}


def _metrics(outcomes: Sequence[Outcome], runs: Sequence[str]) -> list[Metric]:
    found = [mean_metric("accuracy", "accuracy", values_of(outcomes, "accuracy"))]
    if len(runs) > 1:
        found += [
            mean_metric(f"accuracy_{name}", f"accuracy, run {i}", values_of(outcomes, f"accuracy_{name}"))
            for i, name in enumerate(runs, start=1)
        ]
    return found + group_metrics(outcomes, "accuracy", "accuracy")


def _baselines(truths: Sequence[tuple[str, str]]) -> list[Baseline]:
    """Constant answers, counted in the official answers of the items at hand."""
    counts = Counter((category, official.strip().lower()) for category, official in truths)
    best: dict[str, int] = {}
    for (category, _), count in counts.items():
        best[category] = max(best.get(category, 0), count)

    def always(*wanted: str) -> float | None:
        return 100.0 * sum(c for (_, a), c in counts.items() if a in wanted) / len(truths) if truths else None

    return [
        Baseline(name="silent", score=0.0 if truths else None),
        Baseline(name="always “No” or “valid”", score=always("no", "valid")),
        Baseline(name="always “Yes” or “invalid”", score=always("yes", "invalid")),
        Baseline(
            name="the most frequent answer of each category",
            score=100.0 * sum(best.values()) / len(truths) if truths else None,
        ),
    ]
