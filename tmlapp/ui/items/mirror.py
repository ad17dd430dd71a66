"""Keeps the widgets of Items equal to the model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction

from tmlapp.bench.authoring.model import ItemDraft
from tmlapp.ui.items.keys import EDITING, RECORDING, Hint
from tmlapp.ui.items.list import ItemRow
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.items.workspace import ItemsWorkspace

_TICK_MS = 1000
_WITH_SET = ("new-item", "set-details", "export", "speakers", "filter", "next-item", "previous-item", "part")
_WITH_ITEM = ("duplicate", "remove-item", "edit", "details", "import", "stretch", "try", "endpoint", "next-finding")
_WITH_TAKE = (
    "takes",
    "next-take",
    "previous-take",
    "best",
    "discard",
    "play-all",
    "zoom-in",
    "zoom-out",
    "zoom-all",
    "templates",
    "import-windows",
    "align",
    "instruction-begin",
)
_WITH_WINDOW = (
    *("start-here", "end-here", "edge", "left", "right", "leap-left", "leap-right", "sample-left", "sample-right"),
    *("snap-left", "snap-right", "remove", "meaning", "accept", "reject", "cue", "cue-here", "zoom-window", "loop"),
)


class Mirror(QObject):
    """Reads the model after each change and shows it."""

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page)
        self._page = page
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.show_saved)
        self._seen = 0
        self.changed_s: float | None = None
        page.model.changed.connect(self.show)
        page.model.playhead_moved.connect(page.take_card.show_playhead)

    def tick_while(self, on: bool) -> None:
        """Count the seconds since the last change only while somebody looks."""
        if on:
            self._timer.start()
        else:
            self._timer.stop()

    def show(self) -> None:
        """Everything at once; widgets leave alone what is the same."""
        page, model = self._page, self._page.model
        opened, recording = model.editor is not None, page.recording.active
        page.pages.setCurrentIndex(1 if opened else 0)
        page.middle.setCurrentWidget(page.recorder if recording else page.take_card)
        if not opened:
            page.start.show_recent(page.memory.recent)
        self._show_header()
        self._show_list()
        item, take, expectation = model.item, model.take, model.expectation
        page.script.setVisible(item is not None and not recording)
        page.script.show_item(item, tuple(e.cue_text for e in take.expectations) if take is not None else ())
        page.take_card.show_take(model.folder, item, take, page.checking.figures(take))
        page.take_card.picture.show_video(model.video)
        page.take_card.show_chosen(expectation, model.edge, model.snapping)
        page.take_card.show_said(page.trying.spans())
        empty = tr("E at the playhead says: the model should speak here.") if take is not None else ""
        empty = empty or tr("Record a take first (R); press E while you speak, where the model should speak.")
        page.expectations.show_all(
            take.expectations if take is not None else (), expectation.id if expectation is not None else "", empty
        )
        page.side.setVisible(item is not None)
        self.show_findings()
        self.show_tried()
        last = Hint(("R",), tr("done")) if recording else Hint(("Tab",), tr("next"))
        page.strip.show_hints(RECORDING if recording else EDITING, last)
        self._show_status()
        self.update_actions()

    def show_findings(self) -> None:
        page = self._page
        page.findings_title.setText(page.checking.title)
        page.findings.setAccessibleName(page.checking.title)
        page.findings.show_rows(page.checking.rows())

    def show_tried(self) -> None:
        page = self._page
        take = page.model.take
        empty = tr("T plays this item into the endpoint and shows at once when it spoke.")
        page.tried.show_rows(page.trying.rows(), empty if take is not None else tr("Nothing to try yet."))

    def show_saved(self) -> None:
        """How long ago the last change was on the disk."""
        editor = self._page.model.editor
        if editor is not None and editor.save_error is not None:
            self._page.status.saved.setText(tr("▲ set.json not written; every change is in the journal"))
            self._page.status.saved.setToolTip(str(editor.save_error))
            return
        if editor is None:
            self._page.status.saved.setText("")
            return
        self._page.status.show_saved(None if self.changed_s is None else time.monotonic() - self.changed_s)

    def note_change(self) -> None:
        """Something was written down just now."""
        self.changed_s = time.monotonic()
        self._page.save_timer.start()

    def update_actions(self) -> None:
        """Offer what can be done now."""
        page, model = self._page, self._page.model
        free = not page.recording.running
        opened, item, take = model.editor is not None, model.item is not None, model.take is not None
        window = model.expectation is not None
        for keys, on in ((_WITH_SET, opened), (_WITH_ITEM, item), (_WITH_TAKE, take), (_WITH_WINDOW, window)):
            for key in keys:
                self._action(key).setEnabled(on and free)
        for key in ("new-set", "open-set"):
            self._action(key).setEnabled(free)
        editor = model.editor
        self._action("undo").setEnabled(editor is not None and editor.can_undo and free)
        self._action("redo").setEnabled(editor is not None and editor.can_redo and free)
        self._action("record").setEnabled(item)
        self._action("record").setText(tr("Stop") if page.recording.running else tr("Record take"))
        for key in ("drop", "instruction", "stop-here", "play"):
            self._action(key).setEnabled(take or page.recording.active)
        self._action("try").setEnabled(take and free)
        self._action("snap").setChecked(model.snapping)
        self._action("camera").setChecked(page.memory.camera)
        self._action("camera").setEnabled(opened and free)
        self._action("fix").setEnabled(page.checking.can_fix() and free)
        page.header.record.set_kind("danger" if page.recording.running else "primary")

    # ------------------------------------------------------------------ helpers

    def _action(self, key: str) -> QAction:
        return self._page.host.actions_[f"items.{key}"]

    def _show_header(self) -> None:
        page, state = self._page, self._page.model.state
        title = ""
        if page.model.folder is not None:
            suite = {"timespeak": "TimeSpeak", "cuespeak": "CueSpeak"}[state.suite]
            title = f"{suite} · {state.name or page.model.folder.name}"
        valid = sum(page.checking.state_of(i).valid for i in state.items)
        page.header.show_set(title, valid, len(state.items))
        page.header.show_endpoint(page.trying.address)
        page.header.show_camera(page.memory.camera)
        page.header.show_recent(page.memory.recent, page.sets.open)

    def _show_list(self) -> None:
        page = self._page
        page.list.show_rows(tuple(self._row(i) for i in page.model.state.items), page.model.item_id)

    def _row(self, item: ItemDraft) -> ItemRow:
        takes = [t for t in item.takes if not t.discarded]
        words = f"{item.instruction} {item.script} {item.category} {item.suite}"
        if not takes:
            return ItemRow(item.id, tr("not recorded"), "", words)
        state = self._page.checking.state_of(item)
        if state.worst:
            return ItemRow(item.id, state.worst, "error", words)
        cue = next((e.cue_text for e in (item.best_take or takes[-1]).expectations if e.cue_text), item.category)
        count = tr("1 take") if len(takes) == 1 else tr("{n} takes").format(n=len(takes))
        return ItemRow(item.id, " · ".join(p for p in (cue, count, state.words) if p), "", words)

    def _show_status(self) -> None:
        page = self._page
        speaker = page.model.speaker
        consent = (speaker.consent_date or tr("without a date")) if speaker is not None and speaker.consent else ""
        page.status.show_speaker(speaker.id if speaker is not None else "", consent)
        page.status.speaker.setVisible(page.model.editor is not None)
        page.status.show_microphone(page.recording.microphone)
        self.show_saved()
