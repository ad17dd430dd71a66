"""What options of `tmlapp bench` and `tmlapp data` have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import typer

if TYPE_CHECKING:
    from tmlapp.bench.background import AgentOptions

_WHOLE = ("max_steps", "max_tokens", "seed")
_FRACTIONS = ("max_seconds", "temperature")
_TEXTS = ("key_env", "token_field")


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


def agent_options(text: str, option: str) -> AgentOptions | None:
    """`MODEL@URL?key_env=NAME&max_steps=8` as who works in the background; None for an empty text.

    Raises:
        typer.BadParameter: it is none, or a member of it is not known.
    """
    from tmlapp.bench.background import AgentOptions

    if not text:
        return None
    body, _, query = text.partition("?")
    model, _, rest = body.rpartition("@http")
    if not model:
        raise typer.BadParameter(f"{text!r} is not MODEL@URL", param_hint=option)
    given: dict[str, Any] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in (*_WHOLE, *_FRACTIONS, *_TEXTS):
            raise typer.BadParameter(f"an agent has no {key!r}", param_hint=option)
        try:
            given[key] = int(value) if key in _WHOLE else float(value) if key in _FRACTIONS else value
        except ValueError as error:
            raise typer.BadParameter(f"{key} cannot be {value!r}", param_hint=option) from error
    if urlsplit("http" + rest).username is not None:
        # It would stand in run.json; the name of a variable may.
        raise typer.BadParameter("a key belongs into an environment variable: key_env=NAME", param_hint=option)
    return AgentOptions(model=model, url="http" + rest, **given)
