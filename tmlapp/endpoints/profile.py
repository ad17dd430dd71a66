"""Stored profiles as endpoints: `profile:NAME`."""

from __future__ import annotations

from tmlapp.config.profiles import EndpointProfile, find_profile
from tmlapp.core.errors import AppError
from tmlapp.endpoints.registry import EndpointOptions, dialects, endpoint
from tmlapp.endpoints.remote.contract import Patience, Target
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.target import socket_url


@endpoint("profile")
def profile(target: str, options: EndpointOptions) -> RemoteEndpoint:  # noqa: ARG001 - a factory's form
    """`target` is the name of a profile.

    Raises:
        AppError: there is no such profile, or nothing here speaks its protocol.
    """
    return endpoint_of(find_profile(target))


def endpoint_of(stored: EndpointProfile, *, patience: Patience | None = None) -> RemoteEndpoint:
    """The endpoint that `stored` describes, stored or not yet; its key is read when it is needed.

    Raises:
        AppError: nothing here speaks its protocol, or its URL is not allowed.
    """
    known = dialects()
    if stored.kind not in known:
        raise AppError(
            f"The profile “{stored.name}” is of an unknown kind, “{stored.kind}”.",
            f"This installation speaks {', '.join(known) or 'no remote protocol'}.",
            "Correct the profile, or install what speaks it.",
        )
    target = Target(
        kind=stored.kind,
        address=stored.address,
        name=stored.name,
        url=socket_url(stored.url) if stored.url else "",
        model=stored.model,
        voice=stored.voice,
        options=dict(stored.options),
    )
    return RemoteEndpoint(known[stored.kind], target, patience=patience, key=stored.secret)
