"""RepCount-A: count repetitions aloud. Rules and what is certain about them: docs/grading.md.

All times are video time in seconds, 0 at the first video frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.counting import NumbersHeard, count_diagnostics
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.labels.repcount_a import INSTRUCTION
from tmlapp.bench.said import SaidNumber
from tmlapp.bench.suite import (
    Answers,
    Entry,
    Outcome,
    Sounds,
    Sources,
    Suite,
    assemble,
    mean_metric,
    merged_parameters,
    suite,
)
from tmlapp.bench.suites.repcount_files import (
    OPTIONS,
    TAIL_S,
    WHERE,
    load_folder,
    read_predictions,
    write_predictions,
)
from tmlapp.bench.suites.repcount_truth import RepTruth, last_number, mae_obo, parse_truth
from tmlapp.bench.suites.speak_said import utterances_on
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Verdict

__all__ = ["INSTRUCTION", "TAIL_S", "RepCountA", "RepTruth", "last_number", "mae_obo", "parse_truth"]

METRONOME_S = 3.25
_EVER_S = 1e6

# A count may come while the person still rises from the last bend, hence a second before the labelled end.
_ONLINE: dict[str, Any] = {
    "tail_s": TAIL_S, "bounds": "inclusive", "idioms": False, "match_early_s": 1.0, "match_late_s": 2.0,
}  # fmt: skip
PROFILES: dict[str, dict[str, Any]] = {
    "tml_reading": _ONLINE,
    "idioms": _ONLINE | {"idioms": True},
    "official": _ONLINE,
}
_FORMULAS = {
    "tml_reading": "repcount-a/online@1",
    "idioms": "repcount-a/online@1",
    "official": "repcount-a/mae-obo@1",
}


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was said in one item; `numbers` by the strict rule or the idiom filter, as the parameters say."""

    entry: Entry
    truth: RepTruth
    said: tuple[Utterance, ...]
    numbers: tuple[SaidNumber, ...]
    t_end_s: float | None

    def final(self) -> int:
        """The final number. The published loop has a prediction for every item, so silence is one: 0."""
        last = last_number(self.numbers, 0.0, _EVER_S if self.t_end_s is None else self.t_end_s)
        return last.value if last else 0


@suite("repcount-a")
class RepCountA(Suite):
    """Off-by-one accuracy in percent."""

    suite_name: ClassVar[str] = "repcount-a"
    title: ClassVar[str] = "RepCount-A"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    length_members: ClassVar[tuple[str, ...]] = ("duration_s", "num_frames")
    where: ClassVar[str] = WHERE
    options: ClassVar[Mapping[str, Any]] = OPTIONS
    needs: ClassVar[frozenset[Literal["words", "vad", "user_words", "user_vad"]]] = frozenset({"words"})

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """One split: `LLSP/`, or a csv beside the videos.

        Raises:
            AppError: no labels or no videos are there, or an option is not valid.
        """
        return load_folder(folder, options)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        if parameters["bounds"] not in ("inclusive", "strict"):
            raise AppError(
                f"The bounds cannot be {parameters['bounds']!r}.", "There are two kinds.", "Use inclusive or strict."
            )
        truths = [parse_truth(e.truth) for e in entries]
        if truths and "tail_s" not in params:
            parameters["tail_s"] = _common_tail(truths)
        reader = NumbersHeard(idioms=parameters["idioms"])
        heard = [_heard(e, t, parameters, reader) for e, t in zip(entries, truths, strict=True)]
        finals = [h.final() for h in heard]
        graded = [
            _offline(h, final) if profile == "official" else _online(h, final, profile, parameters)
            for h, final in zip(heard, finals, strict=True)
        ]
        metrics = _metrics(graded, profile)
        return assemble(
            suite_name=self.suite_name,
            metric="OBO, %" if profile == "official" else "online OBO, %",
            formula=_FORMULAS[profile],
            profile=profile,
            parameters=parameters,
            outcomes=graded,
            baselines=_baselines(heard, profile, parameters),
            aggregates=_aggregates(truths, finals, graded, metrics),
            sources=sources,
            metrics=metrics,
        )

    def write_official(  # a csv has no sound
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - a suite's form
    ) -> list[Path]:
        """`predictions.csv` (name, count, prediction), and `utterances.jsonl` with what was said."""
        done = [(item, answers[item.id]["main"]) for item in items if "main" in answers.get(item.id, {})]
        numbers = [_final_of(item, answer) for item, answer in done]
        return write_predictions(folder, done, numbers)

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return {name: {"main": answer} for name, answer in read_predictions(folder, items).items()}


def _final_of(item: SuiteItem, answer: Answer) -> int:
    entry = Entry(item.id, item.truth, answer.said(), {"main": answer})
    return _heard(entry, parse_truth(item.truth), PROFILES["official"], NumbersHeard()).final()


