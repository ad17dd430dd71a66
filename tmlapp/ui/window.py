"""The main window: puts the parts of the Live workspace together and passes wishes on to the controller."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from tmlapp.config.settings import Settings, save_settings
from tmlapp.core.errors import AppError
from tmlapp.ui import commands, offers
from tmlapp.ui.actions import Actions
from tmlapp.ui.after import AfterSession
from tmlapp.ui.controller import LiveController
from tmlapp.ui.dialogs import CommandPalette, ShortcutSheet
from tmlapp.ui.echo import EchoDesk
from tmlapp.ui.endpoints.desk import EndpointDesk
from tmlapp.ui.live_view import LiveView
from tmlapp.ui.prompts import ask_close, ask_file, ask_leave
from tmlapp.ui.qa.desk import QaDesk
from tmlapp.ui.refresh import Refresher
from tmlapp.ui.services import DeviceNames, EndpointFacts, Services
from tmlapp.ui.settings_dialog import SettingsDialog
from tmlapp.ui.style import style_sheet
from tmlapp.ui.text import free_bytes, tr
from tmlapp.ui.theme import Theme, font, palette_of, theme_of
from tmlapp.ui.workspace import PLACES
from tmlapp.ui.workspaces import Workspaces

if TYPE_CHECKING:
    from tmlapp.live.plan import SessionPlan
    from tmlapp.live.preflight import Check


class MainWindow(QMainWindow):
    """One window, one session at a time.

    Signals:
        gone: it was closed for good.
    """

    gone = Signal()

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        *,
        plan: SessionPlan | None = None,
        services: Services | None = None,
    ) -> None:
        super().__init__()
        self.loop = loop
        self.controller = LiveController(settings, services or Services(), loop, plan=plan, parent=self)
        self.theme = theme_of(settings)
        self.actions_ = Actions(self)
        commands.register(self.actions_, self)
        self._close_when_done = self._close_anyway = self._was_maximized = False
        self._settings_dialog: SettingsDialog | None = None
        self._build(settings)
        self.refresher = Refresher(self)
        self.after = AfterSession(self)
        self._connect()
        self.echo = EchoDesk(self)
        self.qa = QaDesk(self)
        self.endpoints = EndpointDesk(self)
        self.apply_theme(self.theme)
        self.setMinimumSize(1024, 640)
        self.resize(1280, 800)
        self._update_texts()
        self.update_actions()

    def _build(self, settings: Settings) -> None:
        self.view = view = LiveView(self.theme, self.actions_, settings.presets)
        self.header, self.status, self.banner = view.header, view.status, view.banner
        self.stage, self.preflight, self.result, self.pages = view.stage, view.preflight, view.result, view.pages
        self.lanes, self.events = view.lanes, view.events
        self.workspaces = Workspaces(self, view, self.theme, self.actions_)
        self.rail = self.workspaces.rail
        self.setCentralWidget(self.workspaces)
        view.setFocus()

    def _connect(self) -> None:
        controller = self.controller
        controller.checking.connect(self._on_checking)
        controller.checked.connect(self._on_checked)
        controller.opened.connect(self._on_opened)
        controller.started.connect(self._on_started)
        controller.moved.connect(lambda _state, _reason: self.update_actions())
        controller.closed.connect(self._on_closed)
        controller.failed.connect(self._on_failed)
        controller.given_up.connect(self._on_given_up)
        controller.devices_read.connect(self._on_devices)
        self.header.name.editingFinished.connect(self._on_edited)
        self.header.instruction.editingFinished.connect(self._on_edited)
        self.header.name.returnPressed.connect(self.focus_stage)
        self.header.instruction.returnPressed.connect(self.focus_stage)
        self.preflight.help_asked.connect(self._help)
        self.preflight.changed.connect(self.update_actions)
        self.events.note_written.connect(lambda text: self._mark("note", text))
        self.events.text_written.connect(self._send_text)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)

    # ------------------------------------------------------------------ commands

    def go_to(self, name: str) -> None:
        """Switch to the workspace `name`."""
        self.workspaces.go_to(name)
        if name == "live":
            self.view.setFocus()

    def check(self) -> None:
        if not self.controller.live:
            self._show_page(self.preflight)
            self.controller.check()

    def toggle(self) -> None:
        """Space: start, stop, or make ready for the next session."""
        if self.controller.live:
            self.controller.stop()
        elif self.pages.currentWidget() is self.result:
            self.controller.forget()
            self.lanes.show_view(None, 0)
            self.check()
        elif self.preflight.ready:
            self.banner.hide()
            self.controller.start()
        self.update_actions()

    def use_clip(self) -> None:
        self.controller.use_clip()

    def use_devices(self) -> None:
        self.controller.use_source(None)

    def choose_file(self) -> None:
        ask_file(self, self.controller.use_source)

    def toggle_mute(self) -> None:
        session = self.controller.session
        if session is not None:
            session.set_muted(self.actions_["live.mute"].isChecked())

    def toggle_pause(self) -> None:
        session = self.controller.session
        if session is not None:
            session.set_paused(self.actions_["live.pause"].isChecked())

    def toggle_consent(self) -> None:
        if self.preflight.consent.isVisible():
            self.preflight.consent.toggle()

    def set_marker(self) -> None:
        self._mark("marker", "")

    def set_verdict(self, n: int) -> None:
        self._mark(str(n), "")

    def write_note(self) -> None:
        self.events.note.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def write_text(self) -> None:
        self.events.text.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def write_instruction(self) -> None:
        self.header.instruction.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.header.instruction.selectAll()

    def show_presets(self) -> None:
        self.header.show_presets()

    def toggle_presenter(self) -> None:
        on = self.actions_["view.presenter"].isChecked()
        self.rail.setVisible(not on)
        self.view.set_presenter(on)
        if on:
            self._was_maximized = self.isMaximized()
            self.showFullScreen()
        elif self._was_maximized:
            self.showMaximized()
        else:
            self.showNormal()

    def toggle_mirror(self) -> None:
        self.stage.set_mirrored(self.actions_["view.mirror"].isChecked())

    def open_search(self) -> None:
        if not self.endpoints.search():
            self.events.open_search()

    def toggle_theme(self) -> None:
        self.keep_settings(
            self.controller.settings.model_copy(update={"theme": "light" if self.theme.dark else "dark"})
        )
        self.apply_theme(theme_of(self.controller.settings))

    def back(self) -> None:
        """Esc: the innermost thing first."""
        if self.actions_["view.presenter"].isChecked():
            self.actions_["view.presenter"].trigger()
        elif self.events.close_search():
            self.focus_stage()
        elif self.banner.isVisible():
            self.banner.dismiss()
        elif not self.endpoints.close_dock():
            self.focus_stage()

    def show_palette(self) -> None:
        CommandPalette(self.actions_, self).open()

    def open_settings(self, focus: str = "") -> None:
        dialog = SettingsDialog(self.controller.settings, self.theme, self, self.controller.services.voices())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._take_settings(dialog.result_settings()))
        dialog.finished.connect(lambda _code: setattr(self, "_settings_dialog", None))
        self._settings_dialog = dialog
        dialog.open()
        dialog.focus_on(focus)
        self.controller.read_devices()

    def show_keys(self) -> None:
        sheet = ShortcutSheet(self.actions_, self)
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sheet.open()

    def focus_stage(self) -> None:
        """Take the cursor out of any text box, so that single keys are commands again."""
        self.view.setFocus()

    # ------------------------------------------------------------------ what the controller says

    def _on_checking(self) -> None:
        self.preflight.show_checking()
        self._update_texts()

    def _on_checked(self, checks: list[Check], facts: EndpointFacts | None) -> None:
        self.preflight.show_checks(checks, facts)
        self._update_texts()
        free = free_bytes(self.controller.settings.recordings_dir)
        found = next((c for c in checks if c.key == "microphone" and c.ok), None)
        self.status.show_idle(found.detail if found else "", free)

    def _on_opened(self) -> None:
        self.events.clear()
        self.stage.clear()
        self.preflight.show_starting()
        self.header.set_live(True)
        self.header.rec.set_state("armed", 0, 0)
        self.update_actions()

    def _on_started(self) -> None:
        self._show_page(self.stage)
        self.events.set_live(True)
        self.refresher.watch(self.controller.bridge)
        self.update_actions()

    def _on_closed(self) -> None:
        session = self.controller.session
        if session is None:
            return
        self.refresher.stop()
        self._leave_live()
        self.after.show(session)
        if session.error is not None:
            self.banner.show_error(session.error)
        self._show_page(self.result)
        self.update_actions()
        if self._close_when_done:
            self.close()

    def _on_failed(self, error: AppError) -> None:
        self.banner.show_error(error)
        if not self.controller.live and self.controller.session is None and self.header.name.isReadOnly():
            self._on_given_up()
        self.update_actions()

    def _on_given_up(self) -> None:
        self._leave_live()
        self.check()

    def _on_devices(self, names: DeviceNames) -> None:
        if self._settings_dialog is not None:
            self._settings_dialog.show_devices(names)

    # ------------------------------------------------------------------ helpers

    def _leave_live(self) -> None:
        self.header.set_live(False)
        self.header.rec.set_state("idle", 0, 0)
        self.events.set_live(False)
        if self.actions_["view.presenter"].isChecked():
            self.actions_["view.presenter"].trigger()
        for key in ("live.mute", "live.pause"):
            self.actions_[key].setChecked(False)

    def _show_page(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)
        self.update_actions()

    def _help(self, action: str) -> None:
        ways = {
            "use_clip": self.use_clip,
            "recover": self.controller.recover,
            "write_instruction": self.write_instruction,
            "choose_endpoint": self.endpoints.help,
        }
        ways.get(action, lambda: self.open_settings(action.removeprefix("choose_")))()

    def _mark(self, label: str, note: str) -> None:
        session = self.controller.session
        if session is not None:
            session.marker(label, note)
        self.focus_stage()

    def _send_text(self, text: str) -> None:
        session = self.controller.session
        if session is not None:
            session.send_text(text)
        self.focus_stage()

    def _on_edited(self) -> None:
        name, instruction = self.header.name.text(), self.header.instruction.text()
        if self.controller.live or (name, instruction) == (self.controller.name, self.controller.instruction):
            return
        self.controller.name, self.controller.instruction = name, instruction
        if self.pages.currentWidget() is self.preflight:
            self.controller.check()

    def _take_settings(self, settings: Settings) -> None:
        self.keep_settings(settings)
        self.controller.use_settings(settings)
        self.apply_theme(theme_of(settings))
        self.check()

    def keep_settings(self, settings: Settings) -> None:
        """Use `settings` from now on, and save them."""
        self.controller.settings = settings
        try:
            save_settings(settings)
        except AppError as error:
            self.banner.show_error(error)

    def _update_texts(self) -> None:
        controller = self.controller
        self.header.set_texts(controller.name, controller.instruction)
        self.header.set_endpoint(controller.endpoint, controller.facts)
        self.update_title()

    def update_title(self) -> None:
        """The session's name in Live; elsewhere it would be taken for the name of what is looked at."""
        place = next(place for place in PLACES if place.name == self.workspaces.current)
        name = self.controller.name if place.name == "live" else tr(place.title)
        self.setWindowTitle(f"{name} – tmlapp")

    def update_actions(self) -> None:
        """Offer what can be done now."""
        offers.update(self)

    def apply_theme(self, theme: Theme) -> None:
        """Repaint everything in `theme`."""
        self.theme = theme
        QApplication.setPalette(palette_of(theme))
        QApplication.setFont(font(theme.font_px))
        self.setStyleSheet(style_sheet(theme))
        self.view.set_theme(theme)
        self.endpoints.set_theme(theme)
        self.workspaces.set_theme(theme)
        self._update_texts()

    def _on_system_scheme(self) -> None:
        if self.controller.settings.theme == "system":
            self.apply_theme(theme_of(self.controller.settings))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        if self.controller.live:
            event.ignore()
            ask_close(self, self._stop_and_close)
            return
        unsaved = self.workspaces.unsaved()
        if unsaved and not self._close_anyway:
            event.ignore()
            ask_leave(self, unsaved, self._leave)
            return
        self.workspaces.shut()
        self.endpoints.shut()
        self.refresher.stop()
        self.controller.shutdown()
        event.accept()
        self.gone.emit()

    def _leave(self) -> None:
        self._close_anyway = True
        self.close()

    def _stop_and_close(self) -> None:
        self._close_when_done = True
        self.controller.stop()
