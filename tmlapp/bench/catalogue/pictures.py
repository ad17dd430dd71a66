"""Thumbnails, kept in the cache folder under what their recording holds: a moved file keeps its picture."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.config.paths import cache_dir
from tmlapp.recording.thumbnail import Thumbnail

MAKE = "tmlapp.bench.catalogue.pictures:make"
_FOLDER = "thumbnails"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A thumbnail to be made of the recording at `path`, and kept under `key`."""

    path: Path
    key: str
    folder: Path


def wanted(entry: Entry, cache: Path | None = None) -> Wanted | None:
    """What to ask a worker for; None where `entry` has no picture."""
    if entry.kind != "recording" or entry.path.suffix != ".mcap" or not entry.identity or entry.state == "missing":
        return None
    key = hashlib.blake2b(entry.identity.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return Wanted(entry.path, key, (cache or cache_dir()) / _FOLDER / key[:2])


def kept(asked: Wanted) -> Thumbnail | None:
    """The thumbnail that was made before; an empty one where none can be made."""
    with suppress(OSError):
        return Thumbnail(jpeg=(asked.folder / f"{asked.key}.jpg").read_bytes())
    with suppress(OSError):
        return Thumbnail(bars=(asked.folder / f"{asked.key}.bars").read_bytes())
    return None


def make(asked: Wanted) -> Thumbnail:
    """Make a thumbnail and keep it; runs in a worker process. One that cannot be kept is made again next time.

    Raises:
        AppError: the recording cannot be read.
    """
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.thumbnail import thumbnail

    made = thumbnail(Recording.open(asked.path))
    name, data = (f"{asked.key}.jpg", made.jpeg) if made.jpeg else (f"{asked.key}.bars", made.bars)
    beside = asked.folder / f"{name}.{os.getpid()}.new"
    with suppress(OSError):
        asked.folder.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(asked.folder / name)
    return made
