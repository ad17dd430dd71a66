"""A real HTTP server on loopback that answers like a chat endpoint, as each test scripts it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Respond = Callable[[BaseHTTPRequestHandler], None]


def text_events(*pieces: str, finish: str = "stop", tokens: int | None = None) -> list[dict[str, Any]]:
    """The stream of a spoken answer."""
    events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if tokens is not None:
        events.append({"choices": [], "usage": {"completion_tokens": tokens}})
    return events


def call_events(*calls: tuple[str, str], tokens: int | None = None) -> list[dict[str, Any]]:
    """The stream of tool calls, name and arguments, the arguments in two pieces."""
    events: list[dict[str, Any]] = []
    for i, (name, arguments) in enumerate(calls):
        half = len(arguments) // 2
        first = {"index": i, "id": f"t{i}", "function": {"name": name, "arguments": arguments[:half]}}
        rest = {"index": i, "function": {"arguments": arguments[half:]}}
        events += [{"choices": [{"delta": {"tool_calls": [piece]}}]} for piece in (first, rest)]
    return [*events, *text_events(finish="tool_calls", tokens=tokens)]


def wire(events: Iterable[dict[str, Any]], *, done: bool = True, end: bytes = b"\n\n") -> bytes:
    """Events as they go over the line."""
    lines = [b"data: " + json.dumps(event, ensure_ascii=False).encode() + end for event in events]
    return b"".join([b": keep-alive" + end, *lines, b"data: [DONE]" + end if done else b""])


def stream(events: Iterable[dict[str, Any]], *, cut: int = 0, done: bool = True, end: bytes = b"\n\n") -> Respond:
    """Server-sent events in chunks of `cut` bytes (0: all at once)."""
    data = wire(events, done=done, end=end)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(data), cut or len(data) or 1):
            piece = data[at : at + (cut or len(data))]
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    return respond


def dropped(events: Iterable[dict[str, Any]]) -> Respond:
    """A connection that breaks after `events`."""
    data = wire(events, done=False)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", str(len(data) + 1000))
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = True

    return respond


def plain(status: int, body: str, content_type: str = "application/json", **headers: str) -> Respond:
    """One whole reply."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        data = body.encode()
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return respond


class ChatServer:
    """Answers request after request with `responses`; remembers bodies and headers."""

    def __init__(self, *responses: Respond) -> None:
        self.responses = list(responses)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                server.paths.append(self.path)
                server.bodies.append(json.loads(content))
                server.headers.append({k.lower(): v for k, v in self.headers.items()})
                server.responses.pop(0)(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def messages(self, request: int) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = self.bodies[request]["messages"]
        return found

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
