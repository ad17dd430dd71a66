"""Annotated clips of repeated movements, and of movements that do not repeat, out of a manifest.csv."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tmlapp.bench.model_check.manifest import NAME, Row, read_rows
from tmlapp.capture.media_file import is_there, sha256_of
from tmlapp.core.errors import AppError

COLUMNS = ("file", "n_reps", "rep_end_times_s", "start_s", "stop_s")
_NOTHING = "this exercise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One row of the manifest.

    Attributes:
        name: of the file, as the manifest writes it.
        action: for the instruction.
        ends_s: ends of the repetitions, in order; none for a negative (nothing repeats).
        span_s: first and last movement of the repeated action; None for a negative.
        sure: the annotation says so (`certainty` is not `unsure`: then the count may be off by one).
        number: place in the sorted manifest, counted from 0; seeds its padding.
    """

    name: str
    path: Path
    action: str
    ends_s: tuple[float, ...]
    span_s: tuple[float, float] | None
    sure: bool
    number: int

    @property
    def negative(self) -> bool:
        return not self.ends_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFolder:
    """The clips that are there, what is named and not there, and how many rows there are in all."""

    clips: tuple[Clip, ...]
    absent: tuple[str, ...]
    rows: int
    manifest_sha256: str
    files_sha256: dict[str, str]


def read_clips(folder: Path, manifest: Path | None = None, *, limit: int | None = None) -> ClipFolder:
    """The clips of `folder` by its manifest.csv (or `manifest`, where the annotations lie elsewhere), sorted by name.

    Args:
        limit: only the first so many of those that are there.

    Raises:
        AppError: the manifest cannot be used, names a file twice, or none of its files is there.
    """
    table = manifest or folder / NAME
    if not folder.is_dir():
        raise AppError(f"There is no folder {folder}.", "It should hold the clips.", "Check the name.")
    rows, digest = read_rows(table, COLUMNS)
    named = sorted(rows, key=lambda row: row.text("file"))
    clips = [_clip(row, number, folder) for number, row in enumerate(named)]
    for one, other, row in zip(clips, clips[1:], named[1:], strict=False):
        if one.name == other.name:
            raise row.wrong(f"The file {other.name} is named twice")
    there = [clip for clip in clips if is_there(clip.path) and clip.path.is_file()]
    if not there:
        raise AppError(
            f"None of the {len(clips)} files of {table} is in {folder}.",
            f"The first one would be {clips[0].name}.",
            "Bring the clips, or name the folder that holds them.",
        )
    chosen = there[:limit]
    return ClipFolder(
        clips=tuple(chosen),
        absent=tuple(clip.name for clip in clips if clip not in there),
        rows=len(clips),
        manifest_sha256=digest,
        files_sha256={clip.name: sha256_of(clip.path) for clip in chosen},
    )


def _clip(row: Row, number: int, folder: Path) -> Clip:
    name = row.text("file")
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise row.wrong(f"The file {name!r} is no name inside the folder")
    ends, count = row.numbers("rep_end_times_s"), row.number("n_reps")
    if count != len(ends):
        raise row.wrong(f"n_reps is {count:g}, but rep_end_times_s holds {len(ends)} times")
    if any(b <= a for a, b in pairwise(ends)):
        raise row.wrong("The times in rep_end_times_s do not rise")
    span = None
    if row.text("start_s") or row.text("stop_s"):
        span = row.number("start_s"), row.number("stop_s")
        if span[1] <= span[0]:
            raise row.wrong(f"stop_s ({span[1]:g}) is not after start_s ({span[0]:g})")
    return Clip(
        name=name,
        path=folder / name,
        action=spoken_action(row.text("action")),
        ends_s=ends,
        span_s=span,
        sure=row.text("certainty") != "unsure",
        number=number,
    )


def spoken_action(action: str) -> str:
    """The action without what stands in brackets; `this exercise` where nothing is left."""
    return " ".join(re.sub(r"\([^)]*\)", " ", action).split()) or _NOTHING
