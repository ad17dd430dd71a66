"""Grades a run, or what somebody's official run has left; the model is never run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.answers import Detector
from tmlapp.bench.data import SuiteItem, items_sha256
from tmlapp.bench.drive_item import part_answer
from tmlapp.bench.judges.base import Judge, NoJudge
from tmlapp.bench.judges.cache import CachedJudge
from tmlapp.bench.judges.panel import Surroundings, judge_from_address
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.make import loader_options
from tmlapp.bench.runs.run import VERDICTS, Run, append_grade, load_run
from tmlapp.bench.suite import Entry, Sources, Suite
from tmlapp.bench.transcripts.base import Transcriber
from tmlapp.bench.transcripts.cache import CachedTranscriber
from tmlapp.bench.transcripts.registry import bound, transcriber_from_address
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

TRANSCRIPTS = "transcripts"
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
        ask: shows a text in the terminal and returns the line typed; None where nobody is there.
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
    """Grades in the order of the profiles, and what a reader should know."""

    grades: tuple[Grade, ...]
    notes: tuple[str, ...] = ()


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
    """Grade the run in `folder` and add every grade to it.

    Raises:
        AppError: it is no run, the judge or the transcriber cannot be used, or a parameter is not valid.
    """
    run = load_run(folder)
    suite = suite_named(run.info.suite)
    answers = run.answers
    if request.transcripts:
        transcriber = transcriber_from_address(request.transcripts)
        answers = transcribed(run, suite, transcriber)
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
    return Graded(grades=_graded(material, request), notes=_notes(run, answers))


def grade_official(
    folder: Path, suite_name: str, data: Path, request: GradeRequest, *, options: Mapping[str, Any] | None = None
) -> Graded:
    """Grade what an official run left in `folder`; grades and verdicts are added to that folder.

    Raises:
        AppError: as `grade_run`, and where folder or data cannot be read.
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
        protocol={"run": "official", "options": dict(options or {})},
        n_quarantined=len(loaded.quarantined),
    )
    return Graded(grades=_graded(material, request))


def profiles_of(suite: Suite, asked: Sequence[str]) -> tuple[str, ...]:
    """Which rules to grade by: those asked for, else the default with `official` and `clean` where there are both."""
    both = [p for p in _BOTH if p in suite.profiles]
    return tuple(dict.fromkeys(asked or [suite.profiles[0], *both]))


def _graded(material: _Material, request: GradeRequest) -> tuple[Grade, ...]:
    suite = material.suite
    judge = judge_of(material, request)
    entries = [
        Entry.of(item, material.answers.get(item.id), material.failures.get(item.id, "")) for item in material.items
    ]
    given = [a for answers in material.answers.values() for a in answers.values()]
    grades: list[Grade] = []
    with closing(judge) if isinstance(judge, CachedJudge) else nullcontext():
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
            grade = suite.grade(entries, profile=profile, params=request.params, sources=sources)
            append_grade(material.folder, grade, why=request.why)
            grades.append(grade)
    return tuple(grades)


def judge_of(material: _Material, request: GradeRequest) -> Judge:
    """The judge at the addresses asked for, with the run's own verdicts as its memory."""
    if not request.judges:
        return NoJudge()
    around = Surroundings(ask=request.ask, verdicts=lambda path: material.suite.recorded_verdicts(path, material.items))
    judge = judge_from_address(request.judges, around)
    return judge if isinstance(judge, NoJudge) else CachedJudge(judge, material.folder / VERDICTS)


def transcribed(run: Run, suite: Suite, transcriber: Transcriber | None) -> dict[str, dict[str, Answer]]:
    """The answers of every item that was done, read from its recordings once more.

    `transcriber` None: the endpoint's own text. What was transcribed is kept in the run and not asked for again.

    Raises:
        AppError: a recording cannot be read, or the transcriber fails.
    """
    kept = None if transcriber is None else CachedTranscriber(transcriber, run.folder / TRANSCRIPTS)
    vad: Detector | None = VoiceActivityDetector() if {"vad", "user_vad"} & suite.needs else None
    user = bool({"user_vad", "user_words"} & suite.needs)

    def answers_of(item: SuiteItem) -> dict[str, Answer]:
        folder, result = run.item_folder(item.id), run.results[item.id]
        return {
            name: part_answer(
                folder, run.folder, part, transcriber=bound(kept, item.id, name), vad=vad, user=user
            )
            for name, part in result.parts.items()
        }  # fmt: skip

    done = [item for item in run.items if not run.failure(item.id)]
    with ThreadPoolExecutor(max(1, int(getattr(transcriber, "parallel", 1))), "transcribe") as pool:
        return dict(zip((item.id for item in done), pool.map(answers_of, done), strict=True))


def _one(sources: Any) -> str:
    found = sorted(set(sources))
    return found[0] if len(found) == 1 else "+".join(found) or "none"


def _transcripts(answers: Sequence[Answer]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for answer in answers:
        for key in ("transcriber", "vad", "placing"):
            if key in answer.extra and key not in found:
                found[key] = answer.extra[key]
    return found


def _protocol(run: Run) -> dict[str, Any]:
    info = run.info
    found: dict[str, Any] = {"endpoint": info.endpoint, "instruct": info.instruct, "clock": info.clock}
    if info.voice:
        found["voice"] = dict(info.voice)
    if info.options:
        found["options"] = dict(info.options)
    return found


def _notes(run: Run, answers: Mapping[str, Mapping[str, Answer]]) -> tuple[str, ...]:
    notes = [f"{damage} cannot be read" for damage in run.damaged]
    lost = [item.id for item in run.items if not run.failure(item.id) and item.id not in answers]
    if lost:
        notes.append(f"{len(lost)} items were run and have no answer: go on with tmlapp bench run --resume")
    mute = [a for parts in answers.values() for a in parts.values() if a.silent and a.speech_s]
    if mute:
        notes.append(f"{len(mute)} answers have voice and no text: name a transcriber with --transcripts")
    return tuple(notes)
