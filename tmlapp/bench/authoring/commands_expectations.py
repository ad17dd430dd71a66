"""Commands that change what is expected in a take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from tmlapp.bench.authoring.command import Command, change_take, put_for, put_in, without
from tmlapp.bench.authoring.model import Expectation, ItemSet, Span, Take


@dataclass(frozen=True, slots=True)
class AddExpectation(Command):
    """Add an expectation at place `at`, or last."""

    title: ClassVar[str] = "add the expectation"
    item: str
    take: str
    expectation: Expectation
    at: int | None = None

    def _changed(self, state: ItemSet) -> ItemSet:
        return _change(state, self.item, self.take, lambda found: put_in(found, self.expectation, self.at))


@dataclass(frozen=True, slots=True)
class RemoveExpectation(Command):
    """Remove an expectation."""

    title: ClassVar[str] = "remove the expectation"
    item: str
    take: str
    expectation: str

    def _changed(self, state: ItemSet) -> ItemSet:
        return _change(state, self.item, self.take, lambda found: without(found, self.expectation))


@dataclass(frozen=True, slots=True)
class SetExpectation(Command):
    """Replace an expectation by another version of it; its id may change."""

    title: ClassVar[str] = "change the expectation"
    item: str
    take: str
    expectation: str
    value: Expectation

    def _changed(self, state: ItemSet) -> ItemSet:
        return _change(state, self.item, self.take, lambda found: put_for(found, self.expectation, self.value))


@dataclass(frozen=True, slots=True)
class SetWindow(Command):
    """Set the edges of a window."""

    title: ClassVar[str] = "move the window"
    item: str
    take: str
    expectation: str
    window: Span

    def _changed(self, state: ItemSet) -> ItemSet:
        return _change_one(state, self, lambda found: replace(found, window=self.window))


@dataclass(frozen=True, slots=True)
class SetCue(Command):
    """Set what makes the model speak, and the reference moment. The window stays where it is."""

    title: ClassVar[str] = "move the cue"
    item: str
    take: str
    expectation: str
    cue: Span
    t_ref: int

    def _changed(self, state: ItemSet) -> ItemSet:
        return _change_one(state, self, lambda found: replace(found, cue=self.cue, t_ref=self.t_ref))


@dataclass(frozen=True, slots=True)
class ReplaceExpectations(Command):
    """Replace all expectations of a take by those that a template, another take or a file gave.

    The outcome is in the command, not the rule that made it: a replay by a later version gives the same.
    """

    title: ClassVar[str] = "replace the expectations"
    item: str
    take: str
    expectations: tuple[Expectation, ...]
    by: Literal["template", "copy", "drops", "file"]

    def _changed(self, state: ItemSet) -> ItemSet:
        return _change(state, self.item, self.take, lambda _: self.expectations)


def _change_one(state: ItemSet, command: SetWindow | SetCue, change: Callable[[Expectation], Expectation]) -> ItemSet:
    def changed(found: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        value = next((e for e in found if e.id == command.expectation), None)
        if value is None:
            raise KeyError(command.expectation)
        return put_for(found, command.expectation, change(value))

    return _change(state, command.item, command.take, changed)


def _change(
    state: ItemSet, item: str, take: str, change: Callable[[tuple[Expectation, ...]], tuple[Expectation, ...]]
) -> ItemSet:
    def changed(found: Take) -> Take:
        return replace(found, expectations=change(found.expectations))

    return change_take(state, item, take, changed)
