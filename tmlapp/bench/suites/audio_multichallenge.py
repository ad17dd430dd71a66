"""Audio MultiChallenge: several spoken turns, rubrics on the last reply. Rules: docs/grading.md.

Formulas: arXiv 2512.14865 (average pass rate and average rubric score).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from tmlapp.bench.answer import Answer
from tmlapp.bench.breakdown import by_group, graded_text, group_key, group_metrics, values_of
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import JudgePrompt, Question, Ruling, json_objects, yes_or_no
from tmlapp.bench.judges.prompt_files import with_own_text
from tmlapp.bench.labels import audio_multichallenge as labels
from tmlapp.bench.labels.rows import text, texts
from tmlapp.bench.said import in_order
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
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Verdict

# What silence scores is a question to the judge, too (some criteria ask that something is not said): it costs one
# call per criterion, so it is asked only on request.
_PARAMETERS: dict[str, Any] = {"measure_silent": False}
PROFILES: dict[str, dict[str, Any]] = {"official": _PARAMETERS, "clean": _PARAMETERS}


def criteria_met(reply: str) -> bool | None:
    """`criteria_met` of the first JSON object in a reply; None where it has none."""
    for found in json_objects(reply):
        met = found.get("criteria_met")
        return met if isinstance(met, bool) else None
    return None


CRITERION = JudgePrompt(
    kind="audio-multichallenge/criterion",
    system=(
        "You check one criterion about the last reply of a voice assistant. The conversation was spoken and is given "
        "as text. Judge only whether the last Assistant turn meets the criterion, in the light of everything that was "
        "said before it; do not judge style, length or any other quality. A criterion that asks that something is not "
        "said is met if it is not said. If the last Assistant turn is empty, nothing was said."
    ),
    user=(
        "CONVERSATION\n$context\n\nCRITERION\n$expected\n\n"
        'Reply with one JSON object and nothing else: {"explanation": "<your reason>", "criteria_met": <true or false>}'
    ),
    parse=criteria_met,
    model="o4-mini",
)
"""Fields: `context`, the whole conversation; `candidate`, its last turn; `expected`, one rubric item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A truth: `user` has the turns 1 to k, `assistant` the published replies 1 to k - 1.

    An empty reply is one that the data set does not have; it is left out of the history.
    """

    axis: str
    rubrics: tuple[str, ...]
    user: tuple[str, ...]
    assistant: tuple[str, ...]
    protocol: str


def parse_truth(raw: Mapping[str, Any]) -> Conversation:
    """The conversation in a truth.

    Raises:
        AppError: a member is missing or malformed.
    """
    try:
        user = texts(raw, "user_turns")
        assistant = texts({"assistant_turns": (), **raw}, "assistant_turns", empty=True)
        rubrics = texts(raw, "rubrics")
        protocol = raw.get("protocol", "official")
        if protocol not in labels.PROTOCOLS:
            raise ValueError(f"protocol is {protocol!r}, not live or official")
        if len(assistant) != len(user) - 1:
            raise ValueError(f"there are {len(user)} user turns and {len(assistant)} replies before the last one")
        axis = text(raw, "axis")
    except ValueError as error:
        raise AppError(
            "The truth for audio-multichallenge is not valid.",
            f"{error}.",
            "See docs/grading.md for the format.",
        ) from error
    return Conversation(
        axis=axis, rubrics=tuple(rubrics), user=tuple(user), assistant=tuple(assistant), protocol=protocol
    )


def replies_of(item: str, truth: Conversation, answer: Answer) -> list[str]:
    """The assistant's turns 1 to k: published ones and the reply, or in `live` what the model said ("": nothing).

    In `live`, `answer.extra` says where the user's turns began (`turn_starts_s`), or holds the replies (`turns`). An
    utterance belongs to the turn in which it begins.

    Raises:
        AppError: neither is there, or they do not fit the conversation.
    """
    if truth.protocol == "official":
        return [*truth.assistant, answer.text.strip()]
    turns = answer.extra.get("turns")
    if turns is None:
        turns = _by_turn(item, truth, answer)
    if (
        not isinstance(turns, list | tuple)
        or len(turns) > len(truth.user)
        or not all(isinstance(t, str) for t in turns)
    ):
        raise _no_history(item, f"The replies are no list of up to {len(truth.user)} texts")
    # A turn that was never played has no reply.
    return [t.strip() for t in turns] + [""] * (len(truth.user) - len(turns))


def _by_turn(item: str, truth: Conversation, answer: Answer) -> list[str]:
    starts = answer.extra.get("turn_starts_s")
    if not isinstance(starts, list | tuple) or not 1 <= len(starts) <= len(truth.user):
        raise _no_history(item, f"It has no list of the starts of up to {len(truth.user)} user turns")
    numbers = [float(s) for s in starts if isinstance(s, int | float) and not isinstance(s, bool)]
    # NaN fails the comparison with itself, infinity the one with a bound.
    if len(numbers) != len(starts) or not all(0 <= n < 1e6 for n in numbers) or sorted(numbers) != numbers:
        raise _no_history(item, f"The starts of its turns are not times in order: {starts!r:.80}")
    turns: list[list[str]] = [[] for _ in numbers]
    for said in in_order(answer.said()):
        turn = sum(start <= said.t_s for start in numbers[1:])
        turns[turn].append(said.text.strip())
    return [" ".join(turn) for turn in turns]


def _no_history(item: str, why: str) -> AppError:
    return AppError(
        f"The conversation {item} cannot be rebuilt.",
        f"{why}.",
        "Run it again with protocol=live, or grade answers to protocol=official.",
    )


def conversation_text(truth: Conversation, replies: Sequence[str]) -> str:
    """The turns as the judge reads them, a blank line between two; the last one is the model's reply."""
    lines: list[str] = []
    for turn, (user, reply) in enumerate(zip(truth.user, replies, strict=True), start=1):
        lines.append(f"User: {user}")
        if reply or truth.protocol == "live" or turn == len(replies):
            lines.append(f"Assistant: {reply}")
    return "\n\n".join(lines)


