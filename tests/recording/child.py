"""A real session writer to be killed: prints `ack K` whenever micro-turn K is acknowledged."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.recording.parts import events_of, make_info, make_turn
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.recording.writer import Recorder


def main() -> None:
    folder, name, turns, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def say(*words: object) -> None:
        # In one piece: two threads speak here, and print writes word by word.
        os.write(1, (" ".join(map(str, words)) + "\n").encode())

    def failed(error: AppError) -> None:
        say("failed", error)

    recorder = Recorder(folder, name, make_info(), clock=MonotonicClock(), on_failure=failed)
    recorder.start()
    say("path", recorder.path)
    printed = -1
    for index in range(turns):
        recorder.turn(make_turn(index), ready_ns=0, pushed_ns=1, drift_ppm=None)
        for event in events_of(index):
            recorder.event(event)
        while recorder.acknowledged_turn < index and recorder.failure is None:
            pass
        if recorder.acknowledged_turn > printed:
            printed = recorder.acknowledged_turn
            say("ack", printed)
        if recorder.failure is not None:
            break
    try:
        say("closed", recorder.close())
    except AppError as error:
        say("not closed", error)


if __name__ == "__main__":
    main()
