"""The Items workspace: list at the left, take in the middle, expectations at the right."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.ui.controls import ErrorBanner
from tmlapp.ui.items import actions
from tmlapp.ui.items.checking import Checking
from tmlapp.ui.items.expectations import Expectations
from tmlapp.ui.items.findings import Findings
from tmlapp.ui.items.header import ItemsHeader
from tmlapp.ui.items.keys import KeyStrip
from tmlapp.ui.items.list import ItemList
from tmlapp.ui.items.memory import load_memory
from tmlapp.ui.items.mirror import Mirror
from tmlapp.ui.items.model import ItemsModel
from tmlapp.ui.items.parts import heading
from tmlapp.ui.items.playing import Playing
from tmlapp.ui.items.recorder import RecorderCard
from tmlapp.ui.items.recording import Recording
from tmlapp.ui.items.script_card import ScriptCard
from tmlapp.ui.items.services import ItemsServices
from tmlapp.ui.items.sets import Sets
from tmlapp.ui.items.start import StartPage
from tmlapp.ui.items.status import ItemsStatus
from tmlapp.ui.items.style import items_sheet
from tmlapp.ui.items.take_card import TakeCard
from tmlapp.ui.items.takes import Takes
from tmlapp.ui.items.tried import Tried
from tmlapp.ui.items.trying import Trying
from tmlapp.ui.items.windows import Windows
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme
from tmlapp.ui.workspace import Host, Workspace

_SIDE_SHARE, _SIDE_MOST = 0.2437, 0.29
_MARGIN_PX, _SPACING_PX = 12, 10
_CRAMPED_PX = 540
_TEXTS_SHARE = 0.22
_SAVE_AFTER_MS = 5000


class ItemsWorkspace(Workspace):
    """One set of items at a time. What it does stands in its helpers; here is where its parts stand."""

    def __init__(self, host: Host, services: ItemsServices | None = None) -> None:
        super().__init__(host)
        self.services = services or ItemsServices()
        self.theme = host.theme
        self.memory = load_memory()
        self.model = ItemsModel()
        self.model.snapping = self.memory.snapping
        self.model.failed.connect(self._on_failed)
        self.on_screen = False
        self.save_timer = QTimer(self)
        self.save_timer.setSingleShot(True)
        self.save_timer.setInterval(_SAVE_AFTER_MS)
        self.save_timer.timeout.connect(self._save)
        theme = host.theme
        self.list = ItemList(theme)
        self.script = ScriptCard(theme)
        self.take_card = TakeCard(theme)
        self.recorder = RecorderCard(theme)
        self.expectations = Expectations(theme)
        self.findings = Findings(theme)
        self.tried = Tried(theme)
        self.strip = KeyStrip(theme)
        self.status = ItemsStatus(theme)
        self.banner = ErrorBanner(theme)
        self.sets, self.takes, self.windows = Sets(self), Takes(self), Windows(self)
        self.playing, self.recording = Playing(self), Recording(self)
        self.checking, self.trying = Checking(self), Trying(self)
        actions.register(host.actions_, self)
        self.header = ItemsHeader(theme, host.actions_)
        self.start = StartPage(theme, host.actions_)
        self.take_card.follow(host.actions_)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._arrange()
        self.mirror = Mirror(self)
        self._connect()
        self.mirror.show()

    # ------------------------------------------------------------------ what the window asks

    def set_theme(self, theme: Theme) -> None:
        """Repaint every part in `theme`."""
        self.theme = theme
        self.setStyleSheet(items_sheet(theme))
        for part in (self.list, self.script, self.take_card, self.recorder, self.expectations, self.findings):
            part.set_theme(theme)
        for other in (self.tried, self.strip, self.status, self.header, self.start):
            other.set_theme(theme)
        self._share()
        self.mirror.show()

    def entered(self) -> None:
        """The take gets the keys."""
        self.on_screen = True
        self.mirror.tick_while(True)
        self.sets.open_latest()
        self.give_keys_back()

    def left(self) -> None:
        """Nothing plays on, and no take is recorded unseen."""
        self.on_screen = False
        self.mirror.tick_while(False)
        self.playing.stop()
        self.recording.leave()
        self.takes.forget()

    def unsaved(self) -> str:
        """A take that is being recorded would be cut off."""
        if self.recording.running:
            return tr("A take is being recorded.")
        return tr("An item is being tried.") if self.trying.running else ""

    def shut(self) -> None:
        """End threads and timers, close the set."""
        self.mirror.tick_while(False)
        self.save_timer.stop()
        self.recording.shut()
        self.trying.shut()
        self.playing.shut()
        self.take_card.picture.shut()
        self.checking.shut()
        self.sets.close()

    def show_error(self, error: AppError) -> bool:
        self.banner.show_error(error)
        return True

    def show_note(self, text: str) -> None:
        self.status.show_note(text)

    def open(self, what: Any) -> None:
        """`("set", folder)`, or `("stretch", recording, from_s, to_s)`: make a take of a part of that recording."""
        if what[0] == "set":
            self.sets.open(what[1])
        elif what[0] == "stretch":
            self.takes.item_of(what[1], what[2], what[3])

    # ------------------------------------------------------------------ commands that concern several parts

    def undo(self) -> None:
        self._say_step(tr("Took back: {what}."), self.model.editor.undo_title if self.model.editor else "", undo=True)

    def redo(self) -> None:
        self._say_step(tr("Did again: {what}."), self.model.editor.redo_title if self.model.editor else "", undo=False)

    def space(self) -> None:
        """Space: the window is heard, or the next line is read."""
        if self.recording.running:
            self.recording.next_line()
        else:
            self.playing.toggle_window()

    def drop(self) -> None:
        """E: an expectation now, or at the playhead."""
        if self.recording.running:
            self.recording.drop()
        else:
            self.windows.drop()

    def instruction_ends(self) -> None:
        """I: the instruction ends now, or at the playhead."""
        if self.recording.running:
            self.recording.instruction_ends()
        else:
            self.windows.instruction_ends()

    def stop_here(self) -> None:
        """S: the user asks to stop now, or at the playhead."""
        if self.recording.running:
            self.recording.stop_request()
        else:
            self.windows.stop_here()

    def back(self) -> None:
        """Esc: the innermost thing first."""
        if self.recording.active:
            self.recording.escape()
        elif self.banner.isVisible():
            self.banner.dismiss()
        elif self.playing.running:
            self.playing.stop()
        elif self.list.filter.hasFocus() and self.list.filter.text():
            self.list.filter.clear()
        else:
            self.give_keys_back()

    def edit_script(self) -> None:
        if self.script.writing:
            self.script.done()
        else:
            self.script.edit()

    def focus_filter(self) -> None:
        self.list.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.list.filter.selectAll()

    def write(self, part: str) -> None:
        """Put the cursor into a field of the chosen expectation."""
        if self.expectations.focus_on(self.model.expectation_id, part):
            self.side_scroll.ensureWidgetVisible(self.expectations.cards[self.model.expectation_id])

    def next_part(self, by: int) -> None:
        """F6: list, take, expectations, and round again."""
        card = self.expectations.cards.get(self.model.expectation_id)
        parts: list[QWidget] = [self.list.view, self.take_card]
        if card is not None:
            parts.append(card.meaning)
        here = QApplication.focusWidget()
        at = next((i for i, p in enumerate(parts) if here is p or (here is not None and p.isAncestorOf(here))), -1)
        parts[(at + by) % len(parts)].setFocus(Qt.FocusReason.TabFocusReason)

    def give_keys_back(self) -> None:
        """Take the cursor out of any text field, so that single keys are commands again."""
        if self.recording.active:
            self.recorder.setFocus()
        elif self.model.take is not None:
            self.take_card.setFocus()
        elif self.model.item is not None:
            self.list.view.setFocus()
        else:
            self.setFocus()

    # ------------------------------------------------------------------ helpers

    def _say_step(self, words: str, title: str, *, undo: bool) -> None:
        if not title:
            self.show_note(tr("There is nothing to take back.") if undo else tr("There is nothing to do again."))
        elif self.model.undo() if undo else self.model.redo():
            self.show_note(words.format(what=title))

    def _save(self) -> None:
        """Some seconds after the last change `set.json` holds it, too."""
        if self.model.editor is not None:
            self.model.editor.autosave()
            self.mirror.show_saved()

    def _on_failed(self, error: AppError) -> None:
        self.show_error(error)

    def _connect(self) -> None:
        self.list.chosen.connect(self.model.choose_item)
        self.script.edited.connect(self.windows.edit_item)
        self.script.details_asked.connect(self.sets.ask_item_details)
        self.script.left.connect(self.give_keys_back)
        self.expectations.chosen.connect(lambda name: self.model.choose_expectation(name))
        self.expectations.edited.connect(self.windows.edit_expectation)
        self.expectations.left.connect(self.give_keys_back)
        self.banner.dismissed.connect(self.give_keys_back)
        self.status.speaker.clicked.connect(self.sets.ask_speakers)
        self.take_card.stepped.connect(self.windows.step)
        self.take_card.take_chosen.connect(self.model.choose_take)
        self.take_card.dragged.connect(self.windows.dragged)
        self.take_card.sought.connect(self.playing.seek)
        self.take_card.span_chosen.connect(self.windows.chosen_by_mouse)
        self.take_card.picture.open_video = lambda path: self.services.open_video(path)
        self.start.recent_asked.connect(self.sets.open)
        self.recorder.next_asked.connect(self.recording.next_line)

    def _arrange(self) -> None:
        self.middle = QStackedWidget()
        self.middle.addWidget(self.take_card)
        self.middle.addWidget(self.recorder)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        column.setSpacing(_SPACING_PX)
        for widget, stretch in ((self.script, 0), (self.middle, 1), (self.strip, 0)):
            column.addWidget(widget, stretch)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addWidget(middle, 1)
        row.addWidget(self._side())
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start)
        self.pages.addWidget(body)
        above = QWidget()
        banner = QVBoxLayout(above)
        banner.setContentsMargins(_MARGIN_PX, 0, _MARGIN_PX, 0)
        banner.addWidget(self.banner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        for part, share in ((self.header, 0), (above, 0), (self.pages, 1), (self.status, 0)):
            whole.addWidget(part, share)

    def _side(self) -> QFrame:
        self.side = QFrame()
        self.side.setObjectName("side")
        outer = QVBoxLayout(self.side)
        outer.setContentsMargins(0, 0, 0, 0)
        self.side_scroll = QScrollArea()
        self.side_scroll.setWidgetResizable(True)
        self.side_scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.side_scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self.findings_title = heading(tr("Findings"))
        sections = (
            (heading(tr("Expectations")), self.expectations),
            (self.findings_title, self.findings),
            (heading(tr("Tried on")), self.tried),
        )
        for title, part in sections:
            column.addWidget(title)
            column.addWidget(part)
            column.addSpacing(6)
        column.addStretch(1)
        self.side_scroll.setWidget(inside)
        outer.addWidget(self.side_scroll)
        return self.side

    def _share(self) -> None:
        width = self.width()
        self.list.fit(width)
        usual = max(self.theme.px(280), min(self.theme.px(360), round((width + 64) * _SIDE_SHARE)))
        self.side.setFixedWidth(min(usual, round(width * _SIDE_MOST)))
        cramped = self.height() < self.theme.px(_CRAMPED_PX)
        self.strip.setVisible(not cramped)
        self.take_card.set_cramped(cramped)
        self.script.set_cramped(cramped)
        self.script.set_room(max(self.theme.px(60), round(self.height() * _TEXTS_SHARE)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._share()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.give_keys_back()
