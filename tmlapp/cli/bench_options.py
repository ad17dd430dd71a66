"""What options of `tmlapp bench` and `tmlapp data` have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping.

    Raises:
        typer.BadParameter: one of them is none, or a key is given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint=option)
        if key in found:
            raise typer.BadParameter(f"{key} is given twice", param_hint=option)
        found[key] = value
    return found


def values(texts: Sequence[str], option: str) -> dict[str, Any]:
    """`KEY=VALUE` texts with values as in JSON (`true`, `2.5`, `[1, 2]`); anything else is text.

    Raises:
        typer.BadParameter: as `pairs`.
    """
    return {key: _value(text) for key, text in pairs(texts, option).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def one_of(text: str, allowed: Sequence[str], option: str) -> Any:
    """`text`, where it is allowed.

    Raises:
        typer.BadParameter: it is not.
    """
    if text not in allowed:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(allowed)}", param_hint=option)
    return text
