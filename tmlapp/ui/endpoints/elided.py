"""A line that changes and never asks for more room than there is."""

from __future__ import annotations

from PySide6.QtCore import Qt

from tmlapp.ui.items.parts import Elided as Line


class Elided(Line):
    """As the line of Items; its text can be changed."""

    def show_text(self, text: str) -> None:
        """Show `text`, what does not fit behind an ellipsis."""
        self.whole = text
        self.setAccessibleName(text)
        self.setToolTip(text)
        self.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, self.width()))
