"""What TimeSpeak and CueSpeak share: the same item file, the same rule, other default windows. Rules: docs/grading.md.

All times are seconds, 0 at the first sample of the item's sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from tmlapp.bench.answer import UTTERANCE_GAP_S, Answer, Utterance, utterances_of
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail
from tmlapp.bench.judges.base import JudgePrompt, Question
from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.labels.speak_items import SCHEMA, SUITES, Expectation, ItemError, SpeakItem, load_items, parse_item
from tmlapp.bench.labels.speak_items import warnings_of as item_warnings
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
)
from tmlapp.bench.suites.speak_figures import COUNTS, Scored, aggregates_of, baselines_of, metrics_of, values_of
from tmlapp.bench.suites.speak_files import (
    SAID,
    bad_line,
    read_rows,
    read_said,
    said_row,
    write_rows,
    write_wav,
)
from tmlapp.bench.suites.speak_params import PROFILES, TAIL_S, SpeakParams, speak_params
from tmlapp.bench.suites.speak_prompt import KIND, fields_of, meaning_prompt
from tmlapp.bench.suites.speak_scoring import ItemScore, Met, Timed, in_onset_order, score_item, score_suite
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Verdict

ITEMS = "items.jsonl"
VERDICTS = "verdicts.jsonl"
FORMULA = "speak/window-meaning@1"
_WHY_SHOWN = 4


class SpeakSuite(Suite):
    """Macro accuracy in percent: the expected meaning, said in its window."""

    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    length_members: ClassVar[tuple[str, ...]] = ("duration_s",)
    where: ClassVar[str] = (
        "The published items are not public. Record items of your own: a folder with items.jsonl and the sounds that "
        "it names (16 kHz mono PCM16); the format is described in docs/grading.md."
    )
    options: ClassVar[Mapping[str, Any]] = {"file": ITEMS}
    needs: ClassVar[frozenset[Literal["words", "vad", "user_words", "user_vad"]]] = frozenset({"words"})

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """The items of this suite; one bad line rejects the file, because an author has to see it.

        Raises:
            AppError: there is no item file, it has a mistake, or no item is for this suite.
        """
        path = folder if folder.suffix == ".jsonl" else folder / str(options.get("file", ITEMS))
        if not path.is_file():
            raise AppError(f"There are no items of {self.title} at {path}.", "The file is missing.", self.where)
        every = load_items(path)
        mine = [item for item in every if item.suite == self.suite_name]
        if not mine:
            raise AppError(f"{path} has no item of {self.title}.", f"Its {len(every)} items are others.", self.where)
        defaults = SpeakParams()
        around = {name: (defaults.window_before_s[name], defaults.window_after_s[name]) for name in SUITES}
        notes = [note for item in mine for note in item_warnings(item, path.parent, around)]
        if len(every) > len(mine):
            notes.append(f"{len(every) - len(mine)} items of the other suite in the same file are left to it")
        return Loaded(
            items=tuple(suite_item(item, path.parent) for item in mine),
            notes=tuple(notes),
            version=SCHEMA,
            files={"items": file_sha256(path)},
        )

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        chosen = speak_params(self.suite_name, profile, params)
        chosen = replace(chosen, judge_model=chosen.judge_model or sources.judge.name)
        prompt = meaning_prompt(temperature=chosen.temperature, seed=chosen.seed)
        # Read before anybody is asked: a damaged item must not cost a judge's calls first.
        items = {id(entry): _item(entry, self.suite_name) for entry in entries}

        def work(entry: Entry) -> Scored:
            return _graded(entry, items[id(entry)], chosen, prompt, sources)

        results = mapped(work, entries, sources.judge)
        score = score_suite([(r.item.category, r.score) for r in results])
        grade = assemble(
            suite_name=self.suite_name,
            metric="macro accuracy, %",
            formula=FORMULA,
            profile=profile,
            parameters=chosen.to_json(),
            outcomes=[r.outcome for r in results],
            baselines=baselines_of([r.item for r in results], chosen),
            aggregates=aggregates_of(results, score, chosen),
            sources=sources,
            metrics=metrics_of(results, score, chosen),
        )
        # Under `expand` no item has a score of its own, yet all of them were scored.
        return replace(grade, n_scored=len(results))

    def write_official(self, folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
        """`utterances.jsonl`, and `<id>/output.wav` on the clock of the input."""
        done = [(item, answers[item.id]["main"]) for item in items if "main" in answers.get(item.id, {})]
        written = [write_rows(folder / SAID, [said_row(item.id, answer) for item, answer in done])]
        for item, _ in done:
            sound = sounds(item.id, "main")
            if sound is not None:
                written.append(write_wav(folder / item.id / "output.wav", sound))
        return written

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return {name: {"main": answer} for name, answer in read_said(folder / SAID, items).items()}

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> Iterable[RecordedVerdict]:
        """`verdicts.jsonl`: `{"id", "verdicts": {"<expectation>/<utterance>": verdict}}` per line.

        A verdict is an object with `conveys_meaning` and `reason`, a bare true or false, or null for ungraded.
        """
        path = folder / VERDICTS
        names = {item.id for item in items}
        if not path.is_file():
            return ()
        return [v for n, row in read_rows(path) if str(row.get("id")) in names for v in _recorded(path, n, row)]


def verdict_rows(grade: Grade) -> list[dict[str, Any]]:
    """What was asked and ruled, as the lines of `verdicts.jsonl`."""
    return [
        {"id": v.item, "verdicts": {q["key"]: q["value"] for e in v.details["expectations"] for q in e["questions"]}}
        for v in grade.verdicts
    ]


def _recorded(path: Path, number: int, row: Mapping[str, Any]) -> list[RecordedVerdict]:
    verdicts = row.get("verdicts")
    if not isinstance(verdicts, dict):
        raise bad_line(path, number, "it has no object verdicts")
    found: list[RecordedVerdict] = []
    for key, value in verdicts.items():
        if isinstance(value, dict):
            found.append(RecordedVerdict(kind=KIND, item=str(row["id"]), key=key, reply=json.dumps(value)))
        elif value is None or isinstance(value, bool):
            found.append(RecordedVerdict(kind=KIND, item=str(row["id"]), key=key, value=value))
        else:
            raise bad_line(path, number, f"the verdict {key} is {value!r}")
    return found


def suite_item(item: SpeakItem, folder: Path) -> SuiteItem:
    """How `item` is driven: its sound, the pictures beside it, and the tail. Its media lie below `folder`."""
    part = Part(
        silence_s=0.0,
        sounds=(str(folder / item.audio),),
        video=str(folder / item.video) if item.video else "",
        tail=Tail(least_s=TAIL_S),
    )
    return SuiteItem(id=item.id, truth=dict(item.raw), parts=(part,), group=item.category)


def _item(entry: Entry, suite_name: str) -> SpeakItem:
    try:
        item = parse_item(entry.truth)
        if item.suite != suite_name:
            raise ItemError(f"the suite is {item.suite}, not {suite_name}")
    except ItemError as error:
        why = f"{str(error)[:1].upper()}{str(error)[1:]}."
        raise AppError(f"The item {entry.item} is not valid.", why, "See docs/grading.md for the format.") from error
    return item


def utterances_in(entry: Entry, params: SpeakParams) -> list[Utterance]:
    """What the model said, on the item's clock; anew from the words where they are known, without empty texts.

    Raises:
        AppError: a time is not a finite number.
    """
    answer = entry.answer
    if answer is None or entry.outputs is None:
        return []
    found = answer.utterances
    for word in (*answer.words, *(w for u in found for w in u.words)):
        _check(word.t0_s, word.t1_s, word.text, entry.item)
    if answer.words:
        found = utterances_of(answer.words, params.utterance_gap_s)
    elif params.utterance_gap_s != UTTERANCE_GAP_S and found and all(u.words for u in found):
        found = utterances_of(tuple(w for u in found for w in u.words), params.utterance_gap_s)
    start = 0.0 if entry.answers else _start(entry)
    return [_placed(u, start, entry.item) for u in found if u.text.strip()]


def _start(entry: Entry) -> float:
    # Only a recording graded by hand has it: there the times are on the session's clock.
    start = entry.truth.get("video_start_s")
    return float(start) if isinstance(start, int | float) else 0.0


def _placed(utterance: Utterance, start_s: float, item: str) -> Utterance:
    _check(utterance.t0_s, utterance.t1_s, utterance.text, item)
    t1 = utterance.t1_s
    # Rounded as the windows are, so that taking off a start leaves an inclusive bound inclusive.
    t0 = round(utterance.t0_s - start_s, 9)
    return replace(utterance, t0_s=t0, t1_s=None if t1 is None else max(t0, round(t1 - start_s, 9)))


def _check(t0_s: float, t1_s: float | None, text: str, item: str) -> None:
    if not is_time(t0_s) or not is_time(t0_s if t1_s is None else t1_s):
        raise AppError(
            f"The answer to {item} cannot be graded.",
            f"{text[:40]!r} lasts from {t0_s} to {t1_s} s.",
            "Give every utterance and every word a time in seconds.",
        )


def _graded(entry: Entry, item: SpeakItem, params: SpeakParams, prompt: JudgePrompt, sources: Sources) -> Scored:
    said = utterances_in(entry, params)
    answer = entry.answer
    timed = in_onset_order(said, params, answer.speech_s if answer else None)
    asked: dict[str, list[dict[str, Any]]] = {}

    def ask(expectation: Expectation, key: str, candidates: Sequence[Utterance]) -> bool | None:
        fields = fields_of(item, expectation, candidates)
        ruling = sources.judge.ask(Question(prompt=prompt, item=entry.item, key=key, fields=fields))
        value = ruling.value if isinstance(ruling.value, bool) else None
        asked.setdefault(expectation.id, []).append(
            {"key": key, "value": value, "why": ruling.why, "judge": ruling.judge, "replies": list(ruling.replies),
             "undecided": ruling.undecided, "candidate": fields["candidate"], "context": fields["context"]}
        )  # fmt: skip
        return value

    score = score_item(item, timed, params, ask)
    # The answer may be there and the item be missing all the same: only one of its parts was run.
    missing = entry.outputs is None
    passes = [(m, timed[m.utterance]) for m in score.met if m.required and m.utterance is not None]
    late = tuple(t.onset_s - m.t_ref_s for m, t in passes)
    overlaps = tuple(_overlaps(t, item) for _, t in passes)
    verdict = Verdict(
        item=entry.item,
        score=None if score.score is None else 100.0 * score.score,
        passed=_passes(score),
        graded_text=tuple((t.onset_s, t.utterance.text) for t in timed),
        why=_why(entry, score, params),
        details=_details(item, score, timed, asked) | _origin(answer),
        values=dict(values_of(score, late, overlaps)),
        group=item.category,
        audio=answer.audio if answer else "",
    )
    ungraded = any(m.required and m.reason == "ungraded" for m in score.met)
    outcome = Outcome(verdict=verdict, silent=not missing and not said, missing=missing, ungraded=ungraded)
    return Scored(item, score, outcome, late, overlaps)


def _passes(score: ItemScore) -> bool:
    return all(v == 1.0 for v in score.examples)


def _overlaps(timed: Timed, item: SpeakItem) -> bool:
    first, last = timed.utterance.t0_s, timed.end_s
    return any((t0 < last and first < t1) or t0 <= first < t1 for t0, t1, _ in item.user_words)


def _why(entry: Entry, score: ItemScore, params: SpeakParams) -> str:
    if entry.outputs is None:
        return f"fails: {entry.failure or 'the item was not run'}"
    if params.extra == "fail_item" and score.n_extra:
        return f"fails: {score.n_extra} utterances outside every window"
    told = "; ".join(_told(m) for m in score.met[:_WHY_SHOWN])
    more = f"; and {len(score.met) - _WHY_SHOWN} more" if len(score.met) > _WHY_SHOWN else ""
    return f"{'passes' if _passes(score) else 'fails'}: {told}{more}"


def _told(met: Met) -> str:
    words = {"ok": "right", "no_speech_in_window": "nothing said", "wrong_meaning": "another meaning"}
    optional = "" if met.required else " (optional)"
    return f"{met.id}{optional} {words.get(met.reason, met.reason)} in [{met.window[0]:g}, {met.window[1]:g}] s"


def _details(
    item: SpeakItem, score: ItemScore, timed: Sequence[Timed], asked: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    meanings = {e.id: e.meaning for e in item.expectations}
    return {
        "category": item.category,
        "instruction": item.instruction,
        "instruction_s": item.instruction_s,
        "duration_s": item.duration_s,
        "stop_s": item.stop_s,
        "user_words": item.user_words,
        "expectations": [
            {"id": m.id, "pass": m.passed, "reason": m.reason, "utterance": m.utterance, "required": m.required,
             "window": m.window, "t_ref_s": m.t_ref_s, "meaning": meanings[m.id], "questions": asked.get(m.id, [])}
            for m in score.met
        ],
        "utterances": [
            {"index": t.index, "t0_s": t.utterance.t0_s, "t1_s": t.utterance.t1_s, "onset_s": t.onset_s,
             "text": t.utterance.text, "role": _role(t, score)}
            for t in timed
        ],
        "score_all": score.score_all,
        "score_mean": score.score_mean,
        **{key: getattr(score, key) for key in COUNTS},
    }  # fmt: skip


def _origin(answer: Answer | None) -> dict[str, str]:
    """Whose words, and what their times are: the end of a micro-turn (`text`) is later than a sound."""
    return {"text_source": answer.text_source, "timing_source": answer.timing_source} if answer else {}


def _role(timed: Timed, score: ItemScore) -> str:
    for role, indices in (("used", score.used), ("extra", score.extras), ("acknowledgement", score.acks)):
        if timed.index in indices:
            return role
    return "unmatched"
