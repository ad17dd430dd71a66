"""One session in a window that nobody sees: for machines without a display, and for pictures of the window."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.live.observer import BlankObserver, Observer
from tmlapp.live.plan import SessionPlan, build_session
from tmlapp.live.session import LiveSession


def run_offscreen(
    plan: SessionPlan, settings: Settings, *, observers: Sequence[Observer], picture: Path, picture_at_ns: int
) -> LiveSession:
    """Run `plan` in the real window on a virtual screen until it closes by itself.

    Args:
        observers: also watch the session.
        picture: PNG of the whole window, taken when session time reaches `picture_at_ns`.

    Raises:
        AppError: the session could not be started.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import qasync
    from PySide6.QtCore import QObject, Signal

    from tmlapp.ui.app import make_app
    from tmlapp.ui.services import Services
    from tmlapp.ui.window import MainWindow

    class Moment(QObject):
        reached = Signal()

    moment = Moment()

    class Photographer(BlankObserver):
        def on_turn(self, turn: MicroTurn, captured: Captured) -> None:  # noqa: ARG002 - an observer's form
            if turn.t_ns <= picture_at_ns < turn.end_ns:
                moment.reached.emit()

    sessions: list[LiveSession] = []
    failures: list[AppError] = []

    def build(plan: SessionPlan, settings: Settings) -> LiveSession:
        session = build_session(plan, settings)
        for observer in (*observers, Photographer()):
            session.add_observer(observer)
        sessions.append(session)
        return session

    def fail(error: AppError) -> None:
        failures.append(error)
        loop.stop()

    app = make_app(["tmlapp"])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    app.setQuitOnLastWindowClosed(False)
    window = MainWindow(settings, loop, plan=plan, services=Services(build_session=build, grades=lambda *_: []))
    moment.reached.connect(lambda: window.grab().save(str(picture)))
    window.controller.failed.connect(fail)
    window.controller.closed.connect(loop.stop)
    window.show()
    window.controller.start()
    with loop:
        loop.run_forever()
        window.controller.shutdown(wait=True)
        window.close()
    if failures:
        raise failures[0]
    return sessions[0]
