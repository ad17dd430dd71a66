"""What people can be asked about a run or a recording: texts to judge, and what judges have ruled so far.

All times are seconds on the session's clock, 0 at the first sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tmlapp.bench.data import SuiteItem
from tmlapp.bench.people.verdicts import RIGHT, SCALE, WRONG, Subject, run_of
from tmlapp.bench.runs.info import PartResult
from tmlapp.bench.runs.run import Run, item_folder_name, load_run
from tmlapp.bench.sidecar import read_grades
from tmlapp.core.event import TextOutDone
from tmlapp.core.grade import Grade, Verdict
from tmlapp.recording.names import base_of
from tmlapp.recording.reader import Recording

MAIN = "main"
RULE = "timing rule"
RATING = "rating"
RATINGS = ("0", "1", "2", "3", "4", "5")
"""Scale of suites whose judge rates (Full-Duplex-Bench)."""
_EXPECTED = ("meaning", "expected", "answer", "reference", "short_answer", "label", "count")
_ASKED = ("instruction", "question", "prompt")
_NOBODY = ("none", "")


@dataclass(frozen=True, slots=True)
class Ruled:
    """What one judge says: right, wrong, a value of the scale, or None (undecided; `why` says why)."""

    judge: str
    value: str | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to judge.

    Attributes:
        place: the run folder or recording that the verdict belongs to.
        group: category of the item.
        instruction: what the user asked for. context: what the user had said by then.
        expected, accept, reject: the meaning, with good and tempting wrong wordings.
        said: what the model said, as text.
        rulings: of judges that are programs, in order of their names.
        recording: where it can be looked at; None where that is not there.
        window_s: when it should have been said; said_s: stretches of what is judged. Both None or empty where unknown.
        wav, sound: the model's sound and the user's, from `media_t0_s` on; None where there is none.
    """

    place: Path
    subject: Subject
    group: str = ""
    instruction: str = ""
    context: str = ""
    expected: str = ""
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    said: str = ""
    scale: tuple[str, ...] = SCALE
    rulings: tuple[Ruled, ...] = ()
    recording: Path | None = None
    window_s: tuple[float, float] | None = None
    said_s: tuple[tuple[float, float | None], ...] = ()
    media_t0_s: float = 0.0
    duration_s: float | None = None
    wav: Path | None = None
    tail_wav: Path | None = None
    sound: Path | None = None
    video: Path | None = None

    @property
    def at_s(self) -> float | None:
        """Where in the session to look."""
        return self.said_s[0][0] if self.said_s else self.window_s[0] if self.window_s else None


def questions_of(place: Path) -> tuple[Question, ...]:
    """All questions about a run folder, a recording of a run, or any other recording.

    Raises:
        AppError: it cannot be read.
    """
    run = run_of(place)
    if run is None:
        return questions_of_recording(place)
    found = questions_of_run(load_run(run))
    if run == place:
        return found
    return tuple(q for q in found if q.recording is not None and q.recording.resolve() == place.resolve())


def questions_of_run(run: Run) -> tuple[Question, ...]:
    """In order of items; what was not run, and what a model has not said, is no question."""
    bases = {item.id: (_of_item(run, item, number), item) for number, item in enumerate(run.items)}
    graded = [kept.grade for kept in run.grades]
    found: dict[Subject, Question] = {}
    for grade in graded:
        for verdict in grade.verdicts:
            if verdict.item in bases and not verdict.missing:
                base, item = bases[verdict.item]
                for question in _questions(base, verdict, grade, item.truth):
                    _merge(found, question)
    for base, item in bases.values():
        if not graded and not run.failure(item.id) and (ungraded := _ungraded(run, item, base)) is not None:
            _merge(found, ungraded)
    order = {item.id: number for number, item in enumerate(run.items)}
    return tuple(sorted(found.values(), key=lambda q: order[q.subject.item]))


