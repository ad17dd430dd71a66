"""Markers and notes of whoever looks at a recording: written beside it, and taken back by a new line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tmlapp.bench.annotations import MARKER, NOTE, Annotation, annotate, undo
from tmlapp.bench.review.lanes import Flag
from tmlapp.core.units import NS_PER_MS
from tmlapp.ui.text import tr
from tmlapp.ui.timeline.lane import time_text

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace


class Marking:
    """Writes on a worker thread; the lane shows a mark once it is on the disk."""

    def __init__(self, page: ReviewWorkspace) -> None:
        self._page = page
        self._mine: list[Annotation] = []
        self._note_at_ns = 0

    def reset(self) -> None:
        """Another recording is open."""
        self._mine.clear()

    @property
    def mine(self) -> frozenset[str]:
        """Ids of what was marked in this sitting."""
        return frozenset(made.id for made in self._mine)

    def mark(self) -> None:
        self._write(MARKER, "", self._page.axis.cursor_ns)

    def ask_note(self) -> None:
        """Open the line for a note at the cursor, and stop playing while it is written."""
        if self._page.path is not None:
            self._page.playback.pause()
            self._note_at_ns = self._page.axis.cursor_ns
            self._page.note.ask(time_text(self._note_at_ns, NS_PER_MS))

    def note_written(self, text: str) -> None:
        self._write(NOTE, text, self._note_at_ns)
        self._page.timeline.setFocus()

    def take_back(self) -> None:
        """The newest mark of this sitting, or the verdict that was given after it."""
        path = self._page.path
        if self._page.judge.state.given_at > (self._mine[-1].when if self._mine else ""):
            self._page.judge.undo()
            return
        if path is None or not self._mine:
            self._page.show_note(tr("There is nothing to take back."))
            return
        last = self._mine.pop()
        self._page.aside.work(lambda: undo(path, last.id), lambda _: self._gone(path, last.id))

    def _write(self, kind: str, text: str, t_ns: int) -> None:
        path = self._page.path
        if path is not None:
            data = {"text": text} if text else {}
            job = lambda: annotate(path, kind, t_ns=t_ns, data=data, why="review")  # noqa: E731 - it is called once
            self._page.aside.work(job, lambda made: self._written(path, made))

    def _written(self, path: Path, made: Annotation) -> None:
        if path != self._page.path:
            return
        self._mine.append(made)
        flag = Flag(
            t_ns=made.t_ns or 0, kind=made.kind, text=str(made.data.get("text", "")), id=made.id, who=made.who,
            when=made.when, data=made.data,
        )  # fmt: skip
        self._show((*self._flags(), flag))
        self._page.show_note(tr("Saved beside the recording (Ctrl+Z takes it back)."))

    def _gone(self, path: Path, known: str) -> None:
        if path == self._page.path:
            self._show(tuple(f for f in self._flags() if f.id != known))
            self._page.show_note(tr("Taken back."))

    def _flags(self) -> tuple[Flag, ...]:
        return self._page.found.flags if self._page.found is not None else ()

    def _show(self, flags: tuple[Flag, ...]) -> None:
        if self._page.found is not None:
            self._page.found = replace(self._page.found, flags=tuple(sorted(flags, key=lambda f: f.t_ns)))
            self._page.lanes.fill_flags(self._page.naming.lanes(self._page.found))
