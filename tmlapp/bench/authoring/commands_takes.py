"""Commands that change takes: which there are, which is best, who speaks, and what is said in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from tmlapp.bench.authoring.command import Command, change_item, change_take, without
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, ModelError, Span, Take, UserWord, check_speaker, with_take


@dataclass(frozen=True, slots=True)
class AddTake(Command):
    """Add a take, last; the first one that is not discarded becomes the best."""

    title: ClassVar[str] = "add the take"
    item: str
    take: Take

    def _changed(self, state: ItemSet) -> ItemSet:
        check_speaker(state, self.take)
        return change_item(state, self.item, self._added)

    def _added(self, item: ItemDraft) -> ItemDraft:
        best = self.take.id if item.best is None and not self.take.discarded else item.best
        return replace(item, takes=(*item.takes, self.take), best=best)


@dataclass(frozen=True, slots=True)
class RemoveTake(Command):
    """Remove a take; its files stay until somebody cleans up."""

    title: ClassVar[str] = "remove the take"
    item: str
    take: str

    def _changed(self, state: ItemSet) -> ItemSet:
        return change_item(state, self.item, self._left)

    def _left(self, item: ItemDraft) -> ItemDraft:
        left = without(item.takes, self.take)
        return _with_best(replace(item, takes=left, best=None if item.best == self.take else item.best))


@dataclass(frozen=True, slots=True)
class DiscardTake(Command):
    """Set a take aside; it is kept. If it was the best, the next one that is not discarded is."""

    title: ClassVar[str] = "discard the take"
    item: str
    take: str

    def _changed(self, state: ItemSet) -> ItemSet:
        return change_item(state, self.item, self._discarded)

    def _discarded(self, item: ItemDraft) -> ItemDraft:
        found = with_take(item, self.take, lambda take: replace(take, discarded=True))
        return _with_best(replace(found, best=None)) if item.best == self.take else found


@dataclass(frozen=True, slots=True)
class RestoreTake(Command):
    """Take back that a take was discarded."""

    title: ClassVar[str] = "restore the take"
    item: str
    take: str

    def _changed(self, state: ItemSet) -> ItemSet:
        def restored(item: ItemDraft) -> ItemDraft:
            return _with_best(with_take(item, self.take, lambda take: replace(take, discarded=False)))

        return change_item(state, self.item, restored)


def _with_best(item: ItemDraft) -> ItemDraft:
    """The newest take is most likely the one that was meant to be better."""
    left = [take.id for take in item.takes if not take.discarded]
    return replace(item, best=left[-1] if item.best is None and left else item.best)


@dataclass(frozen=True, slots=True)
class ChooseBest(Command):
    """Choose the take that is exported, or none."""

    title: ClassVar[str] = "choose the best take"
    item: str
    take: str | None

    def _changed(self, state: ItemSet) -> ItemSet:
        return change_item(state, self.item, lambda item: replace(item, best=self.take))


@dataclass(frozen=True, slots=True)
class SetTakeSpeaker(Command):
    """Say who speaks in a take; an empty id: nobody known."""

    title: ClassVar[str] = "change the speaker of the take"
    item: str
    take: str
    speaker: str

    def _changed(self, state: ItemSet) -> ItemSet:
        return change_take(state, self.item, self.take, lambda take: replace(take, speaker=self.speaker))


@dataclass(frozen=True, slots=True)
class SetInstructionSpan(Command):
    """Say where the instruction is said, or that this is not known."""

    title: ClassVar[str] = "set the span of the instruction"
    item: str
    take: str
    span: Span | None

    def _changed(self, state: ItemSet) -> ItemSet:
        return change_take(state, self.item, self.take, lambda take: replace(take, instruction=self.span))


@dataclass(frozen=True, slots=True)
class SetStop(Command):
    """Say when the user asks to stop; None: never."""

    title: ClassVar[str] = "set when the user asks to stop"
    item: str
    take: str
    at: int | None

    def _changed(self, state: ItemSet) -> ItemSet:
        return change_take(state, self.item, self.take, lambda take: replace(take, stop=self.at))


@dataclass(frozen=True, slots=True)
class AddWord(Command):
    """Add words that the user says; all words stay in order of time."""

    title: ClassVar[str] = "add the words"
    item: str
    take: str
    word: UserWord

    def _changed(self, state: ItemSet) -> ItemSet:
        return _with_words(state, self.item, self.take, lambda words: (*words, self.word))


@dataclass(frozen=True, slots=True)
class SetWord(Command):
    """Replace the words at place `at`."""

    title: ClassVar[str] = "change the words"
    item: str
    take: str
    at: int
    word: UserWord

    def _changed(self, state: ItemSet) -> ItemSet:
        def changed(words: tuple[UserWord, ...]) -> tuple[UserWord, ...]:
            _place(words, self.at)
            return (*words[: self.at], self.word, *words[self.at + 1 :])

        return _with_words(state, self.item, self.take, changed)


@dataclass(frozen=True, slots=True)
class RemoveWord(Command):
    """Remove the words at place `at`."""

    title: ClassVar[str] = "remove the words"
    item: str
    take: str
    at: int

    def _changed(self, state: ItemSet) -> ItemSet:
        def changed(words: tuple[UserWord, ...]) -> tuple[UserWord, ...]:
            _place(words, self.at)
            return (*words[: self.at], *words[self.at + 1 :])

        return _with_words(state, self.item, self.take, changed)


@dataclass(frozen=True, slots=True)
class ReplaceWords(Command):
    """Replace all words of a take."""

    title: ClassVar[str] = "replace the words"
    item: str
    take: str
    words: tuple[UserWord, ...]

    def _changed(self, state: ItemSet) -> ItemSet:
        return _with_words(state, self.item, self.take, lambda _: self.words)


def _place(words: tuple[UserWord, ...], at: int) -> None:
    if not 0 <= at < len(words):
        raise ModelError(f"there is no place {at} among {len(words)} words")


def _with_words(
    state: ItemSet, item: str, take: str, change: Callable[[tuple[UserWord, ...]], tuple[UserWord, ...]]
) -> ItemSet:
    def changed(found: Take) -> Take:
        words = sorted(change(found.user_words), key=lambda w: (w.span.t0, w.span.t1))
        return replace(found, user_words=tuple(words))

    return change_take(state, item, take, changed)
