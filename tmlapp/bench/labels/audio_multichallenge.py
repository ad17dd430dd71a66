"""Audio MultiChallenge as published: `metadata.jsonl` with a folder of sounds, or the parquet files of the data set."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import HistoryPart, Loaded, Part, SuiteItem, Tail, is_there
from tmlapp.bench.labels.rows import (
    FileMissingError,
    Row,
    answer_rows,
    bad_answers,
    checked_options,
    identifier,
    items_of_rows,
    jsonl_rows,
    text,
    texts,
    write_rows,
)
from tmlapp.bench.suite import RecordedVerdict
from tmlapp.core.errors import AppError

PROTOCOLS = ("live", "official")
EXPECTED = 452
MOST_TURNS = 8
METADATA = "metadata.jsonl"
PREDICTIONS = "predictions.jsonl"
JUDGED = "judged.jsonl"
WHERE = (
    "ScaleAI/audiomc on Hugging Face (MIT, about 5 GB). Either the parquet files, or metadata.jsonl with a folder of "
    "sounds <id>/user_turn_<i>.wav."
)
OPTIONS: dict[str, Any] = {
    "protocol": "live",
    "audio_dir": "",
    "extract": False,
    "turn_quiet_s": 1.0,
    "turn_most_s": 20.0,
    "tail_quiet_s": 2.0,
    "tail_most_s": 60.0,
}
"""`audio_dir`: where the sounds lie (empty: `audio` in the folder, or the folder itself). `extract`: write the sounds
of the parquet files there first. The tail is ours; how long a reply may be is not published."""
_PREDICTION = "Each line is {id, answer}; with protocol live also turns, the model's replies in order."
_JUDGEMENT = "Each line is {id, criteria_met}, a list of true, false or null, one per rubric item."


def load(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """The conversations in `folder`; those with a sound missing are quarantined, unless there is no sound at all.

    Raises:
        AppError: neither metadata nor parquet files are there, or an option is not valid.
    """
    chosen = checked_options("audio-multichallenge", OPTIONS, options, {"protocol": PROTOCOLS})
    rows, files, notes = _rows(folder, chosen)
    sounds = _sounds(folder, chosen)
    if sounds is None:
        notes.append("No sounds were found: answers can be graded, but nothing can be run.")
    items, aside = items_of_rows(rows, lambda row: item_of(row, sounds, chosen))
    if not items:
        raise _nothing(folder, f"none of {len(rows)} rows can be used; the first: {aside[0].why if aside else 'none'}")
    gaps = [item.id for item in items if "" in item.truth["assistant_turns"]]
    if gaps and chosen["protocol"] == "official":
        notes.append(f"Left out of the history, because they are not published: replies in {', '.join(gaps)}.")
    return Loaded(items=tuple(items), quarantined=tuple(aside), expected=EXPECTED, notes=tuple(notes), files=files)


def _rows(folder: Path, chosen: Mapping[str, Any]) -> tuple[list[Row], dict[str, str], list[str]]:
    metadata = folder / METADATA
    if is_there(metadata):
        return jsonl_rows(metadata), {"metadata": _sha256(metadata)}, []
    tables = sorted((*folder.glob("*.parquet"), *folder.glob("data/*.parquet")))
    if not tables:
        raise _nothing(folder, f"it has no {METADATA} and no parquet file")
    if chosen["extract"]:
        extract_sounds(tables, _audio_dir(folder, chosen))
    rows = [Row(where, row) for where, row in parquet_rows(tables, sounds=False)]
    return rows, {table.name: _sha256(table) for table in tables}, ["Read from parquet files."]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _nothing(folder: Path, why: str) -> AppError:
    return AppError(
        f"There is no Audio MultiChallenge in {folder}.",
        f"{why[:1].upper()}{why[1:]}.",
        f"Get it: {WHERE}",
    )


def _audio_dir(folder: Path, chosen: Mapping[str, Any]) -> Path:
    return Path(chosen["audio_dir"]).expanduser() if chosen["audio_dir"] else folder / "audio"


def _sounds(folder: Path, chosen: Mapping[str, Any]) -> Path | None:
    named = _audio_dir(folder, chosen)
    for place in (named,) if chosen["audio_dir"] else (named, folder):
        if next(place.glob("*/user_turn_*.wav"), None) is not None:
            return place
    if chosen["audio_dir"]:
        raise AppError(
            f"There are no sounds in {named}.",
            "It has no file <id>/user_turn_<i>.wav.",
            "Correct audio_dir, or give extract=true to write the sounds of the parquet files there.",
        )
    return None


def item_of(row: Mapping[str, Any], sounds: Path | None, chosen: Mapping[str, Any]) -> SuiteItem:
    """The item of a row in our own layout or in that of the parquet files.

    Raises:
        ValueError: a column is missing or malformed, or (FileMissingError) a sound is not there.
    """
    name = identifier(row)
    # Its folder bears the name: nothing outside of the folder of sounds is opened.
    if "/" in name or "\\" in name or name in (".", ".."):
        raise ValueError(f"the id {name!r:.60} is no name of a folder")
    last = row.get("last_user_turn")
    if last is None:
        last = max((i for i in range(1, MOST_TURNS + 1) if row.get(f"user_turn_{i}_transcript")), default=0)
    if isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= MOST_TURNS:
        raise ValueError(f"last_user_turn is {last!r:.60}, not 1 to {MOST_TURNS}")
    truth = {
        "suite": "audio-multichallenge",
        "axis": text(row, "axis"),
        "rubrics": _rubrics(row),
        "user_turns": [text(row, f"user_turn_{i}_transcript") for i in range(1, last + 1)],
        "assistant_turns": [_published(row, f"assistant_turn_{i}_transcript") for i in range(1, last)],
        "protocol": chosen["protocol"],
    }
    parts = () if sounds is None else (_part(sounds / name, truth, chosen),)
    return SuiteItem(id=name, truth=truth, parts=parts, group=truth["axis"])


def _published(row: Mapping[str, Any], key: str) -> str:
    # One of the 452 lacks a reply; the denominator stays what it is.
    return "" if row.get(key) is None else text(row, key, empty=True).strip()


def _rubrics(row: Mapping[str, Any]) -> list[str]:
    if "rubrics" in row:
        return texts(row, "rubrics")
    value = row.get("rubric")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"rubric is no JSON list: {error}") from error
    return texts({"rubric": value}, "rubric")


def _part(folder: Path, truth: Mapping[str, Any], chosen: Mapping[str, Any]) -> Part:
    paths = [folder / f"user_turn_{i}.wav" for i in range(1, len(truth["user_turns"]) + 1)]
    for path in paths:
        if not is_there(path):
            raise FileMissingError(f"{path.parent.name}/{path.name} is missing or empty")
    sounds = tuple(map(str, paths))
    tail = Tail(quiet_s=chosen["tail_quiet_s"], most_s=chosen["tail_most_s"])
    if chosen["protocol"] == "live":
        return Part(sounds=sounds, turn_quiet_s=chosen["turn_quiet_s"], turn_most_s=chosen["turn_most_s"], tail=tail)
    history: list[HistoryPart] = []
    for sound, reply in zip(sounds, truth["assistant_turns"], strict=False):
        history.append(HistoryPart(role="user", sound=sound))
        history += [HistoryPart(role="assistant", text=reply)] if reply else []
    return Part(sounds=sounds[-1:], history=tuple(history), tail=tail)


def parquet_rows(tables: Sequence[Path], *, sounds: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of parquet files with the place where each stands; the sounds only where they are asked for.

    Raises:
        AppError: pyarrow is not installed, or a file is damaged.
    """
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise AppError(
            "The parquet files cannot be read.",
            "That takes pyarrow, which is not installed.",
            f"`pip install pyarrow`, or convert them to {METADATA} and <id>/user_turn_<i>.wav.",
        ) from error
    for path in tables:
        try:
            table = parquet.ParquetFile(path)
            names = [n for n in table.schema_arrow.names if sounds or not n.endswith("_audio")]
            at = 0
            # Few rows at a time: with sound a row has some 10 MB.
            for batch in table.iter_batches(batch_size=8, columns=names):
                for row in batch.to_pylist():
                    at += 1
                    yield f"{path.name}, row {at}", row
        except (OSError, ValueError) as error:
            raise AppError(f"{path} cannot be read.", f"{error}.", "Get the file again.") from error


