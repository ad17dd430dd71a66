"""Grades of a finished session, by the truth of the demo clip or by a person's own judgement. May block; no Qt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tmlapp.bench.companions import companions as companions
from tmlapp.core.errors import AppError
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.core.grade import Grade
    from tmlapp.recording.reader import Recording

Suite = Literal["repcount-a", "charades"]
PROFILES: dict[Suite, str] = {"repcount-a": "official", "charades": "tml_reading"}
"""Rules that need no more than a person can say afterwards: a count, or two times."""

_TASKS: dict[str, Suite] = {"count_reps": "repcount-a", "start_stop": "charades"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a person can be asked about a finished session.

    `suite` is None where the task is one that nothing here grades; `span_s` are the session times of the two markers,
    where exactly two were set.
    """

    suite: Suite | None
    action: str = ""
    span_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What really happened, as a person says: a `count`, or a `span_s` in session time."""

    suite: Suite
    action: str = ""
    count: int | None = None
    span_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade as the result card says it: the verdict, and in smaller type how it was made."""

    verdict: str
    how: str


def suite_of(instruction: str, task: str = "") -> Suite | None:
    """Which suite grades a session of `instruction`; `task` is how a local model understood it, if it said so."""
    if task:
        return _TASKS.get(task)
    words = set(re.findall(r"[a-z]+", instruction.casefold()))
    if {"start", "stop"} <= words:
        return "charades"
    return "repcount-a" if words & {"count", "reps", "repetitions"} else None


def question_of(path: Path) -> Question:
    """What to ask about the recording `path`.

    Raises:
        AppError: it cannot be read.
    """
    from tmlapp.core.cue import action_of
    from tmlapp.core.event import Marker, TaskSet
    from tmlapp.recording.reader import Recording

    recording = Recording.open(path)
    events = list(recording.events((TaskSet, Marker)))
    # "That is enough" ends a task; what was done until then is still what is graded.
    tasks = [e for e in events if isinstance(e, TaskSet) and e.task != "none"]
    instruction = tasks[-1].instruction if tasks else str(recording.info.get("instruction", ""))
    marks = sorted(e.t_ns / 1e9 for e in events if isinstance(e, Marker) and e.label == "marker")
    return Question(
        suite_of(instruction, tasks[-1].task if tasks else ""),
        action_of(instruction),
        (marks[0], marks[1]) if len(marks) == 2 else None,
    )


def grade_by_hand(path: Path, judgement: Judgement) -> list[Graded]:
    """Grade the recording `path` by what a person says happened; truth and grade are kept beside it.

    Raises:
        AppError: the judgement is not possible, or a file cannot be read or written.
    """
    from tmlapp.bench.grading import grade_recording, write_grade
    from tmlapp.bench.registry import suite_named
    from tmlapp.recording.reader import Recording

    recording = Recording.open(path)
    truth = _truth(recording, judgement)
    # Graded once before the truth is kept, so that an impossible one leaves no file behind.
    _try_out(suite_named(judgement.suite), judgement.suite, truth, recording)
    kept = _keep_truth(path, truth)
    grade = grade_recording(recording, judgement.suite, kept, profile=PROFILES[judgement.suite])
    write_grade(path, grade, why="judged by a person after the session")
    return [_with_losses(in_words(grade), recording)]


def grade_clip(path: Path, source: str | None, clip: str | None) -> list[Graded]:
    """Grade a session on the demo clip by the clip's own truth; nothing where it was another source, or cut short."""
    if source is None or source != clip:
        return []
    from tmlapp.bench.grading import grade_recording, write_grade
    from tmlapp.recording.reader import Recording

    suite = question_of(path).suite
    if suite is None:
        return []
    name = "truth-charades.json" if suite == "charades" else "truth-repcount.json"
    truth = Path(source.split(",")[0]).parent / name
    plain = json.loads(truth.read_text(encoding="utf-8"))
    recording = Recording.open(path)
    if recording.duration_ns < plain.get("duration_s", plain.get("length_s", 0)) * 1e9:
        return []  # Stopped early: what was not shown cannot have been missed.
    grade = grade_recording(recording, suite, truth)
    write_grade(path, grade)
    return [_with_losses(in_words(grade), recording)]


