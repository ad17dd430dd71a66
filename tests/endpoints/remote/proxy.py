"""A loopback proxy between a client and a peer that does what networks do: hold, cut, slow down, break into pieces."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType
from typing import Literal

Direction = Literal["up", "down"]
_SMALL_BUFFER = 4_096
_PIECE = 65_536


class _Flow:
    """One direction of one connection."""

    def __init__(self, proxy: FaultProxy, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        self._proxy = proxy
        self._source = source
        self._sink = sink
        self._direction = direction

    def run(self) -> None:
        try:
            while True:
                self._proxy.gates[self._direction].wait()
                data = self._source.recv(_PIECE)
                if not data:
                    break
                self._proxy.gates[self._direction].wait()
                self._forward(data)
        except OSError:
            pass
        finally:
            for end in (self._source, self._sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def _forward(self, data: bytes) -> None:
        left = self._proxy.cut_after.get(self._direction)
        if left is not None:
            if len(data) >= left:
                self._sink.sendall(data[:left])
                self._proxy.cut_after.pop(self._direction, None)
                self._proxy.cut()
                raise OSError("cut")
            self._proxy.cut_after[self._direction] = left - len(data)
        size = self._proxy.piece_bytes or len(data)
        for begin in range(0, len(data), size):
            piece = data[begin : begin + size]
            if self._proxy.bytes_per_s:
                # A stop of the proxy must not wait for a slow line.
                self._proxy.stopped.wait(len(piece) / self._proxy.bytes_per_s)
            self._sink.sendall(piece)
            self._proxy.passed[self._direction] += len(piece)


class FaultProxy:
    """Listens on loopback and passes everything on to `port`; the attributes may be changed at any time.

    Attributes:
        gates: a direction passes while its event is set; `hold` and `release` for short.
        piece_bytes: largest piece that is passed on at once; None for as it comes.
        bytes_per_s: bandwidth of each direction; None for unlimited.
        cut_after: bytes after which everything is cut, by direction.
        passed: bytes so far.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        self.port: int = self._server.getsockname()[1]
        self.gates = {"up": threading.Event(), "down": threading.Event()}
        self.piece_bytes: int | None = None
        self.bytes_per_s: float | None = None
        self.cut_after: dict[str, int] = {}
        self.passed = {"up": 0, "down": 0}
        self.refusing = False
        self.stopped = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        for gate in self.gates.values():
            gate.set()
        self._acceptor = threading.Thread(target=self._accept, name="fault proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def hold(self, *directions: Direction) -> None:
        """Pass nothing on, as a network that has stalled."""
        for direction in directions or ("up", "down"):
            self.gates[direction].clear()

    def release(self) -> None:
        for gate in self.gates.values():
            gate.set()

    def cut(self) -> None:
        """Break every connection without a word, as a cable that is pulled."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def __enter__(self) -> FaultProxy:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopped.set()
        self.release()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._acceptor.join()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:  # who refuses and then cuts finds either nothing new, or a connection in the list
                refused = self.refusing
                if not refused:
                    self._sockets += [near, far]
            if refused:
                near.close()
                far.close()
                continue
            flows = (_Flow(self, near, far, "up"), _Flow(self, far, near, "down"))
            for flow in flows:
                thread = threading.Thread(target=flow.run, daemon=True)
                thread.start()
                self._threads.append(thread)
