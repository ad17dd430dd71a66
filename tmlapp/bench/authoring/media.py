"""Files of takes: written new or not at all, never over another one."""

from __future__ import annotations

import hashlib
import os
import shutil
import wave
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tmlapp.bench.authoring.journal import sync_folder
from tmlapp.bench.authoring.model import RATE_HZ, ItemDraft, Take
from tmlapp.bench.runs.lines import written
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm

TAKES = "takes"


@dataclass(frozen=True, slots=True)
class Sound:
    """A wav that was written: samples, and sha256 of the file."""

    samples: int
    sha256: str


@contextmanager
def new_file(path: Path, made: list[Path] | None = None) -> Iterator[Path]:
    """A place beside `path` to write to; at the end it is on the disk and gets the name `path`, in one step.

    A file of that name with the same content is taken for it: a crash came between the file and its take. `made` is
    told the file if it is really new.

    Raises:
        AppError: another file of that name is there, or it cannot be written. Nothing new is left then.
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}.new{path.suffix}")
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
    try:
        with written(path):
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        if publish(beside, path) and made is not None:
            made.append(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def all_or_none() -> Iterator[list[Path]]:
    """A list for files that belong together: if anything fails, those in it are removed."""
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        # Nobody knows of them yet, and a second try would find their names taken.
        for path in made:
            path.unlink(missing_ok=True)
        raise


def write_sound(path: Path, pieces: Iterable[Pcm], made: list[Path] | None = None) -> Sound:
    """Pieces of int16 [n] at 16 kHz, one after another, as a new mono PCM16 wav.

    Raises:
        AppError: as `new_file`, or the pieces hold nothing.
    """
    samples = 0
    with new_file(path, made) as beside:
        with beside.open("wb") as file, wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE_HZ)
            for piece in pieces:
                sound.writeframes(np.ascontiguousarray(piece, "<i2").tobytes())
                samples += len(piece)
        if not samples:
            raise AppError("There is no sound for the take.", "It would last 0 s.", "Choose a longer stretch.")
    return Sound(samples, digest(path))


def read_take(folder: Path, take: Take) -> Pcm:
    """The sound of a take of the set in `folder`: int16 [samples] at 16 kHz.

    Raises:
        AppError: the file is missing, is not what it was when the take was made, or cannot be read.
    """
    path = folder / take.audio
    try:
        with wave.open(str(path), "rb") as sound:
            form = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.int16)
    except (OSError, EOFError, wave.Error, ValueError) as error:
        raise AppError(
            f"The sound of the take {take.id} cannot be read.",
            f"{path}: {error}.",
            "Bring the file back, or discard the take.",
        ) from error
    if form != (RATE_HZ, 1, 2) or len(pcm) != take.samples:
        raise AppError(
            f"The sound of the take {take.id} is another one.",
            f"{path} holds {len(pcm)} samples at {form[0]} Hz; the take was made with {take.samples} at {RATE_HZ} Hz.",
            "Bring the file back, or discard the take.",
        )
    return pcm


def copy_new(source: Path, to: Path, made: list[Path] | None = None) -> str:
    """Copy `source` to a new file; sha256 of what was copied.

    Raises:
        AppError: as `new_file`, or `source` cannot be read.
    """
    try:
        reader = source.open("rb")
    except OSError as error:
        raise AppError(f"{source} cannot be read.", f"{error.strerror}.", "Check its name and its rights.") from error
    with reader, new_file(to, made) as beside, beside.open("wb") as file:
        shutil.copyfileobj(reader, file, 1 << 20)
    return digest(to)


def digest(path: Path) -> str:
    """sha256 of the file.

    Raises:
        AppError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check its rights.") from error


def publish(made: Path, final: Path) -> bool:
    """Give a finished file its name, in one step; True if it is new, False where the same file has it already.

    Raises:
        AppError: another file has that name, or it cannot be given; `made` stays.
    """
    with written(final):
        try:
            # A link is refused where a file is; a rename would replace it.
            os.link(made, final)
        except FileExistsError:
            return _is_same(made, final)
        except OSError:
            # File systems of memory cards know no links.
            if final.exists():
                return _is_same(made, final)
            made.rename(final)
        sync_folder(final.parent)
    return True


def _is_same(made: Path, final: Path) -> bool:
    """False, as it is not new.

    Raises:
        AppError: it is another file.
    """
    if not final.is_file() or digest(made) != digest(final):
        raise AppError(
            f"{final} is there already.", "Nothing of a set is overwritten.", "Choose another name for the take."
        )
    return False


def take_path(item: str, take: str, ending: str) -> str:
    """Where a file of a take lies, relative to the set: `takes/<item>/<take><ending>`."""
    return str(PurePosixPath(TAKES, item, take + ending))


def free_take_id(folder: Path, item: ItemDraft) -> str:
    """`t1`, `t2`, …: the first that neither a take of the item nor a file in its folder has.

    Raises:
        AppError: the folder cannot be read.
    """
    holder = folder / TAKES / item.id
    try:
        # `t1.mcap.part` and `t1 (2).mcap` belong to t1.
        used = {path.name.partition(".")[0].partition(" ")[0] for path in holder.iterdir()}
    except FileNotFoundError:
        used = set()
    except OSError as error:
        raise AppError(f"{holder} cannot be read.", f"{error.strerror}.", "Check its rights.") from error
    used |= {take.id for take in item.takes}
    number = 1
    while f"t{number}" in used:
        number += 1
    return f"t{number}"
