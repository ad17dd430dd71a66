"""Our client against `endpoint_peer`, in a process of its own; prints what it measured as one JSON object.

`python -m tests.perf.endpoint_ours PORT TURNS SPEED`: pushes TURNS micro-turns, SPEED times faster than real time.
"""

from __future__ import annotations

import gc
import json
import sys
import time

import numpy as np
import psutil

from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import AudioOut, EndpointError, EndpointEvent
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS, TURN_SAMPLES
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.live.session import SWITCH_INTERVAL_S


class Sink:
    """Counts, and keeps nothing."""

    def __init__(self) -> None:
        self.bytes = 0
        self.errors: list[str] = []

    def __call__(self, event: EndpointEvent) -> None:
        if isinstance(event, AudioOut):
            self.bytes += len(event.pcm16)
        elif isinstance(event, EndpointError):
            self.errors.append(event.message)


def main(port: int, turns: int, speed: float) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    rng = np.random.default_rng(7)
    sounds = [rng.integers(-3000, 3000, TURN_SAMPLES).astype(np.int16) for _ in range(10)]
    begin_ns = time.monotonic_ns()

    def now_ns() -> int:
        return round((time.monotonic_ns() - begin_ns) * speed)

    sink = Sink()
    setup = EndpointSetup(instruction="Count.", clock=MonotonicClock(), session_now_ns=now_ns)
    duplex = remote_endpoint(OPENAI_REALTIME, f"m@ws://127.0.0.1:{port}").open(setup, sink)
    process = psutil.Process()
    warm = turns // 10
    rss: list[tuple[int, int]] = []
    push_us: list[float] = []
    cpu_s = time.process_time()
    due_s = time.monotonic()
    for index in range(turns):
        due_s += TURN_NS / NS_PER_S / speed
        time.sleep(max(0.0, due_s - time.monotonic()))
        turn = MicroTurn(index, sounds[index % 10], mono_ns=time.monotonic_ns())
        pushed = time.perf_counter_ns()
        duplex.push(turn)
        push_us.append((time.perf_counter_ns() - pushed) / 1e3)
        if turns >= 1_000 and index >= warm and index % (turns // 100) == 0:
            rss.append((index, process.memory_info().rss))
    duplex.drain(5.0)
    cpu_s = time.process_time() - cpu_s
    gc.collect()
    duplex.close()
    print(json.dumps({"cpu_s": cpu_s, "bytes": sink.bytes, "errors": sink.errors, "rss": rss, "push_us": push_us}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
