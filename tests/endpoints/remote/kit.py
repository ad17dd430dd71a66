"""A peer over a real socket, a sink that can be waited on, and a conversation between them."""

from __future__ import annotations

import http
import json
import logging
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tmlapp.core.clock import ManualClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import Closed, ConnectionChanged, EndpointEvent
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Dialect, Patience, Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint

PATIENT_S = 20.0
"""How long a test waits for what must come; it never waits that long unless it fails."""
QUICK = Patience(
    connect_s=5.0,
    configure_s=5.0,
    ping_every_s=0.02,
    backoff_s=(0.0, 0.0, 0.001, 0.001, 0.001),
    settled_s=60.0,
    calm_s=0.0,
)
E_ = TypeVar("E_", bound=EndpointEvent)


class Events:
    """A sink; `until` waits for what must come."""

    def __init__(self) -> None:
        self.all: list[EndpointEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: EndpointEvent) -> None:
        with self._changed:
            self.all.append(event)
            self._changed.notify_all()

    def of(self, kind: type[E_]) -> list[E_]:
        return [e for e in list(self.all) if isinstance(e, kind)]

    def until(self, kind: type[E_], when: Callable[[E_], bool] = lambda _: True, *, count: int = 1) -> E_:
        """The `count`th event of `kind` for which `when` holds."""

        def found() -> list[E_]:
            return [e for e in self.all if isinstance(e, kind) and when(e)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENT_S), (kind, self.all[-10:])
            return found()[count - 1]

    @property
    def states(self) -> list[str]:
        return [e.state for e in self.of(ConnectionChanged)]

    def closed(self) -> Closed:
        """The one `Closed`, which is the last event of all."""
        self.until(Closed)
        assert [i for i, e in enumerate(self.all) if isinstance(e, Closed)] == [len(self.all) - 1]
        assert [e.seq for e in self.all] == list(range(len(self.all)))
        assert all(a.t_rx_ns <= b.t_rx_ns for a, b in zip(self.all, self.all[1:], strict=False) if not _wired(a, b))
        last = self.all[-1]
        assert isinstance(last, Closed)
        return last


def _wired(*events: EndpointEvent) -> bool:
    return any(e.wire_ref is not None for e in events)


class Peer:
    """Speaks the echo protocol on loopback; what it does with each message is `react`, by its `type`.

    Attributes:
        received: (number of the connection, message) in order.
        react: `type` of a message → what to do; `hello` is granted unless it says otherwise.
        greeting: what it says to every connection first.
        refuse: HTTP status and body with which connections are refused; None to accept them.
    """

    def __init__(self) -> None:
        self.received: list[tuple[int, Any]] = []
        self.react: dict[str, Callable[[ServerConnection, Any], None]] = {
            "hello": lambda ws, _: send(ws, type="granted", session="s"),
            "end": lambda ws, _: send(ws, type="drained"),
            "bye": lambda ws, _: send(ws, type="closed", reason="bye"),
        }
        self.greeting: list[Any] = []
        self.refuse: tuple[int, str] | None = None
        self.headers: list[Mapping[str, str]] = []
        self.connections: list[ServerConnection] = []
        self._changed = threading.Condition()
        quiet = logging.Logger("peer", logging.CRITICAL + 1)
        self._server: Server = serve(
            self._serve, "127.0.0.1", 0, process_request=self._process, logger=quiet, compression=None, max_size=None
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="peer", daemon=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def of(self, kind: str, connection: int | None = None) -> list[Any]:
        """Messages of one type."""
        taken = list(self.received)
        return [m for n, m in taken if m.get("type") == kind and connection in (None, n)]

    def until(self, kind: str, count: int = 1, connection: int | None = None) -> list[Any]:
        """All messages of one type once there are `count`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind, connection)) >= count, PATIENT_S), self.received
            return self.of(kind, connection)

    def say(self, **message: Any) -> None:
        """Send `message` on the newest connection."""
        send(self.connections[-1], **message)

    def raw(self, frame: str | bytes) -> None:
        """Send any frame on the newest connection."""
        self.connections[-1].send(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Close the newest connection with `code`."""
        self.connections[-1].close(code, reason)

    def drop(self) -> None:
        """Reset the newest connection: no close frame, nothing."""
        raw = self.connections[-1].socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()

    def _process(self, _connection: ServerConnection, request: Request) -> Response | None:
        self.headers.append(dict(request.headers.raw_items()))
        if self.refuse is None:
            return None
        status, body = self.refuse
        headers = Headers({"Content-Length": str(len(body.encode())), "Location": "ws://127.0.0.1:9/"})
        return Response(status, http.HTTPStatus(status).phrase, headers, body.encode())

    def _serve(self, ws: ServerConnection) -> None:
        number = len(self.connections)
        self.connections.append(ws)
        try:
            for message in self.greeting:
                send(ws, **message)
            for frame in ws:
                message = json.loads(frame)
                message.setdefault("type", next(iter(message), ""))
                with self._changed:
                    self.received.append((number, message))
                    self._changed.notify_all()
                if reaction := self.react.get(message["type"]):
                    reaction(ws, message)
        except (ConnectionClosed, OSError):
            return


def send(ws: ServerConnection, **message: Any) -> None:
    ws.send(json.dumps(message))


def target(dialect: Dialect, url: str, *, key: str = "", options: Mapping[str, str] | None = None) -> Target:
    secret = Secret(key) if key else None
    return Target(
        kind=dialect.kind, address=f"{dialect.kind}:{url}", name="peer", url=url, options=options or {}, secret=secret
    )


def setup(**members: Any) -> EndpointSetup:
    """A set-up in real time whose session clock is a `ManualClock` unless given."""
    clock = members.pop("clock", None) or ManualClock()
    return EndpointSetup(
        instruction=members.pop("instruction", "Count."),
        clock=clock,
        session_now_ns=members.pop("session_now_ns", clock.now_ns),
        **members,
    )


def converse(
    dialect: Dialect,
    url: str,
    events: Events,
    *,
    patience: Patience = QUICK,
    key: str = "",
    options: Mapping[str, str] | None = None,
    **members: Any,
) -> RemoteDuplex:
    """An open conversation."""
    endpoint = RemoteEndpoint(dialect, target(dialect, url, key=key, options=options), patience=patience)
    return endpoint.open(setup(**members), events)


def noticed(duplex: RemoteDuplex) -> None:
    """Wait until the connection's thread has taken notice of what was pushed so far."""
    done = threading.Event()
    duplex._on_loop(lambda _course: done.set)
    done.wait(0.2)
