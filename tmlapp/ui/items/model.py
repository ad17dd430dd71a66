"""What stands between the editor of a set and the widgets: which item, take, expectation and edge is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.commands_expectations import SetWindow
from tmlapp.bench.authoring.model import SPARE_SAMPLES, Expectation, ItemDraft, ItemSet, Span, Speaker, Take
from tmlapp.core.errors import AppError

if TYPE_CHECKING:
    from tmlapp.bench.authoring.editor import Editor

Edge = Literal["window", "t0", "t1"]
EDGES: tuple[Edge, ...] = ("window", "t0", "t1")


class ItemsModel(QObject):
    """Follows one `Editor` at a time; belongs to the window's thread.

    Signals:
        changed: the set or what is chosen is another; read everything again.
        playhead_moved: sample of the take.
        failed: an `AppError` for the person.
    """

    changed = Signal()
    playhead_moved = Signal(int)
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.editor: Editor | None = None
        self.item_id = self.take_id = self.expectation_id = self.speaker_id = ""
        self._spoke = ""
        self._speakers: tuple[str, ...] = ()
        self.edge: Edge = "window"
        self.snapping = True
        self.playhead = 0

    # ------------------------------------------------------------------ what there is

    @property
    def state(self) -> ItemSet:
        return self.editor.state if self.editor is not None else ItemSet()

    @property
    def folder(self) -> Path | None:
        return self.editor.folder if self.editor is not None else None

    @property
    def item(self) -> ItemDraft | None:
        return next((i for i in self.state.items if i.id == self.item_id), None)

    @property
    def take(self) -> Take | None:
        item = self.item
        return next((t for t in item.takes if t.id == self.take_id), None) if item is not None else None

    @property
    def expectation(self) -> Expectation | None:
        take = self.take
        return next((e for e in take.expectations if e.id == self.expectation_id), None) if take is not None else None

    @property
    def speaker(self) -> Speaker | None:
        return next((s for s in self.state.speakers if s.id == self.speaker_id), None)

    @property
    def audio(self) -> Path | None:
        """The sound of the chosen take."""
        take, folder = self.take, self.folder
        return folder / take.audio if take is not None and folder is not None else None

    @property
    def video(self) -> Path | None:
        """The film of the chosen take, None where it has none."""
        take, folder = self.take, self.folder
        return folder / take.video if take is not None and folder is not None and take.video else None

    @property
    def where(self) -> tuple[str, str, str]:
        """Ids of what is chosen; empty texts where nothing is."""
        return self.item_id, self.take_id, self.expectation_id

    # ------------------------------------------------------------------ the set

    def use(self, editor: Editor | None) -> None:
        """Follow `editor` from now on; None: no set is open."""
        self.editor = editor
        self.item_id = self.take_id = self.expectation_id = ""
        speakers = self.state.speakers
        said = [t.speaker for i in self.state.items for t in i.takes if t.speaker]
        self.speaker_id = said[-1] if said else speakers[0].id if speakers else ""
        self._spoke, self._speakers = "", ()
        if editor is not None:
            editor.add_listener(lambda *_: self._follow())
        self._settle()
        self.changed.emit()

    def do(self, *commands: Command, label: str = "") -> bool:
        """Do `commands` as one step; False, and `failed`, if they cannot be done."""
        if self.editor is None or not commands:
            return False
        from tmlapp.bench.authoring.commands import Together

        return self._try(
            lambda editor: editor.do(commands[0] if len(commands) == 1 else Together(tuple(commands), label))
        )

    def undo(self) -> bool:
        return self._try(lambda editor: editor.undo())

    def redo(self) -> bool:
        return self._try(lambda editor: editor.redo())

    # ------------------------------------------------------------------ going places

    def choose_item(self, name: str) -> None:
        if name != self.item_id:
            self.item_id, self.take_id, self.expectation_id = name, "", ""
            self._chosen(0)

    def choose_take(self, name: str) -> None:
        if name != self.take_id:
            self.take_id, self.expectation_id = name, ""
            self._chosen(0)

    def choose_expectation(self, name: str, edge: Edge | None = None) -> None:
        if (name, edge or self.edge) != (self.expectation_id, self.edge):
            self.expectation_id = name
            self.edge = edge or "window"
            self._chosen(None)

    def choose_edge(self, edge: Edge) -> None:
        self.edge = edge
        self._chosen(None)

    def step_item(self, by: int) -> None:
        """The item `by` places further; stops at the ends."""
        self.choose_item(_stepped([i.id for i in self.state.items], self.item_id, by, around=False))

    def step_take(self, by: int) -> None:
        """The take `by` places further, round and round."""
        item = self.item
        if item is not None:
            self.choose_take(_stepped([t.id for t in item.takes], self.take_id, by, around=True))

    def step_expectation(self, by: int) -> bool:
        """The expectation `by` places further, round and round, in order of time; False if there is none."""
        take = self.take
        if take is None or not take.expectations:
            return False
        ordered = sorted(take.expectations, key=lambda e: (e.window.t0, e.window.t1))
        self.choose_expectation(_stepped([e.id for e in ordered], self.expectation_id, by, around=True), "window")
        expectation = self.expectation
        if expectation is not None:
            self.set_playhead(expectation.window.t0)
        return True

    def set_playhead(self, sample: int) -> None:
        """Put the playhead on `sample` of the take."""
        take = self.take
        last = take.samples + SPARE_SAMPLES if take is not None else 0
        self.playhead = max(0, min(last, sample))
        self.playhead_moved.emit(self.playhead)

    # ------------------------------------------------------------------ windows

    def set_edge(self, edge: Edge, sample: int) -> bool:
        """Put an edge of the chosen window on `sample`, and choose that edge.

        An edge that is set beyond the other one pushes it along: the window keeps its length.
        """
        expectation, take = self.expectation, self.take
        if expectation is None or take is None:
            return False
        window = moved_edge(expectation.window, edge, sample, take.samples + SPARE_SAMPLES)
        self.edge = edge
        return self._set_window(window)

    def nudge(self, by: int) -> bool:
        """Move the chosen edge, or the whole window, by `by` samples."""
        expectation, take = self.expectation, self.take
        if expectation is None or take is None:
            return False
        last, window = take.samples + SPARE_SAMPLES, expectation.window
        if self.edge == "window":
            by = max(-window.t0, min(last - window.t1, by))
            return self._set_window(window.shifted(by))
        at = window.t0 + by if self.edge == "t0" else window.t1 + by
        return self._set_window(clamped_edge(window, self.edge, at, last))

    def _set_window(self, window: Span) -> bool:
        expectation = self.expectation
        if expectation is None or window == expectation.window:
            self.changed.emit()
            return False
        return self.do(SetWindow(self.item_id, self.take_id, expectation.id, window))

    # ------------------------------------------------------------------ helpers

    def _try(self, act: Callable[[Editor], object]) -> bool:
        if self.editor is None:
            return False
        try:
            act(self.editor)
        except AppError as error:
            self.failed.emit(error)
            self.changed.emit()
            return False
        return True

    def _follow(self) -> None:
        self._settle()
        self.changed.emit()

    def _chosen(self, playhead: int | None) -> None:
        self._settle()
        if playhead is not None:
            self.set_playhead(playhead)
        self.changed.emit()

    def _settle(self) -> None:
        """What was chosen may be gone: choose what lies nearest."""
        items = [i.id for i in self.state.items]
        if self.item_id not in items:
            self.item_id = items[0] if items else ""
            self.take_id = ""
        item = self.item
        takes = [t.id for t in item.takes] if item is not None else []
        if self.take_id not in takes:
            self.take_id = (item.best if item is not None else None) or (takes[-1] if takes else "")
            self.expectation_id = ""
        take = self.take
        expectations = [e.id for e in take.expectations] if take is not None else []
        if self.expectation_id not in expectations:
            self.expectation_id = expectations[0] if expectations else ""
            self.edge = "window"
        self._settle_speaker()

    def _settle_speaker(self) -> None:
        """Whoever spoke speaks on: under another pseudonym, or as soon as that speaker is there again."""
        before, now = self._speakers, tuple(s.id for s in self.state.speakers)
        self._speakers = now
        wanted = self.speaker_id or self._spoke
        if wanted not in now and wanted in before and len(before) == len(now):
            # As many as before, one of them called otherwise: a name was changed, or changed back.
            fresh = now[before.index(wanted)]
            wanted = fresh if fresh not in before else wanted
        self.speaker_id = wanted if wanted in now else ""
        self._spoke = wanted


def moved_edge(window: Span, edge: Edge, sample: int, last: int) -> Span:
    """`window` with `edge` on `sample` (within 0 … `last`); the other edge is pushed along where it would be passed."""
    at = max(0, min(last, sample))
    length = window.t1 - window.t0
    if edge == "t0":
        return Span(at, window.t1) if at < window.t1 else Span(min(at, last - 1), min(last, at + length))
    if edge == "t1":
        return Span(window.t0, at) if at > window.t0 else Span(max(0, at - length), max(1, at))
    return Span(at, at + length) if at + length <= last else Span(last - length, last)


def clamped_edge(window: Span, edge: Edge, sample: int, last: int) -> Span:
    """`window` with `edge` on `sample`, at least one sample away from the other edge, which stays."""
    if edge == "t0":
        return replace(window, t0=max(0, min(window.t1 - 1, sample)))
    return replace(window, t1=min(last, max(window.t0 + 1, sample)))


def _stepped(names: list[str], current: str, by: int, *, around: bool) -> str:
    if not names:
        return ""
    if current not in names:
        return names[0]
    at = names.index(current) + by
    return names[at % len(names)] if around else names[max(0, min(len(names) - 1, at))]
