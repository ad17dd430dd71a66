"""Which commands of the Live workspace can be used now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmlapp.ui.commands import VERDICTS
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.window import MainWindow


def update(window: MainWindow) -> None:
    """Offer what can be done now, as session and page stand."""
    live = window.controller.live
    session = window.controller.session
    running = session is not None and session.state == "running"
    page = window.pages.currentWidget()
    waits = live and session is not None and window.endpoints.waiting
    toggle = window.actions_["live.toggle"]
    word = tr("Give up") if waits else tr("Stop") if live else tr("New session")
    toggle.setText(word if live or page is window.result else tr("Start"))
    toggle.setEnabled(running or waits if live else page is window.result or window.preflight.ready)
    for key in ("live.mute", "live.pause", "live.marker", "live.note", "live.text", "live.interrupt"):
        window.actions_[key].setEnabled(running)
    for n in range(1, VERDICTS + 1):
        window.actions_[f"live.verdict{n}"].setEnabled(running)
    from_file = window.controller.plan is not None and window.controller.plan.source is not None
    window.actions_.offer("live.devices", from_file)
    for key in ("live.file", "live.clip"):
        window.actions_[key].setEnabled(not live)
    window.actions_["live.devices"].setEnabled(not live and from_file)
    for key in ("live.check", "live.instruction", "live.presets", "app.settings"):
        window.actions_[key].setEnabled(not live)
    recorded = page is window.result and window.result.recording is not None
    window.actions_["app.trash"].setEnabled(recorded)
    window.actions_["app.report"].setEnabled(recorded)
    window.actions_["app.grade"].setEnabled(recorded and not window.result.judge.isHidden())
    window.actions_["live.consent"].setEnabled(page is window.preflight)
    window.echo.update()
    window.actions_.offer("live.echo", window.echo.possible)
