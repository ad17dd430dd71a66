"""How soon the window is there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable

from tests.perf.figure import Effort, Figure, at_most, percentile

_SHOWN = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
{body}
"""
_OURS = """
import tmlapp.ui.window as w
class Painted(w.MainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        import os, time
        sys.stdout.write(str(time.monotonic_ns())); sys.stdout.flush(); os._exit(0)
w.MainWindow = Painted
from tmlapp.ui.app import run_window
run_window(['tmlapp'])
"""
_BARE = """
from PySide6.QtWidgets import QMainWindow
class Painted(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        import os, time
        sys.stdout.write(str(time.monotonic_ns())); sys.stdout.flush(); os._exit(0)
app = QApplication(['bare'])
window = Painted()
window.show()
app.exec()
"""


def window_start(effort: Effort) -> Iterable[Figure]:
    """From the start of the process to the end of the window's first paint, files in the cache."""
    runs = round(effort.seconds(9, 4))
    ours = [_start(_OURS) for _ in range(runs + 1)][1:]
    bare = [_start(_BARE) for _ in range(runs + 1)][1:]
    yield at_most(
        "window.start",
        percentile(ours, 50) / 1000,
        1.5,
        "s",
        runs,
        what="an empty QMainWindow",
        s=round(percentile(bare, 50) / 1000, 3),
        platform=os.environ.get("QT_QPA_PLATFORM", "xcb"),
    )


def _start(body: str) -> float:
    begin = time.monotonic_ns()
    done = subprocess.run([sys.executable, "-c", _SHOWN.format(body=body)], capture_output=True, text=True, check=True)
    return (int(done.stdout) - begin) / 1e6
