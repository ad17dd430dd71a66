"""How soon an hour is on the screen in Review, and how far from the wish a seek lands."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.perf.figure import Effort, Figure, at_most, percentile
from tests.perf.long_recording import long_recording
from tests.vdesk.desk import VirtualDesk, missing_tools
from tmlapp.core.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace

Measured = tuple[float, list[float], float, list[tuple[float, float]], list[float], list[float]]
"""Seconds of a cold open, of warm ones, of reading the index; of each seek: how far off, and ms to its picture;
while it plays, how far the picture on the screen is from what is heard, ms, and ms from a seek to its sound."""

_STEP_S = 0.001
_FRAME_S = 0.016
_SEEKS_S = (1800.0, 12.3, 3599.0, 2400.7, 600.1, 3000.4, 1.0, 900.9)


def review(effort: Effort) -> Iterable[Figure]:
    """Open a recording of an hour: to its first picture and both waveforms, cold and warm; then seek in it."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    path = long_recording(0.25 if effort.quick else 1.0)
    with tempfile.TemporaryDirectory() as folder:
        for variable in ("TMLAPP_CACHE_DIR", "TMLAPP_CONFIG_DIR", "TMLAPP_LOG_DIR"):
            os.environ[variable] = folder
        with _loudspeaker() as loudspeaker:
            cold, warm, index, seeks, drifts, delays = _measured(path, Path(folder), loudspeaker, effort)
    yield at_most(
        "review.open_1h", percentile(warm, 50), 1.0, "s", len(warm), what="the index of the file alone",
        s=round(index, 4), cold_s=round(cold, 2), worst_s=round(max(warm), 3), file_mb=round(path.stat().st_size / 1e6),
    )  # fmt: skip
    yield at_most(
        "review.seek_error", max(off for off, _ in seeks), 20.0, "ms", len(seeks),
        what="from the seek to its picture on the screen", p50_ms=round(percentile([ms for _, ms in seeks], 50), 1),
        worst_ms=round(max(ms for _, ms in seeks), 1),
    )  # fmt: skip
    yield at_most(
        "review.av_drift_p95", percentile(drifts, 95), 40.0, "ms", len(drifts),
        what="the worst of them, ms", ms=round(max(drifts), 1), loudspeaker=loudspeaker,
        share_above_40_ms=round(sum(drift > 40 for drift in drifts) / len(drifts), 4),
    )  # fmt: skip
    yield at_most(
        "review.seek_to_picture", percentile([ms for _, ms in seeks], 50), 50.0, "ms", len(seeks),
        worst_ms=round(max(ms for _, ms in seeks), 1),
    )  # fmt: skip
    yield at_most(
        "review.seek_to_sound", percentile(delays, 50), 100.0, "ms", len(delays), what="while it plays",
        worst_ms=round(max(delays), 1), loudspeaker=loudspeaker,
    )  # fmt: skip


@contextmanager
def _loudspeaker() -> Iterator[str]:
    """The name of a virtual loudspeaker, `none` where there is none: the clock stands in for it."""
    if missing_tools():
        yield "none"
        return
    folder = Path(tempfile.mkdtemp(prefix="vdesk-"))
    desk = VirtualDesk(folder)
    desk.start()
    os.environ.update(desk.settings)
    try:
        yield "vd_speaker"
    finally:
        desk.stop()
        shutil.rmtree(folder)


def _measured(path: Path, folder: Path, loudspeaker: str, effort: Effort) -> Measured:
    import qasync

    from tmlapp.config.settings import Settings
    from tmlapp.recording.reader import Recording
    from tmlapp.ui.app import make_app
    from tmlapp.ui.window import MainWindow

    app = make_app(["perf"])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    window = MainWindow(Settings(theme="dark", recordings_dir=folder, loudspeaker=loudspeaker), loop)
    window.resize(1280, 800)
    window.show()
    window.workspaces.go_to("review")
    page = window.workspaces.page("review")
    page.reading.checks_up_to = 0  # type: ignore[attr-defined]

    async def go() -> Measured:
        cold = await _open(page, path)  # type: ignore[arg-type]
        warm = [await _open(page, path) for _ in range(3 if effort.quick else 9)]  # type: ignore[arg-type]
        begin = time.perf_counter()
        Recording.open(path)
        index = time.perf_counter() - begin
        seeks = [await _seek(page, at_s) for at_s in _SEEKS_S]  # type: ignore[arg-type]
        drifts = await _drifts(page, effort.seconds(20, 5))  # type: ignore[arg-type]
        delays = [await _to_sound(page, at_s) for at_s in _SEEKS_S]  # type: ignore[arg-type]
        page.pause()  # type: ignore[attr-defined]
        return cold, warm, index, seeks, drifts, delays

    try:
        measured: Measured = loop.run_until_complete(go())
    finally:
        page.shut()
    return measured


async def _open(page: ReviewWorkspace, path: Path) -> float:
    before = page.opened
    begin = time.perf_counter()
    page.open((path, 1234.5))
    await _until(lambda: page.opened is not before and page.lanes.you.peaks is not None)
    await _until(lambda: page.lanes.heard.peaks is not None and page.picture.shown is not None)
    page.repaint()
    return time.perf_counter() - begin


async def _seek(page: ReviewWorkspace, at_s: float) -> tuple[float, float]:
    at_ns = round(min(at_s, page.axis.duration_ns / NS_PER_S - 1) * NS_PER_S)
    player = page.playback.player
    assert player is not None
    begin = time.perf_counter()
    page.axis.seek(at_ns)
    off_ms = abs(player.position_ns - at_ns) / NS_PER_MS
    await _until(lambda: page.picture.shown is not None and page.picture.offset_ns == 0)
    return off_ms, (time.perf_counter() - begin) * NS_PER_S / NS_PER_MS


async def _drifts(page: ReviewWorkspace, seconds: float) -> list[float]:
    player = page.playback.player
    assert player is not None
    page.jump(60 * NS_PER_S)
    page.toggle()
    await _until(lambda: player.position_ns > 60 * NS_PER_S + NS_PER_S // 2)
    found: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        await asyncio.sleep(_FRAME_S)
        shown, now_ns = page.picture.shown, player.position_ns
        if shown is not None:
            found.append(max(0, shown.t_ns - now_ns, now_ns - shown.end_ns) / NS_PER_MS)
    return found


async def _to_sound(page: ReviewWorkspace, at_s: float) -> float:
    """Milliseconds from a seek, while it plays, to the converter's first sample from the new place."""
    player = page.playback.player
    assert player is not None
    at_ns = round(min(at_s, page.axis.duration_ns / NS_PER_S - 5) * NS_PER_S)
    begin = time.perf_counter()
    page.axis.seek(at_ns)
    await _until(lambda: player.position_ns > at_ns)
    # What was heard of it meanwhile does not count.
    return (time.perf_counter() - begin) * NS_PER_S / NS_PER_MS - (player.position_ns - at_ns) / NS_PER_MS


async def _until(what: Callable[[], bool]) -> None:
    while not what():
        await asyncio.sleep(_STEP_S)
