"""How far a window's edge, set by key while the take plays, lies from the sound that was heard at that moment.

A click track is played through the virtual sound card by the Items page; what leaves the loudspeaker is recorded from
its monitor with the sound card's own time stamps. Each press of `[` or `]` is then compared with the place in the track
that the recording has at the moment of the press.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.perf.figure import Effort, Figure, at_most, percentile, unmeasured
from tests.vdesk.desk import VirtualDesk, missing_tools

REACH_MS = 5.0
RATE = 16_000
OUT_RATE = 48_000
CLICK_EVERY = 4_000
_NAME = "items.edge_by_key"
_MONITOR = 'pcm.vd_monitor { type pulse device speaker.monitor hint { show on description "what is played" } }\n'


def items_edge(effort: Effort) -> Iterable[Figure]:
    """p95 of the error over presses of both keys."""
    reach = f"<= {REACH_MS:g}"
    if missing := missing_tools():
        yield unmeasured(_NAME, "ms", reach, f"not installed: {', '.join(missing)}")
        return
    with tempfile.TemporaryDirectory(prefix="edge-") as made:
        desk = VirtualDesk(Path(made) / "desk")
        desk.folder.mkdir()
        desk.start()
        try:
            with (desk.folder / "asound.conf").open("a") as file:
                file.write(_MONITOR)
            presses = round(effort.seconds(120, 30))
            env = desk.env | {"QT_QPA_PLATFORM": "offscreen", "TMLAPP_CONFIG_DIR": made, "TMLAPP_CACHE_DIR": made}
            code = "import sys; from tests.perf.items_edge import measure; measure(sys.argv[1], int(sys.argv[2]))"
            done = subprocess.run(
                [sys.executable, "-c", code, made, str(presses)], env=env, capture_output=True, text=True, timeout=600
            )
        finally:
            desk.stop()
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    errors: list[float] = found["errors_ms"]
    yield at_most(
        _NAME,
        percentile([abs(e) for e in errors], 95),
        REACH_MS,
        "ms",
        len(errors),
        what="the recording of the loudspeaker's monitor, by its own time stamps",
        max_ms=round(max(abs(e) for e in errors), 3),
        mean_ms=round(sum(errors) / len(errors), 3),
        p50_ms=round(percentile([abs(e) for e in errors], 50), 3),
        lost_blocks=found["lost"],
        clicks=found["clicks"],
    )


# ---------------------------------------------------------------------- in a process of its own


class Monitor:
    """Records what the loudspeaker plays, each block with the time at which its first sample was played."""

    def __init__(self) -> None:
        self.blocks: list[tuple[float, npt.NDArray[np.int16]]] = []
        self.heard = threading.Event()
        self.lost = 0

    def callback(self, data: Any, _frames: int, times: Any, status: Any) -> None:
        self.lost += bool(status.input_overflow)
        at = time.monotonic() - (times.currentTime - times.inputBufferAdcTime)
        self.blocks.append((at, np.array(data[:, 0], np.int16)))
        if np.abs(data).max() > 8000:
            self.heard.set()

    def timeline(self) -> tuple[npt.NDArray[np.int16], Callable[[float], float]]:
        """All samples, and the monotonic time of each, by the stamps of the blocks within a second of it.

        A block that was handed over late says nothing, the middle of their spread does; and what the busy machine
        could not record moves only what lies near.
        """
        starts = np.cumsum([0] + [len(b) for _, b in self.blocks[:-1]])
        offsets = np.array([t for t, _ in self.blocks]) - starts / OUT_RATE

        def time_of(index: float) -> float:
            near = np.abs(starts - index) <= OUT_RATE
            return float(np.median(offsets[near])) + index / OUT_RATE

        return np.concatenate([b for _, b in self.blocks]), time_of


def clicks() -> npt.NDArray[np.int16]:
    """Ten seconds with a click every quarter of a second, no two alike in height."""
    pcm = np.zeros(10 * RATE, np.int16)
    rng = np.random.default_rng(7)
    for n, at in enumerate(range(CLICK_EVERY, len(pcm) - 200, CLICK_EVERY)):
        pcm[at : at + 24] = (rng.normal(0, 1, 24) * 2500 + 14_000 * (-1) ** n).astype(np.int16)
    return pcm


def measure(folder: str, presses: int) -> None:
    """Press the keys in a real window, and print the errors."""
    import qasync

    from tmlapp.ui.app import drained, make_app

    app = make_app(["edge"])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        found = loop.run_until_complete(_measured(loop, Path(folder), presses))
        loop.run_until_complete(drained(loop))
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


async def _measured(loop: asyncio.AbstractEventLoop, folder: Path, presses: int) -> dict[str, Any]:
    import sounddevice
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from tests.ui.conftest import GREEN
    from tests.ui.items_desk import make_set, write_wav
    from tmlapp.config.settings import Settings
    from tmlapp.ui.items.workspace import ItemsWorkspace
    from tmlapp.ui.services import EndpointFacts, Services
    from tmlapp.ui.window import MainWindow

    track = clicks()
    settings = Settings(recordings_dir=folder, loudspeaker="vd_speaker", microphone="none")
    facts = EndpointFacts(True, "")
    services = Services(run_preflight=lambda _p, _s: list(GREEN), endpoint_facts=lambda _p, _s: facts)
    window = MainWindow(settings, loop, services=services)
    window.show()
    window.go_to("items")
    page = window.workspaces.page("items")
    assert isinstance(page, ItemsWorkspace)
    page.sets.open(make_set(folder / "set", takes=0))
    await _until(lambda: page.model.editor is not None)
    page.takes.take_file(write_wav(folder / "clicks.wav", track))
    await _until(lambda: page.model.take is not None and page.playing._player is not None)
    window.activateWindow()
    view = page.take_card.view
    view.setFocus()
    page.playing.seek(RATE)
    QTest.keyClick(view, Qt.Key.Key_E)
    monitor = Monitor()
    pressed: list[tuple[float, int]] = []
    rng = np.random.default_rng(3)
    stream = sounddevice.InputStream(
        device="vd_monitor", samplerate=OUT_RATE, channels=1, dtype="int16", latency="low", callback=monitor.callback
    )
    with stream:
        QTest.keyClick(view, Qt.Key.Key_0)
        page.playing.seek(0)
        QTest.keyClick(view, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
        await _until(monitor.heard.is_set)
        while len(pressed) < presses:
            await asyncio.sleep(float(rng.uniform(0.11, 0.29)))
            if not page.playing.running or page.playing.position() > 9 * RATE:
                # From the start again, once the sound of the round before is out.
                page.playing.stop()
                await asyncio.sleep(0.4)
                page.playing.seek(0)
                QTest.keyClick(view, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
                await asyncio.sleep(0.6)
                continue
            begins = len(pressed) % 2 == 0
            at = time.monotonic()
            QTest.keyClick(view, Qt.Key.Key_BracketLeft if begins else Qt.Key.Key_BracketRight)
            expectation = page.model.expectation
            assert expectation is not None
            pressed.append((at, expectation.window.t0 if begins else expectation.window.t1))
        await asyncio.sleep(0.6)
    sounds, time_of = monitor.timeline()
    found = [(time_of(r), s) for r, s in _clicks_in(sounds, track)]
    errors = [e for at, sample in pressed if (e := _error_ms(at, sample, found)) is not None]
    window.close()
    return {"errors_ms": errors, "clicks": len(found), "presses": len(pressed), "lost": monitor.lost}


def _clicks_in(sounds: npt.NDArray[np.int16], track: npt.NDArray[np.int16]) -> list[tuple[int, int]]:
    """Where each click was recorded (index at 48 kHz) and where it stands in the track (sample at 16 kHz).

    Clicks look alike but for their noise: each is told by its own shape.
    """
    from tmlapp.live.player_sound import ArraySound, render

    onsets = list(range(CLICK_EVERY, len(track) - 200, CLICK_EVERY))
    shapes = [render(ArraySound(track, RATE), (at - 8) * 62_500, 1.0, 120) for at in onsets]
    loud = np.flatnonzero(np.abs(sounds.astype(np.int32)) > 5000)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > OUT_RATE // 20) + 1) if len(loud) else []
    found: list[tuple[int, int]] = []
    for group in groups:
        first = int(group[0])
        if first < 200 or first + 400 > len(sounds):
            continue
        part = sounds[first - 100 : first + 220].astype(float)
        scores = [
            np.correlate(part, shape, "valid") / (np.linalg.norm(shape) * np.linalg.norm(part)) for shape in shapes
        ]
        best = int(np.argmax([s.max() for s in scores]))
        found.append((first - 100 + int(np.argmax(scores[best])) + 24, onsets[best]))
    return found


def _error_ms(at: float, sample: int, found: list[tuple[float, int]]) -> float | None:
    """Edge minus what was heard at `at`, by the click next to it; None where none was recorded near."""
    near = min(found, key=lambda c: abs(c[0] - at), default=None)
    if near is None or abs(near[0] - at) > 0.3:
        return None
    heard = near[1] + (at - near[0]) * RATE
    return (sample - heard) / RATE * 1000


async def _until(what: Callable[[], bool], timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not what():
            await asyncio.sleep(0.02)
