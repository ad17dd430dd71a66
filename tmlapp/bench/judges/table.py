"""Files of verdicts: one JSON object per line, only ever added to."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.core.errors import AppError


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file of verdicts holds: its rows with their line numbers, and the lines that cannot be read.

    `cut`: the last line has no end, as a crash or a full disk leaves it.
    """

    rows: list[tuple[int, dict[str, Any]]]
    unreadable: list[int]
    cut: bool


def read_lines(path: Path) -> Lines:
    """Read a file of verdicts; one that is not there holds none.

    Raises:
        AppError: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Lines([], [], False)
    except OSError as e:
        raise AppError(f"{path} cannot be read.", f"{e.strerror}.", "Check the file and its permissions.") from e
    rows: list[tuple[int, dict[str, Any]]] = []
    unreadable: list[int] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            unreadable.append(number)
    last = content.count(b"\n") + 1
    return Lines(rows, unreadable, bool(unreadable) and unreadable[-1] == last)


def row_of(question: Question, asked: str, ruling: Ruling) -> dict[str, Any]:
    """The row that keeps `ruling`; `asked` names the judge that was asked (a chain), `judge` the one that ruled."""
    return {
        "asked": asked,
        "digest": question.digest(),
        "kind": question.prompt.kind,
        "item": question.item,
        "key": question.key,
        "prompt_sha256": question.prompt.sha256,
        "judge": ruling.judge,
        "value": ruling.value,
        "why": ruling.why,
        "undecided": ruling.undecided,
        "replies": list(ruling.replies),
        "details": dict(ruling.details),
    }


def ruling_of(row: Mapping[str, Any]) -> Ruling:
    """The inverse, marked as cached.

    Raises:
        KeyError, TypeError: the row is not one of ours.
    """
    return Ruling(
        value=row["value"],
        judge=str(row["judge"]),
        why=str(row.get("why", "")),
        replies=tuple(row.get("replies", ())),
        cached=True,
        undecided=bool(row.get("undecided", False)),
        details=dict(row.get("details", {})),
    )


class Appender:
    """Adds whole lines to a file that other processes add to as well. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def add(self, rows: Iterable[str], *, sync: bool) -> int:
        """Add lines (without their ends) in one go each.

        Args:
            sync: wait until the disk has them.

        Returns:
            How many were added.

        Raises:
            AppError: the disk is full or the file cannot be written; the lines before are in it.
        """
        done = 0
        try:
            fd = self._open()
            for row in rows:
                self._add(fd, row)
                done += 1
            if sync:
                os.fsync(fd)
        except OSError as e:
            raise WriteError(self._path, e, done) from e
        return done

    def _open(self) -> int:
        if self._fd is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._fd = os.open(self._path, flags, 0o644)
        return self._fd

    def _add(self, fd: int, row: str) -> None:
        line = row.encode("ascii") + b"\n"
        size = os.fstat(fd).st_size
        if size:
            os.lseek(fd, size - 1, os.SEEK_SET)
            if os.read(fd, 1) != b"\n":
                # Somebody was cut off: their rest stays a line of its own.
                line = b"\n" + line
        # One call: the system appends it whole, whoever else appends.
        if os.write(fd, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class WriteError(AppError):
    """`done` lines were added before it happened."""

    def __init__(self, path: Path, error: OSError, done: int) -> None:
        super().__init__(
            f"A verdict cannot be written to {path}.",
            f"{error.strerror}. Verdicts given before are in the file.",
            "Make room or choose another folder, and grade again: only what is missing is asked.",
        )
        self.done = done
