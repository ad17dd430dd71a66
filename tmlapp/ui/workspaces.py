"""Rail and pages: switches between workspaces, builds each when it is first asked for, and serves them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.ui.actions import Actions
from tmlapp.ui.controller import fault
from tmlapp.ui.rail import Rail
from tmlapp.ui.theme import Theme
from tmlapp.ui.workspace import PLACES, Workspace

if TYPE_CHECKING:
    from tmlapp.ui.window import MainWindow

T = TypeVar("T")
_THREADS = 2


class Workspaces(QWidget):
    """The window's whole content; the `Host` of every workspace but Live, which is a plain page."""

    def __init__(self, window: MainWindow, live: QWidget, theme: Theme, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._live = live
        self._pages: dict[str, Workspace] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads: ThreadPoolExecutor | None = None
        self.current = "live"
        actions.enter("live")
        self.rail = Rail(theme, actions)
        self.stack = QStackedWidget()
        self.stack.addWidget(live)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self.stack, 1)

    # ------------------------------------------------------------------ for the window

    def go_to(self, name: str) -> None:
        """Show the workspace `name`."""
        if name != self.current:
            page = self._page(name)
            before = self._pages.get(self.current)
            self.current = name
            self.actions_.enter(name)
            self.stack.setCurrentWidget(page or self._live)
            if before is not None:
                before.left()
        self._window.update_title()
        self.rail.show_current(name)
        here = self._pages.get(name)
        if here is not None:
            here.entered()
        self.restored()

    def page(self, name: str) -> Workspace:
        """The workspace `name`, built now if it was never shown."""
        page = self._page(name)
        assert page is not None, "Live is no page of its own"
        return page

    def built(self) -> list[Workspace]:
        """The workspaces that were shown so far."""
        return list(self._pages.values())

    def set_theme(self, theme: Theme) -> None:
        self.rail.set_theme(theme)
        for page in self._pages.values():
            page.set_theme(theme)

    def unsaved(self) -> list[str]:
        """What would be lost if the window closed now."""
        return [words for page in self._pages.values() if (words := page.unsaved())]

    def shut(self) -> None:
        """End what workspaces have begun."""
        for page in self._pages.values():
            page.shut()
        for task in list(self._tasks):
            task.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    # ------------------------------------------------------------------ Host

    @property
    def settings(self) -> Settings:
        return self._window.controller.settings

    @property
    def theme(self) -> Theme:
        return self._window.theme

    @property
    def actions_(self) -> Actions:
        return self._window.actions_

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._window.loop

    @property
    def session_running(self) -> bool:
        return self._window.controller.live

    def work(
        self,
        job: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[AppError], object] | None = None,
    ) -> None:
        """See `Host.work`."""
        task = self.loop.create_task(self._work(job, done, failed or self.show_error))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def show_error(self, error: AppError) -> None:
        page = self._pages.get(self.current)
        if page is None or not page.show_error(error):
            self._window.banner.show_error(error)

    def show_note(self, text: str) -> None:
        page = self._pages.get(self.current)
        if page is not None:
            page.show_note(text)

    def open_recording(self, path: Path, at_s: float | None = None) -> None:
        self.go_to("review")
        self.page("review").open((path, at_s))

    def open_in(self, name: str, what: object) -> None:
        self.go_to(name)
        self.page(name).open(what)

    def keep_settings(self, settings: Settings) -> None:
        self._window.keep_settings(settings)

    def restored(self) -> None:
        self._window.update_actions()

    # ------------------------------------------------------------------ helpers

    def _page(self, name: str) -> Workspace | None:
        if name == "live":
            return None
        if name not in self._pages:
            module, _, kind = next(p.made_by for p in PLACES if p.name == name).partition(":")
            page: Workspace = getattr(import_module(module), kind)(self)
            page.set_theme(self.theme)
            self._pages[name] = page
            self.stack.addWidget(page)
        return self._pages[name]

    async def _work(
        self, job: Callable[[], T], done: Callable[[T], object], failed: Callable[[AppError], object]
    ) -> None:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="workspace")
        try:
            result = await self.loop.run_in_executor(self._threads, job)
        except AppError as error:
            failed(error)
            return
        done(result)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        logging.getLogger(__name__).error("work for a workspace failed", exc_info=error)
        self.show_error(fault(error))
