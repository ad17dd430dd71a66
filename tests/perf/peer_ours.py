"""Microphone to 200 ms chunks with our own parts, measured by the peers' own metric (run by `tests.perf.peers`)."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.capture.microphone import Microphone
from tmlapp.core.clock import MonotonicClock
from tmlapp.live.session import SWITCH_INTERVAL_S


def main(tools: str) -> None:
    """`tools` is the folder of the peers' scripts; the rest of the command line is theirs."""
    sys.path.insert(0, tools)
    common: Any = importlib.import_module("cadence_common")
    args = common.parser(__doc__).parse_args(sys.argv[2:])
    wav = common.test_sound(args.workdir, args.seconds + 20)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    rec = common.Recorder(args)
    feed = common.Feed(args.feed, wav)
    ours = DeviceFeed(Microphone(args.device, clock=MonotonicClock()), clock=MonotonicClock())
    wake = threading.Event()
    halt = threading.Event()

    def engine() -> None:
        while not halt.is_set():
            wake.wait(1.0)
            wake.clear()
            while (turn := ours.poll()) is not None:
                rec.chunk(turn.pcm.tobytes(), turn.ready_ns / 1e9)

    thread = threading.Thread(target=engine)
    try:
        ours.open(wake.set)
        thread.start()
        while not rec.t:
            halt.wait(0.1)
        halt.wait(args.seconds)
        rec.stop()
    finally:
        halt.set()
        wake.set()
        thread.join()
        ours.close()
        feed.stop()
    common.report("ours", rec, wav)


if __name__ == "__main__":
    main(sys.argv[1])
