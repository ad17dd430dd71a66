"""Frozen dataclasses as plain JSON and back, with every type checked: what a file says is never taken on trust."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

LIMIT = 1 << 53
"""Numbers from here on are not exact in every reader of JSON."""


class FormError(ValueError):
    """Why a JSON value is not what was expected; names the place."""


def to_json(value: object) -> Any:
    """Texts, whole numbers, booleans, None, tuples and dataclasses of them, as plain JSON values.

    Raises:
        TypeError: something else, for example a fraction: times are whole samples.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, tuple):
        return [to_json(v) for v in value]
    if is_dataclass(value):
        return {name: to_json(getattr(value, name)) for name in _names(cast(Any, type(value)))}
    raise TypeError(f"{type(value).__name__} has no place in a set of items")


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def from_json(kind: type[T], raw: object, where: str = "") -> T:
    """The dataclass `kind` from what `to_json` made of it. Members with a default may be missing, none may be foreign.

    Raises:
        FormError: a member is missing, foreign, or of another type.
    """
    try:
        return cast(T, _reader(cast(Any, kind))(raw))
    except _OffError as error:
        path = "".join(reversed(error.path))
        raise FormError(f"{(where + path).removeprefix('.') or 'the value'} {error.why}") from None


class _OffError(Exception):
    """What is off; the path to it is put together on the way out, so that what is right costs nothing."""

    def __init__(self, why: str, *path: str) -> None:
        super().__init__(why)
        self.why = why
        self.path = list(path)


Reader = Callable[[object], Any]


@cache
def _reader(kind: Any) -> Reader:
    """What turns JSON into a value of `kind`."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in (str, int, bool):
        return partial(_read_plain, kind)
    if origin is Literal:
        return partial(_read_choice, args)
    if origin in (Union, UnionType):
        return partial(_read_optional, _reader(next(a for a in args if a is not NoneType)))
    if origin is tuple:
        return partial(_read_tuple, _reader(args[0]))
    hints = get_type_hints(kind)
    # A default of any kind differs from the marker that dataclasses use for none.
    needed = {f.name for f in fields(kind) if f.default is f.default_factory}
    return partial(_read_members, kind, {name: _reader(hints[name]) for name in _names(kind)}, needed)


def _read_plain(kind: type, raw: object) -> Any:
    if type(raw) is not kind:
        raise _OffError(f"is {_shown(raw)}, not {_KINDS[kind]}")
    if kind is int and not abs(cast(int, raw)) < LIMIT:
        raise _OffError(f"is {_shown(raw)}, which is too much")
    return raw


def _read_choice(choices: tuple[str, ...], raw: object) -> Any:
    if not (isinstance(raw, str) and raw in choices):
        raise _OffError(f"is {_shown(raw)}, not one of {', '.join(choices)}")
    return raw


def _read_optional(reader: Reader, raw: object) -> Any:
    return None if raw is None else reader(raw)


def _read_tuple(reader: Reader, raw: object) -> Any:
    if not isinstance(raw, list):
        raise _OffError(f"is {_shown(raw)}, not a list")
    found = []
    try:
        for value in raw:
            found.append(reader(value))
    except _OffError as error:
        error.path.append(f"[{len(found)}]")
        raise
    return tuple(found)


def _read_members(kind: type, readers: dict[str, Reader], needed: set[str], raw: object) -> Any:
    if not isinstance(raw, dict):
        raise _OffError(f"is {_shown(raw)}, not an object")
    found, name = {}, ""
    try:
        for name, value in raw.items():
            reader = readers.get(name)
            if reader is None:
                raise _OffError(f"is no member of {kind.__name__}")
            found[name] = reader(value)
    except _OffError as error:
        error.path.append(f".{name}")
        raise
    for name in readers:
        if name in needed and name not in found:
            raise _OffError("is missing", f".{name}")
    return kind(**found)


_KINDS = {str: "a text", int: "a whole number", bool: "true or false"}


def _shown(raw: object) -> str:
    return "missing" if raw is None else ascii(raw)[:40]
