"""Grades a run, or what somebody's official run has left; the model is never run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import SuiteItem, items_sha256
from tmlapp.bench.judges.base import Judge, NoJudge, close_of
from tmlapp.bench.judges.cache import CachedJudge
from tmlapp.bench.judges.panel import Surroundings, judge_from_address
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.make import commit_of_app, loader_options
from tmlapp.bench.runs.run import VERDICTS, Run, append_grade, load_run
from tmlapp.bench.runs.stopping import StoppableJudge, Stopping
from tmlapp.bench.runs.transcribing import transcribed, write_official
from tmlapp.bench.suite import Entry, Sources, Suite
from tmlapp.bench.transcripts.registry import transcriber_from_address
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

_BOTH = ("official", "clean")


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeRequest:
    """How to grade.

    Attributes:
        profiles: which rules; empty: the suite's default, and both `official` and `clean` where it has them.
        params: overrides of the profiles' parameters.
        judges: addresses; none: questions that a program cannot decide stay ungraded.
        transcripts: address of a transcriber; empty: the answers as they stand in the run.
        folders: where the user keeps what a suite may not ship, by name.
        why: the reason for this grade, in a few words.
        ask: shows a text in the terminal and returns the line typed; None where nobody is there. If it has a method
            `close`, that ends its waiting.
    """

    profiles: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    judges: tuple[str, ...] = ()
    transcripts: str = ""
    folders: Mapping[str, Path] = field(default_factory=dict)
    why: str = "graded"
    ask: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """Grades in the order of the profiles, what a reader should know, and official files that were written anew."""

    grades: tuple[Grade, ...]
    notes: tuple[str, ...] = ()
    official: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    suite: Suite
    folder: Path
    items: Sequence[SuiteItem]
    answers: Mapping[str, Mapping[str, Answer]]
    failures: Mapping[str, str]
    files: Mapping[str, str]
    protocol: Mapping[str, Any]
    n_quarantined: int


def grade_run(folder: Path, request: GradeRequest) -> Graded:
    """Grade the run in `folder` and add every grade to it; with new transcripts its official files are written anew.

    Raises:
        AppError: it is no run, the judge or the transcriber cannot be used, or a parameter is not valid.
        StoppedError: Ctrl-C; transcripts and verdicts so far are kept, and no half grade is added.
    """
    with Stopping() as stopping:
        return _run_graded(folder, request, stopping)


def _run_graded(folder: Path, request: GradeRequest, stopping: Stopping) -> Graded:
    run = load_run(folder)
    suite = suite_named(run.info.suite)
    answers: Mapping[str, Mapping[str, Answer]] = run.answers
    official: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    if request.transcripts:
        answers = transcribed(run, suite, transcriber_from_address(request.transcripts), stopping)
        official, notes = write_official(run, suite, answers)
    material = _Material(
        suite=suite,
        folder=folder,
        items=run.items,
        # What a failed item has said in an earlier try is not what it did.
        answers={i: a for i, a in answers.items() if not run.failure(i)},
        failures={item.id: run.failure(item.id) for item in run.items},
        files=run.info.files,
        protocol=_protocol(run),
        n_quarantined=len(run.info.quarantined),
    )
    grades = _graded(material, request, stopping)
    return Graded(grades=grades, notes=(*_notes(run, answers), *notes), official=official)


def grade_official(
    folder: Path, suite_name: str, data: Path, request: GradeRequest, *, options: Mapping[str, Any] | None = None
) -> Graded:
    """Grade what an official run left in `folder`; grades and verdicts are added to that folder.

    Raises:
        AppError: as `grade_run`, and where folder or data cannot be read.
        StoppedError: as `grade_run`.
    """
    if request.transcripts:
        raise AppError(
            "Transcripts cannot be made again here.",
            "An official folder holds its own.",
            "Leave --transcripts out, or grade a run folder.",
        )
    suite = suite_named(suite_name)
    loaded = suite.load(data, loader_options(suite, options or {}))
    material = _Material(
        suite=suite,
        folder=folder,
        items=loaded.items,
        answers=suite.read_official(folder, loaded.items),
        failures={},
        files=loaded.files,
        protocol={"run": "official", "options": dict(options or {})} | _data_version(loaded.version),
        n_quarantined=len(loaded.quarantined),
    )
    with Stopping() as stopping:
        return Graded(grades=_graded(material, request, stopping))


def profiles_of(suite: Suite, asked: Sequence[str]) -> tuple[str, ...]:
    """Which rules to grade by: those asked for, else the default with `official` and `clean` where there are both."""
    both = [p for p in _BOTH if p in suite.profiles]
    return tuple(dict.fromkeys(asked or [suite.profiles[0], *both]))


def _graded(material: _Material, request: GradeRequest, stopping: Stopping) -> tuple[Grade, ...]:
    judge = judge_of(material, request)
    stopping.closes(close_of(judge))
    try:
        asked = judge if isinstance(judge, NoJudge) else StoppableJudge(judge, stopping)
        return _by_profiles(material, request, asked, stopping)
    finally:
        close_of(judge)()


def _by_profiles(material: _Material, request: GradeRequest, judge: Judge, stopping: Stopping) -> tuple[Grade, ...]:
    suite = material.suite
    entries = [
        Entry.of(item, material.answers.get(item.id), material.failures.get(item.id, "")) for item in material.items
    ]
    given = [a for answers in material.answers.values() for a in answers.values()]
    grades: list[Grade] = []
    # A number belongs to the code that made it, which may be later than the code that made the run.
    commit = commit_of_app()
    for profile in profiles_of(suite, request.profiles):
        sources = Sources(
            files=dict(material.files),
            text_source=_one(a.text_source for a in given),
            timing_source=_one(a.timing_source for a in given),
            judge=judge,
            folders=request.folders,
            transcripts=_transcripts(given),
            protocol=material.protocol,
            items_sha256=items_sha256(material.items),
            n_quarantined=material.n_quarantined,
            delegated=any(a.delegated for a in given),
        )
        grade = _by_commit(suite.grade(entries, profile=profile, params=request.params, sources=sources), commit)
        # What the last questions got after Ctrl-C is no ruling.
        stopping.check()
        append_grade(material.folder, grade, why=request.why)
        grades.append(grade)
    return tuple(grades)


def _by_commit(grade: Grade, commit: str) -> Grade:
    made = grade.provenance
    return replace(grade, provenance=replace(made, software=made.software | {"commit": commit})) if commit else grade


def judge_of(material: _Material, request: GradeRequest) -> Judge:
    """The judge at the addresses asked for, with the run's own verdicts as its memory.

    Recorded verdicts are looked up in their own file each time: somebody may have corrected it.
    """
    if not request.judges:
        return NoJudge()
    around = Surroundings(ask=request.ask, verdicts=lambda path: material.suite.recorded_verdicts(path, material.items))
    judge = judge_from_address(request.judges, around)
    return judge if isinstance(judge, NoJudge | RecordedJudge) else CachedJudge(judge, material.folder / VERDICTS)


def _one(sources: Any) -> str:
    found = sorted(set(sources))
    return found[0] if len(found) == 1 else "+".join(found) or "none"


def _transcripts(answers: Sequence[Answer]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("transcriber", "user_transcriber", "vad", "placing"):
        stated = [answer.extra[key] for answer in answers if key in answer.extra]
        distinct = {json.dumps(value, sort_keys=True, default=str): value for value in stated}
        if distinct:
            found[key] = _together([distinct[text] for text in sorted(distinct)])
    return found


def _together(values: Sequence[Any]) -> Any:
    """What all of `values` say; where they differ (a transcript file per item), how many there are and their digest."""
    if len(values) == 1:
        return values[0]
    maps = [value for value in values if isinstance(value, Mapping)]
    same = {k: v for k, v in maps[0].items() if all(m.get(k) == v for m in maps)} if len(maps) == len(values) else {}
    all_of_them = json.dumps(values, sort_keys=True, default=str).encode("ascii")
    return same | {"different": len(values), "sha256_of_all": hashlib.sha256(all_of_them).hexdigest()}


def _protocol(run: Run) -> dict[str, Any]:
    info = run.info
    found: dict[str, Any] = {"endpoint": info.endpoint, "instruct": info.instruct, "clock": info.clock}
    if info.target:
        found["target"] = dict(info.target)
    if info.voice:
        found["voice"] = dict(info.voice)
    if info.options:
        found["options"] = dict(info.options)
    found |= _data_version(info.version)
    agent = info.settings.get("agent")
    if isinstance(agent, Mapping):
        found["agent"] = {"model": agent.get("model", ""), "host": urlsplit(str(agent.get("url", ""))).netloc}
    return found


def _data_version(version: str) -> dict[str, str]:
    return {"data_version": version} if version else {}


def _notes(run: Run, answers: Mapping[str, Mapping[str, Answer]]) -> tuple[str, ...]:
    notes = [f"{damage} cannot be read" for damage in run.damaged]
    lost = [item.id for item in run.items if not run.failure(item.id) and item.id not in answers]
    if lost:
        notes.append(f"{len(lost)} items were run and have no answer: go on with tmlapp bench run --resume")
    holes = [i for i, result in run.results.items() if result.state == "interrupted"]
    if holes:
        notes.append(f"{len(holes)} items were interrupted and are not graded: go on with tmlapp bench run --resume")
    mute = [a for parts in answers.values() for a in parts.values() if a.silent and a.speech_s]
    if mute:
        notes.append(f"{len(mute)} answers have voice and no text: name a transcriber with --transcripts")
    return tuple(notes)
