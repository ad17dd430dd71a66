"""What a model said, one JSON object per line: our own layout where nobody has published one.

`{"id", "utterances": [{"t0", "t1", "text", "words": [{"t0", "t1", "text"}]}], "timing_source", "text_source"}`
"""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.said import is_time
from tmlapp.core.errors import AppError

SAID = "utterances.jsonl"
Row = Mapping[str, Any]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write one object per line.

    Raises:
        AppError: it cannot be written.
    """
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return write_text(path, text)


def write_text(path: Path, text: str) -> Path:
    """Write `text` and make the folders above.

    Raises:
        AppError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lone half of a surrogate pair may stand in a model's text; it must not lose the whole file.
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: OSError) -> AppError:
    """Why `path` was not written."""
    return AppError(f"{path} cannot be written.", f"{error.strerror}.", "Check rights and free space.")


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every object with the number of its line.

    Raises:
        AppError: it cannot be read, or a line holds no object.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _object(path, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"{path} cannot be read.", f"{error}.", "Give a file of one JSON object per line.") from error


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise bad_line(path, number, str(error)) from error
    if not isinstance(value, dict):
        raise bad_line(path, number, f"it holds a {type(value).__name__}, no object")
    return value


def bad_line(path: Path, number: int, why: str) -> AppError:
    """What is wrong with one line."""
    return AppError(f"{path}, line {number}, is not valid.", f"{why[:1].upper()}{why[1:]}.", "Correct the line.")


def said_row(item: str, answer: Answer) -> dict[str, Any]:
    """One line of `utterances.jsonl`."""
    return {
        "id": item,
        "utterances": [_utterance_row(u) for u in answer.utterances],
        "timing_source": answer.timing_source,
        "text_source": answer.text_source,
    }


def _utterance_row(utterance: Utterance) -> dict[str, Any]:
    row: dict[str, Any] = {"t0": utterance.t0_s, "t1": utterance.t1_s, "text": utterance.text}
    if utterance.words:
        row["words"] = [{"t0": w.t0_s, "t1": w.t1_s, "text": w.text} for w in utterance.words]
    return row


def read_said(path: Path, wanted: Sequence[SuiteItem]) -> dict[str, Answer]:
    """The answers to the items that are wanted, by item; others are left out.

    Raises:
        AppError: naming the line, if it is malformed or names an item twice.
    """
    names = {item.id for item in wanted}
    found: dict[str, Answer] = {}
    seen: set[str] = set()
    for number, row in read_rows(path):
        name = row.get("id")
        if not isinstance(name, str) or name in seen:
            raise bad_line(path, number, f"its id is no text or stands there already: {name!r}")
        seen.add(name)
        try:
            utterances = tuple(_utterance(u) for u in row["utterances"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise bad_line(path, number, f"its utterances are malformed: {error!r}") from error
        if name in names:
            found[name] = Answer(
                text=" ".join(u.text for u in utterances),
                utterances=utterances,
                text_source=str(row.get("text_source", "recorded")),
                timing_source=str(row.get("timing_source", "recorded")),
            )
    return found


def _utterance(row: Mapping[str, Any]) -> Utterance:
    words = tuple(Word(_time(w["t0"]), _end(w), str(w["text"])) for w in row.get("words") or ())
    return Utterance(_time(row["t0"]), _end(row), str(row["text"]), words)


def _end(row: Mapping[str, Any]) -> float | None:
    return None if row.get("t1") is None else _time(row["t1"])


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_time(value):
        raise ValueError(f"{value!r} is no time")
    return float(value)


def write_wav(path: Path, samples: Any, rate_hz: int = 16_000) -> Path:
    """int16 [n] as a mono wav.

    Raises:
        AppError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(rate_hz)
            sound.writeframes(samples.astype("<i2").tobytes())
    except OSError as error:
        raise unwritable(path, error) from error
    return path
