"""One session in a window that nobody sees. It brings its own event loop, so it runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.qt

PROGRAM = """
import asyncio, gc, json, sys, threading
from pathlib import Path
from PySide6.QtCore import QThread, QTimer
from PySide6.QtGui import QImage
from tmlapp.config.settings import Settings
from tmlapp.live.observer import BlankObserver
from tmlapp.live.plan import SessionPlan
from tmlapp.ui.offscreen import run_offscreen

folder, source, endpoint = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

class Counter(BlankObserver):
    turns = 0

    def on_turn(self, turn, captured):
        self.turns += 1

counter = Counter()
settings = Settings(recordings_dir=folder, theme="dark")
plan = SessionPlan(folder=folder, name="unseen", instruction="Please count out reps for squats.", endpoint=endpoint,
                   source=source, loudspeaker="none", clock="fast", tail_s=0.0)
picture = folder / "window.png"
session = run_offscreen(plan, settings, observers=[counter], picture=picture, picture_at_ns=2_000_000_000)
gc.collect()
image = QImage(str(picture))
print(json.dumps({
    "state": session.state,
    "recording": str(session.recording_path),
    "turns": counter.turns,
    "size": [image.width(), image.height()],
    "error": str(session.error or ""),
    "timers": sum(isinstance(o, QTimer) and o.isActive() for o in gc.get_objects()),
    "threads": sum(isinstance(o, QThread) and o.isRunning() for o in gc.get_objects()),
    "python_threads": [t.name for t in threading.enumerate() if t is not threading.main_thread()],
}))
"""


def run(folder: Path, source: str, endpoint: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"QT_QPA_PLATFORM": "offscreen", "TMLAPP_CONFIG_DIR": str(folder / "config")}
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", PROGRAM, str(folder), source, endpoint],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_picture_is_written_and_nothing_is_left_running(tmp_path: Path, demo_clip: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"t_s": 1.0, "text": "one"}, {"t_s": 1.8, "text": "two"}]))
    done = run(tmp_path, f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", f"scripted:{script}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["state"] == "closed"
    assert found["error"] == ""
    assert Path(found["recording"]).suffix == ".mcap"
    assert found["turns"] > 10
    assert found["size"][0] >= 1280
    assert (found["timers"], found["threads"], found["python_threads"]) == (0, 0, [])


def test_a_session_that_cannot_start_is_an_error_and_not_a_window_that_waits(tmp_path: Path) -> None:
    done = run(tmp_path, str(tmp_path / "missing.mp4"), "onnx:tiny")
    assert done.returncode == 1
    assert "AppError" in done.stderr
    assert "missing.mp4" in done.stderr
