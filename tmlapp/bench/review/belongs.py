"""Where a recording comes from: the run and item that it was made for, and what that item expects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.answer import Answer
from tmlapp.bench.authoring.trying_tried import FOLDER, TRIES, Tried, read_tries
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.labels.speak_items import SCHEMA, Expectation, ItemError, SpeakItem, parse_item
from tmlapp.bench.report.marks import marks_of
from tmlapp.bench.review.lanes import Expected, Graded
from tmlapp.bench.runs.info import PartResult
from tmlapp.bench.runs.lines import read_lines
from tmlapp.bench.runs.run import ANSWERS, GRADES, ITEMS, RESULT, is_run, item_folder_name, read_answers, read_result
from tmlapp.bench.sidecar import read_grades
from tmlapp.bench.suites.speak_params import SpeakParams
from tmlapp.bench.truth import load_truth
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade
from tmlapp.core.units import NS_PER_S, s_to_ns

Source = Literal["recording", "run", "try"]

TRUTH_SUFFIX = ".truth.json"
"""A truth file beside a recording: `<name>.truth.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongs:
    """What is known about a recording from the files around it.

    Attributes:
        run: folder of the run, None for a recording of its own.
        item: of the run. part: how its session was driven. answer: what a transcriber or the endpoint said.
        truth: of the item, or from the file beside the recording; empty where nothing is known.
        foreign: it lies among the recordings of the item and is none of them, as a replay does: it was driven as `part`
            was, but the answers and grades of the run are not its own.
        speak: the item, where it is one of TimeSpeak or CueSpeak.
        tries: what is kept of it in the set of items in which it was tried: its own line, and later gradings of it.
        problems: what could not be read.
    """

    run: Path | None = None
    item: SuiteItem | None = None
    part: PartResult | None = None
    foreign: bool = False
    answer: Answer | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)
    speak: SpeakItem | None = None
    tries: tuple[Tried, ...] = ()
    problems: tuple[str, ...] = ()


def run_of(recording: Path) -> Path | None:
    """The run folder that `recording` lies in (`RUN/items/<number>-<id>/<part>.mcap`), or None."""
    parents = recording.absolute().parents
    return parents[2] if len(parents) > 2 and parents[1].name == "items" and is_run(parents[2]) else None


def belongs_to(recording: Path, options: Mapping[str, Any], item: Mapping[str, Any] | None = None) -> Belongs:
    """Read what lies around `recording`; damaged files are named in `problems` and cost nothing else.

    Args:
        recording: the `.mcap` file.
        options: of its session.
        item: the truth of its item, where the caller has it (a take that was tried).
    """
    found = Belongs()
    run = run_of(recording)
    if run is not None:
        found = _in_run(run, recording, str(options.get("source", "")))
    elif (folder := _set_of(recording)) is not None:
        found = _tried_in(folder, recording)
    if item is not None:
        found = replace(found, truth=item)
    elif not found.truth:
        found = _beside(recording, found)
    return _speak(found, options)


def _set_of(recording: Path) -> Path | None:
    """The set of items in which `recording` was tried (`SET/tries/<item>/<when>-<endpoint>/<part>.mcap`), or None."""
    parents = recording.absolute().parents
    return parents[3] if len(parents) > 3 and parents[2].name == FOLDER and (parents[3] / TRIES).is_file() else None


def _tried_in(folder: Path, recording: Path) -> Belongs:
    try:
        log = read_tries(folder)
    except AppError as error:
        return Belongs(problems=(f"{error.what} {error.why}",))
    name = recording.absolute().relative_to(folder).as_posix()
    own = {t.id for t in log.tries if t.recording == name}
    mine = tuple(t for t in log.tries if t.id in own or t.of in own)
    answer = next((t.answer for t in reversed(mine) if t.answer is not None), None)
    lines = ", ".join(map(str, log.damaged))
    problems = (f"{folder / TRIES}: lines {lines} cannot be read.",) if log.damaged else ()
    return Belongs(tries=mine, answer=answer, problems=problems)


def _in_run(run: Path, recording: Path, source: str) -> Belongs:
    problems: list[str] = []
    item = _item_of(run, recording.parent.name, problems)
    part: PartResult | None = None
    answer: Answer | None = None
    foreign = False
    try:
        result = read_result(recording.parent / RESULT)
        if result is not None:
            parts = {p.recording: p for p in result.parts.values()}
            foreign = bool(parts) and recording.name not in parts
            part = parts.get(Path(source).name if foreign else recording.name)
        if item is not None and part is not None and not foreign:
            answers, damaged = read_answers(run)
            problems += [f"{run / ANSWERS}: {d} cannot be read." for d in damaged]
            answer = answers.get(item.id, {}).get(part.name)
    except AppError as error:
        problems.append(f"{error.what} {error.why}")
    return Belongs(
        run=run, item=item, part=part, foreign=foreign, answer=answer, truth=item.truth if item else {},
        problems=tuple(problems),
    )  # fmt: skip


def _item_of(run: Path, folder: str, problems: list[str]) -> SuiteItem | None:
    try:
        lines = read_lines(run / ITEMS)
    except AppError as error:
        problems.append(f"{error.what} {error.why}")
        return None
    if lines.damaged:
        problems.append(f"{run / ITEMS}: lines {', '.join(map(str, lines.damaged))} cannot be read.")
    for number, value in enumerate(lines.values):
        try:
            item = SuiteItem.from_json(value)
        except (TypeError, KeyError):
            continue
        # A damaged line before it would shift its number; the id alone is then enough.
        if item_folder_name(number, item.id) == folder or (
            lines.damaged and folder.endswith(item_folder_name(0, item.id)[5:])
        ):
            return item
    return None


def _beside(recording: Path, found: Belongs) -> Belongs:
    path = recording.with_suffix(TRUTH_SUFFIX)
    if not path.is_file():
        return found
    try:
        return replace(found, truth=load_truth(path))
    except AppError as error:
        return replace(found, problems=(*found.problems, f"{error.what} {error.why}"))


def _speak(found: Belongs, options: Mapping[str, Any]) -> Belongs:
    if found.truth.get("schema") != SCHEMA:
        return found
    try:
        return replace(found, speak=parse_item(found.truth))
    except ItemError as error:
        named = found.truth.get("id", options.get("item", ""))
        return replace(found, problems=(*found.problems, f"The item {named} is not valid: {error}."))


def media_start_ns(found: Belongs, options: Mapping[str, Any]) -> int:
    """Session time at which the item's own clock is 0: where its media begin."""
    if found.part is not None:
        return s_to_ns(found.part.media_t0_s)
    for value in (found.truth.get("video_start_s"), options.get("pad_before_s")):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6:
            return s_to_ns(value)
    return 0


def grades_of(recording: Path, found: Belongs) -> tuple[list[Graded], list[str]]:
    """Grades of the sidecar and of the run, oldest first, and what of them cannot be read."""
    grades: list[Graded] = []
    problems: list[str] = []
    try:
        kept = read_grades(recording)
        if kept.damaged:
            problems.append(f"Grades in lines {', '.join(map(str, kept.damaged))} of the sidecar cannot be read.")
        grades += _graded(kept.lines, "recording", None, problems)
        if found.run is not None and found.item is not None and not found.foreign:
            lines = read_lines(found.run / GRADES)
            if lines.damaged:
                problems.append(f"{found.run / GRADES}: lines {', '.join(map(str, lines.damaged))} cannot be read.")
            grades += _graded(lines.values, "run", found.item.id, problems)
    except AppError as error:
        problems.append(f"{error.what} {error.why}")
    for tried in found.tries:
        if tried.grade is not None:
            grades += _verdicts(tried.grade, "try", None, tried.when, tried.who)
    return sorted(grades, key=lambda g: g.when), problems


def _graded(
    lines: Sequence[Mapping[str, Any]], source: Source, item: str | None, problems: list[str]
) -> Iterator[Graded]:
    for line in lines:
        try:
            grade = Grade.from_json(line["grade"])
            when, who = str(line.get("when", "")), str(line.get("who", ""))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            problems.append(f"A grade of {line.get('when')!r} cannot be read: {error}.")
            continue
        yield from _verdicts(grade, source, item, when, who)


def _verdicts(grade: Grade, source: Source, item: str | None, when: str, who: str) -> Iterator[Graded]:
    for verdict in grade.verdicts:
        if item is None or verdict.item == item:
            yield Graded(
                suite=grade.suite, profile=grade.provenance.profile, metric=grade.metric, score=verdict.score,
                passed=verdict.passed, why=verdict.why, item=verdict.item, when=when, who=who, source=source,
                details=verdict.details,
            )  # fmt: skip


def expectations_of(found: Belongs, grades: Sequence[Graded], media_t0_ns: int) -> tuple[Expected, ...]:
    """What was expected when, on session time: by the item, else by the newest grade that knows, else by the truth."""
    if found.speak is not None:
        outcomes = _outcomes(grades)
        return tuple(_expected(e, found.speak, outcomes, media_t0_ns) for e in found.speak.expectations)
    for graded in reversed(grades):
        # Details of a recording graded by hand are on the video's clock; so are those of a run.
        start = graded.details.get("video_start_s")
        t0_ns = s_to_ns(start) if isinstance(start, int | float) else media_t0_ns
        if made := _judged(graded.details, t0_ns) or _marked(marks_of(graded.details), t0_ns):
            return made
    return _marked(marks_of(_as_details(found.truth)), media_t0_ns)


def _as_details(truth: Mapping[str, Any]) -> dict[str, Any]:
    """A truth file with its times under the names that details of grades have."""
    said = {"rep_ends_s": truth.get("rep_end_times_s")} if "rep_end_times_s" in truth else {}
    if "intervals" not in truth and "stop_s" in truth:
        said["intervals"] = [[truth.get("start_s"), truth["stop_s"]]]
    # A moment of its own name would stand beside the stretch that ends there.
    return {k: v for k, v in truth.items() if k != "stop_s"} | said


def _marked(marks: Sequence[tuple[float, float, str]], t0_ns: int) -> tuple[Expected, ...]:
    return tuple(
        Expected(id=str(number), window=_window(start, end, t0_ns), meaning=label)
        for number, (start, end, label) in enumerate(marks, start=1)
    )


def _window(start_s: float, end_s: float, t0_ns: int) -> tuple[int, int]:
    return t0_ns + round(start_s * NS_PER_S), t0_ns + round(max(start_s, end_s) * NS_PER_S)


def _judged(details: Mapping[str, Any], t0_ns: int) -> tuple[Expected, ...]:
    """Expectations as the graders of TimeSpeak and CueSpeak write them into their details."""
    made = []
    for met in _mappings(details.get("expectations")):
        marks = marks_of({"expectations": [met]})
        if marks:
            t_ref, utterance, passed = met.get("t_ref_s"), met.get("utterance"), met.get("pass")
            made.append(
                Expected(
                    id=str(met.get("id", "")),
                    window=_window(*marks[0][:2], t0_ns),
                    meaning=str(met.get("meaning", "")),
                    t_ref_ns=t0_ns + round(t_ref * NS_PER_S) if isinstance(t_ref, int | float) else None,
                    required=bool(met.get("required", True)),
                    outcome=str(met.get("reason", "")),
                    passed=passed if isinstance(passed, bool) else None,
                    output=utterance if isinstance(utterance, int) else None,
                )
            )
    return tuple(made)


def user_words_of(found: Belongs, grades: Sequence[Graded]) -> tuple[tuple[float, float, str], ...]:
    """What the item says of the user's words, on its own clock: from the item, or from the newest grade that knows."""
    if found.speak is not None:
        return found.speak.user_words
    for graded in reversed(grades):
        words = graded.details.get("user_words")
        if isinstance(words, list | tuple) and words and all(map(_is_word, words)):
            return tuple((a, b, str(text)) for a, b, text in words)
    return ()


def _is_word(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(t, int | float) and math.isfinite(t) for t in value[:2])
    )


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list | tuple) else []


def _outcomes(grades: Sequence[Graded]) -> dict[str, Mapping[str, Any]]:
    """What became of each expectation, by the newest grade that says so."""
    return {str(met.get("id")): met for graded in grades for met in _mappings(graded.details.get("expectations"))}


def _expected(wanted: Expectation, item: SpeakItem, outcomes: Mapping[str, Mapping[str, Any]], t0_ns: int) -> Expected:
    defaults = SpeakParams()
    before, after = defaults.window_before_s[item.suite], defaults.window_after_s[item.suite]
    window = wanted.window or (wanted.t_ref_s + before, wanted.t_ref_s + after)
    met = outcomes.get(wanted.id, {})
    utterance = met.get("utterance")
    return Expected(
        id=wanted.id,
        window=(t0_ns + s_to_ns(window[0]), t0_ns + s_to_ns(window[1])),
        meaning=wanted.meaning,
        t_ref_ns=t0_ns + s_to_ns(wanted.t_ref_s),
        cue=(t0_ns + s_to_ns(wanted.cue_s[0]), t0_ns + s_to_ns(wanted.cue_s[1])),
        cue_text=wanted.cue_text,
        kind=wanted.kind,
        required=wanted.required,
        outcome=str(met.get("reason", "")),
        passed=met.get("pass") if isinstance(met.get("pass"), bool) else None,
        output=utterance if isinstance(utterance, int) else None,
    )
