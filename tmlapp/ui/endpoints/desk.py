"""What the Live workspace knows of its endpoint: picker, connection, what is granted, the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    ConnectionChanged,
    EndpointError,
    EndpointEvent,
    Event,
    Notice,
    SessionOpened,
    SessionUpdated,
    WireFrame,
)
from tmlapp.core.turn import TextInput
from tmlapp.ui.endpoints.aside import Aside
from tmlapp.ui.endpoints.link import Link, fold_link
from tmlapp.ui.endpoints.picker import Choices, Entry, Picker
from tmlapp.ui.endpoints.recent import recent_addresses, use_address
from tmlapp.ui.endpoints.save_dialog import ask_save
from tmlapp.ui.endpoints.toasts import Toasts
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

if TYPE_CHECKING:
    from tmlapp.live.state import Snapshot
    from tmlapp.ui.endpoints.profiles_dialog import ProfilesDialog
    from tmlapp.ui.window import MainWindow

_LOOK_MS = 150
"""While a session opens: how often is asked how far it is."""


class EndpointDesk(QObject):
    """Between the session, the controller and the screens of endpoints."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._view = window.view
        self.dock = window.view.dock
        self.toasts = Toasts(window.theme, window.pages)
        self.link = Link()
        self._cause: EndpointEvent | None = None
        self.aside = Aside(self)
        self.dialog: ProfilesDialog | None = None
        self.picker = Picker(window, self.choose)
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_MS)
        self._looking.timeout.connect(self._look)
        controller = window.controller
        controller.opened.connect(self._on_opened)
        controller.started.connect(self._on_started)
        controller.failed.connect(lambda _error: self._not_started())
        controller.given_up.connect(self._not_started)
        controller.closed.connect(self._on_closed)
        window.header.endpoint.clicked.connect(self.pick)
        window.events.frame_asked.connect(self.show_frame)
        window.status.link.clicked.connect(lambda: window.actions_["live.granted"].trigger())
        self.dock.open_page("")
        window.actions_["wire.follow"].setChecked(True)

    @property
    def waiting(self) -> bool:
        """A session is being opened, and its endpoint is waited for."""
        session = self._window.controller.session
        opening = session is not None and session.state in ("idle", "preflight")
        return opening and self._looking.isActive() and self.link.state is not None

    @property
    def inside(self) -> bool:
        """The cursor is in the dock."""
        focus = QApplication.focusWidget()
        return self.dock.isVisible() and focus is not None and self.dock.isAncestorOf(focus)

    # ------------------------------------------------------------------ what a person asks for

    def pick(self) -> None:
        """E: the list of endpoints, below the name of the present one."""
        button = self._window.header.endpoint
        actions = self._window.actions_
        more = [actions[key] for key in ("live.granted", "live.wire", "app.endpoints", "app.settings")]
        locked = self._window.controller.live
        self.picker.fill(self._choices(), self._window.controller.endpoint, locked=locked, more=more)
        self.picker.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def choose(self, address: str) -> None:
        """Meet the model at `address` from now on."""
        window = self._window
        if window.controller.live:
            return
        window.controller.use_endpoint(address)
        window.keep_settings(window.controller.settings)
        self._remember(address)
        window.check()

    def manage(self, name: str = "") -> None:
        """Ctrl+Shift+E: the profiles, `name` chosen."""
        if self.dialog is not None:
            self.dialog.raise_()
            return
        from tmlapp.ui.endpoints.profiles_dialog import ProfilesDialog

        window = self._window
        address = window.controller.endpoint
        name = name or (address.removeprefix("profile:") if address.startswith("profile:") else "")
        dialog = ProfilesDialog(window, window.theme, window.controller.settings, chosen=name)
        dialog.used.connect(self.choose)
        dialog.can_use = not window.controller.live
        dialog.finished.connect(self._on_managed)
        self.dialog = dialog
        dialog.open()

    def help(self) -> None:
        """The endpoint cannot be used as it stands: to its profile, or to where another is chosen."""
        if self._window.controller.endpoint.startswith("profile:"):
            self.manage()
        else:
            self._window.open_settings("endpoint")

    def interrupt(self) -> None:
        """B: cut the model off."""
        session = self._window.controller.session
        if session is not None and session.state == "running":
            session.interrupt()

    def toggle(self, page: str) -> None:
        """W and A: open the dock with `page`, or close it."""
        showing = self.dock.isVisible() and self.dock.page == page
        self.dock.open_page("" if showing else page)
        self._view.share()
        if showing:
            self._window.focus_stage()
        elif page == "wire":
            self.dock.wire.set_following(self.dock.wire.following)
        else:
            self._show_granted(self._now_ns())

    def close_dock(self) -> bool:
        """Esc: close the dock; False if it was not open."""
        if not self.dock.isVisible():
            return False
        self.toggle(self.dock.page)
        return True

    def search(self) -> bool:
        """Ctrl+F: in the frames, if the cursor is among them; False if it is elsewhere."""
        if self.inside:
            self.dock.show_page("wire")
            self.dock.wire.focus_search()
            return True
        return False

    def show_frame(self, index: int) -> None:
        """Open the inspector at the frame `index`."""
        self._fetch()
        self.dock.open_page("wire")
        self._view.share()
        self.dock.wire.show_frame(index)

    def filter_errors(self) -> None:
        self.dock.wire.set_errors_only(self._window.actions_["wire.errors"].isChecked())

    def follow(self) -> None:
        self.dock.wire.set_following(self._window.actions_["wire.follow"].isChecked())

    def save(self) -> None:
        """Save the frames that are shown."""
        window = self._window
        rows = [row for row in self.dock.wire.model.shown() if not row.connection]
        if not rows:
            self.toasts.say(tr("There is no frame to save."))
            return
        folder, name = window.controller.settings.recordings_dir, f"{window.controller.name}-wire.jsonl"
        failed = window.banner.show_error
        ask_save(window, rows, folder / name, self.aside, done=lambda t: self.toasts.say(t, "good"), failed=failed)

    # ------------------------------------------------------------------ what the session says

    def take(self, what: Event | TextInput) -> None:
        """Something happened."""
        if isinstance(what, TextInput):
            return
        if isinstance(what, Notice):
            # The session tells at once, and once, what follows from an event of the endpoint.
            if self._cause is not None:
                self._tell(what, self._cause)
            return
        self._cause = what if isinstance(what, EndpointEvent) else None
        self.link = fold_link(self.link, what)
        if isinstance(what, ConnectionChanged | EndpointError):
            self._fetch()
            self.dock.wire.add_connection(what)

    def _tell(self, notice: Notice, cause: EndpointEvent) -> None:
        if self._window.actions_["view.presenter"].isChecked():
            return  # There is nothing but picture, count and caption.
        if isinstance(cause, EndpointError) and cause.kind in ("network", "timeout", "session_expired"):
            return  # That the connection is made again is told next.
        self._keep_clear()
        if isinstance(cause, SessionOpened | SessionUpdated):
            count = len(cause.granted.rejections)
            self.toasts.say(tr("{n} of what was asked for was not granted: A shows it.").format(n=count), "warning")
            return
        good = isinstance(cause, ConnectionChanged) and cause.state == "open"
        level = "good" if good else "info" if notice.level == "info" else "warning"
        self.toasts.say(notice.what, level)  # The list of events says why.

    def _keep_clear(self) -> None:
        placed = self._window.stage.placed
        self.toasts.keep_clear(placed.banner, placed.badge)

    def show_frames(self, frames: Sequence[WireFrame]) -> None:
        """Frames that went over the wire since the last call."""
        self.dock.wire.add(frames)

    def show(self, snapshot: Snapshot) -> None:
        """How the session looks now: header, status bar, what is granted."""
        window = self._window
        provider = snapshot.granted.provider if snapshot.granted is not None else ""
        window.header.set_endpoint(snapshot.endpoint, window.controller.facts, provider=provider, link=self.link)
        window.status.show_link(self.link)
        self._keep_clear()
        if self.dock.isVisible() and self.dock.page == "granted":
            self._show_granted(snapshot.t_ns)

    def set_theme(self, theme: Theme) -> None:
        self.toasts.set_theme(theme)
        self.picker.set_theme(theme)
        self.dock.set_theme(theme)
        if self.dock.isVisible() and self.dock.page == "granted":
            self._show_granted(self._now_ns())

    def shut(self) -> None:
        """The window closes."""
        self._looking.stop()
        self.toasts.clear()
        self.aside.shut()
        if self.dialog is not None:
            self.dialog.shut()

    # ------------------------------------------------------------------ helpers

    def _on_opened(self) -> None:
        self.link = Link()
        self.dock.wire.clear()
        self.toasts.clear()
        self._looking.start()

    def _on_started(self) -> None:
        self._looking.stop()
        self.link = Link()  # Its events come now, from the first one on.
        self._remember(self._window.controller.endpoint)

    def _not_started(self) -> None:
        if self._looking.isActive():
            self._looking.stop()
            self._window.status.show_link(Link())

    def _on_closed(self) -> None:
        self._looking.stop()
        self._fetch()
        self._window.status.show_link(self.link)

    def _look(self) -> None:
        """A session opens: say how far it is."""
        window, session = self._window, self._window.controller.session
        if session is None or session.state not in ("preflight", "idle"):
            return
        told = session.snapshot().connection
        if told is None:
            return
        link = fold_link(Link(), told)
        if link != self.link:
            self.link = link
            window.header.set_endpoint(window.controller.endpoint, window.controller.facts, link=link)
            window.status.show_link(link)
            window.preflight.show_starting(link)
            window.update_actions()

    def _fetch(self) -> None:
        """Frames that have come since the last round: the list of events is ahead of them."""
        bridge = self._window.controller.bridge
        if bridge is not None:
            self.dock.wire.add(bridge.take_frames())

    def _show_granted(self, t_ns: int) -> None:
        self.dock.granted.show_link(self.link, t_ns)

    def _now_ns(self) -> int:
        session = self._window.controller.session
        return session.snapshot().t_ns if session is not None else 0

    def _remember(self, address: str) -> None:
        try:
            use_address(address)
        except AppError as error:
            self._window.banner.show_error(error)

    def _choices(self) -> Choices:
        from tmlapp.config.profiles import load_profiles
        from tmlapp.endpoints.registry import dialects
        from tmlapp.endpoints.remote.target import host_of

        try:
            profiles = load_profiles()
        except AppError as error:
            return Choices(recent=recent_addresses(), trouble=error.what)
        known = dialects()
        entries = []
        for p in profiles:
            dialect = known.get(p.kind)
            host = host_of(p.url or (dialect.default_url if dialect else ""))
            told = (p.name, dialect.title if dialect else p.kind, host)
            entries.append(Entry(p.address, "   ·   ".join(part for part in told if part)))
        return Choices(profiles=entries, recent=recent_addresses())

    def _on_managed(self, _code: int) -> None:
        self.dialog = None
        if not self._window.controller.live:
            self._window.check()
