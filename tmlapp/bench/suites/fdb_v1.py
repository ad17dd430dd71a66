"""Full-Duplex-Bench v1: waiting in pauses, backchannels, taking the turn, and being interrupted.

Formulas, quirks and what is certain about them: docs/grading.md. The headline is the latency of taking the turn on
`candor_turn_taking`; a model that talks all the time has a latency near 0, so the share of turns taken (TOR) stands
beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal

from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import NoJudge, Question, Ruling
from tmlapp.bench.labels.fdb_files import (
    NO_TRANSCRIPT,
    STRAYS,
    read_answer,
    read_json,
    sample_folders,
    transcript,
    write_json,
    write_sound,
)
from tmlapp.bench.labels.fdb_v1 import SIZES, VERSION, WHERE, load_v1, official_annotation
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
from tmlapp.bench.suites.fdb_checkout import RATING, rating_prompt, reference_distributions, reference_files
from tmlapp.bench.suites.fdb_turns import EPSILON, LONG_SPEECH_S, TURN_S, TURN_WORDS, WINDOW_S
from tmlapp.bench.suites.fdb_v1_figures import HEADLINE, Figures, figures, metric_name, metrics, table
from tmlapp.bench.suites.fdb_v1_samples import WAITS, Sample, V1Truth, graded_text, graded_words, measured, parse_truth
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Verdict

_PARAMETERS: dict[str, Any] = {
    "turn_s": TURN_S, "turn_words": TURN_WORDS, "long_speech_s": LONG_SPEECH_S, "window_s": WINDOW_S,
    "epsilon": EPSILON,
}  # fmt: skip
PROFILES: dict[str, dict[str, Any]] = {"official": _PARAMETERS, "clean": _PARAMETERS}
MOST_RATING = 5
_TEN_WORDS = " ".join(["word"] * 10)


@suite("fdb-v1")
class FdbV1(Suite):
    """Latency of turn taking in seconds, and the figures of the four tasks."""

    suite_name: ClassVar[str] = "fdb-v1"
    title: ClassVar[str] = "Full-Duplex-Bench v1"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    where: ClassVar[str] = WHERE
    options: ClassVar[Mapping[str, Any]] = {"subsets": ""}
    needs: ClassVar[frozenset[Literal["words", "vad", "user_words", "user_vad"]]] = frozenset({"words", "vad"})
    listen: ClassVar[Literal["all", "input"]] = "input"

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """The samples of `v1.0`, its parent or one subset; option `subsets`: names after commas, empty for all.

        Raises:
            AppError: nothing of it is there, or the option is not valid.
        """
        return load_v1(folder, options.get("subsets", ""))

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        if parameters["window_s"] <= 0:
            raise AppError("The windows of backchannels cannot be graded.", "window_s is 0.", "Leave it at 0.2.")
        truths = [parse_truth(entry.truth) for entry in entries]
        samples, found = _graded(entries, truths, profile, parameters, sources)
        trivial = _trivial(entries, truths, profile, parameters, sources)
        if any(truth.task == "backchannel" for truth in truths):
            sources = replace(sources, files={**sources.files, **reference_files(sources.folders)})
        subsets = {name: table(rows[0].truth.task, rows, found[name]) for name, rows in _by_subset(samples).items()}
        return assemble(
            suite_name=self.suite_name,
            metric="turn-taking latency, s",
            formula="fdb-v1/turns@1",
            profile=profile,
            parameters=parameters,
            outcomes=[_outcome(sample) for sample in samples],
            baselines=[Baseline(name=n, score=None if m is None else m[0].value) for n, m in trivial.items()],
            aggregates={"subsets": subsets, "baselines": {n: _plain(m) for n, m in trivial.items()}},
            sources=sources,
            metrics=_metrics(_by_subset(samples), found),
            # Ratings belong to interruptions; the headline is a time.
            judged=False,
        )

    def write_official(self, folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
        """`<subset>/{ID}/` with output.wav, output.json and the annotation that the official script reads.

        Raises:
            AppError: a file cannot be written.
        """
        written: list[Path] = []
        for item in items:
            part = next(iter(part.name for part in item.parts), "main")
            answer = answers.get(item.id, {}).get(part)
            if answer is None:
                continue
            place = folder / item.group / item.id.rpartition("/")[2]
            truth = parse_truth(item.truth)
            words = graded_words(truth, answer, item.id)
            sound = sounds(item.id, part)
            if sound is not None:
                written.append(write_sound(place / "output.wav", sound, int(item.truth["output_samples"])))
            if not answer.extra.get(NO_TRANSCRIPT):
                written.append(write_json(place / "output.json", transcript(words, graded_text(answer, words))))
            annotation = official_annotation(item.truth)
            if annotation is not None:
                written.append(write_json(place / annotation[0], annotation[1]))
        return written

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        """Answers from `<subset>/{ID}/output.json` and output.wav; older example files are accepted.

        Raises:
            AppError: a file cannot be read.
        """
        found: dict[str, dict[str, Answer]] = {}
        for item, place in sample_folders(folder, items, VERSION):
            answer = read_answer(place)
            if answer is None:
                continue
            strays = {p.name: read_json(p) for p in sorted(place.glob("*output.json")) if p.name != "output.json"}
            extra = {**answer.extra, STRAYS: strays} if strays else answer.extra
            found[item.id] = {next(iter(p.name for p in item.parts), "main"): replace(answer, extra=extra)}
        return found

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> Iterable[RecordedVerdict]:
        """Ratings in `<subset>/{ID}/rating.json`."""
        for item, place in sample_folders(folder, items, VERSION):
            if (place / "rating.json").is_file():
                value = read_json(place / "rating.json")
                yield RecordedVerdict(kind=RATING, item=item.id, key="rating", value=value)


def _graded(
    entries: Sequence[Entry],
    truths: Sequence[V1Truth],
    profile: str,
    parameters: Mapping[str, Any],
    sources: Sources,
) -> tuple[list[Sample], dict[str, Figures]]:
    """The samples, measured and rated, and the figures of each subset."""
    official = profile == "official"
    shares = None
    if any(truth.task == "backchannel" for truth in truths):
        shares = reference_distributions(sources.folders)
    samples = [measured(e, t, parameters, official, shares) for e, t in zip(entries, truths, strict=True)]
    samples = _rated(samples, sources, official)
    rows = _by_subset(samples)
    return samples, {name: figures(r[0].truth.task, r, official) for name, r in rows.items()}


def _by_subset(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.truth.subset, []).append(sample)
    return found


def _rated(samples: list[Sample], sources: Sources, official: bool) -> list[Sample]:
    """The samples with the ratings of answers to an interruption; silence is not rated."""
    asked = {id(s.entry): s for s in samples if s.truth.task == "user_interruption" and s.tor}
    if not asked:
        return samples
    prompt = rating_prompt(sources.folders)

    def ask(entry: Entry) -> Ruling:
        sample = asked[id(entry)]
        fields = {
            "context": sample.truth.context, "question": sample.truth.interrupt, "candidate": sample.text,
        }  # fmt: skip
        return sources.judge.ask(Question(prompt=prompt, item=entry.item, key="rating", fields=fields))

    waiting = [sample.entry for sample in asked.values()]
    rulings = dict(zip(asked, mapped(ask, waiting, sources.judge), strict=True))
    return [_with_rating(s, rulings[id(s.entry)], official) if id(s.entry) in rulings else s for s in samples]


def _with_rating(sample: Sample, ruling: Ruling, official: bool) -> Sample:
    rating = _rating(ruling.value)
    # The official parser takes any number; a rating beyond the scale is no rating.
    if rating is None or (not official and rating > MOST_RATING):
        why = ruling.why or f"the reply holds no rating from 0 to {MOST_RATING}"
        return replace(sample, ruling=replace(ruling, value=None, why=why))
    values = {**sample.values, "rating": rating, "latency_s": sample.values["latency_all_s"]}
    return replace(sample, ruling=ruling, values=values)


def _rating(value: Any) -> float | None:
    rating = value.get("rating") if isinstance(value, Mapping) else None
    if isinstance(rating, bool) or not isinstance(rating, int | float) or not 0 <= rating < 1e9:
        return None
    return float(rating)


def _metrics(rows: Mapping[str, Sequence[Sample]], found: Mapping[str, Figures]) -> list[Metric]:
    """All metrics, the headline first, with its share of turns taken beside it."""
    ordered = [HEADLINE, *(name for name in SIZES if name in rows and name != HEADLINE)]
    ordered += [name for name in rows if name not in ordered]
    listed: list[Metric] = []
    for name in ordered:
        task = rows[name][0].truth.task if name in rows else "smooth_turn_taking"
        none = Figures(lacking=dict.fromkeys(("latency_s", "tor"), f"there is no sample of {HEADLINE}"))
        listed += metrics(task, name, found.get(name, none))
    return listed


def _plain(listed: Sequence[Metric] | None) -> dict[str, float | None] | None:
    return None if listed is None else {m.name: m.value for m in listed}


def _outcome(sample: Sample) -> Outcome:
    entry, truth = sample.entry, sample.truth
    there = sample.state == "ok"
    wanted = truth.task not in WAITS
    passed = None if sample.tor is None else there and sample.tor == wanted
    ungraded = sample.ruling is not None and sample.ruling.value is None
    details = {"task": truth.task, "turn_end_s": truth.turn_end_s, **sample.details}
    if sample.ruling is not None:
        details |= {"judge": sample.ruling.judge, "ruling": sample.ruling.value, "replies": sample.ruling.replies}
    answer = entry.answer
    verdict = Verdict(
        item=entry.item,
        score=100.0 * bool(passed),
        passed=passed,
        graded_text=((sample.words[0].t0_s, sample.text),) if sample.words else (),
        why=_why(sample, passed),
        details=details,
        values={metric_name(truth.task, truth.subset, f): v for f, v in sample.values.items()},
        group=entry.group or truth.subset,
        audio=answer.audio if answer is not None else "",
    )
    silent = there and not sample.words
    return Outcome(verdict=verdict, silent=silent, missing=not there, ungraded=ungraded)


def _why(sample: Sample, passed: bool | None) -> str:
    if sample.state == "missing":
        return f"fails: {sample.entry.failure or 'the item was not run'}"
    if sample.state != "ok":
        return "fails: the sound is there, and its transcript is not"
    if passed is None:
        return "not decided: the last word has no end, at which the official script stops"
    said = "the model said nothing"
    if sample.words:
        first, last = sample.words[0].t0_s, sample.words[-1]
        end = last.t0_s if last.t1_s is None else last.t1_s
        said = f"{len(sample.words)} words from {first:.3f} to {end:.3f} s"
    turn = f"the model {'took' if sample.tor else 'did not take'} the turn"
    latency = sample.values.get("latency_s", sample.values.get("latency_all_s"))
    parts = [f"{'passes' if passed else 'fails'}: {said}", turn]
    if latency is not None:
        parts.append(f"{latency:.3f} s after {sample.truth.turn_end_s:.3f} s")
    if "rating" in sample.values:
        parts.append(f"rated {sample.values['rating']:g}")
    elif sample.ruling is not None:
        parts.append(f"not rated: {sample.ruling.why}")
    return "; ".join(parts)


def _trivial(
    entries: Sequence[Entry],
    truths: Sequence[V1Truth],
    profile: str,
    parameters: Mapping[str, Any],
    sources: Sources,
) -> dict[str, list[Metric] | None]:
    """The metrics of trivial models; of the one that always talks only where the lengths are known."""
    nobody = replace(sources, judge=NoJudge())
    answers = {"silent": [Answer(speech_s=(), duration_s=truth.duration_s or 1.0) for truth in truths]}
    lengths = [truth.duration_s for truth in truths]
    found: dict[str, list[Metric] | None] = {"always talking": None}
    if all(length is not None for length in lengths):
        answers["always talking"] = [_talking(length or 0.0) for length in lengths]
    for name, given in answers.items():
        made = [Entry(e.item, e.truth, None, {"main": a}, e.group) for e, a in zip(entries, given, strict=True)]
        samples, figures_found = _graded(made, truths, profile, parameters, nobody)
        rows = _by_subset(samples)
        found[name] = [
            metric
            for subset, sub in rows.items()
            for metric in metrics(sub[0].truth.task, subset, figures_found[subset], intervals=False)
        ]
        found[name] = _headline_first(found[name] or [])
    return found


def _headline_first(listed: list[Metric]) -> list[Metric]:
    named = [m for m in listed if m.name == "latency_s"]
    none = Metric(name="latency_s", label="latency", value=None, n=0, unit="s", better="lower")
    return [*(named or [none]), *(m for m in listed if m.name != "latency_s")]


def _talking(duration_s: float) -> Answer:
    """Somebody who talks from the first to the last sample, in ten long words."""
    bounds = [duration_s * i / 10 for i in range(11)]
    words = tuple(Word(start, end, "word") for start, end in pairwise(bounds))
    return Answer(text=_TEN_WORDS, words=words, speech_s=((0.0, duration_s),), duration_s=duration_s)
