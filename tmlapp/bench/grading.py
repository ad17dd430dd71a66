"""Grades outputs and recordings. Nothing is run again: the same recording and truth give the same number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.registry import suite_named
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade


def sha256_of(path: Path) -> str:
    """Hex digest of a file.

    Raises:
        AppError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error


def grade_outputs(
    suite: str,
    outputs: Sequence[Said],
    truth: Mapping[str, Any],
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    item: str = "item",
    sources: Sources | None = None,
) -> Grade:
    """Grade what was said in one session.

    Args:
        suite: `repcount-a`, `charades`, or any other that is installed.
        outputs: everything the model said, in session time.
        truth: as in a truth file (docs/grading.md).
        profile: which rule; None for the suite's default.
        params: overrides of the profile's parameters.
        files: sha256 by role, kept in the provenance.

    Raises:
        AppError: suite, profile, parameters or truth are not valid.
    """
    grader = suite_named(suite)
    return grader.grade(
        [Entry(item, truth, tuple(outputs))],
        profile=profile or grader.profiles[0],
        params=params or {},
        sources=sources or Sources(files=files or {}),
    )


def grade_items(
    suite: str,
    entries: Sequence[Entry],
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> Grade:
    """Grade a whole run: one entry per item, with outputs None where an item was not run.

    Raises:
        AppError: as `grade_outputs`.
    """
    grader = suite_named(suite)
    return grader.grade(
        entries, profile=profile or grader.profiles[0], params=params or {}, sources=Sources(files=files or {})
    )
