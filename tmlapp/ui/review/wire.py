"""W in Review: every frame that was sent and received."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.endpoints.wire_dialog import WireDialog
    from tmlapp.ui.review.workspace import ReviewWorkspace


def show_wire(page: ReviewWorkspace) -> WireDialog | None:
    """Open the frames of the recording that is looked at, at the cursor."""
    from tmlapp.ui.endpoints.wire_dialog import WireDialog

    if page.opened is None:
        page.show_note(tr("Open a recording first."))
        return None
    if page.blind:
        # Frames name the model, its host and its voice.
        page.show_note(tr("You judge blind: the frames would tell which model it is."))
        return None
    dialog = WireDialog(
        page.window(), page.host.theme, page.opened.review.recording, page.axis.cursor_ns, page.host.show_error
    )
    dialog.seek_wanted.connect(page.jump)
    page.judge.blind_changed.connect(dialog.close)
    dialog.show()
    return dialog