@suite("audio-multichallenge")
class AudioMultiChallenge(Suite):
    """Average pass rate in percent."""

    suite_name: ClassVar[str] = "audio-multichallenge"
    title: ClassVar[str] = "Audio MultiChallenge"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    where: ClassVar[str] = labels.WHERE
    options: ClassVar[Mapping[str, Any]] = labels.OPTIONS

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        return labels.load(folder, options)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        truths = {id(e): parse_truth(e.truth) for e in entries}
        protocols = sorted({t.protocol for t in truths.values()})
        if len(protocols) > 1:
            raise AppError(
                "Two protocols cannot stand in one grade.",
                "With live the history is the model's own, with official it is the published one.",
                "Grade them apart.",
            )
        outcomes = mapped(lambda e: _graded(e, truths[id(e)], profile, sources), entries, sources.judge)
        silent = _silent(entries, truths, profile, parameters, sources)
        metrics = [
            mean_metric("apr", "APR", values_of(outcomes, "apr")),
            mean_metric("ars", "ARS", values_of(outcomes, "ars")),
            *group_metrics(outcomes, "apr", "APR"),
            *group_metrics(outcomes, "ars", "ARS"),
        ]
        marked = dict(sources.protocol) | ({"protocol": protocols[0]} if protocols else {})
        return assemble(
            suite_name=self.suite_name,
            metric="APR, %",
            formula="audio-multichallenge/apr-ars@1",
            profile=profile,
            parameters=parameters,
            outcomes=outcomes,
            baselines=[Baseline(name="silent", score=silent[0])],
            aggregates={
                "by_axis": by_group(outcomes, ("apr", "ars")),
                "n_criteria": sum(len(t.rubrics) for t in truths.values()),
                "n_criteria_ungraded": sum(o.verdict.details["n_ungraded"] for o in outcomes),
                "silent_ars": silent[1],
            },
            sources=replace(sources, protocol=marked),
            metrics=metrics,
        )

    def write_official(
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - text is judged
    ) -> list[Path]:
        """`predictions.jsonl`: `{id, answer, protocol, turns}`, `turns` being the model's own replies in `live`."""
        rows = []
        for item in items:
            answer = next(iter(answers.get(item.id, {}).values()), None)
            if answer is not None:
                truth = parse_truth(item.truth)
                replies = replies_of(item.id, truth, answer)
                row = {"id": item.id, "answer": replies[-1], "protocol": truth.protocol}
                rows.append(row | ({"turns": replies} if truth.protocol == "live" else {}))
        return labels.write_predictions(folder, rows)

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return labels.read_predictions(folder, items)

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> list[RecordedVerdict]:
        """`judged.jsonl`: `{id, criteria_met: [true, false, null, …]}`, one value per rubric item."""
        return labels.read_verdicts(folder, items, CRITERION.kind)