def _common_tail(truths: Sequence[RepTruth]) -> Any:
    """The tail that the truths ask for: one value, or a list where they differ (each item uses its own)."""
    tails = sorted({TAIL_S if t.tail_s is None else t.tail_s for t in truths})
    return tails[0] if len(tails) == 1 else tails


def _window_end(truth: RepTruth, parameters: Mapping[str, Any]) -> float | None:
    if truth.duration_s is None:
        return None
    tail = parameters["tail_s"]
    if isinstance(tail, list):
        tail = TAIL_S if truth.tail_s is None else truth.tail_s
    return truth.duration_s + float(tail)


def _heard(entry: Entry, truth: RepTruth, parameters: Mapping[str, Any], reader: NumbersHeard) -> _Heard:
    said = utterances_on(entry, truth.video_start_s)
    return _Heard(entry, truth, said, reader.of(said), _window_end(truth, parameters))


def _online(heard: _Heard, final: int, profile: str, parameters: Mapping[str, Any]) -> Outcome:
    truth, t_end = heard.truth, heard.t_end_s
    if truth.t_pen_s is None or t_end is None:
        lacking = "the ends of the repetitions" if truth.t_pen_s is None else "the length of the video"
        raise AppError(
            f"The item {heard.entry.item} cannot be graded by the online rule.",
            f"Its truth gives a count of {truth.count}, but not {lacking}.",
            "Add rep_end_times_s and duration_s, or grade with the profile official.",
        )
    last = last_number(heard.numbers, truth.t_pen_s, t_end, bounds=parameters["bounds"])
    passed = _near(last, truth)
    details: dict[str, Any] = {
        "count": truth.count, "t_penultimate_end_s": truth.t_pen_s, "t_end_s": t_end,
        "last_number": last.value if last else None, "last_number_t_s": last.t_s if last else None,
        "video_start_s": truth.video_start_s, "rep_ends_s": truth.ends_s,
    }  # fmt: skip
    details |= count_diagnostics(heard.numbers, truth.ends_s, truth.count, t_end, parameters)
    if truth.ignored:
        details["ignored_truth_members"] = list(truth.ignored)
    values = _offline_values(heard, final)
    dropped = truth.count == 0
    if not dropped:
        values = {"obo": 100.0 * passed} | values
        if profile == "tml_reading" and not parameters["idioms"]:
            values["obo_idioms"] = 100.0 * _passes_with_idioms(heard, last, parameters)
    for name in ("event_f1", "latency_median_s"):
        if details.get(name) is not None:
            values[name] = details[name]
    why = _why_online(heard, last, t_end)
    return _outcome(heard, why, None if dropped else passed, details, values, dropped=dropped)


def _near(last: SaidNumber | None, truth: RepTruth) -> bool:
    return last is not None and abs(last.value - truth.count) <= 1


def _passes_with_idioms(heard: _Heard, last: SaidNumber | None, parameters: Mapping[str, Any]) -> bool:
    truth = heard.truth
    # The filter drops nothing but ones, so it changes nothing where the last number is another.
    if last is None or last.value != 1 or truth.t_pen_s is None or heard.t_end_s is None:
        return _near(last, truth)
    numbers = NumbersHeard(idioms=True).of(heard.said)
    return _near(last_number(numbers, truth.t_pen_s, heard.t_end_s, bounds=parameters["bounds"]), truth)


def _why_online(heard: _Heard, last: SaidNumber | None, t_end: float) -> str:
    truth = heard.truth
    window = f"[{truth.t_pen_s:.3f}, {t_end:.3f}] s"
    if truth.count == 0:
        return "left out: the rule needs at least one repetition"
    if heard.entry.outputs is None:
        return "fails: the item was not run"
    if last is None:
        return f"fails: no number in {window}"
    verb = "passes" if _near(last, truth) else "fails"
    return f"{verb}: {last.value} at {last.t_s:.3f} s is the last number in {window}; true count {truth.count}"


def _offline(heard: _Heard, final: int) -> Outcome:
    truth = heard.truth
    # The published rule knows no window; the end only keeps out what was said long after the video.
    last = last_number(heard.numbers, 0.0, _EVER_S if heard.t_end_s is None else heard.t_end_s)
    passed = _offline_values(heard, final)["final_obo"] == 100.0
    how = f"{final} at {last.t_s:.3f} s is the final number" if last else "no number was said, taken as 0"
    why = f"{'passes' if passed else 'fails'}: {how}; true count {truth.count}"
    if heard.entry.outputs is None:
        why = "fails: the item was not run"
    error = abs(final - truth.count)
    details = {"count": truth.count, "predicted": final, "abs_error": error, "mae": error / (truth.count + 0.1),
               "video_start_s": truth.video_start_s, "rep_ends_s": truth.ends_s}  # fmt: skip
    return _outcome(heard, why, passed, details, _offline_values(heard, final))


