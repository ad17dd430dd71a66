"""Charades: say "start" and "stop" at the borders of an action; temporal IoU. Rules: docs/grading.md.

All times are video time in seconds, 0 at the first video frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.intervals import Interval, clip, iou, recall_at, set_iou
from tmlapp.bench.labels.charades import INSTRUCTION, STA_INSTRUCTION
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
from tmlapp.bench.suites.charades_files import OPTIONS, WHERE, load_folder, read_predictions, write_predictions
from tmlapp.bench.suites.charades_rule import (
    ActionTruth,
    Pairing,
    borders_in,
    pair,
    pair_borders,
    parse_truth,
    span_in,
    words_of,
)
from tmlapp.bench.suites.speak_said import utterances_on
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Verdict

__all__ = [
    "INSTRUCTION",
    "STA_INSTRUCTION",
    "ActionTruth",
    "Charades",
    "Pairing",
    "baselines",
    "pair_borders",
    "parse_truth",
    "span_in",
    "words_of",
]

PASS_IOU = 0.5
RECALLS = (0.3, 0.5, 0.7)
PROFILES: dict[str, dict[str, Any]] = {
    "tml_reading": {"mode": "strict", "unmatched": "close"},
    "sta": {},
}
_FORMULAS = {"tml_reading": "charades/start-stop-iou@1", "sta": "charades/text-interval-iou@1"}


@suite("charades")
class Charades(Suite):
    """Mean temporal IoU in percent."""

    suite_name: ClassVar[str] = "charades"
    title: ClassVar[str] = "Charades"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    length_members: ClassVar[tuple[str, ...]] = ("length_s",)
    where: ClassVar[str] = WHERE
    options: ClassVar[Mapping[str, Any]] = OPTIONS
    needs: ClassVar[frozenset[Literal["words", "vad", "user_words", "user_vad"]]] = frozenset({"words"})

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """Set `interior` (default), set `single`, or the sentences of Charades-STA.

        Raises:
            AppError: annotations or videos are not there, are damaged, or an option is not valid.
        """
        return load_folder(folder, options)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        for key, allowed in (("mode", ("strict", "loose")), ("unmatched", ("close", "zero"))):
            if key in parameters and parameters[key] not in allowed:
                raise AppError(
                    f"The {key} cannot be {parameters[key]!r}.", "There are two kinds.", f"Use {' or '.join(allowed)}."
                )
        if profile != "sta" and any(e.truth.get("sentence") for e in entries):
            raise AppError(
                "Answers to sentences of Charades-STA cannot be graded by start and stop.",
                "They were asked for seconds in writing.",
                "Grade them with the profile sta.",
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
            metrics=_metrics(graded),
        )

    def write_official(
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - predictions are intervals only
    ) -> list[Path]:
        """`predictions.jsonl` (vid, query, duration, gt, pred), and `utterances.jsonl` with what was said."""
        done = [(item, answers[item.id]["main"]) for item in items if "main" in answers.get(item.id, {})]
        return write_predictions(folder, done, [_first_interval(item, answer) for item, answer in done])

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return {name: {"main": answer} for name, answer in read_predictions(folder, items).items()}


def _first_interval(item: SuiteItem, answer: Answer) -> Interval | None:
    truth = parse_truth(item.truth)
    said = utterances_on(Entry(item.id, item.truth, answer.said(), {"main": answer}), 0.0)
    paired = pair(borders_in(said)["strict"], truth.length_s).intervals
    found = _spans(said) if item.truth.get("sentence") else paired
    return found[0] if found else None


def _spans(said: Sequence[Utterance]) -> tuple[Interval, ...]:
    """The first interval that was written."""
    return tuple(span for u in said if u.t0_s >= 0 and (span := span_in(u.text)) is not None)[:1]


def _grade_item(entry: Entry, truth: ActionTruth, profile: str, parameters: Mapping[str, Any]) -> Outcome:
    said = utterances_on(entry, truth.video_start_s)
    details: dict[str, Any] = {
        "reference": truth.intervals[0], "intervals": truth.intervals, "length_s": truth.length_s,
        "video_start_s": truth.video_start_s,
    }  # fmt: skip
    if truth.ignored:
        details["ignored_truth_members"] = list(truth.ignored)
    if profile == "sta":
        # Unclipped, as the public scorers take it; only the reference is clipped.
        predicted = _spans(said)
        details |= _agreement(predicted, truth, clipped=False)
    else:
        borders = borders_in(said)
        # Both readings are always shown: neither is published.
        pairings: dict[str, Pairing] = {
            mode: pair(found, truth.length_s, parameters["unmatched"]) for mode, found in borders.items()
        }
        pairing = pairings[parameters["mode"]]
        predicted = pairing.intervals
        details |= _agreement(predicted, truth, clipped=True) | {"unmatched_start": pairing.unmatched_start}
        for mode, other in pairings.items():
            details[f"iou_{mode}"] = iou(other.intervals[0], truth.intervals[0]) if other.intervals else 0.0
    verdict = Verdict(
        item=entry.item,
        score=100.0 * details["iou"],
        passed=details["iou"] >= PASS_IOU,
        graded_text=tuple((u.t0_s, u.text) for u in said),
        why=_why(entry, predicted, truth, details),
        details=details,
        values=_values(details),
        group=entry.group,
        audio=entry.answer.audio if entry.answers and entry.answer else "",
    )
    missing = entry.outputs is None
    return Outcome(verdict=verdict, silent=not missing and not said, missing=missing)


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


def _values(details: Mapping[str, Any]) -> dict[str, float]:
    values = {"miou": 100.0 * details["iou"]}
    values |= {f"r_at_{m}": 100.0 * (details["iou"] >= m) for m in RECALLS}
    for mode in ("strict", "loose"):
        found = details.get(f"iou_{mode}")
        if found is not None:
            values[f"miou_{mode}"] = 100.0 * found
            values |= {f"r_at_{m}_{mode}": 100.0 * (found >= m) for m in RECALLS}
    return values | {"set_iou": 100.0 * details["set_iou"]}


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
    # Sorted, so that a sum does not depend on the order of the items by a last digit.
    return [Baseline(name=name, score=100.0 * sum(sorted(v)) / len(v) if v else None) for name, v in answers.items()]


def _metrics(graded: Sequence[Outcome]) -> tuple[Metric, ...]:
    """The headline first; recalls of both modes have no interval of their own."""
    columns: dict[str, list[float]] = {name: [] for name in ("miou", *(f"r_at_{m}" for m in RECALLS))}
    for outcome in graded:
        for name, value in outcome.verdict.values.items():
            columns.setdefault(name, []).append(value)
    return tuple(
        mean_metric(name, _label(name), sorted(v), reason="no item", interval=name.count("_") < 3)
        for name, v in columns.items()
    )


def _label(name: str) -> str:
    words = name.replace("r_at_", "R@").replace("miou", "mIoU").replace("set_iou", "set IoU")
    return words.replace("_", ", ")


def _aggregates(graded: Sequence[Outcome], profile: str) -> dict[str, Any]:
    details = [o.verdict.details for o in graded]
    ious = [d["iou"] for d in details]
    found: dict[str, Any] = {f"R@{m}": recall_at(ious, m) for m in RECALLS}
    keys = ["set_iou"] if profile == "sta" else ["set_iou", "iou_strict", "iou_loose"]
    found |= {f"mean_{k}": 100.0 * sum(d[k] for d in details) / len(details) if details else None for k in keys}
    if profile != "sta":
        found["n_unmatched_start"] = found["n_unmatched"] = sum(d["unmatched_start"] for d in details)
    return found
