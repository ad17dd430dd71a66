"""Arbitrary events, made from the annotations of the event classes themselves."""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields
from typing import Any

from hypothesis import strategies as st

from tmlapp.core import event as events
from tmlapp.core.event import EVENT_TYPES, Granted, Rejection

_TEXT = st.text(max_size=20)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
_JSON = st.recursive(
    st.none() | st.booleans() | _TEXT | st.integers(-(2**53), 2**53), lambda c: st.lists(c, max_size=3)
)
_ATOMS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**62), 2**62),
    float: _FLOATS,
    str: _TEXT,
    bool: st.booleans(),
    bytes: st.binary(max_size=64),
    type(None): st.none(),
    Any: _JSON,
}


def of_annotation(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation as it stands in `core.event`."""
    if kind in _ATOMS:
        return _ATOMS[kind]
    if kind in (Granted, Rejection):
        return of_class(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([of_annotation(a) for a in args])
    if origin is tuple:
        return st.lists(of_annotation(args[0]), max_size=3).map(tuple)
    if origin is list:
        return st.lists(of_annotation(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(of_annotation(args[0]), of_annotation(args[1]), max_size=3)
    raise NotImplementedError(f"no strategy for {kind}")


def of_class(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Values of a dataclass; members with a default may be left out."""
    hints = typing.get_type_hints(cls, vars(events))
    if cls is events.AudioOut:
        return st.builds(cls, pcm16=st.binary(max_size=64), rate=st.integers(1, 192_000), text=_TEXT, seq=_ATOMS[int])
    needed = {f.name: of_annotation(hints[f.name]) for f in fields(cls) if _is_needed(f)}
    optional = {f.name: of_annotation(hints[f.name]) for f in fields(cls) if not _is_needed(f)}
    return st.fixed_dictionaries(needed, optional=optional).map(lambda members: cls(**members))


def _is_needed(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def any_event() -> st.SearchStrategy[Any]:
    """An event of any class."""
    return st.sampled_from(sorted(EVENT_TYPES)).flatmap(lambda name: of_class(EVENT_TYPES[name]))
