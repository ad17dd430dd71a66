"""What the servers of our own have in common: a port of this machine, and a thread for each connection."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.sync.server import Server, ServerConnection, serve


class Loopback(ABC):
    """A server while it is `running`; `listening` says how it takes connections, `converse` what happens on one."""

    def __init__(self) -> None:
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator[Self]:
        self._server = serve(self._serve, "127.0.0.1", 0, **self.listening())
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join(5)

    def listening(self) -> dict[str, Any]:
        """Arguments of the library's `serve`."""
        return {"max_size": 2**24}

    @abstractmethod
    def converse(self, socket: ServerConnection, request: Request) -> None:
        """Talk on one connection; it may be gone at any moment (`ConnectionClosed`)."""

    def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        try:
            self.converse(socket, socket.request)
        except ConnectionClosed:
            return


def headers_of(request: Request) -> dict[str, str]:
    """By their names in small letters."""
    return {name.lower(): value for name, value in request.headers.raw_items()}
