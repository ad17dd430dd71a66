"""What every file source shares: checks that come before decoding, and the shape of a picture source."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

from tmlapp.core.errors import AppError
from tmlapp.core.event import SessionEvent
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Picture

_HEAD_BYTES = 1 << 16
_RIFF_UNKNOWN = 0x7FFFF000


class PictureSource(Protocol):
    """Pictures with their times, oldest first.

    Attributes:
        info: where they come from.
        fps: nominal rate; spacing of the frames that stand in before and after.
        expected_ns: length by the file's own account, None where it gives none.
    """

    info: TrackInfo
    fps: float
    expected_ns: int | None

    def read(self) -> tuple[int, Picture] | None:
        """Next picture, BGR [height, width, 3], and its time in ns since the first; None at the end."""
        ...

    def take_events(self) -> list[SessionEvent]:
        """What was found since the last call, timed like the pictures."""
        ...

    def close(self) -> None: ...


def is_there(path: Path) -> bool:
    """Whether `path` exists; a name that no file system takes does not."""
    try:
        return path.exists()
    except OSError:
        return False


def check_file(path: Path) -> None:
    """Refuse what is no readable file.

    Raises:
        AppError: `path` is missing, a folder, empty, or may not be read.
    """
    if not is_there(path):
        raise AppError(f"There is no file {path}.", "The path does not exist.", "Check the spelling and the folder.")
    if path.is_dir():
        raise AppError(
            f"{path} is a folder.", "A media file is needed here.", "Name a file, or a folder of images as the video."
        )
    if path.stat().st_size == 0:
        raise AppError(f"{path.name} is empty.", "It has 0 bytes.", "Copy or record the file again.")
    if not os.access(path, os.R_OK):
        raise AppError(f"{path.name} cannot be read.", "You have no permission to read it.", f"chmod u+r '{path}'")


def sha256_of(path: Path) -> str:
    """Hex digest of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def head_of(path: Path) -> bytes:
    """The first 64 KiB."""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def riff_is_cut(path: Path) -> bool:
    """True if `path` is an AVI or WAV whose header promises more bytes than there are."""
    with path.open("rb") as file:
        head = file.read(8)
    stated = int.from_bytes(head[4:], "little")
    return head[:4] == b"RIFF" and stated < _RIFF_UNKNOWN and stated + 8 > path.stat().st_size


def may_hold_sound(path: Path) -> bool:
    """False only where the container itself says that it has no sound track (GIF, MP4/MOV, AVI, still pictures)."""
    head = head_of(path)
    if head.startswith((b"GIF8", b"\xff\xd8\xff", b"\x89PNG", b"YUV4MPEG2")):
        return False
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return b"auds" in head
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return _mp4_has_sound(path)
    return True


def _mp4_has_sound(path: Path) -> bool:
    """Whether the `moov` box names a handler of type `soun`; True where no `moov` is found."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            length = length or size - at
            if kind == b"moov":
                file.seek(at)
                return b"soun" in file.read(length)
            if length < 8:
                return True
            at += length
    return True