def extract_sounds(tables: Sequence[Path], target: Path) -> int:
    """Write `<id>/user_turn_<i>.wav` of every row into `target`, as the bytes lie in the files; how many.

    Raises:
        AppError: as `parquet_rows`, a sound is no wav, or a file cannot be written.
    """
    written = 0
    for where, row in parquet_rows(tables, sounds=True):
        for turn in range(1, MOST_TURNS + 1):
            column = row.get(f"user_turn_{turn}_audio")
            data = column.get("bytes") if isinstance(column, dict) else None
            if not data:
                continue
            if data[:4] != b"RIFF":
                raise AppError(
                    f"The sound of user turn {turn} in {where} is no wav.",
                    "Only wav is written out.",
                    "Convert the sounds yourself and name their folder with audio_dir.",
                )
            path = target / Path(str(row.get("id"))).name / f"user_turn_{turn}.wav"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            except OSError as error:
                raise AppError(f"{path} cannot be written.", f"{error.strerror}.", "Check space and rights.") from error
            written += 1
    return written


def write_predictions(folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """`predictions.jsonl`, one line per answer.

    Raises:
        AppError: it cannot be written.
    """
    return [write_rows(folder / PREDICTIONS, rows)]


def read_predictions(folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
    """Answers in `predictions.jsonl`, by item.

    Raises:
        AppError: it cannot be read, or an answer is of another protocol than its item.
    """
    path = folder / PREDICTIONS
    protocols = {item.id: item.truth["protocol"] for item in items}
    found = {}
    for name, row in answer_rows(path, items, how=_PREDICTION).items():
        protocol = row.get("protocol", "official")
        if protocol != protocols[name]:
            raise bad_answers(path, f"the answer to {name} is of protocol {protocol!r}", "Load with the same protocol.")
        try:
            answer = text(row, "answer", empty=True)
            turns = {} if row.get("turns") is None else {"turns": texts(row, "turns", empty=True)}
        except ValueError as error:
            raise bad_answers(path, f"{name}: {error}", _PREDICTION) from error
        found[name] = {"main": Answer(text=answer, text_source="recorded", timing_source="recorded", extra=turns)}
    return found


def read_verdicts(folder: Path, items: Sequence[SuiteItem], kind: str) -> list[RecordedVerdict]:
    """Verdicts in `judged.jsonl`; none where there is no such file. null is a verdict that could not be used.

    Raises:
        AppError: it cannot be read, or a list is not as long as the rubric.
    """
    path = folder / JUDGED
    if not path.is_file():
        return []
    rubrics = {item.id: item.truth["rubrics"] for item in items}
    found = []
    for name, row in answer_rows(path, items, how=_JUDGEMENT).items():
        met = row.get("criteria_met")
        if not isinstance(met, list) or len(met) != len(rubrics[name]) or any(type(m) not in _VERDICTS for m in met):
            raise bad_answers(path, f"{name} has no list of {len(rubrics[name])} verdicts", _JUDGEMENT)
        found += [RecordedVerdict(kind=kind, item=name, key=str(i), value=m) for i, m in enumerate(met)]
    return found


_VERDICTS = (bool, type(None))
