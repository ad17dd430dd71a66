"""RepCount-A: count repetitions aloud. Rules and what is certain about them: docs/grading.md.

All times are video time in seconds, 0 at the first video frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tmlapp.bench.counting import count_diagnostics
from tmlapp.bench.said import Said, SaidNumber, numbers_said, shifted
from tmlapp.bench.suite import Entry, Outcome, Sources, Suite, assemble, merged_parameters, suite
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Verdict
from tmlapp.core.units import s_to_ns

TAIL_S = 3.0
METRONOME_S = 3.25
INSTRUCTION = "Please count out reps for {action}."

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
_KNOWN = (
    "suite", "count", "n", "rep_end_times_s", "L", "fps", "num_frames", "duration_s", "video_start_s", "tail_s",
    "action", "type", "name", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RepTruth:
    """What happened in a video.

    Attributes:
        count: repetitions.
        ends_s: end of each repetition; empty where only the count is known.
        t_pen_s: end of the last repetition but one; 0 for a count below 2; None where it is unknown.
        duration_s: length of the video; None where it is unknown.
        video_start_s: session time of the first video frame.
        tail_s: how long after the video an answer still counts; None for the profile's value.
        action: group for the figures per type.
    """

    count: int
    ends_s: tuple[float, ...] = ()
    t_pen_s: float | None = None
    duration_s: float | None = None
    video_start_s: float = 0.0
    tail_s: float | None = None
    action: str = ""
    ignored: tuple[str, ...] = ()


def parse_truth(raw: Mapping[str, Any]) -> RepTruth:
    """The truth in a truth file or a label row.

    Raises:
        AppError: a member is missing or malformed, or count and times disagree.
    """
    fields = Fields(raw, "repcount-a", _KNOWN)
    count = fields.integer("count" if fields.has("count") or not fields.has("n") else "n")
    fps = fields.number("fps", above=0) if fields.has("fps") else None
    ends = _ends(fields, fps)
    if ends and len(ends) != count:
        raise fields.error(f"count is {count}, but there are {len(ends)} ends of repetitions")
    t_pen = 0.0 if count < 2 else ends[count - 2] if ends else None
    duration = _duration(fields, fps)
    if t_pen is not None and duration is not None and t_pen > duration:
        raise fields.error(f"Repetition {count - 1} ends at {t_pen:g} s, after the video, which is {duration:g} s long")
    return RepTruth(
        count=count,
        ends_s=ends,
        t_pen_s=t_pen,
        duration_s=duration,
        video_start_s=fields.number("video_start_s", 0.0),
        tail_s=fields.number("tail_s") if fields.has("tail_s") else None,
        action=fields.text("action") or fields.text("type"),
        ignored=tuple(fields.ignored),
    )


def _ends(fields: Fields, fps: float | None) -> tuple[float, ...]:
    if fields.has("rep_end_times_s"):
        return fields.numbers("rep_end_times_s")
    if not fields.has("L"):
        return ()
    if fps is None:
        raise fields.error("L is in frames, and fps is missing")
    frames = fields.numbers("L")
    if len(frames) % 2:
        raise fields.error(f"L has {len(frames)} frames, an odd number")
    return tuple(frame / fps for frame in frames[1::2])


def _duration(fields: Fields, fps: float | None) -> float | None:
    if fields.has("duration_s"):
        return fields.number("duration_s", above=0)
    if fields.has("num_frames") and fps is not None:
        return fields.number("num_frames", above=0) / fps
    return None


def mae_obo(predicted: Sequence[float], true: Sequence[float]) -> tuple[float | None, float | None]:
    """MAE and OBO as in TransRAC's test loop: halves round to even, g + 0.1 below; (None, None) for no items.

    Computed in float64; the original adds up in float32, so compare to 1e-6.

    Raises:
        AppError: the lists differ in length, or hold something that is no count.
    """
    if len(predicted) != len(true):
        raise _not_counts(f"There are {len(predicted)} predictions for {len(true)} items")
    if not all(math.isfinite(v) for v in (*predicted, *true)) or any(g < 0 for g in true):
        raise _not_counts("A prediction or a true count is not a finite number, or a true count is negative")
    if not true:
        return None, None
    # round() takes halves to even, as torch.round does.
    off = [abs(round(p) - g) for p, g in zip(predicted, true, strict=True)]
    mae = sum(d / (g + 0.1) for d, g in zip(off, true, strict=True)) / len(true)
    return mae, sum(d <= 1 for d in off) / len(true)


def _not_counts(why: str) -> AppError:
    return AppError("MAE and OBO cannot be computed.", f"{why}.", "Give one count per item.")


def last_number(
    numbers: Sequence[SaidNumber], t_pen_s: float, t_end_s: float, *, bounds: str = "inclusive"
) -> SaidNumber | None:
    """The last number said in the window from `t_pen_s` to `t_end_s`; `strict` leaves its first instant out."""
    # On whole nanoseconds, because a bound such as 169/30 s does not survive adding and taking off video_start_s.
    first, last = s_to_ns(t_pen_s), s_to_ns(t_end_s)
    inside = [
        n for n in numbers if first <= s_to_ns(n.t_s) <= last and not (bounds == "strict" and s_to_ns(n.t_s) == first)
    ]
    return inside[-1] if inside else None


@suite("repcount-a")
class RepCountA(Suite):
    """Off-by-one accuracy in percent."""

    suite_name: ClassVar[str] = "repcount-a"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    length_members: ClassVar[tuple[str, ...]] = ("duration_s", "num_frames")

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        if parameters["bounds"] not in ("inclusive", "strict"):
            raise AppError(
                f"The bounds cannot be {parameters['bounds']!r}.", "There are two kinds.", "Use inclusive or strict."
            )
        truths = [parse_truth(e.truth) for e in entries]
        if truths and "tail_s" not in params:
            parameters["tail_s"] = _common_tail(truths)
        graded = [_grade_item(e, t, profile, parameters) for e, t in zip(entries, truths, strict=True)]
        return assemble(
            suite_name=self.suite_name,
            metric="OBO, %" if profile == "official" else "online OBO, %",
            formula=_FORMULAS[profile],
            profile=profile,
            parameters=parameters,
            outcomes=graded,
            baselines=_baselines(entries, truths, profile, parameters),
            aggregates=_aggregates(entries, truths, graded, profile, parameters),
            sources=sources,
        )


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


def _grade_item(entry: Entry, truth: RepTruth, profile: str, parameters: Mapping[str, Any]) -> Outcome:
    said = shifted(entry.outputs or (), -truth.video_start_s)
    if profile == "official":
        return _offline(entry, truth, said, parameters)
    return _online(entry, truth, said, parameters)


def _online(entry: Entry, truth: RepTruth, said: Sequence[Said], parameters: Mapping[str, Any]) -> Outcome:
    t_end = _window_end(truth, parameters)
    if truth.t_pen_s is None or t_end is None:
        lacking = "the ends of the repetitions" if truth.t_pen_s is None else "the length of the video"
        raise AppError(
            f"The item {entry.item} cannot be graded by the online rule.",
            f"Its truth gives a count of {truth.count}, but not {lacking}.",
            "Add rep_end_times_s and duration_s, or grade with the profile official.",
        )
    numbers = numbers_said(said, idioms=parameters["idioms"])
    last = last_number(numbers, truth.t_pen_s, t_end, bounds=parameters["bounds"])
    passed = last is not None and abs(last.value - truth.count) <= 1
    details: dict[str, Any] = {
        "count": truth.count, "t_penultimate_end_s": truth.t_pen_s, "t_end_s": t_end,
        "last_number": last.value if last else None, "last_number_t_s": last.t_s if last else None,
        "video_start_s": truth.video_start_s, "rep_ends_s": truth.ends_s,
    }  # fmt: skip
    details |= count_diagnostics(numbers, truth.ends_s, truth.count, t_end, parameters)
    if truth.ignored:
        details["ignored_truth_members"] = list(truth.ignored)
    dropped = truth.count == 0
    why = _why_online(entry, truth, last, f"[{truth.t_pen_s:.3f}, {t_end:.3f}] s")
    return _outcome(entry, said, why, None if dropped else passed, details, dropped=dropped)


def _why_online(entry: Entry, truth: RepTruth, last: SaidNumber | None, window: str) -> str:
    if truth.count == 0:
        return "left out: the rule needs at least one repetition"
    if entry.outputs is None:
        return "fails: the item was not run"
    if last is None:
        return f"fails: no number in {window}"
    verb = "passes" if abs(last.value - truth.count) <= 1 else "fails"
    return f"{verb}: {last.value} at {last.t_s:.3f} s is the last number in {window}; true count {truth.count}"


def _offline(entry: Entry, truth: RepTruth, said: Sequence[Said], parameters: Mapping[str, Any]) -> Outcome:
    t_end = _window_end(truth, parameters)
    numbers = numbers_said(said, idioms=parameters["idioms"])
    # The published rule knows no window; the end only keeps out what was said long after the video.
    last = last_number(numbers, 0.0, 1e6 if t_end is None else t_end)
    # The published loop has a prediction for every item, so silence has to be one.
    predicted = last.value if last else 0
    passed = entry.outputs is not None and abs(predicted - truth.count) <= 1
    how = f"{predicted} at {last.t_s:.3f} s is the final number" if last else "no number was said, taken as 0"
    why = f"{'passes' if passed else 'fails'}: {how}; true count {truth.count}"
    if entry.outputs is None:
        why = "fails: the item was not run"
    error = abs(predicted - truth.count)
    details = {"count": truth.count, "predicted": predicted, "abs_error": error, "mae": error / (truth.count + 0.1),
               "video_start_s": truth.video_start_s}  # fmt: skip
    return _outcome(entry, said, why, passed, details)


def _outcome(
    entry: Entry, said: Sequence[Said], why: str, passed: bool | None, details: dict[str, Any], *, dropped: bool = False
) -> Outcome:
    verdict = Verdict(
        item=entry.item,
        score=None if passed is None else 100.0 * passed,
        passed=passed,
        graded_text=tuple((s.t_s, s.text) for s in said),
        why=why,
        details=details,
    )
    return Outcome(
        verdict=verdict, silent=entry.outputs is not None and not said, missing=entry.outputs is None, dropped=dropped
    )


def trivial_answers(truth: RepTruth) -> dict[str, tuple[Said, ...]]:
    """What trivial models would say to a video, in video time; needs its length."""
    end = truth.duration_s or 0.0
    beats = range(1, int(end / METRONOME_S) + 1)
    return {
        "silent": (),
        "says 4 at the end": (Said(end, "4"),),
        f"metronome, a count every {METRONOME_S} s": tuple(Said(k * METRONOME_S, str(k)) for k in beats),
    }


def _baselines(
    entries: Sequence[Entry], truths: Sequence[RepTruth], profile: str, parameters: Mapping[str, Any]
) -> list[Baseline]:
    # Without the length nobody can say when a metronome would have stopped.
    if not truths or any(t.duration_s is None for t in truths):
        return [Baseline(name=name, score=None) for name in trivial_answers(RepTruth(count=0))]
    scores: dict[str, list[float]] = {}
    for entry, truth in zip(entries, truths, strict=True):
        for name, said in trivial_answers(truth).items():
            in_session = shifted(said, truth.video_start_s)
            outcome = _grade_item(Entry(entry.item, entry.truth, in_session), truth, profile, parameters)
            scores.setdefault(name, [])
            if outcome.verdict.score is not None:
                scores[name].append(outcome.verdict.score)
    return [Baseline(name=n, score=sum(s) / len(s) if s else None) for n, s in scores.items()]


def _aggregates(
    entries: Sequence[Entry],
    truths: Sequence[RepTruth],
    graded: Sequence[Outcome],
    profile: str,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    offline = [
        _offline(e, t, shifted(e.outputs or (), -t.video_start_s), parameters)
        for e, t in zip(entries, truths, strict=True)
    ]
    mae, obo = mae_obo([o.verdict.details["predicted"] for o in offline], [t.count for t in truths])
    found: dict[str, Any] = {"final_number_MAE": mae, "final_number_OBO": obo}
    by_type: dict[str, list[float]] = {}
    for truth, outcome in zip(truths, graded, strict=True):
        if truth.action and outcome.verdict.score is not None:
            by_type.setdefault(truth.action, []).append(outcome.verdict.score)
    found["per_type"] = {k: {"n": len(v), "score": sum(v) / len(v)} for k, v in sorted(by_type.items())}
    if profile == "tml_reading" and not parameters["idioms"]:
        kept = [
            _online(e, t, shifted(e.outputs or (), -t.video_start_s), {**parameters, "idioms": True})
            for e, t in zip(entries, truths, strict=True)
        ]
        scores = [o.verdict.score for o in kept if o.verdict.score is not None]
        found["score_with_idioms"] = sum(scores) / len(scores) if scores else None
    return found