def _offline_values(heard: _Heard, final: int) -> dict[str, float]:
    count = heard.truth.count
    error = abs(final - count)
    # An item that was not run fails, although silence is near enough to a count of 1.
    near = error <= 1 and heard.entry.outputs is not None
    return {"final_obo": 100.0 * near, "final_mae": error / (count + 0.1)}


def _outcome(
    heard: _Heard,
    why: str,
    passed: bool | None,
    details: dict[str, Any],
    values: dict[str, float],
    *,
    dropped: bool = False,
) -> Outcome:
    entry = heard.entry
    missing = entry.outputs is None
    verdict = Verdict(
        item=entry.item,
        score=None if passed is None else 100.0 * passed,
        passed=passed,
        graded_text=tuple((u.t0_s, u.text) for u in heard.said),
        why=why,
        details=details,
        values=values,
        group=entry.group or heard.truth.action,
        audio=entry.answer.audio if entry.answers and entry.answer else "",
    )
    return Outcome(verdict=verdict, silent=not missing and not heard.said, missing=missing, dropped=dropped)


def _baselines(heard: Sequence[_Heard], profile: str, parameters: Mapping[str, Any]) -> list[Baseline]:
    names = ("silent", "says 4 at the end", f"metronome, a count every {METRONOME_S} s")
    # Without the length nobody can say when a metronome would have stopped.
    if not heard or any(h.truth.duration_s is None for h in heard):
        return [Baseline(name=name, score=None) for name in names]
    scores: dict[str, list[float]] = {name: [] for name in names}
    for one in heard:
        for name, number in zip(names, _last_trivial_numbers(one.truth.duration_s or 0.0), strict=True):
            passed = _trivial_passes(one, number, profile, parameters)
            if passed is not None:
                scores[name].append(100.0 * passed)
    return [Baseline(name=n, score=sum(s) / len(s) if s else None) for n, s in scores.items()]


def _last_trivial_numbers(end_s: float) -> tuple[SaidNumber | None, SaidNumber | None, SaidNumber | None]:
    """The last number that trivial models say to a video: no earlier one is in the window where this is not."""
    beats = int(end_s / METRONOME_S)
    return None, SaidNumber(end_s, 4), SaidNumber(beats * METRONOME_S, beats) if beats else None


def _trivial_passes(
    heard: _Heard, number: SaidNumber | None, profile: str, parameters: Mapping[str, Any]
) -> bool | None:
    truth = heard.truth
    if profile == "official":
        return abs((number.value if number else 0) - truth.count) <= 1
    if truth.count == 0 or truth.t_pen_s is None or heard.t_end_s is None:
        return None
    numbers = [number] if number else []
    return _near(last_number(numbers, truth.t_pen_s, heard.t_end_s, bounds=parameters["bounds"]), truth)


_LABELS = {
    "obo": ("online OBO", "%", "higher"), "obo_idioms": ("online OBO without idioms", "%", "higher"),
    "final_obo": ("final number, OBO", "%", "higher"), "final_mae": ("final number, MAE", "", "lower"),
    "event_f1": ("counts on the right repetition, F1", "", "higher"),
    "latency_median_s": ("count minus end of its repetition, median", "s", "lower"),
}  # fmt: skip


def _metrics(graded: Sequence[Outcome], profile: str) -> tuple[Metric, ...]:
    """The headline first; the others only where the rule gives them."""
    names = ("final_obo", "final_mae") if profile == "official" else tuple(_LABELS)
    found: list[Metric] = []
    for name in names:
        values = sorted(o.verdict.values[name] for o in graded if name in o.verdict.values)
        label, unit, better = _LABELS[name]
        if values or name in (names[0], "final_obo", "final_mae"):
            way: Literal["higher", "lower"] = "lower" if better == "lower" else "higher"
            reason = "no item that the rule scores"
            found.append(mean_metric(name, label, values, reason=reason, unit=unit, better=way))
    return tuple(found)


def _aggregates(
    truths: Sequence[RepTruth], finals: Sequence[int], graded: Sequence[Outcome], metrics: Sequence[Metric]
) -> dict[str, Any]:
    mae, obo = mae_obo(finals, [t.count for t in truths])
    found: dict[str, Any] = {"final_number_MAE": mae, "final_number_OBO": obo}
    by_type: dict[str, list[float]] = {}
    for truth, outcome in zip(truths, graded, strict=True):
        if truth.action and outcome.verdict.score is not None:
            by_type.setdefault(truth.action, []).append(outcome.verdict.score)
    found["per_type"] = {k: {"n": len(v), "score": sum(v) / len(v)} for k, v in sorted(by_type.items())}
    idioms = [m.value for m in metrics if m.name == "obo_idioms"]
    return found | ({"score_with_idioms": idioms[0]} if idioms else {})
