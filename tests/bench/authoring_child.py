"""A real editor of a set to be killed.

`edit FOLDER`: does, undoes and redoes for ever, and says `ack N` after each. `hold FOLDER`: opens the set and waits.
`crashes FOLDER`: forks editors that are killed before their first, second, third … call to the system, each in a folder
of its own, and says what each had acknowledged; the last one is not killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tmlapp.bench.authoring.commands import SetField
from tmlapp.bench.authoring.editor import Editor

OPERATIONS = ("do", "do", "save", "do", "undo", "save", "redo", "do", "undo", "do", "save", "do", "close")
"""What each of the killed editors is about to do, after two saves of its own."""


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def names_after() -> list[str]:
    """The name of the set after each of `OPERATIONS`, the first one before them."""
    found, done, undone, made = ["1"], ["1"], [""], 1
    for operation in OPERATIONS:
        if operation == "do":
            made += 1
            done, undone = [*done, str(made)], [""]
        elif operation == "undo":
            undone.append(done.pop())
        elif operation == "redo":
            done.append(undone.pop())
        found.append(done[-1])
    return found


def edit(folder: Path) -> None:
    editor = Editor.open(folder, autosave_after=7)
    number = 0
    while True:
        number += 1
        if number % 5 == 3:
            editor.undo()
        elif number % 5 == 4:
            editor.redo()
        else:
            editor.do(SetField("name", f"{number} ü\ud800"))
        say("ack", number)


def hold(folder: Path) -> None:
    with Editor.open(folder):
        say("held")
        signal.pause()


def crashes(folder: Path) -> None:
    for at in range(10_000):
        child = os.fork()
        if child == 0:
            crash(folder / str(at), at)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            say("whole", at, os.WEXITSTATUS(status))
            return
    raise AssertionError("nobody was left alive")


def crash(folder: Path, at: int) -> None:
    editor = Editor.open(folder)
    for name in ("0", "1"):
        editor.do(SetField("name", name))
        editor.save()
    counter = Counter(at)
    made = 1
    for number, operation in enumerate(OPERATIONS, start=1):
        if operation == "do":
            made += 1
            editor.do(SetField("name", str(made)))
        else:
            getattr(editor, operation)()
        counter.quiet = True
        say("at", at, "ack", number)
        counter.quiet = False
    os._exit(0)


class Counter:
    """Kills this process before call number `at`; a write that is to be the last one is cut in half."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.quiet = False
        self._write = os.write
        sys.addaudithook(self._hook)
        for name in ("fsync", "ftruncate"):
            setattr(os, name, self._wrapped(getattr(os, name)))
        os.write = self._cut  # type: ignore[assignment]

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if event in ("open", "os.rename", "os.remove", "os.truncate", "os.link"):
            self._call()

    def _call(self) -> None:
        if self.quiet:
            return
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def _wrapped(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object) -> object:
            self._call()
            return call(*args)

        return counted

    def _cut(self, fd: int, data: bytes | memoryview) -> int:
        if not self.quiet and self.left == 0:
            self._write(fd, data[: len(data) // 2])
        self._call()
        return self._write(fd, data)


if __name__ == "__main__":
    {"edit": edit, "hold": hold, "crashes": crashes}[sys.argv[1]](Path(sys.argv[2]))
