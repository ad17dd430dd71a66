"""QIVD as published: `labels.json` and `videos/`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail, is_there
from tmlapp.bench.labels.rows import (
    FileMissingError,
    answer_rows,
    bad_answers,
    checked_options,
    file_json,
    identifier,
    items_of_rows,
    object_row,
    text,
    write_rows,
)
from tmlapp.bench.suite import RecordedVerdict
from tmlapp.core.errors import AppError

EXPECTED = 2900
LABELS = "labels.json"
PREDICTIONS = "predictions.jsonl"
JUDGED = "judged.jsonl"
CATEGORIES = (
    "action attributes", "action counting", "action detection", "action understanding", "object attributes",
    "object counting", "object detection", "object referencing", "object understanding", "audio-visual", "ocr",
    "scene understanding", "subjective",
)  # fmt: skip
WHERE = (
    "Qualcomm Interactive Video Dataset: by hand from Qualcomm's site after a log-in, under its terms; labels.json and "
    "videos/ (1.7 GB)."
)
OPTIONS: dict[str, Any] = {"quiet_s": 2.0, "tail_max_s": 10.0}
"""The session ends when the model has been silent for `quiet_s`, at the latest `tail_max_s` after the clip."""
_STAMP = re.compile(r"(\d{1,4}):(\d{1,4}(?:\.\d{1,9})?)", re.ASCII)
_PREDICTION = "Each line is {id, prediction}, with first_word_s (seconds of video time) where it is known."
_JUDGEMENT = "Each line is {id, judge_reply}."


def timestamp_s(written: str) -> float:
    """Seconds of a time `mm:ss.s`.

    Raises:
        ValueError: it is written otherwise.
    """
    match = _STAMP.fullmatch(written.strip())
    if match is None:
        raise ValueError(f"timestamp is {written!r:.40}, not mm:ss.s")
    return int(match[1]) * 60 + float(match[2])


def load(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """The clips in `folder`.

    Raises:
        AppError: there are no labels, none of the rows can be used, or an option is not valid.
    """
    chosen = checked_options("qivd", OPTIONS, options, {})
    path = folder / LABELS
    if not is_there(path):
        raise _nothing(folder, f"it has no {LABELS}")
    value = file_json(path)
    if not isinstance(value, list):
        raise _nothing(folder, f"{LABELS} holds no list")
    rows = [object_row(f"{LABELS}, entry {i}", row) for i, row in enumerate(value, start=1)]
    items, aside = items_of_rows(rows, lambda row: _item(row, folder, chosen))
    if not items:
        raise _nothing(folder, f"no entry of {LABELS} can be used{f'; the first: {aside[0].why}' if aside else ''}")
    other = sorted({item.group for item in items} - set(CATEGORIES))
    return Loaded(
        items=tuple(items),
        quarantined=tuple(aside),
        expected=EXPECTED,
        notes=(f"Categories that are not among the published ones: {', '.join(other)}.",) if other else (),
        files={"labels": hashlib.sha256(path.read_bytes()).hexdigest()},
    )


def _nothing(folder: Path, why: str) -> AppError:
    return AppError(f"There is no QIVD in {folder}.", f"{why[:1].upper()}{why[1:]}.", f"Get it: {WHERE}")


def _item(row: Mapping[str, Any], folder: Path, chosen: Mapping[str, Any]) -> SuiteItem:
    name, video = identifier(row), text(row, "video")
    # The short answer may be a number in copies of the labels.
    short = row.get("short_answer", "")
    if isinstance(short, int) and not isinstance(short, bool):
        short = str(short)
    truth: dict[str, Any] = {
        "suite": "qivd",
        "category": text(row, "category"),
        "timestamp_s": timestamp_s(text(row, "timestamp")),
        "question": text(row, "question"),
        "answer": text(row, "answer"),
        "short_answer": text({"short_answer": short}, "short_answer", empty=True),
        "video": video,
    }
    path = folder / "videos" / video
    if Path(video).name != video or not is_there(path):
        raise FileMissingError(f"the video {video!r:.80} is missing or empty")
    # The question is spoken in the clip itself.
    tail = Tail(quiet_s=chosen["quiet_s"], most_s=chosen["tail_max_s"])
    part = Part(video=str(path), muted=False, tail=tail)
    return SuiteItem(id=name, truth=truth, parts=(part,), group=truth["category"])


def write_predictions(folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """`predictions.jsonl`, one line per answer.

    Raises:
        AppError: it cannot be written.
    """
    return [write_rows(folder / PREDICTIONS, rows)]


def read_predictions(folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
    """Answers in `predictions.jsonl`, by item.

    Raises:
        AppError: it cannot be read.
    """
    path = folder / PREDICTIONS
    found = {}
    for name, row in answer_rows(path, items, how=_PREDICTION).items():
        onset = row.get("first_word_s")
        try:
            said = text(row, "prediction", empty=True)
            # Bounded, which NaN and infinity are not.
            if onset is not None and (type(onset) not in (int, float) or not -1e6 < onset < 1e6):
                raise ValueError(f"first_word_s is {onset!r:.40}, no time")
        except ValueError as error:
            raise bad_answers(path, f"{name}: {error}", _PREDICTION) from error
        spoken = () if onset is None else (Utterance(float(onset), None, said),)
        answer = Answer(text=said, utterances=spoken, text_source="recorded", timing_source="recorded")
        found[name] = {"main": answer}
    return found


def read_verdicts(folder: Path, items: Sequence[SuiteItem], kind: str) -> list[RecordedVerdict]:
    """Raw replies in `judged.jsonl`; none where there is no such file.

    Raises:
        AppError: it cannot be read.
    """
    path = folder / JUDGED
    if not path.is_file():
        return []
    found = []
    for name, row in answer_rows(path, items, how=_JUDGEMENT).items():
        try:
            reply = text(row, "judge_reply", empty=True)
        except ValueError as error:
            raise bad_answers(path, f"{name}: {error}", _JUDGEMENT) from error
        found.append(RecordedVerdict(kind=kind, item=name, key="main", reply=reply))
    return found
