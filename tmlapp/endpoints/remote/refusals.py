"""What a protocol has no place for, said once: in what was granted, or when it is first tried."""

from __future__ import annotations

from collections.abc import Iterator

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import EndpointEvent, Rejection
from tmlapp.core.turn import DelegationResult, MicroTurn, ToolResult
from tmlapp.endpoints.remote.errors import endpoint_error


def rejected(setup: EndpointSetup, *, instruction: str = "", tools: str = "", history: str = "") -> Iterator[Rejection]:
    """What `setup` asks for and the protocol has no place for; each argument says why, empty where it has one."""
    if instruction and setup.instruction:
        yield Rejection(asked="instruction", granted="none", reason=instruction)
    if tools and setup.tools:
        names = ", ".join(tool.name for tool in setup.tools)
        yield Rejection(asked=f"tools: {names}", granted="none", reason=tools)
    if history and setup.history:
        yield Rejection(asked=f"history of {len(setup.history)} turns", granted="none", reason=history)


class Refusals:
    """Tells of what micro-turns carry and the protocol cannot, once each.

    Args:
        pictures, texts, results: why they cannot be sent; empty where they can.
    """

    def __init__(self, *, pictures: str = "", texts: str = "", results: str = "") -> None:
        self._why = {"pictures": pictures, "texts": texts, "results": results}

    def of(self, turn: MicroTurn) -> Iterator[EndpointEvent]:
        results = any(isinstance(c, ToolResult | DelegationResult) for c in turn.controls)
        for what, given in (("pictures", turn.frames), ("texts", turn.texts), ("results", results)):
            if given and (why := self._why.get(what)):
                self._why[what] = ""
                yield endpoint_error("unsupported", f"no_{what}", why)
