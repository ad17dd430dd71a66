"""Charades: say "start" and "stop" at the borders of an action; temporal IoU. Rules: docs/grading.md.

All times are video time in seconds, 0 at the first video frame.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tmlapp.bench.intervals import Interval, clip, iou, recall_at, set_iou
from tmlapp.bench.said import Said, in_order, shifted
from tmlapp.bench.suite import Entry, Outcome, Sources, Suite, assemble, merged_parameters, suite
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Verdict

INSTRUCTION = "Say 'start' when the person starts doing {action} then say 'Stop' when they stop."
STA_INSTRUCTION = "When does this happen in the video: {sentence} Answer with start and end in seconds, like 4.0 - 9.5."
PASS_IOU = 0.5
STRICT_WORDS = 3

Mode = Literal["strict", "loose"]
Unmatched = Literal["close", "zero"]
PROFILES: dict[str, dict[str, Any]] = {
    "tml_reading": {"mode": "strict", "unmatched": "close"},
    "sta": {},
}
_FORMULAS = {"tml_reading": "charades/start-stop-iou@1", "sta": "charades/text-interval-iou@1"}
_KNOWN = (
    "suite", "start_s", "stop_s", "intervals", "length_s", "video_start_s", "action", "name", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTruth:
    """When an action is seen: `intervals` clipped to the video, in order, at least one; the first is the reference."""

    intervals: tuple[Interval, ...]
    length_s: float
    video_start_s: float = 0.0
    ignored: tuple[str, ...] = ()


def parse_truth(raw: Mapping[str, Any]) -> ActionTruth:
    """The truth in a truth file or an item.

    Raises:
        AppError: a member is missing or malformed, or nothing of the action lies inside the video.
    """
    fields = Fields(raw, "charades", _KNOWN)
    length = fields.number("length_s", above=0)
    if fields.has("intervals"):
        given = fields.pairs("intervals")
    else:
        given = ((fields.number("start_s"), fields.number("stop_s")),)
    for start, stop in given:
        if stop <= start:
            raise fields.error(f"The action stops ({stop} s) no later than it starts ({start} s)")
    inside = tuple(sorted(clip(given, length)))
    if not inside:
        raise fields.error(f"No interval lies inside the video of {length} s")
    return ActionTruth(
        intervals=inside,
        length_s=length,
        video_start_s=fields.number("video_start_s", 0.0),
        ignored=tuple(fields.ignored),
    )


def words_of(text: str) -> list[str]:
    """The words of an utterance: split on blanks, punctuation stripped, case folded."""
    stripped = (_strip_punctuation(word).casefold() for word in text.split())
    return [word for word in stripped if word]


def _strip_punctuation(word: str) -> str:
    first, last = 0, len(word)
    while first < last and unicodedata.category(word[first])[0] in "PS":
        first += 1
    while last > first and unicodedata.category(word[last - 1])[0] in "PS":
        last -= 1
    return word[first:last]


def borders_said(outputs: Sequence[Said], mode: Mode) -> list[tuple[float, str]]:
    """Every `start` and `stop` that counts, in order, with the onset of its utterance; nothing before time 0.

    `strict`: the first word of an utterance of at most three. `loose`: every such word of any utterance.
    """
    found: list[tuple[float, str]] = []
    for said in in_order(outputs):
        # "I'll say start when …" is the classic false hit.
        if said.t_s < 0:
            continue
        words = words_of(said.text)
        if mode == "strict":
            words = words[:1] if len(words) <= STRICT_WORDS else []
        found += [(said.t_s, word) for word in words if word in ("start", "stop")]
    return found


@dataclass(frozen=True, slots=True)
class Pairing:
    """The intervals that an answer means; `unmatched_start`: the last start was never followed by a stop."""

    intervals: tuple[Interval, ...]
    unmatched_start: bool


def pair_borders(
    outputs: Sequence[Said], length_s: float, *, mode: Mode = "strict", unmatched: Unmatched = "close"
) -> Pairing:
    """Starts paired with stops in time order, clipped to the video.

    The first start opens, the first stop closes; a start while open and a stop while closed are ignored. A start that
    is never closed ends with the video (`close`) or is dropped (`zero`).
    """
    intervals: list[Interval] = []
    opened: float | None = None
    for t_s, word in borders_said(outputs, mode):
        if word == "start" and opened is None:
            opened = t_s
        elif word == "stop" and opened is not None:
            intervals.append((opened, t_s))
            opened = None
    if opened is not None and unmatched == "close":
        intervals.append((opened, length_s))
    return Pairing(clip(intervals, length_s), opened is not None)


_SPAN = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)?\s*(?:-|–|—|to|until|and)\s*(\d+(?:\.\d+)?)", re.IGNORECASE
)


def span_in(text: str) -> Interval | None:
    """The first `a - b` (or `a to b`) in a written answer, in seconds; None where there is none or it ends first."""
    match = _SPAN.search(text)
    if match is None:
        return None
    start, end = float(match[1]), float(match[2])
    return (start, end) if end >= start else None


@suite("charades")
class Charades(Suite):
    """Mean temporal IoU in percent."""

    suite_name: ClassVar[str] = "charades"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    length_members: ClassVar[tuple[str, ...]] = ("length_s",)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        for key, allowed in (("mode", ("strict", "loose")), ("unmatched", ("close", "zero"))):
            if key in parameters and parameters[key] not in allowed:
                raise AppError(
                    f"The {key} cannot be {parameters[key]!r}.", "There are two kinds.", f"Use {' or '.join(allowed)}."
                )
        truths = [parse_truth(e.truth) for e in entries]
        graded = [_grade_item(e, t, profile, parameters) for e, t in zip(entries, truths, strict=True)]
        return assemble(
            suite_name=self.suite_name,
            metric="mIoU, %",
            formula=_FORMULAS[profile],
            profile=profile,
            parameters=parameters,
            outcomes=graded,
            baselines=baselines(truths),
            aggregates=_aggregates(graded, profile),
            sources=sources,
        )


def _grade_item(entry: Entry, truth: ActionTruth, profile: str, parameters: Mapping[str, Any]) -> Outcome:
    said = shifted(entry.outputs or (), -truth.video_start_s)
    details: dict[str, Any] = {
        "reference": truth.intervals[0], "intervals": truth.intervals, "length_s": truth.length_s,
        "video_start_s": truth.video_start_s,
    }  # fmt: skip
    if truth.ignored:
        details["ignored_truth_members"] = list(truth.ignored)
    if profile == "sta":
        spans = [span for s in said if s.t_s >= 0 and (span := span_in(s.text)) is not None]
        # Unclipped, as the public scorers take it; only the reference is clipped.
        predicted: tuple[Interval, ...] = tuple(spans[:1])
        details |= _agreement(predicted, truth, clipped=False)
    else:
        pairing = pair_borders(said, truth.length_s, **parameters)
        predicted = pairing.intervals
        details |= _agreement(predicted, truth, clipped=True) | {"unmatched_start": pairing.unmatched_start}
        # Both readings are always shown: neither is published.
        for mode in ("strict", "loose"):
            other = pair_borders(said, truth.length_s, mode=mode, unmatched=parameters["unmatched"]).intervals
            details[f"iou_{mode}"] = iou(other[0], truth.intervals[0]) if other else 0.0
    verdict = Verdict(
        item=entry.item,
        score=100.0 * details["iou"],
        passed=details["iou"] >= PASS_IOU,
        graded_text=tuple((s.t_s, s.text) for s in said),
        why=_why(entry, predicted, truth, details),
        details=details,
    )
    return Outcome(verdict=verdict, silent=entry.outputs is not None and not said, missing=entry.outputs is None)


def _agreement(predicted: Sequence[Interval], truth: ActionTruth, *, clipped: bool) -> dict[str, Any]:
    reference = truth.intervals[0]
    first = predicted[0] if predicted else None
    inside = predicted if clipped else clip(predicted, truth.length_s)
    return {
        "predicted": tuple(predicted),
        "iou": iou(first, reference) if first else 0.0,
        "set_iou": set_iou(inside, truth.intervals),
        "start_error_s": first[0] - reference[0] if first else None,
        "stop_error_s": first[1] - reference[1] if first else None,
    }


def _why(entry: Entry, predicted: Sequence[Interval], truth: ActionTruth, details: Mapping[str, Any]) -> str:
    if entry.outputs is None:
        return "IoU 0: the item was not run"
    if not predicted:
        return "IoU 0: the answer gives no interval"
    (s, e), (r, f) = predicted[0], truth.intervals[0]
    closed = " (never stopped, closed at the end)" if details.get("unmatched_start") and len(predicted) == 1 else ""
    return f"IoU {details['iou']:.3f}: [{s:.3f}, {e:.3f}] s{closed} against [{r:.3f}, {f:.3f}] s"


def baselines(truths: Sequence[ActionTruth]) -> list[Baseline]:
    """What trivial answers score on the same items."""
    answers: dict[str, list[float]] = {"silent": [], "start at 0, stop at the end": [], "true start, never stops": []}
    for truth in truths:
        reference = truth.intervals[0]
        answers["silent"].append(0.0)
        answers["start at 0, stop at the end"].append(iou((0.0, truth.length_s), reference))
        answers["true start, never stops"].append(iou((reference[0], truth.length_s), reference))
    return [Baseline(name=name, score=100.0 * sum(v) / len(v) if v else None) for name, v in answers.items()]


def _aggregates(graded: Sequence[Outcome], profile: str) -> dict[str, Any]:
    details = [o.verdict.details for o in graded]
    ious = [d["iou"] for d in details]
    found: dict[str, Any] = {f"R@{m}": recall_at(ious, m) for m in (0.3, 0.5, 0.7)}
    keys = ["set_iou"] if profile == "sta" else ["set_iou", "iou_strict", "iou_loose"]
    found |= {f"mean_{k}": 100.0 * sum(d[k] for d in details) / len(details) if details else None for k in keys}
    if profile != "sta":
        found["n_unmatched_start"] = sum(d["unmatched_start"] for d in details)
    return found
