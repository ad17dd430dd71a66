"""The same checks from a recording: nothing but what lies in it and beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tmlapp.bench.annotations import QA, AnnotationLog, annotate, read_annotations
from tmlapp.bench.qa.checklist import Checklist, load_checklist, read_checklist, shipped_checklists
from tmlapp.bench.qa.facts import WATCHED, Facts
from tmlapp.bench.qa.log import RunLog, merged, runs_of
from tmlapp.bench.qa.marks import Mark, mark_from_json
from tmlapp.bench.qa.view import StepView, counts, step_views
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S, ns_to_s
from tmlapp.recording.reader import Recording

_BLOCK_NS = 60 * NS_PER_S


def keep_mark(recording: Path, mark: Mark) -> None:
    """Write `mark` beside `recording`, which may still grow; it is on the disk when this returns.

    Raises:
        AppError: it cannot be written.
    """
    annotate(recording, QA, data=mark.data(), t_ns=mark.t_ns, why="checklist")


def facts_of(recording: Recording) -> Facts:
    """Everything that the checks look at, read from `recording`.

    Raises:
        AppError: it is damaged.
    """
    facts = Facts()
    # A minute at a time: an hour of sound need not be in memory at once.
    for start_ns in range(0, recording.duration_ns, _BLOCK_NS):
        pcm, _ = recording.audio("/mic", start_ns, min(start_ns + _BLOCK_NS, recording.duration_ns))
        facts.on_sound(pcm)
    for event in recording.events(WATCHED):
        facts.on_event(event)
    facts.pictures = recording.topics.get("/camera", 0) > 0
    return facts


@dataclass(frozen=True, slots=True)
class RunView:
    """One run with its steps.

    Attributes:
        checklist: by which it is shown.
        changed: that is another one than was run: its digest differs.
        unknown: ids of steps that were tried and that the checklist does not have.
    """

    run: RunLog
    checklist: Checklist
    steps: tuple[StepView, ...]
    changed: bool
    unknown: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """A step failed or was blocked, or a check of a step without a verdict failed."""
        return any(result_of(s) in ("fail", "blocked") for s in self.steps)

    def to_json(self) -> dict[str, Any]:
        return {
            "checklist": self.checklist.id,
            "title": self.checklist.title,
            "sha256": self.checklist.sha256,
            "sha256_at_the_run": self.run.sha256,
            "changed": self.changed,
            "unknown_steps": list(self.unknown),
            "start_s": ns_to_s(self.run.t_ns),
            "states": counts(self.steps),
            "failed": self.failed,
            "steps": [{**s.to_json(), "result": result_of(s)} for s in self.steps],
        }


def result_of(view: StepView) -> str:
    """How a step counts: the person's verdict; without one, what the checks of the last try found.

    `pass`, `fail`, `blocked`, `skipped`, `not_applicable`, or `undecided`.
    """
    if view.state in ("pass", "fail", "blocked", "skipped", "not_applicable"):
        return view.state
    return view.last.automatic if view.last is not None else "undecided"


@dataclass(frozen=True, slots=True)
class QaSession:
    """Everything about the checklists run in a recording; `damaged` are lines of its annotations lost to damage."""

    recording: Recording
    runs: tuple[RunView, ...]
    facts: Facts
    damaged: tuple[int, ...] = ()
    granted: Mapping[str, Any] = field(default_factory=dict)


def open_qa(path: Path, checklist: Checklist | None = None) -> QaSession:
    """Read the recording at `path` and evaluate every checklist that was run in it.

    Args:
        checklist: by which all runs are evaluated; None: each by its own, as the annotations hold it, or a shipped
            one with the same digest.

    Raises:
        AppError: the recording cannot be read, no checklist was run in it, or its checklist is gone.
    """
    recording = Recording.open(path)
    annotations = read_annotations(path)
    facts = facts_of(recording)
    runs = runs_of(merged(facts.marks, annotated_marks(annotations)))
    if not runs:
        raise AppError(
            f"No checklist was run in {path.name}.",
            "Neither the recording nor the annotations beside it tell of a step.",
            "Run a checklist beside a live session (key C), or choose another recording.",
        )
    views = tuple(_run_view(run, checklist or checklist_of(run), facts) for run in runs)
    return QaSession(recording, views, facts, annotations.damaged)


def annotated_marks(annotations: AnnotationLog) -> list[Mark]:
    """The marks that stand beside a recording, in the order in which they were written."""
    found = (mark_from_json(a.data, a.t_ns, a.who, a.when) for a in annotations.of(QA))
    return [mark for mark in found if mark is not None]


def checklist_of(run: RunLog) -> Checklist:
    """The checklist of `run` as it was.

    Raises:
        AppError: the annotations do not hold it, and no shipped one is the same.
    """
    if run.text:
        return read_checklist(run.text, f"{run.checklist_id}.yaml")
    for path in shipped_checklists():
        shipped = load_checklist(path)
        if shipped.sha256 == run.sha256:
            return shipped
    raise AppError(
        f"The checklist “{run.checklist_id}” of this run is gone.",
        f"The annotations do not hold it, and no shipped one has the digest {run.sha256}.",
        "Name its file: tmlapp qa check RECORDING --checklist FILE.",
    )


def _run_view(run: RunLog, checklist: Checklist, facts: Facts) -> RunView:
    known = {s.id for s in checklist.steps}
    unknown = tuple(s for s in (*run.tries, *run.skipped) if s not in known)
    steps = step_views(checklist, run, facts, closed=True)
    return RunView(run, checklist, steps, checklist.sha256 != run.sha256, tuple(dict.fromkeys(unknown)))
