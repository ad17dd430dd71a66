"""A person at the terminal who is asked line by line, and may be called off while nobody types."""

from __future__ import annotations

import os
import queue
import sys
import threading

from tmlapp.cli.common import err, visible

_POLL_S = 0.2
_CHUNK = 4096


class Person:
    """Shows a text and waits for the line that is typed. `close` ends the waiting.

    Lines are read on a thread of its own, below Python's buffers: a wait for input could not be ended otherwise.
    """

    def __init__(self, fd: int, encoding: str = "utf-8") -> None:
        self._fd = fd
        self._encoding = encoding
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._closed = threading.Event()
        self._reader: threading.Thread | None = None

    def __call__(self, text: str) -> str:
        """The line typed after `text` was shown.

        Raises:
            EOFError: nobody is there any more, or the waiting was ended.
        """
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="person", daemon=True)
            self._reader.start()
        err().print(visible_lines(text), markup=False)
        while not self._closed.is_set():
            try:
                line = self._lines.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if line is None:
                self._closed.set()
                break
            return line
        raise EOFError

    def close(self) -> None:
        """Nobody is asked any more."""
        self._closed.set()

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                data = os.read(self._fd, _CHUNK)
            except OSError:
                # A terminal that was closed says so as an error.
                data = b""
            *lines, rest = (rest + data).split(b"\n")
            if not data and rest:
                lines.append(rest)
            for line in lines:
                self._lines.put(line.decode(self._encoding, "replace").rstrip("\r"))
            if not data:
                self._lines.put(None)
                return


def person() -> Person | None:
    """Whoever sits at the terminal; None where nobody is there."""
    if not sys.stdin.isatty():
        return None
    return Person(sys.stdin.fileno(), sys.stdin.encoding or "utf-8")


def visible_lines(text: str) -> str:
    """`text` as lines that a terminal can show."""
    return "\n".join(visible(line) for line in text.splitlines())
