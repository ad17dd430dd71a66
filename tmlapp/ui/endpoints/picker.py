"""The menu below the endpoint's name: profiles, the model that came with the app, what was used lately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget, QWidgetAction

from tmlapp.ui.endpoints.recent import address_text
from tmlapp.ui.endpoints.sheet import endpoint_sheet
from tmlapp.ui.items.parts import words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

EMBEDDED = "onnx:tiny"


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint to choose: its address, and what is said about it."""

    address: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the menu offers; `trouble` says why profiles could not be read."""

    profiles: Sequence[Entry] = ()
    recent: Sequence[str] = ()
    trouble: str = ""


class Picker(QMenu):
    """Rebuilt each time it opens. `choose` gets an address."""

    def __init__(self, parent: QWidget, choose: Callable[[str], object]) -> None:
        super().__init__(parent)
        self._choose = choose
        self.setAccessibleName(tr("Endpoints"))
        self.setToolTipsVisible(True)

    def set_theme(self, theme: Theme) -> None:
        self.setStyleSheet(endpoint_sheet(theme))

    def fill(self, choices: Choices, current: str, *, locked: bool, more: Sequence[QAction]) -> None:
        """Offer `choices`, `current` ticked; while `locked` nothing can be changed. `more` are commands below."""
        self.clear()
        group = QActionGroup(self)
        listed = [EMBEDDED, *(e.address for e in choices.profiles)]
        self._section(tr("On this machine"))
        self._entry(group, Entry(EMBEDDED, tr("onnx · tiny, the model that came with the app")), current, locked)
        self._section(tr("Profiles"))
        for entry in choices.profiles:
            self._entry(group, entry, current, locked)
        if choices.trouble:
            self._section(f"▲ {choices.trouble}")
        elif not choices.profiles:
            self._section(tr("None yet: a profile says how a remote model is reached"))
        recent = [a for a in dict.fromkeys((current, *choices.recent)) if a not in listed]
        if recent:
            self._section(tr("Used lately"))
        for address in recent:
            self._entry(group, Entry(address, address_text(address)), current, locked)
        self.addSeparator()
        for action in more:
            self.addAction(action)

    def entries(self) -> list[str]:
        """The addresses on offer, in order."""
        return [str(a.data()) for a in self.actions() if a.data()]

    def _section(self, text: str) -> None:
        label = words("section")
        label.setText(text)
        label.setWordWrap(False)
        label.setContentsMargins(14, 7, 14, 3)
        action = QWidgetAction(self)
        action.setDefaultWidget(label)
        action.setText(text)
        action.setEnabled(False)
        self.addAction(action)

    def _entry(self, group: QActionGroup, entry: Entry, current: str, locked: bool) -> None:
        action = self.addAction(entry.text)
        action.setData(entry.address)
        action.setCheckable(True)
        action.setChecked(entry.address == current)
        action.setEnabled(not locked)
        action.setToolTip(entry.address)
        group.addAction(action)
        action.triggered.connect(lambda _checked=False, a=entry.address: self._choose(a))
