"""A live session against `endpoint_peer` under load, in a process of its own; prints what it measured as a JSON object.

`python -m tests.perf.endpoint_live PORT FOLDER`: the demo film as camera and microphone in real time, recorded, while
the main thread works as a window does: pure Python 300 ms of every 1.5 s.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.perf.live_probe import burn
from tmlapp.capture.file_feed import open_source
from tmlapp.config.paths import demo_source
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.event import AudioOut, EndpointEvent, WireFrame
from tmlapp.core.feed import Captured, Feed
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.target import read_target
from tmlapp.live.observer import BlankObserver
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.writer import Recorder

WARM_UP_TURNS = 25


class Stamps(BlankObserver):
    """When micro-turns were complete and on the socket, and when sound was read and reached the session as an event.

    The adapter's own stamps (`t_rx_ns`) are session time; `session_now_ns` notes what time of the machine each was.
    """

    def __init__(self) -> None:
        self.ready_ns: dict[int, int] = {}
        self.pushed_ns: dict[int, int] = {}
        self.push_us: list[float] = []
        self.sent: dict[str, int] = {}
        self.sent_ns: dict[str, int] = {}
        self.heard_ms: list[float] = []
        self.read_ms: list[float] = []
        self._mono_ns: dict[int, int] = {}
        self.bare = BareThread()
        self._sent_ns = 0

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        self.ready_ns[turn.index] = captured.ready_ns

    def noted(self, session_now_ns: Callable[[], int]) -> Callable[[], int]:
        def now_ns() -> int:
            t_ns = session_now_ns()
            self._mono_ns[t_ns] = time.monotonic_ns()
            return t_ns

        return now_ns

    def wrap(self, sink: EventSink) -> EventSink:
        def stamped(event: EndpointEvent) -> None:
            now_ns = time.monotonic_ns()
            sink(event)
            if isinstance(event, AudioOut):
                self.heard_ms.append((now_ns - self._sent_ns) / 1e6)
                self.read_ms.append((now_ns - self._mono_ns[event.t_rx_ns]) / 1e6)
            elif isinstance(event, WireFrame):
                self._frame(event)

        return stamped

    def _frame(self, frame: WireFrame) -> None:
        message: dict[str, Any] = frame.message
        if frame.direction == "received" and message["event_id"].isdigit():
            self._sent_ns = int(message["event_id"])
        elif message["type"] == "input_audio_buffer.append":
            self.sent_ns[message["event_id"]] = self._mono_ns[frame.t_rx_ns]
            self.sent[message["event_id"]] = len(self.sent)


class BareThread(threading.Thread):
    """Is woken over a socket with every micro-turn, and does nothing: what this process, on this machine, allows."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.hop_ms: list[float] = []
        self.send_ms: list[float] = []
        self._near, self._far = socket.socketpair()

    def wake(self) -> None:
        sent_ns = time.monotonic_ns()
        self._near.send(str(sent_ns).encode())
        self.send_ms.append((time.monotonic_ns() - sent_ns) / 1e6)

    def run(self) -> None:
        while sent := self._far.recv(64):
            self.hop_ms.append((time.monotonic_ns() - int(sent)) / 1e6)

    def stop(self) -> None:
        self._near.close()
        self.join()
        self._far.close()


class Stamped(RemoteEndpoint):
    """The endpoint under test, with a stamp on everything that it says."""

    def __init__(self, port: int, stamps: Stamps) -> None:
        super().__init__(OPENAI_REALTIME, read_target(OPENAI_REALTIME, f"m@ws://127.0.0.1:{port}"))
        self._stamps = stamps

    def open(self, setup: EndpointSetup, sink: EventSink) -> RemoteDuplex:
        setup = replace(setup, session_now_ns=self._stamps.noted(setup.session_now_ns))
        duplex = super().open(setup, self._stamps.wrap(sink))
        push = duplex.push

        def stamped(turn: MicroTurn) -> None:
            self._stamps.pushed_ns[turn.index] = time.monotonic_ns()
            push(turn)
            self._stamps.push_us.append((time.monotonic_ns() - self._stamps.pushed_ns[turn.index]) / 1e3)
            self._stamps.bare.wake()

        duplex.push = stamped  # type: ignore[method-assign]
        return duplex


def _info(feed: Feed) -> SessionInfo:
    return SessionInfo(
        session_id="perf",
        name="perf",
        created_utc="",
        instruction="",
        endpoint="openai_realtime",
        clock="real",
        feed=feed.info,
        versions={},
    )


def main(port: int, folder: Path) -> None:
    clock, stamps = MonotonicClock(), Stamps()
    session = LiveSession(
        feed=open_source(demo_source(), realtime=True, clock=clock),
        endpoint=Stamped(port, stamps),
        info=_info,
        make_log=lambda info, failed: Recorder(folder, "perf", info, clock=clock, on_failure=failed),
        clock=clock,
        options=SessionOptions(virtual_time=False, folder=folder),
    )
    session.add_observer(stamps)
    stamps.bare.start()
    session.start()
    while not session.wait(1.2):
        burn(0.3)
    stamps.bare.stop()
    if session.error is not None:
        sys.exit(f"the session failed: {session.error}")
    measured = {event_id: index for event_id, index in stamps.sent.items() if index >= WARM_UP_TURNS}
    print(
        json.dumps(
            {
                "ready": {event_id: stamps.ready_ns[index] for event_id, index in measured.items()},
                "pushed": {event_id: stamps.pushed_ns[index] for event_id, index in measured.items()},
                "sent": {event_id: stamps.sent_ns[event_id] for event_id in measured},
                "push_us": stamps.push_us[WARM_UP_TURNS:],
                "bare_ms": stamps.bare.hop_ms[WARM_UP_TURNS:],
                "send_ms": stamps.bare.send_ms[WARM_UP_TURNS:],
                "read_ms": stamps.read_ms[WARM_UP_TURNS:],
                "heard_ms": stamps.heard_ms[WARM_UP_TURNS:],
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
