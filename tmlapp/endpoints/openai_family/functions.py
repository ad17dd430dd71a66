"""Tools as the services of this family are told of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tmlapp.core.tool import ToolSpec


def function_tools(tools: Iterable[ToolSpec]) -> list[dict[str, Any]]:
    """Each as a function with its JSON schema; one without parameters takes an empty object."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
        }
        for tool in tools
    ]
