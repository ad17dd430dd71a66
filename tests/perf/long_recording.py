"""A long recording with everything in it, made by the real recorder on virtual time; kept for the next measurement."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from tests.perf.recorder import pictures
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import Cue
from tmlapp.core.event import AudioOut, Event, Granted, Heard, SessionOpened, TextOutDone, UnitDone
from tmlapp.core.feed import FeedInfo, TrackInfo
from tmlapp.core.media import Frame
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, TURN_NS, TURN_SAMPLES
from tmlapp.recording.writer import Recorder

_WORDS = ("one", "two", "three", "four", "five")
_WIDTH, _HEIGHT = 640, 360


def long_recording(hours: float) -> Path:
    """A recording of so many hours: a microphone, 10 frames per second, an output every 5 s; made once per machine."""
    folder = Path(os.environ.get("TMLAPP_PERF_DIR") or Path(tempfile.gettempdir()) / "tmlapp-perf")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"long-{hours:g}h.mcap"
    return path if path.exists() else _made(folder, path.stem, round(hours * 18_000))


def _made(folder: Path, name: str, turns: int) -> Path:
    none = TrackInfo(kind="none", name="none")
    info = SessionInfo(
        session_id=name, name=name, created_utc="2026-01-01T00:00:00+00:00", instruction="Count.",
        endpoint="scripted:x", clock="fast", feed=FeedInfo(mic=none, camera=none, realtime=False), versions={},
    )  # fmt: skip
    k = np.arange(50 * TURN_SAMPLES)
    noise = np.random.default_rng(1).normal(0, 300, len(k))
    sound = (np.abs(np.sin(k / 7000)) * np.sin(k * 0.13) * 6000 + noise).astype(np.int16)
    jpegs = [_jpeg(cv2.resize(p, (_WIDTH, _HEIGHT))) for p in pictures(30)]
    recorder = Recorder(folder, name, info, clock=MonotonicClock(), on_failure=_raise)
    recorder.start()
    recorder.event(SessionOpened(seq=0, t_rx_ns=0, granted=Granted(endpoint="scripted:x", name="Scripted", local=True)))
    for turn in range(turns):
        start_ns = turn * TURN_NS
        pcm = sound[turn % 50 * TURN_SAMPLES :][:TURN_SAMPLES]
        frames = tuple(Frame(start_ns + i * TURN_NS // 2, jpegs[(2 * turn + i) % 30], _WIDTH, _HEIGHT) for i in (0, 1))
        recorder.turn(MicroTurn(turn, pcm, frames), ready_ns=0, pushed_ns=0, drift_ppm=None)
        for event in _events(turn, start_ns + TURN_NS):
            recorder.event(event)
        if turn % 25 == 0:
            recorder.cue(Cue(start_ns + TURN_NS, "count", _WORDS[turn // 25 % 5], turn // 25))
            recorder.heard(start_ns + TURN_NS, np.frombuffer(_voice(), "<i2"), 24_000)
        recorder.await_room()
    while recorder.acknowledged_turn < turns - 1:
        time.sleep(0.01)
    return recorder.close()


def _events(turn: int, t_ns: int) -> list[Event]:
    late = 240 if turn % 500 == 499 else 30 + turn % 37
    unit = UnitDone(seq=turn, micro_turn=turn, latency_ns=late * NS_PER_MS, compute_ns=NS_PER_MS, t_rx_ns=t_ns)
    if turn % 25:
        return [unit]
    word = _WORDS[turn // 25 % 5]
    return [
        unit,
        TextOutDone(seq=turn, t_rx_ns=t_ns, text=word),
        AudioOut(seq=turn, t_rx_ns=t_ns, pcm16=_voice(), rate=24_000, text=word, item_id=str(turn)),
        Heard(t_ns=t_ns, item_id=str(turn), text=word, dur_ns=500 * NS_PER_MS, interrupted=False),
    ]


def _voice() -> bytes:
    k = np.arange(12_000)
    return bytes((np.sin(k * 0.05) * np.hanning(len(k)) * 9000).astype("<i2").tobytes())


def _jpeg(picture: cv2.typing.MatLike) -> bytes:
    ok, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert ok
    return encoded.tobytes()


def _raise(error: Exception) -> None:
    raise error
