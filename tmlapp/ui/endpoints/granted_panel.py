"""What was granted, what was asked for and refused, and the limits with the time that is left."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tmlapp.ui.endpoints.area import TallArea
from tmlapp.ui.endpoints.granted_rows import Fact, details_of, facts_of, limits_of
from tmlapp.ui.endpoints.link import Link
from tmlapp.ui.items.parts import heading, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class GrantedPanel(TallArea):
    """Two columns: what was agreed to at the left; limits and refusals, which change and warn, at the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown: tuple[object, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(tr("What was granted"))
        inside = QWidget()
        inside.setObjectName("scrolled")
        row = QHBoxLayout(inside)
        row.setContentsMargins(14, 2, 14, 10)
        row.setSpacing(28)
        self._left, self._right = QVBoxLayout(), QVBoxLayout()
        for column, stretch in ((self._left, 3), (self._right, 2)):
            column.setSpacing(6)
            row.addLayout(column, stretch)
        self._inside, self._row = inside, row
        self.setWidget(inside)
        self.show_link(Link(), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        narrow = event.size().width() < self._theme.px(560)
        self._row.setDirection(QHBoxLayout.Direction.TopToBottom if narrow else QHBoxLayout.Direction.LeftToRight)
        self._row.setSpacing(6 if narrow else 28)
        super().resizeEvent(event)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._shown = ()

    def text(self) -> str:
        """Everything that it says, for a screen reader and for tests."""
        return "\n".join(label.text() for label in self._inside.findChildren(QLabel))

    def show_link(self, link: Link, t_ns: int) -> None:
        """Show the agreement behind `link` as it stands at session time `t_ns`."""
        limits = limits_of(link, t_ns)
        now = (link.granted, tuple(limits))
        if now == self._shown and self._left.count():
            return
        self._shown = now
        _empty(self._left)
        _empty(self._right)
        granted = link.granted
        if granted is None:
            self._left.addWidget(
                self._words(tr("Nothing was agreed on yet: this is filled in once a session is open."))
            )
        else:
            self._left.addWidget(heading(tr("Granted")))
            self._left.addLayout(fact_grid(self._theme, facts_of(granted)))
            if more := details_of(granted):
                self._left.addWidget(heading(tr("In its own words")))
                self._left.addLayout(fact_grid(self._theme, more))
        if limits:
            self._right.addWidget(heading(tr("Connection and limits")))
            self._right.addLayout(fact_grid(self._theme, limits))
        if granted is not None:
            self._refusals(link)
        for column in (self._left, self._right):
            column.addStretch(1)
        self.setAccessibleDescription(self.text())

    def _refusals(self, link: Link) -> None:
        refused = link.granted.rejections if link.granted else ()
        self._right.addWidget(heading(tr("Asked for and not granted")))
        if not refused:
            self._right.addWidget(self._words(tr("✓ Everything that was asked for was granted.")))
        for one in refused:
            text = tr("▲ {asked}").format(asked=one.asked)
            if one.granted:
                text += tr("  →  {granted}").format(granted=one.granted)
            self._right.addWidget(self._words(text, "notice"))
            if one.reason:
                self._right.addWidget(self._words(one.reason))

    def _words(self, text: str, name: str = "muted") -> QLabel:
        label = words(name)
        label.setText(text)
        return label


def fact_grid(theme: Theme, facts: list[Fact]) -> QGridLayout:
    """`facts` in two columns, aligned; what asks for attention has a sign and a colour."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnMinimumWidth(0, theme.px(104))
    grid.setColumnStretch(1, 1)
    for line, fact in enumerate(facts):
        what = words("muted", wrap=False)
        what.setText(fact.what)
        grid.addWidget(what, line, 0, Qt.AlignmentFlag.AlignTop)
        how = words("notice" if fact.warn else "")
        how.setText(f"▲ {fact.how}" if fact.warn else fact.how)
        how.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(how, line, 1)
    return grid


def _empty(layout: QVBoxLayout | QGridLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        inner, widget = item.layout(), item.widget()
        if isinstance(inner, QVBoxLayout | QGridLayout):
            _empty(inner)
        elif widget is not None:
            widget.hide()
            widget.deleteLater()
