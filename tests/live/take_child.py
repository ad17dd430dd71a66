"""A real take to be killed: records FILE in real time into FOLDER as NAME, and says `turn K` after each micro-turn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tmlapp.config.settings import Settings
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.live.observer import BlankObserver
from tmlapp.live.take import TakePlan, TakeRecorder, take_recorder


class Saying(BlankObserver):
    def __init__(self, recorder: TakeRecorder) -> None:
        self._recorder = recorder

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        if turn.index == 2:
            self._recorder.drop(note="says hello")
        os.write(1, f"turn {turn.index}\n".encode())


def main() -> None:
    source, folder, name = sys.argv[1:]
    plan = TakePlan(folder=Path(folder), name=name, source=source, count_in_s=0.3, speaker="s-014")
    recorder = take_recorder(plan, Settings())
    recorder.add_observer(Saying(recorder))
    recorder.start()
    recorder.wait()


if __name__ == "__main__":
    main()
