"""What recording costs: microphone, model sound, 720p30 JPEG and events."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from tests.perf.figure import Effort, Figure, at_most
from tests.perf.mjpeg import HEIGHT, WIDTH
from tests.perf.model import clip
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.event import AudioOut, UnitDone
from tmlapp.core.feed import FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Picture
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.recording.writer import Recorder

FRAMES_PER_TURN = 6


def pictures(count: int) -> list[Picture]:
    """Decoded frames of the bundled clip at 720p, with sensor noise: harder to encode than the drawing."""
    capture = cv2.VideoCapture(str(clip()))
    rng = np.random.default_rng(1)
    made: list[Picture] = []
    for _ in range(count):
        ok, picture = capture.read()
        assert ok
        scaled = cv2.resize(picture, (WIDTH, HEIGHT)).astype(np.int16)
        made.append((scaled + rng.normal(0, 2, scaled.shape)).clip(0, 255).astype(np.uint8))
    return made


def recording_cpu(effort: Effort) -> Iterable[Figure]:
    """Processor seconds per second of session, encoding included, finalizing not."""
    seconds = effort.seconds(60, 20)
    kept = pictures(30)
    rng = np.random.default_rng(2)
    pcm = rng.integers(-2000, 2000, TURN_SAMPLES).astype(np.int16)
    sound = rng.integers(-2000, 2000, 4800).astype("<i2").tobytes()
    none = TrackInfo(kind="none", name="none")
    info = SessionInfo(
        session_id="perf",
        name="perf",
        created_utc="2026-01-01T00:00:00+00:00",
        instruction="",
        endpoint="none",
        clock="real",
        feed=FeedInfo(mic=none, camera=none, realtime=True),
        versions={},
    )
    encoding = 0.0
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), "perf", info, clock=MonotonicClock(), on_failure=_raise)
        recorder.start()
        begin = time.process_time()
        for k in range(round(seconds * 5)):
            before = time.process_time()
            frames = tuple(_frame(kept, k, i) for i in range(FRAMES_PER_TURN))
            encoding += time.process_time() - before
            recorder.turn(MicroTurn(k, pcm, frames), ready_ns=0, pushed_ns=0, drift_ppm=None)
            recorder.event(UnitDone(micro_turn=k, latency_ns=1, t_rx_ns=k * TURN_NS))
            recorder.event(AudioOut(pcm16=sound, rate=24_000, t_rx_ns=k * TURN_NS))
            while recorder.acknowledged_turn < k - 20:
                time.sleep(0.001)
        while recorder.acknowledged_turn < round(seconds * 5) - 1:
            time.sleep(0.001)
        spent = time.process_time() - begin
        recorder.close()
    yield at_most(
        "recording.cpu",
        100 * spent / seconds,
        15,
        "% of one core",
        round(seconds * 5),
        what="JPEG encoding alone, same frames, same run",
        percent=round(100 * encoding / seconds, 2),
    )


def _frame(kept: list[Picture], turn: int, i: int) -> Frame:
    picture = kept[(turn * FRAMES_PER_TURN + i) % len(kept)]
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return Frame(turn * TURN_NS + i * TURN_NS // FRAMES_PER_TURN, jpeg, WIDTH, HEIGHT)


def _raise(error: Exception) -> None:
    raise error
