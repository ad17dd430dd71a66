"""From run folders to what a report shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tmlapp.bench.report.tables import RunView
from tmlapp.bench.runs.run import Run, item_folder_name, load_run
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

_SHOWN = (
    "endpoint", "granted", "created", "finished", "data", "version", "notes", "options", "files", "instruct", "voice",
    "clock", "limit", "n_items", "expected", "jobs", "engine", "seeds", "settings", "versions", "commit", "command",
    "quarantined", "resumed",
)  # fmt: skip


def views_of(folders: Sequence[Path], *, profile: str | None = None) -> list[RunView]:
    """The newest grade of each profile of every run, in the order given; of `profile` only, where it is named.

    Raises:
        AppError: a folder is no run, or has no such grade.
    """
    runs = [load_run(folder) for folder in folders]
    names = _names(runs)
    return [view for run, name in zip(runs, names, strict=True) for view in _views(run, name, profile)]


def _names(runs: Sequence[Run]) -> list[str]:
    """A run is called by its endpoint, and by its folder too where two have the same one."""
    endpoints = [(run.info.suite, run.info.endpoint) for run in runs]
    return [
        f"{run.info.endpoint} ({run.folder.resolve().name})" if endpoints.count(key) > 1 else run.info.endpoint
        for run, key in zip(runs, endpoints, strict=True)
    ]


def _views(run: Run, name: str, profile: str | None) -> list[RunView]:
    grades = newest(run, profile)
    values = run.info.to_json()
    shown = {key: values[key] for key in _SHOWN if values[key] not in (None, "", {}, [], ())}
    sounds = _sounds(run)
    failures = {item.id: why for item in run.items if (why := run.failure(item.id))}
    if run.damaged:
        shown["damaged"] = [str(d) for d in run.damaged]
    return [
        RunView(
            name=name, grade=grade, run=shown, folder=run.folder, answers=run.answers, sounds=sounds, failures=failures
        )
        for grade in grades
    ]  # fmt: skip


def newest(run: Run, profile: str | None = None) -> list[Grade]:
    """The newest grade of each profile, or of `profile` alone.

    Raises:
        AppError: there is none.
    """
    found = run.newest_grades()
    if profile is not None:
        found = {name: grade for name, grade in found.items() if name == profile}
    if not found:
        what = f"no grade of the profile {profile}" if profile else "no grade"
        raise AppError(
            f"The run {run.folder} cannot be reported.",
            f"It has {what}.",
            f"Grade it first: tmlapp bench grade {run.folder}",
        )
    return list(found.values())


def _sounds(run: Run) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for number, item in enumerate(run.items):
        result = run.results.get(item.id)
        wavs = [part.wav for part in result.parts.values() if part.wav] if result else []
        if wavs:
            found[item.id] = f"items/{item_folder_name(number, item.id)}/{wavs[0]}"
    return found
