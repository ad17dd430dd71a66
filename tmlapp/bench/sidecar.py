"""Grades beside a recording: `<name>.grades.jsonl`, append-only, one line per grade with who, when, tool and why.

The recording is never touched. Taking a grade back is a new line.
"""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tmlapp
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

SCHEMA = 1


def sidecar_of(recording: Path) -> Path:
    """Where the grades of `recording` lie."""
    return recording.with_suffix(".grades.jsonl")


def write_grade(
    recording: Path, grade: Grade, *, why: str = "graded", who: str | None = None, when: datetime | None = None
) -> Path:
    """Append `grade` as one line, and return the file.

    Args:
        recording: the `.mcap` file.
        why: the reason for this grade, in a few words.
        who: who asked for it; the user of this machine if left out.
        when: time of day with its zone; now if left out.

    Raises:
        AppError: the line cannot be written.
    """
    line = {
        "schema": SCHEMA,
        "who": who or _user(),
        "when": (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
        "tool": f"tmlapp {tmlapp.__version__}",
        "why": why,
        "grade": grade.to_json(),
    }
    # Escaped, because half of a surrogate pair, which some models send, has no UTF-8.
    data = json.dumps(line, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
    path = sidecar_of(recording)
    try:
        with path.open("a+b") as file:
            # A line that a crash cut off must not swallow this one.
            if file.tell() and not _ends_with_newline(path):
                data = b"\n" + data
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise AppError(
            f"The grade could not be written to {path}.",
            f"{error.strerror}.",
            "Free space, or check the folder's rights.",
        ) from error
    return path


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number that no user has.
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown user"


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@dataclass(frozen=True, slots=True)
class GradeLog:
    """The lines of a sidecar, oldest first, and the numbers of those that cannot be read (cut off by a crash)."""

    lines: tuple[dict[str, Any], ...]
    damaged: tuple[int, ...]


def read_grades(recording: Path) -> GradeLog:
    """Every grade of `recording`; none where there is no sidecar.

    Raises:
        AppError: the sidecar cannot be read at all.
    """
    path = sidecar_of(recording)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return GradeLog((), ())
    except OSError as error:
        raise AppError(
            f"The grades {path} cannot be read.", f"{error.strerror}.", "Check the file's rights."
        ) from error
    lines: list[dict[str, Any]] = []
    damaged: list[int] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("grade"), dict):
            lines.append(value)
        else:
            damaged.append(number)
    return GradeLog(tuple(lines), tuple(damaged))
