"""Keys of services that let nobody in without one, while a program on this machine may."""

from __future__ import annotations

from urllib.parse import urlsplit

from tmlapp.core.errors import AppError
from tmlapp.endpoints.remote.contract import Dialect, Target
from tmlapp.endpoints.remote.target import is_loopback


def key_or_loopback(dialect: Dialect, target: Target) -> None:
    """Raises AppError where a service elsewhere would be called without a key."""
    host = urlsplit(target.url or dialect.default_url).hostname or ""
    if not target.secret and not is_loopback(host):
        raise AppError(
            f"{dialect.title} needs a key.",
            f"There is none for “{target.name}”, and {host} lets nobody in without one.",
            f"Set {dialect.key_variable}, or add a profile with a key (tmlapp endpoints add).",
        )
