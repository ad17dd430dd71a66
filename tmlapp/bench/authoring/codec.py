"""Frozen dataclasses as plain JSON and back, with every type checked: what a file says is never taken on trust."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


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
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a set of items")


def from_json(kind: type[T], raw: object, where: str = "") -> T:
    """The dataclass `kind` from what `to_json` made of it. Members with a default may be missing, none may be foreign.

    Raises:
        FormError: a member is missing, foreign, or of another type.
    """
    return cast(T, _read(kind, raw, where))


@cache
def _members(kind: type) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    # A default of any kind differs from the marker that dataclasses use for none.
    return {f.name: (hints[f.name], f.default is f.default_factory) for f in fields(kind)}


def _read(kind: Any, raw: object, where: str) -> Any:
    if kind in (str, int, bool, NoneType):
        if type(raw) is not kind:
            raise FormError(f"{where or 'the value'} is {_shown(raw)}, not {_NAMES[kind]}")
        return raw
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        if not (isinstance(raw, str) and raw in args):
            raise FormError(f"{where} is {_shown(raw)}, not one of {', '.join(args)}")
        return raw
    if origin in (Union, UnionType):
        return None if raw is None else _read(next(a for a in args if a is not NoneType), raw, where)
    if origin is tuple:
        if not isinstance(raw, list):
            raise FormError(f"{where} is {_shown(raw)}, not a list")
        return tuple(_read(args[0], v, f"{where}[{i}]") for i, v in enumerate(raw))
    return _read_members(kind, raw, where)


def _read_members(kind: Any, raw: object, where: str) -> Any:
    if not isinstance(raw, dict):
        raise FormError(f"{where or 'the value'} is {_shown(raw)}, not an object")
    members, dot = _members(kind), f"{where}." if where else ""
    if foreign := [name for name in raw if name not in members]:
        raise FormError(f"{dot}{foreign[0]} is no member of {kind.__name__}")
    found = {}
    for name, (member, needed) in members.items():
        if name in raw:
            found[name] = _read(member, raw[name], dot + name)
        elif needed:
            raise FormError(f"{dot}{name} is missing")
    return kind(**found)


_NAMES = {str: "a text", int: "a whole number", bool: "true or false", NoneType: "null"}


def _shown(raw: object) -> str:
    return "missing" if raw is None else ascii(raw)[:40]
