"""What every command of the editor has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from tmlapp.bench.authoring import codec
from tmlapp.bench.authoring.model import (
    ItemDraft,
    ItemSet,
    ModelError,
    N,
    Take,
    check_item,
    check_speaker,
    with_item,
    with_take,
)
from tmlapp.core.errors import AppError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command(ABC):
    """One change of a set, as a value: the same command on the same state gives the same state, today and on replay.

    `title` names it in menus ("Undo: move the window").
    """

    title: ClassVar[str]

    def apply(self, state: ItemSet) -> ItemSet:
        """The changed state; `state` itself never changes.

        Raises:
            AppError: the command names something that is not there, or the outcome would contradict itself.
        """
        try:
            return self._changed(state)
        except ModelError as error:
            text = str(error)
            raise cannot(self.title, f"{text[:1].upper()}{text[1:]}.") from error
        except KeyError as error:
            raise cannot(self.title, f"The set has no {ascii(error.args[0])[:60]} there.") from error

    @abstractmethod
    def _changed(self, state: ItemSet) -> ItemSet: ...

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `commands.from_json` reads them."""
        members: dict[str, Any] = codec.to_json(self)
        return {"command": type(self).__name__, **members}


def cannot(title: str, why: str) -> AppError:
    """The error of a command that changes nothing."""
    return AppError(f"Cannot {title}.", why, "Nothing was changed; correct it and try again.")


def change_item(state: ItemSet, name: str, change: Callable[[ItemDraft], ItemDraft]) -> ItemSet:
    """`state` with one item changed and checked."""

    def checked(item: ItemDraft) -> ItemDraft:
        found = change(item)
        check_item(found)
        return found

    return with_item(state, name, checked)


def change_take(state: ItemSet, item: str, take: str, change: Callable[[Take], Take]) -> ItemSet:
    """`state` with one take changed and checked."""
    found = change_item(state, item, lambda draft: with_take(draft, take, change))
    check_speaker(found, found.item(item).take(take))
    return found


def put_in(values: tuple[T, ...], value: T, at: int | None) -> tuple[T, ...]:
    """`values` with `value` at place `at`, or last.

    Raises:
        ModelError: there is no such place.
    """
    if at is None:
        return (*values, value)
    if not 0 <= at <= len(values):
        raise ModelError(f"there is no place {at} among {len(values)}")
    return (*values[:at], value, *values[at:])


def put_for(values: tuple[N, ...], name: str, new: N) -> tuple[N, ...]:
    """`values` with the one whose id is `name` replaced.

    Raises:
        KeyError: there is none.
    """
    if name not in [v.id for v in values]:
        raise KeyError(name)
    return tuple(new if v.id == name else v for v in values)


def without(values: tuple[N, ...], name: str) -> tuple[N, ...]:
    """`values` without the one whose id is `name`.

    Raises:
        KeyError: there is none.
    """
    left = tuple(v for v in values if v.id != name)
    if len(left) == len(values):
        raise KeyError(name)
    return left


def with_fields(value: Any, **changes: Any) -> Any:
    """`dataclasses.replace`, for members that are named at run time."""
    return replace(value, **changes)
