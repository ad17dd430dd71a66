"""One live session in the real window, in a process of its own; prints what it measured as one JSON object.

Run by `tests.perf.live` with the environment of a virtual sound card.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import qasync
from PySide6.QtCore import QTimer

from tmlapp.config.settings import Settings
from tmlapp.core.cue import Cue, Overlay
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S
from tmlapp.live.observer import BlankObserver
from tmlapp.live.plan import build_session, plan_from_settings
from tmlapp.live.session import LiveSession
from tmlapp.ui.app import make_app
from tmlapp.ui.services import Services
from tmlapp.ui.window import MainWindow

WARM_UP_S = 10


class Probe(BlankObserver):
    """Times of cues and of memory, seen from the engine thread."""

    def __init__(self, stop_at_ns: int) -> None:
        self.cues: dict[int, int] = {}
        self.rss: list[tuple[float, int]] = []
        self.session: LiveSession | None = None
        self._stop_at_ns = stop_at_ns
        self._process = psutil.Process()

    def on_cue(self, cue: Cue) -> None:
        self.cues.setdefault(cue.t_ns, time.monotonic_ns())

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        if turn.index % 25 == 0:
            self.rss.append((turn.t_ns / NS_PER_S, self._process.memory_info().rss))
        if turn.end_ns >= self._stop_at_ns and self.session is not None:
            self.session.stop("measured long enough")


class BareThread(threading.Thread):
    """Wakes every 200 ms and does nothing: what this process, on this machine, allows any thread."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.late_ms: list[float] = []
        self.halt = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self.halt.is_set():
            due += 0.2
            self.halt.wait(max(0.0, due - time.monotonic()))
            self.late_ms.append((time.monotonic() - due) * 1000)


def burn(seconds: float) -> None:
    """Pure Python work that never lets go of the interpreter by itself."""
    until, n = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for i in range(200):
            n = (n * 31 + i) % 1_000_003


def busy_timers(window: MainWindow) -> None:
    """The window's thread works 300 ms of every 1.5 s, and once a minute a whole second."""
    for period_ms, seconds in ((1500, 0.3), (60_000, 1.0)):
        timer = QTimer(window)
        timer.timeout.connect(lambda s=seconds: burn(s))
        timer.start(period_ms)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--busy", action="store_true")
    args = parser.parse_args()
    settings = Settings(recordings_dir=args.folder, camera_width=1280, camera_height=720, camera_fps=30)
    plan = plan_from_settings(
        settings,
        microphone="vd_mic",
        loudspeaker="vd_speaker",
        camera=args.camera,
        instruction="Please count out reps for squats.",
        name="perf",
    )
    probe = Probe(round((args.seconds + WARM_UP_S) * NS_PER_S))
    painted: dict[int, int] = {}

    def on_painted(overlay: Overlay, now_ns: int) -> None:
        if overlay.count is not None:
            painted.setdefault(overlay.count_t_ns, now_ns)

    def build(plan: Any, settings: Settings) -> LiveSession:
        session = build_session(plan, settings)
        session.add_observer(probe)
        probe.session = session
        return session

    app = make_app(["tmlapp"])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    window = MainWindow(settings, loop, plan=plan, services=Services(build_session=build))
    window.stage.on_painted = on_painted
    window.controller.failed.connect(lambda error: sys.exit(str(error)))
    window.controller.closed.connect(loop.stop)
    if args.busy:
        busy_timers(window)
    window.show()
    cpu = time.process_time()
    window.controller.start()
    bare = BareThread()
    bare.start()
    with loop:
        loop.run_forever()
        bare.halt.set()
        window.controller.shutdown()
    session = probe.session
    if session is None or session.error is not None:
        sys.exit(f"the session failed: {session.error if session else 'it never began'}")
    print(
        json.dumps(
            {
                "recording": str(session.recording_path),
                "cpu_s": time.process_time() - cpu,
                "bare_late_ms": bare.late_ms[WARM_UP_S * 5 : -5],
                "overlay_ms": [(painted[t] - at) / 1e6 for t, at in probe.cues.items() if t in painted],
                "unpainted": len([t for t in probe.cues if t not in painted]),
                "rss": probe.rss,
            }
        )
    )


if __name__ == "__main__":
    main()
