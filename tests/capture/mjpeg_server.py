"""A network camera on the loopback: MJPEG over HTTP, told by the test when to stall, vanish and come back."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tests.capture.media_made import numbered
from tmlapp.capture.paced import encode_jpeg

_BOUNDARY = "frame"
_INTERVAL_S = 1 / 60


class MjpegServer:
    """Sends numbered pictures (1, 2, … 255, 1, …) to whoever connects, until it is told otherwise."""

    def __init__(self, width: int = 160, height: int = 120) -> None:
        self.size = (width, height)
        self.sent = 0
        self.connections = 0
        self.flowing = threading.Event()
        self.flowing.set()
        self._hang_up = threading.Event()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.appear()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}/cam.mjpg"

    def appear(self) -> None:
        """Listen, on the same port as before."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, *args: object) -> None:
                """Nothing goes to the terminal."""

        self._hang_up.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def vanish(self) -> None:
        """Hang up on everyone and answer no more."""
        self._hang_up.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def stall(self) -> None:
        """Keep the connection and send nothing more."""
        self.flowing.clear()

    def flow(self) -> None:
        self.flowing.set()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        if "missing" in request.path:
            request.send_error(404)
            return
        self.connections += 1
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        request.end_headers()
        request.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while not self._hang_up.wait(_INTERVAL_S):
                if not self.flowing.wait(0.01):
                    continue
                number = self.sent % 255 + 1
                jpeg = encode_jpeg(numbered(number, *self.size), 95)
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                request.wfile.write(head.encode() + jpeg + b"\r\n")
                self.sent += 1
        except OSError:
            # The other side hung up, which is its right.
            return

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish()
