"""Vital signs of a session, folded from what passes by."""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path

import numpy as np

from tmlapp.core.event import Event, Gap, Health, UnitDone
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, ns_to_samples
from tmlapp.live.latency import LatencyMeter

WINDOW_TURNS = 150
"""Figures are over the last 30 s."""

TURNS_PER_SAMPLE = 5


def _percentile(values: deque[float], q: float) -> float | None:
    return round(float(np.percentile(np.fromiter(values, np.float64), q)), 3) if values else None


class HealthMeter:
    """Collects lateness, replies, gaps and frames; `sample` gives one `Health`."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._latency = LatencyMeter()
        self._late_ms: deque[float] = deque(maxlen=WINDOW_TURNS)
        self._reply_ms: deque[float] = deque(maxlen=WINDOW_TURNS)
        self._frame_times_ns: deque[int] = deque(maxlen=512)
        self._pushed = 0
        self._answered = 0
        self._dropped_samples = 0
        self._dropped_frames = 0
        self._xruns = 0
        self._drift_ppm: float | None = None

    def turn(self, turn: MicroTurn, captured: Captured, pushed_ns: int) -> None:
        """`pushed_ns`: monotonic time at which the endpoint had taken the micro-turn."""
        self._latency.turn(turn)
        self._pushed = turn.index + 1
        self._late_ms.append((pushed_ns - captured.ready_ns) / NS_PER_MS)
        self._frame_times_ns.extend(f.t_ns for f in turn.frames if not f.repeated)
        self._drift_ppm = captured.drift_ppm
        self._xruns = captured.xruns

    def event(self, event: Event) -> None:
        self._latency.event(event)
        match event:
            case UnitDone():
                self._answered = max(self._answered, event.micro_turn + 1)
                self._reply_ms.append(event.latency_ns / NS_PER_MS)
            case Gap(track="mic", kind="lost"):
                self._dropped_samples += ns_to_samples(event.dur_ns)
            case Gap(track="camera", kind="lost"):
                self._dropped_frames += 1
            case _:
                pass

    def sample(self, t_ns: int, recording_bytes: int | None, echo_loss_db: float | None = None) -> Health:
        recent = sum(1 for t in self._frame_times_ns if t_ns - NS_PER_S <= t < t_ns)
        return Health(
            t_ns=t_ns,
            turns=self._pushed,
            turn_late_p50_ms=_percentile(self._late_ms, 50),
            turn_late_p99_ms=_percentile(self._late_ms, 99),
            turn_late_max_ms=_percentile(self._late_ms, 100),
            reply_p50_ms=_percentile(self._reply_ms, 50),
            reply_p99_ms=_percentile(self._reply_ms, 99),
            queue_turns=self._pushed - self._answered if self._answered else 0,
            drift_ppm=self._drift_ppm,
            camera_fps=float(recent) if self._frame_times_ns else None,
            dropped_samples=self._dropped_samples,
            dropped_frames=self._dropped_frames,
            xruns=self._xruns,
            disk_free_bytes=self._disk_free(),
            recording_bytes=recording_bytes,
            network_ms=self._latency.network_ms(t_ns),
            model_ms=self._latency.model_ms(t_ns),
            playout_ms=self._latency.playout_ms(t_ns),
            echo_loss_db=echo_loss_db,
        )

    def _disk_free(self) -> int | None:
        """None where it cannot be known, as in a folder that was deleted: the recorder tells what follows from that."""
        try:
            return shutil.disk_usage(self._folder).free if self._folder else None
        except OSError:
            return None
