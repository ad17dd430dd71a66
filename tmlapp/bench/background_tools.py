"""Toolboxes for background models: several as one, calls with all their results, the announcement in OpenAI's form."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from tmlapp.core.errors import AppError
from tmlapp.core.event import ToolCall
from tmlapp.core.tool import BackgroundUse, CallCancelledError, Reply, Said, Toolbox, ToolSpec
from tmlapp.core.turn import DelegationResult, ToolResult

DELEGATE = "delegate"
"""The tool that hands work to a background agent; a call of it is no tool use of a benchmark."""

_log = logging.getLogger(__name__)


class CombinedToolbox:
    """Several toolboxes as one; each call goes to the one that announces it.

    Raises:
        AppError: two announce the same name.
    """

    def __init__(self, *toolboxes: Toolbox) -> None:
        self._owners: dict[str, Toolbox] = {}
        specs: list[ToolSpec] = []
        for toolbox in toolboxes:
            for spec in toolbox.specs:
                if spec.name in self._owners:
                    raise AppError(
                        f"Two tools are named {spec.name}.", "A call could not be told apart.", "Rename one of them."
                    )
                self._owners[spec.name] = toolbox
                specs.append(spec)
        self._specs = tuple(specs)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return self._specs

    def provenance(self) -> dict[str, Any]:
        """What answers, of those that say so; by the names of their tools."""
        found: dict[str, Any] = {}
        for toolbox in dict.fromkeys(self._owners.values()):
            stated = getattr(toolbox, "provenance", None)
            if stated is not None:
                found[", ".join(spec.name for spec in toolbox.specs)] = stated()
        return found

    def call(self, call: ToolCall, conversation: Sequence[Said], reply: Reply) -> None:
        owner = self._owners.get(call.name)
        if owner is None:
            reply(ToolResult(call.call_id, f"There is no tool {call.name!r}.", is_error=True))
        else:
            owner.call(call, conversation, reply)


def in_openai_form(specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """`tools` of a chat request."""
    return [
        {
            "type": "function",
            "function": {
                "name": spec.name,
                "description": spec.description,
                "parameters": dict(spec.parameters) or {"type": "object", "properties": {}},
            },
        }
        for spec in specs
    ]


def read_arguments(text: str) -> dict[str, Any] | None:
    """Arguments as a model wrote them; None where they are no JSON object. Nothing stands for an empty object."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def call_for_model(
    toolbox: Toolbox, call_id: str, name: str, arguments: str, conversation: Sequence[Said]
) -> BackgroundUse:
    """Make a call for a background model and wait for all of its results.

    Whatever goes wrong is a result with `is_error` that the model reads.
    """
    known = {spec.name for spec in toolbox.specs}
    read = read_arguments(arguments)
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        return BackgroundUse(
            name=name, arguments=arguments, output=f"There is no tool {name!r}. Tools: {names}.", is_error=True
        )
    if read is None:
        return BackgroundUse(name=name, arguments=arguments, output="The arguments are no JSON object.", is_error=True)
    pieces: list[str] = []
    wrong = False

    def reply(result: ToolResult | DelegationResult | BackgroundUse) -> None:
        nonlocal wrong
        if isinstance(result, ToolResult):
            pieces.append(result.output)
            wrong = wrong or result.is_error
        elif isinstance(result, DelegationResult):
            pieces.append(result.text)

    try:
        toolbox.call(ToolCall(call_id=call_id, name=name, arguments=read), conversation, reply)
    except CallCancelledError:
        raise
    except AppError as error:
        pieces, wrong = [f"{error.what} {error.why}"], True
    except Exception as error:  # noqa: BLE001 - a broken tool fails its call, never the task
        _log.error("the tool %s failed", name, exc_info=error)
        pieces, wrong = [f"The tool {name} failed: {type(error).__name__}."], True
    return BackgroundUse(name=name, arguments=read, output="".join(pieces), is_error=wrong)


def arguments_of(call: ToolCall) -> Mapping[str, Any]:
    """The arguments of a call; text is read as JSON, and what is no object counts as none."""
    if isinstance(call.arguments, str):
        return read_arguments(call.arguments) or {}
    return call.arguments