def questions_of_recording(path: Path) -> tuple[Question, ...]:
    """By its grades; one question about the whole where it has none.

    Raises:
        AppError: the recording or its grades cannot be read.
    """
    recording = Recording.open(path)
    name = base_of(path)
    base = Question(
        place=path,
        subject=Subject(name, MAIN, "overall"),
        instruction=str(recording.info.get("instruction") or ""),
        recording=path,
        duration_s=recording.duration_ns / 1e9,
    )
    found: dict[Subject, Question] = {}
    for line in read_grades(path).lines:
        grade = _grade(line["grade"])
        if grade is None:
            continue
        start = grade.provenance.parameters.get("video_start_s")
        here = replace(base, media_t0_s=float(start or 0.0))
        for verdict in grade.verdicts:
            for question in _questions(here, replace(verdict, item=name), grade, {}):
                _merge(found, question)
    if not found:
        said = [e for e in recording.events((TextOutDone,)) if isinstance(e, TextOutDone) and e.channel != "thought"]
        times = tuple((e.t_rx_ns / 1e9, None) for e in said)
        found[base.subject] = replace(base, said=" ".join(e.text for e in said), said_s=times)
    return tuple(found.values())


def _grade(value: Mapping[str, Any]) -> Grade | None:
    try:
        return Grade.from_json(value)
    except (TypeError, KeyError, ValueError):
        return None  # of a newer version: it stays in the file


def _merge(found: dict[Subject, Question], question: Question) -> None:
    """Later grades bring the rulings of further judges; of one judge the newest counts."""
    before = found.get(question.subject)
    rulings = {r.judge: r for r in (before.rulings if before else ())} | {r.judge: r for r in question.rulings}
    found[question.subject] = replace(question, rulings=tuple(rulings[name] for name in sorted(rulings)))


def _of_item(run: Run, item: SuiteItem, number: int) -> Question:
    part = _part(run, item)
    folder = run.folder / "items" / item_folder_name(number, item.id)
    spec = item.parts[0] if item.parts else None
    return Question(
        place=run.folder,
        subject=Subject(item.id, MAIN, "overall"),
        group=item.group,
        instruction=(spec.instruction if spec else "") or _text(item.truth, _ASKED),
        expected=_text(item.truth, _EXPECTED),
        recording=folder / part.recording if part and part.recording else None,
        media_t0_s=part.media_t0_s if part else 0.0,
        duration_s=part.duration_s if part else None,
        wav=folder / part.wav if part and part.wav else None,
        tail_wav=folder / part.tail_wav if part and part.tail_wav else None,
        sound=Path(spec.sounds[0]) if spec and len(spec.sounds) == 1 else None,
        video=Path(spec.video) if spec and spec.video else None,
    )


def _part(run: Run, item: SuiteItem) -> PartResult | None:
    result = run.results.get(item.id)
    return next(iter(result.parts.values()), None) if result else None


def _ungraded(run: Run, item: SuiteItem, base: Question) -> Question | None:
    answers = run.answers.get(item.id) or {}
    answer = next(iter(answers.values()), None)
    if answer is None or answer.silent:
        return None
    times = tuple(
        (base.media_t0_s + u.t0_s, None if u.t1_s is None else base.media_t0_s + u.t1_s) for u in answer.utterances
    )
    return replace(base, said=answer.text, said_s=times)


def _questions(base: Question, verdict: Verdict, grade: Grade, truth: Mapping[str, Any]) -> Iterator[Question]:
    base = replace(base, group=verdict.group or base.group)
    expectations = verdict.details.get("expectations")
    if isinstance(expectations, Sequence) and all(isinstance(e, Mapping) and "questions" in e for e in expectations):
        for expectation in expectations:
            yield from _of_expectation(base, verdict, expectation, truth)
        return
    said = " ".join(text for _, text in verdict.graded_text)
    if verdict.silent or not said.strip():
        return
    judge = next((str(j.get("judge", "")) for j in grade.provenance.judges), "") or grade.provenance.formula
    value = None if verdict.ungraded or verdict.passed is None else RIGHT if verdict.passed else WRONG
    rating = verdict.values.get(RATING)
    if rating is not None:
        # Raters use the suite's own scale, so that they can be held against its judge.
        value = next((step for step in RATINGS if float(step) == round(rating)), None)
    yield replace(
        base,
        subject=Subject(verdict.item, MAIN if rating is None else RATING, "overall"),
        scale=SCALE if rating is None else RATINGS,
        instruction=base.instruction or _text(verdict.details, _ASKED),
        expected=_text(verdict.details, _EXPECTED) or base.expected,
        said=said,
        said_s=tuple((base.media_t0_s + t, None) for t, _ in verdict.graded_text),
        rulings=() if judge in _NOBODY else (Ruled(short_name(judge), value, verdict.why if value is None else ""),),
    )


