"""Commands that change the set itself, its speakers and its items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from tmlapp.bench.authoring.command import Command, change_item, put_for, put_in, with_fields, without
from tmlapp.bench.authoring.model import (
    ItemDraft,
    ItemSet,
    ModelError,
    Speaker,
    check_item,
    check_set,
    check_speaker,
)


@dataclass(frozen=True, slots=True)
class SetField(Command):
    """Change a member of the set."""

    title: ClassVar[str] = "change the set"
    name: Literal["name", "suite", "version", "licence", "author", "description", "changelog"]
    value: str

    def _changed(self, state: ItemSet) -> ItemSet:
        if self.name == "suite":
            _suite(self.value)
        found: ItemSet = with_fields(state, **{self.name: self.value})
        return found


@dataclass(frozen=True, slots=True)
class AddSpeaker(Command):
    """Add a speaker."""

    title: ClassVar[str] = "add the speaker"
    speaker: Speaker

    def _changed(self, state: ItemSet) -> ItemSet:
        return _checked(replace(state, speakers=(*state.speakers, self.speaker)))


@dataclass(frozen=True, slots=True)
class SetSpeaker(Command):
    """Replace what is known of a speaker; a new id moves the takes along."""

    title: ClassVar[str] = "change the speaker"
    speaker: str
    value: Speaker

    def _changed(self, state: ItemSet) -> ItemSet:
        found = replace(state, speakers=put_for(state.speakers, self.speaker, self.value))
        if self.value.id != self.speaker:
            found = replace(found, items=tuple(self._moved(item) for item in found.items))
        return _checked(found)

    def _moved(self, item: ItemDraft) -> ItemDraft:
        takes = tuple(replace(t, speaker=self.value.id) if t.speaker == self.speaker else t for t in item.takes)
        return replace(item, takes=takes)


@dataclass(frozen=True, slots=True)
class RemoveSpeaker(Command):
    """Remove a speaker whom no take names."""

    title: ClassVar[str] = "remove the speaker"
    speaker: str

    def _changed(self, state: ItemSet) -> ItemSet:
        return _checked(replace(state, speakers=without(state.speakers, self.speaker)))


@dataclass(frozen=True, slots=True)
class AddItem(Command):
    """Add an item at place `at`, or last."""

    title: ClassVar[str] = "add the item"
    item: ItemDraft
    at: int | None = None

    def _changed(self, state: ItemSet) -> ItemSet:
        return _with_items(state, put_in(state.items, self.item, self.at), self.item)


@dataclass(frozen=True, slots=True)
class RemoveItem(Command):
    """Remove an item; the files of its takes stay until somebody cleans up."""

    title: ClassVar[str] = "remove the item"
    item: str

    def _changed(self, state: ItemSet) -> ItemSet:
        return replace(state, items=without(state.items, self.item))


@dataclass(frozen=True, slots=True)
class RenameItem(Command):
    """Give an item another id; files keep their names."""

    title: ClassVar[str] = "rename the item"
    item: str
    to: str

    def _changed(self, state: ItemSet) -> ItemSet:
        item = replace(state.item(self.item), id=self.to)
        return _with_items(state, put_for(state.items, self.item, item), item)


@dataclass(frozen=True, slots=True)
class DuplicateItem(Command):
    """Put a copy behind an item. With `takes`, it has the same takes, which share their files; else none."""

    title: ClassVar[str] = "duplicate the item"
    item: str
    to: str
    takes: bool = False

    def _changed(self, state: ItemSet) -> ItemSet:
        copy = replace(state.item(self.item), id=self.to)
        if not self.takes:
            copy = replace(copy, takes=(), best=None)
        at = [i.id for i in state.items].index(self.item) + 1
        return _with_items(state, put_in(state.items, copy, at), copy)


@dataclass(frozen=True, slots=True)
class MoveItem(Command):
    """Put an item at place `to`, counted without it."""

    title: ClassVar[str] = "move the item"
    item: str
    to: int

    def _changed(self, state: ItemSet) -> ItemSet:
        item = state.item(self.item)
        return replace(state, items=put_in(without(state.items, self.item), item, self.to))


@dataclass(frozen=True, slots=True)
class SetItemField(Command):
    """Change a text of an item."""

    title: ClassVar[str] = "change the item"
    item: str
    name: Literal[
        "suite", "category", "lang", "instruction", "script", "notes", "author", "licence", "created_at", "extra"
    ]
    value: str

    def _changed(self, state: ItemSet) -> ItemSet:
        if self.name == "suite":
            _suite(self.value)
        return change_item(state, self.item, lambda item: with_fields(item, **{self.name: self.value}))


def _suite(name: str) -> None:
    if name not in ("timespeak", "cuespeak"):
        raise ModelError(f"the suite is {name[:40]!r}, not timespeak or cuespeak")


def _checked(state: ItemSet) -> ItemSet:
    check_set(state)
    return state


def _with_items(state: ItemSet, items: tuple[ItemDraft, ...], new: ItemDraft) -> ItemSet:
    """`state` with `items`, of which `new` alone has to be checked."""
    if sum(item.id == new.id for item in items) > 1:
        raise ModelError(f"two are called {new.id[:60]!r}: each item has an id of its own")
    check_item(new)
    for take in new.takes:
        check_speaker(state, take)
    return replace(state, items=items)
