"""What a session has to know about an endpoint that is not on this machine, before anything is connected."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.endpoints.remote.contract import Dialect, Target


def dialect_of(endpoint: Endpoint) -> Dialect | None:
    """The protocol of a remote endpoint; None where it has none of ours."""
    found = getattr(endpoint, "dialect", None)
    return found if isinstance(found, Dialect) else None


def target_of(endpoint: Endpoint) -> dict[str, Any]:
    """Kind, URL, model, voice and options of a remote endpoint, as they are kept with results; nothing of a local one.

    No key, and nothing of the URL in which somebody may have put one.
    """
    dialect, target = dialect_of(endpoint), getattr(endpoint, "target", None)
    if dialect is None or not isinstance(target, Target):
        return {}
    parts = urlsplit(target.url or dialect.default_url)
    return {
        "kind": dialect.kind,
        "url": urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")),
        "model": target.model or dialect.default_model,
        "voice": target.voice,
        "options": dict(target.options),
    }


def where_it_goes(endpoint: Endpoint) -> str:
    """What leaves this machine for `endpoint`, in a person's words."""
    if endpoint.local:
        return "on this machine"
    dialect = dialect_of(endpoint)
    return f"sends {dialect.sends if dialect else 'sound and pictures'} to {endpoint.host}"


def check_clock(endpoint: Endpoint, clock: Literal["real", "fast"]) -> None:
    """Refuse virtual time to an endpoint that does not say which micro-turn it has answered.

    Raises:
        AppError: with the way out.
    """
    dialect = dialect_of(endpoint)
    if clock == "real" or endpoint.local or (dialect is not None and dialect.virtual_time):
        return
    name = dialect.title if dialect else endpoint.address
    raise AppError(
        f"{endpoint.address} cannot run on virtual time.",
        f"{name} does not say which micro-turn it has answered, so it must be met in real time.",
        "Use the real clock (--clock real).",
    )
