"""The journal of a set: one line per change, on the disk before the change is called done.

Each line carries a checksum and its number. What a crash cut off is kept beside the journal, never mixed into it.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.runs.lines import dumped, parsed, written
from tmlapp.core.errors import AppError

JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Read:
    """What a journal holds: its entries, the length of the part that is whole, and the rest that is not."""

    entries: tuple[dict[str, Any], ...]
    whole: int
    rest: bytes


def read_journal(path: Path) -> Read:
    """Every entry up to the first line that is damaged; nothing where there is no such file.

    Raises:
        AppError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Read((), 0, b"")
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check the file's rights.") from error
    entries: list[dict[str, Any]] = []
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        entry = _entry(data[at:end])
        if entry is None or (entries and entry["n"] != entries[-1]["n"] + 1):
            break
        entries.append(entry)
        at = end + 1
    return Read(tuple(entries), at, data[at:])


def line_of(entry: dict[str, Any]) -> bytes:
    """The line that stands for `entry`, with its checksum."""
    body = dumped(entry)
    return b"%b%08x%b%b}\n" % (_HEAD, zlib.crc32(body), _MIDDLE, body)


_HEAD, _MIDDLE = b'{"crc32":"', b'","entry":'
_BODY = len(_HEAD) + 8 + len(_MIDDLE)


def _entry(line: bytes) -> dict[str, Any] | None:
    body = line[_BODY:-1]
    if line[:_BODY] + line[-1:] != b"%b%08x%b}" % (_HEAD, zlib.crc32(body), _MIDDLE):
        return None
    entry = parsed(body)
    return entry if entry is not None and type(entry.get("n")) is int else None


class Journal:
    """The end of a journal, to which this process alone adds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        # Of the part that is whole: what a failed write left behind it does not count.
        self._size: int | None = None

    def append(self, entry: dict[str, Any]) -> None:
        """Add `entry`; it is on the disk when this returns.

        Raises:
            AppError: it could not be written; the journal is as before.
        """
        data = line_of(entry)
        with written(self.path):
            fd, size = self._opened()
            # What an earlier failure left behind must not stand before this line.
            os.ftruncate(fd, size)
            try:
                _write(fd, data)
                os.fsync(fd)
            except OSError:
                _cut(fd, size)
                raise
            self._size = size + len(data)

    def _opened(self) -> tuple[int, int]:
        if self._fd is None:
            new = not self.path.exists()
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            found = os.fstat(self._fd).st_size
            self._size = found if self._size is None else self._size
            if found < self._size:
                self.close()
                raise AppError(
                    f"{self.path} is shorter than it was.",
                    "Something else has cut or removed it.",
                    "Save the set: what you see is all there.",
                )
            if new:
                sync_folder(self.path.parent)
        return self._fd, self._size or 0

    def close(self) -> None:
        """Let go of the file; idempotent. The next `append` opens it again, and goes on where this one ended."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def begin(self) -> None:
        """Begin a new journal under the old name: what was in this one is saved, and it was set aside."""
        self.close()
        self._size = 0


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A full disk takes a part and refuses the rest with the next call.
        view = view[os.write(fd, view) :]


def _cut(fd: int, size: int) -> None:
    try:
        os.ftruncate(fd, size)
    except OSError:
        # The next append cuts before it writes, and a reader stops at the damaged line.
        return


def sync_folder(folder: Path) -> None:
    """Put new and changed names in `folder` on the disk; without it a power cut may forget a whole file.

    Raises:
        OSError: the folder cannot be opened or written.
    """
    if os.name == "nt":  # pragma: no cover - folders cannot be opened there, and names are written at once
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
