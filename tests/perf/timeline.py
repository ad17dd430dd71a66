"""Zoom and pan of a timeline over an hour of two tracks: how long a frame takes to draw."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator

import numpy as np

from tests.perf.figure import Effort, Figure, at_most, percentile
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S

_HOUR_NS = 3600 * NS_PER_S
_SIZE = (892, 434)
_WINDOW = (1280, 800)


def timeline(effort: Effort) -> Iterable[Figure]:
    """Frame times of a zoom from an hour to single samples and back, and of pans on the way, in the window's thread."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QPixmap

    from tmlapp.recording.peaks import Peaks
    from tmlapp.ui.app import make_app
    from tmlapp.ui.theme import load_theme
    from tmlapp.ui.timeline import BarsLane, Span, SpansLane, TimeAxis, TimelineView, WaveLane

    app = make_app(["perf"])
    tracks = [_sound(16_000, 1), _sound(24_000, 2)]
    begin = time.perf_counter()
    peaks = [Peaks.of(pcm, rate) for pcm, rate in zip(tracks, (16_000, 24_000), strict=True)]
    built_s = time.perf_counter() - begin
    axis = TimeAxis(_HOUR_NS)
    view = TimelineView(axis, load_theme("dark"))
    waves = [WaveLane("you", "you"), WaveLane("heard", "model, heard", role="model")]
    for lane, known in zip(waves, peaks, strict=True):
        lane.set_peaks(known)
    words = SpansLane("words", "words")
    words.set_spans([Span(key=str(k), start_ns=k * 400_000_000, end_ns=k * 400_000_000 + 300_000_000, label=f"word {k}")
                     for k in range(9000)])  # fmt: skip
    reply = BarsLane("reply", "reply")
    reply.set_values(np.arange(18_000) * 200_000_000, np.full(18_000, 40_000_000))
    view.set_lanes([*waves, words, reply])
    view.resize(*_SIZE)
    view.show()
    app.processEvents()
    target = QPixmap(view.size())
    frames: list[float] = []
    busy: list[float] = []
    for _ in range(1 if effort.quick else 3):
        for start, end in _journey():
            axis.look_at(start, end)
            begin, spent = time.perf_counter(), time.thread_time()
            view.render(target)
            frames.append((time.perf_counter() - begin) * 1000)
            busy.append((time.thread_time() - spent) * 1000)
    columns = []
    for start, end in _journey():
        begin = time.perf_counter()
        peaks[0].columns(start * 16_000 / 1e9, end * 16_000 / 1e9, _SIZE[0])
        columns.append((time.perf_counter() - begin) * 1000)
    view.deleteLater()
    app.processEvents()
    yield at_most(
        "timeline.frame_p95", percentile(frames, 95), 16.0, "ms", len(frames),
        what="the same two tracks' columns alone, p95", ms=round(percentile(columns, 95), 3),
        p50=round(percentile(frames, 50), 2), worst=round(max(frames), 2), processor_p95=round(percentile(busy, 95), 2),
        window=list(_WINDOW), view=list(_SIZE),
    )  # fmt: skip
    yield at_most("timeline.columns_p95", percentile(columns, 95), 1.0, "ms", len(columns),
                  what="making the pyramids of two hours of sound, once", s=round(built_s, 2))  # fmt: skip


def _journey() -> Iterator[tuple[float, float]]:
    """From the whole hour to 2 ms at the 1000th second and back, with a pan at each depth."""
    at, depths = 1000 * NS_PER_S, 90
    spans = np.geomspace(_HOUR_NS, 2_000_000, depths)
    for span in (*spans, *spans[::-1]):
        start = at - span * at / _HOUR_NS
        for shift in (0.0, 0.013):
            yield start + shift * span, start + (1 + shift) * span


def _sound(rate_hz: int, seed: int) -> Pcm:
    rng = np.random.default_rng(seed)
    second = (rng.normal(0, 3000, rate_hz) * np.abs(np.sin(np.arange(rate_hz) / 900))).astype(np.int16)
    return np.tile(second, 3600)
