"""kill -9 while a session runs, drains, finalizes: nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.attack.parts import ROOT
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import find_parts, recover
from tmlapp.recording.verify import verify

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL"),
]


def killed(folder: Path, seconds: float, line: str, delay_s: float) -> int:
    """Run a session of `seconds`, kill it `delay_s` after it said `line`; the last acknowledged micro-turn."""
    command = [sys.executable, "-m", "tests.attack.session_child", str(folder), "s", str(seconds)]
    acknowledged = -1
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        timer = threading.Timer(delay_s, child.kill)
        for said in child.stdout:
            if said.startswith("ack"):
                acknowledged = int(said.split()[1])
            if said.startswith(line) and not timer.is_alive():
                timer.start()
        if timer.is_alive():
            timer.cancel()
        assert child.stderr is not None
        errors = child.stderr.read()
    assert child.returncode in (0, -signal.SIGKILL), errors
    assert "Traceback" not in errors
    return acknowledged


def nothing_is_lost(folder: Path, acknowledged: int) -> None:
    for part in find_parts(folder):
        recover(part)
    finished = [p for p in folder.iterdir() if p.suffix == ".mcap"]
    assert len(finished) == 1, sorted(folder.iterdir())
    report = verify(finished[0])
    assert (report.ok, report.problems, report.lost_turns) == (True, [], [])
    assert report.turns > acknowledged
    assert [t.index for t in Recording.open(finished[0]).turns()] == list(range(report.turns))
    assert not [p for p in folder.iterdir() if p.suffix == ".tmp" or p.stat().st_size == 0]


@pytest.mark.parametrize(
    ("line", "delay_s"),
    [("state armed", 0.0), ("ack 3", 0.0), ("ack 9", 0.002), ("state draining", 0.0), ("state draining", 0.01),
     ("state draining", 0.03)],
)  # fmt: skip
def test_a_killed_session_is_recovered_with_all_that_was_acknowledged(
    tmp_path: Path, line: str, delay_s: float
) -> None:
    nothing_is_lost(tmp_path, killed(tmp_path, 6.0, line, delay_s))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fuzz_a_hundred_sessions_killed_at_random_lose_nothing(tmp_path: Path) -> None:
    choose = random.Random(7)
    for trial in range(100):
        folder = tmp_path / str(trial)
        folder.mkdir()
        line = choose.choice(["state armed", f"ack {choose.randrange(25)}", "state draining", "state draining"])
        nothing_is_lost(folder, killed(folder, 6.0, line, choose.random() * 0.15))
