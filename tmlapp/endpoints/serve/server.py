"""The server: who may connect, how many, and the sockets of their sessions."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tmlapp.core.endpoint import Endpoint, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.link import silent_logger
from tmlapp.endpoints.serve.conversation import ModelPool
from tmlapp.endpoints.serve.offer import FRAMES_PER_UNIT, Limits, Offer
from tmlapp.endpoints.serve.session import Session

_log = logging.getLogger(__name__)
PATH = "/v1/realtime"
CAPABILITIES = f"{PATH}/capabilities"
_MAX_FRAME = 16 * 1024 * 1024
_QUEUE = 8
_MOMENT_S = 0.25
_GOODBYE_S = 3.0
"""How long the clients have to read the last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How the server listens.

    Attributes:
        port: 0 for any free one.
        sessions: how many at the same time; each has a model of its own.
        token: what clients must show; needed where `host` is not this machine alone.
        certificate, private_key: PEM files; needed where `host` is not this machine alone.
        name: of the model; empty for its own.
        frames_per_unit: pictures that a client may send with a unit.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    sessions: int = 1
    token: Secret | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    name: str = ""
    frames_per_unit: int = FRAMES_PER_UNIT
    limits: Limits = field(default_factory=Limits)

    @property
    def loopback(self) -> bool:
        """Nobody on another machine can reach it."""
        return is_loopback(self.host)

    def check(self) -> ssl.SSLContext | None:
        """The TLS settings; None where it listens without TLS.

        Raises:
            AppError: it would be open to others without TLS and a token, or the certificate cannot be used.
        """
        if (self.certificate is None) != (self.private_key is None):
            raise AppError(
                "The certificate is not complete.",
                "A certificate and its private key belong together.",
                "Give both --certificate and --private-key, or neither.",
            )
        missing = [
            *(["a certificate (--certificate, --private-key)"] if self.certificate is None else []),
            *(["a token (--token-file or --token-env)"] if not self.token else []),
        ]
        if missing and not self.loopback:
            raise AppError(
                f"tmlapp does not listen on {self.host} like this.",
                f"Others can reach it there, and it has no {' and no '.join(m.removeprefix('a ') for m in missing)}.",
                "Give what is missing, or leave --host out: then only this machine can connect.",
            )
        if self.certificate is None or self.private_key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.private_key, password=_no_password)
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            raise AppError(
                f"The certificate {self.certificate} cannot be used.",
                f"{why}.",
                "Give a certificate and its private key as PEM files; the key without a password.",
            ) from error
        return context