def _asked(item: str, truth: Conversation, replies: Sequence[str], sources: Sources, prefix: str = "") -> list[Ruling]:
    prompt = with_own_text(CRITERION, sources.folders, ("context", "expected"))
    context = conversation_text(truth, replies)
    return [
        yes_or_no(
            sources.judge.ask(
                Question(
                    prompt=prompt,
                    item=item,
                    key=f"{prefix}{index}",
                    fields={"context": context, "candidate": replies[-1], "expected": rubric},
                )
            )
        )
        for index, rubric in enumerate(truth.rubrics)
    ]


def _graded(entry: Entry, truth: Conversation, profile: str, sources: Sources) -> Outcome:
    answer, n = entry.answer, len(truth.rubrics)
    rulings: list[Ruling] = []
    shown = graded_text(answer)
    silent = False
    if answer is not None:
        replies = replies_of(entry.item, truth, answer)
        silent = not replies[-1]
        if not (silent and profile == "clean"):
            rulings = _asked(entry.item, truth, replies, sources)
    met = [r.value for r in rulings] or [None if answer is None else False] * n
    ungraded = [r for r in rulings if r.value is None]
    passed = all(m is True for m in met)
    share = sum(m is True for m in met) / n
    values = {"apr": 100.0 * passed, "ars": 100.0 * share}
    verdict = Verdict(
        item=entry.item,
        score=100.0 * passed,
        passed=passed,
        graded_text=shown,
        why=_why(entry, met, ungraded, silent=silent and not rulings),
        details={
            "criteria": list(truth.rubrics), "criteria_met": met, "n_ungraded": len(ungraded),
            "protocol": truth.protocol, "last_reply": replies[-1] if answer is not None else None,
        },
        values=values | {group_key(name, truth.axis): value for name, value in values.items()},
        group=truth.axis,
        audio=answer.audio if answer else "",
    )  # fmt: skip
    return Outcome(verdict=verdict, silent=silent, missing=answer is None, ungraded=bool(ungraded))


def _why(entry: Entry, met: Sequence[bool | None], ungraded: Sequence[Ruling], *, silent: bool) -> str:
    if entry.answer is None:
        return f"fails: {entry.failure or 'the item was not run'}"
    if silent:
        return "fails: nothing was said after the last user turn"
    n_met = sum(m is True for m in met)
    verb = "passes" if n_met == len(met) else "fails"
    unmet = ", ".join(str(i + 1) for i, m in enumerate(met) if m is not True)
    reason = f"; not met: {unmet}" if unmet else ""
    left = f"; {len(ungraded)} not judged ({ungraded[0].why or 'no verdict'})" if ungraded else ""
    return f"{verb}: {n_met} of {len(met)} criteria are met{reason}{left}"


def _silent(
    entries: Sequence[Entry],
    truths: Mapping[int, Conversation],
    profile: str,
    parameters: Mapping[str, Any],
    sources: Sources,
) -> tuple[float | None, float | None]:
    """APR and ARS of a model that says nothing; None where the judge would have to be asked and was not."""
    if not entries:
        return None, None
    if profile == "clean":
        return 0.0, 0.0
    if not parameters["measure_silent"]:
        return None, None

    def score(entry: Entry) -> tuple[bool, float]:
        truth = truths[id(entry)]
        history = truth.assistant if truth.protocol == "official" else ("",) * len(truth.assistant)
        met = [r.value is True for r in _asked(entry.item, truth, (*history, ""), sources, "silent/")]
        return all(met), sum(met) / len(met)

    scored = mapped(score, entries, sources.judge)
    return 100.0 * sum(p for p, _ in scored) / len(scored), 100.0 * sum(s for _, s in scored) / len(scored)
