"""Transcripts that were written before: output.json and the like, in the layout of Full-Duplex-Bench.

`{"text": "w1 w2", "chunks": [{"text": "w1", "timestamp": [0.1, 0.3]}, …]}`, seconds. Older files have blanks before the
words and null where an end is not known; both are accepted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Word
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm

FILE = "output.json"
_INPUT = "input"
_FIX = 'Write {"text": "…", "chunks": [{"text": "word", "timestamp": [start, end]}, …]}, in seconds.'


class RecordedTranscriber:
    """The transcripts of a folder, on the clock of each item; `for_item` picks one."""

    recorded = True

    def __init__(self, folder: Path, path: Path | None = None) -> None:
        self._folder = folder
        self._path = path
        if not folder.is_dir():
            raise AppError("There are no transcripts.", f"There is no folder {folder}.", "Write recorded:FOLDER.")

    @property
    def name(self) -> str:
        return f"recorded:{self._folder}"

    def provenance(self) -> Mapping[str, Any]:
        """The folder, and file and sha256 of the transcript once an item is chosen."""
        about = {"provider": "recorded", "folder": str(self._folder)}
        if self._path is not None:
            about |= {"file": self._path.relative_to(self._folder).as_posix()}
            about |= {"sha256": hashlib.sha256(self._path.read_bytes()).hexdigest()}
        return about

    def for_item(self, item: str, part: str = "main") -> RecordedTranscriber:
        """The transcript of `item`: `ITEM/output.json`, `ITEM/PART.json`, `ITEM/PART_output.json` or `ITEM.json`.

        Of a part named after its input (`clean_input`) it is the output that goes with it (`ITEM/clean_output.json`).

        Raises:
            AppError: there is none.
        """
        names = [f"{item}/{part}.json", f"{item}/{part}_{FILE}"]
        if part.endswith(_INPUT):
            names = [f"{item}/{part.removesuffix(_INPUT)}{FILE}", names[1]]
        if part == "main":
            names = [f"{item}/{FILE}", *names, f"{item}.json"]
        found = self._first(names)
        if found is not None:
            return found
        raise AppError(f"There is no transcript of {item}.", f"None of {', '.join(names)} is in {self._folder}.", _FIX)

    def for_user(self, item: str, part: str = "main") -> RecordedTranscriber | None:
        """What the user says: `ITEM/PART.json` of a part named after its input, else `ITEM/PART_input.json`.

        Of the part `main` also `ITEM/input.json`; None where there is none.
        """
        names = [f"{item}/{part}.json"] if part.endswith(_INPUT) else [f"{item}/{part}_{_INPUT}.json"]
        return self._first([f"{item}/{_INPUT}.json", *names] if part == "main" else names)

    def _first(self, names: Sequence[str]) -> RecordedTranscriber | None:
        root = self._folder.resolve()
        paths = ((root / name).resolve() for name in names)
        return next((RecordedTranscriber(root, p) for p in paths if p.is_relative_to(root) and p.is_file()), None)

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:  # noqa: ARG002 - written down already
        """The words as they stand in the file.

        Raises:
            AppError: no item was chosen, or the file is not in the layout.
        """
        if self._path is None:
            raise AppError("No transcript was chosen.", "Recorded transcripts belong to items.", "Choose an item.")
        return read_transcript(self._path)


def read_transcript(path: Path) -> Transcript:
    """A transcript file.

    Raises:
        AppError: it cannot be read, or is not in the layout.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error
    except (ValueError, RecursionError) as error:
        raise AppError(f"{path} is no transcript.", f"It is not JSON: {error}.", _FIX) from error
    try:
        return transcript_of(value)
    except ValueError as error:
        raise AppError(f"{path} is no transcript.", f"{str(error)[:1].upper()}{str(error)[1:]}.", _FIX) from error


def transcript_of(value: Any) -> Transcript:
    """A transcript in the official layout; words with a null onset are noted and left out.

    Raises:
        ValueError: it is not in the layout; the message names the chunk.
    """
    if not isinstance(value, dict) or not isinstance(value.get("chunks"), list):
        raise ValueError("there is no list of chunks")
    words: list[Word] = []
    notes: list[str] = []
    for i, chunk in enumerate(value["chunks"]):
        if not isinstance(chunk, dict) or not isinstance(chunk.get("text"), str):
            raise ValueError(f"chunk {i} has no text")
        times = chunk.get("timestamp")
        if not isinstance(times, Sequence) or isinstance(times, str) or len(times) != 2:
            raise ValueError(f"chunk {i} has no timestamp of two numbers")
        begin, end = (None if t is None else _seconds(t, i) for t in times)
        said = chunk["text"].strip()
        if begin is None:
            notes.append(f"The onset of {said!r} (chunk {i}) is not known; it is left out.")
        elif said:
            words.append(Word(begin, end, said))
    text = value.get("text")
    if not isinstance(text, str):
        text = " ".join(w.text for w in words)
    return Transcript(text=text, words=tuple(words), notes=tuple(notes))


def official_json(transcript: Transcript) -> dict[str, Any]:
    """`transcript` in the official layout."""
    chunks = [{"text": w.text, "timestamp": [w.t0_s, w.t1_s]} for w in transcript.words]
    return {"text": transcript.text, "chunks": chunks}


def _seconds(value: Any, chunk: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a time of chunk {chunk} is no number of seconds: {value!r}")
    return float(value)
