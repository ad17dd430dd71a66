"""Full-Duplex-Bench v1.5: what a model does when somebody speaks over it.

Formulas, quirks and what is certain about them: docs/grading.md. Each sample is two sessions, with the overlap and
without it; a judge compares the four transcripts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import NoJudge, Question, Ruling
from tmlapp.bench.labels.fdb_files import (
    NO_TRANSCRIPT,
    read_answer,
    read_json,
    sample_folders,
    transcript,
    words_of,
    write_json,
    write_sound,
)
from tmlapp.bench.labels.fdb_v1_5 import INPUT, OUTPUTS, PARTS, VERSION, WHERE, load_v1_5
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
    merged_parameters,
    suite,
)
from tmlapp.bench.suites.fdb_behaviour import C_UNKNOWN, COUNTS, KEY, labels_of
from tmlapp.bench.suites.fdb_checkout import BEHAVIOUR, behaviour_prompt
from tmlapp.bench.suites.fdb_timing import MODEL_GAP_S, USER_GAP_S
from tmlapp.bench.suites.fdb_turns import spread, words_in
from tmlapp.bench.suites.fdb_v1_5_figures import aggregates, metrics, right_share, times
from tmlapp.bench.suites.fdb_v1_5_samples import (
    INTERVALS,
    USER_KNOWN,
    V15Sample,
    intervals_json,
    measured,
    output_text,
    parse_truth,
    question_fields,
    times_of,
    user_known,
)
from tmlapp.core.grade import Baseline, Grade, Verdict

_PARAMETERS: dict[str, Any] = {"user_gap_s": USER_GAP_S, "model_gap_s": MODEL_GAP_S}
PROFILES: dict[str, dict[str, Any]] = {"official": _PARAMETERS, "clean": _PARAMETERS}


@suite("fdb-v1.5")
class FdbV15(Suite):
    """Mean of four behaviour rates in percent."""

    suite_name: ClassVar[str] = "fdb-v1.5"
    title: ClassVar[str] = "Full-Duplex-Bench v1.5"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    where: ClassVar[str] = WHERE
    options: ClassVar[Mapping[str, Any]] = {"scenarios": ""}
    needs: ClassVar[frozenset[Literal["words", "vad", "user_words", "user_vad"]]] = frozenset(
        {"words", "vad", "user_words", "user_vad"}
    )
    listen: ClassVar[Literal["all", "input"]] = "input"

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """The samples of `v1.5`, its parent or one scenario; option `scenarios`: names after commas, empty for all.

        Raises:
            AppError: nothing of it is there, or the option is not valid.
        """
        return load_v1_5(folder, options.get("scenarios", ""))

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        samples = _graded(entries, profile, parameters, sources)
        nobody = replace(sources, judge=NoJudge())
        silent = Answer(speech_s=(), user_speech_s=(), extra={USER_KNOWN: True})
        quiet = [Entry(e.item, e.truth, None, dict.fromkeys(PARTS, silent), e.group) for e in entries]
        trivial = metrics(_graded(quiet, profile, parameters, nobody), intervals=False)
        return assemble(
            suite_name=self.suite_name,
            metric="average, %",
            formula="fdb-v1.5/behaviour@1",
            profile=profile,
            parameters=parameters,
            outcomes=[_outcome(sample, profile) for sample in samples],
            baselines=[Baseline(name="silent", score=trivial[0].value)],
            aggregates=aggregates(samples),
            sources=sources,
            metrics=metrics(samples),
        )

    def user_text(self, item: SuiteItem, part: str) -> str:
        """The context, and in the part with the overlap also what is said then."""
        names = ("context_text", "current_turn_text") if part == INPUT else ("context_text",)
        return " ".join(text for name in names if (text := str(item.truth.get(name, "")).strip()))

    def write_official(self, folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
        """`<scenario>/{ID}/` with the model's two sounds, the four transcripts and latency_intervals.json.

        The official timing script wants input.wav beside them; it is not copied, as the intervals are there already.

        Raises:
            AppError: a file cannot be written.
        """
        written: list[Path] = []
        for item in items:
            place = folder / item.group / item.id.rpartition("/")[2]
            for part, answer in answers.get(item.id, {}).items():
                if part in OUTPUTS:
                    written += _write_part(place, item, part, answer, sounds(item.id, part))
        return written

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        """Answers of both parts from transcripts, sounds and latency_intervals.json.

        Raises:
            AppError: a file cannot be read.
        """
        found: dict[str, dict[str, Answer]] = {}
        for item, place in sample_folders(folder, items, VERSION):
            answers = {part: answer for part in PARTS if (answer := _read_part(place, part)) is not None}
            if answers:
                found[item.id] = answers
        return found

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> Iterable[RecordedVerdict]:
        """Labels in `<scenario>/{ID}/content_tag.json`."""
        for item, place in sample_folders(folder, items, VERSION):
            if (place / "content_tag.json").is_file():
                value = read_json(place / "content_tag.json")
                labels = labels_of(value) if isinstance(value, Mapping) else None
                if labels is not None:
                    yield RecordedVerdict(kind=BEHAVIOUR, item=item.id, key=KEY, value=labels)


def _write_part(place: Path, item: SuiteItem, part: str, answer: Answer, sound: Any) -> list[Path]:
    output = OUTPUTS[part]
    words = words_in(answer, item.truth["duration_s"][part], item.id)
    written = []
    if sound is not None:
        written.append(write_sound(place / f"{output}.wav", sound, int(item.truth["output_samples"][part])))
    if not answer.extra.get(NO_TRANSCRIPT):
        written.append(write_json(place / f"{output}.json", transcript(words, output_text(answer, words))))
    if user_known(answer):
        written.append(write_json(place / f"{part}.json", transcript(answer.user_words, answer.user_text)))
    found = times_of(answer, item.id) if part == INPUT else None
    if found is not None:
        written.append(write_json(place / "latency_intervals.json", intervals_json(found)))
    return written


def _read_part(place: Path, part: str) -> Answer | None:
    answer = read_answer(place, OUTPUTS[part])
    if answer is None:
        return None
    users = place / f"{part}.json"
    if users.is_file():
        words, text = words_of(read_json(users), users)
        answer = replace(answer, user_words=words, user_text=text, extra={**answer.extra, USER_KNOWN: True})
    intervals = place / "latency_intervals.json"
    if part == INPUT and intervals.is_file():
        answer = replace(answer, extra={**answer.extra, INTERVALS: read_json(intervals)})
    return answer


def _graded(entries: Sequence[Entry], profile: str, parameters: Mapping[str, Any], sources: Sources) -> list[V15Sample]:
    """The samples with their labels: silence is C_UNKNOWN, what lacks a transcript has none (clean: C_UNKNOWN)."""
    samples = [measured(entry, parse_truth(entry.truth), parameters) for entry in entries]
    asked = {id(s.entry): s for s in samples if s.asks}
    rulings: dict[int, Ruling] = {}
    if asked:
        prompt = behaviour_prompt(sources.folders)

        def ask(entry: Entry) -> Ruling:
            fields = question_fields(asked[id(entry)])
            return sources.judge.ask(Question(prompt=prompt, item=entry.item, key=KEY, fields=fields))

        waiting = [sample.entry for sample in asked.values()]
        rulings = dict(zip(asked, mapped(ask, waiting, sources.judge), strict=True))
    return [_labelled(sample, rulings.get(id(sample.entry)), profile == "official") for sample in samples]


def _labelled(sample: V15Sample, ruling: Ruling | None, official: bool) -> V15Sample:
    if ruling is not None:
        labels = labels_of({KEY: ruling.value})
        if labels is None:
            why = ruling.why or f"{str(ruling.value)[:80]!r} is no list of labels"
            return replace(sample, ruling=replace(ruling, value=None, why=why))
        # An empty list adds no label to the official ratios.
        return replace(sample, ruling=ruling, labels=tuple(labels) if labels or official else (C_UNKNOWN,))
    if sample.lacking:
        return replace(sample, labels=() if official else (C_UNKNOWN,))
    return replace(sample, labels=(C_UNKNOWN,))


def _outcome(sample: V15Sample, profile: str) -> Outcome:
    entry, scenario = sample.entry, sample.truth.scenario
    dropped = bool(sample.lacking) and profile == "official"
    share = right_share(sample)
    values = {} if dropped else {"average": 100 * share, f"rate/{scenario}": 100 * share}
    details: dict[str, Any] = {"labels": sample.labels, "right": COUNTS[scenario], "event_s": sample.truth.event_s}
    if sample.lacking:
        details["lacking"] = sample.lacking
    if sample.words and spread(entry.answers[INPUT]):
        details["word_times"] = "spread over utterances"
    if sample.found is not None:
        details |= intervals_json(sample.found)
    if sample.ruling is not None:
        details |= {"judge": sample.ruling.judge, "replies": sample.ruling.replies}
    answer = entry.answers.get(INPUT)
    verdict = Verdict(
        item=entry.item,
        score=None if dropped else 100 * share,
        passed=None if dropped else share == 1.0,
        graded_text=((sample.words[0].t0_s, sample.text),) if sample.words else (),
        why=_why(sample, dropped, share),
        details=details,
        values={**values, **times(sample)},
        group=entry.group or scenario,
        audio=answer.audio if answer is not None else "",
    )
    return Outcome(
        verdict=verdict,
        silent=not sample.lacking and not sample.words,
        missing=bool(sample.lacking),
        ungraded=sample.labels is None,
        dropped=dropped,
    )


def _why(sample: V15Sample, dropped: bool, share: float) -> str:
    if sample.lacking:
        lacking = sample.entry.failure or f"no {' and no '.join(sample.lacking)}"
        return f"left out, as the official script does: {lacking}" if dropped else f"fails: {lacking}"
    if sample.labels is None:
        return f"fails: not judged, {sample.ruling.why if sample.ruling else 'nobody was asked'}"
    if not sample.words:
        return f"fails: the model said nothing, which is {C_UNKNOWN}"
    named = ", ".join(sample.labels) or "no label"
    verb = "passes" if share == 1.0 else "fails"
    return f"{verb}: ruled {named}; {COUNTS[sample.truth.scenario]} is right in {sample.truth.scenario}"
