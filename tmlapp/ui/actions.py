"""Every command of the window, registered once; menu, palette, tooltips and the shortcut sheet are fed from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person can ask for.

    Attributes:
        key: stable name, `group.verb`.
        title: as shown, sentence case; "…" where more is asked.
        shortcut: as Qt writes it, e.g. `Ctrl+K`; several are separated by ` | `.
        help: one sentence for the tooltip.
        group: heading in menu and shortcut sheet.
        checkable: it is a state that is on or off.
        listed: shown in menu and palette.
        workspace: where it can be asked for; empty for everywhere. Two workspaces may share a key.
        keys: what the shortcut sheet says in place of the shortcut; `-` leaves the command out of it.
    """

    key: str
    title: str
    shortcut: str
    help: str
    group: str
    icon: str = ""
    checkable: bool = False
    listed: bool = True
    keys: str = ""
    workspace: str = ""

    @property
    def sheet(self) -> str:
        """How the shortcut sheet names the key; empty for none."""
        return "" if self.keys == "-" else self.keys or self.shortcut.replace(" | ", ", ")


class Actions(QObject):
    """The commands of one window, as `QAction`s that belong to it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._commands: dict[str, Command] = {}
        self._withheld: set[str] = set()
        self._workspace = ""

    def add(self, command: Command, do: Callable[[], object]) -> QAction:
        """Register `command`; `do` runs when it is triggered by any way."""
        action = QAction(command.title, self._window)
        action.setObjectName(command.key)
        sequences = [QKeySequence(s) for s in command.shortcut.split(" | ") if s]
        action.setShortcuts(sequences)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(False)
        action.setCheckable(command.checkable)
        hint = f" ({shortcut_text(command)})" if command.shortcut else ""
        action.setToolTip(f"{command.help}{hint}")
        action.setStatusTip(command.help)
        action.triggered.connect(lambda _checked=False: do())
        self._window.addAction(action)
        self._actions[command.key] = action
        self._commands[command.key] = command
        self._show(command)
        return action

    def offer(self, key: str, offered: bool) -> None:
        """Leave the command `key` out everywhere while it makes no sense, or bring it back."""
        if offered:
            self._withheld.discard(key)
        else:
            self._withheld.add(key)
        self._show(self._commands[key])

    def enter(self, workspace: str) -> None:
        """Offer the commands of `workspace` and those of the whole window; the keys of all others are free."""
        self._workspace = workspace
        for command in self._commands.values():
            self._show(command)

    def offered(self, command: Command) -> bool:
        """True if it can be asked for where the person is now."""
        here = command.workspace in ("", self._workspace)
        return here and command.key not in self._withheld

    def _show(self, command: Command) -> None:
        # What is not visible has no key either.
        self._actions[command.key].setVisible(self.offered(command))

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def command(self, key: str) -> Command:
        return self._commands[key]

    def commands(self) -> list[Command]:
        """All commands in the order of their registration."""
        return list(self._commands.values())

    def groups(self) -> dict[str, list[Command]]:
        """Commands by heading, in order."""
        grouped: dict[str, list[Command]] = {}
        for command in self._commands.values():
            grouped.setdefault(command.group, []).append(command)
        return grouped


def shortcut_text(command: Command) -> str:
    """The first shortcut of `command` as the platform writes it."""
    first = command.shortcut.split(" | ")[0]
    return QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText)
