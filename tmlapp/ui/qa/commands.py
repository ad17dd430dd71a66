"""The commands of the checklist."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tmlapp.ui.actions import Actions, Command
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.window import MainWindow


def register(actions: Actions, window: MainWindow) -> None:
    """Add the commands; `window.qa` answers them."""
    group = tr("Checklist")

    def add(
        key: str, title: str, shortcut: str, text: str, do: Callable[[], object], *, checkable: bool = False
    ) -> None:
        command = Command(
            key=key, title=title, shortcut=shortcut, help=text, group=group, checkable=checkable, workspace="live"
        )
        actions.add(command, do)

    toggle = tr("Show the checklist in place of the events, or the events again")
    add("qa.toggle", tr("Checklist"), "C", toggle, lambda: window.qa.toggle(), checkable=True)
    choose = tr("Choose a checklist that came with the app, or a file")
    add("qa.choose", tr("Choose a checklist…"), "Ctrl+Shift+C", choose, lambda: window.qa.choose())
    start = tr("Start the current step, or try it again; while it runs, go on to the next one without a verdict")
    add("qa.start", tr("Start step"), "Ctrl+Return | Ctrl+Enter", start, lambda: window.qa.start())
    add("qa.pass", tr("Pass"), "F9", tr("The step went as expected"), lambda: window.qa.judge("pass"))
    add("qa.fail", tr("Fail"), "F10", tr("The step did not go as expected"), lambda: window.qa.judge("fail"))
    blocked = tr("The step could not be carried out")
    add("qa.blocked", tr("Blocked"), "F11", blocked, lambda: window.qa.judge("blocked"))
    add("qa.skip", tr("Skip"), "F8", tr("Leave the step out"), lambda: window.qa.skip())
    shot = tr("Keep the stage as it is now, with everything that lies over the picture")
    add("qa.shot", tr("Screenshot"), "F12", shot, lambda: window.qa.screenshot())
    add("qa.previous", tr("Step before"), "Alt+Up", tr("Go to the step before"), lambda: window.qa.move(-1))
    add("qa.next", tr("Step after"), "Alt+Down", tr("Go to the step after"), lambda: window.qa.move(1))
    report = tr("Write the report of the checklist, with sound and pictures, and open it")
    add("qa.report", tr("QA report"), "Ctrl+Shift+R", report, lambda: window.qa.report())