def _of_expectation(
    base: Question, verdict: Verdict, expectation: Mapping[str, Any], truth: Mapping[str, Any]
) -> Iterator[Question]:
    details, asked = verdict.details, list(expectation["questions"])
    lo, hi = expectation["window"]
    utterances = {u["index"]: u for u in details.get("utterances", ())}
    named = [utterances[k] for k in _indices(asked) if k in utterances]
    judged = named or [u for u in utterances.values() if lo <= u["onset_s"] <= hi]
    common = replace(
        base,
        instruction=str(details.get("instruction", "")) or base.instruction,
        expected=str(expectation.get("meaning", "")),
        window_s=(base.media_t0_s + lo, base.media_t0_s + hi),
        said=" … ".join(str(q.get("candidate", "")) for q in asked),
        said_s=tuple(_span(u, base.media_t0_s) for u in judged),
    )
    if asked:
        yield replace(
            common,
            subject=Subject(verdict.item, str(expectation["id"]), "meaning"),
            context=str(asked[-1].get("context", "")),
            accept=_wordings(truth, str(expectation["id"]), "accept"),
            reject=_wordings(truth, str(expectation["id"]), "reject"),
            rulings=tuple(_by_judge(asked)),
        )
    in_time = RIGHT if expectation.get("reason") != "no_speech_in_window" else WRONG
    said = tuple(_span(u, base.media_t0_s) for u in utterances.values())
    yield replace(
        common,
        subject=Subject(verdict.item, str(expectation["id"]), "timing"),
        said=" … ".join(str(u["text"]) for u in utterances.values()),
        said_s=said,
        rulings=(Ruled(RULE, in_time),),
    )


def _wordings(truth: Mapping[str, Any], expectation: str, name: str) -> tuple[str, ...]:
    listed = truth.get("expectations")
    for one in listed if isinstance(listed, Sequence) else ():
        if isinstance(one, Mapping) and one.get("id") == expectation:
            return tuple(str(word) for word in one.get(name) or ())
    return ()


def _indices(asked: Iterable[Mapping[str, Any]]) -> list[int]:
    tails = (str(q.get("key", "")).rpartition("/")[2] for q in asked)
    return [int(tail) for tail in tails if tail.isdecimal()]


def _span(utterance: Mapping[str, Any], start_s: float) -> tuple[float, float | None]:
    end = utterance.get("t1_s")
    return start_s + float(utterance["t0_s"]), None if end is None else start_s + float(end)


def _by_judge(asked: Sequence[Mapping[str, Any]]) -> Iterator[Ruled]:
    """One ruling per judge: right if one of the candidates is, undecided if one is, else wrong."""
    judges = dict.fromkeys(str(q.get("judge", "")) for q in asked)
    for judge in judges:
        if judge in _NOBODY:
            continue
        mine = [q for q in asked if str(q.get("judge", "")) == judge]
        values = [q.get("value") for q in mine]
        value = RIGHT if True in values else None if None in values else WRONG
        yield Ruled(short_name(judge), value, next((str(q.get("why", "")) for q in mine if q.get("why")), ""))


def short_name(judge: str) -> str:
    """A judge as a list shows it: a model without its protocol and host, rules without their version."""
    return re.sub(r"^(?:openai:(.+?)@\S*|(rules)@\d+)$", lambda m: m[1] or m[2], judge)


def _text(truth: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        value = truth.get(name)
        if isinstance(value, Mapping):
            value = value.get("text")
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return ""
