"""A session with a checklist that is killed in the middle: `python -m tests.bench.qa_child FOLDER`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.bench.qa_parts import TurnFeed, judge, microphone, model, run_session, start
from tmlapp.bench.qa.checklist import find_checklist, load_checklist
from tmlapp.bench.qa.run import QaRun
from tmlapp.live.session import LiveSession
from tmlapp.recording.writer import Recorder


def killed(_run: QaRun, session: LiveSession) -> None:
    """Die once everything up to 7.6 s is in the file, as it would be in real time."""
    log = session._journal.log
    assert isinstance(log, Recorder)
    while log.acknowledged_turn < 37:
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    deeds = [
        (1.0, start("before-the-first")),
        (3.0, lambda run, _s: run.note("before-the-first", "still here")),
        (4.0, judge("before-the-first", "blocked")),
        (5.0, start("five-squats")),
        (8.0, killed),
    ]
    said = [(6.0, "one", 0.4), (7.0, "two", 0.4)]
    run_session(folder, TurnFeed(microphone(20, [])), model(said), load_checklist(find_checklist("counting")), deeds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
