"""What ends a session against its will, in words."""

from __future__ import annotations

import logging

from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError

_KEPT = "The recording up to here is kept."


def endpoint_failed(address: str, event: EndpointError) -> AppError:
    """A fatal error that the endpoint reported."""
    return AppError(
        f"The endpoint {address} failed ({event.code}).",
        event.message,
        f"{_KEPT} Correct the cause and start a new session.",
    )


def endpoint_silent(address: str, index: int, seconds: int) -> AppError:
    """An endpoint that acknowledges micro-turns and no longer does."""
    return AppError(
        f"The endpoint {address} has stopped answering.",
        f"Micro-turn {index} had no answer for {seconds} s.",
        f"{_KEPT} Look at the log of the endpoint.",
    )


def not_wanted(address: str) -> AppError:
    """Somebody stopped the session while its endpoint was being opened."""
    return AppError(
        "The session was stopped before it began.",
        f"Nobody waited for {address} any longer.",
        "Start it again to go on.",
    )


def no_virtual_time(address: str) -> AppError:
    """A session as fast as possible with an endpoint that does not say which micro-turn it has answered."""
    return AppError(
        f"{address} cannot run on virtual time.",
        "It does not say which micro-turn it has answered, so nobody knows when to go on.",
        "Use the real clock.",
    )


def fault(error: Exception) -> AppError:
    """A bug of ours, whose traceback goes to the log file; an `AppError` is what it is."""
    if isinstance(error, AppError):
        return error
    logging.getLogger(__name__).critical("the engine failed", exc_info=error)
    return AppError(
        "The session stopped because of a fault in tmlapp.",
        f"{type(error).__name__}: {error}.",
        f"{_KEPT} Please report this with the log file.",
    )
