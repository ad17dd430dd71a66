"""Every command of the editor, by name; the journal and the window use this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tmlapp.bench.authoring import codec
from tmlapp.bench.authoring.codec import FormError
from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.commands_expectations import (
    AddExpectation,
    RemoveExpectation,
    ReplaceExpectations,
    SetCue,
    SetExpectation,
    SetWindow,
)
from tmlapp.bench.authoring.commands_items import (
    AddItem,
    AddSpeaker,
    DuplicateItem,
    MoveItem,
    RemoveItem,
    RemoveSpeaker,
    RenameItem,
    SetField,
    SetItemField,
    SetSpeaker,
)
from tmlapp.bench.authoring.commands_takes import (
    AddTake,
    AddWord,
    ChooseBest,
    DiscardTake,
    RemoveTake,
    RemoveWord,
    ReplaceWords,
    RestoreTake,
    SetInstructionSpan,
    SetStop,
    SetTakeSpeaker,
    SetWord,
)
from tmlapp.bench.authoring.model import ItemSet

__all__ = [
    "COMMANDS",
    "AddExpectation",
    "AddItem",
    "AddSpeaker",
    "AddTake",
    "AddWord",
    "ChooseBest",
    "Command",
    "DiscardTake",
    "DuplicateItem",
    "MoveItem",
    "RemoveExpectation",
    "RemoveItem",
    "RemoveSpeaker",
    "RemoveTake",
    "RemoveWord",
    "RenameItem",
    "ReplaceExpectations",
    "ReplaceWords",
    "RestoreTake",
    "SetCue",
    "SetExpectation",
    "SetField",
    "SetInstructionSpan",
    "SetItemField",
    "SetSpeaker",
    "SetStop",
    "SetTakeSpeaker",
    "SetWindow",
    "SetWord",
    "Together",
    "from_json",
]


@dataclass(frozen=True, slots=True)
class Together(Command):
    """Several commands that are done and undone as one: all of them or none. `label` names them."""

    title: ClassVar[str] = "change several things"
    commands: tuple[Command, ...]
    label: str = ""

    def _changed(self, state: ItemSet) -> ItemSet:
        for command in self.commands:
            state = command.apply(state)
        return state

    def to_json(self) -> dict[str, Any]:
        """As of any command."""
        return {"command": "Together", "commands": [c.to_json() for c in self.commands], "label": self.label}


_KINDS: tuple[type[Command], ...] = (
    AddExpectation, AddItem, AddSpeaker, AddTake, AddWord, ChooseBest, DiscardTake, DuplicateItem, MoveItem,
    RemoveExpectation, RemoveItem, RemoveSpeaker, RemoveTake, RemoveWord, RenameItem, ReplaceExpectations,
    ReplaceWords, RestoreTake, SetCue, SetExpectation, SetField, SetInstructionSpan, SetItemField, SetSpeaker,
    SetStop, SetTakeSpeaker, SetWindow, SetWord,
)  # fmt: skip
COMMANDS = {kind.__name__: kind for kind in _KINDS}
"""Every command but `Together` by the name that stands in the journal."""


def from_json(raw: object) -> Command:
    """The command that `to_json` wrote.

    Raises:
        FormError: it is none.
    """
    if not isinstance(raw, dict):
        raise FormError("a command is not an object")
    members = {key: value for key, value in raw.items() if key != "command"}
    name = raw.get("command")
    if name == "Together":
        inner = members.get("commands")
        if set(members) != {"commands", "label"} or not isinstance(inner, list):
            raise FormError("a command of several parts has no parts")
        return Together(tuple(from_json(c) for c in inner), codec.from_json(str, members["label"], "label"))
    if not isinstance(name, str) or name not in COMMANDS:
        raise FormError(f"there is no command {ascii(name)[:60]}")
    return codec.from_json(COMMANDS[name], members)
