"""What was asked for against what the service answered: nothing that it changed goes unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tmlapp.core.event import Rejection
from tmlapp.endpoints.openai_family.fields import Message

_SAME = 1e-6
_MOST = 1e15
_UNSAID = "The service's answer does not mention it."


def differences(asked: Message, echoed: Message) -> tuple[Rejection, ...]:
    """A rejection for every setting in `asked` that `echoed` does not have, or has otherwise."""
    return tuple(_differences(asked, echoed, ""))


def _differences(asked: Message, echoed: Message, path: str) -> Iterator[Rejection]:
    for key, wanted in asked.items():
        name = f"{path}{key}"
        if key not in echoed:
            if wanted is not None:
                yield Rejection(asked=_said(name, wanted), granted="", reason=_UNSAID)
            continue
        got = echoed[key]
        if isinstance(wanted, Mapping) and isinstance(got, Mapping):
            yield from _differences(wanted, got, f"{name}.")
        elif not _same(wanted, got):
            yield Rejection(asked=_said(name, wanted), granted=_short(got), reason="The service uses another value.")


def _same(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        # A number of a thousand digits cannot be subtracted from a float.
        return abs(got) < _MOST and abs(wanted - got) <= _SAME * max(1.0, abs(wanted))
    if isinstance(wanted, str) and isinstance(got, Mapping):
        return got.get("name") == wanted
    if isinstance(wanted, list) and isinstance(got, list):
        return _names(wanted) == _names(got)
    return bool(wanted == got)


def _names(values: list[Any]) -> list[str]:
    """Tools by their names: a service may repeat a schema in other words."""
    return sorted(str(v["name"]) if isinstance(v, Mapping) and "name" in v else json.dumps(v) for v in values)


def _said(name: str, value: Any) -> str:
    return f"{name}: {_short(value)}"


def _short(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 120 else said[:119] + "…"
