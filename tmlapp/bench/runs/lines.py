"""Files of one JSON value per line, and whole files that are there complete or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from tmlapp.core.errors import AppError
from tmlapp.recording.lock import lock


@dataclass(frozen=True, slots=True)
class Lines:
    """The objects of a file, and the numbers of the lines that cannot be read (cut off by a crash)."""

    values: tuple[dict[str, Any], ...] = ()
    damaged: tuple[int, ...] = ()


@contextmanager
def written(path: Path) -> Iterator[None]:
    """What the system says about writing `path`, as an `AppError`."""
    try:
        yield
    except OSError as error:
        raise AppError(
            f"{path} could not be written.", f"{error.strerror or error}.", "Free space, or check the folder's rights."
        ) from error


def dumped(value: Any) -> bytes:
    """One line of JSON without its newline; escaped, because half of a surrogate pair has no UTF-8."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data` in one step: a reader finds the old file or the new one, never half of one.

    Raises:
        AppError: it cannot be written; the old file stays.
    """
    # Named after the process: two writers never share one, whatever their lock says.
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with written(path):
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_lines(path: Path, values: Sequence[Any]) -> None:
    """All `values` as the whole of `path`.

    Raises:
        AppError: as `write_whole`.
    """
    write_whole(path, b"".join(dumped(v) + b"\n" for v in values))


def append_line(path: Path, value: Any) -> None:
    """Add one line, whoever else adds to the file meanwhile; it is on the disk when this returns.

    Raises:
        AppError: it cannot be written; the file is as it was.
    """
    data = dumped(value) + b"\n"
    # Unbuffered: what a failing disk took of the line is known, and taken back while nobody else can write.
    with written(path), path.open("a+b", buffering=0) as file:
        lock(file.fileno())
        size = file.seek(0, os.SEEK_END)
        # A line that a crash cut off must not swallow this one.
        if size and not _ends_with_newline(path):
            data = b"\n" + data
        try:
            _write_all(file, data)
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_lines(path: Path) -> Lines:
    """Every object in `path`; none where there is no such file.

    Raises:
        AppError: the file cannot be read at all.
    """
    numbered, damaged = read_numbered(path)
    return Lines(tuple(value for _, value in numbered), tuple(damaged))


def read_numbered(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], list[int]]:
    """Every object in `path` with the number of its line, and the numbers of lines that hold something else.

    Raises:
        AppError: as `read_lines`.
    """
    values: list[tuple[int, dict[str, Any]]] = []
    damaged: list[int] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                value = parsed(line)
                if value is None:
                    damaged.append(number)
                else:
                    values.append((number, value))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check the file's rights.") from error
    return values, damaged


def parsed(data: bytes) -> dict[str, Any] | None:
    """The object in `data`, or None where it holds something else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_object(path: Path) -> dict[str, Any] | None:
    """The object that `path` holds; None where there is no such file or it holds something else.

    Raises:
        AppError: the file cannot be read.
    """
    try:
        return parsed(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check the file's rights.") from error
