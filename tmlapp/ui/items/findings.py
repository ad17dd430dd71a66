"""What is right and wrong with the item, each with a way there and, where one is known, a way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.ui.items.parts import flat, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

_SIGNS = {"good": "✓", "warning": "▲", "error": "✕"}


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One line; `show` and `fix` are None where there is nothing to show or no known fix."""

    level: Literal["good", "warning", "error"]
    text: str
    show: Callable[[], object] | None = None
    fix: Callable[[], object] | None = None
    fix_words: str = ""
    detail: str = ""

    @property
    def said(self) -> str:
        """With its symbol."""
        return f"{_SIGNS[self.level]} {self.text}"


class _Row(QWidget):
    def __init__(self, row: FindingRow) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 2, 0, 2)
        line.setSpacing(8)
        sign = QLabel(_SIGNS[row.level])
        sign.setObjectName({"good": "good", "warning": "notice", "error": "bad"}[row.level])
        sign.setAccessibleName({"good": tr("good"), "warning": tr("warning"), "error": tr("error")}[row.level])
        text = words()
        text.setText(row.text)
        text.setToolTip(row.detail or row.text)
        # Long words beside buttons must not widen the panel.
        policy = text.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        text.setSizePolicy(policy)
        line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(text, 1)
        if row.show is not None:
            line.addWidget(flat(tr("Show"), row.show, tip=tr("Go there")), 0, Qt.AlignmentFlag.AlignTop)
        if row.fix is not None:
            tip = row.fix_words or tr("Repair it; Ctrl+Z takes it back")
            line.addWidget(flat(tr("Fix"), row.fix, tip=tip), 0, Qt.AlignmentFlag.AlignTop)


class Findings(QWidget):
    """The lines, worst first."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self.rows: tuple[FindingRow, ...] = ()
        self._said: tuple[str, ...] = ()
        self.setAccessibleName(tr("Findings"))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme

    def show_rows(self, rows: tuple[FindingRow, ...]) -> None:
        """Show `rows`; the focus stays where it is if the lines say the same."""
        said = tuple(f"{r.said} {bool(r.show)} {bool(r.fix)}" for r in rows)
        self.rows = rows
        if said == self._said:
            return
        self._said = said
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row in rows:
            # By place, not by value: a later round may bring other functions for the same words.
            at = len([*self._lines()])
            live = FindingRow(
                row.level,
                row.text,
                partial(self._do, at, "show") if row.show else None,
                partial(self._do, at, "fix") if row.fix else None,
                row.fix_words,
                row.detail,
            )
            self._column.addWidget(_Row(live))
        self.setAccessibleDescription("; ".join(r.said for r in rows))

    def do(self, at: int, what: Literal["show", "fix"]) -> None:
        """Show or fix the line `at`."""
        self._do(at, what)

    def _lines(self) -> list[QWidget]:
        found = (self._column.itemAt(i) for i in range(self._column.count()))
        return [w for item in found if item is not None and (w := item.widget()) is not None]

    def _do(self, at: int, what: Literal["show", "fix"]) -> None:
        if at < len(self.rows):
            act = self.rows[at].show if what == "show" else self.rows[at].fix
            if act is not None:
                act()
