"""Small real recordings: written by the recorder, finalized and read back, so that graders meet what users have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import Overlay, fold
from tmlapp.core.errors import AppError
from tmlapp.core.event import Event, Granted, Heard, SessionOpened, TextOutDone, UnitDone
from tmlapp.core.feed import FeedInfo, TrackInfo
from tmlapp.core.media import Frame
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS, TURN_SAMPLES, s_to_ns
from tmlapp.recording.reader import Recording
from tmlapp.recording.writer import Recorder

RATE = 24_000


def jpeg(shade: int, width: int = 64, height: int = 48) -> bytes:
    ok, data = cv2.imencode(".jpg", np.full((height, width, 3), shade % 256, np.uint8))
    assert ok
    return data.tobytes()


def info(**options: Any) -> SessionInfo:
    feed = FeedInfo(
        mic=TrackInfo(kind="file", name="squats.wav", sha256="a" * 64, actual={"rate_hz": 16_000}),
        camera=TrackInfo(kind="file", name="squats.mp4", sha256="b" * 64),
        realtime=False,
    )
    return SessionInfo(
        session_id="s1", name="Squats", created_utc="2026-11-22T10:00:00.000+00:00",
        instruction="Please count out reps for squats.", endpoint="onnx:tiny", clock="fast", feed=feed,
        versions={"tmlapp": "0.1.0", "python": "3.11"}, options=options,
    )  # fmt: skip


def _refuse(error: AppError) -> None:
    raise error


def make_recording(
    folder: Path,
    said: Sequence[tuple[float, str]] = (),
    *,
    seconds: float = 4.0,
    heard_after_s: float | None = None,
    events: Sequence[Event] = (),
    pcm: np.ndarray[Any, Any] | None = None,
    frames: Sequence[Frame] | None = None,
    opened: bool = True,
    **options: Any,
) -> Recording:
    """A session of `seconds` in which the model says `said` (session time, text), heard `heard_after_s` later."""
    folder.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(folder, "squats", info(**options), clock=MonotonicClock(), on_failure=_refuse)
    recorder.start()
    if opened:
        granted = Granted(endpoint="onnx:tiny", name="Tiny", local=True, details={"sha256": "c" * 64})
        recorder.event(SessionOpened(granted=granted))
    turns = int(seconds * NS_PER_S / TURN_NS + 0.5)
    sound = np.zeros(turns * TURN_SAMPLES, np.int16) if pcm is None else pcm
    pictures = [Frame(k * TURN_NS, jpeg(9 * k), 64, 48) for k in range(turns)] if frames is None else frames
    overlay = Overlay()
    waiting = [TextOutDone(text=text, t_rx_ns=s_to_ns(t), seq=i) for i, (t, text) in enumerate(said)]
    for k in range(turns):
        window = range(k * TURN_NS, (k + 1) * TURN_NS)
        shown = tuple(f for f in pictures if f.t_ns in window)
        turn = MicroTurn(k, sound[k * TURN_SAMPLES : (k + 1) * TURN_SAMPLES], shown, mono_ns=k * TURN_NS)
        recorder.turn(turn, ready_ns=turn.end_ns, pushed_ns=turn.end_ns, drift_ppm=None)
        recorder.event(UnitDone(micro_turn=k, latency_ns=2_000_000, compute_ns=1_000_000, t_rx_ns=turn.end_ns))
        while waiting and waiting[0].t_rx_ns <= turn.end_ns:
            spoken = waiting.pop(0)
            overlay, cue = fold(overlay, spoken)
            recorder.event(spoken)
            if cue is not None:
                recorder.cue(cue)
            if heard_after_s is not None:
                _hear(recorder, spoken, heard_after_s)
    for event in events:
        recorder.event(event)
    return Recording.open(recorder.close())


def _hear(recorder: Recorder, event: TextOutDone, after_s: float) -> None:
    t_ns = event.t_rx_ns + s_to_ns(after_s)
    tone = (8_000 * np.sin(np.arange(RATE * 3 // 10) * 0.06)).astype(np.int16)
    recorder.heard(t_ns, tone, RATE)
    recorder.event(Heard(t_ns=t_ns, item_id=str(event.seq), text=event.text, dur_ns=len(tone) * NS_PER_S // RATE))
