"""Grades beside a recording: `<name>.grades.jsonl`, append-only, one line per grade with who, when, tool and why.

The recording is never touched. Taking a grade back is a new line.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tmlapp
from tmlapp.bench.runs.lines import append_line, read_numbered
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
    line = {"schema": SCHEMA, **provenance(why=why, who=who, when=when), "grade": grade.to_json()}
    path = sidecar_of(recording)
    append_line(path, line)
    return path


def provenance(*, why: str, who: str | None = None, when: datetime | None = None) -> dict[str, str]:
    """Who, when, tool and why, as every line of a sidecar begins.

    Args:
        who: the user of this machine if left out.
        when: time of day with its zone; now if left out.
    """
    return {
        "who": who or _user(),
        "when": (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
        "tool": f"tmlapp {tmlapp.__version__}",
        "why": why,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number that no user has.
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown user"


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
    numbered, damaged = read_numbered(sidecar_of(recording))
    lines = [value for _, value in numbered if isinstance(value.get("grade"), dict)]
    damaged += [number for number, value in numbered if not isinstance(value.get("grade"), dict)]
    return GradeLog(tuple(lines), tuple(sorted(damaged)))
