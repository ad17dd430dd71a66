"""A session in a process to be killed: says `ack K` when micro-turn K is safe, `closed FILE` when all is."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.live.parts import session_info
from tmlapp.capture.synthetic import SyntheticFeed
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.scripted import Line, ScriptedEndpoint
from tmlapp.live.observer import BlankObserver
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.writer import Recorder

LINE_EVERY_NS = 600_000_000


class Teller(BlankObserver):
    """Tells after every micro-turn which one is safe."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        if self.recorder is not None:
            print("ack", self.recorder.acknowledged_turn, flush=True)

    def on_state(self, state: str, reason: str) -> None:
        print("state", state, flush=True)


def main() -> None:
    folder, name, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    clock = MonotonicClock()
    teller = Teller()

    def recorder(info: object, on_failure: object) -> Recorder:
        teller.recorder = Recorder(folder, name, info, clock=clock, on_failure=on_failure)  # type: ignore[arg-type]
        return teller.recorder

    lines = [Line(t_ns=k * LINE_EVERY_NS, text=str(k)) for k in range(1, 1000)]
    session = LiveSession(
        feed=SyntheticFeed("clap", realtime=False, clock=clock, duration_s=seconds),
        endpoint=ScriptedEndpoint(lines),
        info=session_info,
        make_log=recorder,
        clock=clock,
        options=SessionOptions(virtual_time=True, folder=folder),
    )
    session.add_observer(teller)
    session.start()
    session.wait()
    print("closed", session.recording_path, threading.active_count(), flush=True)


if __name__ == "__main__":
    main()
