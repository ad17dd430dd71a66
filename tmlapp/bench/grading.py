"""Grades outputs and recordings. Nothing is run again: the same recording and truth give the same number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tmlapp.bench.labels.rows import file_sha256 as sha256_of
from tmlapp.bench.registry import suite_named
from tmlapp.bench.said import Said
from tmlapp.bench.sidecar import write_grade
from tmlapp.bench.suite import Entry, Sources, Suite
from tmlapp.bench.truth import load_truth
from tmlapp.core.event import Heard, TextOutDone
from tmlapp.core.grade import Grade
from tmlapp.core.units import NS_PER_S, ns_to_s
from tmlapp.recording.reader import Recording

__all__ = [
    "grade_items",
    "grade_outputs",
    "grade_recording",
    "outputs_heard",
    "outputs_said",
    "sha256_of",
    "write_grade",
]


def grade_outputs(
    suite: str,
    outputs: Sequence[Said],
    truth: Mapping[str, Any],
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    item: str = "item",
) -> Grade:
    """Grade what was said in one session.

    Args:
        suite: `repcount-a`, `charades`, or any other that is installed.
        outputs: everything the model said, in session time.
        truth: as in a truth file (docs/grading.md).
        profile: which rule; None for the suite's default.
        params: overrides of the profile's parameters.
        files: sha256 by role, kept in the provenance.
        item: what the verdict is called.

    Raises:
        AppError: suite, profile, parameters or truth are not valid.
    """
    entry = Entry(item, truth, tuple(outputs))
    return grade_items(suite, [entry], profile=profile, params=params, files=files)


def grade_items(
    suite: str,
    entries: Sequence[Entry],
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> Grade:
    """Grade a whole run: one entry per item, with outputs None where an item was not run.

    Raises:
        AppError: as `grade_outputs`.
    """
    grader = suite_named(suite)
    return _grade(grader, entries, profile, params, Sources(files=files or {}))


def _grade(
    grader: Suite,
    entries: Sequence[Entry],
    profile: str | None,
    params: Mapping[str, Any] | None,
    sources: Sources,
) -> Grade:
    return grader.grade(entries, profile=profile or grader.profiles[0], params=params or {}, sources=sources)


def outputs_said(recording: Recording) -> tuple[Said, ...]:
    """What the model said, at the time its text was received (the end of a micro-turn for a local model)."""
    return tuple(
        Said(event.t_rx_ns / NS_PER_S, event.text)
        for event in recording.events((TextOutDone,))
        if isinstance(event, TextOutDone) and event.channel != "thought"
    )


def outputs_heard(recording: Recording) -> tuple[Said, ...]:
    """What came out of the loudspeaker, at the time its first sample could be heard.

    In recordings that do not tell that, at the time it began to play.
    """
    return tuple(
        Said((event.t_ns if event.audible_ns is None else event.audible_ns) / NS_PER_S, event.text)
        for event in recording.events((Heard,))
        if isinstance(event, Heard) and event.text
    )


def grade_recording(
    recording: Recording,
    suite: str,
    truth_path: Path,
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> Grade:
    """Grade a finished recording against a truth file.

    The headline uses the time at which each text was received. Where the loudspeaker was recorded, the same rule on
    the times at which the words were heard is given beside it (`heard` in the aggregates).

    Raises:
        AppError: suite, profile, parameters or truth are not valid, or a file cannot be read.
    """
    grader = suite_named(suite)
    truth, taken = _placed(load_truth(truth_path), grader, recording)
    files = {"recording": sha256_of(recording.path), "truth": sha256_of(truth_path)}
    item = str(truth.get("name") or recording.path.stem)
    sources = Sources(files=files)
    grade = _grade(grader, [Entry(item, truth, outputs_said(recording))], profile, params, sources)
    aggregates = dict(grade.aggregates)
    # Beside the headline, never instead of it: sound adds the latency of a loudspeaker that text does not have.
    heard = outputs_heard(recording)
    if heard:
        second = _grade(grader, [Entry(item, truth, heard)], profile, params, sources).verdicts[0]
        aggregates["heard"] = {
            "timing_source": "heard", "score": second.score, "why": second.why, "graded_text": second.graded_text
        }  # fmt: skip
    provenance = replace(grade.provenance, parameters={**grade.provenance.parameters, **taken})
    return replace(grade, aggregates=aggregates, provenance=provenance)


def _placed(truth: dict[str, Any], grader: Suite, recording: Recording) -> tuple[dict[str, Any], dict[str, Any]]:
    """`truth` with the place of the video in the session, and where that was taken from.

    What the truth file does not say comes from how the session was set up: padding before the video, and its length
    as that of the recording without padding and tail.
    """
    options = recording.info.get("options") or {}
    placed = dict(truth)
    taken: dict[str, Any] = {"video_start_from": "truth", "length_from": "truth"}
    if placed.get("video_start_s") is None:
        placed["video_start_s"] = _seconds(options.get("pad_before_s"))
        taken["video_start_from"] = "recording"
    members = grader.length_members
    if members and all(placed.get(member) is None for member in members):
        around = (
            _seconds(placed["video_start_s"]) + _seconds(options.get("pad_after_s")) + _seconds(options.get("tail_s"))
        )
        placed[members[0]] = max(0.0, ns_to_s(recording.duration_ns) - around)
        taken["length_from"] = "recording"
    return placed, taken | {"video_start_s": placed["video_start_s"]}


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
