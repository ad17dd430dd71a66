"""A run as it lies on the disk: what was asked, what came of each item, and every grade."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import SuiteItem, items_sha256
from tmlapp.bench.runs.info import ItemResult, RunInfo
from tmlapp.bench.runs.lines import append_line, read_lines, read_object
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

RUN, ITEMS, ANSWERS, GRADES, VERDICTS = "run.json", "items.jsonl", "answers.jsonl", "grades.jsonl", "verdicts.jsonl"
RESULT, OFFICIAL = "result.json", "official"
_LONGEST = 60


def safe_name(name: str) -> str:
    """`name` as one that every file system takes: letters, digits, `.`, `_` and `-`, at most 60 characters."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:_LONGEST].strip("._ ")
    return kept or "item"


def item_folder_name(number: int, item_id: str) -> str:
    """Folder of the item that stands at `number` (from 0) in the run; the number alone makes it unique."""
    return f"{number:05d}-{safe_name(item_id)}"


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in a run folder that cannot be read: the file, and its line where it has lines."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGrade:
    """One line of `grades.jsonl`."""

    when: str
    why: str
    grade: Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it lies on the disk.

    Attributes:
        results: by item; an item without one was never begun, or was being driven when the work was cut off.
        answers: by item and part.
        grades: oldest first.
        damaged: what could not be read; everything else was.
    """

    folder: Path
    info: RunInfo
    items: tuple[SuiteItem, ...]
    results: Mapping[str, ItemResult]
    answers: Mapping[str, Mapping[str, Answer]]
    grades: tuple[KeptGrade, ...]
    damaged: tuple[Damage, ...] = ()

    def item_folder(self, item_id: str) -> Path:
        """Where the recordings of `item_id` lie.

        Raises:
            KeyError: the run has no such item.
        """
        for number, item in enumerate(self.items):
            if item.id == item_id:
                return self.folder / "items" / item_folder_name(number, item_id)
        raise KeyError(item_id)

    def newest_grades(self) -> dict[str, Grade]:
        """The newest grade of each profile."""
        return {kept.grade.provenance.profile: kept.grade for kept in self.grades}

    def failure(self, item_id: str) -> str:
        """Why `item_id` has no answer; empty where it has been done."""
        result = self.results.get(item_id)
        if result is None:
            return "the item was not run"
        return "" if result.state == "done" else result.reason or "the item failed"


def load_run(folder: Path) -> Run:
    """Everything in a run folder; a line or file that is damaged is named in `damaged`, and costs nothing else.

    Raises:
        AppError: `folder` is no run, or its list of items cannot be used.
    """
    info = read_info(folder)
    items, damaged = _items(folder, info), list[Damage]()
    results: dict[str, ItemResult] = {}
    for number, item in enumerate(items):
        path = folder / "items" / item_folder_name(number, item.id) / RESULT
        found = read_result(path)
        if found is not None:
            results[item.id] = found
        elif path.exists():
            damaged.append(Damage(str(path.relative_to(folder))))
    answers, bad_answers = read_answers(folder)
    grades, bad_grades = _grades(folder)
    return Run(
        folder=folder,
        info=info,
        items=items,
        results=results,
        answers=answers,
        grades=grades,
        damaged=(*damaged, *bad_answers, *bad_grades),
    )


def is_run(folder: Path) -> bool:
    """Whether `folder` is a run folder of ours."""
    return (folder / RUN).is_file()


def read_info(folder: Path) -> RunInfo:
    """The `run.json` of a run folder.

    Raises:
        AppError: there is none, or it is damaged.
    """
    value = read_object(folder / RUN)
    if value is None:
        why = f"Its {RUN} is damaged." if (folder / RUN).exists() else f"It holds no {RUN}."
        raise AppError(f"{folder} is no run.", why, "Name a folder that tmlapp bench run has written.")
    try:
        return RunInfo.from_json(value)
    except TypeError as error:
        raise AppError(
            f"{folder} is no run that can be read.", f"Its {RUN} is of another kind: {error}.", "Use a newer tmlapp."
        ) from error


def _items(folder: Path, info: RunInfo) -> tuple[SuiteItem, ...]:
    lines = read_lines(folder / ITEMS)
    problem = AppError(
        f"The items of the run {folder} cannot be used.",
        f"{ITEMS} is missing, damaged, or not the list that the run was made with.",
        "Go on with the run as it was made (tmlapp bench run … --resume), which writes that list anew; "
        "or copy the folder again.",
    )
    try:
        items = tuple(SuiteItem.from_json(v) for v in lines.values)
    except (TypeError, KeyError) as error:
        raise problem from error
    check_names(items)
    # Without the whole list the folders have no names, and a grade over the rest would be another number.
    if lines.damaged or items_sha256(items) != info.items_sha256:
        raise problem
    return items


def check_names(items: Sequence[SuiteItem]) -> None:
    """Official layouts name folders after items and groups: refuse names that lead out of a folder.

    Raises:
        AppError: a name is absolute, or climbs.
    """
    for item in items:
        for name in (item.id, item.group):
            if ".." in re.split(r"[/\\]", name) or name.startswith(("/", "\\")) or "\0" in name:
                raise AppError(
                    f"The item {item.id!r} cannot be used.",
                    f"Files are named after it, and {name!r} leads out of the folder of the run.",
                    "Rename it in the data, or do not use a run from somebody whom you do not trust.",
                )


def read_result(path: Path) -> ItemResult | None:
    """The `result.json` at `path`; None where it is missing or damaged (the item then counts as not run)."""
    value = read_object(path)
    try:
        return None if value is None else ItemResult.from_json(value)
    except (TypeError, KeyError, AttributeError):
        return None


def read_answers(folder: Path) -> tuple[dict[str, dict[str, Answer]], list[Damage]]:
    """Answers by item and part, and the lines that cannot be read."""
    lines = read_lines(folder / ANSWERS)
    damaged = [Damage(ANSWERS, n) for n in lines.damaged]
    found: dict[str, dict[str, Answer]] = {}
    for value in lines.values:
        try:
            # The last one counts: answers are made again when an item is run again.
            found[str(value["id"])] = {n: Answer.from_json(a) for n, a in value["parts"].items()}
        except (TypeError, KeyError, ValueError, AttributeError):
            damaged.append(Damage(f"{ANSWERS}, item {value.get('id')!r}"))
    return found, damaged


def _grades(folder: Path) -> tuple[tuple[KeptGrade, ...], list[Damage]]:
    lines = read_lines(folder / GRADES)
    damaged = [Damage(GRADES, n) for n in lines.damaged]
    found: list[KeptGrade] = []
    for value in lines.values:
        try:
            grade = Grade.from_json(value["grade"])
            found.append(KeptGrade(when=str(value["when"]), why=str(value.get("why", "")), grade=grade))
        except (TypeError, KeyError, ValueError, AttributeError):
            damaged.append(Damage(f"{GRADES}, grade of {value.get('when')!r}"))
    return tuple(found), damaged


def append_grade(folder: Path, grade: Grade, *, why: str = "graded", when: datetime | None = None) -> None:
    """Add `grade` to the run; earlier ones stay.

    Raises:
        AppError: it cannot be written.
    """
    moment = (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
    append_line(folder / GRADES, {"when": moment, "why": why, "grade": grade.to_json()})
