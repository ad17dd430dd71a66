"""The file that a session grows in: whole micro-turns or nothing."""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

from tmlapp.core.errors import AppError
from tmlapp.recording.lock import try_lock
from tmlapp.recording.names import FINAL, PART, candidates, safe_name


class PartFile:
    """A `.mcap.part`, created for this writer alone and locked as long as it is open.

    What is written is held back until `flush`, which puts all of it into the file or, where the disk refuses,
    cuts the file back to the end of the last good flush.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._held = bytearray()
        self._flushed = 0
        self._crc = 0

    @classmethod
    def create(cls, folder: Path, name: str) -> PartFile:
        """A new `.part` in `folder`, under `name` or, where that is taken, `name (2)`, `name (3)`, …

        Raises:
            AppError: the folder is missing or nothing can be written there.
        """
        try:
            for base in candidates(safe_name(name)):
                part = cls._try(folder / (base + PART), folder / (base + FINAL))
                if part is not None:
                    return part
        except OSError as error:
            raise AppError(
                f"No recording can be written to {folder}.",
                f"{error.strerror or error}.",
                "Choose another folder for recordings, or make this one exist and writable.",
            ) from error
        raise AssertionError("candidates never end")

    @classmethod
    def _try(cls, path: Path, final: Path) -> PartFile | None:
        if final.exists():
            return None
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except FileExistsError:
            return None
        # Another session may have finished under this name between the look and the creation.
        if try_lock(fd) and not final.exists():
            return cls(path, fd)
        os.close(fd)
        path.unlink()
        return None

    def write(self, data: bytes) -> int:
        """Hold `data` until the next flush."""
        self._held += data
        return len(data)

    @property
    def flushed(self) -> int:
        """Bytes that survive the death of this process."""
        return self._flushed

    def flush(self) -> None:
        """Hand everything held to the operating system.

        Raises:
            OSError: the disk is full or fails; the file ends with the last flush that succeeded.
        """
        data = bytes(self._held)
        self._held.clear()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError:
            # A disk that cannot even shorten a file has nothing better to tell than the first error.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._flushed)
                os.lseek(self._fd, self._flushed, os.SEEK_SET)
            raise
        self._flushed += len(data)
        self._crc = zlib.crc32(data, self._crc)

    def take_crc(self) -> int:
        """CRC-32 of everything flushed since the last call."""
        crc, self._crc = self._crc, 0
        return crc

    def sync(self) -> None:
        """Wait until everything flushed is on the disk itself."""
        os.fsync(self._fd)

    def in_place(self) -> bool:
        """Whether the file still lies under its name: people and cleaning programs delete and move files."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Give up the lock. What was held and not flushed is dropped; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sync_folder(folder: Path) -> None:
    """Make new names in `folder` survive a loss of power, where the system can."""
    if os.name == "nt":  # pragma: no cover - folders cannot be opened there
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse this; the file itself was synced.
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)
