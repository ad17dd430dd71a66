"""The editor of a set: does commands, undoes them, and is never ahead of what is on the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from tmlapp.bench.authoring import store
from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.journal import JOURNAL, Journal
from tmlapp.bench.authoring.model import ItemSet
from tmlapp.bench.authoring.replay import History, did, entry_of, redid, undid
from tmlapp.core.errors import AppError

AUTOSAVE_AFTER = 100
"""A snapshot is saved after so many changes; until then the journal holds them."""

Listener = Callable[[ItemSet], None]


class Editor:
    """The one writer of a set's folder. Not for several threads: use it from the one that opened it.

    What `do`, `undo` and `redo` did is on the disk when they return. A listener is called with the new state after
    each of them. `reports` says, for a person, what was repaired when the folder was opened; `save_error` why the last
    automatic save failed (nothing is lost then: the journal holds it).
    """

    def __init__(self, folder: Path, found: store.Found, lock: IO[bytes], autosave_after: int) -> None:
        self.folder = folder
        self.reports = found.reports
        self.save_error: AppError | None = None
        self._history = found.history
        self._n = found.n
        self._saved = found.saved
        self._lock = lock
        self._journal = Journal(folder / JOURNAL)
        self._autosave_after = autosave_after
        self._listeners: list[Listener] = []
        self._lines: store.Lines = {}
        self._closed = False

    @classmethod
    def open(cls, folder: Path, *, autosave_after: int = AUTOSAVE_AFTER) -> Editor:
        """Open the set in `folder`, or begin one there; what a crash left is recovered.

        Raises:
            AppError: another window or process holds it, it cannot be written, was made by a newer version, or is
                damaged beyond what its own copies can repair. Nothing was changed then.
        """
        lock = store.hold(folder)
        try:
            found = store.find(folder)
            store.repair(folder, found)
        except BaseException:
            lock.close()
            raise
        return cls(folder, found, lock, autosave_after)

    @property
    def state(self) -> ItemSet:
        """The set as it is now."""
        return self._history.state

    @property
    def can_undo(self) -> bool:
        return bool(self._history.done)

    @property
    def can_redo(self) -> bool:
        return bool(self._history.undone)

    @property
    def undo_title(self) -> str:
        """What `undo` would take back, as "move the window"; empty where there is nothing."""
        return self._history.done[-1].title if self._history.done else ""

    @property
    def redo_title(self) -> str:
        """What `redo` would do again; empty where there is nothing."""
        return self._history.undone[-1].title if self._history.undone else ""

    @property
    def unsaved(self) -> int:
        """How many changes are in the journal and not yet in `set.json`."""
        return self._n - self._saved

    def do(self, command: Command) -> ItemSet:
        """Apply `command`; the new state. It is on the disk when this returns.

        Raises:
            AppError: the command cannot be applied, or not be written down. Nothing has changed then.
        """
        self._open()
        return self._become(did(self._history, command), "do", command)

    def undo(self) -> ItemSet:
        """Take the last change back; without one, nothing happens.

        Raises:
            AppError: it could not be written down. Nothing has changed then.
        """
        self._open()
        return self._become(undid(self._history), "undo") if self.can_undo else self.state

    def redo(self) -> ItemSet:
        """Do again what was undone last; without one, nothing happens.

        Raises:
            AppError: as `undo`.
        """
        self._open()
        return self._become(redid(self._history), "redo") if self.can_redo else self.state

    def _become(self, history: History, op: str, command: Command | None = None) -> ItemSet:
        self._still_there()
        n = self._n + 1
        self._journal.append(entry_of(n, store.now(), op, self.state, history.state, command))
        self._history, self._n = history, n
        if self.unsaved >= self._autosave_after:
            self.autosave()
        for listener in tuple(self._listeners):
            listener(self.state)
        return self.state

    def save(self) -> None:
        """Put the state into `set.json` and set the journal aside; undo goes on working.

        Raises:
            AppError: it cannot be written; nothing is lost, the journal still holds every change.
        """
        self._open()
        self._still_there()
        if self.unsaved:
            self._journal.close()
            store.write_snapshot(self.folder, self.state, self._n, self._lines)
            self._journal.begin()
            self._saved = self._n
        self.save_error = None

    def autosave(self) -> bool:
        """Save if there is anything to save, as a timer of the caller may ask; True if all is saved.

        A failure is kept in `save_error` and not raised: the changes themselves are safe.
        """
        try:
            self.save()
        except AppError as error:
            self.save_error = error
            return False
        return True

    def forget_history(self) -> None:
        """Nothing before this moment can be undone any more."""
        self._history = History(self.state)

    def kept_files(self) -> frozenset[str]:
        """Files that the state needs, or would need again after some undo or redo."""
        steps = (*self._history.done, *self._history.undone)
        return self.state.files.union(*(step.before.files | step.after.files for step in steps))

    def add_listener(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the state after each change; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Save and let go of the folder; idempotent. It is let go of even if saving fails.

        Raises:
            AppError: it could not be saved; the journal still holds every change.
        """
        if self._closed:
            return
        try:
            self.save()
        finally:
            self._closed = True
            self._journal.close()
            self._lock.close()

    def __enter__(self) -> Editor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        if self._closed:
            raise AppError(
                f"The set {self.folder.name} is closed.", "Its folder is no longer held.", "Open the set again."
            )

    def _still_there(self) -> None:
        """Somebody who removes or replaces the folder would else find only the changes since."""
        if not store.is_held(self.folder, self._lock):
            raise AppError(
                f"{self.folder} is no longer the folder of this set.",
                "It was removed, renamed or replaced while the set was open.",
                "Put it back, or open the set where it lies now. This change was not made.",
            )