def in_words(grade: Grade) -> Graded:
    """What a person is told about `grade`."""
    from tmlapp.bench.report.write import one_decimal

    verdict = grade.verdicts[0]
    mae = grade.aggregates.get("final_number_MAE")
    figures = [f"{tr('MAE')} {mae:.3f}"] if mae is not None else []
    trivial = ", ".join(f"{b.name} {one_decimal(b.score)}" for b in grade.baselines)
    made = f"{grade.provenance.formula}, {tr('profile')} {grade.provenance.profile}"
    texts = tr("{n} texts of the model graded").format(n=len(verdict.graded_text))
    return Graded(
        f"{grade.metric.removesuffix(', %')} {one_decimal(grade.score)} % – {verdict.why}",
        " · ".join([*figures, made, texts, tr("trivial answers: {list}").format(list=trivial)]),
    )


def _with_losses(graded: Graded, recording: Recording) -> Graded:
    """A grade of a session whose connection broke says so: it measures more than the model."""
    from tmlapp.recording.summary import interruption

    lost = interruption(recording)
    if not lost:
        return graded
    caution = tr("Not the model's alone: {what}.").format(what=lost)
    return Graded(f"{graded.verdict}\n{caution}", graded.how)


def write_report(path: Path) -> Path:
    """Write the report of the recording `path` beside it, with the latest grade by each rule.

    Raises:
        AppError: recording or grades cannot be read, or the page cannot be written.
    """
    from tmlapp.bench.report.write import write_report as write
    from tmlapp.bench.sidecar import read_grades
    from tmlapp.recording.reader import Recording

    latest: dict[str, Grade] = {}
    for line in read_grades(path).lines:
        grade = grade_from_json(line["grade"])
        latest[f"{grade.provenance.formula} {grade.provenance.profile}"] = grade
    return write(Recording.open(path), list(reversed(latest.values())), path.with_suffix(".html"))


def grade_from_json(value: Mapping[str, Any]) -> Grade:
    """The grade that `Grade.to_json` wrote.

    Raises:
        AppError: it was written by another version and lacks something.
    """
    from tmlapp.core.grade import Grade

    try:
        return Grade.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise AppError(
            tr("A grade of this recording cannot be read."), f"{error!r}.", tr("Grade the recording again.")
        ) from error


def _truth(recording: Recording, judgement: Judgement) -> dict[str, Any]:
    note = "what happened, as a person said after the session"
    truth: dict[str, Any] = {"suite": judgement.suite, "note": note}
    if judgement.action:
        truth["action"] = judgement.action
    if judgement.suite == "repcount-a":
        return truth | {"count": judgement.count}
    # A person reads session time; a truth is on video time.
    start, stop = judgement.span_s or (0.0, 0.0)
    shift = float((recording.info.get("options") or {}).get("pad_before_s") or 0.0)
    return truth | {"start_s": round(start - shift, 3), "stop_s": round(stop - shift, 3)}


def _try_out(grader: Any, suite: Suite, truth: Mapping[str, Any], recording: Recording) -> None:
    from tmlapp.bench.grading import grade_outputs

    length = {grader.length_members[0]: recording.duration_ns / 1e9}
    grade_outputs(suite, (), {**truth, **length}, profile=PROFILES[suite])


def _keep_truth(recording: Path, truth: Mapping[str, Any]) -> Path:
    """The file that holds `truth`: one that does already, or a new one. No truth is ever overwritten."""
    # Escaped, because half of a surrogate pair in an instruction has no UTF-8.
    text = json.dumps(truth, indent=2) + "\n"
    number = 1
    while True:
        path = recording.with_suffix(".truth.json" if number == 1 else f".truth-{number}.json")
        try:
            with path.open("x", encoding="ascii") as file:
                file.write(text)
            return path
        except FileExistsError:
            if path.is_file() and path.read_bytes() == text.encode("ascii"):
                return path
            number += 1
        except OSError as error:
            raise AppError(
                tr("What you said could not be kept in {path}.").format(path=path),
                f"{error.strerror}.",
                tr("Free space, or check the folder's rights."),
            ) from error
