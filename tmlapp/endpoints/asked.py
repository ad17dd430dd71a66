"""What an endpoint answers when it is asked for something that it does not have."""

from __future__ import annotations

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.errors import AppError
from tmlapp.core.event import Rejection

TOOLS = "tools: "
"""How a rejection of tools begins; their names follow."""


def tool_rejections(setup: EndpointSetup, name: str) -> tuple[Rejection, ...]:
    """The rejection of the session's tools by an endpoint that cannot announce any; empty where there are none."""
    if not setup.tools:
        return ()
    asked = TOOLS + ", ".join(spec.name for spec in setup.tools)
    return (Rejection(asked=asked, granted="", reason=f"{name} calls no tools."),)


def refuse_history(setup: EndpointSetup, name: str) -> None:
    """For an endpoint that begins every conversation anew.

    Raises:
        AppError: the session has turns that lie before it.
    """
    if setup.history:
        raise AppError(
            f"{name} cannot take over a conversation.",
            f"{len(setup.history)} turns lie before this session, and it begins every conversation anew.",
            "Use an endpoint that accepts earlier turns, or let the turns be spoken live.",
        )