def is_loopback(host: str) -> bool:
    """True for 127.0.0.0/8, ::1 and localhost."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal, in the middle of a service.
    raise ValueError("the private key is protected by a password")


class ModelServer:
    """Serves one model to so many clients at a time.

    Attributes:
        url: where it listens, once it does; what follows `sglang_omni:` in an address.
    """

    def __init__(
        self,
        options: ServeOptions,
        make_endpoint: Callable[[], Endpoint],
        *,
        address: str,
        synthesize: Synthesizer | None = None,
    ) -> None:
        self._options = options
        self._pool = ModelPool(make_endpoint, address, synthesize)
        self._offer = Offer(model=options.name or address)
        self._sessions: dict[int, Session] = {}
        self._connections: set[ServerConnection] = set()
        self._stopping = False
        self._freed = asyncio.Event()
        self.url = ""

    @property
    def offer(self) -> Offer:
        return self._offer

    async def run(self, ready: Callable[[ModelServer], None], stop: asyncio.Event) -> None:
        """Load the model, listen, call `ready`, and serve until `stop`; then every session is closed in order.

        Raises:
            AppError: the model cannot be served, or the port is not to be had.
        """
        context = self._options.check()
        await asyncio.to_thread(self._load)
        server = await self._listen(context)
        try:
            port = next(iter(server.sockets)).getsockname()[1]
            host = self._options.host
            shown = f"[{host}]" if ":" in host else host
            self.url = f"{'ws' if context is None else 'wss'}://{shown}:{port}"
            ready(self)
            await stop.wait()
        finally:
            self._stopping = True
            await asyncio.gather(*(session.close("server_shutdown") for session in self._sessions.values()))
            server.close()
            # A client that reads nothing would keep it for ever.
            asyncio.get_running_loop().call_later(_GOODBYE_S, self._drop)
            await server.wait_closed()

    def _drop(self) -> None:
        for connection in self._connections:
            connection.transport.abort()

    def _load(self) -> None:
        granted = self._pool.probe()
        self._offer = replace(
            self._offer,
            model=self._options.name or granted.name,
            sees="video" in granted.modalities_in,
            output_modalities=tuple(kind for kind in ("text", "audio") if kind in granted.modalities_out),
            output_rate=granted.output_rate,
            instructable="text" in granted.modalities_in,
            interrupts=bool(granted.details.get("interrupts", False)),
            frames_per_unit=self._options.frames_per_unit,
            limits=self._options.limits,
        )

    async def _listen(self, context: ssl.SSLContext | None) -> Server:
        options = self._options
        try:
            return await serve(
                self._serve,
                options.host,
                options.port,
                ssl=context,
                process_request=self._admit,
                max_size=_MAX_FRAME,
                max_queue=_QUEUE,
                server_header=None,
                compression=None,
                # The library's own words would show headers, and so the token.
                logger=silent_logger(),
            )
        except (OSError, OverflowError) as error:
            raise AppError(
                f"tmlapp cannot listen on {options.host}, port {options.port}.",
                f"{getattr(error, 'strerror', None) or error}.",
                "Choose another port with --port, or end the program that uses it.",
            ) from error

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:  # noqa: ARG002 - the library's form
        """Answer what is no session; None lets the upgrade go on."""
        parts = urlsplit(request.path)
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if parts.path == CAPABILITIES:
            if self._stopping:
                return _unavailable("instance is not ready")
            return _answer(HTTPStatus.OK, self._offer.public())
        if parts.path != PATH:
            return _error(HTTPStatus.NOT_FOUND, "not_found", f"there is only {PATH} and {CAPABILITIES}")
        if self._stopping:
            return _unavailable("instance is not ready")
        if not await self._has_place():
            return _unavailable("connection capacity exhausted")
        return None

    async def _has_place(self) -> bool:
        """A client that comes back at once may still find its last session in the way for a moment."""
        try:
            async with asyncio.timeout(_MOMENT_S):
                while self._free() is None:
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            return False
        return True

    def _free(self) -> int | None:
        """The lowest number of no session, so that the same clip shown again is the same session to the byte."""
        taken = {number for number, session in self._sessions.items() if session.state != "CLOSED"}
        return next((n for n in range(1, self._options.sessions + 1) if n not in taken), None)

    def _refusal(self, request: Request) -> Response | None:
        token = self._options.token
        if token:
            given = request.headers.get_all("Authorization")
            expected = f"Bearer {token.reveal()}".encode()
            if len(given) != 1 or not hmac.compare_digest(given[0].encode("utf-8", "surrogateescape"), expected):
                refused = _error(HTTPStatus.UNAUTHORIZED, "invalid_api_key", "the token is missing or wrong")
                refused.headers["WWW-Authenticate"] = "Bearer"
                return refused
        elif "Origin" in request.headers:
            # A page in a browser on this machine could reach us otherwise, wherever the page came from.
            return _error(HTTPStatus.FORBIDDEN, "forbidden", "pages in a browser need a server with a token")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        try:
            await self._met(connection)
        finally:
            self._connections.discard(connection)

    async def _met(self, connection: ServerConnection) -> None:
        query = parse_qs(urlsplit(connection.request.path if connection.request else "").query, keep_blank_values=True)
        if "session_id" in query or any(name != self._offer.model for name in query.get("model", [])):
            await connection.close(1008, "unknown model" if "session_id" not in query else "sessions cannot be resumed")
            return
        number = self._free()
        # Two may have been let through to the last place.
        if self._stopping or number is None:
            await connection.close(1013, "connection capacity exhausted")
            return
        session = self._sessions[number] = Session(self._offer, self._pool, number)
        try:
            await self._converse(connection, session)
        except Exception:
            _log.exception("session %s ends by a fault", session.id)
            raise
        finally:
            if self._sessions.get(number) is session:
                del self._sessions[number]
            self._freed.set()

    async def _converse(self, connection: ServerConnection, session: Session) -> None:
        _log.info("session %s begins", session.id)
        session.begin()
        sender = asyncio.create_task(self._send(connection, session))
        try:
            async for frame in connection:
                await session.receive(frame)
                if session.state == "CLOSED":
                    break
        except ConnectionClosed:
            # The client has gone without a word; what it leaves behind is closed below.
            pass
        finally:
            await session.close("disconnect")
            self._freed.set()
            await sender
            _log.info("session %s is over", session.id)

    async def _send(self, connection: ServerConnection, session: Session) -> None:
        try:
            async for text in session.outbox.texts():
                async with asyncio.timeout(self._options.limits.stalled_s):
                    await connection.send(text)
            async with asyncio.timeout(self._options.limits.stalled_s):
                await connection.close(1001 if self._stopping else 1000)
        except ConnectionClosed:
            return
        except TimeoutError:
            # It would hold its place, and the model, for as long as it likes.
            _log.warning("session %s: the client reads nothing", session.id)
            connection.transport.abort()


def _unavailable(message: str) -> Response:
    return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", message)


def _error(status: HTTPStatus, code: str, message: str) -> Response:
    return _answer(status, {"error": {"code": code, "message": message}})


def _answer(status: HTTPStatus, value: object) -> Response:
    body = json.dumps(value).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
