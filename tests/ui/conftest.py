"""A real window over real sessions, and a check that nothing is left running behind a test."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import qasync
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.sessions import Desk, plan_for
from tmlapp.config.settings import Settings
from tmlapp.live.preflight import Check
from tmlapp.ui.app import drained, make_app
from tmlapp.ui.services import DeviceNames, EndpointFacts, Services
from tmlapp.ui.window import MainWindow

GREEN = [
    Check(key="microphone", title="Microphone", ok=True, detail="Scarlett 2i2"),
    Check(key="camera", title="Camera", ok=True, detail="C920, 1280×720"),
    Check(key="loudspeaker", title="Loudspeaker", ok=True, detail="Scarlett 2i2"),
    Check(key="endpoint", title="Model", ok=True, detail="scripted, on this machine"),
    Check(key="disk", title="Recordings", ok=True, detail="214 GB free"),
]
RED_CAMERA = Check(
    key="camera",
    title="Camera",
    ok=False,
    why="The camera camera:0 cannot be opened. Another program uses it.",
    fix="Close the other program, or choose another camera.",
    action="choose_camera",
)


@pytest.fixture(scope="session")
def qapp_cls() -> Callable[[list[str]], QApplication]:
    """Tests run in the application that people run."""
    return make_app


@pytest.fixture(autouse=True)
def _nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """A QTimer or QThread that still runs after a test is a leak of the program."""
    before = {id(o) for o in _running()}
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    gc.collect()
    left = [o for o in _running() if id(o) not in before]
    assert not left, f"still running: {[(type(o).__name__, o.objectName(), o.parent()) for o in left]}"


def _running() -> list[QTimer | QThread]:
    # By exact type: asking each of a million objects what it is an instance of took a quarter of a second.
    kinds = _with_subclasses(QTimer) | _with_subclasses(QThread)
    found: list[QTimer | QThread] = []
    for o in [o for o in gc.get_objects() if type(o) in kinds]:
        try:
            if o.isActive() if isinstance(o, QTimer) else o.isRunning():
                found.append(o)
        except RuntimeError:
            continue  # Its C++ side is gone already.
    return found


def _with_subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(_with_subclasses, kind.__subclasses__()))


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    made = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(made)
    yield made
    made.run_until_complete(drained(made))
    made.close()
    asyncio.set_event_loop(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What the platform without a screen says about dialogs and menus; all other Qt warnings fail a test.
    for item in items:
        item.add_marker(pytest.mark.qt_log_ignore("^This plugin does not support "))


class Person:
    """Whoever sits before the window: presses keys, and looks."""

    def __init__(self, qtbot: QtBot, window: MainWindow, desk: Desk) -> None:
        self.qtbot, self.window, self.desk = qtbot, window, desk

    def press(self, key: Any, *modifiers: Any) -> None:
        """Press a key wherever the cursor is."""
        target = QApplication.focusWidget() or self.window
        self.qtbot.keyClick(target, key, *modifiers)

    def type(self, text: str) -> None:
        self.qtbot.keyClicks(QApplication.focusWidget() or self.window, text)

    def sees(self, what: Callable[[], bool], timeout_ms: int = 20_000) -> None:
        """Wait until `what` is on the screen."""
        self.qtbot.waitUntil(what, timeout=timeout_ms)

    def start(self, to_s: float = 1.0) -> None:
        """Wait for green, press Space, let the session go on to `to_s`."""
        from PySide6.QtCore import Qt

        self.sees(lambda: self.window.preflight.ready)
        self.press(Qt.Key.Key_Space)
        self.sees(lambda: self.window.pages.currentWidget() is self.window.stage)
        self.go_on_to(to_s)

    def go_on_to(self, t_s: float) -> None:
        """Let the session's time go on to `t_s` and wait until the window shows it."""
        self.desk.run_to(t_s)
        session = self.window.controller.session
        assert session is not None
        self.sees(lambda: session.snapshot().t_ns >= round(t_s * 1e9))

    def rows(self) -> list[str]:
        return self.window.events.shown_rows()

    def sees_row(self, words: str) -> None:
        self.sees(lambda: any(words in row for row in self.rows()))


@pytest.fixture
def checks() -> list[Check]:
    """What the preflight finds; a test may change it."""
    return list(GREEN)


@pytest.fixture
def facts() -> dict[str, Any]:
    return {"local": True, "host": ""}


@pytest.fixture
def open_window(
    qtbot: QtBot,
    loop: asyncio.AbstractEventLoop,
    tmp_path: Path,
    demo_clip: Path,
    checks: list[Check],
    facts: dict[str, Any],
) -> Iterator[Callable[..., Person]]:
    """Opens a window on the demo clip; whatever it still records at the end is stopped."""
    people: list[Person] = []

    def make(desk: Desk | None = None, *, settings: Settings | None = None, **replaced: Any) -> Person:
        desk = desk or Desk(f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}")
        services: dict[str, Any] = {
            "build_session": desk.build,
            "run_preflight": lambda _plan, _settings: list(checks),
            "endpoint_facts": lambda _plan, _settings: EndpointFacts(**facts),
            "devices": lambda: DeviceNames(("Scarlett 2i2",), ("Scarlett 2i2",), ("camera:0", "camera:1")),
        }
        settings = settings or Settings(theme="dark", recordings_dir=tmp_path / "recordings")
        plan = plan_for(settings.recordings_dir)
        window = MainWindow(settings, loop, plan=plan, services=Services(**(services | replaced)))
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.windowHandle().isExposed)
        window.check()
        person = Person(qtbot, window, desk)
        people.append(person)
        return person

    yield make
    for person in people:
        window = person.window
        for session in person.desk.sessions:
            session.stop("the test is over")
        qtbot.waitUntil(lambda w=window: not w.controller.live, timeout=20_000)
        window.close()
        window.deleteLater()
