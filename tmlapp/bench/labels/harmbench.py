"""HarmBench's csv files of behaviours, and its files of completions."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail, is_there
from tmlapp.bench.labels.rows import Row, bad_answers, checked_options, file_json, file_text, items_of_rows, text
from tmlapp.bench.runs.lines import write_whole, written
from tmlapp.bench.suite import Answers, RecordedVerdict
from tmlapp.core.errors import AppError

COLUMNS = ("Behavior", "FunctionalCategory", "SemanticCategory", "Tags", "ContextString", "BehaviorID")
SETS = ("standard", "contextual", "copyright")
FILE = "harmbench_behaviors_text_all.csv"
_PLACES = ("", "data/behavior_datasets", "behavior_datasets")
# Rows by file and set, as published; of the contextual and copyright rows only those of the whole file are known.
_EXPECTED = {
    (FILE, "standard"): 200,
    (FILE, "contextual"): 100,
    (FILE, "copyright"): 100,
    ("harmbench_behaviors_text_val.csv", "standard"): 41,
    ("harmbench_behaviors_text_test.csv", "standard"): 159,
}
COMPLETIONS = "completions.json"
RESULTS = "results.json"
WHERE = (
    "github.com/centerforaisafety/HarmBench (MIT), data/behavior_datasets/harmbench_behaviors_text_all.csv. "
    "It holds harmful requests: keep it and the runs made of it to yourself."
)
OPTIONS: dict[str, Any] = {"set": "standard", "file": FILE, "tail_quiet_s": 2.0, "tail_most_s": 60.0}
"""`file`: which csv. The tail, in which the reply comes, is ours."""
_HOW = 'The file is {"<BehaviorID>": [{"test_case": …, "generation": …}]}, one test case per behaviour.'
_LABELLED = f"{_HOW} With a label of 0 or 1 in each."


def load(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """The behaviours of one set; those of the others are left out, as asked for.

    Raises:
        AppError: the csv is not there, is no such csv or has nothing of the set, or an option is not valid.
    """
    chosen = checked_options("harmbench", OPTIONS, options, {"set": SETS})
    path = _found(folder, chosen["file"])
    rows, others = _rows(path, chosen["set"])
    items, aside = items_of_rows(rows, lambda row: _item(row, chosen))
    if not items:
        raise _nothing(folder, f"{path.name} has no usable behaviour of the set {chosen['set']}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    notes = [f"{others} behaviours of other sets are left out."] if others else []
    if chosen["set"] != "standard":
        notes.append("Only standard behaviours enter the headline.")
    return Loaded(
        items=tuple(items),
        quarantined=tuple(aside),
        expected=_EXPECTED.get((path.name, chosen["set"])),
        notes=tuple(notes),
        files={"behaviors": digest},
    )


def _found(folder: Path, name: str) -> Path:
    for place in _PLACES:
        path = folder / place / name
        if is_there(path):
            return path
    raise _nothing(folder, f"it has no {name}")


def _nothing(folder: Path, why: str) -> AppError:
    return AppError(f"There is no HarmBench in {folder}.", f"{why[:1].upper()}{why[1:]}.", f"Get it: {WHERE}")


def _rows(path: Path, which: str) -> tuple[list[Row], int]:
    # StringIO, because splitlines() also cuts at separators that stand inside texts.
    reader = csv.reader(io.StringIO(file_text(path), newline=""), strict=True)
    rows: list[Row] = []
    others = 0
    try:
        header = next(reader, [])
        if sorted(header) != sorted(COLUMNS):
            raise AppError(
                f"{path} is no file of HarmBench's text behaviours.",
                f"Its columns are not {', '.join(COLUMNS)}.",
                f"Get it: {WHERE}",
            )
        for cells in reader:
            where = f"{path.name}, line {reader.line_num}"
            if len(cells) != len(header):
                rows += [Row(where, None, f"it has {len(cells)} columns, not {len(header)}")] if cells else []
                continue
            row = dict(zip(header, cells, strict=True))
            if row["FunctionalCategory"] in SETS and row["FunctionalCategory"] != which:
                others += 1
            else:
                rows.append(Row(where, row))
    except csv.Error as error:
        rows.append(Row(f"{path.name}, line {reader.line_num}", None, f"it is no csv from here on: {error}"))
    return rows, others


def _item(row: Mapping[str, Any], chosen: Mapping[str, Any]) -> SuiteItem:
    which = text(row, "FunctionalCategory")
    # The id alone names a row: what it asks for is not written into messages.
    if which not in SETS:
        raise ValueError(f"{row['BehaviorID']}: FunctionalCategory is none of {', '.join(SETS)}")
    context = row["ContextString"]
    if not row["Behavior"].strip() or not row["SemanticCategory"].strip() or (which == "contextual" and not context):
        raise ValueError(f"{row['BehaviorID']}: Behavior, SemanticCategory or ContextString is empty")
    truth = {
        "suite": "harmbench",
        "behavior": row["Behavior"],
        "context": context,
        "set": which,
        "semantic": row["SemanticCategory"],
        "tags": row["Tags"],
    }
    tail = Tail(quiet_s=chosen["tail_quiet_s"], most_s=chosen["tail_most_s"])
    part = Part(message=message_of(truth), tail=tail)
    return SuiteItem(id=text(row, "BehaviorID"), truth=truth, parts=(part,), group=truth["semantic"])


def message_of(truth: Mapping[str, Any]) -> str:
    """What is sent: the behaviour, after its context where it has one (how they are joined is our choice)."""
    return f"{truth['context']}\n\n---\n\n{truth['behavior']}" if truth["context"] else str(truth["behavior"])


def write_completions(folder: Path, items: Sequence[SuiteItem], answers: Answers) -> list[Path]:
    """`completions.json` of the items that were run.

    Raises:
        AppError: it cannot be written.
    """
    made = {}
    for item in items:
        for answer in list(answers.get(item.id, {}).values())[:1]:
            made[item.id] = [{"test_case": message_of(item.truth), "generation": answer.text}]
    path = folder / COMPLETIONS
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # Escaped, because half of a surrogate pair, which some models send, has no UTF-8.
    write_whole(path, json.dumps(made, indent=2).encode("ascii"))
    return [path]


def read_completions(folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
    """Answers in `completions.json`, by behaviour.

    Raises:
        AppError: it cannot be read, or has several test cases for a behaviour.
    """
    path = folder / COMPLETIONS
    found = {}
    for name, row in _only_cases(path, items, _HOW).items():
        try:
            said = text(row, "generation", empty=True)
        except ValueError as error:
            raise bad_answers(path, f"{name}: generation is missing or no text", _HOW) from error
        found[name] = {"main": Answer(text=said, text_source="recorded", timing_source="recorded")}
    return found


def read_verdicts(
    folder: Path, items: Sequence[SuiteItem], kind_of: Callable[[SuiteItem], str]
) -> list[RecordedVerdict]:
    """The classifier's labels in `results.json`; none where there is no such file.

    Raises:
        AppError: it cannot be read, or a label is not 0 or 1.
    """
    path = folder / RESULTS
    if not path.is_file():
        return []
    rows = _only_cases(path, items, _LABELLED)
    found = []
    for item in items:
        if item.id in rows:
            label = rows[item.id].get("label")
            if label not in (0, 1):
                raise bad_answers(path, f"{item.id}: its label is not 0 or 1", _LABELLED)
            found.append(RecordedVerdict(kind=kind_of(item), item=item.id, key="classifier", value=bool(label)))
    return found


def _only_cases(path: Path, items: Sequence[SuiteItem], how: str) -> dict[str, Mapping[str, Any]]:
    value = file_json(path)
    if not isinstance(value, dict):
        raise bad_answers(path, "it holds no JSON object", how)
    wanted = {item.id for item in items}
    found: dict[str, Mapping[str, Any]] = {}
    for name, cases in value.items():
        if name in wanted:
            if not isinstance(cases, list) or len(cases) != 1 or not isinstance(cases[0], dict):
                raise bad_answers(path, f"{name} has no single test case", how)
            found[name] = cases[0]
    if wanted and not found:
        raise bad_answers(path, "it has none of the behaviours at hand", how)
    return found
