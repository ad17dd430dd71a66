"""How the item went on each endpoint, one card each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from tmlapp.ui.items.parts import Elided, flat, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


@dataclass(frozen=True, slots=True)
class TryRow:
    """What one card says.

    Attributes:
        verdict: short words with their symbol. mood: their colour.
        said: what the model said. stale: the item was changed since. progress: 0 … 1 while it runs.
        open: shows the session in Review; None where it was not kept.
    """

    endpoint: str
    verdict: str
    mood: Literal["good", "notice", "bad", "muted"] = "muted"
    said: str = ""
    stale: bool = False
    progress: float | None = None
    detail: str = ""
    open: Callable[[], object] | None = None


def short_address(address: str) -> str:
    """Scheme and file name, or scheme and what follows where that is no path; of an address with a host all."""
    kind, _, rest = address.partition(":")
    if not rest or "//" in rest:
        return address
    return f"{kind} · {Path(rest).name or rest}"


class _Card(QFrame):
    def __init__(self, row: TryRow) -> None:
        super().__init__()
        self.setObjectName("try")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(6)
        top = QHBoxLayout()
        name = Elided(short_address(row.endpoint), "strong")
        name.setToolTip(row.endpoint)
        verdict = words(row.mood, wrap=False)
        verdict.setText(row.verdict)
        top.addWidget(name, 1)
        top.addWidget(verdict)
        if row.open is not None:
            top.addWidget(flat("↗", row.open, tip=tr("Look at this session in Review")))
        column.addLayout(top)
        if row.progress is not None:
            bar = QProgressBar()
            bar.setTextVisible(False)
            bar.setRange(0, 1000)
            bar.setValue(round(1000 * row.progress))
            bar.setAccessibleName(tr("Progress"))
            column.addWidget(bar)
        if row.said:
            said = words("muted")
            said.setText(f"“{row.said}”")
            column.addWidget(said)
        if row.stale or row.detail:
            note = words("small")
            stale = tr("↻ the item was changed since; try again") if row.stale else ""
            note.setText(" · ".join(p for p in (row.detail, stale) if p))
            column.addWidget(note)
        self.setAccessibleName(tr("Tried on {name}").format(name=row.endpoint))
        self.setAccessibleDescription(" ".join(p for p in (row.verdict, row.said, row.detail) if p))


class Tried(QWidget):
    """All cards, or what to do to get the first."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.rows: tuple[TryRow, ...] | None = None
        self.empty = QLabel()
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self._column.addWidget(self.empty)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme

    def show_rows(self, rows: tuple[TryRow, ...], empty: str) -> None:
        """Show `rows`; `empty` says what to do where there are none."""
        self.empty.setText(empty)
        self.empty.setVisible(not rows)
        if rows == self.rows:
            return
        self.rows = rows
        while self._column.count() > 1:
            item = self._column.takeAt(1)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row in rows:
            self._column.addWidget(_Card(row))
