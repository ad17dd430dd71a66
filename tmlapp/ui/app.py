"""Starts the window. Nothing heavy is imported before it is on the screen."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from tmlapp.live.plan import SessionPlan
    from tmlapp.ui.window import MainWindow


def make_app(argv: Sequence[str]) -> QApplication:
    """The application object with style, fonts and names set; the running one if there is one already."""
    from PySide6.QtWidgets import QApplication

    from tmlapp.ui.theme import app_font, load_fonts

    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(list(argv))
    app.setApplicationName("tmlapp")
    app.setApplicationDisplayName("tmlapp")
    app.setDesktopFileName("tmlapp")
    app.setStyle("Fusion")
    app.setFont(app_font(load_fonts(), 13))
    return app


def run_window(argv: Sequence[str], plan: SessionPlan | None = None, *, go: tuple[str, Any] | None = None) -> int:
    """Show the window and stay until it is closed; the exit status.

    Args:
        argv: as given to the program; Qt takes its own options out of it.
        plan: what to run; None plans from the settings, which keeps heavy imports off the way to the first picture.
        go: a workspace by its name, and what to open there: `("review", (path, at_s))`; None begins with Live.

    Raises:
        AppError: the settings or the colour scheme cannot be read.
    """
    import qasync

    from tmlapp.config.settings import load_settings

    settings = load_settings()
    app = make_app(argv or sys.argv[:1])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    from tmlapp.ui.window import MainWindow

    app.setQuitOnLastWindowClosed(False)
    window = MainWindow(settings, loop, plan=plan)
    window.gone.connect(loop.stop)
    with faults_shown(window), loop:
        window.show()
        window.check()
        if go is not None:
            # When the loop runs: a workspace begins work as soon as it is shown.
            loop.call_soon(window.workspaces.open_in, *go)
        loop.run_forever()
        loop.run_until_complete(drained(loop))
    return 0


@contextmanager
def faults_shown(window: MainWindow) -> Iterator[None]:
    """While it lasts, a fault in the window itself is logged and shown instead of only printed."""
    from tmlapp.ui.controller import fault

    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.getLogger(__name__).critical("a fault in the window", exc_info=(kind, error, trace))
        window.banner.show_error(fault(error))

    sys.excepthook = show
    try:
        yield
    finally:
        sys.excepthook = before


async def drained(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for what was cancelled when the window closed."""
    others = [t for t in asyncio.all_tasks(loop) if t is not asyncio.current_task(loop)]
    await asyncio.gather(*others, return_exceptions=True)
