"""IFEval's rows: `input_data.jsonl`, the datasets' jsonl or parquet copies, VoiceBench's sounds; files of responses."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.data import Quarantined, is_inside, is_there
from tmlapp.bench.labels.rows import strict_json
from tmlapp.bench.suites.ifeval_scoring import parse_row
from tmlapp.core.errors import AppError

_NAMES = ("input_data.jsonl", "ifeval_input_data.jsonl", "metadata.jsonl", "ifeval.jsonl")
_ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
_STARTS = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3"}
_COLUMNS = ("key", "prompt", "instruction_id_list", "kwargs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The usable rows as truths, the sounds by key, what was set aside, and sha256 of the files."""

    rows: tuple[dict[str, Any], ...]
    sounds: Mapping[int, Path]
    quarantined: tuple[Quarantined, ...]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Responses:
    """Responses by key where the file has keys, and by prompt."""

    by_key: Mapping[int, str] = field(default_factory=dict)
    by_prompt: Mapping[str, str] = field(default_factory=dict)


class _RowError(Exception):
    """Why a row is set aside, and of which kind that is."""

    def __init__(self, why: str, kind: Literal["missing", "damaged"] = "damaged") -> None:
        super().__init__(why)
        self.kind: Literal["missing", "damaged"] = kind


def read_rows(folder: Path, where: str, *, sounds: bool = False, unpack: bool = False) -> Rows:
    """Every row in `folder` (or in the file itself, if it is one).

    Args:
        where: said to who has no data.
        sounds: each row needs its sound.
        unpack: write sounds that lie inside a parquet file into `audio/` beside it.

    Raises:
        AppError: nothing usable is there, or a file cannot be read.
    """
    files = _files(folder, where)
    kept: dict[int, dict[str, Any]] = {}
    heard: dict[int, Path] = {}
    aside: list[Quarantined] = []
    for file in files:
        for name, raw in _raw_rows(file):
            try:
                row = _truth(raw)
                if row["key"] in kept:
                    raise _RowError(f"the key {row['key']} stands there twice")
                if sounds:
                    heard[row["key"]] = _sound(file, raw, row["key"], unpack=unpack)
            except _RowError as error:
                aside.append(Quarantined(row=f"{file.name} {name}", why=str(error), kind=error.kind))
                continue
            kept[row["key"]] = row
    if not kept:
        first = f" The first: {aside[0].row}: {aside[0].why}." if aside else ""
        raise AppError(f"No row in {folder} can be used.", f"{len(aside)} were found.{first}", where)
    hashed = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return Rows(rows=tuple(kept.values()), sounds=heard, quarantined=tuple(aside), files=hashed)


def _files(folder: Path, where: str) -> list[Path]:
    if folder.is_file():
        return [folder]
    places = [folder, folder / "ifeval", folder / "data"]
    for place in places:
        for name in _NAMES:
            if is_there(place / name):
                return [place / name]
    for place in places:
        for pattern in ("*.jsonl", "*.parquet"):
            found = sorted(place.glob(pattern))
            if pattern == "*.parquet" and found:
                return found
            if len(found) == 1:
                return found
    raise AppError(
        f"There are no rows of IFEval in {folder}.",
        "It holds neither input_data.jsonl, nor one other .jsonl file, nor a .parquet file.",
        where,
    )


def _raw_rows(file: Path) -> Iterator[tuple[str, Any]]:
    if file.suffix == ".parquet":
        yield from _parquet_rows(file)
        return
    for number, line in _lines(file):
        try:
            yield f"line {number}", strict_json(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number}", _RowError(f"it is not JSON: {error}")


