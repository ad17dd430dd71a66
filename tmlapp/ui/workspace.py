"""A workspace: one of the pages that the rail switches between, and what it may ask of the window around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from PySide6.QtWidgets import QWidget

from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.ui.actions import Actions
from tmlapp.ui.theme import Theme

T = TypeVar("T")


class Host(Protocol):
    """The window, as a workspace sees it. Every member belongs to the window's thread."""

    @property
    def settings(self) -> Settings: ...

    @property
    def theme(self) -> Theme: ...

    @property
    def actions_(self) -> Actions:
        """Register commands here with `Command(workspace=<own name>)`; keys of other workspaces may be reused."""
        ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def work(
        self,
        job: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[AppError], object] | None = None,
    ) -> None:
        """Run `job` on a worker thread, then `done` with its result on the window's thread.

        An `AppError` goes to `failed`, or to the window's banner where that is None; any other error is logged and
        shown as a fault. After the window was closed neither is called.
        """
        ...

    def show_error(self, error: AppError) -> None:
        """Show it above the current workspace until it is dismissed."""
        ...

    def show_note(self, text: str) -> None:
        """Say in the status line of the current workspace what was just done."""
        ...

    def open_recording(self, path: Path, at_s: float | None = None) -> None:
        """Go to Review and open the recording there, at session time `at_s`."""
        ...

    def go_to(self, name: str) -> None:
        """Switch to the workspace `name`."""
        ...

    def open_in(self, name: str, what: object) -> None:
        """Go to the workspace `name` and open `what` there (see `Workspace.open`)."""
        ...

    def keep_settings(self, settings: Settings) -> None:
        """Use `settings` from now on, and save them; that they cannot be saved is shown as an error."""
        ...

    @property
    def session_running(self) -> bool:
        """A live session holds the microphone, camera and loudspeaker."""
        ...

    def restored(self) -> None:
        """Ask again which commands can be used (after something changed that they depend on)."""
        ...


class Workspace(QWidget):
    """One page. It is built when it is first shown, and lives as long as the window.

    Subclasses register their commands in `__init__`, keep a `QWidget` that can hold the focus, and do nothing that
    blocks on the window's thread.
    """

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host

    def set_theme(self, theme: Theme) -> None:
        """Repaint every part in `theme`."""

    def entered(self) -> None:
        """It is on the screen now: take the focus."""
        self.setFocus()

    def left(self) -> None:
        """Another workspace is on the screen: stop what makes sound or asks for attention."""

    def unsaved(self) -> str:
        """What would be lost if the window closed now, in one sentence; empty where nothing would."""
        return ""

    def shut(self) -> None:
        """The window closes: end threads and timers, close files. Called once."""

    def show_error(self, error: AppError) -> bool:  # noqa: ARG002 - a page without a banner has no use for it
        """Show `error` in this workspace's own banner; False where it has none."""
        return False

    def show_note(self, text: str) -> None:
        """Say what was just done in this workspace's status line."""

    def open(self, what: Any) -> None:
        """Open what another part of the program sent here (see `Host.open_recording`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry of the rail.

    Attributes:
        made_by: `module:class` of the workspace; empty for Live, which the window builds at once.
    """

    name: str
    title: str
    icon: str
    shortcut: str
    help: str
    made_by: str = ""


PLACES = (
    Place(name="live", title="Live", icon="fa6s.play", shortcut="Ctrl+1", help="Meet a model live"),
    Place(
        name="items",
        title="Items",
        icon="fa6s.microphone",
        shortcut="Ctrl+2",
        help="Record new TimeSpeak and CueSpeak items",
        made_by="tmlapp.ui.items.workspace:ItemsWorkspace",
    ),
    Place(
        name="review",
        title="Review",
        icon="fa6s.sliders",
        shortcut="Ctrl+3",
        help="Look at a recording, and judge it by hand",
        made_by="tmlapp.ui.review.workspace:ReviewWorkspace",
    ),
    Place(
        name="library",
        title="Library",
        icon="fa6s.book",
        shortcut="Ctrl+5",
        help="Find recordings, items and runs",
        made_by="tmlapp.ui.library.workspace:LibraryWorkspace",
    ),
)
