"""BigBench Audio as published: `metadata.jsonl` and the sounds that it names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail, is_there
from tmlapp.bench.labels.rows import (
    FileMissingError,
    bad_answers,
    checked_options,
    identifier,
    items_of_rows,
    jsonl_rows,
    text,
    write_rows,
)
from tmlapp.bench.suite import Answers, RecordedVerdict
from tmlapp.core.errors import AppError

EXPECTED = 1000
PER_CATEGORY = {"formal_fallacies": 250, "navigate": 250, "object_counting": 250, "web_of_lies": 250}
METADATA = "metadata.jsonl"
PREDICTIONS = "predictions.jsonl"
JUDGED = "judged.jsonl"
RUNS = ("main", "main_2", "main_3")
"""Names of the parts of an item, one for every run of it."""
WHERE = (
    "ArtificialAnalysis/big_bench_audio on Hugging Face (MIT, 319 MB): metadata.jsonl with the sounds that it names. "
    "The text of the questions is not in it; a transcriber writes it down."
)
OPTIONS: dict[str, Any] = {"runs": 1, "tail_quiet_s": 3.0, "tail_most_s": 60.0}
"""`runs`: how often each question is asked, 1 or 3. The tail is ours."""
_PREDICTION = "Each line is {id, answer}, with run (1 to 3) and question where they are known."
_JUDGEMENT = "Each line is {id, judge_reply}, with run (1 to 3) where there are several."


def load(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """The questions in `folder`.

    Raises:
        AppError: there is no metadata, none of its rows can be used, or an option is not valid.
    """
    chosen = checked_options("bigbench-audio", OPTIONS, options, {"runs": (1, 3)})
    path = folder / METADATA
    if not is_there(path):
        raise _nothing(folder, f"it has no {METADATA}")
    items, aside = items_of_rows(jsonl_rows(path), lambda row: _item(row, folder, chosen))
    if not items:
        raise _nothing(folder, f"no row of {METADATA} can be used{f'; the first: {aside[0].why}' if aside else ''}")
    counts = Counter(item.group for item in items)
    notes = [
        f"{category}: {counts.get(category, 0)} questions, {PER_CATEGORY.get(category, 0)} are published."
        for category in sorted({*counts, *PER_CATEGORY})
        if counts.get(category, 0) != PER_CATEGORY.get(category, 0)
    ]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Loaded(
        items=tuple(items),
        quarantined=tuple(aside),
        expected=EXPECTED,
        notes=tuple(notes),
        files={"metadata": digest},
    )


def _nothing(folder: Path, why: str) -> AppError:
    return AppError(f"There is no BigBench Audio in {folder}.", f"{why[:1].upper()}{why[1:]}.", f"Get it: {WHERE}")


def _item(row: Mapping[str, Any], folder: Path, chosen: Mapping[str, Any]) -> SuiteItem:
    official = row.get("official_answer")
    # Copies hold the counts as numbers.
    if isinstance(official, int) and not isinstance(official, bool):
        row = {**row, "official_answer": str(official)}
    truth = {
        "suite": "bigbench-audio",
        "category": text(row, "category"),
        "official_answer": text(row, "official_answer"),
        "runs": chosen["runs"],
    }
    sound = _sound(folder, text(row, "file_name"))
    tail = Tail(quiet_s=chosen["tail_quiet_s"], most_s=chosen["tail_most_s"])
    parts = tuple(Part(name=name, sounds=(str(sound),), tail=tail) for name in RUNS[: chosen["runs"]])
    return SuiteItem(id=identifier(row), truth=truth, parts=parts, group=truth["category"])


def _sound(folder: Path, name: str) -> Path:
    inside = folder.resolve()
    for path in (folder / name, folder / "data" / name, folder / Path(name).name):
        # In this order: what links to itself has no place.
        if is_there(path) and path.resolve().is_relative_to(inside):
            return path
    raise FileMissingError(f"the sound {name!r:.80} is missing or empty")


def write_predictions(folder: Path, items: Sequence[SuiteItem], answers: Answers) -> list[Path]:
    """`predictions.jsonl`, one line per run of an item that was run.

    Raises:
        AppError: it cannot be written.
    """
    rows = []
    for item in items:
        for name, answer in answers.get(item.id, {}).items():
            if name in RUNS:
                row = {"id": item.id, "run": RUNS.index(name) + 1, "answer": answer.text}
                rows.append(row | ({"question": answer.user_text} if answer.user_text else {}))
    return [write_rows(folder / PREDICTIONS, rows)]


def read_predictions(folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
    """Answers in `predictions.jsonl`, by item and run.

    Raises:
        AppError: it cannot be read, or an answer stands there twice.
    """
    found: dict[str, dict[str, Answer]] = {item.id: {} for item in items}
    path = folder / PREDICTIONS
    for where, name, run, row in _numbered(path, items, _PREDICTION):
        try:
            said, question = text(row, "answer", empty=True), text({"question": "", **row}, "question", empty=True)
        except ValueError as error:
            raise bad_answers(path, f"{where}: {error}", _PREDICTION) from error
        found[name][run] = Answer(text=said, user_text=question, text_source="recorded", timing_source="recorded")
    return {name: runs for name, runs in found.items() if runs}


def read_verdicts(folder: Path, items: Sequence[SuiteItem], kind: str) -> list[RecordedVerdict]:
    """Raw replies in `judged.jsonl`; none where there is no such file.

    Raises:
        AppError: it cannot be read.
    """
    path = folder / JUDGED
    if not path.is_file():
        return []
    found = []
    for where, name, run, row in _numbered(path, items, _JUDGEMENT):
        try:
            reply = text(row, "judge_reply", empty=True)
        except ValueError as error:
            raise bad_answers(path, f"{where}: {error}", _JUDGEMENT) from error
        found.append(RecordedVerdict(kind=kind, item=name, key=run, reply=reply))
    return found


def _numbered(path: Path, items: Sequence[SuiteItem], how: str) -> list[tuple[str, str, str, Mapping[str, Any]]]:
    wanted = {item.id for item in items}
    found: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
    for row in jsonl_rows(path):
        try:
            if row.value is None:
                raise ValueError(row.why)
            name, number = identifier(row.value), row.value.get("run", 1)
            if type(number) is not int or not 1 <= number <= len(RUNS):
                raise ValueError(f"run is {number!r:.40}, not 1 to {len(RUNS)}")
            if (name, RUNS[number - 1]) in found:
                raise ValueError(f"run {number} of {name} stands there already")
        except ValueError as error:
            raise bad_answers(path, f"{row.where}: {error}", how) from error
        if name in wanted:
            found[name, RUNS[number - 1]] = (row.where, row.value)
    if wanted and not found:
        raise bad_answers(path, "no row has the id of an item of this benchmark", how)
    return [(where, name, run, value) for (name, run), (where, value) in found.items()]
