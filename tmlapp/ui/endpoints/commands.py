"""The commands about endpoints; `window.endpoints` answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tmlapp.ui.actions import Actions, Command
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.window import MainWindow


def register(actions: Actions, window: MainWindow) -> None:
    """Add the commands."""
    group = tr("Endpoints")

    def add(
        key: str,
        title: str,
        shortcut: str,
        text: str,
        do: Callable[[], object],
        *,
        checkable: bool = False,
        everywhere: bool = False,
    ) -> None:
        place = "" if everywhere else "live"
        command = Command(
            key=key, title=title, shortcut=shortcut, help=text, group=group, checkable=checkable, workspace=place
        )
        actions.add(command, do)

    pick = tr("Choose the model that you want to meet")
    add("live.endpoint", tr("Endpoint…"), "E", pick, lambda: window.endpoints.pick())
    manage = tr("Add, change, test and remove ways to reach a remote model")
    add(
        "app.endpoints",
        tr("Manage endpoints…"),
        "Ctrl+Shift+E",
        manage,
        lambda: window.endpoints.manage(),
        everywhere=True,
    )
    cut = tr("Cut the model off: what it still has to say is thrown away, and it is told what was heard")
    add("live.interrupt", tr("Interrupt the model"), "B", cut, lambda: window.endpoints.interrupt())
    granted = tr("Show what the model agreed to, what it refused, and which limits are near")
    add("live.granted", tr("What is granted"), "A", granted, lambda: window.endpoints.toggle("granted"), checkable=True)
    wire = tr("Show every frame that is sent and received")
    add("live.wire", tr("Wire inspector"), "W", wire, lambda: window.endpoints.toggle("wire"), checkable=True)
    errors = tr("Show only frames that tell of an error or were not understood")
    add("wire.errors", tr("Errors only"), "Shift+E", errors, lambda: window.endpoints.filter_errors(), checkable=True)
    follow = tr("Go along with the newest frame, or stand still")
    add("wire.follow", tr("Follow frames"), "Shift+W", follow, lambda: window.endpoints.follow(), checkable=True)
    save = tr("Save the frames that are shown to a file")
    add("wire.save", tr("Save frames…"), "Shift+S", save, lambda: window.endpoints.save())
