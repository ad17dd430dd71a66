"""How a connection, and with it perhaps a conversation, comes to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError


@dataclass(frozen=True, slots=True)
class End:
    """How a connection, or the conversation, came to its end."""

    code: str
    reason: str
    by: Literal["us", "server", "network"]
    error: EndpointError | None = None
    app: AppError | None = None
    wire_ref: int | None = None
