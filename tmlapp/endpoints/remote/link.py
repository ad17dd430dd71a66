"""One WebSocket: opened, read, written, pinged and closed, with every failure in the words of the taxonomy."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, NegotiationError
from websockets.protocol import State
from websockets.typing import Subprotocol

from tmlapp.core.event import EndpointError
from tmlapp.endpoints.remote.contract import Request
from tmlapp.endpoints.remote.errors import endpoint_error, socket_error, status_error
from tmlapp.endpoints.remote.target import host_of, is_loopback
from tmlapp.endpoints.remote.wirelog import Redactor

MAX_FRAME_BYTES = 16 * 2**20
SEND_BUFFER_BYTES = 32 * 2**10
"""Small, so that a network that is too slow shows in the outbox instead of in the system's buffers."""
CLOSE_S = 1.0
"""How long the closing of the socket itself may take."""
_BODY_CHARS = 4_000
_REFUSALS = (1002, 1007, 1009)
"""With these our side ends a connection on which malformed or endless frames came."""


class LinkError(Exception):
    """The socket could not be opened."""

    def __init__(self, error: EndpointError) -> None:
        super().__init__(error.message)
        self.error = error


class LinkClosedError(Exception):
    """The socket is closed; 1006 where nobody said so."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(str(code))
        self.code = code
        self.reason = reason


def silent_logger() -> logging.Logger:
    """A logger that writes nothing, whatever anyone sets: the library's own would show headers, and so the key."""
    return logging.Logger("websockets", logging.CRITICAL + 1)


class _Connect(connect):
    """Follows nowhere: the headers that carry the key would go along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Link:
    """An open WebSocket. All methods belong to the loop on which it was opened."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, request: Request, *, timeout_s: float, redactor: Redactor) -> Link:
        """Connect and upgrade.

        Raises:
            LinkError: with what it means.
        """
        where = host_of(request.url)
        try:
            async with asyncio.timeout(timeout_s):
                connection = await _Connect(request.url, **_settings(request))
        except InvalidStatus as error:
            # First the key, then the cut: half a key is not found any more.
            body = redactor.text(bytes(error.response.body or b"").decode("utf-8", "replace"))[:_BODY_CHARS]
            failure = status_error(error.response.status_code, body)
        except NegotiationError:
            failure = endpoint_error("config", "subprotocol", f"{where} does not speak the protocol asked for.")
        except (InvalidURI, ValueError):
            failure = endpoint_error("config", "url", "The address is not one of a WebSocket.")
        except Exception as error:  # noqa: BLE001 - whatever a socket, TLS or a proxy throws is told as a failure to connect
            failure = socket_error(error, where)
        else:
            _tune(connection)
            return cls(connection)
        # Outside the handler, so that no traceback leads to a response or a request and its headers.
        raise LinkError(failure)

    async def receive(self) -> str | bytes:
        """The next frame.

        Raises:
            LinkClosedError: there is none any more.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            code, reason = self.closing()
        raise LinkClosedError(code, reason)

    async def send(self, payload: str | bytes) -> None:
        """Send one frame; returns once the system has taken all of it.

        Raises:
            LinkClosedError: the socket is closed.
        """
        try:
            return await self._connection.send(payload)
        except ConnectionClosed:
            code, reason = self.closing()
        raise LinkClosedError(code, reason)

    @property
    def idle(self) -> bool:
        """Whether it is open, and the system has taken all that was sent."""
        return self._is_open and not self._connection.transport.get_write_buffer_size()

    @property
    def _is_open(self) -> bool:
        return self._connection.state is State.OPEN and not self._connection.transport.is_closing()

    def write(self, payload: str | bytes) -> None:
        """Send one frame without waiting; only while it is `idle`, and by whoever has the loop."""
        protocol = self._connection.protocol
        if isinstance(payload, str):
            protocol.send_text(payload.encode())
        else:
            protocol.send_binary(payload)
        self._connection.transport.write(b"".join(protocol.data_to_send()))

    async def taken(self) -> None:
        """Wait until the system has taken all that was sent.

        Raises:
            LinkClosedError: the socket is closed.
        """
        if self._is_open and not self.idle:
            # A socket that is lost is told of below.
            with contextlib.suppress(OSError):
                await self._connection.drain()
        if not self._is_open:
            code, reason = self.closing()
            raise LinkClosedError(code, reason)

    async def ping(self) -> float:
        """Seconds until a ping was answered.

        Raises:
            LinkClosedError: the socket is closed.
        """
        try:
            return await (await self._connection.ping())
        except ConnectionClosed:
            code, reason = self.closing()
        raise LinkClosedError(code, reason)

    def closing(self) -> tuple[int, str]:
        """The close code and reason of a socket that is closed."""
        protocol = self._connection.protocol
        sent = protocol.close_sent
        if protocol.close_rcvd is None and sent is not None and sent.code in _REFUSALS:
            return 1006, f"what came is no frame that can be taken: {sent.reason or sent.code}"
        code = self._connection.close_code
        return (1006, "") if code is None else (code, self._connection.close_reason or "")

    async def close(self) -> None:
        """Close with 1000; at the latest after `CLOSE_S` the socket is gone."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Drop the socket at once."""
        self._connection.transport.abort()


def _settings(request: Request) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "additional_headers": dict(request.headers),
        "subprotocols": [Subprotocol(name) for name in request.subprotocols] or None,
        "compression": None,
        "open_timeout": None,
        "ping_interval": None,
        "close_timeout": CLOSE_S,
        "max_size": MAX_FRAME_BYTES,
        # `send` is to return only when the system has everything: what waits must wait in the outbox.
        "write_limit": 0,
        "logger": silent_logger(),
    }
    if is_loopback(urlsplit(request.url).hostname or ""):
        settings["proxy"] = None
    return settings


def _tune(connection: ClientConnection) -> None:
    raw = connection.transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
