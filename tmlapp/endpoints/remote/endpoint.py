"""A remote model behind the contract of every endpoint: from an address to an open conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tmlapp.config.secrets import secret_from_environment
from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Dialect, Patience, Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.target import check_options, host_of, read_target, socket_url

KeyFinder = Callable[[], Secret | None]
"""Reads the key from where it is kept; raises AppError where it is not there."""


def remote_endpoint(dialect: Dialect, target_text: str, *, patience: Patience | None = None) -> RemoteEndpoint:
    """The endpoint for `KIND:` + `target_text`, which is `MODEL`, `URL` or `MODEL@URL`.

    The key is that of `dialect.key_variable`, read when it is needed.

    Raises:
        AppError: the address cannot be one of this kind.
    """

    def key() -> Secret | None:
        return secret_from_environment(dialect.key_variable) if dialect.key_variable else None

    return RemoteEndpoint(dialect, read_target(dialect, target_text), patience=patience, key=key)


class RemoteEndpoint:
    """A model that is reached over a socket, not yet in conversation.

    Args:
        key: where the key is read from at `check` and `open`; None takes `target.secret` as it is.
    """

    def __init__(
        self, dialect: Dialect, target: Target, *, patience: Patience | None = None, key: KeyFinder | None = None
    ) -> None:
        self._dialect = dialect
        self._target = target
        self._patience = patience or Patience()
        self._key = key

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    @property
    def target(self) -> Target:
        """What is reached, without its key."""
        return replace(self._target, secret=None)

    @property
    def address(self) -> str:
        return self._target.address

    @property
    def local(self) -> bool:
        return False

    @property
    def host(self) -> str:
        return host_of(self._target.url or self._dialect.default_url)

    def check(self, instruction: str) -> None:  # noqa: ARG002 - any text can be said to a remote model
        """URL, options and key, without the network.

        Raises:
            AppError: one of them is missing or cannot be right.
        """
        self._checked()

    def open(self, setup: EndpointSetup, sink: EventSink) -> RemoteDuplex:
        """Connect and wait until the service has granted the session.

        Raises:
            AppError: it cannot be opened; `RefusedError` holds what the service said.
        """
        target = self._checked()
        if setup.virtual_time and not self._dialect.virtual_time:
            raise AppError(
                f"“{target.name}” cannot run on virtual time.",
                f"{self._dialect.title} does not say which micro-turn it answers, so it must be met in real time.",
                "Run in real time, for example with --clock real.",
            )
        duplex = RemoteDuplex(self._dialect, target, setup, sink, self._patience)
        duplex.start()
        return duplex

    def _checked(self) -> Target:
        dialect, target = self._dialect, self._target
        url = target.url or dialect.default_url
        if not url:
            raise AppError(
                f"{dialect.title} needs an address.",
                "It has no place of its own on the network.",
                f"Write for example {dialect.kind}:ws://127.0.0.1:8765, or set the URL in the profile.",
            )
        socket_url(url)
        check_options(dialect, target)
        secret = self._key() if self._key else target.secret
        if dialect.key_required and not secret:
            where = f"the environment variable {dialect.key_variable}" if dialect.key_variable else "the profile"
            raise AppError(
                f"{dialect.title} needs a key.",
                f"There is none for “{target.name}”.",
                f"Set {where}, or add a profile with a key (tmlapp endpoints add).",
            )
        if secret and secret.reveal() in url:
            raise AppError(
                "The key stands in the URL.",
                "URLs are shown and written down.",
                "Take it out there; it is sent in a header.",
            )
        return replace(target, url=socket_url(target.url) if target.url else "", secret=secret or None)
