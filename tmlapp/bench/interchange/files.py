"""Tiers by the name of their file."""

from __future__ import annotations

from pathlib import Path

from tmlapp.bench.interchange.eaf import write_eaf
from tmlapp.bench.interchange.eaf_read import read_eaf
from tmlapp.bench.interchange.table import read_csv, write_csv
from tmlapp.bench.interchange.textgrid import read_textgrid, write_textgrid
from tmlapp.bench.interchange.tiers import Tiers
from tmlapp.bench.interchange.webvtt import read_webvtt, write_webvtt
from tmlapp.core.errors import AppError

READERS = {".textgrid": read_textgrid, ".eaf": read_eaf, ".vtt": read_webvtt, ".csv": read_csv}
"""By the lower-case end of the file's name."""


def read_tiers(path: Path) -> Tiers:
    """The tiers of a TextGrid, EAF, WebVTT or CSV file.

    Raises:
        AppError: the name ends otherwise, or the file cannot be read or is malformed (naming the line).
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise _unknown(path)
    return reader(path)


def write_tiers(path: Path, tiers: Tiers, *, force: bool = False) -> Path:
    """Write `tiers` in the format that the name of the file tells.

    Raises:
        AppError: the name ends otherwise, the file is there already and `force` is false, or it cannot be written.
    """
    match path.suffix.lower():
        case ".textgrid":
            return write_textgrid(path, tiers, force=force)
        case ".eaf":
            return write_eaf(path, tiers, force=force)
        case ".vtt":
            return write_webvtt(path, tiers, force=force)
        case ".csv":
            return write_csv(path, tiers, force=force)
        case _:
            raise _unknown(path)


def _unknown(path: Path) -> AppError:
    return AppError(
        f"{path.name} is no file of tiers that tmlapp knows.",
        f"Its name ends in {path.suffix!r}.",
        "Use .TextGrid (Praat), .eaf (ELAN), .vtt (WebVTT) or .csv.",
    )
