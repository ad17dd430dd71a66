"""A live session: how punctual it is, how soon an output is seen, what it holds in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.perf.figure import Effort, Figure, at_most, percentile, unmeasured
from tests.perf.live_probe import WARM_UP_S
from tests.perf.model import clip
from tests.vdesk.desk import VirtualDesk, missing_tools
from tmlapp.core.event import AudioOut, Gap, Heard
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.reader import Recording

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def sound_card() -> Iterator[VirtualDesk]:
    """A private virtual sound card."""
    with tempfile.TemporaryDirectory(prefix="vd-") as folder:
        desk = VirtualDesk(Path(folder))
        desk.start()
        try:
            yield desk
        finally:
            desk.stop()


@contextmanager
def camera() -> Iterator[str]:
    """The URL of a 720p30 camera that another process serves."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.perf.mjpeg", str(clip())], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/cam.mjpg"
    finally:
        server.terminate()
        server.wait()


def measured(seconds: float, *, busy: bool) -> dict[str, Any]:
    """Run one session of `seconds` after warming up; what the probe printed and what its recording holds."""
    with tempfile.TemporaryDirectory() as folder, sound_card() as desk, camera() as url:
        command = [sys.executable, "-m", "tests.perf.live_probe", "--seconds", str(seconds), "--camera", url]
        command += ["--folder", folder, *(["--busy"] if busy else [])]
        env = {**desk.env, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
        if os.environ.get("DISPLAY"):
            env["QT_QPA_PLATFORM"] = "xcb"
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the live session failed: {done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(done.stdout)
        recording = Recording.open(Path(result["recording"]))
        turns = [t for t in recording.turn_records() if t["t_ns"] >= WARM_UP_S * NS_PER_S]
        result["late_ms"] = [(t["pushed_ns"] - t["ready_ns"]) / 1e6 for t in turns]
        result["frames"] = sum(len(t["frames"]) for t in turns)
        result["seconds"] = len(turns) / 5
        spoken = {e.item_id: e.t_rx_ns for e in recording.events((AudioOut,)) if isinstance(e, AudioOut)}
        heard = [e for e in recording.events((Heard,)) if isinstance(e, Heard) and e.item_id in spoken]
        result["first_sound_ms"] = [(e.t_ns - spoken[e.item_id]) / 1e6 for e in heard]
        gaps = [g for g in recording.events((Gap,)) if isinstance(g, Gap) and g.kind == "lost"]
        result["dropped"] = len(gaps)
        return result


def _cadence(name: str, run: dict[str, Any], p99: float, maximum: float) -> Iterable[Figure]:
    late = run["late_ms"]
    about = {
        "what": "a thread of the same process that wakes every 200 ms by the clock and does nothing",
        "bare_thread_p99_ms": round(percentile(run["bare_late_ms"], 99), 3),
        "bare_thread_max_ms": round(max(run["bare_late_ms"]), 3),
        "p50_ms": round(percentile(late, 50), 3),
        "camera_fps": round(run["frames"] / run["seconds"], 1),
        "cpu_of_one_core": round(run["cpu_s"] / (run["seconds"] + WARM_UP_S), 3),
    }
    yield at_most(f"{name}.p99", percentile(late, 99), p99, "ms", len(late), **about)
    yield at_most(f"{name}.max", max(late), maximum, "ms", len(late), **about)
    yield at_most(f"{name}.dropped", run["dropped"], 0, "blocks", len(late), **about)


def cadence(effort: Effort) -> Iterable[Figure]:
    """Camera, local model, recording and window at once: lateness, overlay, memory."""
    if missing := missing_tools():
        yield unmeasured("cadence.p99", "ms", "<= 2", f"not installed: {', '.join(missing)}")
        return
    run = measured(effort.seconds(600, 60), busy=False)
    yield from _cadence("cadence", run, 2, 10)
    overlay = run["overlay_ms"]
    if overlay:
        about = {"what": "from the cue on the engine thread to the end of the paint", "unpainted": run["unpainted"]}
        yield at_most("overlay.p95", percentile(overlay, 95), 33, "ms", len(overlay), **about)
    else:
        yield unmeasured("overlay.p95", "ms", "<= 33", "the model said nothing in this time")
    if run["first_sound_ms"]:
        about = {"what": "from the output's receipt to its first sample at the loudspeaker's converter"}
        first = run["first_sound_ms"]
        yield at_most("voice.first_sound.p95", percentile(first, 95), 80, "ms", len(first), **about)
    yield from _memory(run)


def cadence_busy(effort: Effort) -> Iterable[Figure]:
    """The same while the window's thread runs pure Python 300 ms of every 1.5 s, and once a minute 1 s."""
    if missing := missing_tools():
        yield unmeasured("cadence_busy.p99", "ms", "<= 5", f"not installed: {', '.join(missing)}")
        return
    run = measured(effort.seconds(600, 75), busy=True)
    yield from _cadence("cadence_busy", run, 5, 10)


def _memory(run: dict[str, Any]) -> Iterable[Figure]:
    samples = [(t, rss / 2**20) for t, rss in run["rss"] if t >= WARM_UP_S]
    seconds = np.array([t for t, _ in samples])
    mib = np.array([m for _, m in samples])
    slope = float(np.polyfit(seconds, mib, 1)[0]) * 3600 if len(samples) > 2 else 0.0
    about = {
        "what": "the same process when the session began",
        "mib": round(samples[0][1], 1),
        "after_s": run["seconds"],
    }
    yield at_most("memory.rss", float(mib[-1]), 450, "MiB", len(samples), **about)
    yield at_most("memory.growth", slope, 10, "MiB/h", len(samples), **about)