def _lines(file: Path) -> list[tuple[int, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"{file} cannot be read.", f"{error}.", "Give a jsonl file in UTF-8.") from error
    # Not splitlines: a prompt may hold a line separator of Unicode.
    return [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]


def _parquet_rows(file: Path) -> Iterator[tuple[str, Any]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise AppError(
            f"{file.name} is a parquet file, and pyarrow is not installed.",
            f"{error}.",
            "Install it (pip install pyarrow), or give the rows as jsonl.",
        ) from error
    try:
        with parquet.ParquetFile(file) as opened:
            number = 0
            # One group at a time: the file of VoiceBench holds all its sounds.
            for batch in opened.iter_batches(batch_size=64):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (OSError, ValueError) as error:
        raise AppError(f"{file} cannot be read.", f"{error}.", "Fetch it anew.") from error


def _truth(raw: Any) -> dict[str, Any]:
    """The row as a truth, checked."""
    if isinstance(raw, _RowError):
        raise raw
    if not isinstance(raw, Mapping):
        raise _RowError("it is no JSON object")
    missing = [name for name in _COLUMNS if raw.get(name) is None]
    if missing:
        raise _RowError(f"{', '.join(missing)} is missing")
    try:
        # Some copies keep the arguments as JSON text.
        kwargs = strict_json(raw["kwargs"]) if isinstance(raw["kwargs"], str) else raw["kwargs"]
        row = parse_row({name: raw[name] for name in _COLUMNS} | {"kwargs": kwargs})
    except (ValueError, RecursionError) as error:
        raise _RowError(f"kwargs is not JSON: {error}") from error
    except AppError as error:
        raise _RowError(error.why.rstrip(".")) from error
    return {
        "key": row.key, "prompt": row.prompt, "instruction_id_list": list(row.ids),
        "kwargs": [dict(k) for k in row.kwargs],
    }  # fmt: skip


def _sound(file: Path, raw: Mapping[str, Any], key: int, *, unpack: bool) -> Path:
    named, content = _named_sound(raw)
    here = file.parent
    folders = (here, here / "audio", here / "audios", here.parent / "audio")
    names = [named] * is_inside(named) + [Path(named).name] if named else []
    names += [f"{key}{ending}" for ending in _ENDINGS]
    for folder in folders:
        for name in names:
            if is_there(folder / name):
                return folder / name
    if content is None:
        raise _RowError(f"its sound is missing: {named or f'{key}.wav'}", "missing")
    if not unpack:
        raise _RowError("its sound lies inside the parquet file; load with unpack=true to write it out", "missing")
    return _unpacked(here / "audio", key, content)


def _named_sound(raw: Mapping[str, Any]) -> tuple[str, bytes | None]:
    audio = raw.get("audio") or raw.get("file_name") or raw.get("audio_path") or ""
    if isinstance(audio, Mapping):
        content = audio.get("bytes")
        return str(audio.get("path") or ""), content if isinstance(content, bytes) and content else None
    return (audio if isinstance(audio, str) else ""), None


def _unpacked(folder: Path, key: int, content: bytes) -> Path:
    ending = next((e for start, e in _STARTS.items() if content.startswith(start)), ".mp3")
    path = folder / f"{key}{ending}"
    try:
        folder.mkdir(exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(content)
        # Complete or not there: a half-written sound would be found and used next time.
        part.replace(path)
    except OSError as error:
        raise AppError(f"{path} cannot be written.", f"{error.strerror}.", "Make room, or check the rights.") from error
    return path


def read_responses(folder: Path) -> Responses:
    """Responses that somebody's run left: `{"prompt", "response"}` (Google, VoiceBench), or lm-eval's samples.

    Raises:
        AppError: no such file is there, or one cannot be read.
    """
    files = [folder] if folder.is_file() else sorted(folder.glob("*.jsonl"))
    by_key: dict[int, str] = {}
    by_prompt: dict[str, str] = {}
    for file in files:
        for number, line in _lines(file):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _not_a_response(file, number, f"{error}") from error
            document = row.get("doc", row) if isinstance(row, dict) else None
            response = _response(row) if isinstance(row, dict) else None
            if not isinstance(document, dict) or not isinstance(document.get("prompt"), str) or response is None:
                raise _not_a_response(file, number, "It has no prompt or no response")
            by_prompt[document["prompt"]] = response
            if isinstance(document.get("key"), int):
                by_key[document["key"]] = response
    if not by_prompt:
        raise AppError(
            f"There are no responses in {folder}.",
            "It holds no .jsonl file with prompts and responses.",
            'Give a file with lines such as {"prompt": …, "response": …}.',
        )
    return Responses(by_key, by_prompt)


def _response(row: Mapping[str, Any]) -> str | None:
    said: Any = row.get("response", row.get("resps"))
    while isinstance(said, Sequence) and not isinstance(said, str) and said:
        said = said[0]
    return said if isinstance(said, str) else None


def _not_a_response(file: Path, number: int, why: str) -> AppError:
    return AppError(f"Line {number} of {file} is no response.", f"{why}.", 'Write it as {"prompt": …, "response": …}.')
